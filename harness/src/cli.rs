//! What can be typed.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Measures private inference: accuracy, online and offline latency and communication per ReLU budget.
#[derive(Parser)]
#[command(version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Classify images securely with one model over one link.
    Run(RunArgs),
    /// Run several models over several links.
    Sweep(SweepArgs),
    /// Print budgets of one or more runs side by side.
    Compare(CompareArgs),
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
}

#[derive(Args)]
pub(crate) struct SweepArgs {
    /// Checkpoint folders; a folder of checkpoints stands for all of them.
    #[arg(long, required = true, num_args = 1.., value_delimiter = ',')]
    pub(crate) models: Vec<PathBuf>,
    /// Links, each a name or "rate=...,rtt=..." (repeat the option for those).
    #[arg(long = "link", default_values_t = [String::from("lan"), String::from("wan")])]
    pub(crate) links: Vec<String>,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// What `run` and `sweep` share.
#[derive(Args)]
pub(crate) struct Settings {
    /// Test images classified securely, per model and link.
    #[arg(long, default_value_t = 20)]
    pub(crate) images: usize,
    /// Inferences before the measured ones.
    #[arg(long, default_value_t = 1)]
    pub(crate) warmups: usize,
    /// Test images for the accuracy in the clear (real and fixed point).
    #[arg(long, default_value_t = 1000)]
    pub(crate) accuracy_images: usize,
    /// What is compared with the clear replay after every inference.
    #[arg(long, value_enum, default_value_t = Verify::Logits)]
    pub(crate) verify: Verify,
    /// Longest wait for a sign of life from the other party, seconds.
    #[arg(long, default_value_t = 60.0)]
    pub(crate) deadline: f64,
    /// Threads of each party.
    #[arg(long, default_value_t = 1)]
    pub(crate) threads: usize,
    /// Where the client keeps what it has preprocessed.
    #[arg(long, value_enum, default_value_t = StoreArg::Memory)]
    pub(crate) store: StoreArg,
    /// Folder of the store's file, on a disk; the folder of runs if absent.
    #[arg(long)]
    pub(crate) store_dir: Option<PathBuf>,
    /// Cores of the parties, as CLIENT,SERVER; not pinned if absent.
    #[arg(long, value_delimiter = ',', num_args = 2)]
    pub(crate) pin: Option<Vec<usize>>,
    /// Folder of runs.
    #[arg(long, default_value = "runs")]
    pub(crate) out: PathBuf,
    /// Name of the run; made from the time if absent.
    #[arg(long)]
    pub(crate) id: Option<String>,
    #[command(flatten)]
    pub(crate) compile: CompileArgs,
}

/// What shapes a plan.
#[derive(Args, Clone)]
pub(crate) struct CompileArgs {
    /// Folder of the data set's files, where it is not built in.
    #[arg(long)]
    pub(crate) data_dir: Option<PathBuf>,
    /// How kept units are computed.
    #[arg(long, value_enum, default_value_t = Relu::Narrow)]
    pub(crate) relu: Relu,
    /// Who computes on ciphertexts.
    #[arg(long, value_enum, default_value_t = He::Narrow)]
    pub(crate) he: He,
    /// Activation scale 2^-FA; searched if absent (6 for a network that was never trained).
    #[arg(long)]
    pub(crate) fa: Option<u32>,
    /// Weight scale 2^-FW; searched if absent (8 for a network that was never trained).
    #[arg(long)]
    pub(crate) fw: Option<u32>,
    /// Ring width in bits; the smallest that fits if absent.
    #[arg(long)]
    pub(crate) ring: Option<u32>,
    /// Share of calibration images whose class the scales must keep.
    #[arg(long, default_value_t = 0.995)]
    pub(crate) agreement: f64,
    /// Held-out images used for calibration.
    #[arg(long, default_value_t = 500)]
    pub(crate) calibration_images: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Relu {
    /// Compare only the bits that matter.
    Narrow,
    /// As narrow, with only the sign in the circuit.
    Sign,
    /// The Delphi paper's whole circuit, for comparison.
    Delphi,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StoreArg {
    /// In memory.
    Memory,
    /// In a file that has no name and ends with the client.
    File,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum He {
    /// Linnet's own kernel.
    Narrow,
    /// The library fhe.
    Fhe,
    /// Microsoft SEAL; needs a program built with `--features seal`, which is then under AGPL-3.0.
    Seal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verify {
    /// Every logit.
    Logits,
    /// Every logit and the server's share of every layer.
    Layers,
}

#[derive(Args)]
pub(crate) struct CompareArgs {
    /// Run folders.
    #[arg(required = true)]
    pub(crate) runs: Vec<PathBuf>,
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
    /// shapes, cifar10 or cifar100.
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
    /// The images that it is for: shapes, cifar10 or cifar100.
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

#[derive(Args)]
pub(crate) struct ImportArgs {
    /// The file: .safetensors, a state dict of PyTorch's (.pth, .pt, .th, .pth.tar), or .onnx.
    pub(crate) file: PathBuf,
    #[arg(long, help = format!("Network that a file of weights is for: {}", models::nets::listed()))]
    pub(crate) net: Option<String>,
    /// Graph in JSON that a file of weights is for.
    #[arg(long)]
    pub(crate) graph: Option<PathBuf>,
    /// The images that it is for: shapes, cifar10 or cifar100.
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
