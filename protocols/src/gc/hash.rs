//! The hash of labels: `H(x) = E_K(σ(x) ^ i) ^ σ(x) ^ i` with AES-128 as `E` and a key `K` that changes every few gates.
//! Source: the linear orthomorphism `σ(l || r) = (l ^ r) || l` is that of Guo, Katz, Wang and Yu (S&P 2020); a key that depends on
//! the tweak is the construction of Guo, Katz, Wang, Weng and Yu, "Better concrete security for half-gates garbling" (CRYPTO 2020).
//!
//! Security: half-gates need `H` to be tweakable circular correlation robust. Since `σ` is linear, `H(x, (K, i))` is that
//! paper's `E_K(σ(x')) ^ σ(x')` at `x' = x ^ σ^-1(i)`, and its bound for a key used in at most `u` calls applies, in the *ideal-cipher
//! model*: an adversary that computes the cipher `p` times on its own gains of the order of `2 u p / 2^127`, plus `u q / 2^127` for
//! `q` honest calls in all (127 secret bits of Δ). Here `u <= CALLS_PER_KEY = 2^9`, so `p` must come near `2^117`, which is what
//! "128-bit" garbling amounts to here; one fixed key for everything would lose the logarithm of the *whole* number of gates. Two things are assumed beyond it: inputs `x'` of one key do not collide
//! (labels of different wires or lanes are independent, up to `u^2 / 2^129` a key; the tweak `i` parts the uses of one
//! label), and AES-128 under related keys (they differ in a public counter) behaves like an ideal cipher.
//!
//! The tweak is injective in where a hash is used; its parts are
//!
//! | part of | bits | content |
//! |---|---|---|
//! | key, xored to the session's start value | 0..32 | group: `gate / 4`, `output wire / 8`, or the lot of a transfer |
//! | | 32..64 | chunk of the layer, or of 256 strings of a lot |
//! | | 64..96 | layer, the caller's number, never twice in a session |
//! | | 96..98 | 0: gate, 1: conversion, 2: transfer |
//! | block `i` | 0..8 | lane, or the string's place in its chunk |
//! | | 8..16 | `2 (gate mod 4) + half`, `output wire mod 8`, or 0 |

use super::{LANES, Lanes};
use crate::block::{BLOCK_BYTES, Block};
use crate::cipher::{Cipher, Engine};
#[cfg(target_arch = "x86_64")]
use crate::simd::{Four, Two};
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use crate::simd::{KeyList, One};
use rand::CryptoRng;

/// AND gates (in every lane) that share a key.
pub(crate) const GATES_PER_KEY: u32 = 4;

/// Output wires (in every lane) that share a key.
pub(super) const OUTPUTS_PER_KEY: u32 = 8;

/// The most calls under one key: a garbler hashes both labels of both inputs of a gate, and both labels of an output wire.
pub(super) const CALLS_PER_KEY: usize = 1 << 9;
const _: () = assert!(GATES_PER_KEY as usize * 4 * LANES <= CALLS_PER_KEY);
const _: () = assert!(OUTPUTS_PER_KEY as usize * 2 * LANES <= CALLS_PER_KEY);

/// The start value of all hash keys of a session: public, drawn by the garbler and sent before the first table.
#[derive(Clone, Copy)]
pub struct SessionKey {
    start: Block,
    engine: Engine,
}

impl SessionKey {
    /// A fresh start value.
    pub fn random(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self { start: Block::random(rng), engine: Engine::fastest() }
    }

    /// The start value as received.
    pub fn from_bytes(bytes: [u8; BLOCK_BYTES]) -> Self {
        Self { start: Block::from_bytes(bytes), engine: Engine::fastest() }
    }

    /// The start value as sent.
    pub const fn to_bytes(self) -> [u8; BLOCK_BYTES] {
        self.start.to_bytes()
    }

    /// The same start value, hashed on `engine`.
    pub const fn on(self, engine: Engine) -> Self {
        Self { start: self.start, engine }
    }
}

/// What a hash is used for.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Use {
    /// A half-gate.
    Gate = 0,
    /// A wire's way to an arithmetic share.
    Conversion = 1,
    /// A string of correlated OT, in `transfer.rs`.
    Transfer = 2,
}

/// The keys of one chunk of one layer.
#[derive(Clone, Copy)]
pub(super) struct ChunkKeys {
    start: Block,
    engine: Engine,
}

impl ChunkKeys {
    pub(super) fn new(session: SessionKey, layer: u32, chunk: u32) -> Self {
        let start = session.start ^ Block(u128::from(layer) << 64 | u128::from(chunk) << 32);
        Self { start, engine: session.engine }
    }

    /// The hash of the `group`-th few gates or wires.
    pub(super) fn hash(self, purpose: Use, group: u32) -> Hash {
        Hash(Cipher::new(self.engine, self.key(purpose, group)))
    }

