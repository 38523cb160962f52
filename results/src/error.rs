//! Why a run could not be written, read or summarised.

use crate::schema::Phase;
use std::path::PathBuf;

/// Everything that can go wrong here; each says what was expected and what was found.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A run never overwrites another.
    #[error("{}: expected no such folder yet, found one; every run needs a folder of its own (`linnet sweep --resume` continues one)", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// A run is a folder.
    #[error("{}: expected the folder of a run, with its manifest.json, found {found}", path.display())]
    NoRun {
        /// The folder that was named.
        path: PathBuf,
        /// What is there.
        found: &'static str,
    },
    /// Two programs never write the same run.
    #[error("{}: expected a run that nothing else writes, found one in use", path.display())]
    InUse {
        /// The run's folder.
        path: PathBuf,
    },
    /// A run that was stopped before its end has no summary yet.
    #[error("{}: expected a finished run, found one that was stopped; `linnet sweep --resume {}` goes on with it", path.display(), path.display())]
    Unfinished {
        /// Its folder.
        path: PathBuf,
    },
    /// A run that was published is read, and nothing is added to it.
    #[error("{}: expected a run as it was made, found a published one, which is not gone on with", path.display())]
    Packed {
        /// A table of it that is compressed.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A row could not be turned into CSV.
    #[error("cannot write a row of {file}: {source}")]
    Encode {
        /// File name.
        file: &'static str,
        /// The encoder's answer.
        source: csv::Error,
    },
    /// `manifest.json` is not a manifest.
    #[error("{}, line {line}, column {column}: {source}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Character in the line, from 1.
        column: usize,
        /// What the parser expected and found.
        source: serde_json::Error,
    },
    /// The run was written under another schema.
    #[error("{}: expected schema {expected}, found {found}", path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// The version this build reads.
        expected: u32,
        /// The version in the file.
        found: u32,
    },
    /// A file's content is damaged.
    #[error("{}, line {line}, column {column}: expected {expected}, found {found:?}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// Line, from 1; the header is line 1.
        line: u64,
        /// Column name.
        column: String,
        /// What the schema asks for.
        expected: String,
        /// What the file has.
        found: String,
    },
    /// A row handed in breaks the schema; nothing was written.
    #[error("row refused for {file}, column {column}: expected {expected}, found {found:?}")]
    Row {
        /// File name.
        file: &'static str,
        /// Column name.
        column: &'static str,
        /// What the schema asks for.
        expected: String,
        /// What the row has.
        found: String,
    },
    /// Bytes and rounds belong to the plan, so they cannot differ from repeat to repeat.
    #[error(
        "cell {cell}, {phase} phase: {quantity} must be equal over repeats, found {first} in repeat {first_repeat} \
         and {other} in repeat {other_repeat}"
    )]
    Differs {
        /// Cell id.
        cell: String,
        /// Phase.
        phase: Phase,
        /// What was compared.
        quantity: &'static str,
        /// The first repeat compared.
        first_repeat: u32,
        /// Its value (`nothing` where it has no row).
        first: String,
        /// The repeat that disagrees.
        other_repeat: u32,
        /// Its value.
        other: String,
    },
    /// What one party sent is not what the other received.
    #[error(
        "cell {cell}, repeat {repeat}, {phase} phase, {direction}: {sent} bytes sent, {received} received"
    )]
    Parties {
        /// Cell id.
        cell: String,
        /// Repeat.
        repeat: u32,
        /// Phase.
        phase: Phase,
        /// `client to server` or `server to client`.
        direction: &'static str,
        /// By the sender's count.
        sent: u64,
        /// By the receiver's count.
        received: u64,
    },
    /// Runs that are no parts of one.
    #[error("{} cannot be joined with the runs before it: {what}: expected {expected}, found {found}", path.display())]
    Merge {
        /// The run that does not fit.
        path: PathBuf,
        /// What it differs in.
        what: String,
        /// What the first run has.
        expected: String,
        /// What this one has.
        found: String,
    },
    /// What was typed to select cells means none, or more than may be meant.
    #[error("{option}: expected {expected}, found {found}")]
    Selection {
        /// The option.
        option: &'static str,
        /// What could be meant.
        expected: String,
        /// What was asked for.
        found: String,
    },
    /// A file of published figures is not one.
    #[error("{file}, line {line}: {what}")]
    ReferenceFile {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// What the parser expected and found.
        what: String,
    },
    /// An entry of such a file breaks a rule.
    #[error("{file}, {entry}, field {field}: expected {expected}, found {found}")]
    Reference {
        /// The file.
        file: String,
        /// The entry's id, or `head`.
        entry: String,
        /// The field.
        field: &'static str,
        /// The rule.
        expected: &'static str,
        /// What the entry has.
        found: String,
    },
    /// The sample is too small for the percentile asked for.
    #[error("p{percent} expected at least {needed} measurements, found {found}")]
    TooFew {
        /// 50, 90 or 99.
        percent: u32,
        /// Smallest sample that supports it.
        needed: u64,
        /// Size of the sample.
        found: u64,
    },
}
