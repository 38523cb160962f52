//! What an answer becomes before it travels: flooded, rounded from Z_Q to powers of two, masked, packed.
//!
//! A coefficient x of Z_Q goes to round(2^p x / Q) mod 2^p. With the Chinese remainder theorem,
//! x / Q = sum of y_i / q_i mod 1 for y_i = x * (Q/q_i)^-1 mod q_i, summed here in fixed point of 128 fractional bits,
//! each term short by less than two units. The first polynomial keeps p0 bits and only the coefficients that carry
//! outputs, the second p1 bits of all coefficients ([`super::noise`] chooses both).
//!
//! The mask is subtracted after the rounding, as the multiple of 2^(p0-k) that it is: a shift of the rounded number, and
//! of the plaintext, by exactly the mask. What is sent is therefore a function of the flooded ciphertext alone, moved by
//! a uniform shift that the plaintext shares: it tells of the weights what the flooded ciphertext does. The rounding is
//! wrong, and then not moved along by a shift, only where x comes within 2^-125 Q of a boundary, which flooding makes
//! less likely than 2^-60 over an inference.

use super::ciphertext::{AnswerWidths, MOST_WIDTH, Residues, Second};
use super::modular::{Factor, Modulus};
use super::packing::Place;
use crate::block::Block;
use crate::prg::Prg;
use crate::wire::{BitReader, BitWriter, low};
use rand::CryptoRng;

/// Most bits of flooding: the noise is drawn as 128 bits, one of them its sign.
pub const MOST_FLOOD: u32 = 126;

/// The step from Z_Q to powers of two.
pub(crate) struct Switch {
    rows: Vec<Row>,
}

/// One prime of Q.
struct Row {
    modulus: Modulus,
    /// (Q/q)^-1 mod q.
    inverse: Factor,
    /// floor(2^192 / q), as the part above 2^64 and the part below.
    fraction: (u128, u64),
}

impl Switch {
    /// The step from the product of `moduli`.
    pub(crate) fn new(moduli: &[Modulus]) -> Self {
        let row = |(i, modulus): (usize, &Modulus)| {
            let q = u128::from(modulus.value());
            let others = moduli.iter().enumerate().filter(|(j, _)| *j != i).fold(1, |product, (_, other)| {
                modulus.mul(product, modulus.factor(modulus.reduce(other.value())))
            });
            // q is odd, so it divides no power of two, and 2^128 - 1 has the same quotient as 2^128.
            let (high, rest) = (u128::MAX / q, u128::MAX % q + 1);
            Row {
                modulus: *modulus,
                inverse: modulus.factor(modulus.inverse(others)),
                fraction: (high, ((rest << 64) / q) as u64),
            }
        };
        Self { rows: moduli.iter().enumerate().map(row).collect() }
    }

    /// x / Q in 128 fractional bits, short by less than two units a prime.
    #[inline(always)]
    fn fraction(&self, residues: &[Vec<u64>], coefficient: usize) -> u128 {
        self.rows.iter().zip(residues).fold(0u128, |sum, (row, residues)| {
            let y = row.modulus.mul(residues[coefficient], row.inverse);
            let (high, low) = row.fraction;
            let tail = (u128::from(y) * u128::from(low)) >> 64;
            sum.wrapping_add(u128::from(y).wrapping_mul(high)).wrapping_add(tail)
        })
    }

    /// round(2^`bits` x / Q) mod 2^`bits`.
    #[inline(always)]
    fn round(&self, residues: &[Vec<u64>], coefficient: usize, bits: u32) -> u128 {
        let half = 1u128 << (127 - bits);
        self.fraction(residues, coefficient).wrapping_add(half) >> (128 - bits)
    }

    /// Adds an independent uniform integer of [-2^`bits`, 2^`bits`) at every place.
    pub(crate) fn flood<R: CryptoRng>(
        &self,
        residues: &mut [Vec<u64>],
        places: &[Place],
        bits: u32,
        rng: &mut R,
    ) {
        let mut noise = vec![Block::ZERO; places.len()];
        Prg::new(Block::random(rng)).fill(&mut noise);
        let span = u128::MAX >> (127 - bits);
        for (row, residues) in self.rows.iter().zip(residues) {
            let modulus = row.modulus;
            let offset = modulus.reduce_wide(1 << bits);
            for (place, noise) in places.iter().zip(&noise) {
                let noise = modulus.sub(modulus.reduce_wide(noise.0 & span), offset);
                let x = &mut residues[place.coefficient];
                *x = modulus.add(*x, noise);
            }
        }
    }

