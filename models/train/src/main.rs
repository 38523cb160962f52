//! `linnet-train`: from images to checkpoints.

mod document;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use models::checkpoint::Checkpoint;
use models::data::{DataSource, LISTED};
use models::mask::parse_budget;
use protocols::timing::Rates;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use train::Error;
use train::linearize::{Across, Budget, LinearizeSettings, Method, Origin, Score, Selection, linearize};
use train::masking::shrinking::Pace;
use train::pricing::objective::Objective;
use train::privshap::{self, ShapleySettings};
use train::stage::{Augmentation, Schedule};
use train::train::{TrainSettings, default_threads, train};
use train::watch::{Terminal, Watch};

/// Trains image classifiers and linearizes them to budgets of nonlinear units.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train a network with all its activations; the same command continues a run that was stopped.
    Train(TrainArgs),
    /// Linearize a trained network to one or more budgets of kept units.
    Linearize(Box<LinearizeArgs>),
    /// List the names of the linearizers, one a line.
    #[command(hide = true)]
    Methods,
    /// Print the book's page of these commands.
    #[command(hide = true)]
    Page,
    /// Measure the Shapley value of each activation layer of a trained network: its part in the accuracy.
    ///
    /// Prints a table, and writes shapley.json and shapley.svg. `linnet linearize` into the same folder, with the same
    /// options, reads the values instead of measuring them again. Stopped, the same command goes on.
    Shapley(ShapleyArgs),
}

#[derive(Args)]
struct DataArgs {
    #[arg(long, help = format!("The images: {LISTED}; behind it after a colon may be the folder or file [default: shapes, or what the network was trained on]"))]
    data: Option<String>,
    /// Folder of the data set's files, or the file of arrays, where it is not built in.
    #[arg(long)]
    data_dir: Option<PathBuf>,
}

/// How many of the images.
#[derive(Args)]
struct LimitArgs {
    /// Use only the first N training images.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Measure accuracies on the first N held-out and test images only.
    #[arg(long, value_name = "N")]
    eval_limit: Option<usize>,
}

#[derive(Args)]
struct TrainArgs {
    #[arg(long, default_value = "mini", help = format!("Network: {}", models::nets::listed()))]
    net: String,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    limits: LimitArgs,
    /// Passes over the training images; the learning rate's steps move along.
    #[arg(long)]
    epochs: Option<usize>,
    /// Images a step.
    #[arg(long)]
    batch: Option<usize>,
    /// Learning rate at the start.
    #[arg(long)]
    lr: Option<f64>,
    /// How it goes down: a tenth at half and at three quarters of the steps, or half a cosine.
    #[arg(long, value_enum, default_value = "steps")]
    schedule: Schedule,
    /// Share of the steps over which it first rises.
    #[arg(long, default_value_t = 0.0)]
    warmup: f64,
    /// Spare biases and batch norm's parameters from weight decay.
    #[arg(long)]
    spare_norms: bool,
    /// Determines everything random.
    #[arg(long)]
    seed: Option<u64>,
    /// Threads of libtorch.
    #[arg(long)]
    threads: Option<usize>,
    /// Folder of the checkpoint.
    #[arg(long)]
    out: PathBuf,
    /// Discard what is in the folder.
    #[arg(long)]
    fresh: bool,
}

