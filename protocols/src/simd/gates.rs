//! Chunks of garbled circuits, and the hashes of whole wires. The twins are in `gc/garble.rs`, `gc/evaluate.rs` and
//! `gc/convert.rs`, which also hold what both have in common; it is compiled for this machine by being inlined here.

use super::aes::{VaesKeyList, rounds};
use super::packed::{PackedFrom, PackedTo};
use crate::block::Block;
use crate::gc::circuit::Circuit;
use crate::gc::convert::{KeyUse, Pads, Weight, weigh};
use crate::gc::evaluate::{ReadTables, walk_active};
use crate::gc::garble::{WriteTables, walk_zero};
use crate::gc::hash::{GATES_PER_KEY, tweak};
use crate::gc::{AND_BYTES, LANE_BYTES, LANES, Lanes};
use bytemuck::must_cast;
use std::arch::x86_64::*;

// The kernels take 8 and 16 lanes at a time.
const _: () = assert!(LANES.is_multiple_of(16));

impl VaesKeyList {
    /// Garbles a chunk: `wires` begin as the zero labels of the inputs; there is a key every few gates.
    pub(crate) fn garble(
        &self,
        circuit: &Circuit,
        delta: Block,
        wires: &mut [Lanes],
        tables: &mut WriteTables<'_>,
    ) {
        // SAFETY: a `VaesKeyList` exists only where the features were found.
        unsafe { garble(self, circuit, delta, wires, tables) }
    }

    /// Evaluates a chunk: `wires` begin as the active labels of the inputs.
    pub(crate) fn evaluate(&self, circuit: &Circuit, wires: &mut [Lanes], tables: &mut ReadTables<'_>) {
        // SAFETY: a `VaesKeyList` exists only where the features were found.
        unsafe { evaluate(self, circuit, wires, tables) }
    }

    /// Writes the ciphertexts of a wire that is worth `by`, packed; `shares` gain the garbler's shares.
    pub(crate) fn close(
        &self,
        at: KeyUse,
        zero: &Lanes,
        delta: Block,
        by: Weight,
        to: PackedTo<'_>,
        shares: &mut [u64; LANES],
    ) {
        // SAFETY: a `VaesKeyList` exists only where the features were found.
        unsafe { close(&self.broadcast(at.key), at.place, zero, delta, by, to, shares) }
    }

    /// The low halves of the hashes of both labels of a wire.
    pub(crate) fn pads(&self, at: KeyUse, zero: &Lanes, delta: Block) -> Pads {
        // SAFETY: a `VaesKeyList` exists only where the features were found.
        unsafe { pads(&self.broadcast(at.key), at.place, zero, delta) }
    }

    /// `shares` gain `h(K_c) + c C`, shifted, with the ciphertexts `C` of all lanes packed.
    pub(crate) fn open(
        &self,
        at: KeyUse,
        labels: &Lanes,
        from: PackedFrom<'_>,
        shift: u32,
        shares: &mut [u64; LANES],
    ) {
        // SAFETY: a `VaesKeyList` exists only where the features were found.
        unsafe { open(&self.broadcast(at.key), at.place, labels, from, shift, shares) }
    }

    /// The low halves of the hashes of a wire's labels.
    pub(crate) fn pad(&self, at: KeyUse, labels: &Lanes) -> [u64; LANES] {
        // SAFETY: a `VaesKeyList` exists only where the features were found.
        unsafe { pad(&self.broadcast(at.key), at.place, labels) }
    }

    /// `gc/convert.rs`'s `weigh`, for this machine.
    pub(crate) fn weigh(&self, pads: &Pads, by: Weight, shares: &mut [u64; LANES]) -> [u64; LANES] {
        // SAFETY: a `VaesKeyList` exists only where the features were found.
        unsafe { weigh_wide(pads, by, shares) }
    }
}

#[target_feature(enable = "avx512f,avx512dq")]
fn weigh_wide(pads: &Pads, by: Weight, shares: &mut [u64; LANES]) -> [u64; LANES] {
    weigh(pads, by, shares)
}

