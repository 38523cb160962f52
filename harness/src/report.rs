//! Commands that look at something without running a protocol.

use crate::cli::{Cli, DataArgs, MergeArgs, PublishArgs, ReportArgs, document};
use crate::error::Error;
use crate::opened;
use crate::print::{print, room};
use clap::CommandFactory;
use clap_complete::Shell;
use models::data::{DataSource, Dataset};
use netem::{Bytes, Link};
use results::Loaded;
use results::reference::{self, Reference, fitting};
use std::path::Path;

/// `linnet report`.
pub(crate) fn page(args: &ReportArgs) -> Result<(), Error> {
    let runs: Vec<Loaded> = args.runs.iter().map(|folder| opened::run(folder)).collect::<Result<_, _>>()?;
    let out = args.out.clone().unwrap_or_else(|| args.runs[0].join("report.html"));
    let known = if args.reference { reference::built_in() } else { Vec::new() };
    let models = runs.iter().flat_map(|run| &run.manifest.models);
    let pairs: Vec<(&str, &str)> = models.map(|model| (model.name.as_str(), model.data.as_str())).collect();
    let references: Vec<&Reference> =
        known.iter().flat_map(|system| fitting(&system.references, &pairs)).collect();
    std::fs::write(&out, results::report::html_beside(&runs, &references))
        .map_err(Error::io(format!("writing {}", out.display())))?;
    print(&format!("written to {}", out.display()))
}

/// `linnet publish`.
pub(crate) fn publish(args: &PublishArgs) -> Result<(), Error> {
    let files = results::publish(&args.run, &args.out)?;
    let lines = files.iter().map(|file| format!("  {:<22}{}\n", file.name, Bytes(file.bytes)));
    print(&format!("{}written to {}", lines.collect::<String>(), args.out.display()))
}

/// `linnet merge`.
pub(crate) fn merge(args: &MergeArgs) -> Result<(), Error> {
    let summary = results::merge(&args.runs, &args.out)?;
    print(&format!("{}\nwritten to {}", results::table(&summary, room()), args.out.display()))
}

/// `linnet completions`.
pub(crate) fn completions(shell: Shell) -> Result<(), Error> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "linnet", &mut text);
    print(String::from_utf8_lossy(&text).trim_end())
}

/// `linnet man`: the pages in `out`; without it, the book's page.
pub(crate) fn man(out: Option<&Path>) -> Result<(), Error> {
    let Some(out) = out else { return print(document::page().trim_end()) };
    std::fs::create_dir_all(out).map_err(Error::io(format!("making {}", out.display())))?;
    clap_mangen::generate_to(Cli::command(), out).map_err(Error::io(format!("writing to {}", out.display())))
}

/// `linnet links`.
pub(crate) fn links() -> Result<(), Error> {
    let loopback = netem::calibrate()?;
    print(&format!("{:<16} {:>12} {:>9}  {:<28} source", "link", "rate", "RTT", "on this machine"))?;
    for link in Link::named() {
        let rate = link.rate.map_or("unshaped".to_owned(), |rate| rate.to_string());
        let verdict = match link.check(&loopback) {
            Ok(()) => {
                let probed = netem::probe(&link)?;
                format!("{}, {:.3} ms", probed.rate, probed.rtt.as_secs_f64() * 1e3)
            }
            Err(_) => "refused: beyond the loopback".to_owned(),
        };
        print(&format!(
            "{:<16} {:>12} {:>6.1} ms  {:<28} {}",
            link.name,
            rate,
            link.rtt.as_secs_f64() * 1e3,
            verdict,
            link.source().unwrap_or("this project")
        ))?;
    }
    print(&format!("\nloopback carries {loopback}; a custom link is written \"rate=100MB/s,rtt=10ms\""))
}

/// Pictures of a part that `linnet data` reads: there may be more than memory holds.
const MOST_PICTURES: usize = 1_000;

/// `linnet data`.
pub(crate) fn data(args: &DataArgs) -> Result<(), Error> {
    let source = DataSource::typed(&args.data, args.data_dir.as_deref())?;
    let most = match source {
        DataSource::Folder { .. } | DataSource::Imagenet { .. } => MOST_PICTURES,
        _ => usize::MAX,
    };
    let train = source.has_training()?.then(|| source.training(args.seed, most)).transpose()?;
    let (held_out, test) = (source.held_out(args.seed, most)?, source.test(most)?);
    for set in train.iter().chain([&held_out, &test]) {
        print(&format!(
            "{:<20} {:>6} images {}  {} a class  sha256 {}{}",
            set.name(),
            set.len(),
            set.shape(),
            per_class(set),
            set.digest(),
            if set.len() == most { "  (no more are read here)" } else { "" }
        ))?;
    }
    for check in source.checksums()? {
        let verdict = match check.is_official() {
            Some(true) => "the published checksum",
            Some(false) => "not the published checksum",
            None => "no published checksum is known",
        };
        let remark = check.remark.map_or_else(String::new, |remark| format!("  ({remark})"));
        print(&format!("{}: {verdict}  sha256 {}{remark}", check.path.display(), check.sha256))?;
    }
    let normalisation = source.default_normalisation(test.shape().c);
    print(&format!("normalisation: mean {:?}, deviation {:?}", normalisation.mean, normalisation.std))
}

/// The smallest and the largest number of images that a class has.
fn per_class(set: &Dataset) -> String {
    let mut counts = vec![0usize; set.classes()];
    (0..set.len()).for_each(|i| counts[set.label(i)] += 1);
    let least = counts.iter().copied().min().unwrap_or(0);
    match counts.into_iter().max().unwrap_or(0) {
        most if most == least => most.to_string(),
        most => format!("{least} to {most}"),
    }
}
