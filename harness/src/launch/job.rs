//! What is run, and the files that say so to a scheduler.

use crate::error::Error;
use crate::experiment::refused;
use std::path::Path;
use std::time::Duration;

/// What is run, whoever schedules it.
pub(super) struct Job {
    /// What the runs of the shares begin with: letters, digits, `.`, `_` and `-`.
    pub(super) name: String,
    pub(super) shards: usize,
    /// `linnet`, where the shares run.
    pub(super) program: String,
    /// What follows `linnet sweep` for every share: the file and options.
    pub(super) sweep: Vec<String>,
    /// Folder of runs.
    pub(super) runs: String,
    /// Cores of a share.
    pub(super) cpus: usize,
    /// Memory of a share, in units of 2^20 bytes.
    pub(super) mebibytes: u64,
    /// Longest time of a share.
    pub(super) time: Option<Duration>,
}

/// A file that is written.
pub(super) struct Script {
    pub(super) name: &'static str,
    pub(super) text: String,
    /// Whether it can be called as it is.
    pub(super) executable: bool,
}

impl Job {
    /// Folder of the run of a share, whose number may be a shell's variable.
    pub(super) fn run(&self, share: &str) -> String {
        format!("{}/{}", self.runs, self.id(share))
    }

    /// The number of shares is part of it, so that shares of another launch are never taken for these.
    pub(super) fn id(&self, share: &str) -> String {
        format!("{}-{share}of{}", self.name, self.shards)
    }

    /// Folder of the joined run.
    pub(super) fn merged(&self) -> String {
        format!("{}/{}-merged", self.runs, self.name)
    }
}

/// The path as text, which scripts are.
pub(super) fn text(option: &'static str, path: &Path) -> Result<String, Error> {
    match path.to_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(refused(option, "a path in UTF-8", path.display())),
    }
}

/// A value, if there is one, that stands in a script without quotes.
pub(super) fn token(option: &'static str, value: &Option<String>) -> Result<Option<String>, Error> {
    let plain = |c: char| c.is_ascii_graphic() && !"\"'`\\#$".contains(c);
    match value {
        Some(value) if value.is_empty() || !value.chars().all(plain) => {
            Err(refused(option, "a word without spaces, quotes, `\\`, `#` and `$`", format!("{value:?}")))
        }
        value => Ok(value.clone()),
    }
}
