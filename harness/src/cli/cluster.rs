//! Options of the command for clusters: `launch`.

use clap::{ArgGroup, Args};
use std::path::PathBuf;

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
