//! What can be typed.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use results::compare::Dimension;
use serde::de::{IntoDeserializer, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Measures private inference: accuracy, online and offline latency and communication per ReLU budget.
#[derive(Parser)]
#[command(name = "linnet", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Classify images securely with one model over one link.
    Run(RunArgs),
    /// Run several models over several links, or the experiment in a file.
    Sweep(SweepArgs),
    /// Write the jobs that run the shares of an experiment on a cluster and join them: Slurm's or Kubernetes'.
    ///
    /// Writes three files into --out and submits nothing: a job with a task for every share, a job that joins the shares,
    /// and a script that submits both. A share that is stopped, whenever it is started again, goes on with what is not
    /// done. The file is checked as `linnet sweep` on this machine would. Shares must run on machines of one kind, else
    /// they are not joined.
    Launch(LaunchArgs),
    /// Print budgets of one or more runs side by side.
    Compare(CompareArgs),
    /// Predict runs' latency over other links from what their parties did, without running them.
    Project(ProjectArgs),
    /// Make certificates for `serve` and `query`: a test authority's, a server's and a client's.
    Keys(KeysArgs),
    /// Be the server for clients on other hosts.
    Serve(ServeArgs),
    /// Have images classified by a server on another host, and measure it. The server says which data set they are of.
    Query(QueryArgs),
    /// Write one HTML page of runs, which needs no network.
    Report(ReportArgs),
    /// Join runs of one experiment, such as its shares, into one.
    Merge(MergeArgs),
    /// Check whether this machine measures what it should, and say what to mend.
    Doctor,
    /// List the links and what this machine's loopback can carry.
    Links,
    /// Look at compiled plans.
    #[command(subcommand)]
    Plan(PlanCommand),
    /// Look at a data set.
    Data(DataArgs),
    /// Train a network (`linnet train --help` lists the options of linnet-train).
    #[command(disable_help_flag = true)]
    Train(TrainerArgs),
    /// Write a network with random weights and random masks, to time its shapes without training.
    ///
    /// Latency and communication depend on shapes, budget and widths alone; accuracy is that of chance. The method of
    /// such a network is `random-init` in every result. Its classes are not worth keeping, so its scales are not
    /// searched: they are 2^-6 and 2^-8 unless given.
    Init(InitArgs),
    /// Write a checkpoint from a network that others trained.
    ///
    /// Reads ONNX, or safetensors by PyTorch's names for a built-in network (--net) or a graph in JSON (--graph), and
    /// prints the network's accuracy, and with --expected how far its logits are from those that its maker published.
    Import(ImportArgs),
    /// Linearize a trained network to ReLU budgets.
    #[command(disable_help_flag = true)]
    Linearize(TrainerArgs),
    /// Measure what each activation layer is worth to accuracy: its Shapley value.
    #[command(disable_help_flag = true)]
    Shapley(TrainerArgs),
    /// Print completions for a shell: `linnet completions bash > /etc/bash_completion.d/linnet`.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write the manual pages, one for each command.
    Man {
        /// Folder of the pages.
        #[arg(long)]
        out: PathBuf,
    },
    /// One party of a measured run, driven over standard input and output.
    #[command(hide = true)]
    Party(RoleArgs),
}

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
    /// Only the cells whose name contains this, such as `snl` or `-wan` (may be repeated: those that contain any).
    #[arg(long, value_name = "TEXT")]
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
    /// Threads of each party; several numbers are so many variants of every cell [default: 1].
    #[arg(long, value_delimiter = ',')]
    #[serde(default, deserialize_with = "one_or_more")]
    pub(crate) threads: Vec<usize>,
    /// Where the client keeps what it has preprocessed; both are two variants of every cell [default: memory].
    #[arg(long, value_enum, value_delimiter = ',')]
    #[serde(default, deserialize_with = "one_or_more")]
    pub(crate) store: Vec<StoreArg>,
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
    pub(crate) scenario: Option<ScenarioArg>,
    /// Of `--scenario server`: queries that are due in a second, on average; several numbers are so many cells.
    #[arg(long, value_delimiter = ',')]
    #[serde(default, deserialize_with = "one_or_more")]
    pub(crate) rate: Vec<f64>,
    /// Of `--scenario server`: preprocessed inferences that the pool is filled up to [default: 8].
    #[arg(long)]
    pub(crate) pool: Option<usize>,
    /// Of scenarios with a pool: connections that fill it, each a thread of either party [default: 1].
    #[arg(long)]
    pub(crate) refillers: Option<usize>,
    /// Of `--scenario server`: tell the highest rate whose 90th percentile of response times is at most so many seconds.
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
    pub(crate) id: Option<String>,
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

