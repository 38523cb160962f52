//! Writing a run and reading it back.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helping functions too")]

mod example;

use example::{cell, classes, inference, manifest, steps, write};
use results::{CellRow, Error, InferenceRow, InferenceStatus, Manifest, Run, load, merge};
use std::collections::HashSet;
use std::path::Path;
use tempfile::tempdir;

#[test]
fn finish_leaves_exactly_these_files() {
    let temp = tempdir().unwrap();
    let (run, dir) = write(temp.path());
    run.finish().unwrap();
    let mut names: Vec<_> = std::fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "accuracy_latency.svg",
            "bytes_by_budget.svg",
            "cells.csv",
            "inferences.csv",
            "latency.hlog",
            "manifest.json",
            "raw.csv",
            "summary.csv",
            "time_by_budget.svg",
            "transcripts.csv"
        ]
    );
}

#[test]
fn an_existing_folder_is_refused_and_left_alone() {
    let temp = tempdir().unwrap();
    let (run, dir) = write(temp.path());
    run.finish().unwrap();
    let before = std::fs::read(dir.join("raw.csv")).unwrap();
    assert!(matches!(Run::create(&dir, &manifest()), Err(Error::Exists { path }) if path == dir));
    assert_eq!(std::fs::read(dir.join("raw.csv")).unwrap(), before);
}

/// Before anything takes its time, and without a trace.
#[test]
fn where_no_run_can_be_is_told_beforehand() {
    let temp = tempdir().unwrap();
    let (_run, dir) = write(temp.path());
    assert!(matches!(Run::check_new(&dir), Err(Error::Exists { path }) if path == dir));
    let below_a_file = dir.join("raw.csv/runs/one");
    assert!(matches!(Run::check_new(&below_a_file), Err(Error::Io { .. })));
    Run::check_new(&temp.path().join("deep/down/one")).unwrap();
    assert!(!temp.path().join("deep").exists());
}

#[test]
fn rows_that_break_the_schema_are_refused_and_not_written() {
    let temp = tempdir().unwrap();
    let (mut run, dir) = write(temp.path());
    let before = std::fs::read(dir.join("inferences.csv")).unwrap();
    let raw = std::fs::read(dir.join("raw.csv")).unwrap();
    let good = inference("mini-lan", 9, 3);
    for (row, column) in [
        (InferenceRow { cell: "other".to_owned(), ..good.clone() }, "cell"),
        (InferenceRow { repeat: 0, ..good.clone() }, "repeat"),
        (InferenceRow { error: Some("why".to_owned()), ..good.clone() }, "error"),
        (InferenceRow { status: InferenceStatus::Failed, ..good.clone() }, "error"),
        (InferenceRow { verified: Some(false), ..good.clone() }, "verified"),
    ] {
        match run.inference(&row, &steps(&row, 2_000_000)) {
            Err(Error::Row { file: "inferences.csv", column: found, .. }) => assert_eq!(found, column),
            other => panic!("{column}: expected a refusal, found {other:?}"),
        }
    }
    let stray = steps(&inference("mini-lan", 8, 3), 2_000_000);
    assert!(matches!(
        run.inference(&good, &stray),
        Err(Error::Row { file: "raw.csv", column: "repeat", .. })
    ));
    assert!(matches!(run.cell(&cell("mini-lan", "x")), Err(Error::Row { column: "cell", .. })));
    let mut wrong = cell("new", "x");
    wrong.acc_float = Some(91.3);
    assert!(matches!(run.cell(&wrong), Err(Error::Row { column: "acc_float", .. })));
    assert_eq!(std::fs::read(dir.join("inferences.csv")).unwrap(), before);
    assert_eq!(std::fs::read(dir.join("raw.csv")).unwrap(), raw);
}

/// A run of two networks over two links, with classes of three test images of each.
fn classified(dir: &Path) -> Run {
    let mut run = Run::create(dir, &manifest()).unwrap();
    for (id, relus, link) in
        [("few-lan", 10, "lan"), ("few-wan", 10, "wan"), ("many-lan", 90, "lan"), ("many-wan", 90, "wan")]
    {
        let row = CellRow { relus, ..cell(id, link) };
        run.cell(&row).unwrap();
        run.classes(&row, &classes(id, [true, true, relus == 90])).unwrap();
        let inference = inference(id, 0, 3);
        run.inference(&inference, &steps(&inference, 2_000_000)).unwrap();
    }
    run
}

