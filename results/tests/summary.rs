//! Summaries whose numbers were worked out by hand.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helping functions too")]

mod example;

use example::{cell, inference, manifest, step, steps, write};
use results::statistics::wilson;
use results::{
    CellStatus, Error, InferenceRow, InferenceStatus, Manifest, Party, Phase, Run, SummaryRow, load,
    load_manifest, load_tables, summarise,
};
use std::path::Path;
use tempfile::tempdir;

/// `lan` of the example, by hand.
fn expected_lan() -> SummaryRow {
    SummaryRow {
        model: "mini".to_owned(),
        method: "privshap".to_owned(),
        budget: Some(2000),
        relus: 1998,
        link: "lan".to_owned(),
        relu: "narrow".to_owned(),
        he: Some("narrow".to_owned()),
        ot: None,
        threads: Some(1),
        store: Some("memory".to_owned()),
        scenario: None,
        rate_per_s: None,
        n: 3,
        status: CellStatus::Ok,
        acc_float: Some(2.0 / 3.0),
        acc_fixed: Some(2.0 / 3.0),
        acc_secure: Some(2.0 / 3.0),
        // The server is slower: 11 + 5.5 ms in every repeat.
        offline_s_p50: Some(0.0165),
        // 3 ms to three digits: the histogram's bin is 2,998,272 to 3,000,319 ns.
        online_s_p50: Some(0.003),
        online_s_max: Some(0.004),
        // 500 + 8.
        offline_up_bytes: Some(508),
        // 300 + 8 + 4000 + 16.
        offline_down_bytes: Some(4324),
        // 64 + 8 + 40 + 8.
        online_up_bytes: Some(120),
        // 20 + 8.
        online_down_bytes: Some(28),
        offline_rounds: Some(2),
        online_rounds: Some(3),
        peak_rss_client_bytes: Some(1_000_002),
        peak_rss_server_bytes: None,
        store_client_bytes: Some(5_000),
        store_server_bytes: None,
        cell: "mini-lan".to_owned(),
        failed: 0,
        verified: 3,
        // 2 in each of the three repeats.
        out_of_bounds: Some(6),
        setup_s_p50: Some(0.03),
        setup_up_bytes: Some(78),
        setup_down_bytes: Some(98),
        setup_rounds: Some(2),
        offline_s_max: Some(0.0165),
        online_s_p90: None,
        online_s_p99: None,
        acc_float_test: Some(0.75),
        acc_fixed_test: Some(0.7421),
        acc_images: Some(10_000),
        // Three repeats are too few.
        offline_s_p50_low: None,
        offline_s_p50_high: None,
        online_s_p50_low: None,
        online_s_p50_high: None,
        acc_secure_low: wilson(2, 3).map(|ends| ends.0),
        acc_secure_high: wilson(2, 3).map(|ends| ends.1),
        acc_fixed_test_low: wilson(7421, 10_000).map(|ends| ends.0),
        acc_fixed_test_high: wilson(7421, 10_000).map(|ends| ends.1),
        ring_bits: Some(25),
        fa: Some(8),
        fw: Some(10),
        error: None,
    }
}

/// `wan` of the example: everything measured is missing.
fn expected_wan() -> SummaryRow {
    SummaryRow {
        link: "wan".to_owned(),
        cell: "mini-wan".to_owned(),
        n: 0,
        status: CellStatus::Failed,
        failed: 1,
        error: Some("the peer closed the channel, \"early\"\nin step 1".to_owned()),
        model: "mini".to_owned(),
        method: "privshap".to_owned(),
        budget: Some(2000),
        relus: 1998,
        relu: "narrow".to_owned(),
        he: Some("narrow".to_owned()),
        ot: None,
        threads: Some(1),
        store: Some("memory".to_owned()),
        acc_float_test: Some(0.75),
        acc_fixed_test: Some(0.7421),
        acc_images: Some(10_000),
        acc_fixed_test_low: wilson(7421, 10_000).map(|ends| ends.0),
        acc_fixed_test_high: wilson(7421, 10_000).map(|ends| ends.1),
        ring_bits: Some(25),
        fa: Some(8),
        fw: Some(10),
        ..SummaryRow::default()
    }
}

/// The summary of what is on the disk.
fn summarised(dir: &Path) -> Vec<SummaryRow> {
    summarise(&load_tables(dir).unwrap(), &load_manifest(dir).unwrap()).unwrap()
}

#[test]
fn summary_is_the_one_worked_out_by_hand() {
    let temp = tempdir().unwrap();
    let (run, dir) = write(temp.path());
    let rows = run.finish().unwrap().summary;
    assert_eq!(rows, [expected_lan(), expected_wan()]);
    assert_eq!(summarised(&dir), rows, "the three tables alone give the same");
    let loaded = load(&dir).unwrap();
    assert_eq!(loaded.summary, rows, "the file gives the same to the last digit");
    assert_eq!(loaded.manifest, manifest());
    let tables = loaded.tables;
    assert_eq!((tables.cells.len(), tables.inferences.len(), tables.steps.len()), (2, 5, 4 * 8 + 2 + 3));
}

