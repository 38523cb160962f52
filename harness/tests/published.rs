//! Runs that are published in this repository are opened by the program that made them.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// Kept without rows, in the days before runs could be published with them: what their summary has is shown, and that is said.
const WITHOUT_ROWS: [&str; 1] = ["studies/cifar10-resnet20"];

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
        let linnet = |words: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_linnet"));
            let done = command.arg(words[0]).arg(&run).args(&words[1..]).output().unwrap();
            let said = String::from_utf8_lossy(&done.stderr).into_owned();
            (done.status.success(), said + &String::from_utf8_lossy(&done.stdout))
        };
        let name = run.strip_prefix(&results).unwrap().to_string_lossy().into_owned();
        if WITHOUT_ROWS.contains(&name.as_str()) {
            let (opened, said) = linnet(&["compare"]);
            assert!(opened && said.contains("raw.csv is not there: no layers"), "{name}: {said}");
            let (opened, said) = linnet(&["report", "--out", page.to_str().unwrap()]);
            assert!(opened && said.contains("raw.csv is not there"), "{name}: {said}");
            continue;
        }
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