#[test]
fn classes_of_test_images_are_a_networks() {
    let temp = tempdir().unwrap();
    let dir = temp.path().join("run");
    let mut run = classified(&dir);
    let few = classes("few-lan", [true, true, false]);
    let many = classes("many-lan", [true; 3]);
    let other = CellRow { relus: 11, ..cell("other", "lan") };
    assert!(matches!(
        run.classes(&other, &few),
        Err(Error::Row { file: "accuracy.csv", column: "cell", .. })
    ));
    assert!(matches!(
        run.classes(&CellRow { relus: 11, ..cell("few-lan", "lan") }, &many),
        Err(Error::Row { file: "accuracy.csv", column: "cell", .. })
    ));
    run.finish().unwrap();
    assert_eq!(load(&dir).unwrap().tables.accuracy, [few, many].concat());
    let text = std::fs::read_to_string(dir.join("accuracy.csv")).unwrap();
    assert_eq!(text.lines().nth(3), Some("few-lan,2,3,3,4"));
    std::fs::write(dir.join("accuracy.csv"), text.replacen("few-lan,2,", "few-lan,1,", 1)).unwrap();
    let error = load(&dir).unwrap_err().to_string();
    assert!(
        error
            .ends_with(r#"accuracy.csv, line 4, column image: expected an image not seen before, found "1""#)
    );
}

#[test]
fn classes_stay_for_as_long_as_a_cell_of_the_network_does() {
    let temp = tempdir().unwrap();
    let dir = temp.path().join("run");
    drop(classified(&dir));
    let stay = |ids: [&str; 2]| ids.map(str::to_owned).into_iter().collect::<HashSet<_>>();
    let resume = |ids| Run::resume(&dir, |_, _| stay(ids), |manifest| manifest).unwrap().0;
    let mut run = resume(["few-wan", "many-lan"]);
    // What comes again finds its network's classes there.
    let row = CellRow { relus: 10, ..cell("few-lan", "lan") };
    run.cell(&row).unwrap();
    run.classes(&row, &classes("few-lan", [true, true, false])).unwrap();
    run.finish().unwrap();
    let few = classes("few-wan", [true, true, false]);
    assert_eq!(load(&dir).unwrap().tables.accuracy, [few.clone(), classes("many-lan", [true; 3])].concat());
    // The last of a network takes them with it.
    let mut run = resume(["few-wan", "few-lan"]);
    let row = CellRow { relus: 90, ..cell("many-wan", "wan") };
    run.cell(&row).unwrap();
    run.classes(&row, &classes("many-wan", [true; 3])).unwrap();
    run.finish().unwrap();
    assert_eq!(load(&dir).unwrap().tables.accuracy, [few, classes("many-wan", [true; 3])].concat());
}

#[test]
fn merged_runs_keep_classes_of_test_images() {
    let temp = tempdir().unwrap();
    let parts = ["lan", "wan"].map(|link| {
        let dir = temp.path().join(link);
        let mut run = Run::create(&dir, &manifest()).unwrap();
        let row = cell(&format!("mini-{link}"), link);
        run.cell(&row).unwrap();
        run.classes(&row, &classes(&row.cell, [true, false])).unwrap();
        run.finish().unwrap();
        dir
    });
    let whole = temp.path().join("whole");
    merge(&parts, &whole).unwrap();
    let expected = ["mini-lan", "mini-wan"].map(|cell| classes(cell, [true, false])).concat();
    assert_eq!(load(&whole).unwrap().tables.accuracy, expected);
}

/// As the demo's manifest would be, had it been written before files of images were recorded.
#[test]
fn older_manifests_are_read() {
    let demo = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/demo/manifest.json")).unwrap();
    let mut older: serde_json::Value = serde_json::from_str(&demo).unwrap();
    assert!(older.as_object_mut().unwrap().remove("data").is_some());
    let manifest: Manifest = serde_json::from_value(older).unwrap();
    assert!(manifest.data.is_empty());
}
