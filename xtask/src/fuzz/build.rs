//! The test programs that hold fuzz targets, built for libFuzzer.
//!
//! Stable Rust can do that without a sanitizer: LLVM's coverage pass is asked for by name. What the sanitizers would find
//! is not in safe code; what they would cost is speed.

use super::target::Target;
use crate::run::Error;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Crates with targets.
const CRATES: [&str; 6] = ["netem", "models", "import", "protocols", "results", "harness"];

/// What `cargo bolero` sets too, without a sanitizer and without the stack's depth, which needs a nightly compiler.
const FLAGS: &str = "--cfg fuzzing --cfg fuzzing_libfuzzer -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

/// What cargo says about a file that it has made.
#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
    target: Option<Made>,
}

/// What the file is of.
#[derive(Deserialize)]
struct Made {
    name: String,
}

/// Every target, by name; those of one crate alone where `word` begins with it. `features` are cargo's, of those crates.
pub(super) fn targets(root: &Path, word: Option<&str>, features: Option<&str>) -> Result<Vec<Target>, Error> {
    let asked = word.and_then(|word| CRATES.iter().find(|name| word.split("::").next() == Some(name)));
    let mut found = Vec::new();
    for message in build(root, asked.map_or(&CRATES, std::slice::from_ref), features)? {
        let (Some(program), Some(made)) = (message.executable, message.target) else { continue };
        // The harness's program has the name of the command.
        let package = if made.name == "linnet" { "harness" } else { &made.name };
        let listed = output(Command::new(&program).args(["--list", "--format", "terse"]))?;
        let tests = listed.lines().filter_map(|line| line.strip_suffix(": test"));
        let targets = tests.filter(|test| test.split("::").any(|module| module == "fuzz"));
        found.extend(targets.map(|test| Target::new(package, test, &program)));
    }
    found.sort_by(|left: &Target, right| left.name.cmp(&right.name));
    Ok(found)
}

fn build(root: &Path, crates: &[&str], features: Option<&str>) -> Result<Vec<Message>, Error> {
    let about = output(Command::new("rustc").arg("-vV"))?;
    let host =
        about.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or("x86_64-unknown-linux-gnu");
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root).env("RUSTFLAGS", FLAGS).stderr(Stdio::inherit());
    cargo.args([
        "test",
        "--no-run",
        "--lib",
        "--bins",
        "--profile",
        "fuzz",
        "--target-dir",
        "target/fuzz/build",
    ]);
    // Named, so that what runs while it is built, such as macros, has no coverage.
    cargo.args(["--target", host, "--message-format", "json-render-diagnostics"]);
    cargo.args(crates.iter().flat_map(|name| ["--package", name]));
    cargo.args(features.iter().flat_map(|features| ["--features", features]));
    let lines = output(&mut cargo)?;
    Ok(lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// What a program prints.
pub(super) fn output(command: &mut Command) -> Result<String, Error> {
    let output = command.output().map_err(|error| Error::Start(command_line(command), error))?;
    if !output.status.success() {
        return Err(Error::Failed(command_line(command)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn command_line(command: &Command) -> String {
    let words = command.get_args().map(|word| word.to_string_lossy());
    words.fold(command.get_program().to_string_lossy().into_owned(), |line, word| format!("{line} {word}"))
}
