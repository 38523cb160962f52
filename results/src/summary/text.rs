//! Summaries as text for a terminal.

use crate::SummaryRow;
use crate::layout::{Column, Layout, in_order, or_missing};
use crate::units::{bytes, count, percent, seconds};

/// Budgets side by side: for each model and variant of the protocol a block with a row a cell, at most `room` characters wide, if that is
/// given. Percentiles have columns where some cell has inferences enough for them.
pub fn table(rows: &[SummaryRow], room: Option<usize>) -> String {
    let others = |row: &SummaryRow| {
        let threads = row.threads.map(|threads| format!("{threads} threads"));
        [row.he.clone(), row.ot.clone(), threads, row.store.clone()]
    };
    // What all have alike is not said.
    let differ: [bool; 4] =
        std::array::from_fn(|i| rows.iter().any(|row| others(row)[i] != others(&rows[0])[i]));
    let heading = |row: &SummaryRow| {
        let more = others(row).into_iter().zip(differ).filter(|(_, differs)| *differs);
        let words = more.filter_map(|(word, _)| word);
        [row.model.clone(), row.relu.clone()].into_iter().chain(words).collect::<Vec<_>>().join(", ")
    };
    let titles: Vec<String> = rows.iter().map(heading).collect();
    let blocks = in_order(&titles);
    let statuses = rows.iter().any(|row| row.n == 0 || row.failed > 0);
    let rates = rows.iter().any(|row| row.rate_per_s.is_some());
    let (p90, p99) = (any(rows, |row| row.online_s_p90), any(rows, |row| row.online_s_p99));
    let mut columns = vec![Column::text("method"), Column::new("", "budget")];
    columns.extend([Column::new("", "ReLUs").rank(7), Column::text("link")]);
    columns.extend(rates.then(|| Column::new("", "rate/s")));
    columns.push(Column::new("", "n").rank(3));
    for (name, rank) in [("float", 6), ("fixed", 1), ("secure", 2)] {
        columns.push(Column::new("accuracy %", name).rank(rank));
    }
    // Bytes and extremes give way before medians, those of the offline phase first.
    for (phase, more) in [("offline", 1), ("online", 0)] {
        columns.push(Column::new(phase, "p50"));
        if phase == "online" {
            columns.extend(p90.then(|| Column::new(phase, "p90").rank(3)));
            columns.extend(p99.then(|| Column::new(phase, "p99").rank(4)));
        }
        columns.push(Column::new(phase, "max").rank(4 + more));
        columns.push(Column::new(phase, "up").rank(4 + more));
        columns.push(Column::new(phase, "down").rank(1 + more));
        columns.push(Column::new(phase, "rounds").rank(2 + 5 * more));
    }
    columns.extend(statuses.then(|| Column::text("status")));
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
            ]);
            line.extend(p90.then(|| or_missing(row.online_s_p90, seconds)));
            line.extend(p99.then(|| or_missing(row.online_s_p99, seconds)));
            line.extend([
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
    let layout = Layout::new(&columns, &lines, room);
    let mut text = String::new();
    for (index, block) in blocks.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        let members = titles.iter().zip(&lines).filter(|(title, _)| title == block).map(|(_, line)| line);
        layout.block(block, members, &mut text);
    }
    text.extend(layout.left_out());
    text
}

fn any(rows: &[SummaryRow], value: impl Fn(&SummaryRow) -> Option<f64>) -> bool {
    rows.iter().any(|row| value(row).is_some())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CellStatus;

    /// Blocks are told apart by what they differ in, and by nothing else.
    #[test]
    fn headings_say_what_differs() {
        let row = |ot: &str, threads| SummaryRow {
            model: "mini".to_owned(),
            relu: "sign".to_owned(),
            he: Some("linnet".to_owned()),
            ot: Some(ot.to_owned()),
            threads: Some(threads),
            status: CellStatus::Ok,
            ..SummaryRow::default()
        };
        let text = table(&[row("iknp", 1), row("softspoken4", 1)], None);
        assert!(text.contains("mini, sign, iknp\n") && text.contains("mini, sign, softspoken4\n"), "{text}");
        let text = table(&[row("iknp", 1), row("iknp", 2)], None);
        assert!(text.contains("mini, sign, 2 threads\n") && !text.contains("iknp"), "{text}");
        assert!(table(&[row("iknp", 1)], None).contains("mini, sign\n"));
    }
}
