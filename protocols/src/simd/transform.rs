//! Negacyclic transforms modulo a prime below 2^51 on AVX2 and FMA, in doubles that hold integers of either sign, reduced as rarely
//! as they may be. Two levels at a time, so that values are read and written half as often.
//! Source: Longa and Naehrig, "Speeding up the number theoretic transform for faster ideal lattice-based cryptography" (CANS 2016),
//! for the order of values; Harvey, "Faster arithmetic for number-theoretic transforms" (2014), for reducing rarely.
//!
//! Bounds are in primes p; an integer is exact in a double up to 2^53, which is more than 4 p. A factor w is at most p / 2 either way,
//! and w / p is rounded, so the quotient of a product x w is off by less than 1/2 + |x| 2^-54, and |x w mod p| < 1/2 + |x| / 8 p.

use crate::instructions::Instructions;
use bytemuck::must_cast;
use std::arch::x86_64::*;

/// Transforms of one degree modulo one prime. Exists only on a machine with AVX2 and FMA, and for a prime below 2^51.
pub(crate) struct DoubleTransform {
    modulus: DoubleModulus,
    /// Number m + i is the factor of block i of the m blocks of a level: psi^rev(m + i), rev reversing log2 N bits.
    forward: Factors,
    /// Their inverses.
    backward: Factors,
    /// 1 / N.
    share: (f64, f64),
}

/// Factors, and each divided by the prime.
struct Factors {
    values: Vec<f64>,
    divided: Vec<f64>,
}

/// A prime.
#[derive(Clone, Copy)]
struct DoubleModulus {
    prime: f64,
    inverse: f64,
}

/// What an integer below 2^51 of either sign is added to, so that what follows the point is rounded off.
const ROUND: f64 = (3u64 << 51) as f64;
/// What an integer below 2^52 is added to, so that it is the mantissa.
const MANTISSA: f64 = (1u64 << 52) as f64;
/// The fewest numbers that are transformed: the last levels take eight at a time, those before them four of a quarter of a block.
const LEAST: usize = 64;

/// A factor in every place, and the same divided by the prime.
type Factor = (__m256d, __m256d);

impl DoubleTransform {
    /// For rows of `degree` numbers and a 2N-th root of one, `psi`, modulo `prime`; `None` where the machine or the numbers do not
    /// allow it.
    pub(crate) fn new(degree: usize, prime: u64, psi: u64) -> Option<Self> {
        let there = Instructions::Avx2.allowed()
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma");
        if !there || prime >= 1 << 51 || degree < LEAST || !degree.is_power_of_two() {
            return None;
        }
        let times = |a: u64, b: u64| (u128::from(a) * u128::from(b) % u128::from(prime)) as u64;
        let power = |base: u64, mut exponent: u64| {
            let (mut power, mut square) = (1, base);
            while exponent > 0 {
                power = if exponent & 1 == 1 { times(power, square) } else { power };
                square = times(square, square);
                exponent >>= 1;
            }
            power
        };
        let factor = |x: u64| {
            let x = if x > prime / 2 { x as f64 - prime as f64 } else { x as f64 };
            (x, x / prime as f64)
        };
        let factors = |psi: u64| {
            let mut powers = vec![(0.0, 0.0); degree];
            let mut power = 1;
            for i in 0..degree {
                powers[i.reverse_bits() >> (usize::BITS - degree.ilog2())] = factor(power);
                power = times(power, psi);
            }
            let (values, divided) = powers.into_iter().unzip();
            Factors { values, divided }
        };
        Some(Self {
            modulus: DoubleModulus { prime: prime as f64, inverse: 1.0 / prime as f64 },
            forward: factors(psi),
            backward: factors(power(psi, prime - 2)),
            share: factor(power(degree as u64, prime - 2)),
        })
    }

    /// From coefficients to values, both reduced: number j becomes the value at psi^(2 rev(j) + 1).
    pub(crate) fn forward(&self, row: &mut [u64]) {
        assert_eq!(row.len(), self.forward.values.len(), "a number for every coefficient");
        // SAFETY: a `DoubleTransform` exists only where the features were found.
        unsafe { self.forward_of(bytemuck::cast_slice_mut(row)) }
    }

