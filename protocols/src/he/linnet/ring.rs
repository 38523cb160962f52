//! The rings Z_q[X]/(X^N + 1) of a few primes, and their transforms.
//!
//! Polynomials are rows of N numbers, one a prime, side by side in one vector.

use super::transform::Transform;
use crate::Error;
use tfhe_ntt::prime::largest_prime_in_arithmetic_progression64;

/// Transforms for every prime.
pub(super) struct Ring {
    pub(super) degree: usize,
    primes: Vec<u64>,
    pub(super) rows: Vec<Transform>,
}

impl Ring {
    /// For each of `bits` the largest prime of so many bits, one modulo 2N, that is not yet taken.
    pub(super) fn new(degree: usize, bits: &[u32]) -> Result<Self, Error> {
        let mut primes: Vec<u64> = Vec::with_capacity(bits.len());
        for bits in bits {
            let taken = primes.iter().filter(|q| q.ilog2() + 1 == *bits).min();
            let highest = taken.map_or((1 << bits) - 1, |q| q - 1);
            let found =
                largest_prime_in_arithmetic_progression64(2 * degree as u64, 1, 1 << (bits - 1), highest);
            primes.push(found.ok_or_else(|| {
                Error::config("he", "primes", format!("one more of {bits} bits, 1 mod 2N"), "none")
            })?);
        }
        Self::of_primes(degree, primes)
    }

    fn of_primes(degree: usize, primes: Vec<u64>) -> Result<Self, Error> {
        let rows = primes.iter().map(|q| Transform::new(degree, *q)).collect::<Result<_, Error>>()?;
        Ok(Self { degree, primes, rows })
    }

    /// The primes.
    pub(super) fn primes(&self) -> &[u64] {
        &self.primes
    }

    /// The rows of a polynomial, with their primes.
    pub(super) fn rows_of<'a>(
        &'a self,
        polynomial: &'a [u64],
    ) -> impl Iterator<Item = (&'a Transform, &'a [u64])> {
        self.rows.iter().zip(polynomial.chunks_exact(self.degree))
    }

    /// NTT form of signed coefficients of magnitudes below every prime.
    pub(super) fn transform(&self, coefficients: &[i64]) -> Vec<u64> {
        let mut polynomial = Vec::with_capacity(self.rows.len() * self.degree);
        for row in &self.rows {
            let start = polynomial.len();
            polynomial.extend(coefficients.iter().map(|x| row.modulus.signed(*x)));
            row.forward(&mut polynomial[start..]);
        }
        polynomial
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What travels in NTT form means the same on every machine: values at odd powers of one root, bit-reversed.
    #[test]
    fn the_order_of_values_is_pinned() {
        let ring = Ring::new(4096, &[50, 51, 36]).unwrap();
        let mut x = vec![0i64; 4096];
        x[1] = 1;
        for (row, values) in ring.rows_of(&ring.transform(&x)) {
            let modulus = row.modulus;
            let psi = values[0];
            let square = modulus.factor(modulus.mul(psi, modulus.factor(psi)));
            let mut power = psi;
            for j in 0..4096u32 {
                assert_eq!(values[(j.reverse_bits() >> 20) as usize], power);
                power = modulus.mul(power, square);
            }
            assert_eq!(power, psi, "psi is a 2N-th root");
        }
    }

    /// The primes themselves are part of the protocol.
    #[test]
    fn primes_are_the_largest() {
        let ring = Ring::new(4096, &[50, 50, 51]).unwrap();
        let expected = [(1 << 50) - 16_383, (1 << 50) - 212_991, (1 << 51) - 131_071];
        assert_eq!(ring.primes(), expected);
    }

    #[test]
    fn products_are_negacyclic() {
        let ring = Ring::new(16, &[50]).unwrap();
        let (mut a, mut b) = (vec![0i64; 16], vec![0i64; 16]);
        (a[15], a[0], b[1], b[2]) = (3, 1, -5, 7);
        let (mut product, right) = (ring.transform(&a), ring.transform(&b));
        ring.rows[0].inverse_of_product(&mut product, &right);
        let mut expected = [0i64; 16];
        (expected[0], expected[1], expected[2]) = (15, -5 - 21, 7);
        let q = ring.rows[0].modulus;
        assert_eq!(product, expected.iter().map(|x| q.signed(*x)).collect::<Vec<_>>());
    }
}
