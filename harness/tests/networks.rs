//! `linnet models` from the command line.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::path::Path;
use std::process::{Command, Output};

fn linnet(folder: &Path, words: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_linnet"));
    command.current_dir(folder).args(words.split_whitespace()).output().unwrap()
}

#[test]
fn networks_are_found_however_deep_and_told_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for budget in ["500", "2000"] {
        let out = format!("init --net mini --budget {budget} --out study/models/mini/x/b{budget}");
        assert!(linnet(folder, &out).status.success());
    }
    assert!(linnet(folder, "init --net mini --out study/models/mini/ar").status.success());
    // What a training that was stopped leaves is no network.
    std::fs::create_dir(folder.join("study/models/mini/begun")).unwrap();

    let output = linnet(folder, "models study --csv networks.csv");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("3 networks") && text.contains("9,216"), "{text}");
    let table = std::fs::read_to_string(folder.join("networks.csv")).unwrap();
    let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let found: Vec<(&str, &str, &str)> = rows.iter().map(|row| (row[0], row[4], row[5])).collect();
    let expected = [
        ("study/models/mini/ar", "", "9216"),
        ("study/models/mini/x/b2000", "2000", "2000"),
        ("study/models/mini/x/b500", "500", "500"),
    ];
    assert_eq!(found, expected);
    assert!(rows.iter().all(|row| row[9].len() == 64 && row[6].is_empty()), "{table}");
}

#[test]
fn a_folder_without_networks_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    for (asked, told) in [("empty", "without any"), ("absent", "reading absent")] {
        let output = linnet(folder.path(), &format!("models {asked}"));
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains(told), "{error}");
        assert!(output.stdout.is_empty());
    }
}
