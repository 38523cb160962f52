//! The terminal tables, whole.

use results::{CellStatus, SummaryRow, compare, table};

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
    assert_eq!(table(&rows), include_str!("tables/budgets.txt"));
}

#[test]
fn failed_rows_have_a_status() {
    let mut other = row(Some(50), 50, "lan", 0.5);
    other.relu = "delphi".to_owned();
    let rows = [row(Some(2000), 1998, "lan", 0.0123), failed("lan"), other];
    assert_eq!(table(&rows), include_str!("tables/failed.txt"));
}

#[test]
fn runs_side_by_side() {
    let runs = [
        ("monday".to_owned(), vec![row(Some(2000), 1998, "lan", 0.01), row(Some(2000), 1998, "wan", 0.4)]),
        ("tuesday".to_owned(), vec![row(Some(2000), 1998, "lan", 0.02), failed("wan")]),
    ];
    assert_eq!(compare(&runs), include_str!("tables/compare.txt"));
}
