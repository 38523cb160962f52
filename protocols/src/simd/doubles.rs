//! Sums of products modulo a prime below 2^51 on AVX2 and FMA: a product of two integers in doubles is the sum of two doubles,
//! which are added up as integers, unreduced. Source of the splitting: Emmart, Zheng and Weems, "Faster modular exponentiation
//! using double precision floating point arithmetic on the GPU" (ARITH 2018).
//!
//! A product `ab < 2^102` added to 2^103 is rounded to a multiple of 2^51, and its mantissa is that multiple; what is missing,
//! at most 2^50 either way, comes of a second product that the first is taken from. So 2^12 of either fit words of 64 bits.

use super::ring::{BLOCK, GROUP, in_blocks};
use super::transform::{double, integers};
use crate::he::term::Term;
use crate::instructions::Instructions;
use bytemuck::must_cast;
use std::arch::x86_64::*;

/// Arithmetic modulo one prime. Exists only on a machine with AVX2 and FMA, and for a prime below 2^51.
pub(crate) struct DoubleSums {
    prime: f64,
    inverse: f64,
    /// 2^32, 2^51 and 2^83, reduced, and each divided by the prime.
    powers: [(f64, f64); 3],
    /// -2^62, reduced.
    offset: f64,
}

/// Bits of what the low parts' sum is made positive by.
const OFFSET: u32 = 62;
/// What a product is added to, so that its mantissa counts 2^51.
const HIGH: f64 = (1u128 << 103) as f64;
/// What the rest is added to, so that its mantissa counts ones of either sign.
const LOW: f64 = (3u64 << 51) as f64;

impl DoubleSums {
    /// For `prime`, or `None` where the machine or the prime does not allow it.
    pub(crate) fn new(prime: u64) -> Option<Self> {
        let there = Instructions::Avx2.allowed()
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma");
        (there && prime < 1 << 51).then(|| {
            let power = |exponent: u32| ((1u128 << exponent) % u128::from(prime)) as u64;
            let divided = |exponent| (power(exponent) as f64, power(exponent) as f64 / prime as f64);
            Self {
                prime: prime as f64,
                inverse: 1.0 / prime as f64,
                powers: [32, 51, 83].map(divided),
                offset: (prime - power(OFFSET)) as f64,
            }
        })
    }