#[test]
fn summary_file_is_this_text() {
    let temp = tempdir().unwrap();
    let (run, dir) = write(temp.path());
    run.finish().unwrap();
    let text = std::fs::read_to_string(dir.join("summary.csv")).unwrap();
    let lan = text.lines().nth(1).unwrap();
    assert_eq!(
        lan,
        "mini,privshap,2000,1998,lan,narrow,3,ok,0.6666666666666666,0.6666666666666666,0.6666666666666666,0.016500000,\
         0.003000000,0.004000000,508,4324,120,28,2,3,1000002,,5000,,mini-lan,narrow,,1,memory,,,0,3,6,0.030000000,78,98,2,0.016500000,,,0.75,0.7421,\
         10000,,,,,0.20765960080204768,0.9385080552796037,0.7334337519271348,0.7505803160617835,25,8,10,"
    );
    let wan = text.lines().nth(2).unwrap();
    assert!(
        wan.starts_with(
            "mini,privshap,2000,1998,wan,narrow,0,failed,,,,,,,,,,,,,,,,,mini-wan,narrow,,1,memory,,,1,0,"
        ),
        "{wan}"
    );
}

#[test]
fn every_repeat_is_on_the_disk_before_the_run_ends() {
    let temp = tempdir().unwrap();
    let (run, dir) = write(temp.path());
    assert_eq!(summarised(&dir), [expected_lan(), expected_wan()]);
    drop(run);
    assert!(matches!(load(&dir), Err(Error::Unfinished { path }) if path == dir));
}

#[test]
fn partial_cells_count_their_ok_repeats() {
    let temp = tempdir().unwrap();
    let mut run = Run::create(&temp.path().join("run"), &manifest()).unwrap();
    run.cell(&cell("c", "lan")).unwrap();
    let ok = inference("c", 0, 4);
    run.inference(&ok, &steps(&ok, 2_000_000)).unwrap();
    let failed = InferenceRow {
        status: InferenceStatus::Failed,
        verified: Some(false),
        error: Some("logit 3: expected 7, found 8".to_owned()),
        ..inference("c", 1, 3)
    };
    run.inference(&failed, &[]).unwrap();
    let [row] = run.finish().unwrap().summary.try_into().unwrap();
    assert_eq!((row.n, row.failed, row.verified, row.status), (1, 1, 1, CellStatus::Partial));
    assert_eq!(row.acc_secure, Some(0.0), "the failed repeat was right and does not count");
    assert_eq!(row.error.as_deref(), Some("logit 3: expected 7, found 8"));
}

#[test]
fn accuracies_are_over_the_same_images_or_missing() {
    let temp = tempdir().unwrap();
    let mut run = Run::create(&temp.path().join("run"), &manifest()).unwrap();
    run.cell(&cell("c", "lan")).unwrap();
    for (repeat, class_float) in [(0, Some(3)), (1, None)] {
        let row = InferenceRow { class_float, ..inference("c", repeat, 3) };
        run.inference(&row, &steps(&row, 2_000_000)).unwrap();
    }
    let rows = run.finish().unwrap().summary;
    assert_eq!((rows[0].acc_float, rows[0].acc_fixed, rows[0].acc_secure), (None, Some(1.0), Some(1.0)));
}

#[test]
fn p90_appears_with_44_repeats() {
    let temp = tempdir().unwrap();
    let mut run = Run::create(&temp.path().join("run"), &manifest()).unwrap();
    for (id, repeats) in [("short", 43), ("long", 44)] {
        run.cell(&cell(id, "lan")).unwrap();
        for repeat in 0..repeats {
            let row = inference(id, repeat, 3);
            run.inference(&row, &steps(&row, 1_000_000 + u64::from(repeat + 1))).unwrap();
        }
    }
    let rows = run.finish().unwrap().summary;
    // 22nd of 43 is 1,000,022; with 95 % the true median is between the 16th and the 28th.
    let interval = (rows[0].online_s_p50_low.unwrap(), rows[0].online_s_p50_high.unwrap());
    assert_eq!(interval, (0.001_000_016, 0.001_000_028));
    assert_eq!(rows[0].offline_s_p50_low, Some(0.0165));
    assert_eq!(rows[0].online_s_p90, None);
    // The 40th of 44 is 1,000,040 ns, in the bin that ends at 1,000,447 ns; above the largest, 1,000,044.
    assert_eq!(rows[1].online_s_p90, Some(0.001_000_040));
    assert_eq!(rows[1].online_s_p99, None);
}

