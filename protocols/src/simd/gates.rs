//! Chunks of garbled circuits, and the hashes of whole wires. The twins are in `gc/garble.rs`, `gc/evaluate.rs` and
//! `gc/convert.rs`, which also hold what both have in common; it is compiled for this machine by being inlined here.

use super::aes::{VaesKeys, broadcast, cipher};
use crate::block::Block;
use crate::gc::circuit::Circuit;
use crate::gc::convert::{Pads, Weight, weigh};
use crate::gc::evaluate::{ReadTables, walk_active};
use crate::gc::garble::{WriteTables, walk_zero};
use crate::gc::hash::GATES_PER_KEY;
use crate::gc::{LANES, Lanes};
use bytemuck::must_cast;
use std::arch::x86_64::*;

// The kernels take 8 and 16 lanes at a time.
const _: () = assert!(LANES.is_multiple_of(16));

impl VaesKeys {
    /// Garbles a chunk: `wires` begin as the zero labels of the inputs; `keys` has one entry every few gates.
    pub(crate) fn garble(
        keys: &[Self],
        circuit: &Circuit,
        delta: Block,
        wires: &mut [Lanes],
        tables: &mut WriteTables<'_>,
    ) {
        assert!(!keys.is_empty(), "keys are the proof that the machine has the instructions");
        // SAFETY: a `VaesKeys` exists only where the features were found.
        unsafe { garble(keys, circuit, delta, wires, tables) }
    }

    /// Evaluates a chunk: `wires` begin as the active labels of the inputs.
    pub(crate) fn evaluate(
        keys: &[Self],
        circuit: &Circuit,
        wires: &mut [Lanes],
        tables: &mut ReadTables<'_>,
    ) {
        assert!(!keys.is_empty(), "keys are the proof that the machine has the instructions");
        // SAFETY: a `VaesKeys` exists only where the features were found.
        unsafe { evaluate(keys, circuit, wires, tables) }
    }

    /// The low halves of the hashes of both labels of a wire, the `place`-th use of the key.
    pub(crate) fn pads(&self, place: u32, zero: &Lanes, delta: Block) -> Pads {
        // SAFETY: a `VaesKeys` exists only where the features were found.
        unsafe { pads(self, place, zero, delta) }
    }

    /// The low halves of the hashes of a wire's labels.
    pub(crate) fn pad(&self, place: u32, labels: &Lanes) -> [u64; LANES] {
        // SAFETY: a `VaesKeys` exists only where the features were found.
        unsafe { pad(self, place, labels) }
    }

    /// `gc/convert.rs`'s `weigh`, for this machine.
    pub(crate) fn weigh(&self, pads: &Pads, by: Weight, shares: &mut [u64; LANES]) -> [u64; LANES] {
        // SAFETY: a `VaesKeys` exists only where the features were found.
        unsafe { weigh_wide(pads, by, shares) }
    }
}

#[target_feature(enable = "avx512f,avx512dq")]
fn weigh_wide(pads: &Pads, by: Weight, shares: &mut [u64; LANES]) -> [u64; LANES] {
    weigh(pads, by, shares)
}

#[target_feature(enable = "avx512f,avx512bw,aes,vaes")]
fn garble(
    keys: &[VaesKeys],
    circuit: &Circuit,
    delta: Block,
    wires: &mut [Lanes],
    tables: &mut WriteTables<'_>,
) {
    let offset = wide(delta);
    let twin = sigma(offset);
    let mut round_keys = [_mm512_setzero_si512(); 11];
    walk_zero(circuit, delta, wires, |gate, wires, [a, b, out]| {
        let place = gate % GATES_PER_KEY;
        if place == 0 {
            round_keys = broadcast(&keys[(gate / GATES_PER_KEY) as usize]);
        }
        tables.gate(gate, |generators, evaluators| {
            for group in 0..LANES / 8 {
                let lane = 8 * group;
                let [a0, a1]: [__m512i; 2] = must_cast(eight(&wires[a], group));
                let [b0, b1]: [__m512i; 2] = must_cast(eight(&wires[b], group));
                let x0 = _mm512_xor_si512(sigma(a0), tweaks(2 * place, lane));
                let x1 = _mm512_xor_si512(sigma(a1), tweaks(2 * place, lane + 4));
                let y0 = _mm512_xor_si512(sigma(b0), tweaks(2 * place + 1, lane));
                let y1 = _mm512_xor_si512(sigma(b1), tweaks(2 * place + 1, lane + 4));
                let inputs = [
                    x0,
                    x1,
                    _mm512_xor_si512(x0, twin),
                    _mm512_xor_si512(x1, twin),
                    y0,
                    y1,
                    _mm512_xor_si512(y0, twin),
                    _mm512_xor_si512(y1, twin),
                ];
                let h = cipher(&round_keys, inputs);
                let first = half_gates([a0, b0, x0, y0], [h[0], h[2], h[4], h[6]], twin, offset);
                let second = half_gates([a1, b1, x1, y1], [h[1], h[3], h[5], h[7]], twin, offset);
                generators.as_chunks_mut::<128>().0[group] = must_cast([first[0], second[0]]);
                evaluators.as_chunks_mut::<128>().0[group] = must_cast([first[1], second[1]]);
                wires[out].as_chunks_mut::<8>().0[group] = must_cast([first[2], second[2]]);
            }
        });
    });
}

