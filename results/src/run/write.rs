//! A run being written, row by row as results come.

use super::derived;
use super::files::{Appender, append_or_create, check, lock, sync_folder, write_table, write_whole};
use super::read::{Begun, load_begun, load_manifest, load_tables};
use crate::accuracy::Network;
use crate::manifest::{MANIFEST, SCHEMA};
use crate::scenario::scenarios;
use crate::schema::{AccuracyRow, CellRow, InferenceRow, ItemRow, QueryRow, Row, StepRow, TranscriptRow};
use crate::summary::summarise;
use crate::tables::{Loaded, Tables};
use crate::{Error, Manifest};
use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};

/// A run that finds less room on the disk, bytes, is not begun.
const LEAST_ROOM: usize = 1 << 20;

/// Whether something could be written at `path`, which need not be there: asked before what takes long. Nothing stays; the nearest
/// folder that is there is asked.
///
/// # Errors
/// [`Error::Io`] where nothing can be written, or the disk is full.
pub fn check_room(path: &Path) -> Result<(), Error> {
    let there = path.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    let probe = there.join(format!(".linnet-{}", std::process::id()));
    let failed = |action| {
        let path = probe.clone();
        move |source| Error::Io { action, path, source }
    };
    // A disk that is full takes empty files.
    let written = std::fs::write(&probe, vec![0; LEAST_ROOM]).map_err(failed("write"));
    let removed = std::fs::remove_file(&probe).map_err(failed("remove"));
    written.and(removed)
}

/// A run being written. Whatever a call has returned `Ok` for is on the disk.
pub struct Run {
    dir: PathBuf,
    cells: Appender<CellRow>,
    inferences: Appender<InferenceRow>,
    steps: Appender<StepRow>,
    transcripts: Appender<TranscriptRow>,
    known: HashSet<String>,
    /// Whose classes of test images are there.
    classified: HashSet<Network>,
    done: HashSet<(String, bool, u32)>,
    /// The folder, locked against other writers for as long as it is open.
    _lock: File,
}

impl Run {
    /// Whether a run could be made at `dir`: asked before what takes minutes, since [`Run::create`] comes after it. Nothing is
    /// made; the nearest folder that is there is asked.
    ///
    /// # Errors
    /// [`Error::Exists`] if there is something; [`Error::Io`] if nothing can be written there.
    pub fn check_new(dir: &Path) -> Result<(), Error> {
        if dir.exists() {
            return Err(Error::Exists { path: dir.to_owned() });
        }
        check_room(dir)
    }

    /// Makes the folder (and its parents), the manifest and the four empty tables.
    ///
    /// # Errors
    /// [`Error::Exists`] if there is anything at `dir`; [`Error::Schema`] if the manifest is not of [`SCHEMA`];
    /// [`Error::Io`] if the disk refuses.
    pub fn create(dir: &Path, manifest: &Manifest) -> Result<Self, Error> {
        if manifest.schema != SCHEMA {
            return Err(Error::Schema { path: dir.join(MANIFEST), expected: SCHEMA, found: manifest.schema });
        }
        let failed = |action, path: &Path| {
            let path = path.to_owned();
            move |source| Error::Io { action, path, source }
        };
        if dir.exists() {
            return Err(Error::Exists { path: dir.to_owned() });
        }
        // Made beside its place and moved there, so that a run that exists always has all of its files.
        let mut name = dir.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        let begun = dir.with_file_name(name);
        if begun.exists() {
            std::fs::remove_dir_all(&begun).map_err(failed("remove", &begun))?;
        }
        std::fs::create_dir_all(&begun).map_err(failed("create", &begun))?;
        write_manifest(&begun, manifest)?;
        Appender::<CellRow>::create(&begun)?;
        Appender::<InferenceRow>::create(&begun)?;
        Appender::<StepRow>::create(&begun)?;
        Appender::<TranscriptRow>::create(&begun)?;
        sync_folder(&begun)?;
        std::fs::rename(&begun, dir).map_err(|source| match source.kind() {
            std::io::ErrorKind::DirectoryNotEmpty => Error::Exists { path: dir.to_owned() },
            _ => Error::Io { action: "create", path: dir.to_owned(), source },
        })?;
        Self::open(dir, lock(dir)?, &Tables::default())
    }

