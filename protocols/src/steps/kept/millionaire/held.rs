//! Pieces of the client's, in memory or in its store.

use super::Millionaire;
use crate::Error;
use crate::saved::{Loading, Saving};
use crate::secret::Secret;
use crate::store::{Depot, Kept};
use bytemuck::{AnyBitPattern, NoUninit};
use zeroize::DefaultIsZeroes;

/// What a piece has, value after value.
pub(super) trait Piece: Sized {
    /// Bytes of a piece of so many units.
    fn bytes(millionaire: &Millionaire, units: usize) -> usize;

    /// Its values, one after another.
    fn write(&self) -> Vec<u8>;

    /// The piece of so many units that wrote `bytes`.
    fn read(millionaire: &Millionaire, units: usize, bytes: &[u8]) -> Self;
}

/// A piece.
pub(super) enum Held<P> {
    /// In memory.
    Memory(P),
    /// In the store.
    Kept(Kept),
}

impl<P: Piece> Held<P> {
    /// Keeps it in `depot`.
    pub(super) fn new(piece: P, depot: &mut Depot) -> Result<Self, Error> {
        if !depot.is_file() {
            return Ok(Self::Memory(piece));
        }
        Ok(Self::Kept(depot.keep(std::iter::once(Ok(piece.write())))?))
    }

    /// The piece, of so many units.
    pub(super) fn take(self, millionaire: &Millionaire, units: usize) -> Result<P, Error> {
        match self {
            Self::Memory(piece) => Ok(piece),
            Self::Kept(kept) => {
                let range = 0..P::bytes(millionaire, units);
                Ok(P::read(millionaire, units, kept.at_hand(range.clone())?.get(range)))
            }
        }
    }

    pub(super) fn save(
        &self,
        millionaire: &Millionaire,
        units: usize,
        to: &mut Saving<'_>,
    ) -> Result<(), Error> {
        match self {
            Self::Memory(piece) => to.bytes(&piece.write()),
            Self::Kept(kept) => kept.save(std::iter::once(P::bytes(millionaire, units)), to),
        }
    }

    /// Reads what `save` wrote, into memory.
    pub(super) fn load(
        millionaire: &Millionaire,
        units: usize,
        from: &mut Loading<'_>,
    ) -> Result<Self, Error> {
        let bytes = from.bytes(P::bytes(millionaire, units))?;
        Ok(Self::Memory(P::read(millionaire, units, &bytes)))
    }
}

/// Values that were written one after another.
pub(super) struct Values<'a>(pub(super) &'a [u8]);

impl Values<'_> {
    /// The next so many.
    pub(super) fn next<T: AnyBitPattern + NoUninit + DefaultIsZeroes>(&mut self, count: usize) -> Secret<T> {
        let (values, later) = self.0.split_at(count * size_of::<T>());
        self.0 = later;
        bytemuck::pod_collect_to_vec::<u8, T>(values).into()
    }
}