    /// Back from values to coefficients, both reduced.
    pub(crate) fn inverse(&self, row: &mut [u64]) {
        assert_eq!(row.len(), self.backward.values.len(), "a number for every value");
        // SAFETY: as in `forward`.
        unsafe { self.inverse_of(bytemuck::cast_slice_mut(row), None) }
    }

    /// From the values of two polynomials to the coefficients of their product, in `left`; all are reduced.
    pub(crate) fn inverse_of_product(&self, left: &mut [u64], right: &[u64]) {
        assert_eq!(left.len(), self.backward.values.len(), "a number for every value");
        assert_eq!(left.len(), right.len(), "polynomials are of one length");
        // SAFETY: as in `forward`.
        unsafe { self.inverse_of(bytemuck::cast_slice_mut(left), Some(right)) }
    }

    /// `values` are integers' words before and after.
    #[target_feature(enable = "avx2,fma")]
    fn forward_of(&self, values: &mut [f64]) {
        let (modulus, degree) = (self.modulus, values.len());
        for value in values.as_chunks_mut::<4>().0 {
            *value = must_cast(double(must_cast(*value)));
        }
        let mut blocks = 1;
        if !degree.ilog2().is_multiple_of(2) {
            modulus.apart(values, self.forward.one(blocks));
            blocks = 2;
        }
        while blocks < degree / 4 {
            for (block, values) in values.chunks_exact_mut(degree / blocks).enumerate() {
                let second = [0, 1].map(|half| self.forward.one(2 * (blocks + block) + half));
                modulus.twice_apart(values, self.forward.one(blocks + block), second);
            }
            blocks *= 4;
        }
        // The last two levels, of eight numbers at a time.
        for (values, [first, second]) in values.as_chunks_mut::<8>().0.iter_mut().zip(self.forward.pairs()) {
            let (low, high) = low_and_high(must_cast(*values));
            let (low, high) = modulus.butterfly(modulus.reduced(low), high, first);
            let (even, odd) = even_and_odd(low, high);
            let (even, odd) = modulus.butterfly(even, odd, second);
            let (low, high) = even_and_odd(even, odd);
            let (one, other) = low_and_high([low, high]);
            *values = must_cast([one, other].map(|x| integers(modulus.positive(modulus.reduced(x)))));
        }
    }

    /// Of the values, each times that of `right` if there is one; both are integers' words, as the coefficients are.
    #[target_feature(enable = "avx2,fma")]
    fn inverse_of(&self, values: &mut [f64], right: Option<&[u64]>) {
        let (modulus, degree) = (self.modulus, values.len());
        match right {
            None => {
                for value in values.as_chunks_mut::<4>().0 {
                    *value = must_cast(double(must_cast(*value)));
                }
            }
            Some(right) => {
                for (value, right) in values.as_chunks_mut::<4>().0.iter_mut().zip(right.as_chunks::<4>().0) {
                    *value = must_cast(modulus.product(double(must_cast(*value)), double(must_cast(*right))));
                }
            }
        }
        for (values, [second, first]) in values.as_chunks_mut::<8>().0.iter_mut().zip(self.backward.pairs()) {
            let (low, high) = low_and_high(must_cast(*values));
            let (even, odd) = even_and_odd(low, high);
            let (even, odd) = modulus.together(even, odd, first);
            let (low, high) = even_and_odd(even, odd);
            let (low, high) = modulus.together(modulus.reduced(low), modulus.reduced(high), second);
            let (one, other) = low_and_high([low, high]);
            *values = must_cast([one, other]);
        }
        let mut blocks = degree / 4;
        while blocks >= 4 {
            blocks /= 4;
            for (block, values) in values.chunks_exact_mut(degree / blocks).enumerate() {
                let first = [0, 1].map(|half| self.backward.one(2 * (blocks + block) + half));
                modulus.twice_together(values, first, self.backward.one(blocks + block));
            }
        }
        if blocks == 2 {
            modulus.halves_together(values, self.backward.one(1));
        }
        let share = (_mm256_set1_pd(self.share.0), _mm256_set1_pd(self.share.1));
        for value in values.as_chunks_mut::<4>().0 {
            *value = must_cast(integers(modulus.positive(modulus.times(must_cast(*value), share))));
        }
    }
}

