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

/// A round of eight registers, with the round key of that number.
macro_rules! round_of_eight {
    ($load:literal, $number:literal) => {
        concat!(
            $load,
            " {key}, [{keys} + ",
            $number,
            " * {size}]\n",
            "vaesenc {x0}, {x0}, {key}\n",
            "vaesenc {x1}, {x1}, {key}\n",
            "vaesenc {x2}, {x2}, {key}\n",
            "vaesenc {x3}, {x3}, {key}\n",
            "vaesenc {x4}, {x4}, {key}\n",
            "vaesenc {x5}, {x5}, {key}\n",
            "vaesenc {x6}, {x6}, {key}\n",
            "vaesenc {x7}, {x7}, {key}",
        )
    };
}

/// Nine rounds of eight registers, in the order in which they are written: left to itself, the compiler does a register's rounds
/// one after another, and waits for each.
macro_rules! rounds_side_by_side {
    ($name:ident, $vector:ty, $registers:ident, $features:literal, $load:literal) => {
        #[inline]
        #[target_feature(enable = $features)]
        fn $name(keys: &[$vector; 11], x: [$vector; 8]) -> [$vector; 8] {
            let [mut x0, mut x1, mut x2, mut x3, mut x4, mut x5, mut x6, mut x7] = x;
            // SAFETY: the second to the tenth of eleven keys are read, and nothing is written but the registers.
            unsafe {
                std::arch::asm!(
                    round_of_eight!($load, 1),
                    round_of_eight!($load, 2),
                    round_of_eight!($load, 3),
                    round_of_eight!($load, 4),
                    round_of_eight!($load, 5),
                    round_of_eight!($load, 6),
                    round_of_eight!($load, 7),
                    round_of_eight!($load, 8),
                    round_of_eight!($load, 9),
                    x0 = inout($registers) x0,
                    x1 = inout($registers) x1,
                    x2 = inout($registers) x2,
                    x3 = inout($registers) x3,
                    x4 = inout($registers) x4,
                    x5 = inout($registers) x5,
                    x6 = inout($registers) x6,
                    x7 = inout($registers) x7,
                    key = out($registers) _,
                    keys = in(reg) keys.as_ptr(),
                    size = const size_of::<$vector>(),
                    options(pure, readonly, nostack)
                );
            }
            [x0, x1, x2, x3, x4, x5, x6, x7]
        }
    };
}

rounds_side_by_side!(rounds_of_four, __m512i, zmm_reg, "avx512f,vaes", "vmovdqu64");
rounds_side_by_side!(rounds_of_two, __m256i, ymm_reg, "avx2,vaes", "vmovdqu");
rounds_side_by_side!(rounds_of_one, __m128i, xmm_reg, "avx2,aes", "vmovdqu");

/// Where the bytes of a block's last word come from when they are turned by one.
const LAST_WORD_TURNED: i32 = 0x0c0f_0e0d;

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
    fn last_round(self, key: Self) -> Self {
        // SAFETY: the features were found.
        unsafe { _mm512_aesenclast_epi128(self, key) }
    }

    #[inline(always)]
    fn rounds(keys: &[Self; 11], x: [Self; 8]) -> [Self; 8] {
        // SAFETY: the features were found.
        unsafe { rounds_of_four(keys, x) }
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

    #[inline(always)]
    fn turned(self) -> Self {
        // SAFETY: the features were found.
        unsafe { _mm512_shuffle_epi8(self, _mm512_set1_epi32(LAST_WORD_TURNED)) }
    }

    #[inline(always)]
    fn word_up(self) -> Self {
        // SAFETY: the features were found.
        unsafe { _mm512_bslli_epi128::<4>(self) }
    }
}

impl Vector for Two {
    /// One in every word of the blocks that are chosen, zero elsewhere.
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
    fn last_round(self, key: Self) -> Self {
        // SAFETY: the features were found.
        unsafe { _mm256_aesenclast_epi128(self, key) }
    }

    #[inline(always)]
    fn rounds(keys: &[Self; 11], x: [Self; 8]) -> [Self; 8] {
        // SAFETY: the features were found.
        unsafe { rounds_of_two(keys, x) }
    }

    #[inline(always)]
    fn sigma(self) -> (Self, Self::Mask) {
        // SAFETY: the features were found.
        unsafe {
            let swapped = _mm256_shuffle_epi32::<0x4e>(self);
            let upper = _mm256_and_si256(self, _mm256_set_epi64x(-1, 0, -1, 0));
            let lowest = _mm256_and_si256(_mm256_shuffle_epi32::<0>(self), _mm256_set1_epi32(1));
            (_mm256_xor_si256(swapped, upper), lowest)
        }
    }

    #[inline(always)]
    fn xor_where(self, chosen: Self::Mask, other: Self) -> Self {
        // SAFETY: the features were found.
        unsafe { _mm256_xor_si256(self, _mm256_sign_epi32(other, chosen)) }
    }

    #[inline(always)]
    fn ask_for(line: *const u8) {
        // SAFETY: a hint: nothing is read, and no address is wrong.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.cast()) }
    }

    #[inline(always)]
    fn turned(self) -> Self {
        // SAFETY: the features were found.
        unsafe { _mm256_shuffle_epi8(self, _mm256_set1_epi32(LAST_WORD_TURNED)) }
    }

    #[inline(always)]
    fn word_up(self) -> Self {
        // SAFETY: the features were found.
        unsafe { _mm256_bslli_epi128::<4>(self) }
    }
}

impl Vector for One {
    /// One in every word of the blocks that are chosen, zero elsewhere.
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
    fn last_round(self, key: Self) -> Self {
        // SAFETY: the features were found.
        unsafe { _mm_aesenclast_si128(self, key) }
    }

    #[inline(always)]
    fn rounds(keys: &[Self; 11], x: [Self; 8]) -> [Self; 8] {
        // SAFETY: the features were found.
        unsafe { rounds_of_one(keys, x) }
    }

    #[inline(always)]
    fn sigma(self) -> (Self, Self::Mask) {
        // SAFETY: the features were found.
        unsafe {
            let swapped = _mm_shuffle_epi32::<0x4e>(self);
            let upper = _mm_and_si128(self, _mm_set_epi64x(-1, 0));
            let lowest = _mm_and_si128(_mm_shuffle_epi32::<0>(self), _mm_set1_epi32(1));
            (_mm_xor_si128(swapped, upper), lowest)
        }
    }

    #[inline(always)]
    fn xor_where(self, chosen: Self::Mask, other: Self) -> Self {
        // SAFETY: the features were found.
        unsafe { _mm_xor_si128(self, _mm_sign_epi32(other, chosen)) }
    }

    #[inline(always)]
    fn ask_for(line: *const u8) {
        // SAFETY: a hint: nothing is read, and no address is wrong.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.cast()) }
    }

    #[inline(always)]
    fn turned(self) -> Self {
        // SAFETY: the features were found.
        unsafe { _mm_shuffle_epi8(self, _mm_set1_epi32(LAST_WORD_TURNED)) }
    }

    #[inline(always)]
    fn word_up(self) -> Self {
        // SAFETY: the features were found.
        unsafe { _mm_bslli_si128::<4>(self) }
    }
}
