//! Integers of any width, packed without gaps, least significant bit first.

/// Bytes that `count` values of `bits` bits take.
pub const fn packed_bytes(count: usize, bits: u32) -> usize {
    (count * bits as usize).div_ceil(8)
}

/// Packs the low `bits` (1..=64) bits of every value.
pub fn pack(values: &[u64], bits: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(packed_bytes(values.len(), bits));
    let mut writer = BitWriter::new(&mut out);
    values.iter().for_each(|value| writer.push(value & low(bits), bits));
    writer.finish();
    out
}

/// Reads `count` values of `bits` bits; `bytes` must hold them.
pub fn unpack(bytes: &[u8], bits: u32, count: usize) -> Vec<u64> {
    let mut reader = BitReader::new(bytes);
    (0..count).map(|_| reader.pull(bits)).collect()
}

/// Packs one bit a flag.
pub fn pack_bits(flags: &[bool]) -> Vec<u8> {
    let mut out = Vec::with_capacity(flags.len().div_ceil(8));
    let mut writer = BitWriter::new(&mut out);
    flags.iter().for_each(|flag| writer.push(u64::from(*flag), 1));
    writer.finish();
    out
}

/// The low `bits` bits, `1 <= bits <= 64`.
#[inline(always)]
pub const fn low(bits: u32) -> u64 {
    u64::MAX >> (64 - bits)
}

/// Appends fields.
pub struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    /// Fewer than 64 bits that are not yet written.
    pending: u64,
    length: u32,
}

impl<'a> BitWriter<'a> {
    /// Begins at a whole byte, after what `out` holds.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, pending: 0, length: 0 }
    }

    /// Appends `value`, which has no more than `bits` (1..=64) bits.
    #[inline(always)]
    pub fn push(&mut self, value: u64, bits: u32) {
        self.pending |= value << self.length;
        let length = self.length + bits;
        if length >= 64 {
            self.out.extend_from_slice(&self.pending.to_le_bytes());
            // What did not fit; in two steps, because a shift by 64 is none.
            self.pending = value >> 1 >> (63 - self.length);
            self.length = length - 64;
        } else {
            self.length = length;
        }
    }

    /// The same for up to 128 bits.
    #[inline(always)]
    pub fn push_wide(&mut self, value: u128, bits: u32) {
        self.push(value as u64, bits.min(64));
        if bits > 64 {
            self.push((value >> 64) as u64, bits - 64);
        }
    }

    /// Room for `count` fields of `bits` bits, where those begin and end with whole bytes.
    pub fn push_packed(&mut self, count: usize, bits: u32) -> Option<&mut [u8]> {
        let length = count * bits as usize;
        if !(self.length.is_multiple_of(8) && length.is_multiple_of(8)) {
            return None;
        }
        self.out.extend_from_slice(&self.pending.to_le_bytes()[..self.length as usize / 8]);
        (self.pending, self.length) = (0, 0);
        let start = self.out.len();
        self.out.resize(start + length / 8, 0);
        Some(&mut self.out[start..])
    }

    /// Writes what is left, up to the next whole byte.
    pub fn finish(self) {
        let left = self.length.div_ceil(8) as usize;
        self.out.extend_from_slice(&self.pending.to_le_bytes()[..left]);
    }
}

/// Reads fields. Past the end there are zeros.
pub struct BitReader<'a> {
    bytes: &'a [u8],
    /// Bits read.
    position: usize,
}

impl<'a> BitReader<'a> {
    /// Begins at the first bit.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// The next `bits` (1..=64) bits.
    #[inline(always)]
    pub fn pull(&mut self, bits: u32) -> u64 {
        let (byte, shift) = (self.position / 8, self.position % 8);
        self.position += bits as usize;
        let word = match self.bytes.get(byte..).and_then(|rest| rest.first_chunk()) {
            Some(word) => *word,
            None => self.last_word(byte),
        };
        (u128::from_le_bytes(word) >> shift) as u64 & low(bits)
    }

