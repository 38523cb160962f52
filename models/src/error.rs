//! What can be wrong with a model, a data set or a file of them.

use std::path::PathBuf;

/// Every failure of this crate, saying what was expected and what was found.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file's content is not what its format promises.
    #[error("{path}: expected {expected}, found {found}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What the format promises.
        expected: String,
        /// What the file holds.
        found: String,
    },
    /// A graph, a parameter or a mask contradicts the rest of the model.
    #[error("node `{node}`: expected {expected}, found {found}")]
    Model {
        /// The graph node concerned.
        node: String,
        /// What the graph asks for.
        expected: String,
        /// What was given.
        found: String,
    },
    /// An argument is outside what the operation accepts.
    #[error("{what}: expected {expected}, found {found}")]
    Argument {
        /// The argument.
        what: String,
        /// What is accepted.
        expected: String,
        /// What was given.
        found: String,
    },
}

impl Error {
    /// Wraps an operating-system error with the path it happened on.
    pub fn io(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Io { path: path.into(), source }
    }

    /// A malformed file.
    pub fn format(path: impl Into<PathBuf>, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Format { path: path.into(), expected: expected.into(), found: found.into() }
    }

    /// A model that contradicts itself at `node`.
    pub fn model(node: impl Into<String>, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Model { node: node.into(), expected: expected.into(), found: found.into() }
    }

    /// An unacceptable argument.
    pub fn argument(what: impl Into<String>, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Argument { what: what.into(), expected: expected.into(), found: found.into() }
    }
}