    /// Goes on with a run that was stopped at any moment: what it measured of the cells whose ids `complete` names stays,
    /// all else is discarded, to be added again. The manifest is replaced by `renewed` of it. Returns the run and the
    /// ids of the cells that stay.
    ///
    /// # Errors
    /// [`Error::InUse`] while another program writes the run; those of [`load`](crate::load) where its files are damaged otherwise
    /// than by a last row that is not whole; [`Error::Io`] if the disk refuses.
    pub fn resume(
        dir: &Path,
        complete: impl Fn(&[CellRow], &[InferenceRow]) -> HashSet<String>,
        renewed: impl FnOnce(Manifest) -> Manifest,
    ) -> Result<(Self, Vec<String>), Error> {
        let lock = lock(dir)?;
        let Begun { manifest, tables, transcripts } = load_begun(dir)?;
        let stays = complete(&tables.cells.rows, &tables.inferences.rows);
        let tables = tables.only(&stays).checked()?;
        let transcripts = transcripts.into_iter().filter(|row| stays.contains(&row.cell));
        derived::remove(dir)?;
        replace_tables(dir, &tables, &transcripts.collect::<Vec<_>>())?;
        write_manifest(dir, &renewed(manifest))?;
        let kept = tables.cells.iter().map(|row| row.cell.clone()).collect();
        Ok((Self::open(dir, lock, &tables)?, kept))
    }

    /// Goes on with a run whose files hold `tables`, and nothing that is not whole.
    fn open(dir: &Path, lock: File, tables: &Tables) -> Result<Self, Error> {
        let Tables { cells, inferences, steps: _, accuracy, queries: _, items: _ } = tables;
        let classified: HashSet<&str> = accuracy.iter().map(|row| row.cell.as_str()).collect();
        let classified = cells.iter().filter(|row| classified.contains(row.cell.as_str()));
        let done = inferences.iter().map(|row| (row.cell.clone(), row.warmup, row.repeat));
        let run = Self {
            dir: dir.to_owned(),
            cells: Appender::open(dir)?,
            inferences: Appender::open(dir)?,
            steps: Appender::open(dir)?,
            transcripts: Appender::open(dir)?,
            known: cells.iter().map(|row| row.cell.clone()).collect(),
            classified: classified.map(Network::of).collect(),
            done: done.collect(),
            _lock: lock,
        };
        sync_folder(dir)?;
        Ok(run)
    }

    /// The run's folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Adds a cell; before its first inference, once.
    ///
    /// # Errors
    /// [`Error::Row`] if the id is taken or a column breaks its rule; [`Error::Io`] if the disk refuses.
    pub fn cell(&mut self, row: &CellRow) -> Result<(), Error> {
        if self.known.contains(&row.cell) {
            return Err(refused::<CellRow>("cell", "an id not used before", &row.cell));
        }
        self.cells.append(std::slice::from_ref(row))?;
        self.known.insert(row.cell.clone());
        Ok(())
    }

    /// Adds the classes of test images in the clear by the network of `cell`, one of the run's, unless they are there already, for
    /// another of its cells.
    ///
    /// # Errors
    /// [`Error::Row`] if the cell is unknown, a row is of another or a column breaks its rule; [`Error::Io`] if the disk
    /// refuses.
    pub fn classes(&mut self, cell: &CellRow, rows: &[AccuracyRow]) -> Result<(), Error> {
        if !self.known.contains(&cell.cell) {
            return Err(refused::<AccuracyRow>("cell", "a cell added before", &cell.cell));
        }
        if let Some(row) = rows.iter().find(|row| row.cell != cell.cell) {
            return Err(refused::<AccuracyRow>("cell", "the cell that they are added for", &row.cell));
        }
        if !rows.is_empty() && self.classified.insert(Network::of(cell)) {
            append_or_create(&self.dir, rows)?;
        }
        Ok(())
    }

    /// Adds what the parties did in a measured repeat; before the repeat itself.
    ///
    /// # Errors
    /// [`Error::Row`] if the cell is unknown, the repeat already there or a column breaks its rule; [`Error::Io`] if the
    /// disk refuses.
    pub fn transcript(&mut self, rows: &[TranscriptRow]) -> Result<(), Error> {
        for row in rows {
            if !self.known.contains(&row.cell) {
                return Err(refused::<TranscriptRow>("cell", "a cell added before", &row.cell));
            }
            if self.done.contains(&(row.cell.clone(), false, row.repeat)) {
                let found = row.repeat.to_string();
                return Err(refused::<TranscriptRow>("repeat", "a repeat not added before", &found));
            }
        }
        if rows.is_empty() { Ok(()) } else { self.transcripts.append(rows) }
    }

