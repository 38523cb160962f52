//! The files that a data set is read from, and their checksums.

use crate::Error;
use crate::digest::hex;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A file of a data set, its checksum, and the official one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileCheck {
    /// The file, or a folder of many small ones.
    pub path: PathBuf,
    /// SHA-256, hexadecimal. Of a folder: that of the listing which `sha256sum` prints for its files, sorted by name.
    pub sha256: String,
    /// The official SHA-256, where it is known to us.
    pub official: Option<&'static str>,
    /// What else a reader should know: that it is shorter than published, or what its digest is of.
    pub remark: Option<String>,
}

/// How many images a file has, and how many were published in it.
#[derive(Clone, Copy)]
pub(super) struct Records {
    pub(super) found: usize,
    pub(super) published: usize,
}

impl Records {
    /// What a reader should know where some are missing.
    pub(super) fn remark(self) -> Option<String> {
        let Self { found, published } = self;
        let (found, all) = (thousands(found), thousands(published));
        (self.found < published).then(|| format!("{found} of the {all} records that were published"))
    }
}

/// With a comma before every three digits.
pub(super) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let parts: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|p| std::str::from_utf8(p).ok()).collect();
    parts.join(",")
}

impl FileCheck {
    /// Whether the file is the official one; `None` where the official checksum is not known to us.
    pub fn is_official(&self) -> Option<bool> {
        self.official.map(|official| official == self.sha256)
    }
}

/// The checksum of one file.
pub(super) fn file(path: PathBuf, official: Option<&'static str>) -> Result<FileCheck, Error> {
    let sha256 = digest(&path)?;
    Ok(FileCheck { path, sha256, official, remark: None })
}

/// The checksum of a folder: of the lines `DIGEST  NAME` for its files `names`, relative to it, in order of the names.
pub(super) fn folder(path: PathBuf, mut names: Vec<String>) -> Result<FileCheck, Error> {
    names.sort_unstable();
    let mut listing = Sha256::new();
    for name in &names {
        listing.update(format!("{}  {name}\n", digest(&path.join(name))?));
    }
    Ok(FileCheck { path, sha256: hex(&listing.finalize()), official: None, remark: None })
}

fn digest(path: &Path) -> Result<String, Error> {
    let io = |e| Error::io(path, e);
    let mut file = fs::File::open(path).map_err(io)?;
    let (mut hash, mut piece) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut piece).map_err(io)? {
            0 => return Ok(hex(&hash.finalize())),
            read => hash.update(&piece[..read]),
        }
    }
}

/// A missing file is an error that says what was expected; any other failure is the operating system's.
pub(super) fn unread(path: &Path, error: std::io::Error, expected: impl Into<String>) -> Error {
    match error.kind() {
        std::io::ErrorKind::NotFound => Error::format(path, expected, "no such file or folder"),
        _ => Error::io(path, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_as_sha256sum_prints_them() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("b"), "abc").unwrap();
        fs::write(dir.path().join("a"), "").unwrap();
        const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let of = |official| file(dir.path().join("b"), official).unwrap();
        assert_eq!(of(None).sha256, ABC);
        assert_eq!(of(None).is_official(), None);
        assert_eq!(of(Some(ABC)).is_official(), Some(true));
        assert_eq!(of(Some("00")).is_official(), Some(false));
        // `sha256sum a b | sha256sum` in that folder.
        let both = folder(dir.path().into(), vec!["b".into(), "a".into()]).unwrap();
        assert_eq!(both.sha256, "bf6e2103d6cbead28abb7d3fec372bc25d03a35b1647e83e090248eb08d0adae");
    }
}
