//! Summaries as text for a terminal.

use crate::SummaryRow;
use crate::layout::{Layout, in_order, or_missing};
use crate::units::{bytes, count, percent, seconds};

/// Budgets side by side: for each model and ReLU variant a block with a row a cell.
pub fn table(rows: &[SummaryRow]) -> String {
    let heading = |row: &SummaryRow| format!("{}, {}", row.model, row.relu);
    let titles: Vec<String> = rows.iter().map(heading).collect();
    let blocks = in_order(&titles);
    let statuses = rows.iter().any(|row| row.n == 0 || row.failed > 0);
    let rates = rows.iter().any(|row| row.rate_per_s.is_some());
    let mut columns = vec!["method", "budget", "ReLUs", "link"];
    columns.extend(rates.then_some("rate/s"));
    columns.push("n");
    let mut groups = vec![("", columns.len()), ("accuracy %", 3), ("offline", 5), ("online", 5)];
    columns.extend([
        "float", "fixed", "secure", "p50", "max", "up", "down", "rounds", "p50", "max", "up", "down",
        "rounds",
    ]);
    if statuses {
        groups.push(("", 1));
        columns.push("status");
    }
    let lines: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let mut line = vec![row.method.clone(), budget(row), count(row.relus), row.link.clone()];
            line.extend(rates.then(|| or_missing(row.rate_per_s, |rate| rate.to_string())));
            line.extend([
                count(row.n),
                or_missing(row.acc_float, percent),
                or_missing(row.acc_fixed, percent),
                or_missing(row.acc_secure, percent),
                or_missing(row.offline_s_p50, seconds),
                or_missing(row.offline_s_max, seconds),
                or_missing(row.offline_up_bytes, bytes),
                or_missing(row.offline_down_bytes, bytes),
                or_missing(row.offline_rounds, count),
                or_missing(row.online_s_p50, seconds),
                or_missing(row.online_s_max, seconds),
                or_missing(row.online_up_bytes, bytes),
                or_missing(row.online_down_bytes, bytes),
                or_missing(row.online_rounds, count),
            ]);
            if statuses {
                line.push(status(row));
            }
            line
        })
        .collect();
    let layout = Layout::new(&groups, &columns, &["method", "link", "status"], &lines);
    let mut text = String::new();
    for (index, block) in blocks.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        let members = titles.iter().zip(&lines).filter(|(title, _)| title == block).map(|(_, line)| line);
        layout.block(block, members, &mut text);
    }
    text
}

fn budget(row: &SummaryRow) -> String {
    row.budget.map_or_else(|| "all".to_owned(), count)
}

fn status(row: &SummaryRow) -> String {
    match &row.error {
        Some(error) => format!("{}: {}", row.status, error.lines().next().unwrap_or_default()),
        None => row.status.to_string(),
    }
}
