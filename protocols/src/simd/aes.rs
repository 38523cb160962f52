//! AES-128: key expansion, and encryption of many blocks at once.

use crate::block::Block;
use bytemuck::must_cast;
use std::arch::x86_64::*;

/// AES-128 round keys. Exists only on a machine with AES-NI.
#[derive(Clone)]
pub(crate) struct AesNiKeys([__m128i; 11]);

/// AES-128 round keys. Exists only on a machine with AES-NI, VAES, AVX-512F, AVX-512BW and AVX-512DQ.
#[derive(Clone)]
pub(crate) struct VaesKeys([__m128i; 11]);

/// Four blocks.
type Wide = [Block; 4];

/// Groups of blocks that are encrypted side by side, to hide the latency of a round.
const FLIGHT: usize = 8;

impl AesNiKeys {
    /// Whether the machine has what it takes.
    pub(crate) fn available() -> bool {
        is_x86_feature_detected!("aes")
    }

    /// Expands `key`, or `None` where the machine lacks an instruction.
    pub(crate) fn expand(key: Block) -> Option<Self> {
        // SAFETY: the feature that `expand` is compiled for was just found.
        Self::available().then(|| Self(unsafe { expand(must_cast(key)) }))
    }

    /// Encrypts every block in place.
    pub(crate) fn encrypt(&self, blocks: &mut [Block]) {
        // SAFETY: an `AesNiKeys` exists only where the feature was found.
        unsafe { encrypt_narrow(self, blocks) }
    }
}

impl VaesKeys {
    /// Whether the machine has what it takes.
    pub(crate) fn available() -> bool {
        is_x86_feature_detected!("aes")
            && is_x86_feature_detected!("vaes")
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
    }

    /// Expands `key`, or `None` where the machine lacks an instruction.
    pub(crate) fn expand(key: Block) -> Option<Self> {
        // SAFETY: the features that `expand` is compiled for were just found.
        Self::available().then(|| Self(unsafe { expand(must_cast(key)) }))
    }

    /// Encrypts every block in place.
    pub(crate) fn encrypt(&self, blocks: &mut [Block]) {
        // SAFETY: a `VaesKeys` exists only where the features were found.
        unsafe { encrypt_wide(self, blocks) }
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

#[target_feature(enable = "aes,sse2")]
fn encrypt_narrow(keys: &AesNiKeys, blocks: &mut [Block]) {
    let (flights, rest) = blocks.as_chunks_mut::<FLIGHT>();
    for flight in flights {
        let mut x: [__m128i; FLIGHT] = must_cast(*flight);
        rounds(keys, &mut x);
        *flight = must_cast(x);
    }
    for block in rest {
        let mut x: [__m128i; 1] = must_cast([*block]);
        rounds(keys, &mut x);
        [*block] = must_cast(x);
    }
}

/// The cipher on blocks side by side.
#[inline]
#[target_feature(enable = "aes,sse2")]
fn rounds(keys: &AesNiKeys, blocks: &mut [__m128i]) {
    for x in &mut *blocks {
        *x = _mm_xor_si128(*x, keys.0[0]);
    }
    for key in &keys.0[1..10] {
        for x in &mut *blocks {
            *x = _mm_aesenc_si128(*x, *key);
        }
    }
    for x in &mut *blocks {
        *x = _mm_aesenclast_si128(*x, keys.0[10]);
    }
}

/// Every round key in all four places.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn broadcast(keys: &VaesKeys) -> [__m512i; 11] {
    let mut wide = [_mm512_setzero_si512(); 11];
    for (wide, key) in wide.iter_mut().zip(keys.0) {
        *wide = _mm512_broadcast_i32x4(key);
    }
    wide
}

/// AES-128 of `N` groups of four blocks side by side.
#[inline]
#[target_feature(enable = "avx512f,vaes")]
pub(super) fn cipher<const N: usize>(keys: &[__m512i; 11], mut x: [__m512i; N]) -> [__m512i; N] {
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
fn encrypt_wide(keys: &VaesKeys, blocks: &mut [Block]) {
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
