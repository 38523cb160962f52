//! The 128-bit block that wire labels, OT messages and cipher blocks are made of, and the global offset Δ.
//!
//! Blocks are secrets more often than not, so they have neither `Debug` nor `PartialEq`: nothing prints one, and nothing
//! branches on one. Bit 0 of a label is its colour (the permute bit of point-and-permute).

use crate::Error;
use bytemuck::{Pod, Zeroable};
use rand::CryptoRng;
use std::ops::{BitAnd, BitXor, BitXorAssign};
use zeroize::{DefaultIsZeroes, Zeroize};

// Blocks travel and enter the cipher by casting, as their 16 bytes in memory; the wire format is little-endian.
const _: () = assert!(cfg!(target_endian = "little"), "blocks are cast to little-endian bytes");

/// Security parameter of labels and of the OT extension, in bits.
pub const SECURITY_BITS: usize = 128;

/// Bytes of a block.
pub const BLOCK_BYTES: usize = size_of::<Block>();

/// 128 bits, 16 bytes little-endian on the wire.
#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(transparent)]
pub struct Block(pub(crate) u128);

impl DefaultIsZeroes for Block {}

impl Block {
    /// The all-zero block.
    pub const ZERO: Self = Self(0);

    /// A uniform block.
    pub fn random(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut bytes = [0; BLOCK_BYTES];
        rng.fill_bytes(&mut bytes);
        Self::from_bytes(bytes)
    }

    /// The block of 16 little-endian bytes.
    pub const fn from_bytes(bytes: [u8; BLOCK_BYTES]) -> Self {
        Self(u128::from_le_bytes(bytes))
    }

    /// Its 16 bytes, little-endian.
    pub const fn to_bytes(self) -> [u8; BLOCK_BYTES] {
        self.0.to_le_bytes()
    }

    /// Bit 0, the permute bit.
    #[inline(always)]
    pub const fn colour(self) -> bool {
        self.0 & 1 == 1
    }

    /// All ones if bit 0 is set, else zero: what replaces a branch on the colour.
    #[inline(always)]
    pub(crate) const fn colour_mask(self) -> Self {
        // Two 64-bit halves: a 128-bit negation would carry between them and resist vectorising.
        let half = (self.0 as u64 & 1).wrapping_neg();
        Self(half as u128 | (half as u128) << 64)
    }

    /// All ones if `bit`, else zero.
    #[inline(always)]
    pub(crate) const fn mask(bit: bool) -> Self {
        Self(bit as u128).colour_mask()
    }
}

impl BitXor for Block {
    type Output = Self;

    #[inline(always)]
    fn bitxor(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }
}

impl BitXorAssign for Block {
    #[inline(always)]
    fn bitxor_assign(&mut self, other: Self) {
        self.0 ^= other.0;
    }
}

impl BitAnd for Block {
    type Output = Self;

    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

/// The offset between the two labels of every wire of a session, and between the two messages of every correlated OT.
///
/// Bit 0 is 1, so that the labels of a wire have different colours; the other 127 bits are secret and uniform.
#[derive(Clone, Copy)]
pub struct Delta(Block);

impl Delta {
    /// A fresh offset.
    pub fn random(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self(Block(Block::random(rng).0 | 1))
    }

    /// The offset that was written down as this block.
    pub(crate) fn from_block(block: Block) -> Result<Self, Error> {
        if block.colour() {
            return Ok(Self(block));
        }
        Err(Error::config("preprocessed item", "offset", "a block whose bit 0 is 1", "one whose bit 0 is 0"))
    }

    /// Overwrites the offset.
    pub(crate) fn wipe(&mut self) {
        self.0.zeroize();
    }

    /// The offset as a block.
    #[inline(always)]
    pub(crate) const fn block(self) -> Block {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    #[test]
    fn masks_follow_bit_zero() {
        assert_eq!(Block(0b10).colour_mask().0, 0);
        assert_eq!(Block(1 << 127 | 1).colour_mask().0, u128::MAX);
        assert_eq!(Block::mask(true).0, u128::MAX);
        assert_eq!(Block::mask(false).0, 0);
    }

    #[test]
    fn a_delta_separates_colours() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        for _ in 0..64 {
            assert!(Delta::random(&mut rng).block().colour());
        }
    }

    #[test]
    fn bytes_are_little_endian() {
        let block = Block::from_bytes(std::array::from_fn(|i| i as u8));
        assert_eq!(block.0 & 0xff, 0);
        assert_eq!(block.0 >> 120, 15);
        assert_eq!(bytemuck::bytes_of(&block), block.to_bytes());
    }
}
