//! What can be typed: the commands, each group with its options in a file of its own.
//!
//! Options mean what [`crate::experiment`] and the commands' own files make of them.

mod cluster;
mod compile;
pub(crate) mod document;
mod hosts;
mod measure;
mod models;
mod results;
mod values;

pub(crate) use cluster::{KubernetesArgs, LaunchArgs, SlurmArgs};
pub(crate) use compile::CompileArgs;
pub(crate) use hosts::{KeysArgs, QueryArgs, ServeArgs};
pub(crate) use measure::{RunArgs, Settings, SweepArgs};
pub(crate) use models::{
    CalibrateArgs, DataArgs, ImportArgs, InitArgs, MapArgs, ModelsArgs, PlanArgs, PlanCommand, PredictArgs,
    TrainerArgs,
};
pub(crate) use results::{
    CompareArgs, Format, MergeArgs, ProjectArgs, PublishArgs, ReferenceArgs, ReportArgs,
};

use crate::party::Role;
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
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
    /// Write what others need to open a run: tables (large ones compressed), manifest, summary and pictures.
    Publish(PublishArgs),
    /// Print what others published: accuracies at ReLU budgets, costs of protocols, and where each figure stands.
    ///
    /// Nothing of it was measured here. Where it is not the paper that was read, an abstract, a repository or a work that quotes the
    /// figure is named as its source.
    Reference(ReferenceArgs),
    /// Join runs of one experiment, such as its shares, into one.
    Merge(MergeArgs),
    /// Check whether this machine measures what it should, and say what to mend.
    Doctor,
    /// Predict what an inference takes over links, without running it.
    ///
    /// Compiles every model once, for the slowest of the links, as `linnet sweep` over them would, and replays what the
    /// parties would do on a counted clock.
    Predict(PredictArgs),
    /// Predict on which link which way of computing ReLUs and making correlated OTs is fastest: a table and a picture.
    ///
    /// Compiles the model once, as `linnet predict` does, and replays all ways over links of 1 MB/s to 2 GB/s and 0.1 to 200 ms.
    Map(MapArgs),
    /// Measure what a unit of work takes on this machine, for predictions.
    ///
    /// Runs small networks of random weights over the loopback for about a minute, on a machine that should have nothing
    /// else to do, and writes nanoseconds by kind of work.
    Calibrate(CalibrateArgs),
    /// List the links and what this machine's loopback can carry.
    Links,
    /// List networks with what they keep and reach, and methods over their seeds.
    Models(ModelsArgs),
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
        #[arg(long, required_unless_present = "page")]
        out: Option<PathBuf>,
        /// Print the book's page of commands, and nothing else.
        #[arg(long, exclusive = true)]
        page: bool,
    },
    /// One party of a measured run, driven over standard input and output.
    #[command(hide = true)]
    Party(RoleArgs),
}

#[derive(Args)]
pub(crate) struct RoleArgs {
    /// client or server.
    #[arg(value_enum)]
    pub(crate) role: Role,
}
