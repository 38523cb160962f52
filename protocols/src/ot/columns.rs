//! A column of a chunk of the OT extension, and what is added to one, as the compiler makes it for whichever machine.

use crate::block::Block;

/// Blocks a column holds.
pub(crate) const COLUMN: usize = 64;

/// A column, and a cache line more: at a distance of 1 KiB all columns would compete for four sets of the first-level cache.
#[derive(Clone)]
#[repr(C, align(64))]
pub(crate) struct Column(pub(crate) [Block; COLUMN + 4]);

/// Adds `sum` to `column`, then `held` to `sum`.
#[inline(always)]
pub(crate) fn fold(column: &mut [Block], sum: &mut [Block], held: &[Block]) {
    for ((t, s), &h) in column.iter_mut().zip(sum).zip(held) {
        *t ^= *s;
        *s ^= h;
    }
}

/// Adds the blocks `sent`, where `selected` has ones, to `column`.
#[inline(always)]
pub(crate) fn unmask(sent: &[u8], selected: Block, column: &mut [Block]) {
    for (q, u) in column.iter_mut().zip(sent.as_chunks().0) {
        *q ^= Block::from_bytes(*u) & selected;
    }
}
