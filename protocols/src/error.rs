//! What can go wrong between two parties, and whose fault it is.

/// Every failure of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The channel failed: the peer closed it, stalled, or sent a malformed frame.
    #[error(transparent)]
    Channel(#[from] netem::Error),
    /// The peer sent something that the protocol does not allow.
    #[error("peer: {what}: expected {expected}, found {found}")]
    Peer {
        /// The message or field.
        what: String,
        /// What the protocol asks for.
        expected: String,
        /// What came.
        found: String,
    },
    /// A model, a choice or a parameter cannot be run safely.
    #[error("{step}: {what}: expected {expected}, found {found}")]
    Config {
        /// The plan step concerned, or the option.
        step: String,
        /// The quantity.
        what: String,
        /// What is needed.
        expected: String,
        /// What was given.
        found: String,
    },
    /// The homomorphic-encryption library refused an operation.
    #[error("homomorphic encryption: {0}")]
    He(#[from] fhe::Error),
    /// Preprocessed material could not be kept or read back.
    #[error("store: {doing}: {source}")]
    Store {
        /// What was tried.
        doing: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The model itself is faulty.
    #[error(transparent)]
    Model(#[from] models::Error),
}

impl Error {
    /// The peer broke the protocol.
    pub fn peer(what: impl Into<String>, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Peer { what: what.into(), expected: expected.into(), found: found.into() }
    }

    /// A configuration that cannot be run safely.
    pub fn config(
        step: impl Into<String>,
        what: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self::Config { step: step.into(), what: what.into(), expected: expected.into(), found: found.into() }
    }
}
