//! Choices with a name: on the command line, in an experiment's file and in rows.

use crate::auto::Choice;
use clap::ValueEnum;
use models::fixed::deciding::FEWEST;
use models::fixed::fit::Passing;
use models::fixed::ring::MAX_RING_BITS;
use models::fixed::search::Deciding;
use netem::Link;
use protocols::cost::{inference_bytes, predict};
use protocols::he::HeBackend;
use protocols::ot::OtVariant;
use protocols::plan::ReluVariant;
use protocols::prepared::PreparedPlan;
use protocols::timing::{Rates, times};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// What the protocol's parts do in one of several ways: what a plan is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Protocol {
    /// How kept units are computed.
    pub(crate) relu: ReluChoice,
    /// Who computes on ciphertexts.
    pub(crate) he: HeBackend,
    /// How correlated OTs are made.
    pub(crate) ot: OtChoice,
}

impl Default for Protocol {
    /// What a user who chooses nothing gets.
    fn default() -> Self {
        Self { relu: ReluChoice::default(), he: HeBackend::Linnet, ot: OtChoice::default() }
    }
}

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
    /// How much of it a plan has, over a link and on a machine of these rates.
    pub(crate) fn of(self, plan: &PreparedPlan, rates: &Rates, link: &Link) -> f64 {
        match self {
            Self::Total => times(plan, rates, link).total_s(),
            Self::Online => {
                let times = times(plan, rates, link);
                times.online_s + times.offline_s / 100.0
            }
            Self::Bytes => inference_bytes(&predict(plan)) as f64,
        }
    }

    /// What it is, for people.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Total => "time, offline and online",
            Self::Online => "time online, and a hundredth of that offline",
            Self::Bytes => "bytes, offline and online",
        }
    }

    /// How a difference of it is written.
    pub(crate) fn difference(self, dearer: f64) -> String {
        match self {
            Self::Total | Self::Online => format!("{:+.3} ms", 1e3 * dearer),
            Self::Bytes => format!("{dearer:+.0} B"),
        }
    }
}

/// How kept units are computed: every layer's by what makes the whole cheapest, or all layers' alike.
pub(crate) type ReluChoice = Choice<ReluVariant>;

/// How correlated OTs are made.
pub(crate) type OtChoice = Choice<OtVariant>;

/// Where layers that keep no unit are rescaled, by a protocol of two delays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Rescale {
    /// Where it pays; elsewhere values are passed on, truncated by each party alone where the ring is wide enough for that.
    #[default]
    Auto,
    /// Where it pays; elsewhere values are passed on exactly.
    Exact,
    /// Everywhere.
    Always,
}

impl Rescale {
    /// What layers may do instead.
    pub(crate) const fn passing(self) -> Passing {
        match self {
            Self::Auto => Passing::Truncated,
            Self::Exact => Passing::Exact,
            Self::Always => Passing::Never,
        }
    }
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

/// How many bits decide whether a ReLU keeps a value: as written on the command line and in an experiment's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "String")]
pub(crate) struct SignBits(pub(crate) Deciding);

impl SignBits {
    /// Most that a ring has room for.
    const MOST: u32 = MAX_RING_BITS;
}

impl Default for SignBits {
    fn default() -> Self {
        Self(Deciding::All)
    }
}

impl FromStr for SignBits {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bits = match text {
            "all" => Some(Deciding::All),
            "fewest" => Some(Deciding::Fewest),
            number => number.parse().ok().filter(|n| (FEWEST..=Self::MOST).contains(n)).map(Deciding::AtMost),
        };
        let expected = || format!("expected all, fewest, or {FEWEST} to {} bits, found {text}", Self::MOST);
        bits.map(Self).ok_or_else(expected)
    }
}

impl From<SignBits> for String {
    fn from(SignBits(bits): SignBits) -> Self {
        match bits {
            Deciding::All => "all".to_owned(),
            Deciding::Fewest => "fewest".to_owned(),
            Deciding::AtMost(bits) => bits.to_string(),
        }
    }
}

/// A number or a word.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(u32),
    Word(String),
}

impl TryFrom<Written> for SignBits {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::Number(bits) => bits.to_string().parse(),
            Written::Word(word) => word.parse(),
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