    /// The hashes of the first `groups`; their keys are expanded side by side.
    pub(super) fn hashes(self, purpose: Use, groups: usize) -> Hashes {
        let keys = (0..groups as u32).map(|group| self.key(purpose, group));
        let there = match self.engine {
            #[cfg(target_arch = "x86_64")]
            Engine::Vaes => KeyList::expand(keys.clone()).map(Hashes::Vaes),
            #[cfg(target_arch = "x86_64")]
            Engine::Vaes256 => KeyList::expand(keys.clone()).map(Hashes::Vaes256),
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            Engine::AesNi | Engine::Neon => KeyList::expand(keys.clone()).map(Hashes::One),
            _ => None,
        };
        let others = || keys.map(|key| Hash(Cipher::new(self.engine, key))).collect();
        there.unwrap_or_else(|| Hashes::Other(others()))
    }

    fn key(self, purpose: Use, group: u32) -> Block {
        self.start ^ Block((purpose as u128) << 96 | u128::from(group))
    }
}

/// The hashes of one use in a chunk: by keys of the kernels that do whole chunks, or one by one.
pub(super) enum Hashes {
    /// On VAES and AVX-512.
    #[cfg(target_arch = "x86_64")]
    Vaes(KeyList<Four>),
    /// On VAES and AVX2.
    #[cfg(target_arch = "x86_64")]
    Vaes256(KeyList<Two>),
    /// On AES-NI and AVX2, or AES and NEON.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    One(KeyList<One>),
    /// For the kernels' twins.
    Other(Vec<Hash>),
}

/// The hash under one key.
pub(super) struct Hash(pub(super) Cipher);

impl Hash {
    /// `H` of inputs that went through [`prepare`], in place.
    #[inline(always)]
    pub(super) fn finish<const N: usize>(&self, blocks: &mut [Lanes; N]) {
        let inputs = *blocks;
        let blocks: &mut [Block] = bytemuck::cast_slice_mut(blocks);
        self.0.encrypt(blocks);
        for (block, &input) in blocks.iter_mut().zip(bytemuck::cast_slice::<_, Block>(&inputs)) {
            *block ^= input;
        }
    }
}

/// The linear orthomorphism: `x -> σ(x)` and `x -> σ(x) ^ x` are both bijections.
#[inline(always)]
pub(crate) const fn sigma(x: Block) -> Block {
    let (low, high) = (x.0 as u64, (x.0 >> 64) as u64);
    Block(((high ^ low) as u128) << 64 | high as u128)
}

/// `σ(x) ^ i` in every lane, for the use `index < 256` of the key.
#[inline(always)]
pub(super) fn prepare(x: &Lanes, index: u32) -> Lanes {
    super::lanes(|lane| sigma(x[lane]) ^ tweak(index, lane))
}

/// The tweak inside the block.
#[inline(always)]
pub(crate) const fn tweak(index: u32, lane: usize) -> Block {
    Block(((index as u64) << 8 | lane as u64) as u128)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    /// AES-128 with the all-zero key and plaintext is NIST's AESAVS vector (GFSbox, KeySbox: 66e94bd4...).
    #[test]
    fn the_hash_of_zero_is_known() {
        let hash = ChunkKeys::new(SessionKey::from_bytes([0; 16]), 0, 0).hash(Use::Gate, 0);
        let mut blocks = [prepare(&Lanes::ZERO, 0)];
        hash.finish(&mut blocks);
        assert_eq!(u128::from_be_bytes(blocks[0][0].to_bytes()), 0x66e94bd4ef8a2c3b884cfa59ca342b2e);
    }

    /// The definition, one block at a time.
    #[test]
    fn a_batch_is_its_blocks() {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let session = SessionKey::random(&mut rng);
        let x = super::super::lanes(|_| Block::random(&mut rng));
        let mut batch = [prepare(&x, 3), prepare(&x, 7)];
        ChunkKeys::new(session, 11, 13).hash(Use::Conversion, 17).finish(&mut batch);
        for (blocks, index) in batch.iter().zip([3u128, 7]) {
            for (lane, (&x, hashed)) in x.iter().zip(blocks.iter()).enumerate() {
                let (left, right) = (x.0 >> 64, x.0 & u128::from(u64::MAX));
                let input = ((left ^ right) << 64 | left) ^ index << 8 ^ lane as u128;
                let key = session.start.0 ^ (1 << 96 | 11 << 64 | 13 << 32 | 17);
                let mut block = [Block(input)];
                Cipher::new(Engine::Portable, Block(key)).encrypt(&mut block);
                assert_eq!(hashed.0, block[0].0 ^ input);
            }
        }
    }

    #[test]
    fn sigma_is_an_orthomorphism() {
        // Both maps are linear: they are bijections if and only if their 128 images of unit vectors are independent.
        for f in [|x| sigma(Block(x)).0, |x| sigma(Block(x)).0 ^ x] {
            let mut basis = [0u128; 128];
            for mut image in (0..128).map(|i| f(1 << i)) {
                while image != 0 && basis[image.ilog2() as usize] != 0 {
                    image ^= basis[image.ilog2() as usize];
                }
                assert_ne!(image, 0);
                basis[image.ilog2() as usize] = image;
            }
        }
    }
}
