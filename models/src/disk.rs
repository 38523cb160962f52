//! Files that are read and written whole.

use crate::Error;
use std::fs;
use std::io::Read;
use std::path::Path;

/// A file's bytes; one of more than `limit` is an error before it is read, and if it says less, after so many bytes.
pub fn read_capped(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let io = |e| Error::io(path, e);
    let file = fs::File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    let too_long = |found: u64| Error::format(path, format!("at most {limit} bytes"), found.to_string());
    if length > limit {
        return Err(too_long(length));
    }
    let mut bytes = Vec::with_capacity(length as usize);
    let read = file.take(limit + 1).read_to_end(&mut bytes).map_err(io)? as u64;
    if read > limit { Err(too_long(read)) } else { Ok(bytes) }
}

/// Writes under a temporary name in the same folder, then renames.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut name = path.file_name().map(ToOwned::to_owned).unwrap_or_default();
    name.push(".new");
    let temporary = path.with_file_name(name);
    fs::write(&temporary, bytes).map_err(|e| Error::io(&temporary, e))?;
    fs::rename(&temporary, path).map_err(|e| Error::io(path, e))
}
