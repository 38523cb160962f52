//! A table's text as rows, each checked, with the line that it began on. Nothing is opened here.

use crate::Error;
use crate::schema::{Row, Wrong, columns};
use csv::{DeserializeErrorKind, ErrorKind, StringRecord};
use std::path::{Path, PathBuf};

/// A table as it was read.
pub(super) struct Lines<R> {
    path: PathBuf,
    /// The rows, in file order.
    pub(super) rows: Vec<R>,
    /// The line that each began on.
    lines: Vec<u64>,
}

impl<R> Lines<R> {
    /// A table without rows.
    pub(super) fn none(path: PathBuf) -> Self {
        Self { path, rows: Vec::new(), lines: Vec::new() }
    }

    /// What `keep` makes of the rows, less those of which it makes nothing.
    pub(super) fn filter_map(self, mut keep: impl FnMut(R) -> Option<R>) -> Self {
        let kept = self.rows.into_iter().zip(self.lines).filter_map(|(row, line)| Some((keep(row)?, line)));
        let (rows, lines) = kept.unzip();
        Self { path: self.path, rows, lines }
    }

    /// The error that row `index` breaks a rule.
    pub(super) fn wrong(&self, index: usize, Wrong { column, expected, found }: Wrong) -> Error {
        Error::Field {
            path: self.path.clone(),
            line: self.lines[index],
            column: column.to_owned(),
            expected: expected.to_owned(),
            found,
        }
    }
}

/// The rows of the table at `path`, whose text is `bytes`: header, width and every value are checked.
pub(super) fn parse<R: Row>(path: PathBuf, bytes: &[u8]) -> Result<Lines<R>, Error> {
    let expected = columns::<R>();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let mut table = Lines::none(path);
    let mut record = StringRecord::new();
    let mut line = 1;

    let more = reader
        .read_record(&mut record)
        .map_err(|error| damaged::<R>(&table.path, line, &expected, &record, &error))?;
    // A column that came later is expected only where the file has it.
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

/// The bytes up to the last end of a line that is not within quotes.
pub(super) fn whole_records(bytes: &[u8]) -> &[u8] {
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
