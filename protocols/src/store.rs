//! Where the client keeps what it has preprocessed until it is used: memory, or a file without a name.
//!
//! Material is one-time: a file is unlinked the moment it is made, so no other process can open it and nothing is left
//! of it after the process, however that ends.

use crate::Error;
use crate::saved::{Loading, Saving};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

/// Where labels and garbled material of an inference are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// In memory.
    Memory,
    /// In a file of this folder, which has to lie on a disk for memory to be saved.
    Folder(PathBuf),
}

/// One inference's store while it is filled.
pub struct Depot(Option<(Arc<File>, u64)>);

/// Bytes in the store, to be read any number of times by the layer that owns them.
pub(crate) enum Kept {
    /// Pieces of equal length, but for the last.
    Memory(Vec<Vec<u8>>),
    /// From this offset of the file on.
    File(Arc<File>, u64),
}

/// A range of [`Kept`] at hand.
pub(crate) enum AtHand<'a> {
    Memory(&'a [Vec<u8>]),
    /// Bytes from this offset on.
    Read(usize, Vec<u8>),
}

impl Store {
    /// Makes the store of one inference.
    pub fn open(&self) -> Result<Depot, Error> {
        let file = match self {
            Self::Memory => None,
            Self::Folder(folder) => {
                let file = tempfile::tempfile_in(folder)
                    .map_err(failed(format!("making a file in {}", folder.display())))?;
                Some((Arc::new(file), 0))
            }
        };
        Ok(Depot(file))
    }
}

impl Depot {
    /// A depot in memory.
    pub const fn memory() -> Self {
        Self(None)
    }

    /// Keeps the pieces that `next` makes until it makes none. All have one length, but for a shorter last.
    pub(crate) fn keep(
        &mut self,
        mut pieces: impl Iterator<Item = Result<Vec<u8>, Error>>,
    ) -> Result<Kept, Error> {
        let Some((file, end)) = &mut self.0 else {
            return Ok(Kept::Memory(pieces.collect::<Result<_, _>>()?));
        };
        let start = *end;
        pieces.try_for_each(|piece| {
            let piece = piece?;
            file.write_all_at(&piece, *end).map_err(failed("writing preprocessed material"))?;
            *end += piece.len() as u64;
            Ok::<(), Error>(())
        })?;
        Ok(Kept::File(Arc::clone(file), start))
    }

    /// Whether what is kept leaves memory.
    pub(crate) const fn is_file(&self) -> bool {
        self.0.is_some()
    }
}

impl Kept {
    /// The bytes of `range`, read from the file where they lie there.
    pub(crate) fn at_hand(&self, range: Range<usize>) -> Result<AtHand<'_>, Error> {
        match self {
            Self::Memory(pieces) => Ok(AtHand::Memory(pieces)),
            Self::File(file, start) => {
                let mut bytes = vec![0; range.len()];
                file.read_exact_at(&mut bytes, start + range.start as u64)
                    .map_err(failed("reading preprocessed material"))?;
                Ok(AtHand::Read(range.start, bytes))
            }
        }
    }
}

impl Kept {
    /// Writes the bytes, which are pieces of these lengths.
    pub(crate) fn save(
        &self,
        mut pieces: impl Iterator<Item = usize>,
        to: &mut Saving<'_>,
    ) -> Result<(), Error> {
        match self {
            Self::Memory(held) => held.iter().try_for_each(|piece| to.bytes(piece)),
            Self::File(..) => {
                let mut start = 0;
                pieces.try_for_each(|length| {
                    let range = start..start + length;
                    start += length;
                    to.bytes(self.at_hand(range.clone())?.get(range))
                })
            }
        }
    }

    /// Reads pieces of these lengths into memory. All have one length, but for a shorter last.
    pub(crate) fn load(pieces: impl Iterator<Item = usize>, from: &mut Loading<'_>) -> Result<Self, Error> {
        pieces.map(|length| from.bytes(length)).collect::<Result<_, _>>().map(Self::Memory)
    }
}

impl AtHand<'_> {
    /// Bytes of `range`, which is within one piece and within what was asked for.
    pub(crate) fn get(&self, range: Range<usize>) -> &[u8] {
        match self {
            Self::Memory(pieces) => {
                let piece = pieces[0].len();
                &pieces[range.start / piece][range.start % piece..][..range.len()]
            }
            Self::Read(start, bytes) => &bytes[range.start - start..range.end - start],
        }
    }
}

fn failed(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
    let doing = doing.into();
    move |source| Error::Store { doing, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two layers of pieces, read back in another cut.
    #[test]
    fn what_is_kept_is_read_back_from_either_store() {
        let folder = tempfile::tempdir().unwrap();
        for store in [Store::Memory, Store::Folder(folder.path().to_owned())] {
            let mut depot = store.open().unwrap();
            let layer = |salt: u8| -> Vec<u8> { (0..100u8).map(|i| i.wrapping_mul(salt)).collect() };
            let kept: Vec<Kept> = [3, 5]
                .into_iter()
                .map(|salt| depot.keep(layer(salt).chunks(32).map(|piece| Ok(piece.to_vec()))).unwrap())
                .collect();
            for (kept, salt) in kept.iter().zip([3, 5]) {
                let at_hand = kept.at_hand(16..100).unwrap();
                for range in [16..32, 32..40, 64..96, 96..100] {
                    assert_eq!(at_hand.get(range.clone()), &layer(salt)[range]);
                }
            }
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the file has no name");
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = Store::Folder("/no/such/folder".into()).open().err().unwrap().to_string();
        assert!(error.contains("/no/such/folder"), "{error}");
    }
}