/// Both ciphertexts and the output's zero labels from labels, hash inputs and cipher outputs: figure 2 of ZRE15.
#[inline]
#[target_feature(enable = "avx512f")]
fn half_gates([a, b, x, y]: [__m512i; 4], h: [__m512i; 4], twin: __m512i, delta: __m512i) -> [__m512i; 3] {
    let generator = select_xor(colour(b), delta, xor3(h[0], h[1], twin));
    let mixed = xor3(h[2], h[3], twin);
    let evaluator = _mm512_xor_si512(mixed, a);
    let w_generator = select_xor(colour(a), generator, _mm512_xor_si512(h[0], x));
    let w_evaluator = select_xor(colour(b), mixed, _mm512_xor_si512(h[2], y));
    [generator, evaluator, _mm512_xor_si512(w_generator, w_evaluator)]
}

#[target_feature(enable = "avx512f,avx512bw,aes,vaes")]
fn evaluate(keys: &[VaesKeys], circuit: &Circuit, wires: &mut [Lanes], tables: &mut ReadTables<'_>) {
    let mut round_keys = [_mm512_setzero_si512(); 11];
    walk_active(circuit, wires, |gate, wires, [a, b, out]| {
        let place = gate % GATES_PER_KEY;
        if place == 0 {
            round_keys = broadcast(&keys[(gate / GATES_PER_KEY) as usize]);
        }
        tables.gate(gate, |generators, evaluators| {
            for group in 0..LANES / 16 {
                let at = |lanes: &Lanes| -> [__m512i; 4] { must_cast(lanes.as_chunks::<16>().0[group]) };
                let (a, b) = (at(&wires[a]), at(&wires[b]));
                let g: [__m512i; 4] = must_cast(generators.as_chunks::<256>().0[group]);
                let e: [__m512i; 4] = must_cast(evaluators.as_chunks::<256>().0[group]);
                let mut inputs = [_mm512_setzero_si512(); 8];
                for i in 0..4 {
                    let lane = 16 * group + 4 * i;
                    inputs[i] = _mm512_xor_si512(sigma(a[i]), tweaks(2 * place, lane));
                    inputs[4 + i] = _mm512_xor_si512(sigma(b[i]), tweaks(2 * place + 1, lane));
                }
                let h = cipher(&round_keys, inputs);
                let mut label = [_mm512_setzero_si512(); 4];
                for i in 0..4 {
                    let w_generator = select_xor(colour(a[i]), g[i], _mm512_xor_si512(h[i], inputs[i]));
                    let both = _mm512_xor_si512(e[i], a[i]);
                    let hashed = _mm512_xor_si512(h[4 + i], inputs[4 + i]);
                    label[i] = _mm512_xor_si512(w_generator, select_xor(colour(b[i]), both, hashed));
                }
                wires[out].as_chunks_mut::<16>().0[group] = must_cast(label);
            }
        });
    });
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,aes,vaes")]
fn pads(keys: &VaesKeys, place: u32, zero: &Lanes, delta: Block) -> Pads {
    let keys = broadcast(keys);
    let twin = sigma(wide(delta));
    let mut out = Pads { of_zero: [0; LANES], of_one: [0; LANES], colours: [0; LANES] };
    for group in 0..LANES / 16 {
        let labels: [__m512i; 4] = must_cast(zero.as_chunks::<16>().0[group]);
        let mut inputs = [_mm512_setzero_si512(); 8];
        for i in 0..4 {
            inputs[i] = _mm512_xor_si512(sigma(labels[i]), tweaks(place, 16 * group + 4 * i));
            inputs[4 + i] = _mm512_xor_si512(inputs[i], twin);
        }
        let h = cipher(&keys, inputs);
        for pair in 0..2 {
            let at = 2 * group + pair;
            let low = |of: &[__m512i]| lows(of[2 * pair], of[2 * pair + 1]);
            let falses = _mm512_xor_si512(low(&h[..4]), low(&inputs[..4]));
            let trues = _mm512_xor_si512(low(&h[4..]), low(&inputs[4..]));
            let flipped = _mm512_movepi64_mask(_mm512_slli_epi64::<63>(low(&labels)));
            let colours = _mm512_movm_epi64(flipped);
            out.of_zero.as_chunks_mut::<8>().0[at] =
                must_cast(_mm512_mask_blend_epi64(flipped, falses, trues));
            out.of_one.as_chunks_mut::<8>().0[at] =
                must_cast(_mm512_mask_blend_epi64(flipped, trues, falses));
            out.colours.as_chunks_mut::<8>().0[at] = must_cast(colours);
        }
    }
    out
}

#[target_feature(enable = "avx512f,avx512bw,aes,vaes")]
fn pad(keys: &VaesKeys, place: u32, labels: &Lanes) -> [u64; LANES] {
    let keys = broadcast(keys);
    let mut inputs: [__m512i; LANES / 4] = must_cast(*labels);
    for (i, x) in inputs.iter_mut().enumerate() {
        *x = _mm512_xor_si512(sigma(*x), tweaks(place, 4 * i));
    }
    let h = cipher(&keys, inputs);
    let mut out = [0u64; LANES];
    for (pair, out) in out.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let low = |of: &[__m512i]| lows(of[2 * pair], of[2 * pair + 1]);
        *out = must_cast(_mm512_xor_si512(low(&h), low(&inputs)));
    }
    out
}

