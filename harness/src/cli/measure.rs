//! Options of the commands that measure on one host: `run` and `sweep`.

use super::compile::CompileArgs;
use super::values::{dimension, given, one_or_more};
use crate::choice::{ScenarioKind, StoreKind, Verify};
use crate::run_id::RunId;
use clap::Args;
use results::compare::Dimension;
use serde::Deserialize;
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct RunArgs {
    /// Checkpoint folder.
    #[arg(long)]
    pub(crate) model: PathBuf,
    /// Link: a name from `linnet links`, or "rate=100MB/s,rtt=10ms".
    #[arg(long, default_value = "loopback")]
    pub(crate) link: String,
    #[command(flatten)]
    pub(crate) settings: Settings,
    #[command(flatten)]
    pub(crate) compile: CompileArgs,
}

#[derive(Args)]
pub(crate) struct SweepArgs {
    /// Experiment to run, in TOML: networks to import or train, linearizers, budgets, links, and what else is set here.
    /// Options given here win over the file's.
    #[arg(required_unless_present_any = ["models", "resume"])]
    pub(crate) file: Option<PathBuf>,
    /// Run the file with the changes in its table `quick`.
    #[arg(long, requires = "file")]
    pub(crate) quick: bool,
    /// Checkpoint folders; a folder of checkpoints stands for all of them.
    #[arg(long, num_args = 1.., value_delimiter = ',', conflicts_with = "file")]
    pub(crate) models: Vec<PathBuf>,
    /// Go on with a run that was stopped, or whose cells failed: its folder, or its name in the folder of runs. What it
    /// is to do is known from the run; a file given beside it must ask for the same.
    #[arg(long, value_name = "RUN", conflicts_with = "models")]
    pub(crate) resume: Option<PathBuf>,
    /// Only these cells, such as `snl` or `method=ar,link=wan`: whole values, joined by commas where all must hold (may be
    /// repeated: those that any of them means).
    #[arg(long, value_name = "CELLS")]
    pub(crate) only: Vec<String>,
    /// Only the I-th of N shares of the cells: every cell is in exactly one of them (1 is the first).
    #[arg(long, value_name = "I/N", conflicts_with = "resume")]
    pub(crate) shard: Option<String>,
    /// Links, each a name or "rate=...,rtt=..." (repeat the option for those) [default: lan and wan].
    #[arg(long = "link")]
    pub(crate) links: Vec<String>,
    #[command(flatten)]
    pub(crate) settings: Settings,
    #[command(flatten)]
    pub(crate) compile: CompileArgs,
}

/// What `run` and `sweep` share, and the table `measure` of an experiment's file; what is absent has a default.
#[derive(Args, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Settings {
    /// Test images classified securely, per model and link [default: 20].
    #[arg(long)]
    pub(crate) images: Option<usize>,
    /// Inferences before the measured ones [default: 1].
    #[arg(long)]
    pub(crate) warmups: Option<usize>,
    /// Test images for the accuracy in the clear (real and fixed point) [default: 1000].
    #[arg(long)]
    pub(crate) accuracy_images: Option<usize>,
    /// What is compared with the clear replay after every inference [default: logits].
    #[arg(long, value_enum)]
    pub(crate) verify: Option<Verify>,
    /// Longest wait for a sign of life from the other party, seconds [default: 60].
    #[arg(long)]
    pub(crate) deadline: Option<f64>,
    /// Threads of each party; with several numbers, every cell is run once with each [default: 1].
    #[arg(long, value_delimiter = ',')]
    #[serde(default, deserialize_with = "one_or_more")]
    pub(crate) threads: Vec<usize>,
    /// Where the client keeps what it has preprocessed; with both values, every cell is run once with each [default: memory].
    #[arg(long, value_enum, value_delimiter = ',')]
    #[serde(default, deserialize_with = "one_or_more")]
    pub(crate) store: Vec<StoreKind>,
    /// Folder of the store's file or of the pool, on a disk; the folder of runs if absent.
    #[arg(long)]
    pub(crate) store_dir: Option<PathBuf>,
    /// Cores of the parties, as CLIENT,SERVER; not pinned if absent.
    #[arg(long, value_delimiter = ',')]
    pub(crate) pin: Option<Vec<usize>>,
    /// Let the repeats of cells that differ only in these alternate, for paired ratios in `linnet compare`.
    #[arg(long, value_parser = dimension(), value_delimiter = ',')]
    #[serde(default, deserialize_with = "one_or_more")]
    pub(crate) interleave: Vec<Dimension>,
    /// Determines the order in which cells run [default: 1].
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// How queries come: each preprocessed and asked after the last; all preprocessed, then all asked; or at random times,
    /// from a pool that is filled meanwhile [default: single-stream].
    #[arg(long, value_enum)]
    pub(crate) scenario: Option<ScenarioKind>,
    /// For `--scenario server`: average number of queries a second; with several numbers, one cell for each.
    #[arg(long, value_delimiter = ',')]
    #[serde(default, deserialize_with = "one_or_more")]
    pub(crate) rate: Vec<f64>,
    /// For `--scenario server`: number of preprocessed inferences up to which the pool is filled [default: 8].
    #[arg(long)]
    pub(crate) pool: Option<usize>,
    /// For scenarios with a pool: connections that fill it, each a thread of either party [default: 1].
    #[arg(long)]
    pub(crate) refillers: Option<usize>,
    /// For `--scenario server`: print the highest rate whose 90th percentile of response times is at most this many seconds.
    #[arg(long)]
    pub(crate) p90_bound: Option<f64>,
    /// Measured repeats of each cell whose transcripts are kept, for `linnet project` [default: 3].
    #[arg(long)]
    pub(crate) transcripts: Option<usize>,
    /// Folder of runs [default: runs].
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// Name of the run; made from the time if absent.
    #[arg(long)]
    pub(crate) id: Option<RunId>,
}

impl Settings {
    /// These, and where one is absent, that of `other`.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            images: self.images.or(other.images),
            warmups: self.warmups.or(other.warmups),
            accuracy_images: self.accuracy_images.or(other.accuracy_images),
            verify: self.verify.or(other.verify),
            deadline: self.deadline.or(other.deadline),
            threads: given(self.threads, other.threads),
            store: given(self.store, other.store),
            store_dir: self.store_dir.or(other.store_dir),
            pin: self.pin.or(other.pin),
            interleave: given(self.interleave, other.interleave),
            seed: self.seed.or(other.seed),
            scenario: self.scenario.or(other.scenario),
            rate: given(self.rate, other.rate),
            pool: self.pool.or(other.pool),
            refillers: self.refillers.or(other.refillers),
            p90_bound: self.p90_bound.or(other.p90_bound),
            transcripts: self.transcripts.or(other.transcripts),
            out: self.out.or(other.out),
            id: self.id.or(other.id),
        }
    }
}
