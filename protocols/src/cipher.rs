//! AES-128 in bulk, by whichever engine the machine has.

use crate::block::Block;
#[cfg(target_arch = "x86_64")]
use crate::simd::{Four, Two};
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use crate::simd::{Keys, One};
use aes::Aes128Enc;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use zeroize::Zeroize;

/// What AES and the garbling kernels run on. All engines agree to the bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// VAES on AVX-512: four blocks an instruction.
    Vaes,
    /// VAES on AVX2: two.
    Vaes256,
    /// AES-NI beside AVX2: one.
    AesNi,
    /// AES beside NEON: one.
    Neon,
    /// The crate `aes`, which itself takes AES-NI or constant-time software.
    Portable,
}

impl Engine {
    /// The engines that this machine has, fastest first.
    pub fn available() -> Vec<Self> {
        #[cfg(target_arch = "x86_64")]
        let vector = [
            (Self::Vaes, Keys::<Four>::available()),
            (Self::Vaes256, Keys::<Two>::available()),
            (Self::AesNi, Keys::<One>::available()),
        ];
        #[cfg(target_arch = "aarch64")]
        let vector = [(Self::Neon, Keys::<One>::available())];
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let vector: [(Self, bool); 0] = [];
        let there = vector.into_iter().filter(|(_, there)| *there).map(|(engine, _)| engine);
        there.chain([Self::Portable]).collect()
    }

    /// The fastest engine of this machine.
    pub fn fastest() -> Self {
        Self::available()[0]
    }

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vaes => "VAES-512",
            Self::Vaes256 => "VAES-256",
            Self::AesNi => "AES-NI",
            Self::Neon => "NEON",
            Self::Portable => "portable",
        }
    }
}

/// Encrypts every block in place with AES-128 under `key`. In bulk this is the rate that garbling's and OT's floors are
/// counted in; everything here that needs AES keeps an expanded key instead.
pub fn encrypt(engine: Engine, key: Block, blocks: &mut [Block]) {
    Cipher::new(engine, key).encrypt(blocks);
}

/// AES-128 under one key.
pub(crate) enum Cipher {
    /// On VAES and AVX-512.
    #[cfg(target_arch = "x86_64")]
    Vaes(Keys<Four>),
    /// On VAES and AVX2.
    #[cfg(target_arch = "x86_64")]
    Vaes256(Keys<Two>),
    /// On AES-NI and AVX2, or AES and NEON.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    One(Keys<One>),
    /// On the crate `aes`.
    Portable(Box<Aes128Enc>),
}

impl Cipher {
    /// AES-128 under `key` on `engine`, or on the portable one where the machine lacks it.
    #[inline]
    pub(crate) fn new(engine: Engine, key: Block) -> Self {
        let there = match engine {
            #[cfg(target_arch = "x86_64")]
            Engine::Vaes => Keys::expand(key).map(Self::Vaes),
            #[cfg(target_arch = "x86_64")]
            Engine::Vaes256 => Keys::expand(key).map(Self::Vaes256),
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            Engine::AesNi | Engine::Neon => Keys::expand(key).map(Self::One),
            _ => None,
        };
        there.unwrap_or_else(|| Self::portable(key))
    }

    fn portable(key: Block) -> Self {
        Self::Portable(Box::new(Aes128Enc::new(&Array(key.to_bytes()))))
    }

    /// Overwrites the expanded key, for a key that is secret.
    pub(crate) fn wipe(&mut self) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Vaes(keys) => keys.zeroize(),
            #[cfg(target_arch = "x86_64")]
            Self::Vaes256(keys) => keys.zeroize(),
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            Self::One(keys) => keys.zeroize(),
            Self::Portable(_) => {} // The crate `aes` does so itself, when it is dropped.
        }
    }

    /// Encrypts every block in place.
    #[inline]
    pub(crate) fn encrypt(&self, blocks: &mut [Block]) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Vaes(keys) => keys.encrypt(blocks),
            #[cfg(target_arch = "x86_64")]
            Self::Vaes256(keys) => keys.encrypt(blocks),
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            Self::One(keys) => keys.encrypt(blocks),
            Self::Portable(cipher) => {
                cipher.encrypt_blocks(Array::cast_slice_from_core_mut(bytemuck::cast_slice_mut(blocks)));
            }
        }
    }

    /// Counter mode: the blocks `first`, `first + 1` and so on, encrypted.
    #[inline]
    pub(crate) fn stream(&self, first: u64, out: &mut [Block]) {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Vaes(keys) => keys.stream(first, out),
            #[cfg(target_arch = "x86_64")]
            Self::Vaes256(keys) => keys.stream(first, out),
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            Self::One(keys) => keys.stream(first, out),
            Self::Portable(_) => {
                for (block, index) in out.iter_mut().zip(first..) {
                    *block = Block(u128::from(index));
                }
                self.encrypt(out);
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
        for engine in Engine::available() {
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
            let encrypted = Engine::available().into_iter().map(|engine| {
                let mut blocks = plain.clone();
                Cipher::new(engine, Block(0x1234 << 70)).encrypt(&mut blocks);
                blocks.iter().map(|block| block.0).collect::<Vec<_>>()
            });
            let encrypted: Vec<_> = encrypted.collect();
            assert!(encrypted.iter().all(|blocks| *blocks == encrypted[0]), "{length} blocks");
        }
    }
    #[test]
    fn a_stream_is_its_counters_encrypted_on_every_engine() {
        let first = u64::from(u32::MAX) - 1;
        for length in 0..80 {
            let mut counters: Vec<Block> = (first..).take(length).map(|index| Block(index.into())).collect();
            encrypt(Engine::Portable, Block(9), &mut counters);
            for engine in Engine::available() {
                let mut stream = vec![Block(1); length];
                Cipher::new(engine, Block(9)).stream(first, &mut stream);
                assert!(stream.iter().zip(&counters).all(|(a, b)| a.0 == b.0), "{length} blocks");
            }
        }
    }
}
