//! The terminal tables, whole.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helping functions too")]

mod example;

use example::{cell, classes, inference, manifest, steps};
use results::compare::{self, AtAccuracy, Block, Dimension, MethodTime, Options};
use results::{
    CellRow, CellStatus, InferenceRow, LayerRow, Loaded, Manifest, Phase, Run, SummaryRow, layers, load,
    table,
};
use std::path::Path;

fn row(budget: Option<u64>, relus: u64, link: &str, online_s: f64) -> SummaryRow {
    SummaryRow {
        model: "mini".to_owned(),
        method: "privshap".to_owned(),
        budget,
        relus,
        link: link.to_owned(),
        relu: "narrow".to_owned(),
        n: 10,
        acc_float: Some(0.9),
        acc_fixed: Some(0.9),
        acc_secure: Some(0.8),
        offline_s_p50: Some(1.25),
        offline_s_max: Some(1.5),
        online_s_p50: Some(online_s),
        online_s_max: Some(online_s * 1.5),
        offline_up_bytes: Some(36_913),
        offline_down_bytes: Some(2_345_678),
        online_up_bytes: Some(812),
        online_down_bytes: Some(520_000),
        offline_rounds: Some(4),
        online_rounds: Some(11),
        ..SummaryRow::default()
    }
}

fn failed(link: &str) -> SummaryRow {
    SummaryRow {
        model: "mini".to_owned(),
        method: "privshap".to_owned(),
        relus: 16_384,
        link: link.to_owned(),
        relu: "narrow".to_owned(),
        failed: 3,
        status: CellStatus::Failed,
        error: Some("the peer closed the channel\nin step 4".to_owned()),
        ..SummaryRow::default()
    }
}

#[test]
fn budgets_side_by_side() {
    let rows = [row(Some(2000), 1998, "lan", 0.0123), row(None, 16_384, "lan", 0.0456)];
    assert_eq!(table(&rows, None), include_str!("tables/budgets.txt"));
}

#[test]
fn failed_rows_have_a_status() {
    let mut other = row(Some(50), 50, "lan", 0.5);
    other.relu = "delphi".to_owned();
    let rows = [row(Some(2000), 1998, "lan", 0.0123), failed("lan"), other];
    assert_eq!(table(&rows, None), include_str!("tables/failed.txt"));
}

#[test]
fn cells_side_by_side() {
    let temp = tempfile::tempdir().unwrap();
    let runs = [run(temp.path(), "monday", [1.0, 1.0]), run(temp.path(), "tuesday", [2.0, 0.5])];
    let blocks = compare::compare(&runs, &Options::default()).unwrap();
    assert_eq!(compare::text(&blocks, None), include_str!("tables/compare.txt"));
    let [first, second, ..] = &blocks[0].rows[..] else { panic!("two cells a run and link") };
    assert_eq!((first.online_ratio, first.online_ratio_low), (Some(1.0), None));
    let interval = (second.online_ratio_low.unwrap(), second.online_ratio_high.unwrap());
    assert!((interval.0 - 6.0 * 0.95 / 1.05).abs() < 1e-6 && (interval.1 - 6.0 * 1.05 / 0.95).abs() < 1e-6);
    assert_eq!((second.baseline.as_deref(), second.acc_secure_p), (Some("small-lan"), Some(0.5)));
    // Six test images are classified rightly by the large network alone: 2 / 2^6.
    assert_eq!(first.acc_fixed_p, None);
    assert!((second.acc_fixed_p.unwrap() - 0.03125).abs() < 1e-12, "{:?}", second.acc_fixed_p);
}

/// What the terminal has no room for gives way to what is worth choosing, and prose is folded.
#[test]
fn cells_side_by_side_where_there_is_little_room() {
    let temp = tempfile::tempdir().unwrap();
    let runs = [run(temp.path(), "monday", [1.0, 1.0]), run(temp.path(), "tuesday", [2.0, 0.5])];
    let blocks = compare::compare(&runs, &Options::default()).unwrap();
    assert_eq!(compare::text(&blocks[..1], Some(80)), include_str!("tables/narrow.txt"));
    for room in [50, 60, 100, 140] {
        let text = compare::text(&blocks, Some(room));
        assert!(text.lines().all(|line| line.chars().count() <= room), "{room}: {text}");
        assert_eq!(text.contains("\nfront: "), text.contains("  front\n"), "{room}: {text}");
    }
}

