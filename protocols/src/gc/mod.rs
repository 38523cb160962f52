//! Garbled circuits: half-gates over identical instances in lock step, and the way from labels back to arithmetic shares.
//!
//! The server garbles and the client evaluates. [`programs`] are the circuits of kept units, [`circuit`] what a circuit is
//! and means; `garble` and `evaluate` are the two cryptographic readers; `convert` turns output wires into shares;
//! [`layer`] runs a whole activation layer and knows the exact bytes.

pub mod circuit;
pub(crate) mod convert;
pub(crate) mod evaluate;
#[cfg(test)]
mod fuzz;
pub(crate) mod garble;
pub(crate) mod hash;
#[cfg(test)]
mod known_answers;
pub mod layer;
pub mod programs;
#[cfg(test)]
mod tests;
pub mod transfer;

pub use hash::SessionKey;

use crate::block::{BLOCK_BYTES, Block};
use bytemuck::{Pod, Zeroable};
use circuit::And;
use netem::FrameKind;
use std::ops::{Deref, DerefMut};

/// The garbler's start value of the hash keys, 16 bytes, once a session.
pub const SESSION_KEY: FrameKind = FrameKind(0x20);
/// A piece of a layer's garbled tables and conversion ciphertexts.
pub const MATERIAL: FrameKind = FrameKind(0x21);
/// A piece of the active labels of the server's inputs.
pub const LABELS: FrameKind = FrameKind(0x22);

/// Instances of a circuit that are garbled in lock step. Garbling then hashes 128 blocks a gate and evaluation 64, both whole
/// batches of the widest AES unit (64 blocks).
pub const LANES: usize = 32;

/// Bytes of the two ciphertexts of a half-gate AND.
pub const AND_BYTES: usize = 32;

/// Bytes of a block in every lane.
pub(crate) const LANE_BYTES: usize = LANES * BLOCK_BYTES;

/// The labels of one wire in every lane, on whole cache lines: the kernels' loads and stores are as wide as one.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
pub(crate) struct Lanes(pub(crate) [Block; LANES]);

impl Lanes {
    /// Zeros.
    pub(crate) const ZERO: Self = Self([Block::ZERO; LANES]);
}

impl Deref for Lanes {
    type Target = [Block; LANES];

    #[inline(always)]
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Lanes {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

/// Lane by lane. A loop over a zeroed array, because `array::from_fn` of this many blocks is not inlined.
#[inline(always)]
fn lanes(mut f: impl FnMut(usize) -> Block) -> Lanes {
    let mut out = Lanes::ZERO;
    for (lane, slot) in out.iter_mut().enumerate() {
        *slot = f(lane);
    }
    out
}

/// The free XOR of two wires.
#[inline(always)]
fn xor(a: &Lanes, b: &Lanes) -> Lanes {
    lanes(|l| a[l] ^ b[l])
}

/// `wires[out] = wires[a] ^ wires[b]`, and `^ wires[c]`.
#[inline(always)]
fn xor_into(wires: &mut [Lanes], [a, b]: [usize; 2], c: Option<usize>, out: usize) {
    match c {
        None => xor_all_into(wires, [a, b], out),
        Some(c) => xor_all_into(wires, [a, b, c], out),
    }
}

/// `wires[out] = wires[a] ^ delta`, eight words at a time.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "two rows of one slice")]
fn flip_into(wires: &mut [Lanes], a: usize, delta: Block, out: usize) {
    let words: &mut [[[u64; 8]; LANES / 4]] = bytemuck::cast_slice_mut(wires);
    let delta: [u64; 2] = bytemuck::cast(delta);
    for group in 0..LANES / 4 {
        let mut flipped = words[a][group];
        for i in 0..8 {
            flipped[i] ^= delta[i % 2];
        }
        words[out][group] = flipped;
    }
}

/// `wires[out]` becomes the XOR of the wires `of`, eight words at a time.
#[inline(always)]
fn xor_all_into<const N: usize>(wires: &mut [Lanes], of: [usize; N], out: usize) {
    let words: &mut [[[u64; 8]; LANES / 4]] = bytemuck::cast_slice_mut(wires);
    for group in 0..LANES / 4 {
        let mut sum = [0; 8];
        for wire in of {
            let words = words[wire][group];
            for i in 0..8 {
                sum[i] ^= words[i];
            }
        }
        words[out][group] = sum;
    }
}

impl And {
    /// What is multiplied: the operands; of a majority, each XORed with the third, for which there is `room`.
    fn operands<'a>(self, wires: &'a [Lanes], room: &'a mut [Lanes; 2]) -> [&'a Lanes; 2] {
        let [a, b] = [self.a, self.b].map(|slot| &wires[usize::from(slot)]);
        let Some(c) = self.c.map(|c| &wires[usize::from(c)]) else { return [a, b] };
        *room = [xor(a, c), xor(b, c)];
        room.each_ref()
    }

    /// Keeps the product, of a majority with its third operand, as the result.
    fn keep(self, product: &mut Lanes, wires: &mut [Lanes]) {
        if let Some(c) = self.c.map(|c| &wires[usize::from(c)]) {
            product.iter_mut().zip(c.iter()).for_each(|(product, c)| *product ^= *c);
        }
        wires[usize::from(self.out)] = *product;
    }
}
