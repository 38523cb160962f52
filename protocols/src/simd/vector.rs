//! Registers of blocks side by side, and what the kernels that do not depend on their width do with them.
//!
//! Methods are inlined into what [`Vector::run`] runs, which is compiled for the instructions; a value of the type exists nowhere
//! else, and `run` is safe to call only where they were found.

use crate::block::Block;
use crate::gc::{LANES, Lanes};
use bytemuck::{Pod, bytes_of, pod_read_unaligned};
use std::arch::x86_64::*;

/// One AES-128 key's round keys.
pub(super) type RoundKeys = [__m128i; 11];

/// Blocks side by side in a register.
pub(crate) trait Vector: Pod {
    /// Which blocks are chosen.
    type Mask: Copy;
    /// A wire's lanes.
    type Wire: Pod + AsRef<[Self]> + AsMut<[Self]>;
    /// How many blocks there are.
    const BLOCKS: usize;

    /// Whether the machine has what it takes.
    fn available() -> bool;

    /// Runs what is compiled for the instructions.
    ///
    /// # Safety
    /// The machine has them: [`Vector::available`].
    unsafe fn run<R>(kernel: impl FnOnce() -> R) -> R;

    /// The same block everywhere.
    fn all(block: Block) -> Self;
    /// `self ^ other`.
    fn xor(self, other: Self) -> Self;
    /// 64-bit halves, each added to the other's.
    fn add(self, other: Self) -> Self;
    /// A round of AES.
    fn round(self, key: Self) -> Self;
    /// The last round of AES.
    fn last_round(self, key: Self) -> Self;
    /// The linear orthomorphism of `gc/hash.rs`, `l || r -> (l ^ r) || l`, and which blocks' lowest bit, the colour, is set.
    fn sigma(self) -> (Self, Self::Mask);
    /// `self ^ other` where `chosen`, `self` elsewhere.
    fn xor_where(self, chosen: Self::Mask, other: Self) -> Self;

    /// `self ^ y ^ z`.
    #[inline(always)]
    fn xor3(self, y: Self, z: Self) -> Self {
        self.xor(y).xor(z)
    }

    /// Round keys of four keys, one after another.
    ///
    /// # Safety
    /// As of [`Vector::run`].
    unsafe fn expand_four(keys: [Block; 4]) -> [[__m128i; 4]; 11] {
        let each = keys.map(|key| {
            // SAFETY: every engine has AES-NI.
            unsafe { super::aes::expand(key) }
        });
        std::array::from_fn(|round| each.map(|keys| keys[round]))
    }
}

/// The lanes of a wire, register by register.
#[inline(always)]
pub(super) fn wire<V: Vector>(lanes: &Lanes) -> &[V] {
    bytemuck::must_cast_ref::<Lanes, V::Wire>(lanes).as_ref()
}

/// The same to be written.
#[inline(always)]
pub(super) fn wire_mut<V: Vector>(lanes: &mut Lanes) -> &mut [V] {
    bytemuck::must_cast_mut::<Lanes, V::Wire>(lanes).as_mut()
}

/// The `index`-th register of what lies anywhere.
#[inline(always)]
pub(super) fn read<V: Vector>(bytes: &[u8], index: usize) -> V {
    pod_read_unaligned(&bytes[index * size_of::<V>()..][..size_of::<V>()])
}

/// Writes it.
#[inline(always)]
pub(super) fn write<V: Vector>(value: V, bytes: &mut [u8], index: usize) {
    bytes[index * size_of::<V>()..][..size_of::<V>()].copy_from_slice(bytes_of(&value));
}

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
        is_x86_feature_detected!("aes")
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
        unsafe { _mm512_broadcast_i32x4(bytemuck::must_cast(block)) }
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

    unsafe fn expand_four(keys: [Block; 4]) -> [[__m128i; 4]; 11] {
        // SAFETY: the caller has found the features.
        unsafe { super::aes::expand_side_by_side(keys) }
    }
}

impl Vector for Two {
    type Mask = Self;
    type Wire = [Self; LANES / 2];
    const BLOCKS: usize = 2;

    fn available() -> bool {
        is_x86_feature_detected!("aes")
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
        unsafe { _mm256_broadcastsi128_si256(bytemuck::must_cast(block)) }
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
}

impl Vector for One {
    type Mask = Self;
    type Wire = [Self; LANES];
    const BLOCKS: usize = 1;

    fn available() -> bool {
        is_x86_feature_detected!("aes") && is_x86_feature_detected!("avx2")
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
        bytemuck::must_cast(block)
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
}
