//! Tables that are compressed, as in runs that were published.

use super::files::write_whole;
use crate::Error;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use std::path::{Path, PathBuf};

/// What follows the name of a table that is compressed (Zstandard, RFC 8878).
const SUFFIX: &str = ".zst";

/// Where the table at `path` is if it was compressed.
pub(crate) fn packed(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(SUFFIX);
    path.with_file_name(name)
}

/// Writes a table compressed in place of `path`, in one step. Returns the file.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<PathBuf, Error> {
    let path = packed(path);
    write_whole(&path, &compress_to_vec(bytes, CompressionLevel::Fastest))?;
    Ok(path)
}
