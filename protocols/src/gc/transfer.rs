//! Pads from correlated OT strings: the hash of a string of choice 0, or of the one that was chosen.
//! Source and security: the hash of `hash.rs` under its own use, so correlation robust and never equal to a gate's.

use super::hash::{ChunkKeys, SessionKey, Use, prepare};
use super::{LANES, lanes};
use crate::block::Block;

/// The low 64 bits of the hash of every string; `layer` must differ between any two calls of one party and session.
pub fn pads(session: SessionKey, layer: u32, strings: &[Block]) -> Vec<u64> {
    let mut pads = Vec::with_capacity(strings.len());
    for (chunk, strings) in (0..).zip(strings.chunks(LANES)) {
        let padded = lanes(|lane| strings.get(lane).copied().unwrap_or(Block::ZERO));
        let mut blocks = [prepare(&padded, 0)];
        ChunkKeys::new(session, layer, chunk).hash(Use::Transfer, 0).finish(&mut blocks);
        pads.extend(blocks[0][..strings.len()].iter().map(|block| block.0 as u64));
    }
    pads
}
