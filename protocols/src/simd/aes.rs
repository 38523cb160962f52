//! AES-128: key expansion, and encryption of many blocks at once.

use super::vector::{Vector, expand, read, write};
use crate::block::{BLOCK_BYTES, Block};
use std::marker::PhantomData;
use zeroize::Zeroize;

/// AES-128 round keys. Exists only on a machine that has what `V` takes.
pub(crate) struct Keys<V>([Block; 11], PhantomData<V>);

/// The round keys of a list of AES-128 keys, four keys a row. Exists only where a [`Keys`] can.
pub(crate) struct KeyList<V>(Vec<[[Block; 4]; 11]>, PhantomData<V>);

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
        V::available().then(|| {
            // SAFETY: the features were just found.
            let rounds = unsafe { expand::<V>([key; 4]) };
            Self(rounds.map(|[key, ..]| key), PhantomData)
        })
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
            rows.push(unsafe { expand::<V>(four) });
        }
        Some(Self(rows, PhantomData))
    }

    /// Every round key of the key `index` in all places.
    #[inline(always)]
    pub(super) fn broadcast(&self, index: usize) -> [V; 11] {
        let row = &self.0[index / 4];
        let mut wide = [V::all(Block::ZERO); 11];
        for (wide, keys) in wide.iter_mut().zip(row) {
            *wide = V::all(keys[index % 4]);
        }
        wide
    }
}

/// AES-128 of registers side by side.
#[inline(always)]
fn cipher<V: Vector>(keys: &[V; 11], mut x: [V; FLIGHT]) -> [V; FLIGHT] {
    for x in &mut x {
        *x = x.xor(keys[0]);
    }
    V::rounds(keys, x).map(|x| x.last_round(keys[10]))
}

/// Overwrites every register of blocks with the ciphertext of what `plain` makes of it, in order. It is called in one place, so
/// that it is inlined.
#[inline(always)]
fn encrypt_each<V: Vector>(keys: &[Block; 11], blocks: &mut [Block], mut plain: impl FnMut(V) -> V) {
    let mut wide = [V::all(Block::ZERO); 11];
    for (wide, key) in wide.iter_mut().zip(keys) {
        *wide = V::all(*key);
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
