//! The two parties as processes of this binary, driven over their standard input and output.
//!
//! A line of JSON a message. The harness orders one phase at a time and waits until both parties have reported it, so
//! phases never overlap; what the parties say to each other goes through the channel alone.

pub(crate) mod child;
pub(crate) mod files;
mod orders;
pub(crate) mod pair;
mod pooled;
pub(crate) mod requests;

use crate::machine::peak_rss_bytes;
use clap::ValueEnum;
use netem::{Channel, Event, Link, ReleaseError, StepUsage};
use protocols::service::ItemId;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use zeroize::Zeroizing;

/// Which half of the protocol a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// Holds the image.
    Client,
    /// Holds the network.
    Server,
}

impl Role {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// The first line that a party reads.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Start {
    pub(crate) plan: PathBuf,
    /// The server's weights; the client has none.
    pub(crate) secrets: Option<PathBuf>,
    /// Where the server listens; the server itself is given none and chooses a port.
    pub(crate) connect: Option<SocketAddr>,
    pub(crate) link: Link,
    pub(crate) deadline: Duration,
    pub(crate) session: [u8; 16],
    pub(crate) core: Option<usize>,
    pub(crate) threads: usize,
    /// Folder of the client's store; memory if absent.
    pub(crate) store: Option<PathBuf>,
    /// Report the shares of every layer.
    pub(crate) shares: bool,
    /// Keep what is preprocessed in a pool, and use it from there.
    pub(crate) pooled: Option<Pooled>,
}

/// A pool of preprocessed inferences at either party, and who fills it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Pooled {
    /// Folder of both parties' pools.
    pub(crate) folder: PathBuf,
    /// Connections that preprocess, each with a thread of each party, beside the one that classifies.
    pub(crate) refillers: usize,
}

/// What the harness asks for.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Order {
    /// Preprocess one inference; `record` asks for a transcript of it and of its online phase.
    Offline { record: bool },
    /// Use it; the client is given the normalised image.
    Online { image: Option<Vec<f32>> },
    /// To the client: preprocess until the pool holds `level` items.
    Fill { level: usize },
    /// To the client: classify images, each as soon as it is due and the one before is done. `refill` keeps the pool at
    /// that level meanwhile.
    Serve { queries: Vec<Query>, refill: Option<usize> },
    /// Of a pool: end, and report what was done.
    Close,
}

/// What a party answers.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Report {
    /// The server waits for the client here.
    Listening { address: SocketAddr },
    /// A phase is done.
    Done(Done),
    /// An order about a pool is done.
    Pooled(Log),
    /// The party cannot go on.
    Failed { error: String },
}

impl Report {
    /// What kind of report it is, without anything that it says.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Listening { .. } => "an address",
            Self::Done(_) => "a phase",
            Self::Pooled(_) => "the log of a pool",
            Self::Failed { .. } => "a failure",
        }
    }
}

/// An image that is due at a time.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Query {
    /// Normalised.
    pub(crate) image: Vec<f32>,
    /// From the beginning of the order, nanoseconds.
    pub(crate) due_ns: u64,
}

/// What a party did with its pool since its last report. Times are nanoseconds from when this party began, to be compared
/// with each other alone.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Log {
    /// When it began with what was ordered.
    pub(crate) began_ns: u64,
    pub(crate) made: Vec<Made>,
    pub(crate) served: Vec<Served>,
}

/// An item that was preprocessed.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Made {
    pub(crate) item: ItemId,
    /// From 1.
    pub(crate) connection: usize,
    pub(crate) began_ns: u64,
    pub(crate) done_ns: u64,
    /// Items on offer just after.
    pub(crate) level: usize,
    pub(crate) done: Done,
}

/// A query that was served.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Served {
    pub(crate) item: ItemId,
    pub(crate) due_ns: u64,
    /// When its turn came: it was due, and the one before was done.
    pub(crate) began_ns: u64,
    /// When it had an item: later only where the pool was empty, but for what taking one costs.
    pub(crate) supplied_ns: u64,
    pub(crate) done_ns: u64,
    /// Items on offer when its turn came.
    pub(crate) level: usize,
    pub(crate) done: Done,
}

/// What one party says of one phase.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) usage: Vec<StepUsage>,
    pub(crate) peak_rss_bytes: Option<u64>,
    /// After preprocessing, what it occupies.
    pub(crate) store_bytes: Option<u64>,
    /// How late its frames were released, since the session began.
    pub(crate) release: ReleaseError,
    pub(crate) outcome: Option<Outcome>,
    /// What was done, in order; empty where it was not asked for.
    pub(crate) transcript: Vec<Event>,
}

impl Done {
    /// What the channel has counted since it was last asked.
    pub(crate) fn of(channel: &mut Channel, store_bytes: Option<u64>, outcome: Option<Outcome>) -> Self {
        let (usage, transcript) = (channel.take_usage(), channel.take_transcript());
        let release = channel.release_error();
        Self { usage, peak_rss_bytes: peak_rss_bytes(), store_bytes, release, outcome, transcript }
    }
}

/// What is left of an inference, for the verifier. Seeds and shares are secrets: this and whatever carries it has no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// The seed of the party's masks; absent where it is not revealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seed: Option<Zeroizing<[u8; 32]>>,
    /// The client's logits.
    pub(crate) logits: Option<Vec<i64>>,
    /// The server's share of every value, if asked for.
    pub(crate) shares: Option<Vec<Vec<u64>>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_that_is_not_revealed_is_absent_on_the_wire() {
        let hidden = Outcome { seed: None, logits: None, shares: None };
        let text = serde_json::to_string(&hidden).unwrap();
        assert!(!text.contains("seed"), "{text}");
        assert!(serde_json::from_str::<Outcome>(&text).unwrap().seed.is_none());
        let shown = serde_json::to_string(&Outcome { seed: Some([7; 32].into()), ..hidden }).unwrap();
        assert_eq!(serde_json::from_str::<Outcome>(&shown).unwrap().seed.as_deref(), Some(&[7; 32]));
    }
}
