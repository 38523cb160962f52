//! `cargo xtask fuzz`: every fuzz target in libFuzzer for its share of the time, and a row of what it did.

mod build;
mod log;
mod report;
mod target;

use crate::run::Error;
use log::Log;
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;
use target::Target;

/// What may follow `cargo xtask fuzz`.
pub(crate) const USAGE: &str = "--hours N [--only WORD] [--jobs J] [--features F] [--log FILE]";

/// Every target gets this long at least.
const LEAST: Duration = Duration::from_secs(5);

/// What was asked for.
#[derive(Debug, PartialEq)]
struct Options {
    /// For all targets together.
    hours: f64,
    /// Only targets whose name contains this.
    only: Option<String>,
    /// Targets that run at a time.
    jobs: usize,
    /// Of the crates: `seal` adds the targets of that backend.
    features: Option<String>,
    /// Where rows are appended.
    log: String,
}

/// Builds, runs, prints and appends rows. Findings make the whole an error at the end.
pub(crate) fn fuzz(root: &Path, arguments: &[String]) -> Result<(), Error> {
    let options = Options::parse(arguments)?;
    let targets = build::targets(root, options.only.as_deref(), options.features.as_deref())?;
    let wanted = select(&targets, options.only.as_deref())?;
    let time = share(options.hours, wanted.len(), options.jobs);
    let log = Log::open(root, &root.join(&options.log))?;
    println!("{} targets, {} s each, {} at a time", wanted.len(), time.as_secs(), options.jobs);
    println!("{}", report::HEAD);
    let (queue, found) = (Mutex::new(wanted.iter()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        let worker = || {
            loop {
                let next = queue.lock().expect("no worker panics").next();
                let Some(target) = next else { return Ok(()) };
                let report = target.run(root, time)?;
                println!("{report}");
                log.append(&report)?;
                let mut found = found.lock().expect("no worker panics");
                found.extend(
                    report.findings.iter().map(|input| format!("{}: {}", target.name, input.display())),
                );
            }
        };
        let workers: Vec<_> = (0..options.jobs).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("no worker panics"))
    })?;
    match found.into_inner().expect("no worker panics") {
        found if found.is_empty() => Ok(()),
        found => Err(Error::Found(found)),
    }
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self, Error> {
        let usage = |what: String| Error::Usage(format!("{what}: fuzz {USAGE}"));
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let log = "tests/fuzz/log.csv".into();
        let mut options = Self { hours: 0.0, only: None, jobs: cores, features: None, log };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| usage(format!("`{word}` wants a value")))?;
            let wrong = || usage(format!("`{word}` does not take `{value}`"));
            match word.as_str() {
                "--hours" => {
                    options.hours =
                        value.parse().ok().filter(|h| (0.0..=8760.0).contains(h)).ok_or_else(wrong)?;
                }
                "--only" => options.only = Some(value.clone()),
                "--jobs" => options.jobs = value.parse().ok().filter(|jobs| *jobs > 0).ok_or_else(wrong)?,
                "--features" => options.features = Some(value.clone()),
                "--log" => options.log.clone_from(value),
                other => return Err(usage(format!("unknown argument `{other}`"))),
            }
        }
        if options.hours == 0.0 {
            return Err(usage("how long is not said".into()));
        }
        Ok(options)
    }
}

/// The time of one of `count` targets.
fn share(hours: f64, count: usize, jobs: usize) -> Duration {
    let seconds = hours * 3600.0 * jobs.min(count) as f64 / count as f64;
    Duration::from_secs_f64(seconds.round()).max(LEAST)
}

/// The targets whose name contains `word`; all without one.
fn select<'a>(targets: &'a [Target], word: Option<&str>) -> Result<Vec<&'a Target>, Error> {
    let word = word.unwrap_or_default();
    let found: Vec<&Target> = targets.iter().filter(|target| target.name.contains(word)).collect();
    if found.is_empty() {
        let known: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
        return Err(Error::Usage(format!(
            "no target's name contains `{word}`, known are:\n  {}",
            known.join("\n  ")
        )));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_once() {
        let parse = |line: &str| {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            Options::parse(&words)
        };
        let options = parse("--hours 0.5 --only netem --jobs 3 --features seal --log a.csv").unwrap();
        let (only, features) = (Some("netem".into()), Some("seal".into()));
        let expected = Options { hours: 0.5, only, jobs: 3, features, log: "a.csv".into() };
        assert_eq!(options, expected);
        for (line, said) in [
            ("", "how long is not said"),
            ("--hours", "`--hours` wants a value"),
            ("--hours -1", "`--hours` does not take `-1`"),
            ("--jobs 0", "`--jobs` does not take `0`"),
            ("--fast 1", "unknown argument `--fast`"),
        ] {
            assert!(parse(line).unwrap_err().to_string().starts_with(said), "{line}");
        }
    }

    #[test]
    fn time_is_shared_and_never_too_short() {
        assert_eq!(share(1.0, 60, 2), Duration::from_secs(120));
        assert_eq!(share(1.0, 1, 2), Duration::from_secs(3600));
        assert_eq!(share(0.001, 60, 2), LEAST);
    }
}
