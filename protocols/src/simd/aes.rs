//! AES-128: key expansion, and encryption of many blocks at once.

use super::vector::{RoundKeys, Vector, read, write};
use crate::block::{BLOCK_BYTES, Block};
use bytemuck::must_cast;
use std::arch::x86_64::*;
use std::marker::PhantomData;
use zeroize::Zeroize;

/// AES-128 round keys. Exists only on a machine that has what `V` takes.
pub(crate) struct Keys<V>(RoundKeys, PhantomData<V>);

/// The round keys of a list of AES-128 keys, four keys a row. Exists only where a [`Keys`] can.
pub(crate) struct KeyList<V>(Vec<[[__m128i; 4]; 11]>, PhantomData<V>);

/// Registers that are encrypted side by side, to hide the latency of a round.
const FLIGHT: usize = 8;

impl<V> Zeroize for Keys<V> {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl<V: Vector> Keys<V> {
    /// Whether the machine has what it takes.
    pub(crate) fn available() -> bool {
        V::available()
    }

    /// Expands `key`, or `None` where the machine lacks an instruction.
    pub(crate) fn expand(key: Block) -> Option<Self> {
        // SAFETY: every engine has AES-NI.
        V::available().then(|| Self(unsafe { expand(key) }, PhantomData))
    }

    /// Encrypts every block in place.
    pub(crate) fn encrypt(&self, blocks: &mut [Block]) {
        // SAFETY: a `Keys` exists only where the features were found.
        unsafe { V::run(|| encrypt_each::<V>(&self.0, blocks, |plain| plain)) }
    }

    /// Counter mode: the blocks `first`, `first + 1` and so on, encrypted.
    pub(crate) fn stream(&self, first: u64, out: &mut [Block]) {
        let kernel = || {
            let places: [Block; 4] = [0, 1, 2, 3].map(|place| Block(u128::from(first.wrapping_add(place))));
            let mut counters: V = read(bytemuck::cast_slice(&places), 0);
            let step = V::all(Block(V::BLOCKS as u128));
            encrypt_each::<V>(&self.0, out, |_| {
                let these = counters;
                counters = counters.add(step);
                these
            });
        };
        // SAFETY: a `Keys` exists only where the features were found.
        unsafe { V::run(kernel) }
    }
}

impl<V: Vector> KeyList<V> {
    /// Expands every key, or `None` where the machine lacks an instruction.
    pub(crate) fn expand(mut keys: impl ExactSizeIterator<Item = Block>) -> Option<Self> {
        if !V::available() {
            return None;
        }
        let mut rows = Vec::with_capacity(keys.len().div_ceil(4));
        while keys.len() > 0 {
            let four = std::array::from_fn(|_| keys.next().unwrap_or(Block::ZERO));
            // SAFETY: the features were just found.
            rows.push(unsafe { V::expand_four(four) });
        }
        Some(Self(rows, PhantomData))
    }

