//! The phases of a run.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The part of a run that traffic and time belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Once a session: digests, keys, base transfers.
    Setup,
    /// Before the input is known.
    Offline,
    /// From the input to the output.
    Online,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Setup => "setup",
            Self::Offline => "offline",
            Self::Online => "online",
        })
    }
}
