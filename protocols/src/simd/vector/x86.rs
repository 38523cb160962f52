//! Registers of x86-64.

use super::{Block, Vector};
use crate::gc::LANES;
use crate::instructions::Instructions;
use bytemuck::must_cast;
use std::arch::x86_64::*;

/// Four blocks: VAES on AVX-512.
pub(crate) type Four = __m512i;
/// Two blocks: VAES on AVX2.
pub(crate) type Two = __m256i;
/// One block: AES-NI beside AVX2.
pub(crate) type One = __m128i;

impl Vector for Four {
    type Mask = __mmask8;
    type Wire = [Self; LANES / 4];
    const BLOCKS: usize = 4;

    fn available() -> bool {
        Instructions::All.allowed()
            && is_x86_feature_detected!("aes")
            && is_x86_feature_detected!("vaes")
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vbmi")
    }

    #[inline(always)]
    unsafe fn run<R>(kernel: impl FnOnce() -> R) -> R {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,aes,vaes")]
        fn compiled<R>(kernel: impl FnOnce() -> R) -> R {
            kernel()
        }
        // SAFETY: the caller has found the features.
        unsafe { compiled(kernel) }
    }

    #[inline(always)]
    fn all(block: Block) -> Self {
        // SAFETY: the features were found.
        unsafe { _mm512_broadcast_i32x4(must_cast(block)) }
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        // SAFETY: the features were found.
        unsafe { _mm512_xor_si512(self, other) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: the features were found.
        unsafe { _mm512_add_epi64(self, other) }
    }

    #[inline(always)]
    fn round(self, key: Self) -> Self {
        // SAFETY: the features were found.
        unsafe { _mm512_aesenc_epi128(self, key) }
    }

    #[inline(always)]
    fn last_round(self, key: Self) -> Self {
        // SAFETY: the features were found.
        unsafe { _mm512_aesenclast_epi128(self, key) }
    }

    #[inline(always)]
    fn sigma(self) -> (Self, Self::Mask) {
        // SAFETY: the features were found.
        unsafe {
            let swapped = _mm512_shuffle_epi32::<0x4e>(self);
            let lows = _mm512_mask_mov_epi64(self, 0b1010_1010, swapped);
            let colour = _mm512_test_epi64_mask(lows, _mm512_set1_epi64(1));
            (_mm512_mask_xor_epi64(swapped, 0b1010_1010, swapped, self), colour)
        }
    }

    #[inline(always)]
    fn xor_where(self, chosen: Self::Mask, other: Self) -> Self {
        // SAFETY: the features were found.
        unsafe { _mm512_mask_xor_epi64(self, chosen, self, other) }
    }

    #[inline(always)]
    fn xor3(self, y: Self, z: Self) -> Self {
        // SAFETY: the features were found.
        unsafe { _mm512_ternarylogic_epi64::<0x96>(self, y, z) }
    }

    #[inline(always)]
    fn ask_for(line: *const u8) {
        // SAFETY: a hint: nothing is read, and no address is wrong.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.cast()) }
    }

    unsafe fn expand_four(keys: [Block; 4]) -> [[Block; 4]; 11] {
        // SAFETY: the caller has found the features.
        unsafe { expand_side_by_side(keys) }
    }
}

impl Vector for Two {
    type Mask = Self;
    type Wire = [Self; LANES / 2];
    const BLOCKS: usize = 2;

    fn available() -> bool {
        Instructions::Avx2Vaes.allowed()
            && is_x86_feature_detected!("aes")
            && is_x86_feature_detected!("vaes")
            && is_x86_feature_detected!("avx2")
    }

    #[inline(always)]
    unsafe fn run<R>(kernel: impl FnOnce() -> R) -> R {
        #[target_feature(enable = "avx2,aes,vaes")]
        fn compiled<R>(kernel: impl FnOnce() -> R) -> R {
            kernel()
        }
        // SAFETY: the caller has found the features.
        unsafe { compiled(kernel) }
    }