    /// Adds the queries of a cell that uses a pool, and the items of the pool; before the repeats themselves.
    ///
    /// # Errors
    /// [`Error::Row`] if a cell is unknown or a column breaks its rule; [`Error::Io`] if the disk refuses.
    pub fn queries(&mut self, queries: &[QueryRow], items: &[ItemRow]) -> Result<(), Error> {
        let unknown = |cell: &&String| !self.known.contains(*cell);
        if let Some(cell) = queries.iter().map(|row| &row.cell).find(unknown) {
            return Err(refused::<QueryRow>("cell", "a cell added before", cell));
        }
        if let Some(cell) = items.iter().map(|row| &row.cell).find(unknown) {
            return Err(refused::<ItemRow>("cell", "a cell added before", cell));
        }
        append_or_create(&self.dir, items)?;
        append_or_create(&self.dir, queries)
    }

    /// Adds one repeat: its steps, then its row, each on the disk before this returns.
    ///
    /// # Errors
    /// [`Error::Row`] if the cell is unknown, the repeat already there, a step belongs to another repeat or a
    /// column breaks its rule; [`Error::Io`] if the disk refuses.
    pub fn inference(&mut self, row: &InferenceRow, steps: &[StepRow]) -> Result<(), Error> {
        if !self.known.contains(&row.cell) {
            return Err(refused::<InferenceRow>("cell", "a cell added before", &row.cell));
        }
        let key = (row.cell.clone(), row.warmup, row.repeat);
        if self.done.contains(&key) {
            return Err(refused::<InferenceRow>(
                "repeat",
                "a repeat not added before",
                &row.repeat.to_string(),
            ));
        }
        for step in steps {
            if (step.cell.as_str(), step.warmup, step.repeat) != (row.cell.as_str(), row.warmup, row.repeat) {
                let found = format!("{} of {}", step.repeat, step.cell);
                return Err(refused::<StepRow>(
                    "repeat",
                    "the cell, repeat and warmup of its inference",
                    &found,
                ));
            }
        }
        check(std::slice::from_ref(row))?;
        self.steps.append(steps)?;
        self.inferences.append(std::slice::from_ref(row))?;
        self.done.insert(key);
        Ok(())
    }

    /// Derives `summary.csv`, `scenarios.csv` where there are queries from a pool, `latency.hlog` and the pictures from the
    /// tables on the disk, each of which is read once; each file appears whole or not at all. Returns the finished run.
    ///
    /// # Errors
    /// Those of [`load_tables`] and [`summarise`]; [`Error::Io`] if the disk refuses.
    pub fn finish(self) -> Result<Loaded, Error> {
        let manifest = load_manifest(&self.dir)?;
        let tables = load_tables(&self.dir)?;
        let summary = summarise(&tables, &manifest)?;
        let scenarios = scenarios(&tables, &manifest);
        let run = Loaded { manifest, tables, summary, scenarios };
        derived::write(&self.dir, &run)?;
        Ok(run)
    }
}

/// Replaces the tables of a run by these, each in one step.
pub(crate) fn replace_tables(
    dir: &Path,
    tables: &Tables,
    transcripts: &[TranscriptRow],
) -> Result<(), Error> {
    let Tables { cells, inferences, steps, accuracy, queries, items } = tables;
    // Before the cells: who of them has the same network must still be known.
    replace_if_any(dir, accuracy)?;
    // Then the cells: a row that refers to a cell which is not there is discarded the next time.
    write_table(dir, cells)?;
    write_table(dir, inferences)?;
    write_table(dir, steps)?;
    write_table(dir, transcripts)?;
    replace_if_any(dir, queries)?;
    replace_if_any(dir, items)
}

/// Replaces a table that only some runs have, or begins it if there are rows.
fn replace_if_any<R: Row>(dir: &Path, rows: &[R]) -> Result<(), Error> {
    if rows.is_empty() && !dir.join(R::FILE).exists() { Ok(()) } else { write_table(dir, rows) }
}

fn write_manifest(dir: &Path, manifest: &Manifest) -> Result<(), Error> {
    let path = dir.join(MANIFEST);
    let mut text = serde_json::to_vec_pretty(manifest).map_err(|source| Error::Manifest {
        path: path.clone(),
        line: source.line(),
        column: source.column(),
        source,
    })?;
    text.push(b'\n');
    write_whole(&path, &text)
}

fn refused<R: Row>(column: &'static str, expected: &str, found: &str) -> Error {
    Error::Row { file: R::FILE, column, expected: expected.to_owned(), found: found.to_owned() }
}
