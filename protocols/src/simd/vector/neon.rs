//! Registers of AArch64.

use super::{Block, Vector};
use crate::gc::LANES;
use crate::instructions::Instructions;
use bytemuck::must_cast;
use std::arch::aarch64::*;
use std::arch::is_aarch64_feature_detected;

/// One block: the AES instructions beside NEON.
pub(crate) type One = uint8x16_t;

#[expect(
    inline_always_mismatching_target_features,
    reason = "they are inlined with what `run` runs, which has the features"
)]
impl Vector for One {
    type Mask = Self;
    type Wire = [Self; LANES];
    const BLOCKS: usize = 1;

    fn available() -> bool {
        Instructions::Avx2.allowed() && is_aarch64_feature_detected!("aes")
    }

    #[inline(always)]
    unsafe fn run<R>(kernel: impl FnOnce() -> R) -> R {
        #[target_feature(enable = "neon,aes")]
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
        unsafe { veorq_u8(self, other) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: the features were found.
        unsafe { vreinterpretq_u8_u64(vaddq_u64(vreinterpretq_u64_u8(self), vreinterpretq_u64_u8(other))) }
    }

    #[inline(always)]
    fn last_round(self, key: Self) -> Self {
        // SAFETY: the features were found.
        unsafe { veorq_u8(vaeseq_u8(self, vdupq_n_u8(0)), key) }
    }

    /// The instruction adds its key first: a zero, and the round's own behind it.
    #[inline(always)]
    fn rounds(keys: &[Self; 11], mut x: [Self; 8]) -> [Self; 8] {
        for key in &keys[1..10] {
            for x in &mut x {
                // SAFETY: the features were found.
                *x = unsafe { veorq_u8(vaesmcq_u8(vaeseq_u8(*x, vdupq_n_u8(0))), *key) };
            }
        }
        x
    }

    #[inline(always)]
    fn sigma(self) -> (Self, Self::Mask) {
        // SAFETY: the features were found.
        unsafe {
            let swapped = vextq_u8::<8>(self, self);
            let upper = vandq_u8(self, must_cast([0, u64::MAX]));
            let lowest = vnegq_s64(vreinterpretq_s64_u8(vandq_u8(self, must_cast([1u64; 2]))));
            let colour = vdupq_laneq_s64::<0>(lowest);
            (veorq_u8(swapped, upper), vreinterpretq_u8_s64(colour))
        }
    }

    #[inline(always)]
    fn xor_where(self, chosen: Self::Mask, other: Self) -> Self {
        // SAFETY: the features were found.
        unsafe { veorq_u8(self, vandq_u8(chosen, other)) }
    }

    #[inline(always)]
    fn turned(self) -> Self {
        // SAFETY: the features were found.
        unsafe { vqtbl1q_u8(self, must_cast([0x0c0f_0e0d_u32; 4])) }
    }

    #[inline(always)]
    fn word_up(self) -> Self {
        // SAFETY: the features were found.
        unsafe { vextq_u8::<12>(vdupq_n_u8(0), self) }
    }
}
