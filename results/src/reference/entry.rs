//! What a published figure is.

use crate::units::{bytes, count, percent, seconds};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A system, and what was published of it.
#[derive(Clone, Debug, PartialEq)]
pub struct System {
    /// Its name.
    pub name: String,
    /// The work that it is known from.
    pub work: String,
    /// What is not among its figures and why, and what all of them have in common.
    pub remarks: String,
    /// Its figures; there may be none.
    pub references: Vec<Reference>,
}

/// A published figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reference {
    /// What it is called by; no two have the same.
    pub id: String,
    /// The system.
    pub system: String,
    /// The network, by the source's name; `None` where the source names none, or the figure is of none.
    pub network: Option<String>,
    /// The data set, likewise.
    pub data: Option<String>,
    /// ReLUs that the network keeps, as rounded as in the source; `None` where it does not say.
    pub relus: Option<u64>,
    /// The figure, in `unit`.
    pub figure: f64,
    /// Its unit.
    pub unit: Unit,
    /// What it is of.
    #[serde(flatten)]
    pub what: What,
    /// Where it stands.
    pub source: Source,
    /// What else must be known of it.
    pub note: Option<String>,
}

/// What a figure is of: accuracies and costs are never of one kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "lowercase")]
pub enum What {
    /// Top-1 accuracy of a network with few ReLUs.
    Accuracy {
        /// That of the network with all of them, where the source says it.
        all_relu: Option<f64>,
    },
    /// What a protocol takes.
    Cost(Cost),
}

/// What of a protocol costs that much, and where it ran.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cost {
    /// When.
    pub phase: Phase,
    /// Which part of it.
    pub of: String,
    /// For what the figure is.
    pub per: Per,
    /// The machine; `None` where the source names none, as below.
    pub hardware: Option<String>,
    /// Threads of each party.
    pub threads: Option<u32>,
    /// The link.
    pub link: Option<String>,
}

/// When a cost arises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Before the image is known.
    Offline,
    /// From the image to the answer.
    Online,
    /// Both together, or a protocol that has no offline phase.
    Whole,
    /// The source does not say.
    Unsaid,
}

/// For what a cost is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    /// One inference.
    #[default]
    Inference,
    /// One ReLU.
    Relu,
}

/// Units, those of this crate's tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// Seconds.
    #[serde(rename = "s")]
    Seconds,
    /// Bytes.
    #[serde(rename = "bytes")]
    Bytes,
    /// 0 to 1.
    #[serde(rename = "fraction")]
    Fraction,
    /// A number of things, such as rounds.
    #[serde(rename = "count")]
    Count,
}

/// Where a figure stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// What was read.
    pub kind: SourceKind,
    /// The work that was read, which may be another one than the system's.
    pub work: String,
    /// Table, section, page or file.
    pub place: String,
}

/// How far a source can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// The text of the paper.
    Paper,
    /// Its abstract alone.
    Abstract,
    /// What the authors' repository says.
    Readme,
    /// Measurements that were published with a paper.
    Artifact,
    /// Another work that quotes the figure.
    Secondary,
}

impl Reference {
    /// The figure as people read it, with its unit.
    pub fn value(&self) -> String {
        let whole = self.figure as u64;
        let value = match self.unit {
            Unit::Seconds => seconds(self.figure),
            Unit::Bytes => bytes(whole),
            Unit::Fraction => format!("{} %", percent(self.figure)),
            Unit::Count => count(whole),
        };
        match &self.what {
            What::Cost(Cost { per: Per::Relu, .. }) => format!("{value} a ReLU"),
            _ => value,
        }
    }
}

impl Cost {
    /// Phase and part.
    pub fn part(&self) -> String {
        match self.phase {
            Phase::Offline => format!("offline: {}", self.of),
            Phase::Online => format!("online: {}", self.of),
            Phase::Whole => self.of.clone(),
            Phase::Unsaid => format!("{}, phase not said", self.of),
        }
    }

    /// Where it ran, as far as the source says.
    pub fn ran(&self) -> Option<String> {
        let threads =
            self.threads.map(|n| if n == 1 { "1 thread".to_owned() } else { format!("{n} threads") });
        let known: Vec<String> =
            [self.hardware.clone(), threads, self.link.clone()].into_iter().flatten().collect();
        (!known.is_empty()).then(|| known.join("; "))
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Paper => "paper",
            Self::Abstract => "abstract",
            Self::Readme => "readme",
            Self::Artifact => "artifact",
            Self::Secondary => "secondary",
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}, {}", self.kind, self.work, self.place)
    }
}
