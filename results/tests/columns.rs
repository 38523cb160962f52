//! Columns: each explained in the README, and none forgotten on its way.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helping functions too")]

use results::compare::{self, Block, ComparedRow};
use results::{LayerRow, columns_by_file};

#[test]
fn summary_begins_with_the_agreed_columns() {
    let [_, _, _, (file, columns), ..] = columns_by_file();
    let agreed = "model method budget relus link relu n status acc_float acc_fixed acc_secure offline_s_p50 online_s_p50 \
                  online_s_max offline_up_bytes offline_down_bytes online_up_bytes online_down_bytes offline_rounds \
                  online_rounds peak_rss_client_bytes peak_rss_server_bytes store_client_bytes store_server_bytes";
    let agreed: Vec<String> = agreed.split_whitespace().map(str::to_owned).collect();
    assert_eq!((file, &columns[..agreed.len()]), ("summary.csv", &agreed[..]));
}

/// Column names of the table under the README's heading for `file`.
fn documented(file: &str) -> Vec<String> {
    let readme = include_str!("../README.md");
    let heading = format!("## `{file}`");
    readme
        .lines()
        .skip_while(|line| *line != heading)
        .skip(1)
        .take_while(|line| !line.starts_with("## "))
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(name, _)| name.to_owned()))
        .collect()
}

#[test]
fn the_readme_is_the_column_dictionary() {
    for (file, columns) in columns_by_file() {
        assert_eq!(documented(file), columns, "{file}");
    }
    let layers = String::from_utf8(compare::layers_csv(&[LayerRow::default()])).unwrap();
    assert_eq!(documented("layers.csv").join(","), layers.lines().next().unwrap());
}

fn columns_of(file: &str) -> Vec<String> {
    let of_file = |(other, columns): (&str, Vec<String>)| (other == file).then_some(columns);
    columns_by_file().into_iter().find_map(of_file).unwrap()
}

/// Columns of cells that the summary gives another name.
const RENAMED: [(&str, &str); 2] = [("acc_float", "acc_float_test"), ("acc_fixed", "acc_fixed_test")];

/// Columns of cells that the summary does not have.
const NOT_IN_SUMMARY: [&str; 13] = [
    "scales",
    // In `scenarios.csv`.
    "pool",
    "refillers",
    // Of test images in the clear; the summary's column of that name is of the repeats.
    "out_of_bounds",
    // What was measured is held against them when it is.
    "predicted_setup_up_bytes",
    "predicted_setup_down_bytes",
    "predicted_setup_rounds",
    "predicted_offline_up_bytes",
    "predicted_offline_down_bytes",
    "predicted_offline_rounds",
    "predicted_online_up_bytes",
    "predicted_online_down_bytes",
    "predicted_online_rounds",
];

#[test]
fn a_cells_columns_reach_the_summary() {
    let summary = columns_of("summary.csv");
    for column in columns_of("cells.csv") {
        let renamed = RENAMED.iter().find(|(name, _)| *name == column).map(|(_, renamed)| *renamed);
        let reached = summary.iter().any(|name| name == renamed.unwrap_or(&column));
        assert!(reached || NOT_IN_SUMMARY.contains(&column.as_str()), "{column}");
    }
}

/// Columns of the summary that a comparison does not have.
const NOT_COMPARED: [&str; 21] = [
    // Over the same images as `acc_secure`, with which alone they are of use.
    "acc_float",
    "acc_fixed",
    // A comparison has medians, their ratios and the ratios' intervals.
    "offline_s_max",
    "online_s_p90",
    "online_s_p99",
    "online_s_max",
    // Both directions are one column there.
    "offline_up_bytes",
    "offline_down_bytes",
    "online_up_bytes",
    "online_down_bytes",
    // What is not compared.
    "offline_rounds",
    "setup_s_p50",
    "setup_up_bytes",
    "setup_down_bytes",
    "setup_rounds",
    "failed",
    "verified",
    "out_of_bounds",
    "ring_bits",
    "fa",
    "fw",
];

#[test]
fn the_summarys_columns_reach_a_comparison() {
    let block = Block { rows: vec![ComparedRow::default()], ..Block::default() };
    let text = String::from_utf8(compare::csv(&[block])).unwrap();
    let compared: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    for column in columns_of("summary.csv") {
        let column = column.as_str();
        assert_eq!(compared.contains(&column), !NOT_COMPARED.contains(&column), "{column}");
    }
}