#[target_feature(enable = "avx512f,avx512bw,aes,vaes")]
fn garble(
    keys: &VaesKeyList,
    circuit: &Circuit,
    delta: Block,
    wires: &mut [Lanes],
    tables: &mut WriteTables<'_>,
) {
    let offset = wide(delta);
    let (twin, _) = sigma(offset);
    let mut round_keys = [_mm512_setzero_si512(); 11];
    walk_zero(circuit, delta, wires, |gate, wires, [a, b, out]| {
        let place = gate % GATES_PER_KEY;
        if place == 0 {
            round_keys = keys.broadcast((gate / GATES_PER_KEY) as usize);
        }
        let of_a = Ends::of(&round_keys, 2 * place);
        let of_b = Ends::of(&round_keys, 2 * place + 1);
        tables.gate(gate, |generators, evaluators| {
            for group in 0..LANES / 8 {
                let a: [__m512i; 2] = must_cast(wires[a].as_chunks::<8>().0[group]);
                let b: [__m512i; 2] = must_cast(wires[b].as_chunks::<8>().0[group]);
                // For either four lanes: H(a), H(a ^ Δ), H(b), H(b ^ Δ).
                let mut x = [_mm512_setzero_si512(); 8];
                for i in 0..2 {
                    let lanes = lane_tweaks(2 * group + i);
                    x[4 * i] = xor3(sigma(a[i]).0, lanes, of_a.first);
                    x[4 * i + 1] = _mm512_xor_si512(x[4 * i], twin);
                    x[4 * i + 2] = xor3(sigma(b[i]).0, lanes, of_b.first);
                    x[4 * i + 3] = _mm512_xor_si512(x[4 * i + 2], twin);
                }
                let x = rounds(&round_keys, x);
                let mut first = [_mm512_setzero_si512(); 2];
                let (mut second, mut label) = (first, first);
                for i in 0..2 {
                    let lanes = lane_tweaks(2 * group + i);
                    let h = [of_a.last, of_a.last, of_b.last, of_b.last];
                    let h: [__m512i; 4] =
                        std::array::from_fn(|j| _mm512_aesenclast_epi128(x[4 * i + j], h[j]));
                    let ((sigma_a, colour_a), (sigma_b, colour_b)) = (sigma(a[i]), sigma(b[i]));
                    // Both ciphertexts and the output's zero label: figure 2 of ZRE15.
                    let generator = xor_where(colour_b, xor3(h[0], h[1], twin), offset);
                    let mixed = xor3(h[2], h[3], twin);
                    let w_generator = xor_where(colour_a, xor3(h[0], sigma_a, lanes), generator);
                    let w_evaluator = xor_where(colour_b, xor3(h[2], sigma_b, lanes), mixed);
                    first[i] = generator;
                    second[i] = _mm512_xor_si512(mixed, a[i]);
                    label[i] = _mm512_xor_si512(w_generator, w_evaluator);
                }
                generators.as_chunks_mut::<128>().0[group] = must_cast(first);
                evaluators.as_chunks_mut::<128>().0[group] = must_cast(second);
                wires[out].as_chunks_mut::<8>().0[group] = must_cast(label);
            }
        });
    });
}

