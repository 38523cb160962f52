//! Runs the program that measures kernels and layers, and reads what it tells.

use super::Results;
use super::figures::Figure;
use crate::run::Error;
use crate::setup::builds_seal;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A figure as measured.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Measured {
    pub(crate) figure: String,
    /// The median.
    pub(crate) value: f64,
    pub(crate) unit: String,
    pub(crate) runs: usize,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Measured {
    /// The median of at least one value, with their range.
    pub(crate) fn of(figure: &str, unit: &str, mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let (runs, middle) = (values.len(), values.len() / 2);
        let value = if runs % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 };
        let (low, high) = (values[0], values[runs - 1]);
        Self { figure: figure.to_owned(), value, unit: unit.to_owned(), runs, low, high }
    }
}

/// What a group told, and why it told no more if so.
pub(crate) struct Told {
    pub(crate) measured: Vec<Measured>,
    pub(crate) failure: Option<String>,
}

/// Builds `protocols/benches/figures`, with SEAL where the machine can, showing cargo's progress; the program.
pub(crate) fn build_figures(root: &Path) -> Result<PathBuf, Error> {
    let features = if builds_seal() { " --features seal" } else { "" };
    let arguments =
        format!("bench --package protocols --bench figures{features} --no-run --message-format json");
    let line = format!("cargo {arguments}");
    let output = Command::new("cargo")
        .args(arguments.split_whitespace())
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| Error::Start(line.clone(), error))?;
    let program = executable(&String::from_utf8_lossy(&output.stdout));
    program.filter(|_| output.status.success()).ok_or(Error::Failed(line))
}

/// The program `figures` in cargo's messages.
fn executable(messages: &str) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Artifact {
        target: Target,
        executable: Option<PathBuf>,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
    }
    let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<Artifact>(line).ok());
    artifacts.filter(|artifact| artifact.target.name == "figures").find_map(|artifact| artifact.executable)
}

/// Measures one group of `program`'s.
pub(crate) fn figures(program: &Path, group: &str, quick: bool) -> Told {
    let mut command = Command::new(program);
    command.args(quick.then_some("--quick")).arg(group).stdin(Stdio::null());
    match command.output() {
        Err(error) => Told { measured: Vec::new(), failure: Some(format!("could not be started: {error}")) },
        Ok(output) => read(
            &String::from_utf8_lossy(&output.stdout),
            (!output.status.success()).then(|| reason(&String::from_utf8_lossy(&output.stderr))),
        ),
    }
}

/// A JSON line a figure; anything else is a failure.
fn read(lines: &str, mut failure: Option<String>) -> Told {
    let mut measured = Vec::new();
    for line in lines.lines() {
        match serde_json::from_str(line) {
            Ok(figure) => measured.push(figure),
            Err(error) => {
                failure.get_or_insert(format!("told something that is no figure: {error}"));
            }
        }
    }
    Told { measured, failure }
}

/// Why a program stopped, from its standard error: the first line that says so, or else its last one.
pub(crate) fn reason(text: &str) -> String {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let error = lines.clone().find(|line| line.starts_with("error") || line.contains("panicked at"));
    error.or(lines.next_back()).unwrap_or("failed without a word").to_owned()
}

/// Books what a group told under its listed figures. A figure that is not listed, or in another unit, is our own mistake.
pub(crate) fn settle(
    results: &mut Results,
    told: Told,
    listed: impl Iterator<Item = Figure>,
) -> Result<(), Error> {
    let mut measured = told.measured;
    for figure in listed {
        let found =
            measured.iter().position(|found| found.figure == figure.name && found.unit == figure.unit);
        let why = || told.failure.clone().unwrap_or_else(|| "not measured".to_owned());
        let result = found.map(|at| measured.swap_remove(at)).ok_or_else(why);
        results.insert(figure.name, result);
    }
    match measured.first() {
        None => Ok(()),
        Some(other) => {
            Err(Error::Figures(format!("the list of figures lacks `{}` in {}", other.figure, other.unit)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::figures::{Group, list};
    use super::*;

    const LINE: &str = r#"{"figure":"AES-128 block, fastest engine","value":0.75,"unit":"ns","runs":11,"low":0.7,"high":0.8}"#;

    #[test]
    fn a_group_that_stops_keeps_what_it_told_and_says_why() {
        let told = read(LINE, Some("the run's result is wrong".to_owned()));
        let ciphers = list().into_iter().filter(|figure| figure.group == Group::Ciphers);
        let mut results = Results::new();
        settle(&mut results, told, ciphers).unwrap();
        assert_eq!(results["AES-128 block, fastest engine"].as_ref().unwrap().value, 0.75);
        assert_eq!(
            results["AES-128 block, portable engine"].as_ref().unwrap_err(),
            "the run's result is wrong"
        );
    }

    #[test]
    fn other_words_and_other_figures_are_not_passed_over() {
        assert!(read("warming up", None).failure.unwrap().contains("no figure"));
        let wrong_unit = read(&LINE.replace("\"ns\"", "\"us\""), None);
        let ciphers = list().into_iter().filter(|figure| figure.group == Group::Ciphers);
        let message = settle(&mut Results::new(), wrong_unit, ciphers).unwrap_err().to_string();
        assert!(message.contains("`AES-128 block, fastest engine` in us"), "{message}");
    }

    #[test]
    fn cargo_names_the_program() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"protocols"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"figures"},"executable":"/target/figures-1"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executable(messages), Some("/target/figures-1".into()));
        assert_eq!(executable(""), None);
    }

    #[test]
    fn medians_of_odd_and_even_counts() {
        let odd = Measured::of("f", "s", vec![3.0, 1.0, 2.0]);
        assert_eq!((odd.value, odd.low, odd.high, odd.runs), (2.0, 1.0, 3.0, 3));
        assert_eq!(Measured::of("f", "s", vec![4.0, 1.0]).value, 2.5);
    }

    #[test]
    fn the_reason_is_the_line_that_says_error() {
        assert_eq!(
            reason("warming up\nerror: no such command\n\nFor more, try --help\n"),
            "error: no such command"
        );
        assert_eq!(
            reason("a\nfigures: the run's result is wrong \n\n"),
            "figures: the run's result is wrong"
        );
        assert_eq!(reason(""), "failed without a word");
    }
}