/// A line a method, and as many accuracies side by side as there is room for.
#[test]
fn times_at_accuracies() {
    let at = |accuracy: f64, times: [Option<f64>; 3]| AtAccuracy {
        accuracy,
        methods: ["ar", "privshap", "snl-online@wan"]
            .into_iter()
            .zip(times)
            .map(|(name, online_s)| MethodTime { name: name.to_owned(), online_s })
            .collect(),
    };
    let at = vec![at(0.85, [None, Some(0.05), Some(0.04)]), at(0.755, [None, Some(0.04), None])];
    let text = |room: usize| compare::text(&[Block { at: at.clone(), ..Block::default() }], Some(room));
    let expected = "
                    -- 85.00 % ---    -- 75.50 % ---
  online at             p50  ratio        p50  ratio
  ar                      -      -          -      -
  privshap          50.0 ms  1.00x    40.0 ms  1.00x
  snl-online@wan    40.0 ms  0.80x          -      -
";
    let told = text(52);
    assert!(told.ends_with(expected), "{told}");
    let told = text(51);
    assert_eq!(told.matches("snl-online@wan").count(), 2, "{told}");
    assert!(told.lines().all(|line| line.len() <= 51), "{told}");
}

/// A cell alone has nothing that ratios, probabilities and fronts could be to.
#[test]
fn a_cell_alone_has_only_what_it_took() {
    let temp = tempfile::tempdir().unwrap();
    let alone = Options { by: vec![Dimension::Run], ..Options::default() };
    let blocks = compare::compare(&[run(temp.path(), "monday", [1.0, 1.0])], &alone).unwrap();
    assert_eq!(compare::text(&blocks[..2], None), include_str!("tables/alone.txt"));
}

/// Offline the server is slower, 11 and 5.5 ms; online the client's second step takes 1 ms.
#[test]
fn layers_side_by_side() {
    let temp = tempfile::tempdir().unwrap();
    let runs = [run(temp.path(), "monday", [1.0, 1.0]), run(temp.path(), "tuesday", [2.0, 0.5])];
    let blocks = compare::compare(&runs, &Options::default()).unwrap();
    let rows: Vec<LayerRow> = runs.iter().flat_map(layers).collect();
    assert_eq!(compare::layers_text(&blocks[..1], &rows, 12, None), include_str!("tables/layers.txt"));
    // As many cells side by side as there is room for.
    for (room, beside) in [(140, 3), (110, 2), (80, 1), (60, 0)] {
        let text = compare::layers_text(&blocks[..1], &rows, 12, Some(room));
        assert!(text.lines().all(|line| line.chars().count() <= room), "{room}: {text}");
        let heads = text.lines().nth(1).unwrap();
        assert_eq!(heads.matches("privshap").count(), 1 + beside, "{room}: {text}");
    }
    let short = compare::layers_text(&blocks[..1], &rows, 0, None);
    assert!(short.contains("2 others") && !short.contains("step0"), "{short}");

    let both = Options { baseline: Some("tuesday".to_owned()), ..Options::default() };
    let error = compare::compare(&runs, &both).unwrap_err().to_string();
    assert!(error.contains("found tuesday, which small-lan and large-lan are"), "{error}");
    let by_tuesday = Options { baseline: Some("run=tuesday,budget=2000".to_owned()), ..Options::default() };
    let blocks = compare::compare(&runs, &by_tuesday).unwrap();
    assert_eq!(blocks[0].baseline, Some(2));
    let text = compare::layers_text(&blocks[..1], &rows, 12, None);
    let heads = text.lines().nth(1).unwrap();
    assert!(heads.find("tuesday privshap 2,000") < heads.find("monday privshap 2,000"), "{heads}");
}

#[test]
fn rates_of_queries_have_a_column() {
    let rated = |rate: f64| SummaryRow { rate_per_s: Some(rate), ..row(Some(2000), 1998, "lan", 0.0123) };
    let text = table(&[rated(1.5), rated(60.0)], None);
    let lines: Vec<Vec<&str>> = text.lines().skip(2).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0][3..6], ["link", "rate/s", "n"]);
    assert_eq!((lines[1][4], lines[2][4]), ("1.5", "60"));
}

#[test]
fn rates_of_queries_side_by_side() {
    let temp = tempfile::tempdir().unwrap();
    let blocks = compare::compare(&[example::served(temp.path())], &Options::default()).unwrap();
    assert_eq!(compare::text(&blocks, None), include_str!("tables/rates.txt"));
    let by_rate = Options { by: vec![Dimension::Budget], ..Options::default() };
    let blocks = compare::compare(&[example::served(temp.path().join("again").as_path())], &by_rate).unwrap();
    let titles: Vec<&str> = blocks.iter().map(|block| block.title.as_str()).collect();
    assert_eq!(titles, ["mini, lan, 5", "mini, lan, 15", "mini, lan, 60"]);
}