/// Blocks `8 group ..` of a wire.
#[inline(always)]
fn eight(lanes: &Lanes, group: usize) -> [Block; 8] {
    lanes.as_chunks::<8>().0[group]
}

/// The low halves of eight blocks, in order.
#[inline]
#[target_feature(enable = "avx512f")]
fn lows(first: __m512i, second: __m512i) -> __m512i {
    _mm512_permutex2var_epi64(first, _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0), second)
}

/// The linear orthomorphism of `gc/hash.rs` on four blocks: `l || r -> (l ^ r) || l`.
#[inline]
#[target_feature(enable = "avx512f")]
fn sigma(x: __m512i) -> __m512i {
    let swapped = _mm512_shuffle_epi32::<0x4e>(x);
    let high = _mm512_maskz_mov_epi64(0b1010_1010, x);
    _mm512_xor_si512(swapped, high)
}

/// All bits of a block equal to its lowest, which is its colour.
#[inline]
#[target_feature(enable = "avx512f")]
fn colour(x: __m512i) -> __m512i {
    let bit = _mm512_srai_epi64::<63>(_mm512_slli_epi64::<63>(x));
    _mm512_unpacklo_epi64(bit, bit)
}

/// `if mask { x } else { 0 } ^ y`, bit by bit.
#[inline]
#[target_feature(enable = "avx512f")]
fn select_xor(mask: __m512i, x: __m512i, y: __m512i) -> __m512i {
    _mm512_ternarylogic_epi64::<0x78>(y, mask, x)
}

/// `x ^ y ^ z`.
#[inline]
#[target_feature(enable = "avx512f")]
fn xor3(x: __m512i, y: __m512i, z: __m512i) -> __m512i {
    _mm512_ternarylogic_epi64::<0x96>(x, y, z)
}

/// The tweaks of four lanes from `lane` on, for the use `index` of a key: `gc/hash.rs`'s `tweak`.
#[inline]
#[target_feature(enable = "avx512f")]
fn tweaks(index: u32, lane: usize) -> __m512i {
    let base = i64::from(index << 8) | lane as i64;
    _mm512_set_epi64(0, base + 3, 0, base + 2, 0, base + 1, 0, base)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn wide(block: Block) -> __m512i {
    _mm512_broadcast_i32x4(must_cast(block))
}
