//! Every file of a run: each table alone, the manifest, and a whole run one of whose files was changed.

use super::files::{encode, header, write_table};
use super::lines::{parse, whole_records};
use super::load_manifest;
use crate::manifest::MANIFEST;
use crate::schema::{
    AccuracyRow, CellRow, InferenceRow, ItemRow, QueryRow, Row, ScenarioRow, StepRow, SummaryRow,
    TranscriptRow, columns_by_file,
};
use crate::{Doing, Party, Phase, compare, layers, load, report, scenario, summarise};
use std::path::{Path, PathBuf};

#[path = "../../tests/example/mod.rs"]
mod example;

fn target(name: &'static str) -> fuzzing::Target {
    // What reading a record takes beside the record.
    fuzzing::Target::new(env!("CARGO_MANIFEST_DIR"), name).allows(64, 1 << 20)
}

/// The folders of finished runs that have every file between them.
fn runs(folder: &Path) -> [PathBuf; 2] {
    let (mut run, first) = example::write(folder);
    let row = |party, doing, bytes| TranscriptRow {
        cell: "mini-lan".into(),
        repeat: 1,
        party,
        phase: Phase::Online,
        doing,
        bytes,
        ..TranscriptRow::default()
    };
    let rows = [
        row(Party::Client, Doing::Sent, Some(70)),
        row(Party::Client, Doing::Left, None),
        row(Party::Server, Doing::Received, Some(70)),
    ];
    let cell = example::cell("mini-lan", "lan");
    run.classes(&cell, &example::classes(&cell.cell, [true, false])).unwrap();
    run.finish().unwrap();
    write_table(&first, &rows).unwrap();
    example::served(folder);
    [first, folder.join("served")]
}

/// Rows that are taken are written, and read again as what was written.
fn table<R: Row>(name: &'static str) {
    let folder = tempfile::tempdir().unwrap();
    let seeds = runs(folder.path()).map(|run| std::fs::read(run.join(R::FILE)));
    let seeds: Vec<Vec<u8>> = seeds.into_iter().flatten().collect();
    assert!(!seeds.is_empty());
    target(name).seeds(seeds).run(|bytes| {
        let whole = parse::<R>(R::FILE.into(), whole_records(bytes)).is_ok();
        let Ok(table) = parse::<R>(R::FILE.into(), bytes) else { return false };
        assert!(whole || !bytes.ends_with(b"\n"));
        let written = |rows: &[R]| [header::<R>().unwrap(), encode(rows).unwrap()].concat();
        let first = written(&table.rows);
        let again = parse::<R>(R::FILE.into(), &first).map_err(|error| error.to_string()).unwrap();
        assert!(written(&again.rows) == first);
        true
    });
}

#[test]
fn cells_csv() {
    table::<CellRow>("cells_csv");
}

#[test]
fn inferences_csv() {
    table::<InferenceRow>("inferences_csv");
}

#[test]
fn raw_csv() {
    table::<StepRow>("raw_csv");
}

#[test]
fn transcripts_csv() {
    table::<TranscriptRow>("transcripts_csv");
}

#[test]
fn accuracy_csv() {
    table::<AccuracyRow>("accuracy_csv");
}

#[test]
fn queries_csv() {
    table::<QueryRow>("queries_csv");
}

#[test]
fn items_csv() {
    table::<ItemRow>("items_csv");
}

#[test]
fn summary_csv() {
    table::<SummaryRow>("summary_csv");
}

#[test]
fn scenarios_csv() {
    table::<ScenarioRow>("scenarios_csv");
}

#[test]
fn manifest() {
    let folder = tempfile::tempdir().unwrap();
    let seed = serde_json::to_vec(&example::manifest()).unwrap();
    target("manifest").seeds([seed]).run(|bytes| {
        std::fs::write(folder.path().join(MANIFEST), bytes).unwrap();
        let Ok(manifest) = load_manifest(folder.path()) else { return false };
        let written = serde_json::to_vec(&manifest).unwrap();
        std::fs::write(folder.path().join(MANIFEST), &written).unwrap();
        assert!(load_manifest(folder.path()).unwrap() == manifest);
        true
    });
}

/// The first byte says which run and which file of it the rest is in the place of. Whatever reads runs reads what was taken.
#[test]
fn whole_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for run in runs(folder.path()) {
        for name in columns_by_file().map(|(name, _)| name).into_iter().chain([MANIFEST]) {
            let path = run.join(name);
            files.extend(std::fs::read(&path).ok().map(|content| (run.clone(), path, content)));
        }
    }
    let seeds =
        files.iter().enumerate().map(|(index, (.., content))| [&[index as u8], &content[..]].concat());
    target("whole_run").seeds(seeds.collect::<Vec<_>>()).allows(64, 32 << 20).run(|bytes| {
        let Some((which, content)) = bytes.split_first() else { return false };
        let (run, path, right) = &files[usize::from(*which) % files.len()];
        std::fs::write(path, content).unwrap();
        let loaded = load(run);
        std::fs::write(path, right).unwrap();
        let Ok(loaded) = loaded else { return false };
        let summary = summarise(&loaded.tables, &loaded.manifest);
        let _ = summary.map(|rows| crate::table(&rows, Some(80)).len());
        let _ = scenario::text(&scenario::scenarios(&loaded.tables, &loaded.manifest), Some(80));
        let _ = layers(&loaded);
        let runs = [loaded];
        let _ = compare::compare(&runs, &compare::Options::default())
            .map(|blocks| compare::text(&blocks, Some(80)).len());
        let _ = report::html(&runs).len();
        true
    });
}
