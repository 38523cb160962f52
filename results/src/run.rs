//! The run's folder: written row by row as results come, read back whole and checked.

pub(crate) mod files;

use crate::accuracy::{self, Network};
use crate::latency;
use crate::pictures;
use crate::scenario::{optional, scenarios};
use crate::schema::{
    AccuracyRow, CellRow, InferenceRow, InferenceStatus, ItemRow, QueryRow, Row, ScenarioRow, StepRow,
    SummaryRow, TranscriptRow, Wrong,
};
use crate::summary::{Timed, saved_times, summarise, times};
use crate::{Error, Manifest, SCHEMA};
use files::{Appender, write_whole};
use std::collections::HashSet;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use files::read;

/// Name of the manifest in a run's folder.
const MANIFEST: &str = "manifest.json";

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
        files::sync_folder(&begun)?;
        std::fs::rename(&begun, dir).map_err(|source| match source.kind() {
            std::io::ErrorKind::DirectoryNotEmpty => Error::Exists { path: dir.to_owned() },
            _ => Error::Io { action: "create", path: dir.to_owned(), source },
        })?;
        Self::open(dir, locked(dir)?)
    }

    /// Goes on with a run that was stopped at any moment: what it measured of the cells whose ids `complete` names stays,
    /// all else is discarded, to be added again. The manifest is replaced by `renewed` of it. Returns the run and the
    /// ids of the cells that stay.
    ///
    /// # Errors
    /// [`Error::InUse`] while another program writes the run; those of [`load`] where its files are damaged otherwise
    /// than by a last row that is not whole; [`Error::Io`] if the disk refuses.
    pub fn resume(
        dir: &Path,
        complete: impl Fn(&[CellRow], &[InferenceRow]) -> HashSet<String>,
        renewed: impl FnOnce(Manifest) -> Manifest,
    ) -> Result<(Self, Vec<String>), Error> {
        let lock = locked(dir)?;
        let manifest = load_manifest(dir)?;
        let cells = files::read_begun::<CellRow>(dir)?.rows;
        let inferences = files::read_begun::<InferenceRow>(dir)?.rows;
        let steps = files::read_begun::<StepRow>(dir)?.rows;
        // Runs of before there were any, and those without a pool, lack some tables.
        let transcripts = begun::<TranscriptRow>(dir)?;
        let (queries, items) = (begun::<QueryRow>(dir)?, begun::<ItemRow>(dir)?);
        let classes = begun::<AccuracyRow>(dir)?;
        let stays = complete(&cells, &inferences);
        // What derives from the tables would no longer agree with them.
        let derived = [SummaryRow::FILE, ScenarioRow::FILE, latency::FILE, pictures::POOL];
        for derived in derived.into_iter().chain(pictures::NAMES) {
            match std::fs::remove_file(dir.join(derived)) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::Io { action: "remove", path: dir.join(derived), source });
                }
                _ => {}
            }
        }
        // Before the cells: who of them has the same network must still be known.
        if !classes.is_empty() {
            files::write_table(dir, &accuracy::handed_on(classes, &cells, &stays))?;
        }
        // Then the cells: a row that refers to a cell which is not there is discarded the next time.
        keep(dir, cells.iter().filter(|row| stays.contains(&row.cell)))?;
        keep(dir, inferences.iter().filter(|row| stays.contains(&row.cell)))?;
        keep(dir, steps.iter().filter(|row| stays.contains(&row.cell)))?;
        keep(dir, transcripts.iter().filter(|row| stays.contains(&row.cell)))?;
        if !queries.is_empty() || !items.is_empty() {
            keep(dir, queries.iter().filter(|row| stays.contains(&row.cell)))?;
            keep(dir, items.iter().filter(|row| stays.contains(&row.cell)))?;
        }
        write_manifest(dir, &renewed(manifest))?;
        let kept = cells.iter().map(|row| &row.cell).filter(|id| stays.contains(*id)).cloned();
        Ok((Self::open(dir, lock)?, kept.collect()))
    }

    /// Goes on with tables that are whole.
    fn open(dir: &Path, lock: File) -> Result<Self, Error> {
        let tables = Tables::read(dir)?;
        let done = tables.inferences.iter().map(|row| (row.cell.clone(), row.warmup, row.repeat));
        let classes = accuracy::read(dir, &tables.cells)?;
        let classified: HashSet<&str> = classes.iter().map(|row| row.cell.as_str()).collect();
        let classified = tables.cells.iter().filter(|row| classified.contains(row.cell.as_str()));
        let run = Self {
            dir: dir.to_owned(),
            cells: Appender::open(dir)?,
            inferences: Appender::open(dir)?,
            steps: Appender::open(dir)?,
            transcripts: Appender::open(dir)?,
            known: tables.cells.iter().map(|row| row.cell.clone()).collect(),
            classified: classified.map(Network::of).collect(),
            done: done.collect(),
            _lock: lock,
        };
        files::sync_folder(dir)?;
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
            files::append_or_create(&self.dir, rows)?;
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
        files::append_or_create(&self.dir, items)?;
        files::append_or_create(&self.dir, queries)
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
        files::check(std::slice::from_ref(row))?;
        self.steps.append(steps)?;
        self.inferences.append(std::slice::from_ref(row))?;
        self.done.insert(key);
        Ok(())
    }

    /// Derives `summary.csv`, `scenarios.csv` where there are queries from a pool, `latency.hlog` and the pictures from the
    /// tables on the disk; each file appears whole or not at all.
    ///
    /// # Errors
    /// Those of [`summarise`]; [`Error::Io`] if the disk refuses.
    pub fn finish(self) -> Result<Vec<SummaryRow>, Error> {
        let rows = summarise(&self.dir)?;
        files::write_table(&self.dir, &rows)?;
        write_whole(&self.dir.join(latency::FILE), &latency::log(&saved_times(&self.dir)?))?;
        let scenarios = scenarios(&self.dir)?;
        if !scenarios.is_empty() {
            files::write_table(&self.dir, &scenarios)?;
            let (queries, items) = (optional(&self.dir)?, optional(&self.dir)?);
            let pool = pictures::pool::draw(&scenarios, &queries, &items);
            write_whole(&self.dir.join(pictures::POOL), pool.as_bytes())?;
        }
        for (name, svg) in pictures::all(&rows) {
            write_whole(&self.dir.join(name), svg.as_bytes())?;
        }
        files::sync_folder(&self.dir)?;
        Ok(rows)
    }
}

