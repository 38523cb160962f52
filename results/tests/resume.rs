//! Runs that were stopped at any moment, and go on.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helping functions too")]

mod example;

use example::{manifest, write};
use results::{
    CellRow, Error, InferenceRow, InferenceStatus, Manifest, Resumption, Run, StepRow, Tables, load,
};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use tempfile::tempdir;

/// Every file of a run's folder, by name.
fn content(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entry = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap())
    };
    std::fs::read_dir(dir).unwrap().map(entry).collect()
}

/// The cells whose four repeats are all there: at most `lan`, the cell of the example that ends ok.
fn whole(cells: &[CellRow], rows: &[InferenceRow]) -> HashSet<String> {
    let ok = |cell: &str| {
        let rows: Vec<&InferenceRow> = rows.iter().filter(|row| row.cell == cell).collect();
        rows.len() == 4 && rows.iter().all(|row| row.status == InferenceStatus::Ok)
    };
    cells.iter().map(|cell| cell.cell.clone()).filter(|cell| ok(cell)).collect()
}

/// Adds what is missing of `example`; `after` every row.
fn complete(run: &mut Run, kept: &[String], example: &Tables, mut after: impl FnMut()) {
    for cell in example.cells.iter().filter(|cell| !kept.contains(&cell.cell)) {
        run.cell(cell).unwrap();
        after();
        for row in example.inferences.iter().filter(|row| row.cell == cell.cell) {
            let key = (&row.cell, row.warmup, row.repeat);
            let of = |step: &&StepRow| (&step.cell, step.warmup, step.repeat) == key;
            run.inference(row, &example.steps.iter().filter(of).cloned().collect::<Vec<_>>()).unwrap();
            after();
        }
    }
}

#[test]
fn a_run_cut_anywhere_goes_on_to_the_same_rows() {
    const TABLES: [&str; 3] = ["cells.csv", "raw.csv", "inferences.csv"];
    let temp = tempdir().unwrap();
    let (run, first) = write(temp.path());
    let summary = run.finish().unwrap().summary;
    let example = load(&first).unwrap().tables;
    let dir = temp.path().join("again");
    let mut run = Run::create(&dir, &manifest()).unwrap();
    // Lengths of the tables after every call.
    let lengths = || TABLES.map(|file| std::fs::metadata(dir.join(file)).unwrap().len() as usize);
    let mut after = vec![lengths()];
    complete(&mut run, &[], &example, || after.push(lengths()));
    run.finish().unwrap();
    let finished = content(&dir);
    // Every state between two calls: the first table that grows has grown partly, or it has and the next one partly.
    let mut states = vec![after[0]];
    for pair in after.windows(2) {
        let mut state = pair[0];
        for table in 0..3 {
            let (from, to) = (pair[0][table], pair[1][table]);
            for part in [1, 5, 9, 10] {
                state[table] = from + (to - from) * part / 10;
                states.push(state);
            }
        }
    }
    states.dedup();
    let mut kept_any = 0;
    for state in &states {
        for (name, bytes) in &finished {
            std::fs::write(dir.join(name), bytes).unwrap();
        }
        for (file, length) in TABLES.iter().zip(state) {
            std::fs::write(dir.join(file), &finished[*file][..*length]).unwrap();
        }
        let renewed = |manifest| Manifest { resumed: vec![Resumption::default()], ..manifest };
        let (mut run, kept) = Run::resume(&dir, whole, renewed).unwrap();
        assert!(!dir.join("summary.csv").exists() && !dir.join("time_by_budget.svg").exists());
        kept_any += usize::from(!kept.is_empty());
        complete(&mut run, &kept, &example, || ());
        assert_eq!(run.finish().unwrap().summary, summary, "cut at {state:?}");
        let found = load(&dir).unwrap();
        assert_eq!(found.manifest.resumed.len(), 1);
        assert_eq!(found.tables, example);
    }
    assert!(0 < kept_any && kept_any < states.len(), "{kept_any} of {} cuts left a whole cell", states.len());
}

#[test]
fn a_run_that_is_written_is_not_resumed() {
    let temp = tempdir().unwrap();
    let (run, dir) = write(temp.path());
    assert!(
        matches!(Run::resume(&dir, whole, |manifest| manifest), Err(Error::InUse { path }) if path == dir)
    );
    drop(run);
    let (_, kept) = Run::resume(&dir, whole, |manifest| manifest).unwrap();
    assert_eq!(kept, ["mini-lan"]);
}

#[test]
fn damage_within_a_table_is_not_taken_for_a_stop() {
    let temp = tempdir().unwrap();
    let (run, dir) = write(temp.path());
    drop(run);
    let text = std::fs::read_to_string(dir.join("inferences.csv")).unwrap();
    std::fs::write(dir.join("inferences.csv"), text.replacen("mini-lan,1,", "mini-lan,one,", 1)).unwrap();
    let error = Run::resume(&dir, whole, |manifest| manifest).err().unwrap().to_string();
    assert!(error.contains("repeat: expected a whole number") && error.contains("\"one\""), "{error}");
}