    /// Rounds both polynomials, subtracts `mask` (numbers of `plain_bits` bits) from the first, and packs them: all of the
    /// second, then the first at its places.
    pub(crate) fn pack(
        &self,
        [first, second]: &[Residues; 2],
        widths: AnswerWidths,
        (places, mask, plain_bits): (&[Place], &[u64], u32),
    ) -> Vec<u8> {
        let degree = second[0].len();
        let mut bytes = Vec::with_capacity(widths.answer_bytes(degree, places.len()));
        let mut writer = BitWriter::new(&mut bytes);
        let rounded = (0..degree).map(|coefficient| self.round(second, coefficient, widths.second));
        match widths.second {
            ..=MOST_WIDTH => rounded.for_each(|x| writer.push(x as u64, widths.second)),
            wide => rounded.for_each(|x| writer.push_wide(x, wide)),
        }
        for place in places {
            let rounded = self.round(first, place.coefficient, widths.first) as u64;
            let mask = mask[place.index] << (widths.first - plain_bits);
            writer.push(rounded.wrapping_sub(mask) & low(widths.first), widths.first);
        }
        writer.finish();
        bytes
    }
}

/// The first polynomial, zero where nothing was sent, and the second.
pub(crate) fn unpack(
    bytes: &[u8],
    degree: usize,
    widths: AnswerWidths,
    places: &[Place],
) -> (Vec<u64>, Second) {
    let mut reader = BitReader::new(bytes);
    let second = match widths.second {
        ..=MOST_WIDTH => Second::Narrow((0..degree).map(|_| reader.pull(widths.second)).collect()),
        wide => Second::Wide((0..degree).map(|_| reader.pull_wide(wide)).collect()),
    };
    let mut first = vec![0; degree];
    for place in places {
        first[place.coefficient] = reader.pull(widths.first);
    }
    (first, second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    const PRIMES: [u64; 2] = [1_125_899_906_826_241, 68_719_403_009];

    fn moduli() -> Vec<Modulus> {
        PRIMES.iter().map(|q| Modulus::new(*q)).collect()
    }

    fn residues(values: &[u128]) -> Residues {
        PRIMES.iter().map(|q| values.iter().map(|x| (x % u128::from(*q)) as u64).collect()).collect()
    }

    /// Against the definition: the number next to each boundary on either side, and random ones.
    #[test]
    fn rounding_is_to_the_nearest() {
        let product: u128 = PRIMES.iter().map(|q| u128::from(*q)).product();
        let switch = Switch::new(&moduli());
        let bits = 38;
        // The products are of 87 and 39 bits, so the boundaries are exact in 128.
        let boundary = |m: u128| ((2 * m + 1) * product) >> (bits + 1);
        let mut rng = rand::rng();
        for _ in 0..200 {
            let m = u128::from(rng.random::<u64>() & low(bits));
            let (below, above) = (boundary(m), boundary(m) + 1);
            let values = residues(&[below, above, (m * product) >> bits]);
            let rounded: Vec<u128> = (0..3).map(|i| switch.round(&values, i, bits)).collect();
            assert_eq!(rounded, [m, (m + 1) & u128::from(low(bits)), m]);
        }
    }

    #[test]
    fn flooding_moves_places_alone_and_by_less_than_its_bound() {
        let switch = Switch::new(&moduli());
        let places = [Place { coefficient: 1, index: 0 }, Place { coefficient: 3, index: 1 }];
        let (mut negative, mut large) = (0, 0);
        for _ in 0..64 {
            let mut values = residues(&[5, 1 << 70, 7, 1 << 70]);
            switch.flood(&mut values, &places, 60, &mut rand::rng());
            assert_eq!((values[0][0], values[1][0], values[0][2]), (5, 5, 7));
            for place in &places {
                // Q has 86 bits, so a number of 71 is found again from its fraction.
                let product: u128 = PRIMES.iter().map(|q| u128::from(*q)).product();
                let fraction = switch.fraction(&values, place.coefficient);
                let x = (((fraction >> 64) * (product >> 22)) >> 42) as i128;
                let moved = x - (1i128 << 70);
                assert!(moved.abs() <= (1 << 60) + (1 << 40), "{moved}");
                negative += usize::from(moved < 0);
                large += usize::from(moved.abs() > 1 << 58);
            }
        }
        assert!((32..96).contains(&negative) && large > 64, "{negative} below, {large} large of 128");
    }

    #[test]
    fn packing_subtracts_the_mask_and_is_reversible() {
        let switch = Switch::new(&moduli());
        let product: u128 = PRIMES.iter().map(|q| u128::from(*q)).product();
        let widths = AnswerWidths { first: 11, second: 13 };
        let multiple = |m: u128, bits: u32| (m * product) >> bits;
        let second = residues(&[0, 1, 2, 8191].map(|m| multiple(m, 13)));
        let first = residues(&[9, 3, 1000, 2047].map(|m| multiple(m, 11)));
        let places = [Place { coefficient: 1, index: 1 }, Place { coefficient: 2, index: 0 }];
        let bytes = switch.pack(&[first, second], widths, (&places, &[255, 1], 8));
        assert_eq!(bytes.len(), widths.answer_bytes(4, 2));
        let (first, second) = unpack(&bytes, 4, widths, &places);
        assert_eq!(second.narrow(), [0, 1, 2, 8191]);
        // 3 - 1 * 8 and 1000 - 255 * 8, modulo 2048.
        assert_eq!(first, [0, 2043, (1000 + 2048 - 2040), 0]);
    }
}
