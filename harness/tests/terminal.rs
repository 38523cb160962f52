//! What is seen at a terminal: tables that fit, forms, limits and exit codes, and what is said to whoever stops a run.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod common;

use common::{lines, text, timeless};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A folder with a small network in `model`.
struct Workshop(TempDir);

impl Workshop {
    fn new() -> Self {
        let workshop = Self(tempfile::tempdir().unwrap());
        let done = workshop.linnet(&["init", "--net", "mini", "--budget", "300", "--out", "model"]);
        assert!(done.status.success(), "{}", text(&done));
        workshop
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_linnet"));
        command.current_dir(self.0.path()).args(words).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env_remove("COLUMNS");
        command
    }

    fn linnet(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// Both sizes of circuit over the loopback: two cells.
    fn sweep(&self, id: &str, images: &str) -> Command {
        self.command(&[
            "sweep",
            "--models",
            "model",
            "--relu",
            "narrow,sign",
            "--link",
            "loopback",
            "--accuracy-images",
            "5",
            "--calibration-images",
            "5",
            "--images",
            images,
            "--id",
            id,
        ])
    }

    /// What `linnet compare runs/run WORDS` prints, and how it ends.
    fn compare(&self, words: &[&str]) -> (String, Option<i32>) {
        let done = self.linnet(&[&["compare", "runs/run"], words].concat());
        (String::from_utf8(done.stdout).unwrap(), done.status.code())
    }
}

fn out(done: &Output) -> String {
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// A plan keeps to the terminal's width, and says what a narrow one has no room for.
#[test]
fn a_plan_fits_the_terminal() {
    let workshop = Workshop::new();
    let words = ["plan", "show", "--model", "model", "--relu", "auto", "--ot", "auto"];
    for columns in [80, 100, 200] {
        let mut show = workshop.command(&words);
        show.args(["--calibration-images", "5"]);
        let done = show.env("COLUMNS", columns.to_string()).output().unwrap();
        assert!(done.status.success(), "{}", text(&done));
        let plan = out(&done);
        assert!(plan.lines().all(|line| line.chars().count() <= columns), "{plan}");
        assert_eq!(plan.contains("no room for: kind, scale\n"), columns == 80, "{plan}");
        // Of the first convolution and of the first layer of units.
        for part in ["2+4 ciphertexts", "|x| < 2^", "noise proof", "another way at one layer"] {
            assert!(plan.contains(part), "no `{part}` in {plan}");
        }
    }
}

#[test]
fn tables_fit_and_have_the_form_that_is_asked_for() {
    let workshop = Workshop::new();
    let mut sweep = workshop.sweep("run", "6");
    let done = sweep.env("COLUMNS", "80").output().unwrap();
    assert!(done.status.success(), "{}", text(&done));
    let table = out(&done);
    let widest = table.lines().take_while(|line| !line.is_empty()).map(|line| line.chars().count()).max();
    assert!(widest.unwrap() <= 80, "{table}");
    assert!(table.contains("no room for: ") && table.contains("p50"), "{table}");

    let whole = workshop.linnet(&["compare", "runs/run"]);
    let narrow = workshop.command(&["compare", "runs/run"]).env("COLUMNS", "80").output().unwrap();
    assert!(out(&whole).lines().nth(2).unwrap().chars().count() > 100, "{}", out(&whole));
    assert!(out(&narrow).lines().take(5).all(|line| line.chars().count() <= 80), "{}", out(&narrow));

    let (shown, _) = workshop.compare(&["--columns", "relu,online_bytes", "--sort", "-relu"]);
    let words: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        (words[2].join(" ").as_str(), words[3][0], words[4][0]),
        ("relu online_bytes", "sign", "narrow")
    );
    let (shown, _) = workshop.compare(&["--format", "markdown"]);
    assert!(shown.contains("| online p50 (ms) |") && shown.contains("\n| --- |"), "{shown}");
    let (shown, _) = workshop.compare(&["--format", "latex", "--columns", "cell,relus"]);
    assert!(shown.contains("\\begin{tabular}{lr}") && shown.contains("random-init-300"), "{shown}");
    let (shown, _) = workshop.compare(&["--format", "csv", "--columns", "relu,n"]);
    assert_eq!(shown, "relu,n\nnarrow,6\nsign,6\n");
    // A file that is standard output has it to itself.
    let (csv, _) = workshop.compare(&["--csv", "-"]);
    let (same, _) = workshop.compare(&["--format", "csv"]);
    assert!(csv == same && csv.starts_with("run,cell,"), "{csv}");
    let (json, _) = workshop.compare(&["--json", "-"]);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&json).unwrap()["rows"].as_array().unwrap().len(),
        2
    );
    let (_, code) = workshop.compare(&["--json", "-", "--csv", "-"]);
    assert_eq!(code, Some(1));

    // Limits.
    let bytes = "online_bytes > 1";
    assert_eq!(workshop.compare(&["--fail-if", "online_bytes > 9"]).1, Some(0));
    assert_eq!(workshop.compare(&["--fail-if", bytes]).1, Some(0), "sign has a label fewer");
    assert_eq!(workshop.compare(&["--baseline", "sign", "--fail-if", bytes]).1, Some(3));
    let told = ["--baseline", "sign", "--fail-if", bytes, "--fail-if", "online_rounds > 1"];
    let said = text(&workshop.linnet(&[&["compare", "runs/run"][..], &told].concat()));
    assert!(said.contains("mini-random-init-300-narrow-loopback: online_bytes > 1: found "), "{said}");
    assert!(
        text(&workshop.linnet(&["compare", "runs/run", "--fail-if", "online > 1"])).contains("--fail-if")
    );
}

