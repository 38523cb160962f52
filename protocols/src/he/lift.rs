//! From Z_2^p up to Z_Q: the multiple of Q / 2^p that is nearest to an integer, as residues.
//!
//! With h = 2^(p-1), round(Q x / 2^p) = (Q x + h - w) / 2^p for w = (Q x + h) mod 2^p. Modulo a prime q of Q the product
//! Q x vanishes, so its residue is (h - w) / 2^p mod q: one multiplication of a p-bit number a prime.

use super::modular::{Factor, Modulus};

/// The lift from Z_2^`bits`.
pub(crate) struct Lift {
    bits: u32,
    /// Q modulo 2^`bits`.
    product: u64,
    /// Per prime: the inverse of 2^`bits`, and that times h.
    rows: Vec<(Modulus, Factor, u64)>,
}

impl Lift {
    /// The lift from Z_2^`bits` to the product of `moduli`.
    pub(crate) fn new(moduli: &[Modulus], bits: u32) -> Self {
        assert!((1..=63).contains(&bits), "lifts are from 1 to 63 bits");
        let product = moduli.iter().fold(1u64, |product, q| product.wrapping_mul(q.value()));
        let rows = moduli.iter().map(|modulus| {
            let inverse = modulus.factor(modulus.inverse(1 << bits));
            (*modulus, inverse, modulus.mul(1 << (bits - 1), inverse))
        });
        Self { bits, product, rows: rows.collect() }
    }

    /// w of `x`, which `residue` reads.
    #[inline(always)]
    pub(crate) const fn remainder(&self, x: u64) -> u64 {
        let half = 1 << (self.bits - 1);
        self.product.wrapping_mul(x).wrapping_add(half) & ((half << 1) - 1)
    }

    /// The lifted number modulo prime number `prime`, from its remainder.
    #[inline(always)]
    pub(crate) fn residue(&self, prime: usize, remainder: u64) -> u64 {
        let (modulus, inverse, half) = &self.rows[prime];
        modulus.sub(*half, modulus.mul(remainder, *inverse))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the definition, in 128 bits, for a Q that leaves room.
    #[test]
    fn the_nearest_multiple() {
        let moduli = [Modulus::new(97), Modulus::new(65_537), Modulus::new(12_289)];
        let product: u128 = moduli.iter().map(|q| u128::from(q.value())).product();
        for bits in [1, 7, 22, 40] {
            let lift = Lift::new(&moduli, bits);
            for x in (0..1u64 << bits).step_by((1 << bits) / 101 + 1) {
                let nearest = (product * u128::from(x) + (1 << (bits - 1))) >> bits;
                for (prime, modulus) in moduli.iter().enumerate() {
                    let expected = (nearest % u128::from(modulus.value())) as u64;
                    assert_eq!(lift.residue(prime, lift.remainder(x)), expected, "{x} of {bits} bits");
                }
            }
        }
    }
}
