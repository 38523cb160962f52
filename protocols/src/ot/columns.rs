//! A column of a chunk of the OT extension, and what is added to one, as the compiler makes it for whichever machine.

use crate::block::Block;

/// Blocks a column holds.
pub(crate) const COLUMN: usize = 64;

/// A column, and a cache line more: at a distance of 1 KiB all columns would compete for four sets of the first-level cache.
#[derive(Clone)]
#[repr(C, align(64))]
pub(crate) struct Column(pub(crate) [Block; COLUMN + 4]);

/// Adds `column` and `choices` to `out`.
#[inline(always)]
pub(crate) fn mask(column: &[Block], choices: &[Block], out: &mut [Block]) {
    for ((u, &t), &b) in out.iter_mut().zip(column).zip(choices) {
        *u ^= t ^ b;
    }
}

/// Adds the blocks `sent`, where `selected` has ones, to `column`.
#[inline(always)]
pub(crate) fn unmask(sent: &[u8], selected: Block, column: &mut [Block]) {
    for (q, u) in column.iter_mut().zip(sent.as_chunks().0) {
        *q ^= Block::from_bytes(*u) & selected;
    }
}
