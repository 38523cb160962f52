//! The only module with `unsafe`: half-gates and AES-128 on VAES and AVX-512, four blocks an instruction.
//!
//! Each kernel has a portable twin (`gc/garble.rs`, `gc/evaluate.rs`, the crate `aes`) and is tested equal to it. Whether
//! the machine has the instructions is asked at run time, when a key is expanded: a [`RoundKeys`] is the proof.
#![expect(unsafe_code, reason = "calls of target-feature functions, each behind a run-time check")]

use crate::block::Block;
use crate::gc::garble::Garbled;
use crate::gc::{LANES, Lanes};
use bytemuck::must_cast;
use std::arch::x86_64::*;

/// AES-128 round keys. Exists only on a machine with AES, VAES, AVX-512F and AVX-512BW.
#[derive(Clone)]
pub(crate) struct RoundKeys([__m128i; 11]);

/// Four blocks.
type Wide = [Block; 4];

// The kernels take 8 and 16 lanes at a time.
const _: () = assert!(LANES.is_multiple_of(16));

/// Groups of four blocks that are encrypted side by side, to hide the latency of a round.
const FLIGHT: usize = 8;

impl RoundKeys {
    /// Expands `key`, or `None` where the machine lacks an instruction.
    pub(crate) fn expand(key: Block) -> Option<Self> {
        let there = is_x86_feature_detected!("aes")
            && is_x86_feature_detected!("vaes")
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw");
        // SAFETY: the features that `expand` is compiled for were just found.
        there.then(|| Self(unsafe { expand(must_cast(key)) }))
    }

    /// Encrypts every block in place.
    pub(crate) fn encrypt(&self, blocks: &mut [Block]) {
        // SAFETY: a `RoundKeys` exists only where the features were found.
        unsafe { encrypt(self, blocks) }
    }

    /// Garbles an AND of two wires given as zero labels, lane by lane, under the tweaks of the key's gate `place`.
    pub(crate) fn garble_and(&self, place: u32, delta: Block, a: &Lanes, b: &Lanes, out: &mut Garbled<'_>) {
        // SAFETY: a `RoundKeys` exists only where the features were found.
        unsafe { garble_and(self, place, delta, a, b, out) }
    }

    /// Evaluates an AND of two wires given as active labels, from its two ciphertexts.
    pub(crate) fn evaluate_and(
        &self,
        place: u32,
        (a, b): (&Lanes, &Lanes),
        halves: &[Lanes; 2],
        label: &mut Lanes,
    ) {
        // SAFETY: a `RoundKeys` exists only where the features were found.
        unsafe { evaluate_and(self, place, (a, b), halves, label) }
    }
}

