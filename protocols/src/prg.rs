//! A pseudorandom stream of blocks from a 16-byte seed: AES-128 in counter mode.
//!
//! Security: a PRG if AES-128 is a pseudorandom permutation; `b` blocks of one seed are distinguishable with advantage at
//! most `b^2 / 2^129` more. Block `i` is `AES_seed(i)`, so a stream can be replayed from its seed and never repeats.

use crate::block::Block;
use aes::Aes128Enc;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};

/// A position in the stream of one seed.
pub(crate) struct Prg {
    cipher: Aes128Enc,
    next: u64,
}

impl Prg {
    /// The start of the stream of `seed`.
    pub(crate) fn new(seed: Block) -> Self {
        Self { cipher: cipher(seed), next: 0 }
    }

    /// The next `out.len()` blocks. Fastest in multiples of 64 blocks.
    pub(crate) fn fill(&mut self, out: &mut [Block]) {
        for (block, index) in out.iter_mut().zip(self.next..) {
            *block = Block(u128::from(index));
        }
        self.next += out.len() as u64;
        encrypt(&self.cipher, out);
    }
}

/// AES-128 under `key`.
pub(crate) fn cipher(key: Block) -> Aes128Enc {
    Aes128Enc::new(&Array(key.to_bytes()))
}

/// Encrypts every block in place.
#[inline(always)]
pub(crate) fn encrypt(cipher: &Aes128Enc, blocks: &mut [Block]) {
    cipher.encrypt_blocks(Array::cast_slice_from_core_mut(bytemuck::cast_slice_mut(blocks)));
}

/// Encrypts every block of `inputs` to `outputs`, of one length.
#[inline(always)]
pub(crate) fn encrypt_into(cipher: &Aes128Enc, inputs: &[Block], outputs: &mut [Block]) {
    let inputs = Array::cast_slice_from_core(bytemuck::cast_slice(inputs));
    let outputs = Array::cast_slice_from_core_mut(bytemuck::cast_slice_mut(outputs));
    cipher.encrypt_blocks_b2b(inputs, outputs).expect("both slices have one length");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NIST SP 800-38A has no zero-counter vector; FIPS-197 appendix C.1 pins the cipher and the byte order instead.
    #[test]
    fn the_cipher_is_aes_128_with_bytes_in_order() {
        let key = Block::from_bytes(std::array::from_fn(|i| i as u8));
        let mut block = [Block::from_bytes(std::array::from_fn(|i| (i * 0x11) as u8))];
        encrypt(&cipher(key), &mut block);
        assert_eq!(
            block[0].to_bytes(),
            [0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30, 0xd8, 0xcd, 0xb7, 0x80, 0x70, 0xb4, 0xc5, 0x5a]
        );
    }

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