    #[inline(always)]
    fn all(block: Block) -> Self {
        // SAFETY: the features were found.
        unsafe { _mm256_broadcastsi128_si256(must_cast(block)) }
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        // SAFETY: the features were found.
        unsafe { _mm256_xor_si256(self, other) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: the features were found.
        unsafe { _mm256_add_epi64(self, other) }
    }

    #[inline(always)]
    fn round(self, key: Self) -> Self {
        // SAFETY: the features were found.
        unsafe { _mm256_aesenc_epi128(self, key) }
    }

    #[inline(always)]
    fn last_round(self, key: Self) -> Self {
        // SAFETY: the features were found.
        unsafe { _mm256_aesenclast_epi128(self, key) }
    }

    #[inline(always)]
    fn sigma(self) -> (Self, Self::Mask) {
        // SAFETY: the features were found.
        unsafe {
            let swapped = _mm256_shuffle_epi32::<0x4e>(self);
            let upper = _mm256_and_si256(self, _mm256_set_epi64x(-1, 0, -1, 0));
            let lowest = _mm256_shuffle_epi32::<0>(_mm256_slli_epi32::<31>(self));
            (_mm256_xor_si256(swapped, upper), _mm256_srai_epi32::<31>(lowest))
        }
    }

    #[inline(always)]
    fn xor_where(self, chosen: Self::Mask, other: Self) -> Self {
        // SAFETY: the features were found.
        unsafe { _mm256_xor_si256(self, _mm256_and_si256(chosen, other)) }
    }

    #[inline(always)]
    fn ask_for(line: *const u8) {
        // SAFETY: a hint: nothing is read, and no address is wrong.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.cast()) }
    }
}

impl Vector for One {
    type Mask = Self;
    type Wire = [Self; LANES];
    const BLOCKS: usize = 1;

    fn available() -> bool {
        Instructions::Avx2.allowed() && is_x86_feature_detected!("aes") && is_x86_feature_detected!("avx2")
    }

    #[inline(always)]
    unsafe fn run<R>(kernel: impl FnOnce() -> R) -> R {
        #[target_feature(enable = "avx2,aes")]
        fn compiled<R>(kernel: impl FnOnce() -> R) -> R {
            kernel()
        }
        // SAFETY: the caller has found the features.
        unsafe { compiled(kernel) }
    }

    #[inline(always)]
    fn all(block: Block) -> Self {
        must_cast(block)
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        // SAFETY: the features were found.
        unsafe { _mm_xor_si128(self, other) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: the features were found.
        unsafe { _mm_add_epi64(self, other) }
    }

    #[inline(always)]
    fn round(self, key: Self) -> Self {
        // SAFETY: the features were found.
        unsafe { _mm_aesenc_si128(self, key) }
    }

    #[inline(always)]
    fn last_round(self, key: Self) -> Self {
        // SAFETY: the features were found.
        unsafe { _mm_aesenclast_si128(self, key) }
    }

    #[inline(always)]
    fn sigma(self) -> (Self, Self::Mask) {
        // SAFETY: the features were found.
        unsafe {
            let swapped = _mm_shuffle_epi32::<0x4e>(self);
            let upper = _mm_and_si128(self, _mm_set_epi64x(-1, 0));
            let lowest = _mm_shuffle_epi32::<0>(_mm_slli_epi32::<31>(self));
            (_mm_xor_si128(swapped, upper), _mm_srai_epi32::<31>(lowest))
        }
    }

    #[inline(always)]
    fn xor_where(self, chosen: Self::Mask, other: Self) -> Self {
        // SAFETY: the features were found.
        unsafe { _mm_xor_si128(self, _mm_and_si128(chosen, other)) }
    }

    #[inline(always)]
    fn ask_for(line: *const u8) {
        // SAFETY: a hint: nothing is read, and no address is wrong.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.cast()) }
    }
}

/// Four keys' expansions side by side. The substitution of FIPS 197's key expansion is the last round's, on a block of four
/// equal words, whose rows do not shift.
#[target_feature(enable = "avx512f,avx512bw,vaes")]
fn expand_side_by_side(keys: [Block; 4]) -> [[Block; 4]; 11] {
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