#[target_feature(enable = "aes,sse2")]
fn expand(key: __m128i) -> [__m128i; 11] {
    /// The next round key of FIPS 197 from the last one and its assisted word.
    #[target_feature(enable = "aes,sse2")]
    fn next(key: __m128i, assisted: __m128i) -> __m128i {
        let assisted = _mm_shuffle_epi32::<0xff>(assisted);
        let mut mixed = _mm_xor_si128(key, _mm_slli_si128::<4>(key));
        mixed = _mm_xor_si128(mixed, _mm_slli_si128::<8>(mixed));
        _mm_xor_si128(mixed, assisted)
    }
    let k0 = key;
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

/// Every round key in all four places.
#[inline]
#[target_feature(enable = "avx512f")]
fn broadcast(keys: &RoundKeys) -> [__m512i; 11] {
    let mut wide = [_mm512_setzero_si512(); 11];
    for (wide, key) in wide.iter_mut().zip(keys.0) {
        *wide = _mm512_broadcast_i32x4(key);
    }
    wide
}

/// AES-128 of `N` groups of four blocks side by side.
#[inline]
#[target_feature(enable = "avx512f,vaes")]
fn cipher<const N: usize>(keys: &[__m512i; 11], mut x: [__m512i; N]) -> [__m512i; N] {
    for x in &mut x {
        *x = _mm512_xor_si512(*x, keys[0]);
    }
    for key in &keys[1..10] {
        for x in &mut x {
            *x = _mm512_aesenc_epi128(*x, *key);
        }
    }
    for x in &mut x {
        *x = _mm512_aesenclast_epi128(*x, keys[10]);
    }
    x
}

#[target_feature(enable = "avx512f,avx512bw,aes,vaes")]
fn encrypt(keys: &RoundKeys, blocks: &mut [Block]) {
    let keys = broadcast(keys);
    let (wide, rest) = blocks.as_chunks_mut::<4>();
    let (flights, last) = wide.as_chunks_mut::<FLIGHT>();
    for flight in flights {
        let out = cipher(&keys, flight.map(must_cast));
        *flight = out.map(must_cast);
    }
    for group in last {
        let [out] = cipher(&keys, [must_cast(*group)]);
        *group = must_cast(out);
    }
    if !rest.is_empty() {
        let mut group: Wide = [Block::ZERO; 4];
        group[..rest.len()].copy_from_slice(rest);
        let [out] = cipher(&keys, [must_cast(group)]);
        let group: Wide = must_cast(out);
        rest.copy_from_slice(&group[..rest.len()]);
    }
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

#[target_feature(enable = "avx512f,avx512bw,aes,vaes")]
fn garble_and(keys: &RoundKeys, place: u32, delta: Block, a: &Lanes, b: &Lanes, out: &mut Garbled<'_>) {
    let keys = broadcast(keys);
    let delta = wide(delta);
    let twin = sigma(delta);
    let groups = a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0);
    let halves = out.generator.as_chunks_mut::<8>().0.iter_mut().zip(out.evaluator.as_chunks_mut::<8>().0);
    let outputs = halves.zip(out.zero.as_chunks_mut::<8>().0);
    for (group, ((a, b), ((generator, evaluator), zero))) in groups.zip(outputs).enumerate() {
        let lane = 8 * group;
        let [a0, a1]: [__m512i; 2] = must_cast(*a);
        let [b0, b1]: [__m512i; 2] = must_cast(*b);
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
        let h = cipher(&keys, inputs);
        let first = half_gates([a0, b0, x0, y0], [h[0], h[2], h[4], h[6]], twin, delta);
        let second = half_gates([a1, b1, x1, y1], [h[1], h[3], h[5], h[7]], twin, delta);
        *generator = must_cast([first[0], second[0]]);
        *evaluator = must_cast([first[1], second[1]]);
        *zero = must_cast([first[2], second[2]]);
    }
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
fn evaluate_and(
    keys: &RoundKeys,
    place: u32,
    (a, b): (&Lanes, &Lanes),
    [generator, evaluator]: &[Lanes; 2],
    label: &mut Lanes,
) {
    let keys = broadcast(keys);
    let groups = a.as_chunks::<16>().0.iter().zip(b.as_chunks::<16>().0);
    let halves = generator.as_chunks::<16>().0.iter().zip(evaluator.as_chunks::<16>().0);
    for (group, (((a, b), (g, e)), label)) in
        groups.zip(halves).zip(label.as_chunks_mut::<16>().0).enumerate()
    {
        let a: [__m512i; 4] = must_cast(*a);
        let b: [__m512i; 4] = must_cast(*b);
        let g: [__m512i; 4] = must_cast(*g);
        let e: [__m512i; 4] = must_cast(*e);
        let mut inputs = [_mm512_setzero_si512(); 8];
        for i in 0..4 {
            let lane = 16 * group + 4 * i;
            inputs[i] = _mm512_xor_si512(sigma(a[i]), tweaks(2 * place, lane));
            inputs[4 + i] = _mm512_xor_si512(sigma(b[i]), tweaks(2 * place + 1, lane));
        }
        let h = cipher(&keys, inputs);
        let mut out = [_mm512_setzero_si512(); 4];
        for i in 0..4 {
            let w_generator = select_xor(colour(a[i]), g[i], _mm512_xor_si512(h[i], inputs[i]));
            let both = _mm512_xor_si512(e[i], a[i]);
            let w_evaluator = select_xor(colour(b[i]), both, _mm512_xor_si512(h[4 + i], inputs[4 + i]));
            out[i] = _mm512_xor_si512(w_generator, w_evaluator);
        }
        *label = must_cast(out);
    }
}
