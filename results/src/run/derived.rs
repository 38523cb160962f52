//! The files of a run that derive from its tables.

use super::files::{sync_folder, write_table, write_whole};
use crate::compare::unbeaten;
use crate::schema::{Row, ScenarioRow, SummaryRow};
use crate::summary::times;
use crate::tables::Loaded;
use crate::{Error, latency, pictures};
use std::path::Path;

/// Writes them, each whole or not at all; those of pools where there are any.
pub(super) fn write(dir: &Path, run: &Loaded) -> Result<(), Error> {
    let Loaded { manifest, tables, summary, scenarios } = run;
    write_table(dir, summary)?;
    write_whole(&dir.join(latency::FILE), &latency::log(&times(tables, manifest)))?;
    if !scenarios.is_empty() {
        write_table(dir, scenarios)?;
        let pool = pictures::pool::draw(scenarios, &tables.queries, &tables.items);
        write_whole(&dir.join(pictures::POOL), pool.as_bytes())?;
    }
    for (name, svg) in pictures::all(summary, &unbeaten(run)) {
        write_whole(&dir.join(name), svg.as_bytes())?;
    }
    sync_folder(dir)
}

/// Removes those that are there, as they would no longer agree with the tables.
pub(super) fn remove(dir: &Path) -> Result<(), Error> {
    let tables = [SummaryRow::FILE, ScenarioRow::FILE, latency::FILE];
    for name in tables.into_iter().chain([pictures::POOL]).chain(pictures::NAMES) {
        match std::fs::remove_file(dir.join(name)) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::Io { action: "remove", path: dir.join(name), source });
            }
            _ => {}
        }
    }
    Ok(())
}