#[target_feature(enable = "avx512f,avx512bw,aes,vaes")]
fn evaluate(keys: &VaesKeyList, circuit: &Circuit, wires: &mut [Lanes], tables: &mut ReadTables<'_>) {
    let mut round_keys = [_mm512_setzero_si512(); 11];
    walk_active(circuit, wires, |gate, wires, [a, b, out]| {
        let place = gate % GATES_PER_KEY;
        if place == 0 {
            round_keys = keys.broadcast((gate / GATES_PER_KEY) as usize);
        }
        let of_a = Ends::of(&round_keys, 2 * place);
        let of_b = Ends::of(&round_keys, 2 * place + 1);
        tables.gate(gate, |generators, evaluators| {
            ask_for_tables_after(generators);
            for group in 0..LANES / 16 {
                let at = |lanes: &Lanes| -> [__m512i; 4] { must_cast(lanes.as_chunks::<16>().0[group]) };
                let (a, b) = (at(&wires[a]), at(&wires[b]));
                let mut x = [_mm512_setzero_si512(); 8];
                for i in 0..4 {
                    let lanes = lane_tweaks(4 * group + i);
                    x[i] = xor3(sigma(a[i]).0, lanes, of_a.first);
                    x[4 + i] = xor3(sigma(b[i]).0, lanes, of_b.first);
                }
                let x = rounds(&round_keys, x);
                let g: [__m512i; 4] = must_cast(generators.as_chunks::<256>().0[group]);
                let e: [__m512i; 4] = must_cast(evaluators.as_chunks::<256>().0[group]);
                let mut label = [_mm512_setzero_si512(); 4];
                for i in 0..4 {
                    let lanes = lane_tweaks(4 * group + i);
                    let of_a = _mm512_aesenclast_epi128(x[i], of_a.last);
                    let of_b = _mm512_aesenclast_epi128(x[4 + i], of_b.last);
                    let ((sigma_a, colour_a), (sigma_b, colour_b)) = (sigma(a[i]), sigma(b[i]));
                    let w_generator = xor_where(colour_a, xor3(of_a, sigma_a, lanes), g[i]);
                    let both = _mm512_xor_si512(e[i], a[i]);
                    let w_evaluator = xor_where(colour_b, xor3(of_b, sigma_b, lanes), both);
                    label[i] = _mm512_xor_si512(w_generator, w_evaluator);
                }
                wires[out].as_chunks_mut::<16>().0[group] = must_cast(label);
            }
        });
    });
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,aes,vaes")]
fn pads(keys: &[__m512i; 11], place: u32, zero: &Lanes, delta: Block) -> Pads {
    let mut out = Pads { of_zero: [0; LANES], of_one: [0; LANES], colours: [0; LANES] };
    both(keys, place, zero, delta, |at, [of_zero, of_one], flipped| {
        out.of_zero.as_chunks_mut::<8>().0[at] = must_cast(of_zero);
        out.of_one.as_chunks_mut::<8>().0[at] = must_cast(of_one);
        out.colours.as_chunks_mut::<8>().0[at] = must_cast(_mm512_movm_epi64(flipped));
    });
    out
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vbmi,aes,vaes")]
fn close(
    keys: &[__m512i; 11],
    place: u32,
    zero: &Lanes,
    delta: Block,
    by: Weight,
    to: PackedTo<'_>,
    shares: &mut [u64; LANES],
) {
    let PackedTo { bytes, width } = to;
    let value = _mm512_set1_epi64(by.value as i64);
    let negated = _mm512_sub_epi64(_mm512_setzero_si512(), value);
    let shift = _mm_cvtsi64_si128(i64::from(by.shift));
    both(keys, place, zero, delta, |at, [of_zero, of_one], flipped| {
        // (1 - 2π) w, and π w.
        let signed = _mm512_mask_mov_epi64(value, flipped, negated);
        let worth = _mm512_maskz_mov_epi64(flipped, value);
        width.write(_mm512_add_epi64(_mm512_sub_epi64(of_zero, of_one), signed), bytes, at);
        let share = &mut shares.as_chunks_mut::<8>().0[at];
        let gained = _mm512_sll_epi64(_mm512_sub_epi64(worth, of_zero), shift);
        *share = must_cast(_mm512_add_epi64(must_cast(*share), gained));
    });
}

/// The low halves of the hashes of a wire's labels of either colour, and where the false label has colour 1, eight lanes at
/// a time.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,aes,vaes")]
fn both(
    keys: &[__m512i; 11],
    place: u32,
    zero: &Lanes,
    delta: Block,
    mut take: impl FnMut(usize, [__m512i; 2], __mmask8),
) {
    let ends = Ends::of(keys, place);
    let (twin, _) = sigma(wide(delta));
    for group in 0..LANES / 16 {
        let labels: [__m512i; 4] = must_cast(zero.as_chunks::<16>().0[group]);
        let mut inputs = [_mm512_setzero_si512(); 4];
        let mut x = [_mm512_setzero_si512(); 8];
        for i in 0..4 {
            inputs[i] = _mm512_xor_si512(sigma(labels[i]).0, lane_tweaks(4 * group + i));
            x[i] = _mm512_xor_si512(inputs[i], ends.first);
            x[4 + i] = _mm512_xor_si512(x[i], twin);
        }
        let x = rounds(keys, x);
        let mut h = [_mm512_setzero_si512(); 8];
        for i in 0..4 {
            h[i] = _mm512_xor_si512(_mm512_aesenclast_epi128(x[i], ends.last), inputs[i]);
            h[4 + i] = xor3(_mm512_aesenclast_epi128(x[4 + i], ends.last), inputs[i], twin);
        }
        for pair in 0..2 {
            let low = |of: &[__m512i]| lows(of[2 * pair], of[2 * pair + 1]);
            let (falses, trues) = (low(&h[..4]), low(&h[4..]));
            let flipped = _mm512_test_epi64_mask(low(&labels), _mm512_set1_epi64(1));
            let of_zero = _mm512_mask_blend_epi64(flipped, falses, trues);
            let of_one = _mm512_mask_blend_epi64(flipped, trues, falses);
            take(2 * group + pair, [of_zero, of_one], flipped);
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,aes,vaes")]
fn open(
    keys: &[__m512i; 11],
    place: u32,
    labels: &Lanes,
    from: PackedFrom<'_>,
    shift: u32,
    shares: &mut [u64; LANES],
) {
    let pads = hashed(keys, place, labels);
    let labels: &[[__m512i; 2]] = bytemuck::cast_slice(&labels[..]);
    let shift = _mm_cvtsi64_si128(i64::from(shift));
    for (group, shares) in shares.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let [first, second] = labels[group];
        let set = _mm512_test_epi64_mask(lows(first, second), _mm512_set1_epi64(1));
        let pad = lows(pads[2 * group], pads[2 * group + 1]);
        let opened = _mm512_mask_add_epi64(pad, set, pad, from.width.read(from.bytes, group));
        let shifted = _mm512_sll_epi64(opened, shift);
        *shares = must_cast(_mm512_add_epi64(must_cast(*shares), shifted));
    }
}

#[target_feature(enable = "avx512f,avx512bw,aes,vaes")]
fn pad(keys: &[__m512i; 11], place: u32, labels: &Lanes) -> [u64; LANES] {
    let h = hashed(keys, place, labels);
    let mut out = [0u64; LANES];
    for (pair, out) in out.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        *out = must_cast(lows(h[2 * pair], h[2 * pair + 1]));
    }
    out
}

/// The hashes of a wire's labels.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,aes,vaes")]
fn hashed(keys: &[__m512i; 11], place: u32, labels: &Lanes) -> [__m512i; LANES / 4] {
    let ends = Ends::of(keys, place);
    let mut inputs: [__m512i; LANES / 4] = must_cast(*labels);
    let mut x = inputs;
    for (i, (input, x)) in inputs.iter_mut().zip(&mut x).enumerate() {
        *input = _mm512_xor_si512(sigma(*input).0, lane_tweaks(i));
        *x = _mm512_xor_si512(*input, ends.first);
    }
    let mut h = rounds(keys, x);
    for (h, input) in h.iter_mut().zip(inputs) {
        *h = _mm512_xor_si512(_mm512_aesenclast_epi128(*h, ends.last), input);
    }
    h
}

/// Tables are read once and in order, but a prefetcher stops at the end of a page: asks for a gate's some gates ahead,
/// where there are any.
#[inline]
#[target_feature(enable = "sse")]
fn ask_for_tables_after(generators: &[u8; LANE_BYTES]) {
    const AHEAD: usize = 4096;
    for line in (0..LANES * AND_BYTES).step_by(64) {
        // A hint: nothing is read, and no address is wrong.
        _mm_prefetch::<_MM_HINT_T0>(generators.as_ptr().wrapping_add(AHEAD + line).cast());
    }
}

/// A key's first and last round keys with the part of the tweak that all lanes share, the use `index` of the key, folded
/// in: on `x = σ(label) ^ lane tweak` they give `E(x ^ index) ^ index`, which is the hash but for `x`.
#[derive(Clone, Copy)]
struct Ends {
    first: __m512i,
    last: __m512i,
}

impl Ends {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn of(keys: &[__m512i; 11], index: u32) -> Self {
        let index = wide(tweak(index, 0));
        Self { first: _mm512_xor_si512(keys[0], index), last: _mm512_xor_si512(keys[10], index) }
    }
}

/// The tweaks of every lane, but for the use of the key.
static LANE_TWEAKS: Lanes = {
    let mut tweaks = Lanes::ZERO;
    let mut lane = 0;
    while lane < LANES {
        tweaks.0[lane] = tweak(0, lane);
        lane += 1;
    }
    tweaks
};

/// Those of four lanes from `4 group` on.
#[inline]
#[target_feature(enable = "avx512f")]
fn lane_tweaks(group: usize) -> __m512i {
    must_cast(LANE_TWEAKS.as_chunks::<4>().0[group])
}

/// The low halves of eight blocks, in order.
#[inline]
#[target_feature(enable = "avx512f")]
fn lows(first: __m512i, second: __m512i) -> __m512i {
    _mm512_permutex2var_epi64(first, _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0), second)
}

/// The linear orthomorphism of `gc/hash.rs` on four blocks, `l || r -> (l ^ r) || l`, and for either half of a block
/// whether the block's lowest bit, its colour, is set.
#[inline]
#[target_feature(enable = "avx512f")]
fn sigma(x: __m512i) -> (__m512i, __mmask8) {
    let swapped = _mm512_shuffle_epi32::<0x4e>(x);
    let lows = _mm512_mask_mov_epi64(x, 0b1010_1010, swapped);
    let colour = _mm512_test_epi64_mask(lows, _mm512_set1_epi64(1));
    (_mm512_mask_xor_epi64(swapped, 0b1010_1010, swapped, x), colour)
}

/// `x ^ y` where the mask is set, `x` elsewhere.
#[inline]
#[target_feature(enable = "avx512f")]
fn xor_where(mask: __mmask8, x: __m512i, y: __m512i) -> __m512i {
    _mm512_mask_xor_epi64(x, mask, x, y)
}

/// `x ^ y ^ z`.
#[inline]
#[target_feature(enable = "avx512f")]
fn xor3(x: __m512i, y: __m512i, z: __m512i) -> __m512i {
    _mm512_ternarylogic_epi64::<0x96>(x, y, z)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn wide(block: Block) -> __m512i {
    _mm512_broadcast_i32x4(must_cast(block))
}
