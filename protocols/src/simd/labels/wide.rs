//! The way from labels to shares and the packing of what travels in one, eight lanes at a time, on AVX-512.

use super::super::aes::KeyList;
use super::super::gates::{Ends, at, lane_tweaks};
use super::super::packed::{PackedFrom, PackedTo};
use super::super::vector::{Four, Vector, wire};
use super::hash;
use crate::block::Block;
use crate::gc::convert::{KeyUse, Weight};
use crate::gc::{LANES, Lanes};
use bytemuck::must_cast;
use std::arch::x86_64::*;

impl KeyList<Four> {
    /// Writes the ciphertexts of a wire that is worth `by`, packed; `shares` gain the garbler's shares.
    pub(crate) fn close_packed(
        &self,
        at: KeyUse,
        zero: &Lanes,
        delta: Block,
        by: Weight,
        to: PackedTo<'_>,
        shares: &mut [u64; LANES],
    ) {
        // SAFETY: a `KeyList` exists only where the features were found.
        unsafe { Four::run(|| close(&self.broadcast(at.key), at.place, zero, delta, by, to, shares)) }
    }

    /// `shares` gain `h(K_c) + c C`, shifted, with the ciphertexts `C` of all lanes packed.
    pub(crate) fn open_packed(
        &self,
        at: KeyUse,
        labels: &Lanes,
        from: PackedFrom<'_>,
        shift: u32,
        shares: &mut [u64; LANES],
    ) {
        // SAFETY: a `KeyList` exists only where the features were found.
        unsafe { Four::run(|| open(&self.broadcast(at.key), at.place, labels, from, shift, shares)) }
    }
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
    let (twin, _) = Four::all(delta).sigma();
    for group in 0..LANES / 16 {
        let labels: [Four; 4] = at(zero, group);
        let mut inputs = [_mm512_setzero_si512(); 4];
        let mut x = [_mm512_setzero_si512(); 8];
        for i in 0..4 {
            inputs[i] = labels[i].sigma().0.xor(lane_tweaks(4 * group + i));
            x[i] = _mm512_xor_si512(inputs[i], ends.first);
            x[4 + i] = _mm512_xor_si512(x[i], twin);
        }
        let x = Four::rounds(keys, x);
        let mut h = [_mm512_setzero_si512(); 8];
        for i in 0..4 {
            h[i] = _mm512_xor_si512(_mm512_aesenclast_epi128(x[i], ends.last), inputs[i]);
            h[4 + i] = x[4 + i].last_round(ends.last).xor3(inputs[i], twin);
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
    let pads = hash(keys, place, labels);
    let (pads, labels) = (wire::<Four>(&pads), wire::<Four>(labels).as_chunks::<2>().0);
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

/// The low halves of eight blocks, in order.
#[inline]
#[target_feature(enable = "avx512f")]
fn lows(first: __m512i, second: __m512i) -> __m512i {
    _mm512_permutex2var_epi64(first, _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0), second)
}
