//! Sums of products modulo a prime below 2^51 on AVX-512 IFMA: 52-bit halves of products are added up unreduced.
//!
//! A sum is low + 2^52 high; each product adds less than 2^52 to either, so 2^12 of them fit words of 64 bits. Sums are
//! kept in the first-level cache, a block of places at a time, while four terms' rows stream past.

use crate::he::term::Term;
use crate::instructions::Instructions;
use std::arch::x86_64::*;

/// Arithmetic modulo one prime. Exists only on a machine with AVX-512F and IFMA, and for a prime below 2^51.
pub(crate) struct WideSums {
    prime: u64,
    /// 1, 2^52 and 2^104, reduced, and floor(2^52 * each / prime).
    powers: [(u64, u64); 3],
}

/// Places in a block: four sums of them take 16 KiB.
pub(super) const BLOCK: usize = 512;
/// Terms that are read side by side.
pub(super) const GROUP: usize = 4;
/// Terms between reductions.
const MOST_TERMS: usize = 1 << 12;

impl WideSums {
    /// For `prime`, or `None` where the machine or the prime does not allow it.
    pub(crate) fn new(prime: u64) -> Option<Self> {
        let there = Instructions::All.allowed()
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512ifma");
        (there && prime < 1 << 51).then(|| {
            let power = |exponent: u32| {
                let value = (1u128 << exponent) % u128::from(prime);
                (value as u64, ((value << 52) / u128::from(prime)) as u64)
            };
            Self { prime, powers: [power(0), power(52), power(104)] }
        })
    }

    /// `sums[i][j] = sum over terms of weight[j] * ciphertext[i][j]`, reduced; all rows are of one length, a multiple of 8.
    pub(crate) fn accumulate(&self, terms: &[Term<'_>], sums: &mut [Vec<u64>; 2]) {
        in_blocks(8, terms, sums, |terms, start, [first, second]| {
            // SAFETY: a `WideSums` exists only where the features were found; every row reaches to the block's end, which is a
            // multiple of eight from its start.
            unsafe { self.block(terms, start, first, second) }
        });
    }

    /// Adds the sums of one block's places to `first` and `second`, which are reduced before and after.
    ///
    /// # Safety
    /// Every row of `terms` has at least `start + first.len()` numbers; `second` is as long as `first`, which is a multiple
    /// of eight and at most `BLOCK`.
    #[target_feature(enable = "avx512f,avx512ifma")]
    unsafe fn block(&self, terms: &[Term<'_>], start: usize, first: &mut [u64], second: &mut [u64]) {
        let mut sums = [[_mm512_setzero_si512(); 4]; BLOCK / 8];
        let sums = &mut sums[..first.len() / 8];
        let (groups, rest) = terms.as_chunks::<GROUP>();
        for group in groups {
            // SAFETY: the caller vouches for the rows' lengths.
            unsafe { add(group, start, sums) }
        }
        for term in rest {
            // SAFETY: as above.
            unsafe { add(std::array::from_ref(term), start, sums) }
        }
        for (sum, (first, second)) in
            sums.iter().zip(first.as_chunks_mut::<8>().0.iter_mut().zip(second.as_chunks_mut::<8>().0))
        {
            *first = bytemuck::must_cast(self.reduce(sum[0], sum[1], bytemuck::must_cast(*first)));
            *second = bytemuck::must_cast(self.reduce(sum[2], sum[3], bytemuck::must_cast(*second)));
        }
    }

    /// `low + 2^52 high + more`, reduced, from `more` reduced.
    #[target_feature(enable = "avx512f,avx512ifma")]
    #[inline]
    fn reduce(&self, low: __m512i, high: __m512i, more: __m512i) -> __m512i {
        let digit = _mm512_set1_epi64((1 << 52) - 1);
        // The low sum's carry moves up; neither overflows, as high is below 2^12 * 2^50.
        let high = _mm512_add_epi64(high, _mm512_srli_epi64::<52>(low));
        let digits =
            [_mm512_and_si512(low, digit), _mm512_and_si512(high, digit), _mm512_srli_epi64::<52>(high)];
        let prime = _mm512_set1_epi64(self.prime as i64);
        let mut sum = more;
        for (x, (value, quotient)) in digits.into_iter().zip(self.powers) {
            // Shoup's product of 52 bits: below twice the prime.
            let zero = _mm512_setzero_si512();
            let quotient = _mm512_madd52hi_epu64(zero, x, _mm512_set1_epi64(quotient as i64));
            let product = _mm512_madd52lo_epu64(zero, x, _mm512_set1_epi64(value as i64));
            let multiple = _mm512_madd52lo_epu64(zero, quotient, prime);
            let rest = _mm512_and_si512(_mm512_sub_epi64(product, multiple), digit);
            sum = _mm512_add_epi64(sum, rest);
        }
        // Below seven primes: take off four, two and one where that leaves a number.
        for multiple in [4, 2, 1] {
            let less = _mm512_sub_epi64(sum, _mm512_set1_epi64((self.prime * multiple) as i64));
            sum = _mm512_min_epu64(sum, less);
        }
        sum
    }
}

/// Sums by `kernel`, which adds those of a block's places from a start on, of as many terms as need no reduction in between. All
/// rows are of one length, a multiple of `places`.
pub(super) fn in_blocks(
    places: usize,
    terms: &[Term<'_>],
    sums: &mut [Vec<u64>; 2],
    mut kernel: impl FnMut(&[Term<'_>], usize, [&mut [u64]; 2]),
) {
    let [first, second] = sums;
    let length = first.len();
    let whole = length.is_multiple_of(places) && second.len() == length;
    let rows = |term: &Term<'_>| {
        term.weight.len() == length && term.ciphertext.iter().all(|row| row.len() == length)
    };
    assert!(whole && terms.iter().all(rows), "rows are of one length, a multiple of {places}");
    first.fill(0);
    second.fill(0);
    for start in (0..length).step_by(BLOCK) {
        let end = length.min(start + BLOCK);
        for terms in terms.chunks(MOST_TERMS) {
            kernel(terms, start, [&mut first[start..end], &mut second[start..end]]);
        }
    }
}

/// Adds the products of `T` terms to the sums: low and high halves for the first polynomial, then for the second.
///
/// # Safety
/// Every row of `terms` has at least `start + 8 * sums.len()` numbers.
#[target_feature(enable = "avx512f,avx512ifma")]
unsafe fn add<const T: usize>(terms: &[Term<'_>; T], start: usize, sums: &mut [[__m512i; 4]]) {
    let rows = terms.map(|term| [term.weight, term.ciphertext[0], term.ciphertext[1]].map(<[u64]>::as_ptr));
    for (index, sum) in sums.iter_mut().enumerate() {
        let place = start + 8 * index;
        let mut next = *sum;
        for row in rows {
            // SAFETY: the caller vouches that eight numbers follow `place` in every row.
            let [weight, first, second] = row.map(|row| unsafe { _mm512_loadu_si512(row.add(place).cast()) });
            next[0] = _mm512_madd52lo_epu64(next[0], weight, first);
            next[1] = _mm512_madd52hi_epu64(next[1], weight, first);
            next[2] = _mm512_madd52lo_epu64(next[2], weight, second);
            next[3] = _mm512_madd52hi_epu64(next[3], weight, second);
        }
        *sum = next;
    }
}
