//! `linnet sweep` over several models, variants and links: order, shares, failures, and stops at any moment.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod common;

use common::{lines, text, timeless};
use models::checkpoint::Checkpoint;
use results::{AccuracyRow, CellStatus, Loaded};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A folder with two small networks, `models/a` and `models/b`.
struct Workshop(TempDir);

impl Workshop {
    fn new() -> Self {
        let workshop = Self(tempfile::tempdir().unwrap());
        for (name, budget) in [("a", "300"), ("b", "100")] {
            let out = format!("models/{name}");
            let done = workshop.linnet(&["init", "--net", "mini", "--budget", budget, "--out", &out]);
            assert!(done.status.success(), "{}", text(&done));
        }
        workshop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_linnet"));
        command.current_dir(self.0.path()).args(words).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn linnet(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Both networks, both sizes of circuit, over two links: eight cells of three inferences.
    fn sweep(&self, id: &str, words: &[&str]) -> Command {
        let mut command = self.command(&["sweep", "--models", "models", "--relu", "narrow,sign", "--id", id]);
        command.args(["--link", "loopback", "--link", "lan", "--accuracy-images", "5"]);
        if !words.contains(&"--images") {
            command.args(["--images", "2"]);
        }
        command.args(["--calibration-images", "5"]).args(words);
        command
    }

    fn loaded(&self, id: &str) -> Loaded {
        results::load(&self.path("runs").join(id)).unwrap()
    }
}

#[test]
fn a_sweep_killed_twice_has_the_rows_of_one_that_was_not() {
    let workshop = Workshop::new();
    let done = workshop.sweep("whole", &[]).output().unwrap();
    assert!(done.status.success(), "{}", text(&done));
    let whole = workshop.loaded("whole");
    assert_eq!((whole.tables.cells.len(), whole.tables.inferences.len()), (8, 24));
    let ran: Vec<&str> = whole.tables.cells.iter().map(|row| row.cell.as_str()).collect();
    let listed: Vec<&str> = whole.summary.iter().map(|row| row.cell.as_str()).collect();
    assert_eq!(listed, whole.manifest.cells, "the summary is in the order of what was asked for");
    assert_ne!(ran, listed, "cells ran in another order");
    assert!(listed.contains(&"mini-random-init-300-sign-lan"), "{listed:?}");

    let saved = workshop.path("runs/stopped/inferences.csv");
    for (attempt, rows) in [4, 13].into_iter().enumerate() {
        let mut command = match attempt {
            0 => workshop.sweep("stopped", &[]),
            _ => workshop.command(&["sweep", "--resume", "stopped"]),
        };
        let mut sweep = command.spawn().unwrap();
        let start = Instant::now();
        while lines(&saved) <= rows {
            assert!(start.elapsed() < Duration::from_secs(60), "the sweep did not get to {rows} rows");
            std::thread::yield_now();
        }
        sweep.kill().unwrap();
        sweep.wait().unwrap();
        assert!(results::load(&workshop.path("runs/stopped")).is_err(), "it was stopped before its end");
    }
    let resumed = workshop.linnet(&["sweep", "--resume", "stopped"]);
    assert!(resumed.status.success(), "{}", text(&resumed));
    let kept = ["4 of 8 cells are done", "5 of 8 cells are done"];
    assert!(kept.iter().any(|said| text(&resumed).contains(said)), "{}", text(&resumed));
    let stopped = workshop.loaded("stopped");
    assert_eq!(stopped.manifest.resumed.len(), 2);
    assert_eq!(timeless(&stopped), timeless(&whole));
    assert_eq!(whole.tables.accuracy.len(), 2 * 5, "cells of a network share their classes of test images");
    assert_eq!(classes(&stopped), classes(&whole));
    let ran_then: Vec<&str> = stopped.tables.cells.iter().map(|row| row.cell.as_str()).collect();
    assert_eq!(ran_then, ran, "the order is the seed's");

    let again = workshop.linnet(&["sweep", "--resume", "runs/stopped"]);
    assert!(again.status.success() && text(&again).contains("8 of 8 cells are done"), "{}", text(&again));
    assert_eq!(workshop.loaded("stopped").tables.inferences, stopped.tables.inferences);
    let report = workshop.linnet(&["report", "runs/whole", "runs/stopped", "--out", "report.html"]);
    assert!(report.status.success(), "{}", text(&report));
    assert!(
        std::fs::read_to_string(workshop.path("report.html"))
            .unwrap()
            .contains("mini-random-init-300-sign-lan")
    );
    let exists = workshop.sweep("whole", &[]).output().unwrap();
    assert!(!exists.status.success() && text(&exists).contains("--resume"), "{}", text(&exists));
}

/// Of every test image and network; under which cell they stand depends on where a run was stopped.
fn classes(run: &Loaded) -> Vec<(u64, u32, u32, u32)> {
    let row = |row: &AccuracyRow| (row.image, row.label, row.class_float, row.class_fixed);
    let mut classes: Vec<_> = run.tables.accuracy.iter().map(row).collect();
    classes.sort_unstable();
    classes
}

#[test]
fn shares_are_together_the_whole() {
    let workshop = Workshop::new();
    let mut together = BTreeSet::new();
    for share in 1..=3 {
        let id = format!("share{share}");
        let done = workshop.sweep(&id, &["--shard", &format!("{share}/3")]).output().unwrap();
        assert!(done.status.success(), "{}", text(&done));
        let run = workshop.loaded(&id);
        assert_eq!(run.manifest.shard.as_ref().map(|shard| (shard.share, shard.of)), Some((share, 3)));
        assert_eq!(run.tables.cells.len(), run.manifest.cells.len());
        for cell in run.tables.cells {
            assert!(together.insert(cell.cell.clone()), "{} twice", cell.cell);
        }
    }
    assert_eq!(together.len(), 8);
    let done = workshop.sweep("whole", &[]).output().unwrap();
    assert!(done.status.success(), "{}", text(&done));
    let shares = ["runs/share3", "runs/share1", "runs/share2"];
    let few = workshop.linnet(&[&["merge"], &shares[..2], &["--out", "runs/few"]].concat());
    assert!(text(&few).contains("shares: expected all of 3, found none of 2"), "{}", text(&few));
    let twice = workshop.linnet(&["merge", shares[0], shares[1], shares[0], "--out", "runs/few"]);
    assert!(text(&twice).contains("cells: expected no cell of runs/share3, found mini"), "{}", text(&twice));
    let merged = workshop.linnet(&[&["merge"], &shares[..], &["--out", "runs/merged"]].concat());
    assert!(merged.status.success(), "{}", text(&merged));
    let (merged, whole) = (workshop.loaded("merged"), workshop.loaded("whole"));
    assert_eq!(timeless(&merged), timeless(&whole));
    let order = |run: &Loaded| run.summary.iter().map(|row| row.cell.clone()).collect::<Vec<_>>();
    assert_eq!(order(&merged), order(&whole));
    assert_eq!(merged.manifest.models.len(), 4);
    assert!(merged.manifest.models.iter().all(|model| whole.manifest.models.contains(model)));
    assert!(!workshop.path("runs/few").exists(), "what is refused leaves nothing behind");
    let part = workshop.sweep("part", &["--only", "00-sign"]).output().unwrap();
    assert!(text(&part).contains("--only: expected a whole value, such as model=mini"), "{}", text(&part));
    let only = workshop.sweep("only", &["--only", "budget=100,sign"]).output().unwrap();
    assert!(only.status.success(), "{}", text(&only));
    let said = "2 of 8 cells: mini-random-init-100-sign-loopback, mini-random-init-100-sign-lan";
    assert!(text(&only).contains(said), "{}", text(&only));
    let cells: Vec<String> = workshop.loaded("only").summary.into_iter().map(|row| row.cell).collect();
    assert_eq!(cells, ["mini-random-init-100-sign-loopback", "mini-random-init-100-sign-lan"]);
}

/// What is published opens as the run does, less what nobody reads it for, and is added to by nobody.
#[test]
fn a_published_run_opens_as_the_run_itself() {
    let workshop = Workshop::new();
    let done = workshop.sweep("run", &["--only", "budget=300,lan", "--images", "6"]).output().unwrap();
    assert!(done.status.success(), "{}", text(&done));
    let published = workshop.linnet(&["publish", "runs/run", "--out", "public/run"]);
    assert!(published.status.success() && text(&published).contains("raw.csv.zst"), "{}", text(&published));
    let size = |path: &str| std::fs::metadata(workshop.path(path)).unwrap().len();
    assert!(2 * size("public/run/raw.csv.zst") < size("runs/run/raw.csv"));
    assert!(!workshop.path("public/run/raw.csv").exists());
    assert!(results::load(&workshop.path("public/run")).unwrap() == workshop.loaded("run"));
    for words in
        [&["compare", "--layers"][..], &["project", "--link", "mobile"], &["report", "--out", "page.html"]]
    {
        let of = |run: &str| {
            let done = workshop.linnet(&[&words[..1], &[run], &words[1..]].concat());
            assert!(done.status.success(), "{}", text(&done));
            (text(&done), std::fs::read(workshop.path("page.html")).ok())
        };
        assert!(of("runs/run") == of("public/run"), "{words:?}");
    }
    let resumed = workshop.linnet(&["sweep", "--resume", "public/run"]);
    let said = "expected a run as it was made, found a published one";
    assert!(!resumed.status.success() && text(&resumed).contains(said), "{}", text(&resumed));
    let again = workshop.linnet(&["publish", "runs/run", "--out", "public/run"]);
    assert!(text(&again).contains("expected no such folder yet"), "{}", text(&again));
}

#[test]
fn repeats_of_interleaved_cells_alternate() {
    let workshop = Workshop::new();
    let words = ["--interleave", "relu", "--only", "loopback", "--images", "6"];
    let done = workshop.sweep("run", &words).output().unwrap();
    assert!(done.status.success(), "{}", text(&done));
    let run = workshop.loaded("run");
    assert_eq!((run.tables.cells.len(), run.tables.inferences.len()), (4, 28));
    let mut firsts = BTreeSet::new();
    for pair in run.tables.inferences.chunks(2) {
        let of = |row: &results::InferenceRow| (row.repeat, row.warmup, row.cell.replace("narrow", "sign"));
        assert_eq!(of(&pair[0]), of(&pair[1]));
        assert_ne!(pair[0].cell, pair[1].cell);
        firsts.insert(pair[0].cell.clone());
    }
    assert_eq!(firsts.len(), 4, "each comes first at times");
    let compared = workshop.linnet(&["compare", "runs/run", "--by", "relu", "--json", "c.json"]);
    assert!(text(&compared).contains("x*"), "{}", text(&compared));
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(workshop.path("c.json")).unwrap()).unwrap();
    let paired: Vec<bool> =
        json["rows"].as_array().unwrap().iter().map(|row| row["paired"].as_bool().unwrap()).collect();
    assert_eq!(paired, [false, true, false, true]);
    assert!(json["rows"][1]["online_ratio_low"].as_f64().unwrap() > 0.0);
    let refused = workshop.sweep("other", &["--interleave", "run"]).output().unwrap();
    assert!(
        text(&refused).contains("--interleave: expected what cells of one run differ in"),
        "{}",
        text(&refused)
    );
}

#[test]
fn a_cell_that_fails_is_a_row_and_the_rest_goes_on() {
    let workshop = Workshop::new();
    let mut huge = Checkpoint::load(&workshop.path("models/a")).unwrap();
    huge.meta.method = "huge".into();
    for (name, tensor) in &mut huge.parameters {
        if name.ends_with("weight") {
            let data = tensor.data().iter().map(|value| value * 1e6).collect();
            *tensor = models::tensor::Tensor::new(tensor.shape().to_vec(), data).unwrap();
        }
    }
    huge.save(&workshop.path("models/huge")).unwrap();
    let done =
        workshop.sweep("run", &["--fa", "6", "--fw", "8", "--only", "narrow,loopback"]).output().unwrap();
    assert!(!done.status.success(), "what failed shows in the exit status");
    let run = workshop.loaded("run");
    let (failed, others): (Vec<_>, Vec<_>) = run.summary.iter().partition(|row| row.method == "huge");
    let ends: Vec<_> = others.iter().map(|row| (row.n, row.status)).collect();
    assert_eq!(ends, [(2, CellStatus::Ok); 2]);
    let failed = failed[0];
    assert_eq!((failed.n, failed.status), (0, CellStatus::Failed));
    assert!(failed.error.as_ref().unwrap().contains("node `"), "{:?}", failed.error);
    assert!(run.manifest.models.iter().any(|model| model.method == "huge" && model.plan_digest.is_none()));

    // Once the model is mended, the run refuses it, for it is another one.
    let mut mended = Checkpoint::load(&workshop.path("models/a")).unwrap();
    mended.meta.method = "huge".into();
    std::fs::remove_dir_all(workshop.path("models/huge")).unwrap();
    mended.save(&workshop.path("models/huge")).unwrap();
    let resumed = workshop.linnet(&["sweep", "--resume", "run"]);
    assert!(text(&resumed).contains("expected the network mini huge"), "{}", text(&resumed));
}

#[test]
fn a_run_is_resumed_by_what_it_was_begun_with() {
    let workshop = Workshop::new();
    let done = workshop.sweep("run", &["--only", "mini-random-init-100-sign-loopback"]).output().unwrap();
    assert!(done.status.success(), "{}", text(&done));
    let file = r#"
        links = ["loopback", "lan"]
        [[models]]
        checkpoint = "models/a"
        [measure]
        images = 3
        [compile]
        relu = ["narrow", "sign"]
    "#;
    std::fs::write(workshop.path("e.toml"), file).unwrap();
    for (words, said) in [
        (
            &["sweep", "e.toml", "--resume", "run"][..],
            "--resume: expected accuracy_images = 5, as in runs/run",
        ),
        (&["sweep", "--resume", "none"], "runs/none"),
        (&["sweep", "--resume", "run", "--shard", "1/2"], "cannot be used with"),
        (&["sweep"], "required arguments were not provided"),
    ] {
        let refused = workshop.linnet(words);
        assert!(!refused.status.success() && text(&refused).contains(said), "{}", text(&refused));
    }
}
