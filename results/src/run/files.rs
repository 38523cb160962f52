//! Files of a run as they are written: tables appended to and synced, files replaced whole. Nothing is read here.

use crate::Error;
use crate::schema::{Row, Wrong, columns};
use std::fs::{File, TryLockError};
use std::io::Write;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

/// A table open for appending.
pub(crate) struct Appender<R> {
    path: PathBuf,
    file: File,
    rows: PhantomData<R>,
}

impl<R: Row> Appender<R> {
    /// A new table with its header.
    pub(crate) fn create(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(R::FILE);
        let file = File::create_new(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::AlreadyExists => Error::Exists { path: path.clone() },
            _ => Error::Io { action: "create", path: path.clone(), source },
        })?;
        let mut table = Self { path, file, rows: PhantomData };
        table.put(&header::<R>()?)?;
        Ok(table)
    }

    /// A table that is there, whose last row is whole.
    pub(crate) fn open(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(R::FILE);
        let opened = File::options().append(true).open(&path);
        let file = opened.map_err(|source| Error::Io { action: "append to", path: path.clone(), source })?;
        Ok(Self { path, file, rows: PhantomData })
    }

    /// Checks the rows, writes them in one piece and waits for the disk.
    pub(crate) fn append(&mut self, rows: &[R]) -> Result<(), Error> {
        check(rows)?;
        self.put(&encode(rows)?)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let failed = |source| Error::Io { action: "append to", path: self.path.clone(), source };
        self.file.write_all(bytes).map_err(failed)?;
        self.file.sync_data().map_err(failed)
    }
}

/// Appends rows to a table that begins to be with its first rows.
pub(crate) fn append_or_create<R: Row>(dir: &Path, rows: &[R]) -> Result<(), Error> {
    let mut table = match dir.join(R::FILE).exists() {
        true => Appender::<R>::open(dir)?,
        false => Appender::<R>::create(dir)?,
    };
    table.append(rows)
}

/// Whether all rows keep the schema's rules.
pub(crate) fn check<R: Row>(rows: &[R]) -> Result<(), Error> {
    rows.iter().try_for_each(|row| {
        row.check().map_err(|Wrong { column, expected, found }| Error::Row {
            file: R::FILE,
            column,
            expected: expected.to_owned(),
            found,
        })
    })
}

pub(super) fn header<R: Row>() -> Result<Vec<u8>, Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(columns::<R>()).map_err(|source| Error::Encode { file: R::FILE, source })?;
    Ok(writer.into_inner().expect("memory takes every byte"))
}

pub(super) fn encode<R: Row>(rows: &[R]) -> Result<Vec<u8>, Error> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).map_err(|source| Error::Encode { file: R::FILE, source })?;
    }
    Ok(writer.into_inner().expect("memory takes every byte"))
}

/// A whole table, under its usual name.
pub(crate) fn write_table<R: Row>(dir: &Path, rows: &[R]) -> Result<(), Error> {
    write_table_to(&dir.join(R::FILE), rows)
}

/// Writes a whole table in one step.
pub(crate) fn write_table_to<R: Row>(path: &Path, rows: &[R]) -> Result<(), Error> {
    let mut bytes = header::<R>()?;
    bytes.extend(encode(rows)?);
    write_whole(path, &bytes)
}

/// Puts a file in place in one step: a reader sees the old content or the new, never a part.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    let temporary = path.with_file_name(name);
    let failed = |action, path: &Path| {
        let path = path.to_owned();
        move |source| Error::Io { action, path, source }
    };
    let mut file = File::create(&temporary).map_err(failed("create", &temporary))?;
    file.write_all(bytes).map_err(failed("write", &temporary))?;
    file.sync_all().map_err(failed("write", &temporary))?;
    std::fs::rename(&temporary, path).map_err(failed("replace", path))
}

/// Waits until the names in a folder are on the disk.
pub(crate) fn sync_folder(dir: &Path) -> Result<(), Error> {
    let synced = folder(dir).and_then(|folder| folder.sync_all());
    synced.map_err(|source| Error::Io { action: "sync", path: dir.to_owned(), source })
}

/// Locks a run's folder for one writer, for as long as what is returned is open.
pub(super) fn lock(dir: &Path) -> Result<File, Error> {
    let failed = |source| Error::Io { action: "lock", path: dir.to_owned(), source };
    let folder = folder(dir).map_err(failed)?;
    match folder.try_lock() {
        Ok(()) => Ok(folder),
        Err(TryLockError::WouldBlock) => Err(Error::InUse { path: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// The folder itself, whose names can be synced and which can be locked.
fn folder(dir: &Path) -> std::io::Result<File> {
    File::options().read(true).open(dir)
}
