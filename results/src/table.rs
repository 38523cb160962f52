//! Summaries as text for a terminal.

use crate::SummaryRow;
use crate::units::{bytes, count, percent, seconds};

/// Stands for a missing value.
const MISSING: &str = "-";

/// Budgets side by side: for each model and ReLU variant a block with a row a cell.
pub fn table(rows: &[SummaryRow]) -> String {
    let heading = |row: &SummaryRow| format!("{}, {}", row.model, row.relu);
    let titles: Vec<String> = rows.iter().map(heading).collect();
    let blocks = in_order(&titles);
    let statuses = rows.iter().any(|row| row.n == 0 || row.failed > 0);
    let mut groups = vec![("", 5), ("accuracy %", 3), ("offline", 5), ("online", 5)];
    let mut columns = vec![
        "method", "budget", "ReLUs", "link", "n", "float", "fixed", "secure", "p50", "max", "up", "down",
        "rounds", "p50", "max", "up", "down", "rounds",
    ];
    if statuses {
        groups.push(("", 1));
        columns.push("status");
    }
    let lines: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let mut line = vec![
                row.method.clone(),
                budget(row),
                count(row.relus),
                row.link.clone(),
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
            ];
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

/// Rows of several runs side by side, a block a model and link. The ratios are to the first row of the block that has the
/// time in question: 2.00x took twice as long.
pub fn compare(runs: &[(String, Vec<SummaryRow>)]) -> String {
    let rows: Vec<(&str, &SummaryRow)> =
        runs.iter().flat_map(|(name, rows)| rows.iter().map(move |row| (name.as_str(), row))).collect();
    let titles: Vec<String> = rows.iter().map(|(_, row)| format!("{}, {}", row.model, row.link)).collect();
    let blocks = in_order(&titles);
    let base = |title: &String, time: fn(&SummaryRow) -> Option<f64>| {
        titles.iter().zip(&rows).filter(|(other, _)| *other == title).find_map(|(_, (_, row))| time(row))
    };
    let lines: Vec<Vec<String>> = rows
        .iter()
        .zip(&titles)
        .map(|((run, row), title)| {
            let ratio = |time: fn(&SummaryRow) -> Option<f64>| match (time(row), base(title, time)) {
                (Some(time), Some(base)) if base > 0.0 => format!("{:.2}x", time / base),
                _ => MISSING.to_owned(),
            };
            vec![
                (*run).to_owned(),
                row.method.clone(),
                row.relu.clone(),
                budget(row),
                count(row.relus),
                count(row.n),
                or_missing(row.acc_secure, percent),
                or_missing(row.offline_s_p50, seconds),
                ratio(|row| row.offline_s_p50),
                or_missing(both(row.offline_up_bytes, row.offline_down_bytes), bytes),
                or_missing(row.online_s_p50, seconds),
                ratio(|row| row.online_s_p50),
                or_missing(both(row.online_up_bytes, row.online_down_bytes), bytes),
                or_missing(row.online_rounds, count),
                status(row),
            ]
        })
        .collect();
    let groups = [("", 7), ("offline", 3), ("online", 4), ("", 1)];
    let columns = [
        "run", "method", "relu", "budget", "ReLUs", "n", "secure %", "p50", "ratio", "bytes", "p50", "ratio",
        "bytes", "rounds", "status",
    ];
    let layout = Layout::new(&groups, &columns, &["run", "method", "relu", "status"], &lines);
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

fn both(up: Option<u64>, down: Option<u64>) -> Option<u64> {
    Some(up?.saturating_add(down?))
}

fn or_missing<T>(value: Option<T>, text: impl Fn(T) -> String) -> String {
    value.map_or_else(|| MISSING.to_owned(), text)
}

fn status(row: &SummaryRow) -> String {
    match &row.error {
        Some(error) => format!("{}: {}", row.status, error.lines().next().unwrap_or_default()),
        None => row.status.to_string(),
    }
}

/// The distinct titles, in order of first appearance.
fn in_order(titles: &[String]) -> Vec<&String> {
    let mut blocks: Vec<&String> = Vec::new();
    for title in titles {
        if !blocks.contains(&title) {
            blocks.push(title);
        }
    }
    blocks
}

/// Column widths shared by all blocks of one table.
struct Layout {
    heads: [String; 2],
    widths: Vec<usize>,
    left: Vec<bool>,
    breaks: Vec<bool>,
}

impl Layout {
    fn new(groups: &[(&str, usize)], columns: &[&str], left: &[&str], lines: &[Vec<String>]) -> Self {
        let widths: Vec<usize> = (0..columns.len())
            .map(|column| {
                let cells = lines.iter().map(|line| width(&line[column]));
                cells.chain([width(columns[column])]).max().unwrap_or_default()
            })
            .collect();
        let mut breaks = vec![false; columns.len()];
        let mut start = 0;
        for (_, span) in groups {
            breaks[start] = start > 0;
            start += span;
        }
        let left: Vec<bool> = columns.iter().map(|column| left.contains(column)).collect();
        let mut layout = Self { heads: [String::new(), String::new()], widths, left, breaks };
        layout.heads = [layout.group_line(groups), layout.line(columns.iter().copied())];
        layout
    }

    fn gap(&self, column: usize) -> usize {
        if self.breaks[column] { 4 } else { 2 }
    }

    fn line<'a>(&self, cells: impl Iterator<Item = &'a str>) -> String {
        let mut text = String::new();
        for (column, cell) in cells.enumerate() {
            text.push_str(&" ".repeat(self.gap(column)));
            let fill = " ".repeat(self.widths[column].saturating_sub(width(cell)));
            if self.left[column] {
                text.push_str(cell);
                text.push_str(&fill);
            } else {
                text.push_str(&fill);
                text.push_str(cell);
            }
        }
        text.truncate(text.trim_end().len());
        text
    }

    /// Group names over a rule across their columns.
    fn group_line(&self, groups: &[(&str, usize)]) -> String {
        let mut text = String::new();
        let mut start = 0;
        for (name, span) in groups {
            let columns = start..start + span;
            let wide: usize = columns.map(|column| self.gap(column) + self.widths[column]).sum();
            let gap = self.gap(start);
            let room = wide - gap;
            text.push_str(&" ".repeat(gap));
            if name.is_empty() {
                text.push_str(&" ".repeat(room));
            } else {
                text.push_str(&format!("{:-^room$}", format!(" {name} ")));
            }
            start += span;
        }
        text.truncate(text.trim_end().len());
        text
    }

    fn block<'a>(&self, title: &str, lines: impl Iterator<Item = &'a Vec<String>>, text: &mut String) {
        for head in [title, &self.heads[0], &self.heads[1]] {
            text.push_str(head);
            text.push('\n');
        }
        for line in lines {
            text.push_str(&self.line(line.iter().map(String::as_str)));
            text.push('\n');
        }
    }
}

/// Columns a text takes: our texts are Latin, one a character.
fn width(text: &str) -> usize {
    text.chars().count()
}
