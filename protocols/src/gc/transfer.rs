//! Pads from correlated OT strings: the hash of a string of choice 0, or of the one that was chosen.
//! Source and security: the hash of `hash.rs` under its own use, so correlation robust and never equal to a gate's.

use super::hash::{ChunkKeys, SessionKey, Use, prepare};
use super::{LANES, lanes};
use crate::block::Block;

/// Which of a layer's transfers a string belongs to.
#[derive(Clone, Copy, Debug)]
pub enum Lot {
    /// Products of top bits, of linearized units.
    Truncation,
    /// Products of a sign, of kept units.
    Sign,
    /// Products with a bit of a number of the client's.
    ClientBit(u32),
    /// Products with a bit of a number of the server's.
    ServerBit(u32),
    /// Tables that are moved by a transfer's choice, of the units' row of this number.
    Table(u32),
    /// Products of the client's share of a comparison.
    Factor,
    /// Products of the server's share of a comparison's carry, of a piece of the layer.
    Carry(u32),
    /// Products of the server's share of its outcome.
    Outcome(u32),
}

impl Lot {
    /// Its number, no two alike.
    const fn number(self) -> u32 {
        match self {
            Self::Truncation => 0,
            Self::Sign => 1,
            Self::ClientBit(bit) => 2 + 2 * bit,
            Self::ServerBit(bit) => 3 + 2 * bit,
            Self::Factor => 1 << 16,
            Self::Table(row) => (1 << 16) + 1 + row,
            Self::Carry(piece) => (1 << 20) + 2 * piece,
            Self::Outcome(piece) => (1 << 20) + 2 * piece + 1,
        }
    }
}

/// The low 64 bits of the hash of every string; layer and lot are never the same for two sets of strings of a session.
pub fn pads(session: SessionKey, (layer, lot): (u32, Lot), strings: &[Block]) -> Vec<u64> {
    let mut pads = Vec::with_capacity(strings.len());
    for (chunk, strings) in (0..).zip(strings.chunks(LANES)) {
        let padded = lanes(|lane| strings.get(lane).copied().unwrap_or(Block::ZERO));
        let mut blocks = [prepare(&padded, 0)];
        ChunkKeys::new(session, layer, chunk).hash(Use::Transfer, lot.number()).finish(&mut blocks);
        pads.extend(blocks[0][..strings.len()].iter().map(|block| block.0 as u64));
    }
    pads
}
