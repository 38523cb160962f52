//! What can be wrong with a training run.

use std::path::PathBuf;

/// Every failure of this crate, saying what was expected and what was found.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A model, data set or checkpoint is wrong.
    #[error(transparent)]
    Model(#[from] models::Error),
    /// Curves could not be written, or nothing could be where they belong.
    #[error(transparent)]
    Results(#[from] results::Error),
    /// A network could not be compiled to be priced.
    #[error(transparent)]
    Protocol(#[from] protocols::Error),
    /// libtorch refused.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A setting makes no sense, or contradicts another.
    #[error("{what}: expected {expected}, found {found}")]
    Config {
        /// The setting.
        what: String,
        /// What is accepted.
        expected: String,
        /// What was given.
        found: String,
    },
    /// Training left the finite numbers.
    #[error("the loss became {loss} in epoch {epoch} of stage `{stage}`: try a smaller learning rate")]
    Diverged {
        /// The part of the run.
        stage: String,
        /// From 1.
        epoch: usize,
        /// The mean loss.
        loss: f64,
    },
    /// The watcher asked for an end; the state on disk continues from here.
    #[error("stopped on request; the same command continues")]
    Stopped,
}

impl Error {
    /// A setting that makes no sense.
    pub fn config(what: impl Into<String>, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Config { what: what.into(), expected: expected.into(), found: found.into() }
    }

    /// Wraps an operating-system error with the path it happened on.
    pub fn io(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Io { path: path.into(), source }
    }
}
