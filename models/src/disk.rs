//! Files that are read and written whole.

use crate::Error;
use std::fs;
use std::path::Path;

/// A file's bytes; one of more than `limit` is an error before it is read.
pub fn read_capped(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let length = fs::metadata(path).map_err(|e| Error::io(path, e))?.len();
    if length > limit {
        return Err(Error::format(path, format!("at most {limit} bytes"), length.to_string()));
    }
    fs::read(path).map_err(|e| Error::io(path, e))
}

/// Writes under a temporary name in the same folder, then renames.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut name = path.file_name().map(ToOwned::to_owned).unwrap_or_default();
    name.push(".new");
    let temporary = path.with_file_name(name);
    fs::write(&temporary, bytes).map_err(|e| Error::io(&temporary, e))?;
    fs::rename(&temporary, path).map_err(|e| Error::io(path, e))
}
