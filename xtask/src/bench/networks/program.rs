//! The program `linnet`, as it was built.

use crate::bench::measured::reason;
use std::path::{Path, PathBuf};
use std::process::Command;

/// `linnet WORDS PATHS`; returns what it prints.
pub(super) fn linnet(root: &Path, words: &str, paths: &[&Path]) -> Result<String, String> {
    let program: PathBuf = root.join("target/release/linnet");
    let mut command = Command::new(&program);
    let output = command.args(words.split_whitespace()).args(paths).current_dir(root).output();
    let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!("`linnet {words}`: {}", reason(&String::from_utf8_lossy(&output.stderr)))),
    }
}