    /// `sums[i][j] = sum over terms of weight[j] * ciphertext[i][j]`, reduced; all rows are of one length, a multiple of 4.
    pub(crate) fn accumulate(&self, terms: &[Term<'_>], sums: &mut [Vec<u64>; 2]) {
        in_blocks(4, terms, sums, |terms, start, [first, second]| {
            // SAFETY: a `DoubleSums` exists only where the features were found; every row reaches to the block's end, which is
            // a multiple of four from its start.
            unsafe { self.block(terms, start, first, second) }
        });
    }

    /// Adds the sums of one block's places to `first` and `second`, which are reduced before and after.
    ///
    /// # Safety
    /// Every row of `terms` has at least `start + first.len()` numbers; `second` is as long as `first`, which is a multiple
    /// of four and at most `BLOCK`.
    #[target_feature(enable = "avx2,fma")]
    unsafe fn block(&self, terms: &[Term<'_>], start: usize, first: &mut [u64], second: &mut [u64]) {
        // Each product counts what it was added to once.
        let counted = |of: f64| {
            _mm256_set1_epi64x((terms.len() as u64).wrapping_mul(of.to_bits()).wrapping_neg() as i64)
        };
        let (low, high) = (counted(LOW), counted(HIGH));
        let mut sums = [[low, high, low, high]; BLOCK / 4];
        let sums = &mut sums[..first.len() / 4];
        let (groups, rest) = terms.as_chunks::<GROUP>();
        for group in groups {
            // SAFETY: the caller vouches for the rows' lengths.
            unsafe { add(group, start, sums) }
        }
        for term in rest {
            // SAFETY: as above.
            unsafe { add(std::array::from_ref(term), start, sums) }
        }
        let places = first.as_chunks_mut::<4>().0.iter_mut().zip(second.as_chunks_mut::<4>().0);
        for (sum, (first, second)) in sums.iter().zip(places) {
            *first = must_cast(self.reduce(sum[0], sum[1], must_cast(*first)));
            *second = must_cast(self.reduce(sum[2], sum[3], must_cast(*second)));
        }
    }

    /// `low + 2^51 high + more`, reduced, from a low that has a sign and `more` reduced.
    #[target_feature(enable = "avx2,fma")]
    #[inline]
    fn reduce(&self, low: __m256i, high: __m256i, more: __m256i) -> __m256i {
        let low = _mm256_add_epi64(low, _mm256_set1_epi64x(1 << OFFSET));
        let half = _mm256_set1_epi64x(u32::MAX.into());
        let digits =
            [_mm256_srli_epi64::<32>(low), _mm256_and_si256(high, half), _mm256_srli_epi64::<32>(high)];
        let prime = _mm256_set1_pd(self.prime);
        let mut sum = _mm256_add_pd(double(_mm256_and_si256(low, half)), _mm256_set1_pd(self.offset));
        sum = _mm256_add_pd(sum, double(more));
        // Three terms of half a prime or little more, and two primes: below 2^53.
        for (digit, (value, divided)) in digits.into_iter().zip(self.powers) {
            let (x, value) = (double(digit), _mm256_set1_pd(value));
            let quotient = nearest(_mm256_mul_pd(x, _mm256_set1_pd(divided)));
            let product = _mm256_mul_pd(x, value);
            let lost = _mm256_fmsub_pd(x, value, product);
            sum = _mm256_add_pd(sum, _mm256_add_pd(_mm256_fnmadd_pd(quotient, prime, product), lost));
        }
        let quotient = nearest(_mm256_mul_pd(sum, _mm256_set1_pd(self.inverse)));
        let rest = _mm256_fnmadd_pd(quotient, prime, sum);
        let negative = _mm256_cmp_pd::<_CMP_LT_OQ>(rest, _mm256_setzero_pd());
        integers(_mm256_add_pd(rest, _mm256_and_pd(negative, prime)))
    }
}

/// Adds the products of `T` terms to the sums: low and high parts for the first polynomial, then for the second.
///
/// # Safety
/// Every row of `terms` has at least `start + 4 * sums.len()` numbers.
#[target_feature(enable = "avx2,fma")]
unsafe fn add<const T: usize>(terms: &[Term<'_>; T], start: usize, sums: &mut [[__m256i; 4]]) {
    let (high, both) = (_mm256_set1_pd(HIGH), _mm256_set1_pd(HIGH + LOW));
    let rows = terms.map(|term| [term.weight, term.ciphertext[0], term.ciphertext[1]].map(<[u64]>::as_ptr));
    for (index, sum) in sums.iter_mut().enumerate() {
        let place = start + 4 * index;
        let mut next = *sum;
        for row in rows {
            // SAFETY: the caller vouches that four numbers follow `place` in every row.
            let [weight, first, second] =
                row.map(|row| double(unsafe { _mm256_loadu_si256(row.add(place).cast()) }));
            for (half, row) in [first, second].into_iter().enumerate() {
                let upper = _mm256_fmadd_pd(weight, row, high);
                let lower = _mm256_fmadd_pd(weight, row, _mm256_sub_pd(both, upper));
                next[2 * half] = _mm256_add_epi64(next[2 * half], _mm256_castpd_si256(lower));
                next[2 * half + 1] = _mm256_add_epi64(next[2 * half + 1], _mm256_castpd_si256(upper));
            }
        }
        *sum = next;
    }
}

/// The nearest integers.
#[target_feature(enable = "avx2")]
#[inline]
fn nearest(x: __m256d) -> __m256d {
    _mm256_round_pd::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x)
}
