//! Choices with a name: on the command line, in an experiment's file and in rows.

use clap::ValueEnum;
use netem::Phase;
use protocols::cost::{Pace, inference_bytes, total};
use protocols::tally::StepCost;
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

/// What is to be small where scales and rescalings are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Objective {
    /// Time on the slowest link, offline and online.
    #[default]
    Total,
    /// Time on the slowest link online; offline counts a hundredth.
    Online,
    /// Bytes, offline and online.
    Bytes,
}

impl Objective {
    /// How much of it a plan of these costs has, on a link of this pace.
    pub(crate) fn of(self, costs: &[StepCost], pace: Pace) -> f64 {
        let [offline, online] =
            [Phase::Offline, Phase::Online].map(|phase| pace.seconds(&total(costs, phase)));
        match self {
            Self::Total => offline + online,
            Self::Online => online + offline / 100.0,
            Self::Bytes => inference_bytes(costs) as f64,
        }
    }
}

/// Where layers that keep no unit are rescaled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Rescale {
    /// Where it pays.
    #[default]
    Auto,
    /// Everywhere: two delays a layer.
    Always,
}

/// Whether linear layers with nothing kept between them become one, and terms that read the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Merge {
    /// Where it pays.
    #[default]
    Auto,
    /// Nowhere: a segment for every layer of the network.
    Never,
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
