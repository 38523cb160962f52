//! Options of the commands about networks and data: `models`, `plan`, `data`, `init`, `import`, and those of linnet-train.

use super::compile::CompileArgs;
use super::values::backend;
use clap::{Args, Subcommand};
use import::Rename;
use protocols::he::HeBackend;
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct ModelsArgs {
    /// Checkpoint folders, or folders that have some somewhere inside.
    #[arg(required = true)]
    pub(crate) folders: Vec<PathBuf>,
    /// Also write the table as CSV.
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
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
pub(crate) struct PredictArgs {
    /// Checkpoint folders.
    #[arg(long = "model", num_args = 1.., value_delimiter = ',', required = true)]
    pub(crate) models: Vec<PathBuf>,
    /// Links, each a name or "rate=...,rtt=..." (repeat the option for those) [default: lan and wan].
    #[arg(long = "link")]
    pub(crate) links: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) compile: CompileArgs,
}

#[derive(Args)]
pub(crate) struct MapArgs {
    /// Checkpoint folder.
    #[arg(long)]
    pub(crate) model: PathBuf,
    /// Folder of the table and the picture.
    #[arg(long, default_value = "map")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) compile: CompileArgs,
}

#[derive(Args)]
pub(crate) struct CalibrateArgs {
    /// Threads of each party.
    #[arg(long, default_value_t = 1)]
    pub(crate) threads: usize,
    /// Who computes on ciphertexts.
    #[arg(long, value_parser = backend(), default_value = HeBackend::Linnet.name())]
    pub(crate) he: HeBackend,
    /// File of the rates.
    #[arg(long, default_value = crate::rates::FILE)]
    pub(crate) out: PathBuf,
}

#[derive(Args)]
pub(crate) struct DataArgs {
    #[arg(long, default_value = "shapes", help = images())]
    pub(crate) data: String,
    /// Folder of the data set's files, or the file of arrays, where it is not built in.
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
    /// ONNX file whose network is taken instead, without its weights.
    #[arg(long, value_name = "FILE", conflicts_with = "net")]
    pub(crate) onnx: Option<PathBuf>,
    #[arg(long, help = format!("{} [default: shapes; with --onnx noise of the file's size]", images()))]
    pub(crate) data: Option<String>,
    /// Folder of the data set's files, or the file of arrays, where it is not built in.
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
    #[arg(long, default_value = "cifar10", help = images())]
    pub(crate) data: String,
    /// Folder of the data set's files, or the file of arrays, where it is not built in.
    #[arg(long)]
    pub(crate) data_dir: Option<PathBuf>,
    /// Subtracted from every channel of an image in 0 to 1, comma-separated; one value serves all channels.
    #[arg(long, value_delimiter = ',', allow_negative_numbers = true)]
    pub(crate) mean: Option<Vec<f32>>,
    /// Divides every channel afterwards, comma-separated; one value serves all channels.
    #[arg(long, value_delimiter = ',')]
    pub(crate) std: Option<Vec<f32>>,
    /// Masks of which units keep their nonlinearity, in safetensors or a state dict: SNL's or PrivShap's `...alphas`,
    /// AutoReP's `alpha_mask_N`, or `NODE.mask`. The file of weights may have them too.
    #[arg(long)]
    pub(crate) masks: Option<PathBuf>,
    /// Units whose mask has a larger value keep their nonlinearity.
    #[arg(long, default_value_t = import::masks::THRESHOLD)]
    pub(crate) mask_threshold: f32,
    /// Part of a file's names to exchange before they are compared with the network's, such as fc=linear; may be repeated.
    #[arg(long, value_name = "FILES=NETWORKS")]
    pub(crate) rename: Vec<Rename>,
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

fn images() -> String {
    format!("The images: {}; behind it after a colon may be the folder or file", models::data::LISTED)
}
