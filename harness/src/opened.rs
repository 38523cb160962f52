//! Finished runs, opened to be looked at.

use crate::error::Error;
use results::{Loaded, Tables, load, load_manifest, load_summary};
use std::io::ErrorKind;
use std::path::Path;

/// The run in `folder`. Of one that was kept without its rows the summary is what there is, which is said on standard error.
pub(crate) fn run(folder: &Path) -> Result<Loaded, Error> {
    match load(folder) {
        Err(results::Error::Io { path, source, .. })
            if source.kind() == ErrorKind::NotFound && path.ends_with("raw.csv") =>
        {
            let (manifest, summary) = (load_manifest(folder)?, load_summary(folder)?);
            eprintln!(
                "note: {} is not there: no layers, no distributions, no intervals of ratios",
                path.display()
            );
            Ok(Loaded { manifest, summary, tables: Tables::default(), scenarios: Vec::new() })
        }
        loaded => Ok(loaded?),
    }
}