#[test]
fn bytes_of_layers_add_up_to_the_summarys() {
    let temp = tempfile::tempdir().unwrap();
    let run = run(temp.path(), "monday", [1.0, 1.0]);
    let rows = layers(&run);
    assert_eq!(rows.len(), 4 * 4);
    for summary in &run.summary {
        let sum = |phase: Phase, bytes: fn(&LayerRow) -> u64| -> Option<u64> {
            Some(rows.iter().filter(|row| row.cell == summary.cell && row.phase == phase).map(bytes).sum())
        };
        assert_eq!(sum(Phase::Offline, |row| row.up_bytes), summary.offline_up_bytes);
        assert_eq!(sum(Phase::Offline, |row| row.down_bytes), summary.offline_down_bytes);
        assert_eq!(sum(Phase::Online, |row| row.up_bytes), summary.online_up_bytes);
        assert_eq!(sum(Phase::Online, |row| row.down_bytes), summary.online_down_bytes);
    }
    let text = String::from_utf8(compare::layers_csv(&rows)).unwrap();
    let mut lines = text.lines().skip(1);
    // 11 ms to three digits: the histogram's bin ends at 11,001,855 ns, above the largest.
    assert_eq!(lines.next().unwrap(), "monday,small-lan,offline,0,step0,linear,0.011000000,508,308");
    assert_eq!(lines.next().unwrap(), "monday,small-lan,offline,1,step1,linear,0.005500000,0,4016");
    let back: Vec<LayerRow> =
        csv::Reader::from_reader(text.as_bytes()).deserialize().collect::<Result<_, _>>().unwrap();
    assert_eq!(back, rows);
}

#[test]
fn the_baseline_and_what_is_compared_can_be_chosen() {
    let temp = tempfile::tempdir().unwrap();
    let runs = [run(temp.path(), "monday", [1.0, 1.0]), run(temp.path(), "tuesday", [2.0, 0.5])];
    let options = |by: &[Dimension], baseline: Option<&str>| Options {
        by: by.to_vec(),
        baseline: baseline.map(str::to_owned),
        ..Options::default()
    };
    let titles = |options: &Options| -> Vec<String> {
        compare::compare(&runs, options).unwrap().into_iter().map(|block| block.title).collect()
    };
    assert_eq!(
        titles(&options(&[Dimension::Run], None)),
        ["mini, 2000, lan", "mini, all, lan", "mini, 2000, wan", "mini, all, wan"]
    );
    assert_eq!(titles(&options(&[Dimension::Run, Dimension::Budget, Dimension::Link], None)), ["mini"]);
    let by_tuesday = compare::compare(&runs, &options(&[Dimension::Run], Some("tuesday"))).unwrap();
    let ratio = by_tuesday[0].rows[0].online_ratio.unwrap();
    assert!((ratio - 0.5).abs() < 1e-9, "{ratio}");
    let error = compare::compare(&runs, &options(&[Dimension::Run], Some("sunday"))).unwrap_err().to_string();
    assert!(error.contains("run=monday, run=tuesday") && error.contains("found sunday"), "{error}");
    let partly = titles(&options(&[Dimension::Budget], Some("tuesday,2000")));
    assert_eq!(partly.len(), 4, "blocks without the baseline have none");
}

#[test]
fn runs_of_before_classes_were_kept_have_no_test_of_them() {
    let temp = tempfile::tempdir().unwrap();
    let [monday, tuesday] = ["monday", "tuesday"].map(|id| run(temp.path(), id, [1.0, 1.0]));
    let mut older = tuesday.clone();
    older.tables.accuracy.clear();
    for (second, found) in [(tuesday, Some(1.0)), (older, None)] {
        let by_run = Options { by: vec![Dimension::Run], ..Options::default() };
        let blocks = compare::compare(&[monday.clone(), second], &by_run).unwrap();
        assert!(blocks.iter().all(|block| block.rows[1].acc_fixed_p == found));
        assert!(blocks.iter().all(|block| block.rows[1].acc_secure_p == Some(1.0)));
    }
}

/// A run of two models' cells over two links: online 10 ms (small) and 60 ms (large) on `lan`, ten times as much on `wan`,
/// times the link's factor, give or take 5 %.
fn run(folder: &Path, id: &str, factors: [f64; 2]) -> Loaded {
    let dir = folder.join(id);
    let mut run = Run::create(&dir, &Manifest { id: id.to_owned(), ..manifest() }).unwrap();
    for (link, factor) in ["lan", "wan"].into_iter().zip(factors) {
        let scale = factor * if link == "wan" { 10.0 } else { 1.0 };
        for (name, relus, ms) in [("small", 1_998, 10.0), ("large", 16_384, 60.0)] {
            let budget = (name == "small").then_some(2_000);
            let row = CellRow { relus, budget, ..cell(&format!("{name}-{link}"), link) };
            run.cell(&row).unwrap();
            let right = if name == "large" { 10 } else { 4 };
            run.classes(&row, &classes(&row.cell, (0..12).map(|image| image < right))).unwrap();
            for repeat in 0..7 {
                // The small network is right of none, the large one of the first two.
                let label = if name == "large" && repeat < 2 { 3 } else { 4 };
                let inference = inference(&row.cell, repeat, label);
                let inference = InferenceRow {
                    label: 4,
                    class_secure: Some(if label == 3 { 4 } else { 3 }),
                    ..inference
                };
                let ns = ms * 1e6 * scale * (1.0 + 0.05 * (f64::from(repeat) - 3.0).signum());
                run.inference(&inference, &steps(&inference, ns.round() as u64)).unwrap();
            }
        }
    }
    run.finish().unwrap();
    load(&dir).unwrap()
}
