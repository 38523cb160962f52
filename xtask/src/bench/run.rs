//! Runs the program that measures kernels and layers, and reads its output.

use super::figure::Figure;
use super::measured::{Results, Told, reason};
use crate::run::Error;
use crate::setup::{self, builds_seal};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Builds `protocols/benches/figures`, with SEAL where the machine can, showing cargo's progress; returns the program.
pub(crate) fn build_figures(root: &Path) -> Result<PathBuf, Error> {
    let features = if builds_seal() { " --features seal" } else { "" };
    build(root, &format!("--package protocols --bench figures{features}"), "figures")
}

/// Builds `models/train/benches/training`, with libtorch if it is not there yet; returns the program.
pub(crate) fn build_training(root: &Path) -> Result<PathBuf, Error> {
    setup::libtorch(root)?;
    build(root, "--package train --bench training", "training")
}

fn build(root: &Path, what: &str, name: &str) -> Result<PathBuf, Error> {
    let arguments = format!("bench {what} --no-run --message-format json");
    let line = format!("cargo {arguments}");
    let output = Command::new("cargo")
        .args(arguments.split_whitespace())
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| Error::Start(line.clone(), error))?;
    let program = executable(&String::from_utf8_lossy(&output.stdout), name);
    program.filter(|_| output.status.success()).ok_or(Error::Failed(line))
}

/// The program `name` in cargo's messages.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
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
    artifacts.filter(|artifact| artifact.target.name == name).find_map(|artifact| artifact.executable)
}

/// Measures one group of figures with `program`.
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

/// Enters a group's measurements under its listed figures. A figure that is not listed, or is in another unit, is our
/// own mistake.
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
    use super::super::figure::Group;
    use super::super::figures::list;
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
        assert_eq!(executable(messages, "figures"), Some("/target/figures-1".into()));
        assert_eq!(executable("", "figures"), None);
    }
}
