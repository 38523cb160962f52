//! Labels of wires, and strings of OTs, that a party holds until they are used: once, part by part and in order.

use crate::Error;
use crate::block::{BLOCK_BYTES, Block};
use crate::saved::{Loading, Saving};
use crate::secret::{Part, Parts, Secret};
use crate::store::{Depot, Kept};
use std::ops::{Deref, Range};

/// Labels in memory, as OTs make them, or so many in the store.
pub(crate) enum Labels {
    Memory(Secret<Block>),
    Kept(Kept, usize),
}

/// Labels whose parts are being used.
pub(crate) enum LabelParts<'a> {
    Memory(Parts<'a, Block>),
    /// Those of this range.
    Kept(&'a Kept, Range<usize>),
}

/// Some of them, overwritten when they have been used.
pub(crate) enum LabelPart<'a> {
    Memory(Part<'a, Block>),
    Read(Secret<Block>),
}

impl Labels {
    /// Keeps them in `depot`.
    pub(crate) fn keep(labels: Secret<Block>, depot: &mut Depot) -> Result<Self, Error> {
        if !depot.is_file() {
            return Ok(Self::Memory(labels));
        }
        let bytes = bytemuck::cast_slice::<Block, u8>(&labels).to_vec();
        Ok(Self::Kept(depot.keep(std::iter::once(Ok(bytes)))?, labels.len()))
    }

    /// Their parts, which are to be all of them ([`LabelParts::end`]).
    pub(crate) fn parts(&mut self) -> LabelParts<'_> {
        match self {
            Self::Memory(labels) => LabelParts::Memory(Parts::of(labels)),
            Self::Kept(kept, count) => LabelParts::Kept(kept, 0..*count),
        }
    }

    /// Drops labels all of which were parts, and have been overwritten as such.
    pub(crate) fn used(self) {
        if let Self::Memory(labels) = self {
            drop(labels.reveal());
        }
    }

    /// Writes them down.
    pub(crate) fn save(&self, to: &mut Saving<'_>) -> Result<(), Error> {
        match self {
            Self::Memory(labels) => to.values(labels),
            Self::Kept(kept, count) => kept.save(std::iter::once(count * BLOCK_BYTES), to),
        }
    }

    /// Reads `count` that `save` wrote, into memory.
    pub(crate) fn load(count: usize, from: &mut Loading<'_>) -> Result<Self, Error> {
        Ok(Self::Memory(from.values(count)?.into()))
    }
}

impl<'a> LabelParts<'a> {
    /// The next `length`.
    pub(crate) fn next(&mut self, length: usize) -> Result<LabelPart<'a>, Error> {
        match self {
            Self::Memory(parts) => Ok(LabelPart::Memory(parts.next(length))),
            Self::Kept(kept, left) => {
                let part = left.start..left.start + length;
                assert!(part.end <= left.end, "there are {} more labels, asked for {length}", left.len());
                left.start = part.end;
                let bytes = part.start * BLOCK_BYTES..part.end * BLOCK_BYTES;
                let mut labels = vec![Block::ZERO; length];
                bytemuck::cast_slice_mut(&mut labels)
                    .copy_from_slice(kept.at_hand(bytes.clone())?.get(bytes));
                Ok(LabelPart::Read(labels.into()))
            }
        }
    }

    /// Checks that all were used.
    pub(crate) fn end(self) {
        let left = match self {
            Self::Memory(parts) => parts.left(),
            Self::Kept(_, left) => left.len(),
        };
        assert_eq!(left, 0, "labels are left");
    }
}

impl Deref for LabelPart<'_> {
    type Target = [Block];

    fn deref(&self) -> &[Block] {
        match self {
            Self::Memory(labels) => labels,
            Self::Read(labels) => labels,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    fn seven() -> Secret<Block> {
        (1..=7).map(Block).collect()
    }

    #[test]
    fn parts_come_in_order_from_memory_and_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        for store in [Store::Memory, Store::Folder(folder.path().to_path_buf())] {
            let mut labels = Labels::keep(seven(), &mut store.open().unwrap()).unwrap();
            let mut parts = labels.parts();
            let mut found: Vec<u128> = Vec::new();
            for length in [3, 1, 0, 3] {
                found.extend(parts.next(length).unwrap().iter().map(|label| label.0));
            }
            parts.end();
            assert_eq!(found, [1, 2, 3, 4, 5, 6, 7], "{store:?}");
            if let Labels::Memory(labels) = &labels {
                assert!(labels.iter().all(|label| label.0 == 0), "what was used is overwritten");
            }
            labels.used();
        }
    }

    #[test]
    #[should_panic(expected = "labels are left")]
    fn labels_that_nobody_used_are_noticed() {
        let mut labels = Labels::keep(seven(), &mut Depot::memory()).unwrap();
        let mut parts = labels.parts();
        drop(parts.next(6));
        parts.end();
    }
}
