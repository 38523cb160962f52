//! `linnet project` against what the same cells really take over the links. One test, so that nothing runs beside it.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};

/// On each of them waiting outweighs computing, which a busy machine stretches.
const LINKS: [&str; 3] = ["rate=50MB/s,rtt=10ms", "rate=20MB/s,rtt=20ms", "wan"];

/// A machine that does something else for a moment makes a time longer; so often it does not.
const TRIES: usize = 5;

/// Largest difference of a prediction.
const WITHIN: f64 = 0.10;

fn linnet(folder: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_linnet")).current_dir(folder).args(words).output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs a small network over each link, `id`, and keeps so many transcripts.
fn measure(folder: &Path, id: &str, transcripts: &str) {
    if !folder.join("model").exists() {
        let made = linnet(folder, &["init", "--net", "mini", "--budget", "900", "--out", "model"]);
        assert!(made.status.success(), "{}", text(&made));
    }
    let mut words = vec!["sweep", "--models", "model", "--id", id, "--images", "5", "--accuracy-images", "5"];
    words.extend(["--calibration-images", "5", "--transcripts", transcripts]);
    LINKS.iter().for_each(|link| words.extend(["--link", link]));
    let run = linnet(folder, &words);
    assert!(run.status.success(), "{}", text(&run));
}

#[test]
fn projections_are_within_a_tenth_of_runs_on_three_links() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path();
    what_cannot_be_projected_is_refused(folder);
    let mut worst = f64::INFINITY;
    for attempt in 0..TRIES {
        let id = format!("run{attempt}");
        measure(folder, &id, "5");
        worst = worst.min(largest_difference(folder, &format!("runs/{id}")));
        if worst <= WITHIN {
            return;
        }
    }
    panic!("a prediction is off by {worst:.3}");
}

/// Largest relative difference between what is predicted from one link for another, or itself, and what was measured.
fn largest_difference(folder: &Path, run: &str) -> f64 {
    let loaded = results::load(&folder.join(run)).unwrap();
    let measured: BTreeMap<&str, [f64; 2]> = loaded
        .summary
        .iter()
        .map(|row| (row.link.as_str(), [row.offline_s_p50.unwrap(), row.online_s_p50.unwrap()]))
        .collect();
    let mut words = vec!["project", run, "--csv", "projected.csv"];
    LINKS.iter().for_each(|link| words.extend(["--link", link]));
    let projected = linnet(folder, &words);
    assert!(projected.status.success(), "{}", text(&projected));
    assert!(text(&projected).contains("projected, not measured"), "{}", text(&projected));
    let mut reader = csv::Reader::from_path(folder.join("projected.csv")).unwrap();
    let rows: Vec<BTreeMap<String, String>> = reader.deserialize().map(Result::unwrap).collect();
    assert_eq!(rows.len(), LINKS.len() * LINKS.len());
    let mut worst = 0.0f64;
    for row in &rows {
        assert_eq!((row["kind"].as_str(), row["transcripts"].as_str()), ("projected", "5"));
        let measured = measured[row["link"].as_str()];
        for (column, measured) in ["offline_s_p50", "online_s_p50"].into_iter().zip(measured) {
            let predicted: f64 = row[column].parse().unwrap();
            worst = worst.max((predicted / measured - 1.0).abs());
        }
    }
    worst
}

fn what_cannot_be_projected_is_refused(folder: &Path) {
    measure(folder, "bare", "0");
    for (words, expected) in [
        (vec!["project", "runs/bare"], "expected runs of cells with transcripts"),
        (vec!["project", "runs/bare", "--link", "loopback"], "expected a link with a rate"),
        (vec!["project", "runs/none"], "runs/none"),
    ] {
        let refused = linnet(folder, &words);
        assert!(!refused.status.success() && text(&refused).contains(expected), "{}", text(&refused));
    }
    // A run's folder holds no projections, and its tables none of their rows.
    let names: Vec<_> = std::fs::read_dir(folder.join("runs/bare"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().contains("project")), "{names:?}");
}
