//! A server and its clients, for tests.

use results::Loaded;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// A folder with a small network in `model` and keys in `keys`.
pub(crate) struct Workshop(TempDir);

/// A server that ends with its test.
pub(crate) struct Serving(pub(crate) Child, pub(crate) String);

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Workshop {
    pub(crate) fn new() -> Self {
        let workshop = Self(tempfile::tempdir().unwrap());
        for words in
            [&["init", "--net", "mini", "--budget", "900", "--out", "model"][..], &["keys", "--out", "keys"]]
        {
            let done = workshop.linnet(words);
            assert!(done.status.success(), "{}", text(&done));
        }
        workshop
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// `linnet WORDS`, behind `before`.
    pub(crate) fn command(&self, before: &[String], words: &[&str]) -> Command {
        let all: Vec<String> = before
            .iter()
            .cloned()
            .chain([env!("CARGO_BIN_EXE_linnet").to_owned()])
            .chain(words.iter().map(|word| (*word).to_owned()))
            .collect();
        let mut command = Command::new(&all[0]);
        command.args(&all[1..]).current_dir(self.0.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn linnet(&self, words: &[&str]) -> Output {
        self.command(&[], words).output().unwrap()
    }

    /// A server that listens, and its address.
    pub(crate) fn serve(&self, before: &[String], listen: &str, words: &[&str]) -> Serving {
        let mut all = vec!["serve", "--model", "model", "--listen", listen, "--calibration-images", "5"];
        all.extend(words);
        let mut child = self.command(before, &all).stderr(Stdio::inherit()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.rsplit(' ').next().unwrap_or_default().trim().to_owned();
        assert!(line.starts_with("serving"), "{line}");
        Serving(child, address)
    }

    pub(crate) fn loaded(&self, id: &str) -> Loaded {
        results::load(&self.path("runs").join(id)).unwrap()
    }
}

pub(crate) fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
