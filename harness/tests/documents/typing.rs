//! A reader who types a document's commands, one after another.

use crate::documented::Documented;
use crate::promises::{self, Runs};
use crate::shorter::shorter;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

/// What needs the program that trains.
const TRAINING: [&str; 3] = ["train", "linearize", "shapley"];

/// A study that trains.
const TRAINED: &str = "studies/shapes.toml";

/// The repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("")
}

/// Does `linnet WORDS` for what comes later.
pub(crate) fn linnet(folder: &Path, words: &str) {
    let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
    let done = command(folder, &words).output().unwrap();
    assert!(done.status.success(), "linnet {}: {}", words.join(" "), text(&done));
}

/// All that a program said.
pub(crate) fn text(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat()
}

/// Types commands in `folder`, each as it stands but for what makes it take seconds, and looks at what came of it. Where the
/// program that trains is not there, ends before the first that needs it; how many were typed.
pub(crate) fn type_all(folder: &Path, commands: &[&Documented]) -> usize {
    let mut serving: Option<Serving> = None;
    for (typed, Documented { file, words, .. }) in commands.iter().enumerate() {
        let trains = TRAINING.contains(&&*words[1]) || words.iter().any(|word| word == TRAINED);
        if trains && !Path::new(env!("CARGO_BIN_EXE_linnet")).with_file_name("linnet-train").exists() {
            println!("skipped from `{}` on: linnet-train is not built", words.join(" "));
            return typed;
        }
        let shorter = shorter(words, serving.as_ref().map(|serving| &*serving.address));
        if words[1] == "serve" {
            serving = Some(Serving::begin(folder, &shorter[1..]));
            continue;
        }
        let (before, began) = (Runs::of(folder), Instant::now());
        let done = command(folder, &shorter[1..]).output().unwrap();
        let took = began.elapsed();
        let told = format!("{}: {}\n{}", file.display(), shorter.join(" "), text(&done));
        let expected = promises::statuses(&shorter, folder);
        assert!(done.status.code().is_some_and(|code| expected.contains(&code)), "{told}");
        promises::look(&shorter, folder, &before, &done);
        println!("{:.1} s: {}", took.as_secs_f64(), shorter.join(" "));
    }
    commands.len()
}

fn command(folder: &Path, words: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_linnet"));
    command.current_dir(folder).args(words).stdin(Stdio::null());
    command
}

/// A server that ends with its document.
struct Serving {
    child: Child,
    address: String,
}

impl Serving {
    fn begin(folder: &Path, words: &[String]) -> Self {
        let mut child = command(folder, words).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.rsplit(' ').next().unwrap_or_default().trim().to_owned();
        let serving = Self { child, address };
        assert!(line.starts_with("serving"), "{line}");
        serving
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