impl Factors {
    /// A factor in all places.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn one(&self, index: usize) -> Factor {
        (_mm256_set1_pd(self.values[index]), _mm256_set1_pd(self.divided[index]))
    }

    /// Of two blocks of four numbers at a time, in order: their factors, each twice, and those of their halves.
    fn pairs(&self) -> impl Iterator<Item = [Factor; 2]> {
        let count = self.values.len() / 4;
        let [values, divided] = [&self.values, &self.divided].map(|factors| factors.split_at(2 * count));
        let twice = |[one, other]: [f64; 2]| must_cast([one, one, other, other]);
        let blocks = values.0[count..].as_chunks::<2>().0.iter().zip(divided.0[count..].as_chunks::<2>().0);
        let halves = values.1.as_chunks::<4>().0.iter().zip(divided.1.as_chunks::<4>().0);
        let blocks = blocks.map(move |(value, divided)| (twice(*value), twice(*divided)));
        let halves = halves.map(|(value, divided)| (must_cast(*value), must_cast(*divided)));
        blocks.zip(halves).map(|(block, halves)| [block, halves])
    }
}

impl DoubleModulus {
    /// `x w`, from an x below two primes; less than 3/4 of the prime.
    #[target_feature(enable = "avx2,fma")]
    #[inline]
    fn times(&self, x: __m256d, (factor, divided): Factor) -> __m256d {
        let round = _mm256_set1_pd(ROUND);
        let quotient = _mm256_sub_pd(_mm256_fmadd_pd(x, divided, round), round);
        self.rest(x, factor, quotient)
    }

    /// `x y`, both below the prime, neither negative; less than the prime.
    #[target_feature(enable = "avx2,fma")]
    #[inline]
    fn product(&self, x: __m256d, y: __m256d) -> __m256d {
        let (round, inverse) = (_mm256_set1_pd(ROUND), _mm256_set1_pd(self.inverse));
        let quotient = _mm256_sub_pd(_mm256_fmadd_pd(_mm256_mul_pd(x, y), inverse, round), round);
        self.rest(x, y, quotient)
    }

    /// `x y` less a multiple of the prime, exactly, where that is below 2^53.
    #[target_feature(enable = "avx2,fma")]
    #[inline]
    fn rest(&self, x: __m256d, y: __m256d, quotient: __m256d) -> __m256d {
        let product = _mm256_mul_pd(x, y);
        let lost = _mm256_fmsub_pd(x, y, product);
        _mm256_add_pd(_mm256_fnmadd_pd(quotient, _mm256_set1_pd(self.prime), product), lost)
    }

    /// x, from below four primes to half of one.
    #[target_feature(enable = "avx2,fma")]
    #[inline]
    fn reduced(&self, x: __m256d) -> __m256d {
        let (round, inverse) = (_mm256_set1_pd(ROUND), _mm256_set1_pd(self.inverse));
        let quotient = _mm256_sub_pd(_mm256_fmadd_pd(x, inverse, round), round);
        _mm256_fnmadd_pd(quotient, _mm256_set1_pd(self.prime), x)
    }

