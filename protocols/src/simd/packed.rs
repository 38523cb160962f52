//! Integers of one width that are packed without gaps (`wire.rs`), eight at a time: each is shifted to where its bits begin
//! in a byte, and bytes are brought between its word and its place.

use bytemuck::must_cast;
use std::arch::x86_64::*;

/// Beyond this a value's bits may lie in nine bytes.
const MOST_BITS: usize = 57;

/// Below this a byte may have bits of three values.
const LEAST_BITS: usize = 8;

/// How eight values of some width lie in as many bytes as a value has bits.
#[repr(C, align(64))]
pub(crate) struct PackedWidth {
    /// For every byte of the eight words, where it lies.
    places: [u8; 64],
    /// For every byte that is packed, which one of the words it is, for the first and the last value with bits in it.
    sources: [[u8; 64]; 2],
    /// How far each word is shifted.
    shifts: [u64; 8],
    /// Bytes in which two values meet.
    shared: u64,
    bits: usize,
}

/// Where packed values go, and how they lie there.
pub(crate) struct PackedTo<'a> {
    pub(crate) bytes: &'a mut [u8],
    pub(crate) width: &'static PackedWidth,
}

/// Where packed values lie, and how.
pub(crate) struct PackedFrom<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) width: &'static PackedWidth,
}

static WIDTHS: [PackedWidth; MOST_BITS + 1 - LEAST_BITS] = {
    let mut widths = [const { PackedWidth::new(LEAST_BITS) }; MOST_BITS + 1 - LEAST_BITS];
    let mut bits = LEAST_BITS;
    while bits <= MOST_BITS {
        widths[bits - LEAST_BITS] = PackedWidth::new(bits);
        bits += 1;
    }
    widths
};

impl PackedWidth {
    /// For values of `bits` bits, or `None` where they are too narrow or too wide.
    pub(crate) fn of(bits: u32) -> Option<&'static Self> {
        WIDTHS.get((bits as usize).wrapping_sub(LEAST_BITS))
    }

    const fn new(bits: usize) -> Self {
        let (mut places, mut sources, mut shifts) = ([0; 64], [[0; 64]; 2], [0; 8]);
        let mut value = 0;
        while value < 8 {
            let (byte, shift) = (value * bits / 8, value * bits % 8);
            let mut i = 0;
            while i < 8 {
                places[8 * value + i] = (byte + i) as u8;
                i += 1;
            }
            shifts[value] = shift as u64;
            value += 1;
        }
        let (mut byte, mut shared) = (0, 0);
        while byte < bits {
            let (first, last) = (8 * byte / bits, (8 * byte + 7) / bits);
            sources[0][byte] = (8 * first + byte - first * bits / 8) as u8;
            sources[1][byte] = (8 * last + byte - last * bits / 8) as u8;
            shared |= ((first != last) as u64) << byte;
            byte += 1;
        }
        Self { places, sources, shifts, shared, bits }
    }

    /// Eight values' bytes.
    const fn there(&self) -> u64 {
        u64::MAX >> (64 - self.bits)
    }

    /// The values from the `8 group`-th on; zeros where `packed` ends.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub(super) fn read(&self, packed: &[u8], group: usize) -> __m512i {
        let rest = &packed[packed.len().min(group * self.bits)..];
        let there = if rest.len() < 64 { (1 << rest.len()) - 1 } else { u64::MAX };
        // SAFETY: only bytes of `rest` are read.
        let bytes = unsafe { _mm512_maskz_loadu_epi8(there, rest.as_ptr().cast()) };
        let words = _mm512_permutexvar_epi8(must_cast(self.places), bytes);
        let shifted = _mm512_srlv_epi64(words, must_cast(self.shifts));
        _mm512_and_si512(shifted, _mm512_set1_epi64(self.there() as i64))
    }

    /// Packs the low bits of eight values as those from the `8 group`-th on.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    pub(super) fn write(&self, values: __m512i, packed: &mut [u8], group: usize) {
        let place = &mut packed[group * self.bits..][..self.bits];
        let values = _mm512_and_si512(values, _mm512_set1_epi64(self.there() as i64));
        let words = _mm512_sllv_epi64(values, must_cast(self.shifts));
        let [first, last] = self.sources.map(must_cast);
        let first = _mm512_permutexvar_epi8(first, words);
        let last = _mm512_maskz_permutexvar_epi8(self.shared, last, words);
        // SAFETY: as many bytes are written as `place` has.
        unsafe {
            let bytes = _mm512_or_si512(first, last);
            _mm512_mask_storeu_epi8(place.as_mut_ptr().cast(), self.there(), bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Four, Keys};
    use super::*;
    use crate::wire::{low, pack};

    #[test]
    fn every_width_is_packed_as_elsewhere() {
        if !Keys::<Four>::available() {
            return;
        }
        let values: Vec<u64> = (1..=32u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        for bits in LEAST_BITS as u32..=MOST_BITS as u32 {
            let packed = pack(&values, bits);
            let width = PackedWidth::of(bits).unwrap();
            let mut written = vec![0xff; packed.len()];
            for (group, values) in values.as_chunks::<8>().0.iter().enumerate() {
                // SAFETY: the features were found.
                let found: [u64; 8] = must_cast(unsafe {
                    width.write(must_cast(*values), &mut written, group);
                    width.read(&packed, group)
                });
                assert_eq!(found, values.map(|value| value & low(bits)), "{bits} bits");
            }
            assert_eq!(written, packed, "{bits} bits");
        }
        assert!([0, 7, 58].into_iter().all(|bits| PackedWidth::of(bits).is_none()));
    }
}
