//! A pseudorandom stream of blocks from a 16-byte seed: AES-128 in counter mode.
//!
//! Security: a PRG if AES-128 is a pseudorandom permutation; `b` blocks of one seed are distinguishable with advantage at
//! most `b^2 / 2^129` more. Block `i` is `AES_seed(i)`, so a stream can be replayed from its seed and never repeats.

use crate::block::Block;
use crate::cipher::{Cipher, Engine};

/// A position in the stream of one seed.
pub(crate) struct Prg {
    cipher: Cipher,
    next: u64,
}

impl Prg {
    /// The start of the stream of `seed`.
    pub(crate) fn new(seed: Block) -> Self {
        Self::at(seed, 0)
    }

    /// The stream of `seed` from block `next` on.
    pub(crate) fn at(seed: Block, next: u64) -> Self {
        Self { cipher: Cipher::new(Engine::fastest(), seed), next }
    }

    /// The start of the stream of `seed`, on `engine`.
    pub(crate) fn on(engine: Engine, seed: Block) -> Self {
        Self { cipher: Cipher::new(engine, seed), next: 0 }
    }

    /// The next `out.len()` blocks. Fastest in multiples of 64 blocks.
    pub(crate) fn fill(&mut self, out: &mut [Block]) {
        self.cipher.stream(self.next, out);
        self.next += out.len() as u64;
    }
}

impl Drop for Prg {
    fn drop(&mut self) {
        self.cipher.wipe();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_does_not_depend_on_how_it_is_cut() {
        let mut whole = [Block::ZERO; 200];
        Prg::new(Block(7)).fill(&mut whole);
        let mut prg = Prg::new(Block(7));
        let mut at = 0;
        for length in [1, 63, 64, 0, 72] {
            let mut piece = vec![Block::ZERO; length];
            prg.fill(&mut piece);
            assert!(piece.iter().zip(&whole[at..]).all(|(a, b)| a.0 == b.0));
            at += length;
        }
        assert_eq!(at, whole.len());
    }
}
