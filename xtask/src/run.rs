//! Child processes and what can go wrong with them.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why a task stopped.
#[derive(Debug)]
pub(crate) enum Error {
    /// The command line makes no sense.
    Usage(String),
    /// The machine lacks something.
    Missing {
        /// What is needed, and for what.
        what: &'static str,
        /// The Debian package that has it.
        package: &'static str,
    },
    /// A file could not be read or written.
    Io(PathBuf, io::Error),
    /// A program could not be started.
    Start(String, io::Error),
    /// A program failed.
    Failed(String),
    /// A benchmark's figures are incomplete, or not those of its list.
    Figures(String),
    /// Inputs that fuzz targets fail on, with the target's name.
    Found(Vec<String>),
    /// The pinned files do not fit this machine.
    Machine(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(what) | Self::Machine(what) | Self::Figures(what) => f.write_str(what),
            Self::Found(inputs) => {
                write!(
                    f,
                    "inputs that fail, to be committed to the target's corpus:\n  {}",
                    inputs.join("\n  ")
                )
            }
            Self::Missing { what, package } => write!(f, "{what} is missing: apt-get install {package}"),
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Start(line, error) => write!(f, "`{line}` could not be started: {error}"),
            Self::Failed(line) => write!(f, "`{line}` failed"),
        }
    }
}

/// Attaches the path to an operating-system error.
pub(crate) fn at<T>(path: &Path, result: io::Result<T>) -> Result<T, Error> {
    result.map_err(|error| Error::Io(path.to_owned(), error))
}

/// A program about to run, its output shown.
pub(crate) struct Run {
    command: Command,
    line: String,
}

impl Run {
    /// `program` with the blank-separated `words` as arguments.
    pub(crate) fn new(program: impl AsRef<OsStr>, words: &str) -> Self {
        let line = format!("{} {words}", program.as_ref().to_string_lossy());
        let mut command = Command::new(program);
        command.args(words.split_whitespace());
        Self { command, line }
    }

    /// Adds arguments that may hold blanks.
    pub(crate) fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Runs in `dir`.
    pub(crate) fn within(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Sets one environment variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Drops what the program prints.
    pub(crate) fn quiet(mut self) -> Self {
        self.command.stdout(Stdio::null()).stderr(Stdio::null());
        self
    }

    /// Runs to the end; an exit status other than 0 is an error.
    pub(crate) fn go(mut self) -> Result<(), Error> {
        match self.command.status() {
            Ok(status) if status.success() => Ok(()),
            Ok(_) => Err(Error::Failed(self.line)),
            Err(error) => Err(Error::Start(self.line, error)),
        }
    }
}

/// Whether `program WORDS` runs and succeeds; its output is dropped.
pub(crate) fn available(program: impl AsRef<OsStr>, words: &str) -> bool {
    let mut command = Command::new(program);
    command.args(words.split_whitespace()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_name_the_command() {
        let message = |run: Run| run.go().unwrap_err().to_string();
        assert_eq!(message(Run::new("false", "")), "`false ` failed");
        assert!(message(Run::new("/nonexistent", "x")).starts_with("`/nonexistent x` could not be started"));
        assert!(Run::new("test", "a =").args(["a"]).go().is_ok());
        let missing = Error::Missing { what: "a C++ compiler", package: "g++" };
        assert_eq!(missing.to_string(), "a C++ compiler is missing: apt-get install g++");
    }

    #[test]
    fn availability_is_success() {
        assert!(available("true", ""));
        assert!(!available("false", ""));
        assert!(!available("/nonexistent", ""));
    }
}
