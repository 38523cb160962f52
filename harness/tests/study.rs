//! `linnet sweep FILE`: from one file to trained, linearized and measured networks.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use results::InferenceStatus;
use std::path::Path;
use std::process::{Command, Output};

const STUDY: &str = r#"
question = "Does a study run from end to end?"
links = ["loopback"]

[[models]]
net = "mini"
data = "shapes"
epochs = 1
limit = 300
threads = 1

[linearize]
methods = ["random", "snl"]
budgets = [1000, "5%"]
pr-epochs = 1
ft-epochs = 1
chain = true
chain-epochs = 1
limit = 100
threads = 1

[measure]
images = 30
accuracy-images = 20

[compile]
fa = 6
fw = 7
calibration-images = 20

[quick.measure]
images = 1

[quick.linearize]
chain = false

[[linearize.objectives]]
objective = "online@wan"
methods = ["snl"]
budgets = ["300ms"]

[[linearize.objectives]]
objective = "relus"
methods = ["random"]
budgets = ["5%"]
seeds = [7, 8]
"#;

fn sweep(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_linnet"));
    command.current_dir(folder).args(["sweep", "study.toml"]).args(words).output().unwrap()
}

#[test]
fn one_file_trains_linearizes_and_measures() {
    if !Path::new(env!("CARGO_BIN_EXE_linnet")).with_file_name("linnet-train").exists() {
        println!("skipped: linnet-train is not built (cargo build --package train)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("study.toml"), STUDY).unwrap();
    let done = sweep(folder.path(), &["--quick", "--id", "first"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let found = results::load(&folder.path().join("runs/first")).unwrap();
    let cells: Vec<(&str, u64)> = found.summary.iter().map(|row| (row.method.as_str(), row.relus)).collect();
    let (by_count, by_time) = cells.split_at(5);
    assert_eq!(by_count, [("ar", 9216), ("random", 1000), ("random", 461), ("snl", 1000), ("snl", 461)]);
    let random = [("random-seed7", 461), ("random-seed8", 461)];
    assert!(matches!(by_time, [("snl-online@wan", 1..9216), seeds @ ..] if seeds == random), "{by_time:?}");
    assert!(
        found.tables.inferences.iter().all(|row| row.status == InferenceStatus::Ok),
        "one image a cell, verified"
    );
    assert_eq!(found.tables.inferences.iter().filter(|row| !row.warmup).count(), 8);

    let again = sweep(folder.path(), &["--quick", "--id", "second"]);
    let said = String::from_utf8_lossy(&again.stderr).into_owned() + &String::from_utf8_lossy(&again.stdout);
    assert!(again.status.success() && said.contains("is trained already"), "{said}");
    assert!(said.contains("is linearized already"), "{said}");

    // One after another they are the same, to the byte.
    let alone = tempfile::tempdir().unwrap();
    let study = STUDY.replace("[linearize]\n", "[linearize]\njobs = 1\n");
    std::fs::write(alone.path().join("study.toml"), study).unwrap();
    let done = sweep(alone.path(), &["--quick", "--id", "first", "--only", "ar"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    for network in ["ar", "random/b1000", "snl/b461", "snl-online@wan/300ms", "random-seed8/b461"] {
        for file in ["model.json", "model.safetensors"] {
            let of = |folder: &Path| {
                std::fs::read(folder.join("runs/study-quick/models/mini").join(network).join(file)).unwrap()
            };
            assert!(of(folder.path()) == of(alone.path()), "{network}/{file} differs");
        }
    }
}

#[test]
fn a_run_that_is_there_already_is_told_before_anything_is_trained() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("study.toml"), STUDY.replace("\"snl\"", "\"random\"")).unwrap();
    std::fs::create_dir_all(folder.path().join("runs/first")).unwrap();
    let refused = sweep(folder.path(), &["--id", "first"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("runs/first"), "{said}");
    assert_eq!(std::fs::read_dir(folder.path().join("runs")).unwrap().count(), 1, "{said}");
}

/// Networks of random weights and masks are made once, and measured at every budget.
#[test]
fn networks_that_are_only_timed_are_not_trained() {
    let folder = tempfile::tempdir().unwrap();
    let study = "question = \"what do they take?\"\nlinks = [\"loopback\"]\n[[models]]\nnet = \"mini\"\ndata = \"noise:3x32x32:10\"\n\
                 init = [\"100%\", 500]\n[measure]\nimages = 1\nwarmups = 0\naccuracy-images = 2\n[compile]\ncalibration-images = 4\n";
    std::fs::write(folder.path().join("study.toml"), study).unwrap();
    for id in ["first", "again"] {
        let done = sweep(folder.path(), &["--id", id]);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{said}");
        let run = results::load(&folder.path().join("runs").join(id)).unwrap();
        let mut units: Vec<u64> = run.tables.cells.iter().map(|cell| cell.relus).collect();
        units.sort_unstable();
        assert_eq!(units, [500, 9216]);
        assert!(run.tables.cells.iter().all(|cell| cell.method == "random-init"));
    }
}

#[test]
fn mistakes_are_found_before_anything_is_made() {
    let check = |from: &str, to: &str, expected: &str| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("study.toml"), STUDY.replace(from, to)).unwrap();
        let refused = sweep(folder.path(), &[]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains(expected), "{said}");
        assert!(!folder.path().join("runs").exists());
    };
    check(
        "net = \"mini\"",
        "net = \"mini\"\ncheckpoint = \"m\"",
        "expected `checkpoint`, or `import`, or `net` alone",
    );
    check("[\"loopback\"]", "[\"lna\"]", "study.toml: line 3, links: expected one of loopback");
    check("images = 30", "images = 0", "study.toml: line 23, images: expected at least 1, found 0");
    check("images = 30", "images = 30\nrate = 2", "study.toml: line 24, rate: expected --scenario server");
    check(
        "data = \"shapes\"",
        "data = \"cifar10\"\ndata-dir = \"nowhere\"",
        "nowhere/data_batch_1.bin: expected",
    );
    check("images = 30", "images = 30\nid = \"../astray\"", "expected the name of one folder");
    // Its networks lie in `runs/study`; that is not told after they were trained.
    check("images = 30", "images = 30\nid = \"study\"", "--id: expected another name than the file's");
    check(
        "net = \"mini\"",
        "net = \"mini\"\ninit = [\"10%\"]",
        "`init` beside `net` alone, and no table `linearize`",
    );
    check("fa = 6", "fb = 6", "unknown field `fb`, expected one of `data-dir`");
    if Path::new(env!("CARGO_BIN_EXE_linnet")).with_file_name("linnet-train").exists() {
        check("\"snl\"]", "\"senet\"]", "study.toml: line 13, methods: expected some of privshap");
    }
}
