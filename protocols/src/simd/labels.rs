//! The way from labels to shares over registers of any width. The twins are in `gc/convert.rs`, with the arithmetic that both
//! have in common and that is compiled for an engine by being inlined here. Only AVX-512 packs what travels, in `wide.rs`.

#[cfg(target_arch = "x86_64")]
mod wide;

use super::aes::KeyList;
use super::gates::{Ends, at, lane_tweaks};
use super::vector::{Vector, wire_mut};
use crate::block::Block;
use crate::gc::convert::{self, KeyUse, OutputWires, Pads, Weight};
use crate::gc::{LANES, Lanes};

impl<V: Vector> OutputWires for KeyList<V> {
    fn pads(&self, at: KeyUse, zero: &Lanes, delta: Block) -> Pads {
        // SAFETY: a `KeyList` exists only where the features were found.
        unsafe { V::run(|| pads(&self.broadcast(at.key), at.place, zero, delta)) }
    }

    fn weigh(&self, pads: &Pads, by: Weight, shares: &mut [u64; LANES]) -> [u64; LANES] {
        // SAFETY: a `KeyList` exists only where the features were found.
        unsafe { V::run(|| convert::weigh(pads, by, shares)) }
    }

    fn open(&self, at: KeyUse, labels: &Lanes, sent: &[u64; LANES], shift: u32, shares: &mut [u64; LANES]) {
        let kernel = || {
            let pads = hash(&self.broadcast(at.key), at.place, labels);
            convert::open(&pads, labels, sent, shift, shares);
        };
        // SAFETY: a `KeyList` exists only where the features were found.
        unsafe { V::run(kernel) }
    }
}

/// The low halves of the hashes of both labels of a wire. Since `σ` is linear, the twins differ by `σ(Δ)`.
#[inline(always)]
fn pads<V: Vector>(keys: &[V; 11], place: u32, zero: &Lanes, delta: Block) -> Pads {
    let ends = Ends::of(keys, place);
    let (twin, _) = V::all(delta).sigma();
    let (mut of_false, mut of_true) = (Lanes::ZERO, Lanes::ZERO);
    for group in 0..LANES / (4 * V::BLOCKS) {
        let mut inputs: [V; 4] = at(zero, group);
        let mut x = [twin; 8];
        for i in 0..4 {
            inputs[i] = inputs[i].sigma().0.xor(lane_tweaks(4 * group + i));
            x[i] = inputs[i].xor(ends.first);
            x[4 + i] = x[i].xor(twin);
        }
        let x = V::rounds(keys, x).map(|x| x.last_round(ends.last));
        for i in 0..4 {
            wire_mut(&mut of_false)[4 * group + i] = x[i].xor(inputs[i]);
            wire_mut(&mut of_true)[4 * group + i] = x[4 + i].xor3(inputs[i], twin);
        }
    }
    convert::pads(zero, &of_false, &of_true)
}

/// The hashes of a wire's labels.
#[inline(always)]
fn hash<V: Vector>(keys: &[V; 11], place: u32, labels: &Lanes) -> Lanes {
    let ends = Ends::of(keys, place);
    let mut hashes = Lanes::ZERO;
    for group in 0..LANES / (8 * V::BLOCKS) {
        let mut inputs: [V; 8] = at(labels, group);
        let mut x = inputs;
        for (i, (input, x)) in inputs.iter_mut().zip(&mut x).enumerate() {
            *input = input.sigma().0.xor(lane_tweaks(8 * group + i));
            *x = input.xor(ends.first);
        }
        let hashed = &mut wire_mut(&mut hashes)[8 * group..][..8];
        for ((hashed, x), input) in hashed.iter_mut().zip(V::rounds(keys, x)).zip(inputs) {
            *hashed = x.last_round(ends.last).xor(input);
        }
    }
    hashes
}
