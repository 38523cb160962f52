//! The record of runs, a row a target: appended as each ends, so that an interrupted run keeps what it has done.

use super::build::output;
use super::report::Report;
use crate::run::{Error, at};
use serde::Serialize;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// A file of rows.
pub(super) struct Log {
    file: PathBuf,
    commit: String,
    processor: String,
    /// One row is written at a time.
    writing: Mutex<()>,
}

/// A line of the file.
#[derive(Serialize)]
struct Row<'a> {
    time: String,
    commit: &'a str,
    processor: &'a str,
    target: &'a str,
    seconds: String,
    executions: u64,
    executions_per_second: String,
    edges: u64,
    corpus: u64,
    held_bytes: Option<u64>,
    allowed_bytes: Option<u64>,
    found: usize,
}

impl Log {
    /// Rows will be appended to `file`.
    pub(super) fn open(root: &Path, file: &Path) -> Result<Self, Error> {
        let git = |words: &[&str]| output(Command::new("git").current_dir(root).args(words));
        // A tree without history has no commit.
        let commit = git(&["rev-parse", "--short=10", "HEAD"]).unwrap_or_default();
        let changed =
            git(&["status", "--porcelain", "--untracked-files=no"]).is_ok_and(|said| !said.is_empty());
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Ok(Self {
            file: file.into(),
            commit: format!("{}{}", commit.trim(), if changed { "+" } else { "" }),
            processor: model.map_or("unknown", |(_, name)| name).into(),
            writing: Mutex::new(()),
        })
    }

    /// Appends a row.
    pub(super) fn append(&self, report: &Report) -> Result<(), Error> {
        let _writing = self.writing.lock().expect("no writer of a row panics");
        let time = output(Command::new("date").args(["--utc", "+%Y-%m-%dT%H:%M:%SZ"]))?;
        let file = at(&self.file, OpenOptions::new().create(true).append(true).open(&self.file))?;
        let empty = at(&self.file, file.metadata())?.len() == 0;
        let mut writer = csv::WriterBuilder::new().has_headers(empty).from_writer(file);
        let row = Row {
            time: time.trim().into(),
            commit: &self.commit,
            processor: &self.processor,
            target: &report.target,
            seconds: format!("{:.1}", report.seconds),
            executions: report.executions,
            executions_per_second: format!("{:.1}", report.rate()),
            edges: report.edges,
            corpus: report.inputs,
            held_bytes: report.held.map(|(held, _)| held),
            allowed_bytes: report.held.map(|(_, allowed)| allowed),
            found: report.findings.len(),
        };
        let wrote = writer.serialize(row).and_then(|()| writer.flush().map_err(csv::Error::from));
        at(&self.file, wrote.map_err(std::io::Error::other))
    }
}