/// What shapes a plan, and the table `compile` of an experiment's file; what is absent has a default.
#[derive(Args, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct CompileArgs {
    /// Folder of the data set's files, where it is not built in.
    #[arg(long)]
    pub(crate) data_dir: Option<PathBuf>,
    /// How kept units are computed; several are so many variants of every cell [default: narrow].
    #[arg(long, value_enum, value_delimiter = ',')]
    #[serde(default, deserialize_with = "one_or_more")]
    pub(crate) relu: Vec<Relu>,
    /// Who computes on ciphertexts; several are so many variants of every cell [default: narrow].
    #[arg(long, value_enum, value_delimiter = ',')]
    #[serde(default, deserialize_with = "one_or_more")]
    pub(crate) he: Vec<He>,
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
    /// Held-out images used for calibration [default: 500].
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
            fa: self.fa.or(other.fa),
            fw: self.fw.or(other.fw),
            ring: self.ring.or(other.ring),
            agreement: self.agreement.or(other.agreement),
            calibration_images: self.calibration_images.or(other.calibration_images),
        }
    }
}

/// These, or `others` where there are none.
fn given<T>(these: Vec<T>, others: Vec<T>) -> Vec<T> {
    if these.is_empty() { others } else { these }
}

/// A value, or a list of values.
fn one_or_more<'de, T, D>(from: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    struct OneOrMore<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMore<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a value or a list of values")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<T>, E> {
            T::deserialize(text.into_deserializer()).map(|value| vec![value])
        }

        fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Vec<T>, E> {
            T::deserialize(number.into_deserializer()).map(|value| vec![value])
        }

        fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Vec<T>, E> {
            T::deserialize(number.into_deserializer()).map(|value| vec![value])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut values = Vec::new();
            while let Some(value) = list.next_element()? {
                values.push(value);
            }
            Ok(values)
        }
    }

    from.deserialize_any(OneOrMore(PhantomData))
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Relu {
    /// Compare only the bits that matter.
    Narrow,
    /// As narrow, with only the sign in the circuit.
    Sign,
    /// The Delphi paper's whole circuit, for comparison.
    Delphi,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StoreArg {
    /// In memory.
    Memory,
    /// In a file that has no name and ends with the client.
    File,
}

impl StoreArg {
    /// As in rows and on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::File => "file",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ScenarioArg {
    /// The next query after the last.
    SingleStream,
    /// All preprocessed, then all asked.
    OfflineBatch,
    /// Queries at random times, whether or not those before are done.
    Server,
}

impl ScenarioArg {
    /// As in rows and on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SingleStream => "single-stream",
            Self::OfflineBatch => "offline-batch",
            Self::Server => "server",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum He {
    /// Linnet's own kernel.
    Narrow,
    /// The library fhe.
    Fhe,
    /// Microsoft SEAL; needs a program built with `--features seal`, which is then under AGPL-3.0.
    Seal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verify {
    /// Every logit.
    Logits,
    /// Every logit and the server's share of every layer.
    Layers,
}

#[derive(Args)]
pub(crate) struct ReportArgs {
    /// Run folders.
    #[arg(required = true)]
    pub(crate) runs: Vec<PathBuf>,
    /// The page; `report.html` in the first run's folder if absent.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct KeysArgs {
    /// Folder of the keys, new. The server's host needs ca.pem, server.pem and server.key of it, the client's ca.pem,
    /// client.pem and client.key.
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// Days that the certificates are valid for.
    #[arg(long, default_value_t = 365)]
    pub(crate) days: u32,
}

#[derive(Args)]
pub(crate) struct ServeArgs {
    /// Checkpoint folder.
    #[arg(long)]
    pub(crate) model: PathBuf,
    /// Address and port to listen at; port 0 takes a free one, which is told.
    #[arg(long)]
    pub(crate) listen: SocketAddr,
    /// Folder of keys (`linnet keys`); without, only loopback addresses are served.
    #[arg(long)]
    pub(crate) tls: Option<PathBuf>,
    /// Threads of a session.
    #[arg(long, default_value_t = 1)]
    pub(crate) threads: usize,
    /// Longest wait for a sign of life from the client within a phase, seconds.
    #[arg(long, default_value_t = 60.0)]
    pub(crate) deadline: f64,
    /// Longest wait for a client's next request, seconds.
    #[arg(long, default_value_t = 600.0)]
    pub(crate) idle: f64,
    /// End after so many sessions.
    #[arg(long)]
    pub(crate) sessions: Option<usize>,
    /// Give clients the seeds of this server's masks after each inference, so that they can verify it. Only for clients who
    /// may know the weights: with the seeds they could find them out.
    #[arg(long)]
    pub(crate) reveal_masks: bool,
    /// Link that packings are chosen for: a name from `linnet links`, or "rate=100MB/s,rtt=10ms".
    #[arg(long, default_value = "lan")]
    pub(crate) link: String,
    #[command(flatten)]
    pub(crate) compile: CompileArgs,
}

#[derive(Args)]
pub(crate) struct QueryArgs {
    /// The server's address and port.
    #[arg(long)]
    pub(crate) connect: String,
    /// Folder of keys (`linnet keys`); without, only a server on this host is asked.
    #[arg(long)]
    pub(crate) tls: Option<PathBuf>,
    /// Test images to be classified.
    #[arg(long, default_value_t = 20)]
    pub(crate) images: usize,
    /// Inferences before the measured ones.
    #[arg(long, default_value_t = 1)]
    pub(crate) warmups: usize,
    /// Checkpoint folder of the same network, to verify every inference; needs a server with --reveal-masks. Options that
    /// shape the plan have to be the server's.
    #[arg(long)]
    pub(crate) model: Option<PathBuf>,
    /// With --model: test images for the accuracy in the clear (real and fixed point).
    #[arg(long, default_value_t = 1000)]
    pub(crate) accuracy_images: usize,
    /// Measured inferences whose transcripts are kept, for `linnet project`.
    #[arg(long, default_value_t = 3)]
    pub(crate) transcripts: usize,
    /// What rows call the network between the hosts.
    #[arg(long, default_value = "network")]
    pub(crate) network: String,
    /// Threads of this party.
    #[arg(long, default_value_t = 1)]
    pub(crate) threads: usize,
    /// Longest wait for a sign of life from the server, seconds.
    #[arg(long, default_value_t = 60.0)]
    pub(crate) deadline: f64,
    /// Folder of runs.
    #[arg(long, default_value = "runs")]
    pub(crate) out: PathBuf,
    /// Name of the run; made from the time if absent.
    #[arg(long)]
    pub(crate) id: Option<String>,
    /// With --model: the server's --link.
    #[arg(long, default_value = "lan")]
    pub(crate) link: String,
    #[command(flatten)]
    pub(crate) compile: CompileArgs,
}

#[derive(Args)]
pub(crate) struct ProjectArgs {
    /// Run folders.
    #[arg(required = true)]
    pub(crate) runs: Vec<PathBuf>,
    /// Links to predict, each a name or "rate=...,rtt=..." (repeat the option for those) [default: lan and wan].
    #[arg(long = "link")]
    pub(crate) links: Vec<String>,
    /// Only from the cells whose name contains this (may be repeated: those that contain any).
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Vec<String>,
    /// Also write the rows as CSV.
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
}

#[derive(Args)]
#[command(group = ArgGroup::new("scheduler").required(true).args(["slurm", "kubernetes"]))]
pub(crate) struct LaunchArgs {
    /// Experiment to run, in TOML, as `linnet sweep` reads it.
    pub(crate) file: PathBuf,
    /// Shares of its cells, each a task of its own, alone on its node.
    #[arg(long, value_name = "N")]
    pub(crate) shards: usize,
    /// Run the file with the changes in its table `quick`.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Folder of what is written.
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// What the jobs are called, and their runs begin with; the file's name if absent.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The program `linnet` where the shares run [default: this one; with --kubernetes the image's `linnet`].
    #[arg(long, value_name = "PATH")]
    pub(crate) program: Option<PathBuf>,
    /// Longest time of a share: MINUTES, H:MM:SS or DAYS-HH:MM:SS; the cluster's own limit if absent.
    #[arg(long)]
    pub(crate) time: Option<String>,
    /// Cores of a share [default: one for every thread of both parties].
    #[arg(long)]
    pub(crate) cpus: Option<usize>,
    /// Memory of a share, such as 500MiB.
    #[arg(long, default_value = "8GiB")]
    pub(crate) memory: String,
    #[command(flatten)]
    pub(crate) slurm: SlurmArgs,
    #[command(flatten)]
    pub(crate) kubernetes: KubernetesArgs,
    /// After `--`: more options of `linnet sweep`, such as `--images 50`.
    #[arg(last = true, value_name = "SWEEP OPTIONS")]
    pub(crate) options: Vec<String>,
}

/// What only Slurm understands.
#[derive(Args)]
#[group(skip)]
pub(crate) struct SlurmArgs {
    /// Write for Slurm: an array of jobs. It runs in the folder that this command is called in, which all nodes must see.
    #[arg(long)]
    pub(crate) slurm: bool,
    /// Slurm: the partition.
    #[arg(long, conflicts_with = "kubernetes")]
    pub(crate) partition: Option<String>,
    /// Slurm: the account.
    #[arg(long, conflicts_with = "kubernetes")]
    pub(crate) account: Option<String>,
    /// Slurm: features of the shares' nodes, so that all are of one kind.
    #[arg(long, value_name = "FEATURES", conflicts_with = "kubernetes")]
    pub(crate) constraint: Option<String>,
}

/// What only Kubernetes understands.
#[derive(Args)]
#[group(skip)]
pub(crate) struct KubernetesArgs {
    /// Write for Kubernetes: an indexed Job (version 1.29 or newer).
    #[arg(long)]
    pub(crate) kubernetes: bool,
    /// Kubernetes: the image with linnet and a POSIX shell.
    #[arg(long, required_if_eq("kubernetes", "true"), conflicts_with = "slurm")]
    pub(crate) image: Option<String>,
    /// Kubernetes: the claim of the volume that has the experiment and takes the runs, writable from all nodes.
    #[arg(long, required_if_eq("kubernetes", "true"), conflicts_with = "slurm")]
    pub(crate) claim: Option<String>,
    /// Kubernetes: where that volume appears to the shares; relative paths are within [default: /work].
    #[arg(long, value_name = "PATH", conflicts_with = "slurm")]
    pub(crate) mount: Option<String>,
    /// Kubernetes: the namespace; that of whoever submits if absent.
    #[arg(long, conflicts_with = "slurm")]
    pub(crate) namespace: Option<String>,
    /// Kubernetes: labels of the nodes, so that all are of one kind (may be repeated).
    #[arg(long, value_name = "KEY=VALUE", conflicts_with = "slurm")]
    pub(crate) node_selector: Vec<String>,
}

#[derive(Args)]
pub(crate) struct MergeArgs {
    /// Run folders: no cell in two of them, and of shares all.
    #[arg(required = true, num_args = 2..)]
    pub(crate) runs: Vec<PathBuf>,
    /// Folder of the joined run, new.
    #[arg(long)]
    pub(crate) out: PathBuf,
}

#[derive(Args)]
pub(crate) struct CompareArgs {
    /// Run folders.
    #[arg(required_unless_present = "schema")]
    pub(crate) runs: Vec<PathBuf>,
    /// What the cells of a block differ in [default: all but model and link].
    #[arg(long, value_parser = dimension(), value_delimiter = ',')]
    pub(crate) by: Vec<Dimension>,
    /// What ratios are to: in each block the first cell whose run or name contains this [default: the first].
    #[arg(long, value_name = "TEXT")]
    pub(crate) baseline: Option<String>,
    /// Also write the cells as CSV.
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
    /// Also write the cells as JSON, as its schema describes it.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Also write the cells as Parquet.
    #[arg(long, value_name = "FILE")]
    pub(crate) parquet: Option<PathBuf>,
    /// Also print what each layer took, offline and online; of more than N layers, those that take longest [default N: 12].
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "12")]
    pub(crate) layers: Option<usize>,
    /// Also write what each layer took as CSV.
    #[arg(long, value_name = "FILE")]
    pub(crate) layers_csv: Option<PathBuf>,
    /// Print the JSON schema of what `--json` writes, and nothing else.
    #[arg(long, exclusive = true)]
    pub(crate) schema: bool,
}

/// Accepts the names of what cells differ in.
fn dimension() -> impl TypedValueParser<Value = Dimension> {
    let names = PossibleValuesParser::new(Dimension::ALL.map(Dimension::name));
    names.map(|name| {
        let named = Dimension::ALL.into_iter().find(|dimension| dimension.name() == name);
        named.expect("only their names are accepted")
    })
}

#[derive(Subcommand)]
pub(crate) enum PlanCommand {
    /// Compile a model and print its plan: widths, packing, proofs, predicted cost.
    Show(PlanArgs),
}

#[derive(Args)]
pub(crate) struct PlanArgs {
    /// Checkpoint folder.
    #[arg(long)]
    pub(crate) model: PathBuf,
    /// Link that packings are chosen for: a name from `linnet links`, or "rate=100MB/s,rtt=10ms".
    #[arg(long, default_value = "loopback")]
    pub(crate) link: String,
    /// Print the plan itself and its predicted costs as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) compile: CompileArgs,
}

#[derive(Args)]
pub(crate) struct DataArgs {
    /// shapes, cifar10, cifar100 or tiny-imagenet.
    #[arg(long, default_value = "shapes")]
    pub(crate) data: String,
    /// Folder of the data set's files, where it is not built in.
    #[arg(long)]
    pub(crate) data_dir: Option<PathBuf>,
    /// Seed of the held-out split.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
}

#[derive(Args)]
pub(crate) struct InitArgs {
    #[arg(long, default_value = "mini", help = format!("Network: {}", models::nets::listed()))]
    pub(crate) net: String,
    /// The images that it is for: shapes, cifar10, cifar100 or tiny-imagenet.
    #[arg(long, default_value = "shapes")]
    pub(crate) data: String,
    /// Folder of the data set's files, where it is not built in.
    #[arg(long)]
    pub(crate) data_dir: Option<PathBuf>,
    /// Units to keep, a number or a percentage, chosen at random; all if absent.
    #[arg(long)]
    pub(crate) budget: Option<String>,
    /// Determines weights, masks and the held-out split.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Folder of the checkpoint.
    #[arg(long)]
    pub(crate) out: PathBuf,
}

#[derive(Args, Default)]
pub(crate) struct ImportArgs {
    /// The file: .safetensors, a state dict of PyTorch's (.pth, .pt, .th, .pth.tar), or .onnx.
    pub(crate) file: PathBuf,
    #[arg(long, help = format!("Network that a file of weights is for: {}", models::nets::listed()))]
    pub(crate) net: Option<String>,
    /// Graph in JSON that a file of weights is for.
    #[arg(long)]
    pub(crate) graph: Option<PathBuf>,
    /// The images that it is for: shapes, cifar10, cifar100 or tiny-imagenet.
    #[arg(long, default_value = "cifar10")]
    pub(crate) data: String,
    /// Folder of the data set's files, where it is not built in.
    #[arg(long)]
    pub(crate) data_dir: Option<PathBuf>,
    /// Subtracted from every channel of an image in 0 to 1, comma-separated.
    #[arg(long, value_delimiter = ',', allow_negative_numbers = true)]
    pub(crate) mean: Option<Vec<f32>>,
    /// Divides every channel afterwards, comma-separated.
    #[arg(long, value_delimiter = ',')]
    pub(crate) std: Option<Vec<f32>>,
    /// Masks of which units keep their nonlinearity, in safetensors or a state dict: SNL's or PrivShap's `...alphas`,
    /// AutoReP's `alpha_mask_N`, or `NODE.mask`. The file of weights may have them too.
    #[arg(long)]
    pub(crate) masks: Option<PathBuf>,
    /// Units whose mask has a larger value keep their nonlinearity.
    #[arg(long, default_value_t = import::masks::THRESHOLD)]
    pub(crate) mask_threshold: f32,
    /// safetensors file with an array `logits...`, a row a test image, to compare with.
    #[arg(long)]
    pub(crate) expected: Option<PathBuf>,
    /// File of CIFAR records that its rows are for, instead of the test images.
    #[arg(long, requires = "expected")]
    pub(crate) expected_images: Option<PathBuf>,
    /// Test images for the accuracy.
    #[arg(long, default_value_t = 1000)]
    pub(crate) accuracy_images: usize,
    /// Folder of the checkpoint.
    #[arg(long)]
    pub(crate) out: PathBuf,
}

#[derive(Args)]
pub(crate) struct TrainerArgs {
    /// Passed on to linnet-train.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) arguments: Vec<String>,
}

#[derive(Args)]
pub(crate) struct RoleArgs {
    /// client or server.
    #[arg(value_enum)]
    pub(crate) role: Role,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Role {
    /// Holds the image.
    Client,
    /// Holds the network.
    Server,
}
