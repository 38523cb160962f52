//! AES-128 in bulk, by whichever engine the machine has.

use crate::block::Block;
#[cfg(target_arch = "x86_64")]
use crate::simd::RoundKeys;
use aes::Aes128Enc;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};

/// What AES runs on. All engines agree to the bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// VAES and AVX-512 where the machine has them, else [`Engine::Portable`].
    Fastest,
    /// The crate `aes`: AES-NI where the machine has it, else constant-time software.
    Portable,
}

/// AES-128 under one key.
pub(crate) enum Cipher {
    /// On VAES and AVX-512.
    #[cfg(target_arch = "x86_64")]
    Vaes(RoundKeys),
    /// On the crate `aes`.
    Portable(Aes128Enc),
}

impl Cipher {
    /// AES-128 under `key` on `engine`.
    #[inline]
    pub(crate) fn new(engine: Engine, key: Block) -> Self {
        #[cfg(target_arch = "x86_64")]
        if engine == Engine::Fastest
            && let Some(keys) = RoundKeys::expand(key)
        {
            return Self::Vaes(keys);
        }
        let _ = engine;
        Self::Portable(Aes128Enc::new(&Array(key.to_bytes())))
    }

    /// Encrypts every block in place.
    #[inline]
    pub(crate) fn encrypt(&self, blocks: &mut [Block]) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Vaes(keys) => keys.encrypt(blocks),
            Self::Portable(cipher) => {
                cipher.encrypt_blocks(Array::cast_slice_from_core_mut(bytemuck::cast_slice_mut(blocks)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS-197 appendix C.1 pins the cipher and the byte order on every engine.
    #[test]
    fn every_engine_is_aes_128_with_bytes_in_order() {
        let key = Block::from_bytes(std::array::from_fn(|i| i as u8));
        for engine in [Engine::Fastest, Engine::Portable] {
            let mut block = [Block::from_bytes(std::array::from_fn(|i| (i * 0x11) as u8))];
            Cipher::new(engine, key).encrypt(&mut block);
            assert_eq!(
                block[0].to_bytes(),
                [
                    0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30, 0xd8, 0xcd, 0xb7, 0x80, 0x70, 0xb4, 0xc5,
                    0x5a
                ]
            );
        }
    }

    #[test]
    fn engines_agree_at_every_length() {
        for length in 0..80 {
            let plain: Vec<Block> = (0..length).map(|i| Block(u128::from(i as u64) << 60 | 7)).collect();
            let encrypted = [Engine::Fastest, Engine::Portable].map(|engine| {
                let mut blocks = plain.clone();
                Cipher::new(engine, Block(0x1234 << 70)).encrypt(&mut blocks);
                blocks.iter().map(|block| block.0).collect::<Vec<_>>()
            });
            assert_eq!(encrypted[0], encrypted[1], "{length} blocks");
        }
    }
}
