//! The measurements of coalitions so far, on disk, so that a stopped walk can go on.

use crate::Error;
use models::disk::write_atomically;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Name of the file in the output folder; it exists until everything is measured.
const FILE: &str = "coalitions.json";

/// Images whose values are kept at once: what is measured is saved a piece at a time.
pub(super) const PIECE: usize = 100;

/// Which network and images the measurements belong to, and the measurements.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Measured {
    network_sha256: String,
    images_sha256: String,
    /// Images of a piece.
    piece: usize,
    /// Multiply-adds, over all images.
    multiply_adds: u64,
    /// Seconds of measuring.
    seconds: f64,
    /// For each coalition, how many images of each piece it classified correctly; the first pieces, in order.
    right: BTreeMap<u64, Vec<usize>>,
}

/// Counts of correctly classified images by coalition and piece.
pub(super) struct Memo {
    path: Option<PathBuf>,
    measured: Measured,
    /// When this sitting began, and the seconds of those before.
    began: Instant,
    before_s: f64,
}

impl Memo {
    /// A memo that is never written to disk.
    #[cfg(test)]
    pub(super) fn forgotten() -> Self {
        Self { path: None, measured: Measured::default(), began: Instant::now(), before_s: 0.0 }
    }

    /// The folder's memo if it belongs to this network and these images, else an empty one. Makes the folder.
    pub(super) fn open(folder: &Path, network_sha256: &str, images_sha256: &str) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
        let path = folder.join(FILE);
        let found = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Measured>(&bytes).ok());
        let same = |found: &Measured| {
            (found.network_sha256.as_str(), found.images_sha256.as_str(), found.piece)
                == (network_sha256, images_sha256, PIECE)
        };
        let fresh = || Measured {
            network_sha256: network_sha256.to_owned(),
            images_sha256: images_sha256.to_owned(),
            piece: PIECE,
            ..Measured::default()
        };
        let measured = found.filter(same).unwrap_or_else(fresh);
        let before_s = measured.seconds;
        Ok(Self { path: Some(path), measured, began: Instant::now(), before_s })
    }

    /// The number of coalitions with at least one measured piece.
    pub(super) fn len(&self) -> usize {
        self.measured.right.len()
    }

    /// Whether this piece of the coalition has been measured.
    pub(super) fn knows(&self, coalition: u64, piece: usize) -> bool {
        self.measured.right.get(&coalition).is_some_and(|pieces| pieces.len() > piece)
    }

    /// Adds one piece for some coalitions, whose earlier pieces are all known, and saves everything.
    pub(super) fn note(
        &mut self,
        right: impl Iterator<Item = (u64, usize)>,
        multiply_adds: u64,
    ) -> Result<(), Error> {
        for (coalition, count) in right {
            self.measured.right.entry(coalition).or_default().push(count);
        }
        self.measured.multiply_adds += multiply_adds;
        self.measured.seconds = self.seconds();
        match &self.path {
            Some(path) => {
                let json = serde_json::to_vec(&self.measured).expect("counts are plain data");
                Ok(write_atomically(path, &json)?)
            }
            None => Ok(()),
        }
    }

    /// Images that the coalition classifies correctly, over all measured pieces.
    pub(super) fn right(&self, coalition: u64) -> usize {
        self.measured.right.get(&coalition).into_iter().flatten().sum()
    }

    /// Multiply-adds so far, and the number of measured pieces of coalitions.
    pub(super) fn work(&self) -> (u64, impl Iterator<Item = usize>) {
        (self.measured.multiply_adds, self.measured.right.values().map(Vec::len))
    }

    /// Seconds of measuring so far, in all sittings.
    pub(super) fn seconds(&self) -> f64 {
        self.before_s + self.began.elapsed().as_secs_f64()
    }

    /// Removes the file, which nobody needs once the result is written.
    pub(super) fn remove(self) -> Result<(), Error> {
        match self.path.map(|path| (fs::remove_file(&path), path)) {
            Some((Err(error), path)) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io(path, error))
            }
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_there_for_the_same_question_alone() {
        let temp = tempfile::tempdir().unwrap();
        let open = |network| Memo::open(temp.path(), network, "images").unwrap();
        let mut memo = open("network");
        memo.note([(3, 90), (5, 80)].into_iter(), 1_000).unwrap();
        memo.note([(3, 70)].into_iter(), 500).unwrap();
        let again = open("network");
        assert_eq!(again.measured, memo.measured);
        assert!(again.seconds() >= memo.measured.seconds);
        assert_eq!((again.right(3), again.right(5), again.right(7), again.len()), (160, 80, 0, 2));
        assert!(again.knows(3, 1) && again.knows(5, 0) && !again.knows(5, 1) && !again.knows(7, 0));
        assert_eq!(again.work().1.collect::<Vec<_>>(), [2, 1]);
        assert_eq!(open("another").len(), 0);
        fs::write(temp.path().join(FILE), b"{\"cut").unwrap();
        assert_eq!(open("network").len(), 0);
        again.remove().unwrap();
        assert!(!temp.path().join(FILE).exists());
        memo.remove().unwrap();
    }
}
