//! Tables on the disk: appended and synced, replaced whole, read with every column checked.

use crate::Error;
use crate::schema::{Row, Wrong, columns};
use csv::{DeserializeErrorKind, ErrorKind, StringRecord};
use std::fs::File;
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

fn header<R: Row>() -> Result<Vec<u8>, Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(columns::<R>()).map_err(|source| Error::Encode { file: R::FILE, source })?;
    Ok(writer.into_inner().expect("memory takes every byte"))
}

fn encode<R: Row>(rows: &[R]) -> Result<Vec<u8>, Error> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).map_err(|source| Error::Encode { file: R::FILE, source })?;
    }
    Ok(writer.into_inner().expect("memory takes every byte"))
}

/// Writes a whole table in one step.
pub(crate) fn write_table<R: Row>(dir: &Path, rows: &[R]) -> Result<(), Error> {
    let mut bytes = header::<R>()?;
    bytes.extend(encode(rows)?);
    write_whole(&dir.join(R::FILE), &bytes)
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
    let synced = File::open(dir).and_then(|folder| folder.sync_all());
    synced.map_err(|source| Error::Io { action: "sync", path: dir.to_owned(), source })
}

/// A table read back, with the line each row began on.
pub(crate) struct Lines<R> {
    path: PathBuf,
    /// The rows, in file order.
    pub(crate) rows: Vec<R>,
    lines: Vec<u64>,
}

impl<R> Lines<R> {
    /// The error that row `index` breaks a rule.
    pub(crate) fn wrong(&self, index: usize, Wrong { column, expected, found }: Wrong) -> Error {
        Error::Field {
            path: self.path.clone(),
            line: self.lines[index],
            column: column.to_owned(),
            expected: expected.to_owned(),
            found,
        }
    }
}

/// Reads a table: header, width and every value are checked.
pub(crate) fn read<R: Row>(dir: &Path) -> Result<Lines<R>, Error> {
    let path = dir.join(R::FILE);
    let bytes =
        std::fs::read(&path).map_err(|source| Error::Io { action: "read", path: path.clone(), source })?;
    parse(path, &bytes)
}

/// Reads a table whose writer may have been stopped within a row: that row is left out.
pub(crate) fn read_begun<R: Row>(dir: &Path) -> Result<Lines<R>, Error> {
    let path = dir.join(R::FILE);
    let bytes =
        std::fs::read(&path).map_err(|source| Error::Io { action: "read", path: path.clone(), source })?;
    parse(path, whole_records(&bytes))
}

/// The bytes up to the last end of a line that is not within quotes.
fn whole_records(bytes: &[u8]) -> &[u8] {
    let (mut quoted, mut whole) = (false, 0);
    for (index, byte) in bytes.iter().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => whole = index + 1,
            _ => {}
        }
    }
    &bytes[..whole]
}

fn parse<R: Row>(path: PathBuf, bytes: &[u8]) -> Result<Lines<R>, Error> {
    let expected = columns::<R>();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let mut table = Lines { path, rows: Vec::new(), lines: Vec::new() };
    let mut record = StringRecord::new();
    let mut line = 1;

    let more = reader
        .read_record(&mut record)
        .map_err(|error| damaged::<R>(&table.path, line, &expected, &record, &error))?;
    // What a run of before a column came lacks is left out of what is expected.
    let expected: Vec<String> = expected
        .into_iter()
        .filter(|column| !R::LATER.contains(&column.as_str()) || record.iter().any(|found| found == column))
        .collect();
    check_width(&table.path, line, &expected, &record)?;
    for (column, found) in expected.iter().zip(&record) {
        if !more || column != found {
            return Err(Error::Field {
                path: table.path,
                line,
                column: column.clone(),
                expected: format!("the heading {column}"),
                found: found.to_owned(),
            });
        }
    }
    let headings = record.clone();
    loop {
        line = reader.position().line();
        let more = reader
            .read_record(&mut record)
            .map_err(|error| damaged::<R>(&table.path, line, &expected, &record, &error))?;
        if !more {
            return Ok(table);
        }
        check_width(&table.path, line, &expected, &record)?;
        let row: R = record
            .deserialize(Some(&headings))
            .map_err(|error| damaged::<R>(&table.path, line, &expected, &record, &error))?;
        table.lines.push(line);
        table.rows.push(row);
        let index = table.rows.len() - 1;
        if let Err(wrong) = table.rows[index].check() {
            return Err(table.wrong(index, wrong));
        }
    }
}

fn check_width(path: &Path, line: u64, columns: &[String], record: &StringRecord) -> Result<(), Error> {
    if record.len() == columns.len() {
        return Ok(());
    }
    let column = columns.get(record.len()).or(columns.last()).cloned().unwrap_or_default();
    Err(Error::Field {
        path: path.to_owned(),
        line,
        column,
        expected: format!("{} fields", columns.len()),
        found: format!("{} fields", record.len()),
    })
}

fn damaged<R: Row>(
    path: &Path,
    line: u64,
    columns: &[String],
    record: &StringRecord,
    error: &csv::Error,
) -> Error {
    let (field, expected) = match error.kind() {
        ErrorKind::Deserialize { err, .. } => {
            let expected = match err.kind() {
                DeserializeErrorKind::ParseBool(_) => "true or false".to_owned(),
                DeserializeErrorKind::ParseInt(_) => "a whole number in range, zero or more".to_owned(),
                DeserializeErrorKind::ParseFloat(_) => "a decimal number".to_owned(),
                other => format!("a known value ({other})"),
            };
            (err.field().or_else(|| unknown_value::<R>(record, columns, err.kind())), expected)
        }
        ErrorKind::Utf8 { err, .. } => (Some(err.field() as u64), "UTF-8 text".to_owned()),
        _ => (None, format!("a CSV record ({error})")),
    };
    let field = field.and_then(|field| usize::try_from(field).ok()).unwrap_or_default();
    Error::Field {
        path: path.to_owned(),
        line,
        column: columns.get(field).cloned().unwrap_or_default(),
        expected,
        found: record.get(field).unwrap_or_default().to_owned(),
    }
}

/// The field an unknown value is in, which the decoder does not say: the last of the shortest beginning of the record
/// that fails in the same way.
fn unknown_value<R: Row>(
    record: &StringRecord,
    columns: &[String],
    kind: &DeserializeErrorKind,
) -> Option<u64> {
    let fails_alike = |fields: &usize| {
        let beginning: StringRecord = record.iter().take(fields + 1).collect();
        let headings: StringRecord = columns.iter().take(fields + 1).collect();
        match beginning.deserialize::<R>(Some(&headings)) {
            Ok(_) => false,
            Err(error) => matches!(error.kind(), ErrorKind::Deserialize { err, .. } if err.kind() == kind),
        }
    };
    (0..record.len()).find(fails_alike).map(|field| field as u64)
}
