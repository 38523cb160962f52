//! AES-128: key expansion, and encryption of many blocks at once.

use crate::block::Block;
use bytemuck::must_cast;
use std::arch::x86_64::*;
use zeroize::Zeroize;

/// AES-128 round keys. Exists only on a machine with AES-NI.
pub(crate) struct AesNiKeys([__m128i; 11]);

/// AES-128 round keys. Exists only on a machine with AES-NI, VAES and AVX-512 (F, BW, DQ and VBMI).
pub(crate) struct VaesKeys([__m128i; 11]);

/// The round keys of a list of AES-128 keys, four keys a row. Exists only where a [`VaesKeys`] can.
pub(crate) struct VaesKeyList(Vec<[[__m128i; 4]; 11]>);

/// Four blocks.
type Wide = [Block; 4];

/// Groups of blocks that are encrypted side by side, to hide the latency of a round.
const FLIGHT: usize = 8;

impl Zeroize for AesNiKeys {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl Zeroize for VaesKeys {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

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
            && is_x86_feature_detected!("avx512vbmi")
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

    /// Counter mode: the blocks `first`, `first + 1` and so on, encrypted.
    pub(crate) fn stream(&self, first: u64, out: &mut [Block]) {
        // SAFETY: a `VaesKeys` exists only where the features were found.
        unsafe { stream_wide(self, first, out) }
    }
}

impl VaesKeyList {
    /// Expands every key, or `None` where the machine lacks an instruction.
    pub(crate) fn expand(keys: impl ExactSizeIterator<Item = Block>) -> Option<Self> {
        // SAFETY: the features that `expand_all` is compiled for were just found.
        VaesKeys::available().then(|| Self(unsafe { expand_all(keys) }))
    }

    /// Every round key of the key `index` in all four places.
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn broadcast(&self, index: usize) -> [__m512i; 11] {
        let row = &self.0[index / 4];
        let mut wide = [_mm512_setzero_si512(); 11];
        for (wide, keys) in wide.iter_mut().zip(row) {
            *wide = _mm512_broadcast_i32x4(keys[index % 4]);
        }
        wide
    }
}

/// Four keys side by side. The substitution of FIPS 197's key expansion is the last round's, on a block of four equal
/// words, whose rows do not shift.
#[target_feature(enable = "avx512f,avx512bw,vaes")]
fn expand_all(mut keys: impl ExactSizeIterator<Item = Block>) -> Vec<[[__m128i; 4]; 11]> {
    const ROUND_CONSTANTS: [i32; 10] = [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x1b, 0x36];
    // The last word, its bytes turned by one, in all four.
    let turned = _mm512_set1_epi32(0x0c0f_0e0d);
    let mut rows = Vec::with_capacity(keys.len().div_ceil(4));
    while keys.len() > 0 {
        let four: Wide = std::array::from_fn(|_| keys.next().unwrap_or(Block::ZERO));
        let mut key: __m512i = must_cast(four);
        let mut row = [must_cast(key); 11];
        for (row, constant) in row[1..].iter_mut().zip(ROUND_CONSTANTS) {
            let words = _mm512_shuffle_epi8(key, turned);
            let assisted = _mm512_aesenclast_epi128(words, _mm512_set1_epi32(constant));
            let mixed = _mm512_xor_si512(key, _mm512_bslli_epi128::<4>(key));
            let mixed = _mm512_xor_si512(mixed, _mm512_bslli_epi128::<8>(mixed));
            key = _mm512_xor_si512(mixed, assisted);
            *row = must_cast(key);
        }
        rows.push(row);
    }
    rows
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
        narrow_cipher(keys, &mut x);
        *flight = must_cast(x);
    }
    for block in rest {
        let mut x: [__m128i; 1] = must_cast([*block]);
        narrow_cipher(keys, &mut x);
        [*block] = must_cast(x);
    }
}

/// The cipher on blocks side by side.
#[inline]
#[target_feature(enable = "aes,sse2")]
fn narrow_cipher(keys: &AesNiKeys, blocks: &mut [__m128i]) {
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
fn broadcast(keys: &VaesKeys) -> [__m512i; 11] {
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
    let mut x = rounds(keys, x);
    for x in &mut x {
        *x = _mm512_aesenclast_epi128(*x, keys[10]);
    }
    x
}

/// All rounds but the last, of `N` groups of four blocks that the first round key was added to.
#[inline]
#[target_feature(enable = "avx512f,vaes")]
pub(super) fn rounds<const N: usize>(keys: &[__m512i; 11], mut x: [__m512i; N]) -> [__m512i; N] {
    for key in &keys[1..10] {
        for x in &mut x {
            *x = _mm512_aesenc_epi128(*x, *key);
        }
    }
    x
}

#[target_feature(enable = "avx512f,avx512bw,aes,vaes")]
fn encrypt_wide(keys: &VaesKeys, blocks: &mut [Block]) {
    encrypt_each(keys, blocks, must_cast);
}

#[target_feature(enable = "avx512f,avx512bw,aes,vaes")]
fn stream_wide(keys: &VaesKeys, first: u64, out: &mut [Block]) {
    let four = _mm512_set_epi64(0, 4, 0, 4, 0, 4, 0, 4);
    let places = _mm512_set_epi64(0, 3, 0, 2, 0, 1, 0, 0);
    let mut counters = _mm512_add_epi64(places, _mm512_maskz_set1_epi64(0b0101_0101, first as i64));
    encrypt_each(keys, out, |_| {
        let group = counters;
        counters = _mm512_add_epi64(counters, four);
        group
    });
}

/// Overwrites every group of four blocks with the ciphertext of what `plain` makes of it, in order.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,aes,vaes")]
fn encrypt_each(keys: &VaesKeys, blocks: &mut [Block], mut plain: impl FnMut(Wide) -> __m512i) {
    let keys = broadcast(keys);
    let (wide, rest) = blocks.as_chunks_mut::<4>();
    let (flights, last) = wide.as_chunks_mut::<FLIGHT>();
    for flight in flights {
        let mut x = [_mm512_setzero_si512(); FLIGHT];
        for (x, group) in x.iter_mut().zip(&*flight) {
            *x = plain(*group);
        }
        *flight = must_cast(cipher(&keys, x));
    }
    for group in last {
        let [out] = cipher(&keys, [plain(*group)]);
        *group = must_cast(out);
    }
    if !rest.is_empty() {
        let mut group: Wide = [Block::ZERO; 4];
        group[..rest.len()].copy_from_slice(rest);
        let [out] = cipher(&keys, [plain(group)]);
        let group: Wide = must_cast(out);
        rest.copy_from_slice(&group[..rest.len()]);
    }
}