    /// x, from below the prime either way to not negative.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn positive(&self, x: __m256d) -> __m256d {
        let negative = _mm256_cmp_pd::<_CMP_LT_OQ>(x, _mm256_setzero_pd());
        _mm256_add_pd(x, _mm256_and_pd(negative, _mm256_set1_pd(self.prime)))
    }

    /// `u + w v` and `u - w v`, from a v below two primes.
    #[target_feature(enable = "avx2,fma")]
    #[inline]
    fn butterfly(&self, u: __m256d, v: __m256d, factor: Factor) -> (__m256d, __m256d) {
        let product = self.times(v, factor);
        (_mm256_add_pd(u, product), _mm256_sub_pd(u, product))
    }

    /// `u + v` and `(u - v) w`, from what is below the prime.
    #[target_feature(enable = "avx2,fma")]
    #[inline]
    fn together(&self, u: __m256d, v: __m256d, factor: Factor) -> (__m256d, __m256d) {
        (_mm256_add_pd(u, v), self.times(_mm256_sub_pd(u, v), factor))
    }

    /// A level of one block, from values below the prime to below 13/8 of it.
    #[target_feature(enable = "avx2,fma")]
    fn apart(&self, values: &mut [f64], factor: Factor) {
        let (low, high) = values.split_at_mut(values.len() / 2);
        for (u, v) in low.as_chunks_mut::<4>().0.iter_mut().zip(high.as_chunks_mut::<4>().0) {
            let (sum, difference) = self.butterfly(must_cast(*u), must_cast(*v), factor);
            (*u, *v) = (must_cast(sum), must_cast(difference));
        }
    }

    /// Two levels of one block, from values below two primes, and to such: what comes first is reduced to a half, a product is at
    /// most 3/4, their sum 5/4; then a product is at most 21/32, and a sum below two.
    #[target_feature(enable = "avx2,fma")]
    fn twice_apart(&self, values: &mut [f64], first: Factor, second: [Factor; 2]) {
        for [a, b, c, d] in in_quarters(values) {
            let [x0, x1, x2, x3] = [*a, *b, *c, *d].map(must_cast);
            let (x0, x2) = self.butterfly(self.reduced(x0), x2, first);
            let (x1, x3) = self.butterfly(self.reduced(x1), x3, first);
            let (x0, x1) = self.butterfly(x0, x1, second[0]);
            let (x2, x3) = self.butterfly(x2, x3, second[1]);
            [*a, *b, *c, *d] = [x0, x1, x2, x3].map(must_cast);
        }
    }

    /// Two levels of one block backwards, from values below the prime, and to such: the first sums are reduced to a half, products
    /// are at most 3/4, and the sum of two of these is reduced.
    #[target_feature(enable = "avx2,fma")]
    fn twice_together(&self, values: &mut [f64], first: [Factor; 2], second: Factor) {
        for [a, b, c, d] in in_quarters(values) {
            let [x0, x1, x2, x3] = [*a, *b, *c, *d].map(must_cast);
            let (x0, x1) = self.together(x0, x1, first[0]);
            let (x2, x3) = self.together(x2, x3, first[1]);
            let (x0, x2) = self.together(self.reduced(x0), self.reduced(x2), second);
            let (x1, x3) = self.together(x1, x3, second);
            [*a, *b, *c, *d] = [x0, self.reduced(x1), x2, x3].map(must_cast);
        }
    }

    /// The last level backwards, from values below the prime to below two.
    #[target_feature(enable = "avx2,fma")]
    fn halves_together(&self, values: &mut [f64], factor: Factor) {
        let (low, high) = values.split_at_mut(values.len() / 2);
        for (u, v) in low.as_chunks_mut::<4>().0.iter_mut().zip(high.as_chunks_mut::<4>().0) {
            let (sum, difference) = self.together(must_cast(*u), must_cast(*v), factor);
            (*u, *v) = (must_cast(sum), must_cast(difference));
        }
    }
}

/// Four numbers of every quarter at a time.
fn in_quarters(values: &mut [f64]) -> impl Iterator<Item = [&mut [f64; 4]; 4]> {
    let (low, high) = values.split_at_mut(values.len() / 2);
    let (a, b) = low.split_at_mut(low.len() / 2);
    let (c, d) = high.split_at_mut(high.len() / 2);
    let [a, b, c, d] = [a, b, c, d].map(|quarter| quarter.as_chunks_mut::<4>().0.iter_mut());
    a.zip(b).zip(c.zip(d)).map(|((a, b), (c, d))| [a, b, c, d])
}

/// The lower halves of both, and the upper ones.
#[target_feature(enable = "avx2")]
#[inline]
fn low_and_high([one, other]: [__m256d; 2]) -> (__m256d, __m256d) {
    (_mm256_permute2f128_pd::<0x20>(one, other), _mm256_permute2f128_pd::<0x31>(one, other))
}

/// Of each half the even numbers of both in turns, and the odd ones.
#[target_feature(enable = "avx2")]
#[inline]
fn even_and_odd(one: __m256d, other: __m256d) -> (__m256d, __m256d) {
    (_mm256_unpacklo_pd(one, other), _mm256_unpackhi_pd(one, other))
}

/// Integers below 2^52.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn double(integers: __m256i) -> __m256d {
    let mantissa = _mm256_set1_pd(MANTISSA);
    let as_mantissa = _mm256_or_si256(integers, _mm256_castpd_si256(mantissa));
    _mm256_sub_pd(_mm256_castsi256_pd(as_mantissa), mantissa)
}

/// Of what is an integer from 0 on and below 2^52.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn integers(doubles: __m256d) -> __m256i {
    let mantissa = _mm256_set1_pd(MANTISSA);
    _mm256_xor_si256(_mm256_castpd_si256(_mm256_add_pd(doubles, mantissa)), _mm256_castpd_si256(mantissa))
}
