//! What a figure is: its group, unit, target, floor and best peer. Lower is better throughout.
//!
//! Targets are for 2 cores with AVX-512 and VAES, over loopback, with one thread a party unless a group says two. Peers
//! were measured elsewhere on the same kind of machine (2-core Intel, 2.3 GHz, AVX-512, VAES; one thread a party; the
//! best median of calm passes), or published where it says so; of several peers the best one is named. Ours and what
//! floors are derived from are always measured in the run.

use super::networks::{self, Network};

/// What is measured together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Ciphers,
    Gates,
    Transfers,
    Silent,
    Segments,
    Libraries,
    Convolution,
    Relu,
    Products,
    Layers,
    ResNet20,
    ResNet32,
    ResNet18,
    ResNet18Whole,
    Predictions,
    Training20,
    Training18,
}

impl Group {
    /// The heading in the table.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Ciphers => "AES-128 in bulk (portable: the crate aes, on what it finds by itself)",
            Self::Gates => {
                "garbling: Delphi's circuit, k = 23, f = 9, 128 units at a time, from the second-level cache; narrow: n = 13, from memory"
            }
            Self::Transfers => "correlated OT, 2^18 at a time",
            Self::Silent => "silent correlated OT, whole batches",
            Self::Segments => "homomorphic kernels, N = 4096, two primes of 50 bits",
            Self::Libraries => {
                "the same on libraries: fhe, which is portable Rust, and seal where the machine can build it"
            }
            Self::Convolution => "exact convolution in the ring, k = 22, weights of 10 bits",
            Self::Relu => "a ReLU with truncation, two processes, 2^17 units, k = 23, n = 13, f = 9",
            Self::Products => {
                "products of two values, two processes, 2^17 units, k = 23, a gate for 4,096 units"
            }
            Self::Layers => "homomorphic part of a layer, two processes, k = 22, weights of 10 bits",
            Self::ResNet20 => "ResNet20 on CIFAR shapes, no ReLU",
            Self::ResNet32 => "ResNet32 on CIFAR shapes, all 303,104 ReLUs",
            Self::ResNet18 => "ResNet18 on CIFAR shapes, 50,000 ReLUs, two threads a party",
            Self::Predictions => {
                "predictions with rates measured just before, against measured medians over three links"
            }
            Self::Training20 => "training a ResNet20 on CIFAR shapes, batches of 256, one thread a network",
            Self::Training18 => "the same with a ResNet18",
            Self::ResNet18Whole => {
                "ResNet18 on CIFAR shapes, all 491,520 ReLUs, two threads a party, store on disk"
            }
        }
    }

    /// Who measures it.
    pub(crate) fn source(self) -> Source {
        match self {
            Self::Ciphers => Source::Figures("ciphers"),
            Self::Gates => Source::Figures("gates"),
            Self::Transfers => Source::Figures("transfers"),
            Self::Silent => Source::Figures("silent"),
            Self::Segments => Source::Figures("segments"),
            Self::Libraries => Source::Figures("libraries"),
            Self::Convolution => Source::Figures("convolution"),
            Self::Relu => Source::Figures("relu"),
            Self::Products => Source::Figures("products"),
            Self::Layers => Source::Figures("layers"),
            Self::ResNet20 => Source::Linnet(&networks::RESNET20),
            Self::ResNet32 => Source::Linnet(&networks::RESNET32),
            Self::ResNet18 => Source::Linnet(&networks::RESNET18),
            Self::ResNet18Whole => Source::Linnet(&networks::RESNET18_WHOLE),
            Self::Predictions => Source::Predictions,
            Self::Training20 => Source::Training("resnet20"),
            Self::Training18 => Source::Training("resnet18"),
        }
    }
}

/// The program that measures a group.
#[derive(Clone, Copy)]
pub(crate) enum Source {
    /// `protocols/benches/figures`, which knows the group by this name.
    Figures(&'static str),
    /// `models/train/benches/training`, which knows the network by this name.
    Training(&'static str),
    /// `linnet`, on a network.
    Linnet(&'static Network),
    /// `linnet predict`, against what is measured.
    Predictions,
}

/// A lower bound of a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Floor {
    /// No bound is derived.
    None,
    /// `count` times the measured figure `source` (changes of unit included).
    Derived { source: &'static str, count: f64, why: &'static str },
}

impl Floor {
    /// The figure that it is derived from.
    pub(crate) fn source(&self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Derived { source, .. } => Some(source),
        }
    }
}

/// The best other system.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Peer {
    /// Its name, and the kind of machine where that is another one.
    pub(crate) name: &'static str,
    /// In the figure's unit.
    pub(crate) value: f64,
    /// The entries of `results/reference` whose sum it is, where it was published: of an inference, or of one of its ReLUs.
    pub(crate) published: &'static [&'static str],
}

/// One row of the table, before anything is measured.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Figure {
    pub(crate) group: Group,
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    /// At most this; none where the figure only informs.
    pub(crate) target: Option<f64>,
    pub(crate) floor: Floor,
    pub(crate) peer: Option<Peer>,
}

impl Figure {
    pub(super) fn new(group: Group, name: impl Into<String>, unit: &'static str) -> Self {
        Self { group, name: name.into(), unit, target: None, floor: Floor::None, peer: None }
    }

    pub(super) fn target(self, target: f64) -> Self {
        Self { target: Some(target), ..self }
    }

    pub(super) fn floor(self, source: &'static str, count: f64, why: &'static str) -> Self {
        Self { floor: Floor::Derived { source, count, why }, ..self }
    }

    pub(super) fn peer(self, name: &'static str, value: f64) -> Self {
        Self { peer: Some(Peer { name, value, published: &[] }), ..self }
    }

    pub(super) fn published(self, published: &'static [&'static str]) -> Self {
        Self { peer: self.peer.map(|peer| Peer { published, ..peer }), ..self }
    }
}
