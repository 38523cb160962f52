//! The public code that spreads secrets over a batch: every row adds `LOCALITY` of them to a leaf of the trees.
//! Source: the local codes of Alekhnovich (FOCS 2003), as in Ferret (CCS 2020).
//!
//! Places come from AES-128 in counter mode under a key that is public and the batch's own: 32 bits each, scaled to the number of
//! secrets, so that no secret is likelier than another by more than 2^-14. Two places of a row may be the same.

use super::parameters::LOCALITY;
use crate::block::Block;
use crate::cipher::Cipher;
use crate::secret::Secret;

/// Rows whose places are made together: those fit the first-level cache.
const ROWS: usize = 128;

/// Blocks of the stream that four rows take.
const FOUR_ROWS: usize = LOCALITY * 4 * size_of::<u32>() / size_of::<Block>();

/// The secrets of a batch and where its rows find them.
pub(super) struct Code {
    places: Cipher,
    count: usize,
    /// The secrets, and zeros up to a power of two.
    secrets: Secret<Block>,
    words: Vec<Block>,
}

impl Code {
    pub(super) fn new(places: Cipher, secrets: &[Block]) -> Self {
        let mut padded: Secret<Block> = vec![Block::ZERO; secrets.len().next_power_of_two()].into();
        padded[..secrets.len()].copy_from_slice(secrets);
        let words = vec![Block::ZERO; ROWS / 4 * FOUR_ROWS];
        Self { places, count: secrets.len(), secrets: padded, words }
    }

    /// Appends the rows from `first` on, a multiple of four, one a leaf.
    pub(super) fn spread(&mut self, first: usize, leaves: &[Block], rows: &mut Vec<Block>) {
        for (start, leaves) in (first..).step_by(ROWS).zip(leaves.chunks(ROWS)) {
            let words = &mut self.words[..leaves.len() / 4 * FOUR_ROWS];
            self.places.stream((start / 4 * FOUR_ROWS) as u64, words);
            let places: &[[u32; LOCALITY]] = bytemuck::cast_slice(words);
            let (count, secrets) = (self.count as u64, &*self.secrets);
            rows.extend(leaves.iter().zip(places).map(|(leaf, places)| {
                places.iter().fold(*leaf, |sum, place| {
                    let place = ((u64::from(*place) * count) >> 32) as usize;
                    sum ^ secrets[place & (secrets.len() - 1)]
                })
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cipher::Engine;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    /// The definition, a row at a time, on either side of where the stream is cut.
    #[test]
    fn rows_are_their_leaves_and_secrets() {
        let mut rng = ChaCha20Rng::seed_from_u64(6);
        let key = Block::random(&mut rng);
        let mut random = |count: usize| (0..count).map(|_| Block::random(&mut rng)).collect::<Vec<_>>();
        for count in [1, 2, 100, 1 << 12] {
            let secrets = random(count);
            let (first, leaves) = (4 * 77, random(ROWS + 12));
            let mut rows = vec![Block::ZERO];
            Code::new(Cipher::new(Engine::fastest(), key), &secrets).spread(first, &leaves, &mut rows);
            assert_eq!(rows.len(), 1 + leaves.len());
            for (j, (row, leaf)) in rows[1..].iter().zip(&leaves).enumerate() {
                let mut sum = leaf.0;
                for number in (first + j) * LOCALITY..(first + j + 1) * LOCALITY {
                    let mut block = [Block(number as u128 / 4)];
                    Cipher::new(Engine::Portable, key).encrypt(&mut block);
                    let word = block[0].0 >> (32 * (number % 4)) & 0xffff_ffff;
                    sum ^= secrets[((word * count as u128) >> 32) as usize].0;
                }
                assert_eq!(row.0, sum, "row {j} of {count} secrets");
            }
        }
    }
}
