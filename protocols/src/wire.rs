//! Integers of any width, packed without gaps, least significant bit first.

/// Bytes that `count` values of `bits` bits take.
pub const fn packed_bytes(count: usize, bits: u32) -> usize {
    (count * bits as usize).div_ceil(8)
}

/// Packs the low `bits` (1..=64) bits of every value.
pub fn pack(values: &[u64], bits: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(packed_bytes(values.len(), bits));
    let mask = u64::MAX >> (64 - bits);
    let (mut held, mut held_bits) = (0u128, 0);
    for value in values {
        held |= u128::from(value & mask) << held_bits;
        held_bits += bits;
        while held_bits >= 8 {
            out.push(held as u8);
            held >>= 8;
            held_bits -= 8;
        }
    }
    if held_bits > 0 {
        out.push(held as u8);
    }
    out
}

/// Reads `count` values of `bits` bits; `bytes` must hold them.
pub fn unpack(bytes: &[u8], bits: u32, count: usize) -> Vec<u64> {
    let mask = u64::MAX >> (64 - bits);
    let mut bytes = bytes.iter();
    let (mut held, mut held_bits) = (0u128, 0);
    (0..count)
        .map(|_| {
            while held_bits < bits {
                let byte = bytes.next().expect("the channel delivers exactly the asked length");
                held |= u128::from(*byte) << held_bits;
                held_bits += 8;
            }
            let value = held as u64 & mask;
            held >>= bits;
            held_bits -= bits;
            value
        })
        .collect()
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
            let masked: Vec<u64> = values.iter().map(|v| v & (u64::MAX >> (64 - bits))).collect();
            prop_assert_eq!(unpack(&bytes, bits, values.len()), masked);
        }
    }
}
