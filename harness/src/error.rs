//! What can go wrong on the command line.

use std::path::PathBuf;

/// Every failure of this program.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The model, the data or a mask.
    #[error(transparent)]
    Model(#[from] models::Error),
    /// The protocol or its plan.
    #[error(transparent)]
    Protocol(#[from] protocols::Error),
    /// The channel or the link.
    #[error(transparent)]
    Channel(#[from] netem::Error),
    /// The rows or files of a run.
    #[error(transparent)]
    Results(#[from] results::Error),
    /// The operating system.
    #[error("{doing}: {source}")]
    Io {
        /// What was tried.
        doing: String,
        /// What it said.
        source: std::io::Error,
    },
    /// An option is outside what is accepted.
    #[error("{option}: expected {expected}, found {found}")]
    Option {
        /// The option.
        option: &'static str,
        /// What is accepted.
        expected: String,
        /// What was given.
        found: String,
    },
    /// A party process failed or vanished.
    #[error("{party}: {what}")]
    Party {
        /// `client` or `server`.
        party: &'static str,
        /// What it said or how it ended.
        what: String,
    },
    /// A run's outcome contradicts the clear replay.
    #[error("verification: {what}: expected {expected}, found {found}")]
    Verification {
        /// The quantity.
        what: String,
        /// What the replay gives.
        expected: String,
        /// What the run gave.
        found: String,
    },
    /// An experiment's file.
    #[error("{}: {what}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The line, the key, what was expected and found.
        what: String,
    },
    /// Training failed; it said why.
    #[error("`linnet-train {0}` failed; the experiment continues from there with the same command")]
    Trainer(String),
    /// The training program is nowhere.
    #[error(
        "linnet-train is neither at {0} nor on PATH; in Linnet's folder `cargo xtask install` installs both"
    )]
    NoTrainer(PathBuf),
}

impl Error {
    /// Says what was being done when the operating system refused.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let doing = doing.into();
        |source| Self::Io { doing, source }
    }
}