#[test]
fn repeats_that_disagree_on_bytes_are_named() {
    let temp = tempdir().unwrap();
    let mut run = Run::create(&temp.path().join("run"), &manifest()).unwrap();
    run.cell(&cell("c", "lan")).unwrap();
    for repeat in 0..2 {
        let row = inference("c", repeat, 3);
        let mut steps = steps(&row, 2_000_000);
        if repeat == 1 {
            steps[4].bytes_out += 1;
            steps[5].bytes_in += 1;
        }
        run.inference(&row, &steps).unwrap();
    }
    let error = run.finish().unwrap_err();
    assert_eq!(
        error.to_string(),
        "cell c, online phase: bytes up must be equal over repeats, found 120 in repeat 0 and 121 in repeat 1"
    );
}

#[test]
fn repeats_that_disagree_on_rounds_are_named() {
    let temp = tempdir().unwrap();
    let mut run = Run::create(&temp.path().join("run"), &manifest()).unwrap();
    run.cell(&cell("c", "lan")).unwrap();
    for repeat in 0..2 {
        let row = inference("c", repeat, 3);
        let mut steps = steps(&row, 2_000_000);
        steps[0].flights_out += u64::from(repeat);
        run.inference(&row, &steps).unwrap();
    }
    let error = run.finish().unwrap_err();
    assert!(matches!(error, Error::Differs { phase: Phase::Offline, quantity: "rounds", .. }), "{error}");
}

#[test]
fn parties_that_disagree_are_named() {
    let temp = tempdir().unwrap();
    let mut run = Run::create(&temp.path().join("run"), &manifest()).unwrap();
    run.cell(&cell("c", "lan")).unwrap();
    let row = inference("c", 0, 3);
    let pair = [
        step(&row, (Party::Client, Phase::Online, 0), [64, 20, 8, 8], 1, 5),
        step(&row, (Party::Server, Phase::Online, 0), [20, 63, 8, 8], 1, 5),
    ];
    run.inference(&row, &pair).unwrap();
    let error = run.finish().unwrap_err();
    assert_eq!(
        error.to_string(),
        "cell c, repeat 0, online phase, client to server: 72 bytes sent, 71 received"
    );
}

#[test]
fn the_summary_has_the_manifests_order() {
    let temp = tempdir().unwrap();
    let cells = vec!["b".to_owned(), "a".to_owned()];
    let mut run = Run::create(&temp.path().join("run"), &Manifest { cells, ..manifest() }).unwrap();
    for id in ["a", "c", "b"] {
        run.cell(&cell(id, "lan")).unwrap();
        let row = inference(id, 0, 3);
        run.inference(&row, &steps(&row, 2_000_000)).unwrap();
    }
    let order: Vec<String> = run.finish().unwrap().summary.into_iter().map(|row| row.cell).collect();
    assert_eq!(order, ["b", "a", "c"]);
}

#[test]
fn tables_of_before_a_column_came_are_read() {
    let temp = tempdir().unwrap();
    let (run, dir) = write(temp.path());
    run.finish().unwrap();
    for file in ["cells.csv", "summary.csv"] {
        let mut table = csv::Reader::from_path(dir.join(file)).unwrap();
        let columns = table.headers().unwrap().clone();
        let keep = |record: &csv::StringRecord| -> csv::StringRecord {
            let later = |column: &str| {
                ["threads", "store"].contains(&column)
                    || column.ends_with("_low")
                    || column.ends_with("_high")
            };
            let pairs = columns.iter().zip(record).filter(|(column, _)| !later(column));
            pairs.map(|(_, value)| value.to_owned()).collect()
        };
        let mut older = csv::Writer::from_writer(Vec::new());
        older.write_record(&keep(&columns)).unwrap();
        table.records().for_each(|record| older.write_record(&keep(&record.unwrap())).unwrap());
        std::fs::write(dir.join(file), older.into_inner().unwrap()).unwrap();
    }
    let found = load(&dir).unwrap();
    let expected = SummaryRow {
        threads: None,
        store: None,
        acc_secure_low: None,
        acc_secure_high: None,
        acc_fixed_test_low: None,
        acc_fixed_test_high: None,
        ..expected_lan()
    };
    assert_eq!(found.summary[0], expected);
    assert_eq!((found.tables.cells[0].threads, found.tables.cells[0].acc_images), (None, Some(10_000)));
    // A mistake in such a table is found where it is.
    let text = std::fs::read_to_string(dir.join("cells.csv")).unwrap();
    std::fs::write(dir.join("cells.csv"), text.replacen(",10000,", ",many,", 1)).unwrap();
    let error = load(&dir).unwrap_err().to_string();
    assert!(error.contains("acc_images: expected a whole number"), "{error}");
}
