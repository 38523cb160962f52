//! A finished run made small enough to be published: all that others need to open it, large tables compressed.

use crate::manifest::MANIFEST;
use crate::run::content;
use crate::run::files::{sync_folder, write_whole};
use crate::run::packed::{packed, write};
use crate::schema::columns_by_file;
use crate::{Error, load, pictures};
use std::path::Path;

/// Smaller tables stay as they are, to be read by eye.
const LARGE: usize = 1 << 16;

/// A file of a published run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its name.
    pub name: String,
    /// Its size, bytes.
    pub bytes: u64,
}

/// Writes the manifest, the tables, the summary and the pictures of the run in `dir` to the new folder `out`.
///
/// # Errors
/// Those of [`load`], as what does not open is not published; [`Error::Exists`] if there is anything at `out`; [`Error::Io`] if the
/// disk refuses.
pub fn publish(dir: &Path, out: &Path) -> Result<Vec<Published>, Error> {
    load(dir)?;
    if out.exists() {
        return Err(Error::Exists { path: out.to_owned() });
    }
    let failed = |source| Error::Io { action: "create", path: out.to_owned(), source };
    std::fs::create_dir_all(out).map_err(failed)?;
    let tables = columns_by_file().map(|(name, _)| name);
    let pictures = pictures::NAMES.into_iter().chain([pictures::POOL]);
    let mut published = Vec::new();
    for name in [MANIFEST].into_iter().chain(tables).chain(pictures) {
        let path = dir.join(name);
        if !path.exists() && !packed(&path).exists() {
            continue; // Not every run has every table.
        }
        let (bytes, mut to) = (content(&path)?, out.join(name));
        match bytes.len() >= LARGE && tables.contains(&name) {
            true => to = write(&to, &bytes)?,
            false => write_whole(&to, &bytes)?,
        }
        let size = std::fs::metadata(&to).map_err(|source| Error::Io {
            action: "read",
            path: to.clone(),
            source,
        })?;
        let name = to.file_name().unwrap_or_default().to_string_lossy().into_owned();
        published.push(Published { name, bytes: size.len() });
    }
    sync_folder(out)?;
    Ok(published)
}
