//! Scenarios whose preprocessed inferences go through a pool on disk.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use results::{CellStatus, ItemRow, Loaded, QueryRow, ScenarioRow};
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A folder with a small network in `model`.
struct Workshop(TempDir);

impl Workshop {
    fn new() -> Self {
        let workshop = Self(tempfile::tempdir().unwrap());
        let made = workshop.linnet(&["init", "--net", "mini", "--budget", "900", "--out", "model"]);
        assert!(made.status.success(), "{}", text(&made));
        workshop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn linnet(&self, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_linnet")).current_dir(self.0.path()).args(words).output().unwrap()
    }

    fn run(&self, words: &[&str]) -> Output {
        let mut all = vec!["run", "--model", "model", "--id", "run", "--calibration-images", "5"];
        all.extend(["--accuracy-images", "5", "--warmups", "1"]);
        all.extend(words);
        self.linnet(&all)
    }

    fn loaded(&self) -> Loaded {
        results::load(&self.path("runs/run")).unwrap()
    }

    fn table<T: DeserializeOwned>(&self, name: &str) -> Vec<T> {
        read(&self.path("runs/run").join(name))
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Vec<T> {
    csv::Reader::from_path(path).unwrap().deserialize().map(Result::unwrap).collect()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_server_whose_queries_come_too_fast_runs_dry_and_says_so() {
    let workshop = Workshop::new();
    // One inference in the pool: at 500 queries a second the next is asked for before it can be made.
    let words = ["--scenario", "server", "--rate", "4,20,500", "--pool", "1", "--refillers", "2"];
    let output =
        workshop.run(&[&words[..], &["--images", "12", "--link", "lan", "--p90-bound", "5"]].concat());
    assert!(output.status.success(), "{}", text(&output));
    assert!(
        text(&output).contains(
            "p90 of response times within 5 s is not known: it needs 44 queries a rate, and there were 12"
        ),
        "{}",
        text(&output)
    );

    // Every query is verified, and its bytes are those that the plan and its request predict.
    let run = workshop.loaded();
    assert_eq!(run.summary.len(), 3);
    for (row, cell) in run.summary.iter().zip(&run.tables.cells) {
        assert_eq!((row.status, row.n, row.verified), (CellStatus::Ok, 12, 12));
        assert_eq!(cell.scenario.as_deref(), Some("server"));
        let cell = run.tables.cells.iter().find(|cell| cell.cell == row.cell).unwrap();
        assert_eq!(row.online_up_bytes, cell.predicted_online_up_bytes);
        assert_eq!(row.online_rounds, cell.predicted_online_rounds);
        assert_eq!(row.offline_up_bytes, cell.predicted_offline_up_bytes);
        assert_eq!(row.offline_rounds, cell.predicted_offline_rounds);
    }

    let (queries, items): (Vec<QueryRow>, Vec<ItemRow>) =
        (workshop.table("queries.csv"), workshop.table("items.csv"));
    let scenarios: Vec<ScenarioRow> = workshop.table("scenarios.csv");
    assert_eq!((queries.len(), scenarios.len()), (36, 3));
    let used: BTreeSet<&str> = queries.iter().map(|row| row.item.as_str()).collect();
    assert_eq!(used.len(), queries.len(), "no item is used twice");
    for query in &queries {
        let item = items.iter().find(|item| item.item == query.item).unwrap();
        assert_eq!(item.query, Some(query.query));
        assert!(item.done_ns <= query.supplied_ns as i64, "used before it was made");
    }
    assert!(items.iter().any(|item| item.connection == 2) && items.iter().any(|item| item.done_ns < 0));

    let at = |rate: f64| scenarios.iter().find(|row| row.rate_per_s == Some(rate)).unwrap();
    let (slow, fast) = (at(4.0), at(500.0));
    assert!(fast.dry > 0 && fast.exhausted_s.is_some() && fast.pool_level_min == Some(0), "{fast:?}");
    assert!(fast.response_s_p50 > slow.response_s_p50, "{slow:?} {fast:?}");
    assert!(fast.response_s_p90.is_none() && fast.made_per_s.is_some());
    let picture = std::fs::read_to_string(workshop.path("runs/run/pool.svg")).unwrap();
    assert!(picture.contains(&format!("{} of 12 queries found none", fast.dry)), "{picture}");
    let left: Vec<_> =
        std::fs::read_dir(workshop.path("runs")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["run"], "pools are gone");
}

#[test]
fn a_batch_tells_the_throughput_of_either_phase() {
    let workshop = Workshop::new();
    let output = workshop.run(&["--scenario", "offline-batch", "--images", "6", "--refillers", "2"]);
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!((workshop.loaded().summary[0].n, workshop.loaded().summary[0].verified), (6, 6));
    let row: ScenarioRow = workshop.table("scenarios.csv").remove(0);
    assert_eq!((row.n, row.dry, row.pool, row.response_s_p50), (6, 0, 6, None));
    assert!(row.served_per_s.unwrap() > 0.0 && row.made_per_s.unwrap() > 0.0, "{row:?}");
    let queries: Vec<QueryRow> = workshop.table("queries.csv");
    let levels: Vec<u64> = queries.iter().map(|row| row.pool_level).collect();
    assert_eq!(levels, [6, 5, 4, 3, 2, 1]);
}

/// One party has a preprocessed inference that the other has lost: no answer is made up, and nobody waits.
#[test]
fn an_item_that_one_party_has_alone_fails_the_run() {
    let workshop = Workshop::new();
    let words = ["--scenario", "offline-batch", "--images", "6", "--link", "rate=100MB/s,rtt=100ms"];
    let pools = workshop.path("pools");
    let (output, took) = thread::scope(|scope| {
        let running = scope.spawn(|| workshop.run(&[&words[..], &["--store-dir", "pools"]].concat()));
        loop {
            assert!(!running.is_finished(), "no item was ever seen");
            let is_item = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "item");
            let of_server = |path: &PathBuf| path.parent().unwrap().ends_with("server");
            // One that was seen may have been taken by now.
            let mut items = files(&pools).into_iter().filter(|path| is_item(path) && of_server(path));
            if items.any(|item| std::fs::remove_file(item).is_ok()) {
                break;
            }
            thread::sleep(Duration::from_millis(5));
        }
        let began = Instant::now();
        (running.join().unwrap(), began.elapsed())
    });
    let told = text(&output);
    assert!(!output.status.success() && told.contains("server: store: claiming"), "{told}");
    assert!(took < Duration::from_secs(20), "it took {took:?}");
    let run = workshop.loaded();
    assert!(run.summary[0].status != CellStatus::Ok, "{:?}", run.summary[0]);
    assert!(files(&pools).is_empty(), "nothing of the pools is left");
}

/// Every file in and below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn options_that_make_no_sense_together_are_refused() {
    let workshop = Workshop::new();
    for (words, expected) in [
        (&["--scenario", "server"][..], "--rate: expected queries a second"),
        (&["--rate", "2"], "--rate: expected --scenario server beside it"),
        (&["--scenario", "offline-batch", "--pin", "0,1"], "--pin: expected --scenario single-stream"),
        (&["--scenario", "offline-batch", "--refillers", "0"], "--refillers: expected at least 1"),
    ] {
        let refused = workshop.run(words);
        assert!(!refused.status.success() && text(&refused).contains(expected), "{}", text(&refused));
    }
    assert!(!workshop.path("runs/run").exists());
}