#[derive(Args)]
struct LinearizeArgs {
    /// Folder of the trained network.
    #[arg(long)]
    from: PathBuf,
    /// How units are chosen.
    #[arg(long, value_enum, default_value = "privshap")]
    method: Method,
    /// What networks are to have little of: relus (kept units), online@LINK or total@LINK (predicted time over a link), or
    /// bytes (offline and online). LINK is a name or "rate=...,rtt=...".
    #[arg(long, default_value = "relus")]
    objective: Objective,
    /// Units to keep, numbers or percentages; or as much of the objective, such as 300ms or 20MB; separated by commas.
    #[arg(long, value_delimiter = ',', required = true)]
    budget: Vec<String>,
    /// What work takes on the machine that time is predicted for, as `linnet calibrate` wrote it [default: what it takes on a
    /// 2-core AMD EPYC].
    #[arg(long, value_name = "FILE")]
    rates: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    limits: LimitArgs,
    /// How budgets are reached: step by step, or as in the papers (privshap at once, relupruner after every epoch).
    #[arg(long, value_enum, default_value = "gradual")]
    schedule: ScheduleArg,
    /// By what units are ranked, by privshap and uniform.
    #[arg(long, value_enum, default_value = "gradient")]
    score: Score,
    /// With which others a unit competes, by privshap and uniform.
    #[arg(long, value_enum, default_value = "layers")]
    across: Across,
    /// Learn units' weights between projections, by privshap-published.
    #[arg(long)]
    learn_alphas: bool,
    /// Steps from one choice of units to the next, where budgets shrink step by step.
    #[arg(long, default_value_t = Pace::default().every)]
    rescore_every: usize,
    /// What earlier scores count at each choice.
    #[arg(long, default_value_t = Pace::default().decay)]
    score_decay: f64,
    /// Epochs in which budgets shrink or units are chosen anew.
    #[arg(long)]
    pr_epochs: Option<usize>,
    /// Epochs with the units frozen.
    #[arg(long)]
    ft_epochs: Option<usize>,
    /// Learning rate at the start.
    #[arg(long)]
    rate: Option<f64>,
    /// Learning rate of fine-tuning, at the start, of the papers' schedules.
    #[arg(long)]
    ft_rate: Option<f64>,
    /// Share of the steps over which the rate first rises.
    #[arg(long)]
    warmup: Option<f64>,
    /// How much the trained network's answers count beside the labels.
    #[arg(long)]
    kd_weight: Option<f64>,
    /// What logits are divided by before they are compared with those.
    #[arg(long)]
    kd_temperature: Option<f64>,
    /// Ways in which each image is shifted and mirrored, which the trained network answers once each; 0: others in every epoch.
    #[arg(long)]
    variants: Option<usize>,
    /// Start from this linearized network, in place of the trained one.
    #[arg(long, value_name = "DIR")]
    init_from: Option<PathBuf>,
    /// Start each budget from the network of the budget before.
    #[arg(long)]
    chain: bool,
    /// Epochs of each budget but the first, in the same proportion [default: as many].
    #[arg(long, requires = "chain")]
    chain_epochs: Option<usize>,
    /// Images a step.
    #[arg(long)]
    batch: Option<usize>,
    #[command(flatten)]
    walk: WalkArgs,
    /// Determines the order of images and what else is random [default: the trained network's]; networks of another seed are
    /// told from others by their method's name.
    #[arg(long)]
    seed: Option<u64>,
    /// Threads of libtorch.
    #[arg(long)]
    threads: Option<usize>,
    /// Folder of the results: one folder `b<UNITS>` a budget.
    #[arg(long)]
    out: PathBuf,
    /// Discard what is in the budgets' folders.
    #[arg(long)]
    fresh: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ScheduleArg {
    Gradual,
    Published,
}

/// How coalitions are walked, for `linearize` and `shapley`.
#[derive(Args)]
struct WalkArgs {
    /// Percent of accuracy below which coalitions are not looked into (at least 1.5 times chance is used).
    #[arg(long, default_value_t = ShapleySettings::default().threshold)]
    threshold: f64,
    /// Layers that a coalition lacks at most.
    #[arg(long, default_value_t = ShapleySettings::default().depth)]
    depth: usize,
    /// Measure all coalitions (up to 12 activation layers), and say how far the trimmed walk would have been off.
    #[arg(long)]
    exact: bool,
    /// Held-out images that coalitions are measured on, at most.
    #[arg(long, default_value_t = ShapleySettings::default().images)]
    shapley_images: usize,
}

#[derive(Args)]
struct ShapleyArgs {
    /// Folder of the trained network.
    #[arg(long)]
    from: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    walk: WalkArgs,
    /// Threads of libtorch.
    #[arg(long)]
    threads: Option<usize>,
    /// Folder of shapley.json and shapley.svg.
    #[arg(long)]
    out: PathBuf,
}

fn main() -> ExitCode {
    if let Err(error) = train::environment::settle() {
        eprintln!("note: slower than it could be: starting anew: {error}");
    }
    let done = match Cli::parse().command {
        Command::Train(args) => run_train(args),
        Command::Linearize(args) => run_linearize(&args),
        Command::Page => {
            print!("{}", document::page(Cli::command()));
            Ok(())
        }
        Command::Methods => {
            Method::value_variants().iter().for_each(|method| println!("{}", method.name()));
            Ok(())
        }
        Command::Shapley(args) => run_shapley(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("linnet-train: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run_train(args: TrainArgs) -> Result<(), Error> {
    let start = Instant::now();
    let mut terminal = Terminal::new();
    let source = source(&args.data, "shapes", &mut terminal)?;
    let mut settings = TrainSettings::recipe(&args.net, &source);
    settings.epochs = args.epochs.unwrap_or(settings.epochs);
    settings.batch = args.batch.unwrap_or(settings.batch);
    settings.rate = args.lr.unwrap_or(settings.rate);
    (settings.schedule, settings.warmup, settings.spares_norms) =
        (args.schedule, args.warmup, args.spare_norms);
    settings.seed = args.seed.unwrap_or(settings.seed);
    settings.threads = args.threads.unwrap_or(settings.threads);
    settings.limit = args.limits.limit;
    settings.eval_limit = args.limits.eval_limit;
    if args.fresh {
        discard(&args.out)?;
    }
    let checkpoint = train(&settings, &source, &args.out, &mut terminal)?;
    drop(terminal);
    summary(&checkpoint, &args.out, start);
    Ok(())
}

fn run_linearize(args: &LinearizeArgs) -> Result<(), Error> {
    let start = Instant::now();
    let mut terminal = Terminal::new();
    let teacher = Checkpoint::load(&args.from)?;
    let source = source(&args.data, &teacher.meta.data, &mut terminal)?;
    let units = teacher.masks.count();
    let budget = |text: &String| match &args.objective {
        Objective::Relus => Ok(Budget::Units(parse_budget(text, units)?)),
        objective => Ok(Budget::Amount { text: text.clone(), amount: objective.budget(text)? }),
    };
    let budgets = args.budget.iter().map(budget).collect::<Result<Vec<_>, Error>>()?;
    let mut settings = match args.schedule {
        ScheduleArg::Gradual => LinearizeSettings::recipe(&source),
        ScheduleArg::Published => LinearizeSettings::published(&source),
    };
    settings.method = args.method;
    settings.objective = args.objective.clone();
    settings.rates = args.rates.as_deref().map(rates).transpose()?;
    settings.shapley = walk(&args.walk);
    if let Some(pace) = &mut settings.pace {
        *pace = Pace { every: args.rescore_every, decay: args.score_decay };
    }
    settings.selection = Selection { score: args.score, across: args.across };
    settings.learn_alphas = args.learn_alphas;
    settings.replace_rate = args.rate.unwrap_or(settings.replace_rate);
    settings.warmup = args.warmup.unwrap_or(settings.warmup);
    let distillation = &mut settings.distillation;
    distillation.weight = args.kd_weight.unwrap_or(distillation.weight);
    distillation.temperature = args.kd_temperature.unwrap_or(distillation.temperature);
    settings.augment = match (settings.augment, args.variants) {
        (Augmentation::None | Augmentation::Shifted, _) | (_, None) => settings.augment,
        (_, Some(0)) => Augmentation::Fresh,
        (_, Some(count)) => Augmentation::Variants(count),
    };
    settings.replace_epochs = args.pr_epochs.unwrap_or(settings.replace_epochs);
    settings.finetune_epochs = args.ft_epochs.unwrap_or(settings.finetune_epochs);
    settings.chain_epochs = args.chain_epochs;
    settings.finetune_rate = args.ft_rate.unwrap_or(settings.finetune_rate);
    settings.batch = args.batch.unwrap_or(settings.batch);
    settings.seed = args.seed;
    settings.threads = args.threads.unwrap_or(settings.threads);
    settings.limit = args.limits.limit;
    settings.eval_limit = args.limits.eval_limit;
    if args.fresh {
        for budget in &budgets {
            discard(&args.out.join(budget.folder()))?;
        }
    }
    let init = args.init_from.as_deref().map(Checkpoint::load).transpose()?;
    let answers = args.from.join("answers");
    let origin =
        Origin { teacher: &teacher, start: init.as_ref(), chained: args.chain, answers: Some(&answers) };
    let done = linearize(&settings, origin, &budgets, &source, &args.out, &mut terminal)?;
    drop(terminal);
    for (checkpoint, budget) in done.iter().zip(&budgets) {
        summary(checkpoint, &args.out.join(budget.folder()), start);
    }
    Ok(())
}

/// Reads what `linnet calibrate` wrote.
fn rates(path: &Path) -> Result<Rates, Error> {
    let text = fs::read(path).map_err(|e| Error::io(path, e))?;
    serde_json::from_slice(&text).map_err(|e| {
        Error::config("--rates", "what `linnet calibrate` wrote", format!("{}: {e}", path.display()))
    })
}

fn run_shapley(args: &ShapleyArgs) -> Result<(), Error> {
    let mut terminal = Terminal::new();
    let teacher = Checkpoint::load(&args.from)?;
    let source = source(&args.data, &teacher.meta.data, &mut terminal)?;
    let threads = args.threads.unwrap_or_else(|| default_threads(&source));
    let record = privshap::report(&walk(&args.walk), threads, &teacher, &source, &args.out, &mut terminal)?;
    drop(terminal);
    print!("{}", privshap::table(&record));
    println!("{} and {} written", args.out.join(privshap::SHAPLEY_FILE).display(), privshap::PICTURE_FILE);
    Ok(())
}

fn walk(args: &WalkArgs) -> ShapleySettings {
    ShapleySettings {
        threshold: args.threshold,
        depth: args.depth,
        exact: args.exact,
        images: args.shapley_images,
    }
}

fn source(args: &DataArgs, default: &str, terminal: &mut Terminal) -> Result<DataSource, Error> {
    let source = match &args.data {
        Some(typed) => DataSource::typed(typed, args.data_dir.as_deref())?,
        None => DataSource::parse(default, args.data_dir.as_deref())?,
    };
    for remark in source.remarks()? {
        terminal.note(&format!("note: {remark}"));
    }
    for check in source.checksums()?.iter().filter(|check| check.is_official() == Some(false)) {
        terminal.note(&format!("note: {} is not the official file (by its SHA-256)", check.path.display()));
    }
    Ok(source)
}

/// Removes the files of a run, and nothing else, from its folder.
fn discard(dir: &Path) -> Result<(), Error> {
    let curves = [results::curves::TABLE, results::curves::PICTURE];
    let checkpoint = [models::checkpoint::REST, models::checkpoint::ARRAYS];
    for file in [train::state::FILE].into_iter().chain(checkpoint).chain(curves) {
        let path = dir.join(file);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(Error::io(path, e)),
            _ => {}
        }
    }
    Ok(())
}

fn summary(checkpoint: &Checkpoint, dir: &Path, start: Instant) {
    let percent = |share: Option<f64>| share.map_or("-".to_owned(), |s| format!("{:.2} %", 100.0 * s));
    let accuracy = checkpoint.meta.accuracy;
    println!(
        "{}: {} nonlinear units, test {}, held-out {}, {} images seen ({:.1} s)",
        dir.display(),
        checkpoint.masks.count(),
        percent(accuracy.test),
        percent(accuracy.held_out),
        checkpoint.meta.images_seen,
        start.elapsed().as_secs_f64()
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
