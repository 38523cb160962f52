//! What the parties did, step by step: `raw.csv` and `transcripts.csv`.

use super::row::{Row, Wrong, named};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Who measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Party {
    /// Owns the image.
    #[default]
    Client,
    /// Owns the weights.
    Server,
}

/// The part of a run that a row belongs to: what the column `phase` may hold. The crate `netem` has a type of the same name for
/// the traffic of a channel; this one is a word of the file format, which does not follow when a channel changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Once a connection.
    #[default]
    Setup,
    /// Once an inference, before the image is known.
    Offline,
    /// Once an inference, from the image to the logits.
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

/// A row of `raw.csv`: what one step of one phase of one repeat took one party.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRow {
    /// Cell id, as in `cells.csv`.
    pub cell: String,
    /// Repeat, from 0; warm-ups and measured repeats may count apart.
    pub repeat: u32,
    /// Whether the repeat warms up and is left out of the summary.
    pub warmup: bool,
    /// Who measured.
    pub party: Party,
    /// When.
    pub phase: Phase,
    /// Index of the step in its plan.
    pub step: u32,
    /// Name of the step.
    pub step_name: String,
    /// Kind of the step.
    pub step_kind: String,
    /// Payload bytes sent.
    pub bytes_out: u64,
    /// Payload bytes received.
    pub bytes_in: u64,
    /// Frame header bytes sent.
    pub header_out: u64,
    /// Frame header bytes received.
    pub header_in: u64,
    /// Frames sent.
    pub messages_out: u64,
    /// Frames received.
    pub messages_in: u64,
    /// Times this party sent what may depend on more of the peer's flights than before.
    pub flights_out: u64,
    /// Wall time, nanoseconds.
    pub wall_ns: u64,
    /// The part of it spent computing, nanoseconds.
    pub compute_ns: u64,
    /// The part of it spent waiting for the peer, nanoseconds.
    pub blocked_ns: u64,
}

impl Row for StepRow {
    const FILE: &'static str = "raw.csv";

    fn check(&self) -> Result<(), Wrong> {
        named("cell", &self.cell)?;
        named("step_name", &self.step_name)?;
        named("step_kind", &self.step_kind)?;
        if self.wall_ns >= 1 << 53 {
            return Err(Wrong { column: "wall_ns", expected: "below 2^53", found: self.wall_ns.to_string() });
        }
        Ok(())
    }
}

/// What a party did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Doing {
    /// Handed a frame to the link.
    Sent,
    /// Asked for the next frame.
    Received,
    /// Went on to the next step, or ended the phase.
    #[default]
    Left,
}

/// A row of `transcripts.csv`: one thing that a party did, in order within its phase.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TranscriptRow {
    /// Cell id, as in `cells.csv`.
    pub cell: String,
    /// Measured repeat, as in `inferences.csv`.
    pub repeat: u32,
    /// Who.
    pub party: Party,
    /// When.
    pub phase: Phase,
    /// Index of the step in its plan.
    pub step: u32,
    /// Computing between what was done before, or the wait for it, and this, nanoseconds.
    pub compute_ns: u64,
    /// What was done.
    pub doing: Doing,
    /// The frame's bytes, header included; `None` where it is no frame.
    pub bytes: Option<u64>,
}

impl Row for TranscriptRow {
    const FILE: &'static str = "transcripts.csv";

    fn check(&self) -> Result<(), Wrong> {
        named("cell", &self.cell)?;
        let found = || self.bytes.map(|bytes| bytes.to_string()).unwrap_or_default();
        match self.doing {
            Doing::Sent | Doing::Received if self.bytes.is_none() => {
                Err(Wrong { column: "bytes", expected: "a frame's bytes", found: found() })
            }
            Doing::Left if self.bytes.is_some() => {
                Err(Wrong { column: "bytes", expected: "nothing, as there is no frame", found: found() })
            }
            Doing::Sent | Doing::Received | Doing::Left => Ok(()),
        }
    }
}