/// Locks a run's folder for one writer.
fn locked(dir: &Path) -> Result<File, Error> {
    let failed = |source| Error::Io { action: "lock", path: dir.to_owned(), source };
    let folder = File::open(dir).map_err(failed)?;
    match folder.try_lock() {
        Ok(()) => Ok(folder),
        Err(TryLockError::WouldBlock) => Err(Error::InUse { path: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
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

/// The whole rows of a table that only some runs have.
fn begun<R: Row>(dir: &Path) -> Result<Vec<R>, Error> {
    match dir.join(R::FILE).exists() {
        true => Ok(files::read_begun::<R>(dir)?.rows),
        false => Ok(Vec::new()),
    }
}

/// Replaces a table by these rows.
fn keep<'a, R: Row + Clone + 'a>(dir: &Path, rows: impl Iterator<Item = &'a R>) -> Result<(), Error> {
    let rows: Vec<R> = rows.cloned().collect();
    files::write_table(dir, &rows)
}

fn refused<R: Row>(column: &'static str, expected: &str, found: &str) -> Error {
    Error::Row { file: R::FILE, column, expected: expected.to_owned(), found: found.to_owned() }
}

/// A finished run, read back.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// `manifest.json`.
    pub manifest: Manifest,
    /// `cells.csv`.
    pub cells: Vec<CellRow>,
    /// `inferences.csv`.
    pub inferences: Vec<InferenceRow>,
    /// `raw.csv`.
    pub steps: Vec<StepRow>,
    /// `accuracy.csv`; empty where classes of test images were not kept.
    pub accuracy: Vec<AccuracyRow>,
    /// `summary.csv`.
    pub summary: Vec<SummaryRow>,
    /// What is there of cells that use a pool.
    pub pool: Pool,
}

/// The tables of cells whose preprocessed inferences went through a pool; empty where no cell's did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pool {
    /// `scenarios.csv`.
    pub scenarios: Vec<ScenarioRow>,
    /// `queries.csv`.
    pub queries: Vec<QueryRow>,
    /// `items.csv`.
    pub items: Vec<ItemRow>,
}

impl Pool {
    fn read(dir: &Path) -> Result<Self, Error> {
        Ok(Self { scenarios: optional(dir)?, queries: optional(dir)?, items: optional(dir)? })
    }
}

impl Loaded {
    /// Each cell's id with the times of the repeats that count, in the order in which they ran.
    pub fn times(&self) -> Vec<(String, Vec<Timed>)> {
        times(&self.cells.iter().collect::<Vec<_>>(), &self.inferences, &self.steps)
    }
}

/// Reads all files of a finished run and checks every column, and that rows refer to rows that exist.
///
/// # Errors
/// [`Error::Io`] for a missing file; [`Error::Manifest`], [`Error::Schema`] or [`Error::Field`], naming file, line
/// and column, for a damaged one.
pub fn load(dir: &Path) -> Result<Loaded, Error> {
    let manifest = load_manifest(dir)?;
    let tables = Tables::read(dir)?;
    let summary = read::<SummaryRow>(dir)?.rows;
    let accuracy = accuracy::read(dir, &tables.cells)?;
    let Tables { cells, inferences, steps } = tables;
    let pool = Pool::read(dir)?;
    Ok(Loaded { manifest, cells, inferences, steps, accuracy, summary, pool })
}

/// Reads what the parties did in those measured repeats of a run, finished or not, that ended ok.
///
/// # Errors
/// [`Error::Io`] for a missing file, as in runs of before transcripts were written; [`Error::Field`] for a damaged one.
pub fn load_transcripts(dir: &Path) -> Result<Vec<TranscriptRow>, Error> {
    let inferences = files::read_begun::<InferenceRow>(dir)?.rows;
    let counted: HashSet<(&str, u32)> =
        inferences.iter().filter(|row| row.counts()).map(|row| (row.cell.as_str(), row.repeat)).collect();
    let mut rows = files::read_begun::<TranscriptRow>(dir)?.rows;
    rows.retain(|row| counted.contains(&(row.cell.as_str(), row.repeat)));
    Ok(rows)
}

/// Reads the manifest of a run, finished or not.
///
/// # Errors
/// [`Error::Io`] if it is missing; [`Error::Manifest`] or [`Error::Schema`] if it is damaged.
pub fn load_manifest(dir: &Path) -> Result<Manifest, Error> {
    let path = dir.join(MANIFEST);
    let text =
        std::fs::read(&path).map_err(|source| Error::Io { action: "read", path: path.clone(), source })?;
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

/// The three tables everything else derives from.
pub(crate) struct Tables {
    pub(crate) cells: Vec<CellRow>,
    pub(crate) inferences: Vec<InferenceRow>,
    pub(crate) steps: Vec<StepRow>,
}

impl Tables {
    /// Reads the tables and follows every reference between them.
    pub(crate) fn read(dir: &Path) -> Result<Self, Error> {
        let cells = read::<CellRow>(dir)?;
        let inferences = read::<InferenceRow>(dir)?;
        let mut steps = read::<StepRow>(dir)?;

        let mut known = HashSet::new();
        for (index, row) in cells.rows.iter().enumerate() {
            if !known.insert(row.cell.as_str()) {
                return Err(cells.wrong(index, unexpected("cell", "an id not used before", &row.cell)));
            }
        }
        let mut done = HashSet::new();
        for (index, row) in inferences.rows.iter().enumerate() {
            if !known.contains(row.cell.as_str()) {
                return Err(inferences.wrong(index, unexpected("cell", "a cell of cells.csv", &row.cell)));
            }
            if !done.insert((row.cell.as_str(), row.warmup, row.repeat)) {
                let found = row.repeat.to_string();
                return Err(inferences.wrong(index, unexpected("repeat", "a repeat not seen before", &found)));
            }
        }
        // Steps are written before their inference, so a run cut short may end in steps of a repeat that never
        // came to be. Anywhere else, steps without an inference mean that a row was lost.
        let key = |row: &StepRow| (row.cell.clone(), row.warmup, row.repeat);
        if let Some(last) = steps.rows.last().map(key)
            && !done.contains(&(last.0.as_str(), last.1, last.2))
        {
            let tail = steps.rows.iter().rev().take_while(|row| key(row) == last).count();
            steps.rows.truncate(steps.rows.len() - tail);
        }
        for (index, row) in steps.rows.iter().enumerate() {
            if !done.contains(&(row.cell.as_str(), row.warmup, row.repeat)) {
                let found = format!("{} of {}", row.repeat, row.cell);
                return Err(steps.wrong(index, unexpected("repeat", "a repeat of inferences.csv", &found)));
            }
        }
        Ok(Self { cells: cells.rows, inferences: inferences.rows, steps: steps.rows })
    }
}

fn unexpected(column: &'static str, expected: &'static str, found: &str) -> Wrong {
    Wrong { column, expected, found: found.to_owned() }
}

impl InferenceRow {
    /// Whether this repeat counts in the summary: measured, and ended ok.
    pub(crate) fn counts(&self) -> bool {
        !self.warmup && self.status == InferenceStatus::Ok
    }
}
