//! Options that shape a plan, of every command that compiles one.

use super::values::{backend, choice, given, one_or_more};
use crate::choice::{Merge, Objective, OtChoice, ReluChoice, Rescale, SignBits};
use clap::Args;
use protocols::he::HeBackend;
use protocols::ot::OtVariant;
use protocols::plan::ReluVariant;
use serde::Deserialize;
use std::path::PathBuf;

/// What shapes a plan, and the table `compile` of an experiment's file; what is absent has a default.
#[derive(Args, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct CompileArgs {
    /// Folder of the data set's files, or the file of arrays, where it is not built in.
    #[arg(long)]
    pub(crate) data_dir: Option<PathBuf>,
    /// How kept units are computed; commands that run cells take several values, and run every cell once with each [default:
    /// millionaire].
    #[arg(long, value_parser = choice::<ReluVariant>(), value_delimiter = ',')]
    #[serde(default, deserialize_with = "one_or_more")]
    pub(crate) relu: Vec<ReluChoice>,
    /// Who computes on ciphertexts; commands that run cells take several values, and run every cell once with each [default:
    /// linnet].
    #[arg(long, value_parser = backend(), value_delimiter = ',')]
    #[serde(default, deserialize_with = "one_or_more")]
    pub(crate) he: Vec<HeBackend>,
    /// How correlated OTs are made; commands that run cells take several values, and run every cell once with each [default:
    /// softspoken4].
    #[arg(long, value_parser = choice::<OtVariant>(), value_delimiter = ',')]
    #[serde(default, deserialize_with = "one_or_more")]
    pub(crate) ot: Vec<OtChoice>,
    /// Activation scale 2^-FA; searched if absent (6 for a network that was never trained).
    #[arg(long)]
    pub(crate) fa: Option<u32>,
    /// Weight scale 2^-FW; searched if absent (8 for a network that was never trained).
    #[arg(long)]
    pub(crate) fw: Option<u32>,
    /// Ring width in bits; the smallest that fits if absent.
    #[arg(long)]
    pub(crate) ring: Option<u32>,
    /// Share of calibration images whose class the scales must keep [default: 0.995, or where no scales do the most of
    /// 0.99, 0.98 and 0.95 that some keep].
    #[arg(long)]
    pub(crate) agreement: Option<f64>,
    /// Most bits that decide whether a ReLU keeps a value, where `sign` or `millionaire` computes it: `all`, a number, or `fewest`, as
    /// few as keep the share of --agreement. With fewer than all a value near zero is kept by chance [default: all].
    #[arg(long, value_name = "BITS")]
    pub(crate) sign_bits: Option<SignBits>,
    /// What is to be small where scales and rescalings are chosen [default: total].
    #[arg(long)]
    pub(crate) objective: Option<Objective>,
    /// What work takes on this machine, as `linnet calibrate` wrote it [default: what it takes on a 2-core AMD EPYC].
    #[arg(long, value_name = "FILE")]
    pub(crate) rates: Option<PathBuf>,
    /// Where layers that keep no unit are rescaled; others pass their values on without a message [default: auto].
    #[arg(long)]
    pub(crate) rescale: Option<Rescale>,
    /// Whether linear layers whose product is one layer become that one, and branches whose sum is [default: auto].
    #[arg(long)]
    pub(crate) merge: Option<Merge>,
    /// Held-out images used for calibration [default: 500, or of networks of more than 800 million multiply-accumulates so many
    /// as take 400 billion in all, at least 32].
    #[arg(long)]
    pub(crate) calibration_images: Option<usize>,
}

impl CompileArgs {
    /// These, and where one is absent, that of `other`.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            data_dir: self.data_dir.or(other.data_dir),
            relu: given(self.relu, other.relu),
            he: given(self.he, other.he),
            ot: given(self.ot, other.ot),
            fa: self.fa.or(other.fa),
            fw: self.fw.or(other.fw),
            ring: self.ring.or(other.ring),
            agreement: self.agreement.or(other.agreement),
            sign_bits: self.sign_bits.or(other.sign_bits),
            objective: self.objective.or(other.objective),
            rates: self.rates.or(other.rates),
            rescale: self.rescale.or(other.rescale),
            merge: self.merge.or(other.merge),
            calibration_images: self.calibration_images.or(other.calibration_images),
        }
    }
}
