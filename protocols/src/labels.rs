//! Labels of wires, and strings of OTs, that a party holds until they are used: once, part by part and in order.

use crate::Error;
use crate::block::{BLOCK_BYTES, Block};
use crate::saved::{Loading, Saving};
use crate::secret::{Part, Parts, Secret};
use crate::store::{Depot, Kept};
use std::ops::Deref;

/// Labels in memory, as OTs make them, or in the store.
pub(crate) enum Labels {
    Memory(Secret<Block>),
    Kept(Kept),
}

/// Labels whose parts are being used.
pub(crate) enum LabelParts<'a> {
    Memory(Parts<'a, Block>),
    /// Those from this one on.
    Kept(&'a Kept, usize),
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
        Ok(Self::Kept(depot.keep(std::iter::once(Ok(bytes)))?))
    }

    /// Their parts, which are to be all of them.
    pub(crate) fn parts(&mut self) -> LabelParts<'_> {
        match self {
            Self::Memory(labels) => LabelParts::Memory(Parts::of(labels)),
            Self::Kept(kept) => LabelParts::Kept(kept, 0),
        }
    }

    /// Drops labels all of which were parts, and have been overwritten as such.
    pub(crate) fn used(self) {
        if let Self::Memory(labels) = self {
            drop(labels.reveal());
        }
    }

    /// Writes them down; there are `count`.
    pub(crate) fn save(&self, count: usize, to: &mut Saving<'_>) -> Result<(), Error> {
        match self {
            Self::Memory(labels) => to.values(labels),
            Self::Kept(kept) => kept.save(std::iter::once(count * BLOCK_BYTES), to),
        }
    }

    /// Reads what `save` wrote, into memory.
    pub(crate) fn load(count: usize, from: &mut Loading<'_>) -> Result<Self, Error> {
        Ok(Self::Memory(from.values(count)?.into()))
    }
}

impl<'a> LabelParts<'a> {
    /// The next `length`.
    pub(crate) fn next(&mut self, length: usize) -> Result<LabelPart<'a>, Error> {
        match self {
            Self::Memory(parts) => Ok(LabelPart::Memory(parts.next(length))),
            Self::Kept(kept, start) => {
                let bytes = *start * BLOCK_BYTES..(*start + length) * BLOCK_BYTES;
                *start += length;
                let mut labels = vec![Block::ZERO; length];
                bytemuck::cast_slice_mut(&mut labels)
                    .copy_from_slice(kept.at_hand(bytes.clone())?.get(bytes));
                Ok(LabelPart::Read(labels.into()))
            }
        }
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
