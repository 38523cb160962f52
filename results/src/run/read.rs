//! A run read from its folder. No other file of the crate opens one to read it: what is read here is handed on, so that each
//! file is read once.

use super::lines::{Lines, parse, whole_records};
use super::packed::packed;
use super::references::Unchecked;
use crate::manifest::{MANIFEST, SCHEMA};
use crate::schema::{
    AccuracyRow, CellRow, InferenceRow, ItemRow, QueryRow, Row, ScenarioRow, StepRow, SummaryRow,
    TranscriptRow, columns_by_file,
};
use crate::tables::{Loaded, Tables};
use crate::{Error, Manifest};
use ruzstd::decoding::StreamingDecoder;
use std::collections::HashSet;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// Reads all files of a finished run and checks every column, and that rows refer to rows that exist.
///
/// # Errors
/// [`Error::Unfinished`] where the summary is not there yet; [`Error::Io`] for another missing file; [`Error::Manifest`],
/// [`Error::Schema`] or [`Error::Field`], naming file, line and column, for a damaged one.
pub fn load(dir: &Path) -> Result<Loaded, Error> {
    let manifest = load_manifest(dir)?;
    if !dir.join(SummaryRow::FILE).exists() && dir.join(CellRow::FILE).exists() {
        return Err(Error::Unfinished { path: dir.to_owned() });
    }
    let tables = load_tables(dir)?;
    let summary = load_summary(dir)?;
    let scenarios = table_if_any::<ScenarioRow>(dir, Ending::Whole)?.rows;
    Ok(Loaded { manifest, tables, summary, scenarios })
}

/// Reads the summary of a finished run, of which nothing else need be there but its manifest.
///
/// # Errors
/// As [`load`].
pub fn load_summary(dir: &Path) -> Result<Vec<SummaryRow>, Error> {
    Ok(table::<SummaryRow>(dir, Ending::Whole)?.rows)
}

/// Reads what was measured in a run, finished or not, and checks every column, and that rows refer to rows that exist.
///
/// # Errors
/// As [`load`].
pub fn load_tables(dir: &Path) -> Result<Tables, Error> {
    unchecked(dir, Ending::Whole)?.checked()
}

/// Reads what the parties did in those measured repeats of a run, finished or not, that ended ok; `tables` are its own. Nothing of
/// a run that kept no transcripts.
///
/// # Errors
/// [`Error::Field`] for a damaged file.
pub fn load_transcripts(dir: &Path, tables: &Tables) -> Result<Vec<TranscriptRow>, Error> {
    Ok(counted(table_if_any::<TranscriptRow>(dir, Ending::MaybeCut)?.rows, tables))
}

/// Those of repeats that count.
fn counted(mut rows: Vec<TranscriptRow>, tables: &Tables) -> Vec<TranscriptRow> {
    let inferences = tables.inferences.iter().filter(|row| row.counts());
    let counted: HashSet<(&str, u32)> = inferences.map(|row| (row.cell.as_str(), row.repeat)).collect();
    rows.retain(|row| counted.contains(&(row.cell.as_str(), row.repeat)));
    rows
}

/// Reads the manifest of a run, finished or not.
///
/// # Errors
/// [`Error::NoRun`] if it is missing; [`Error::Manifest`] or [`Error::Schema`] if it is damaged.
pub fn load_manifest(dir: &Path) -> Result<Manifest, Error> {
    let path = dir.join(MANIFEST);
    let text = content(&path).map_err(|error| match error {
        Error::Io { source, .. } if source.kind() == ErrorKind::NotFound => {
            let found = if dir.is_dir() { "one without" } else { "nothing there" };
            Error::NoRun { path: dir.to_owned(), found }
        }
        error => error,
    })?;
    let damaged = |source: serde_json::Error| Error::Manifest {
        path: path.clone(),
        line: source.line(),
        column: source.column(),
        source,
    };
    // The version first: another schema may have other fields.
    #[derive(serde::Deserialize)]
    struct Version {
        schema: u32,
    }
    let version: Version = serde_json::from_slice(&text).map_err(damaged)?;
    if version.schema != SCHEMA {
        return Err(Error::Schema { path, expected: SCHEMA, found: version.schema });
    }
    serde_json::from_slice(&text).map_err(damaged)
}

/// A run that was stopped at any moment.
pub(super) struct Begun {
    pub(super) manifest: Manifest,
    pub(super) tables: Unchecked,
    pub(super) transcripts: Vec<TranscriptRow>,
}

