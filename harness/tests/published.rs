//! Runs that are published in this repository are opened by the program that made them.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// Folders below `folder` that hold a run.
fn runs(folder: &Path, found: &mut Vec<PathBuf>) {
    if folder.join("manifest.json").exists() {
        found.push(folder.to_owned());
    }
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() && entry.file_name() != "models" {
            runs(&entry.path(), found);
        }
    }
}

/// Whether a command opened the run, and what it said.
fn opened(run: &Path, words: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_linnet"));
    let done = command.arg(words[0]).arg(run).args(&words[1..]).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    (done.status.success(), said + &String::from_utf8_lossy(&done.stdout))
}

#[test]
fn published_runs_open() {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("results");
    let temp = tempfile::tempdir().unwrap();
    let mut found = Vec::new();
    for folder in ["demo", "studies"] {
        runs(&results.join(folder), &mut found);
    }
    assert!(found.len() >= 5, "{found:?}");
    let page = temp.path().join("page.html");
    for run in found {
        let linnet = |words: &[&str]| opened(&run, words);
        let name = run.strip_prefix(&results).unwrap().to_string_lossy().into_owned();
        for words in [&["compare", "--layers"][..], &["report", "--out", page.to_str().unwrap()]] {
            let (opened, said) = linnet(words);
            assert!(opened, "{name}: {words:?}: {said}");
        }
        assert!(std::fs::metadata(&page).unwrap().len() > 100_000, "{name}");
        if ["transcripts.csv", "transcripts.csv.zst"].iter().any(|table| run.join(table).exists()) {
            let (opened, said) = linnet(&["project", "--link", "wan"]);
            assert!(opened || said.contains("runs of cells with transcripts"), "{name}: {said}");
        }
    }
}

#[test]
fn a_run_without_rows_shows_its_summary_and_says_so() {
    let run = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("results/python/tests/older");
    let temp = tempfile::tempdir().unwrap();
    let page = temp.path().join("page.html");
    let linnet = |words: &[&str]| opened(&run, words);
    let (there, said) = linnet(&["compare"]);
    assert!(there && said.contains("raw.csv is not there: no layers"), "{said}");
    let (there, said) = linnet(&["report", "--out", page.to_str().unwrap()]);
    assert!(there && said.contains("raw.csv is not there"), "{said}");
}