    /// The next `N` fields of `bits` (1..=64) bits.
    #[inline(always)]
    pub fn pull_each<const N: usize>(&mut self, bits: u32) -> [u64; N] {
        /// A field of as many bits lies in the eight bytes from the one on in which it begins.
        const IN_A_WORD: u32 = 57;
        let mut fields = [0; N];
        let bytes = self.bytes.get(self.position / 8..).unwrap_or_default();
        let (shift, width) = (self.position % 8, bits as usize);
        // Behind the bytes in which those begin there are seven more.
        let whole =
            if bits <= IN_A_WORD { (8 * bytes.len()).saturating_sub(56 + shift).div_ceil(width) } else { 0 };
        let (first, rest) = fields.split_at_mut(whole.min(N));
        for (i, field) in first.iter_mut().enumerate() {
            let at = shift + i * width;
            let word = bytes[at / 8..].first_chunk().expect("there are eight bytes");
            *field = u64::from_le_bytes(*word) >> (at % 8) & low(bits);
        }
        self.position += first.len() * width;
        rest.fill_with(|| self.pull(bits));
        fields
    }

    /// The next `bits` bits, up to 128.
    #[inline(always)]
    pub fn pull_wide(&mut self, bits: u32) -> u128 {
        let low = u128::from(self.pull(bits.min(64)));
        if bits > 64 { low | u128::from(self.pull(bits - 64)) << 64 } else { low }
    }

    /// The bytes of the next `count` fields of `bits` bits, where those begin and end with whole bytes.
    pub fn pull_packed(&mut self, count: usize, bits: u32) -> Option<&'a [u8]> {
        let length = count * bits as usize;
        let bytes = self.bytes.get(self.position / 8..(self.position + length) / 8)?;
        let whole = self.position.is_multiple_of(8) && length.is_multiple_of(8);
        whole.then(|| {
            self.position += length;
            bytes
        })
    }

    #[cold]
    fn last_word(&self, byte: usize) -> [u8; 16] {
        let rest = self.bytes.get(byte..).unwrap_or_default();
        std::array::from_fn(|i| rest.get(i).copied().unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packing_is_reversible(values in prop::collection::vec(any::<u64>(), 0..50), bits in 1u32..=64) {
            let bytes = pack(&values, bits);
            prop_assert_eq!(bytes.len(), packed_bytes(values.len(), bits));
            let masked: Vec<u64> = values.iter().map(|v| v & low(bits)).collect();
            prop_assert_eq!(unpack(&bytes, bits, values.len()), masked);
        }

        #[test]
        fn fields_at_once_are_fields_one_by_one(
            bytes in prop::collection::vec(any::<u8>(), 0..100),
            skipped in 1u32..=64,
            bits in 1u32..=64,
        ) {
            let (mut at_once, mut one_by_one) = (BitReader::new(&bytes), BitReader::new(&bytes));
            prop_assert_eq!(at_once.pull(skipped), one_by_one.pull(skipped));
            for _ in 0..4 {
                let fields: [u64; 5] = at_once.pull_each(bits);
                prop_assert_eq!(fields.map(|_| one_by_one.pull(bits)), fields);
            }
        }

        #[test]
        fn fields_of_mixed_widths_follow_one_another(
            fields in prop::collection::vec((any::<u64>(), 1u32..=64), 0..50),
        ) {
            let mut bytes = Vec::new();
            let mut writer = BitWriter::new(&mut bytes);
            fields.iter().for_each(|(value, bits)| writer.push(value & low(*bits), *bits));
            writer.finish();
            prop_assert_eq!(bytes.len(), fields.iter().map(|f| f.1 as usize).sum::<usize>().div_ceil(8));
            let mut reader = BitReader::new(&bytes);
            for (value, bits) in fields {
                prop_assert_eq!(reader.pull(bits), value & low(bits));
            }
        }
    }
}
