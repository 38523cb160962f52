//! Options of the commands that read runs, `compare`, `project`, `report` and `merge`, and of `reference`.

use super::values::dimension;
use clap::Args;
use results::compare::Dimension;
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct CompareArgs {
    /// Run folders.
    #[arg(required_unless_present = "schema")]
    pub(crate) runs: Vec<PathBuf>,
    /// What the cells of a block differ in [default: all but model and link].
    #[arg(long, value_parser = dimension(), value_delimiter = ',')]
    pub(crate) by: Vec<Dimension>,
    /// What ratios are to: the cell of each block that this means, such as `ar` or `method=snl,relu=sign` [default: the
    /// first].
    #[arg(long, value_name = "CELL")]
    pub(crate) baseline: Option<String>,
    /// Accuracies in percent at which each method's online time is told too: on the line between the two networks
    /// around them, of those that no faster network of the method is as accurate as.
    #[arg(long, value_name = "PERCENT", value_delimiter = ',')]
    pub(crate) at_accuracy: Vec<f64>,
    /// What is printed: a table for the terminal (as many columns as it has room for), Markdown, LaTeX (booktabs), or what
    /// `--csv` and `--json` write.
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) format: Format,
    /// Only these columns, in this order, by their names in `--csv` (`--schema` explains them).
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) columns: Vec<String>,
    /// Put the cells of a block in order of a column; with `-` before its name, the largest first.
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
    pub(crate) sort: Option<String>,
    /// End with status 3 where a cell meets this, such as `online_s_p50 > 1.05`: a bare number is a multiple of the baseline's
    /// value, one with a unit (s, ms, us, B, kB, MB, GB, %) the value itself (may be repeated).
    #[arg(long, value_name = "CONDITION")]
    pub(crate) fail_if: Vec<String>,
    /// Also write the cells as CSV (`-`: to standard output, in place of the table).
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

/// What a comparison is printed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    Table,
    Markdown,
    Latex,
    Csv,
    Json,
}

#[derive(Args)]
pub(crate) struct ProjectArgs {
    /// Run folders.
    #[arg(required = true)]
    pub(crate) runs: Vec<PathBuf>,
    /// Links to predict, each a name or "rate=...,rtt=..." (repeat the option for those) [default: lan and wan].
    #[arg(long = "link")]
    pub(crate) links: Vec<String>,
    /// Only from these cells, such as `snl` or `method=ar,link=wan`: whole values, joined by commas where all must hold (may
    /// be repeated: those that any of them means).
    #[arg(long, value_name = "CELLS")]
    pub(crate) only: Vec<String>,
    /// Also write the rows as CSV.
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct ReportArgs {
    /// Run folders.
    #[arg(required = true)]
    pub(crate) runs: Vec<PathBuf>,
    /// The page; `report.html` in the first run's folder if absent.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// Also draw and list what others published of the runs' networks and data sets, as `linnet reference` has it.
    #[arg(long)]
    pub(crate) reference: bool,
}

#[derive(Args)]
pub(crate) struct ReferenceArgs {
    /// Only of this network, such as resnet18.
    #[arg(long)]
    pub(crate) net: Option<String>,
    /// Only of this data set, such as cifar10.
    #[arg(long)]
    pub(crate) data: Option<String>,
    /// Also what stands in a file of your own, of the form of those in results/reference (may be repeated).
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Vec<PathBuf>,
    /// Print all of it in Markdown, with what is known of each system.
    #[arg(long, conflicts_with_all = ["net", "data"])]
    pub(crate) markdown: bool,
}

#[derive(Args)]
pub(crate) struct PublishArgs {
    /// Run folder.
    pub(crate) run: PathBuf,
    /// Folder of the published run, new.
    #[arg(long)]
    pub(crate) out: PathBuf,
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
