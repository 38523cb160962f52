//! The ring Z_2^k that shares live in.

use serde::{Deserialize, Serialize};

/// Integers modulo 2^bits, kept as `u64` in `[0, 2^bits)` and read as two's complement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Ring {
    bits: u32,
}

/// The widest ring that plans may use: shares and answers of so many bits are computed on in words of 64.
pub const MAX_RING_BITS: u32 = 60;

impl Ring {
    /// `None` unless `1 <= bits <= 60`.
    pub fn new(bits: u32) -> Option<Self> {
        (1..=MAX_RING_BITS).contains(&bits).then_some(Self { bits })
    }

    /// k.
    pub const fn bits(self) -> u32 {
        self.bits
    }

    /// 2^k - 1.
    pub const fn mask(self) -> u64 {
        (1 << self.bits) - 1
    }

    /// The representative in `[0, 2^k)`.
    pub const fn reduce(self, x: u64) -> u64 {
        x & self.mask()
    }

    /// The representative of a signed integer in `[0, 2^k)`.
    pub const fn from_signed(self, x: i64) -> u64 {
        x as u64 & self.mask()
    }

    /// The representative in `[-2^(k-1), 2^(k-1))`.
    pub const fn signed(self, x: u64) -> i64 {
        let shift = 64 - self.bits;
        ((x << shift) as i64) >> shift
    }

    /// `a + b`.
    pub const fn add(self, a: u64, b: u64) -> u64 {
        self.reduce(a.wrapping_add(b))
    }

    /// `a - b`.
    pub const fn sub(self, a: u64, b: u64) -> u64 {
        self.reduce(a.wrapping_sub(b))
    }
}

impl TryFrom<u32> for Ring {
    type Error = String;

    fn try_from(bits: u32) -> Result<Self, String> {
        Self::new(bits).ok_or_else(|| format!("a ring has 1 to {MAX_RING_BITS} bits, found {bits}"))
    }
}

impl From<Ring> for u32 {
    fn from(ring: Ring) -> Self {
        ring.bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_reading_covers_the_ring() {
        let ring = Ring::new(5).unwrap();
        for x in -16..16 {
            assert_eq!(ring.signed(ring.from_signed(x)), x);
        }
        assert_eq!(ring.add(31, 1), 0);
        assert_eq!(ring.sub(0, 1), 31);
        assert!(Ring::new(0).is_none() && Ring::new(MAX_RING_BITS + 1).is_none());
    }
}