    /// Every round key of the key `index` in all places.
    #[inline(always)]
    pub(super) fn broadcast(&self, index: usize) -> [V; 11] {
        let row = &self.0[index / 4];
        let mut wide = [V::all(Block::ZERO); 11];
        for (wide, keys) in wide.iter_mut().zip(row) {
            *wide = V::all(must_cast(keys[index % 4]));
        }
        wide
    }
}

/// Four keys' expansions side by side. The substitution of FIPS 197's key expansion is the last round's, on a block of four
/// equal words, whose rows do not shift.
#[target_feature(enable = "avx512f,avx512bw,vaes")]
pub(super) fn expand_side_by_side(keys: [Block; 4]) -> [[__m128i; 4]; 11] {
    const ROUND_CONSTANTS: [i32; 10] = [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x1b, 0x36];
    // The last word, its bytes turned by one, in all four.
    let turned = _mm512_set1_epi32(0x0c0f_0e0d);
    let mut key: __m512i = must_cast(keys);
    let mut row = [must_cast(key); 11];
    for (row, constant) in row[1..].iter_mut().zip(ROUND_CONSTANTS) {
        let words = _mm512_shuffle_epi8(key, turned);
        let assisted = _mm512_aesenclast_epi128(words, _mm512_set1_epi32(constant));
        let mixed = _mm512_xor_si512(key, _mm512_bslli_epi128::<4>(key));
        let mixed = _mm512_xor_si512(mixed, _mm512_bslli_epi128::<8>(mixed));
        key = _mm512_xor_si512(mixed, assisted);
        *row = must_cast(key);
    }
    row
}

/// A key's expansion, as FIPS 197 has it.
#[target_feature(enable = "aes,sse2")]
pub(super) fn expand(key: Block) -> RoundKeys {
    /// The next round key from the last one and its assisted word.
    #[target_feature(enable = "aes,sse2")]
    fn next(key: __m128i, assisted: __m128i) -> __m128i {
        let assisted = _mm_shuffle_epi32::<0xff>(assisted);
        let mut mixed = _mm_xor_si128(key, _mm_slli_si128::<4>(key));
        mixed = _mm_xor_si128(mixed, _mm_slli_si128::<8>(mixed));
        _mm_xor_si128(mixed, assisted)
    }
    let k0 = must_cast(key);
    let k1 = next(k0, _mm_aeskeygenassist_si128::<0x01>(k0));
    let k2 = next(k1, _mm_aeskeygenassist_si128::<0x02>(k1));
    let k3 = next(k2, _mm_aeskeygenassist_si128::<0x04>(k2));
    let k4 = next(k3, _mm_aeskeygenassist_si128::<0x08>(k3));
    let k5 = next(k4, _mm_aeskeygenassist_si128::<0x10>(k4));
    let k6 = next(k5, _mm_aeskeygenassist_si128::<0x20>(k5));
    let k7 = next(k6, _mm_aeskeygenassist_si128::<0x40>(k6));
    let k8 = next(k7, _mm_aeskeygenassist_si128::<0x80>(k7));
    let k9 = next(k8, _mm_aeskeygenassist_si128::<0x1b>(k8));
    let k10 = next(k9, _mm_aeskeygenassist_si128::<0x36>(k9));
    [k0, k1, k2, k3, k4, k5, k6, k7, k8, k9, k10]
}

/// AES-128 of `N` registers side by side.
#[inline(always)]
fn cipher<V: Vector, const N: usize>(keys: &[V; 11], mut x: [V; N]) -> [V; N] {
    for x in &mut x {
        *x = x.xor(keys[0]);
    }
    let mut x = rounds(keys, x);
    for x in &mut x {
        *x = x.last_round(keys[10]);
    }
    x
}

/// All rounds but the last, of `N` registers that the first round key was added to.
#[inline(always)]
pub(super) fn rounds<V: Vector, const N: usize>(keys: &[V; 11], mut x: [V; N]) -> [V; N] {
    for key in &keys[1..10] {
        for x in &mut x {
            *x = x.round(*key);
        }
    }
    x
}

/// Overwrites every register of blocks with the ciphertext of what `plain` makes of it, in order. It is called in one place, so
/// that it is inlined.
#[inline(always)]
fn encrypt_each<V: Vector>(keys: &RoundKeys, blocks: &mut [Block], mut plain: impl FnMut(V) -> V) {
    let mut wide = [V::all(Block::ZERO); 11];
    for (wide, key) in wide.iter_mut().zip(keys) {
        *wide = V::all(must_cast(*key));
    }
    let whole = FLIGHT * size_of::<V>();
    let mut last = [0; FLIGHT * 4 * BLOCK_BYTES];
    for blocks in blocks.chunks_mut(FLIGHT * V::BLOCKS) {
        let blocks: &mut [u8] = bytemuck::cast_slice_mut(blocks);
        let is_last = blocks.len() < whole;
        if is_last {
            last[..blocks.len()].copy_from_slice(blocks);
        }
        let flight = if is_last { &mut last[..whole] } else { &mut *blocks };
        let mut x = [wide[0]; FLIGHT];
        for (i, x) in x.iter_mut().enumerate() {
            *x = plain(read(flight, i));
        }
        for (i, x) in cipher(&wide, x).into_iter().enumerate() {
            write(x, flight, i);
        }
        if is_last {
            blocks.copy_from_slice(&last[..blocks.len()]);
        }
    }
}
