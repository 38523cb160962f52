//! What travels for how many correlated OTs: both parties, and who predicts them, go through the same list.

use super::parameters::{Batch, Set};
use crate::block::BLOCK_BYTES;

/// Trees a frame: what one party makes while the other one reads.
const TREES: usize = 128;

/// Trees of one frame, sender to receiver, in the order of their batch.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub(super) set: Set,
    /// The batch's number in its session, 0 for the small one that the stock goes into.
    pub(super) batch: u32,
    /// The first tree's number in its batch.
    pub(super) from: usize,
    pub(super) trees: usize,
    /// Whether the next batch consumes what they make.
    pub(super) reserved: bool,
}

impl Frame {
    /// Whether it is the session's first, which the public seed is in front of.
    pub(super) const fn has_seed(&self) -> bool {
        self.batch == 0 && self.from == 0
    }

    /// Its payload.
    pub(super) const fn bytes(&self) -> usize {
        self.trees * tree_bytes(&self.set) + if self.has_seed() { BLOCK_BYTES } else { 0 }
    }

    /// Correlated OTs that its trees make.
    pub(super) const fn made(&self) -> usize {
        self.trees << self.set.depth
    }
}

/// Bytes that travel for a tree: a block a level but the first.
pub(super) const fn tree_bytes(set: &Set) -> usize {
    (set.depth - 1) * BLOCK_BYTES
}

/// What it takes to hand out more correlated OTs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Payload bytes from sender to receiver; nothing travels back.
    pub bytes: usize,
    /// The messages that they come in.
    pub frames: usize,
    /// Correlated OTs that either party makes, those for later batches among them: each takes one cipher block for its tree and
    /// two and a half for its row of the code.
    pub made: usize,
}

/// How much of a session's correlated OTs has been made and taken.
#[derive(Clone, Copy)]
pub struct Supply {
    batches: Batch,
    /// The batch in use.
    batch: u32,
    /// Trees of it that are spent.
    spent: usize,
    /// Made and not taken.
    left: usize,
}

impl Supply {
    /// Of a session that has its stock.
    pub const fn new(batches: Batch) -> Self {
        Self { batches, batch: 0, spent: 0, left: 0 }
    }

    /// What `n` more take.
    pub fn take(&mut self, n: usize) -> Taken {
        self.frames(n).fold(Taken::default(), |taken, frame| Taken {
            bytes: taken.bytes + frame.bytes(),
            frames: taken.frames + 1,
            made: taken.made + frame.made(),
        })
    }

    /// What `n` take that are all of an inference, with what the next one begins with; with none, what the first one does.
    pub fn take_whole(&mut self, n: usize) -> impl Iterator<Item = Taken> {
        self.whole(n).map(|frame| Taken { bytes: frame.bytes(), frames: 1, made: frame.made() })
    }

    /// The frames for an inference of `n`: those that make them, then those that the next batch consumes. What is left over is
    /// dropped, so that every inference takes the same.
    pub(super) fn whole(&mut self, n: usize) -> impl Iterator<Item = Frame> {
        std::iter::from_fn(move || {
            if self.left < n {
                return Some(self.next(n - self.left));
            }
            let set = self.set();
            if self.spent == set.blocks {
                self.left = 0;
                return None;
            }
            self.spent = self.spent.max(self.usable());
            // Blocks of which all are reserved.
            Some(self.next(1))
        })
    }

    /// Trees of the batch that make what is taken: none of the first, all of which the first main set consumes.
    const fn usable(&self) -> usize {
        if self.batch == 0 { 0 } else { self.set().blocks - self.batches.reserved() }
    }

    /// The frames for `n` more, which are taken when all were gone through.
    pub(super) fn frames(&mut self, n: usize) -> impl Iterator<Item = Frame> {
        let mut taken = false;
        std::iter::from_fn(move || {
            if self.left < n && !taken {
                return Some(self.next(n - self.left));
            }
            if !taken {
                (self.left, taken) = (self.left - n, true);
            }
            None
        })
    }

    /// The next frame, of no more trees than make the `missing` ones.
    fn next(&mut self, missing: usize) -> Frame {
        if self.spent == self.set().blocks {
            (self.batch, self.spent) = (self.batch + 1, 0);
        }
        let set = self.set();
        let usable = self.usable();
        let reserved = self.spent >= usable;
        let most = if reserved { set.blocks } else { usable.min(self.spent + missing.div_ceil(set.block())) };
        let trees = TREES.min(most - self.spent);
        let frame = Frame { set, batch: self.batch, from: self.spent, trees, reserved };
        self.spent += trees;
        if !reserved {
            self.left += frame.made();
        }
        frame
    }

    /// Correlated OTs that the parties begin with.
    pub(crate) const fn stock(&self) -> usize {
        self.batches.stock()
    }

    /// How many are made and not taken.
    pub(super) const fn left(&self) -> usize {
        self.left
    }

    const fn set(&self) -> Set {
        if self.batch == 0 { self.batches.first() } else { self.batches.main() }
    }
}