/// Reads a run that was stopped at any moment, less the last row of a table where that is not whole.
///
/// # Errors
/// As [`load`]; [`Error::Packed`] of one that was published, which nothing is added to.
pub(super) fn load_begun(dir: &Path) -> Result<Begun, Error> {
    for (name, _) in columns_by_file() {
        let path = packed(&dir.join(name));
        if path.exists() {
            return Err(Error::Packed { path });
        }
    }
    let manifest = load_manifest(dir)?;
    let tables = unchecked(dir, Ending::MaybeCut)?;
    // Older runs have none.
    let transcripts = table_if_any::<TranscriptRow>(dir, Ending::MaybeCut)?.rows;
    Ok(Begun { manifest, tables, transcripts })
}

fn unchecked(dir: &Path, ending: Ending) -> Result<Unchecked, Error> {
    Ok(Unchecked {
        cells: table::<CellRow>(dir, ending)?,
        inferences: table::<InferenceRow>(dir, ending)?,
        steps: table::<StepRow>(dir, ending)?,
        // Older runs, and those without a pool, lack some tables.
        accuracy: table_if_any::<AccuracyRow>(dir, ending)?,
        queries: table_if_any::<QueryRow>(dir, ending)?,
        items: table_if_any::<ItemRow>(dir, ending)?,
    })
}

/// What the last row of a table may be.
#[derive(Clone, Copy)]
enum Ending {
    /// Whole, as every other.
    Whole,
    /// Not whole, as the writer was stopped within it: it is left out.
    MaybeCut,
}

fn table<R: Row>(dir: &Path, ending: Ending) -> Result<Lines<R>, Error> {
    let path = dir.join(R::FILE);
    let bytes = content(&path)?;
    match ending {
        Ending::Whole => parse(path, &bytes),
        Ending::MaybeCut => parse(path, whole_records(&bytes)),
    }
}

/// A table that only some runs have.
fn table_if_any<R: Row>(dir: &Path, ending: Ending) -> Result<Lines<R>, Error> {
    let path = dir.join(R::FILE);
    if path.exists() || packed(&path).exists() { table(dir, ending) } else { Ok(Lines::none(path)) }
}

/// No table is larger: what unpacks to more is refused before it fills the memory.
const MOST_BYTES: u64 = 4 << 30;

/// The bytes of the file at `path`, or of the compressed one in its place.
pub(crate) fn content(path: &Path) -> Result<Vec<u8>, Error> {
    match std::fs::read(path) {
        Err(source) if source.kind() == ErrorKind::NotFound && packed(path).exists() => {
            unpack(&packed(path), MOST_BYTES)
        }
        read => read.map_err(|source| Error::Io { action: "read", path: path.to_owned(), source }),
    }
}

/// The bytes of a compressed file, at most `most`.
fn unpack(path: &Path, most: u64) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::Io { action: "unpack", path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let decoder = StreamingDecoder::new(file).map_err(|error| failed(std::io::Error::other(error)))?;
    let mut bytes = Vec::new();
    let read = decoder.take(most + 1).read_to_end(&mut bytes).map_err(failed)?;
    if read as u64 > most {
        let told = format!("expected at most {most} bytes, found more");
        return Err(failed(std::io::Error::new(ErrorKind::FileTooLarge, told)));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::packed::write;

    #[test]
    fn a_file_is_read_whether_it_is_compressed_or_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("raw.csv");
        let error = content(&path).unwrap_err().to_string();
        assert!(error.contains("cannot read") && error.contains("raw.csv:"), "{error}");
        assert_eq!(write(&path, b"a,b\n1,2\n").unwrap(), packed(&path));
        assert_eq!(content(&path).unwrap(), b"a,b\n1,2\n");
        std::fs::write(&path, "plain").unwrap();
        assert_eq!(content(&path).unwrap(), b"plain");
    }

    #[test]
    fn what_unpacks_to_too_much_or_is_damaged_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = write(&dir.path().join("raw.csv"), &[7; 1000]).unwrap();
        assert_eq!(unpack(&path, 1000).unwrap(), [7; 1000]);
        assert!(unpack(&path, 999).unwrap_err().to_string().contains("at most 999 bytes"));
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
        assert!(unpack(&path, 1000).unwrap_err().to_string().contains("raw.csv.zst"));
    }
}
