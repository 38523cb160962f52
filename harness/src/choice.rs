//! Choices with a name: on the command line, in an experiment's file and in rows.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Where the client keeps what it has preprocessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StoreKind {
    /// In memory.
    Memory,
    /// In a file that has no name and ends with the client.
    File,
}

impl StoreKind {
    /// As in rows and on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::File => "file",
        }
    }
}

/// How queries come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ScenarioKind {
    /// The next query after the last.
    SingleStream,
    /// All preprocessed, then all asked.
    OfflineBatch,
    /// Queries at random times, whether or not those before are done.
    Server,
}

impl ScenarioKind {
    /// As in rows and on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SingleStream => "single-stream",
            Self::OfflineBatch => "offline-batch",
            Self::Server => "server",
        }
    }
}

/// What of an inference is compared with its clear replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verify {
    /// Every logit.
    Logits,
    /// Every logit and the server's share of every layer.
    Layers,
}