#[test]
fn whoever_stops_a_run_is_told_how_it_goes_on() {
    let workshop = Workshop::new();
    let mut sweep = workshop.sweep("stopped", "80").spawn().unwrap();
    let saved = workshop.path("runs/stopped/inferences.csv");
    let start = Instant::now();
    while lines(&saved) <= 3 {
        assert!(start.elapsed() < Duration::from_secs(60), "the sweep did not get to its third row");
        std::thread::yield_now();
    }
    let interrupt = Command::new("kill").args(["-INT", &sweep.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    let code = sweep.wait().unwrap().code();
    let done = sweep.wait_with_output().unwrap();
    assert_eq!(code, Some(130), "{}", text(&done));
    assert!(text(&done).contains("stopped; `linnet sweep --resume runs/stopped` goes on"), "{}", text(&done));
    let compared = workshop.linnet(&["compare", "runs/stopped"]);
    let said = "found one that was stopped; `linnet sweep --resume runs/stopped` goes on with it";
    assert!(text(&compared).contains(said) && compared.status.code() == Some(1), "{}", text(&compared));

    // As it was told.
    let resumed = workshop.linnet(&["sweep", "--resume", "runs/stopped"]);
    assert!(resumed.status.success(), "{}", text(&resumed));
    assert!(workshop.sweep("whole", "80").output().unwrap().status.success());
    let of = |run: &str| timeless(&results::load(&workshop.path(run)).unwrap());
    assert!(of("runs/stopped") == of("runs/whole"));
}

#[test]
fn wrong_options_end_with_two_and_errors_with_one() {
    let workshop = Workshop::new();
    let code = |words: &[&str]| workshop.linnet(words).status.code();
    assert_eq!(code(&["compare", "--colour"]), Some(2));
    assert_eq!(code(&["compare", "nowhere"]), Some(1));
    let trainer = PathBuf::from(env!("CARGO_BIN_EXE_linnet")).with_file_name("linnet-train");
    if trainer.exists() {
        assert_eq!(code(&["train", "--colour"]), Some(2));
        assert_eq!(code(&["linearize", "--from", "nowhere", "--budget", "5", "--out", "x"]), Some(1));
    } else {
        eprintln!("skipped: no linnet-train beside this test's linnet");
    }
}

/// Before any image is classified.
#[test]
fn where_no_network_can_be_written_is_told_at_once() {
    let workshop = Workshop::new();
    std::fs::write(workshop.path("file"), "").unwrap();
    let weights = "model/model.safetensors";
    for words in [
        &["import", weights, "--net", "mini", "--data", "shapes", "--out", "file/net"][..],
        &["init", "--net", "mini", "--out", "file/net"],
        &["run", "--model", "model", "--link", "loopback", "--out", "file/runs"],
    ] {
        let refused = workshop.linnet(words);
        let said = text(&refused);
        assert!(
            !refused.status.success() && said.contains("cannot write file/.linnet-"),
            "{words:?}: {said}"
        );
        assert!(!said.contains("classified") && !said.contains("compiling"), "{words:?}: {said}");
    }
}

#[test]
fn networks_for_published_sizes_need_no_files() {
    let workshop = Workshop::new();
    let done = workshop.linnet(&["init", "--net", "mini", "--data", "cifar10", "--out", "of-cifar"]);
    let said = text(&done);
    assert!(done.status.success() && said.contains("random pixels of cifar10's size stand in"), "{said}");
    let listed = workshop.linnet(&["models", "of-cifar"]);
    assert!(text(&listed).contains("noise:3x32x32:10"), "{}", text(&listed));
}
