//! A comparison as text for a terminal.

use super::block::Block;
use super::cost::{LITERATURE_US_PER_RELU, ReluCost};
use super::equal::AtAccuracy;
use super::row::ComparedRow;
use crate::layout::{Column, Layout, or_missing};
use crate::schema::Dimension;
use crate::seeds;
use crate::statistics::Line;
use crate::units::{apart, bytes, count, percent, seconds};

/// Blocks of cells, a row each, with what a ReLU costs below; then what the marks mean. At most `room` characters wide, if that
/// is given.
pub fn text(blocks: &[Block], room: Option<usize>) -> String {
    let all: Vec<&ComparedRow> = blocks.iter().flat_map(|block| &block.rows).collect();
    let shown = differing(blocks);
    let statuses = all.iter().any(|row| !row.ok());
    let pooled = all.iter().any(|row| row.served_per_s.is_some());
    let lines = |rows: &[ComparedRow]| -> Vec<Vec<String>> {
        rows.iter().map(|row| line(row, &shown, pooled, statuses)).collect()
    };
    let every: Vec<Vec<String>> = blocks.iter().flat_map(|block| lines(&block.rows)).collect();
    let layout = Layout::new(&columns(&shown, pooled, statuses), &every, room);
    let mut text = String::new();
    for block in blocks {
        if !text.is_empty() {
            text.push('\n');
        }
        layout.block(&block.title, lines(&block.rows).iter(), &mut text);
        block.costs.iter().for_each(|cost| text.push_str(&cost_line(cost)));
        block.at.iter().for_each(|at| text.push_str(&at_line(at)));
        block.seeds.iter().for_each(|seeds| text.push_str(&seeds::line(seeds)));
    }
    text.extend(layout.left_out());
    if all.iter().any(|row| row.paired) {
        text.push_str(
            "\n*: repeats alternated with the baseline's, and the ratio is the median of the images' own",
        );
    }
    text.push_str(
        "\nratio: to the first row of a block, or to --baseline; 95 %: the interval that holds it, with 6 repeats or more\n\
         p: how probable so uneven a split of the images would be, were the classes to its left as good (McNemar)\n\
         front: nothing in the block surely beats it in accuracy and online time (t), or in accuracy and bytes (b)\n",
    );
    text
}

/// As [`line`] fills them.
fn columns(shown: &[Dimension], pooled: bool, statuses: bool) -> Vec<Column> {
    let mut columns: Vec<Column> = shown.iter().map(|dimension| Column::text(dimension.name())).collect();
    columns.extend([
        Column::new("", "budget"),
        Column::new("", "ReLUs").rank(8),
        Column::new("", "n").rank(5),
        Column::new("accuracy %", "test"),
        Column::new("accuracy %", "p").rank(9),
        Column::new("accuracy %", "secure").rank(7),
        Column::new("accuracy %", "p").rank(9),
        Column::new("offline", "p50"),
        Column::new("offline", "ratio").rank(6),
        Column::new("offline", "bytes").rank(3),
        Column::new("online", "p50"),
        Column::new("online", "ratio").rank(1),
        Column::new("online", "95 %").rank(2),
        Column::new("online", "bytes").rank(4),
        Column::new("online", "rounds").rank(4),
    ]);
    if pooled {
        columns.extend([
            Column::new("response", "p50").rank(1),
            Column::new("response", "p90").rank(1),
            Column::new("pool", "served/s").rank(2),
            Column::new("pool", "dry").rank(2),
        ]);
    }
    columns.push(Column::text("front").rank(3));
    columns.extend(statuses.then(|| Column::text("status")));
    columns
}

/// The columns that tell cells apart: what cells of some block differ in, and the method always. The budget is left out, since
/// it has a column in any case.
pub(super) fn differing(blocks: &[Block]) -> Vec<Dimension> {
    let differs = |dimension: Dimension, block: &Block| {
        block.rows.windows(2).any(|pair| value(dimension, &pair[0]) != value(dimension, &pair[1]))
    };
    let shown = |dimension: &Dimension| match dimension {
        Dimension::Budget => false,
        Dimension::Method => true,
        _ => blocks.iter().any(|block| differs(*dimension, block)),
    };
    Dimension::ALL.into_iter().filter(shown).collect()
}

/// As people read it.
pub(super) fn value(dimension: Dimension, row: &ComparedRow) -> String {
    match (dimension, row.budget) {
        (Dimension::Budget, Some(budget)) => count(budget),
        _ => dimension.value(&row.run, &row.identity()),
    }
}

fn line(row: &ComparedRow, shown: &[Dimension], pooled: bool, statuses: bool) -> Vec<String> {
    let sign = if row.paired { "x*" } else { "x" };
    let ratio = |ratio: Option<f64>| or_missing(ratio, |ratio| format!("{ratio:.2}{sign}"));
    let ends = row.online_ratio_low.zip(row.online_ratio_high).map(|(low, high)| apart(low, high));
    // As many digits as its interval has.
    let online = match (row.online_ratio, &ends) {
        (Some(ratio), Some((low, _))) => {
            let decimals = low.rsplit_once('.').map_or(0, |(_, digits)| digits.len());
            format!("{ratio:.decimals$}{sign}")
        }
        (online, _) => ratio(online),
    };
    let front = [(row.front_latency, 't'), (row.front_bytes, 'b')];
    let mut line: Vec<String> = shown.iter().map(|dimension| value(*dimension, row)).collect();
    line.extend([
        value(Dimension::Budget, row),
        count(row.relus),
        count(row.n),
        or_missing(row.acc_fixed_test, percent),
        or_missing(row.acc_fixed_p, probability),
        or_missing(row.acc_secure, percent),
        or_missing(row.acc_secure_p, probability),
        or_missing(row.offline_s_p50, seconds),
        ratio(row.offline_ratio),
        or_missing(row.offline_bytes, bytes),
        or_missing(row.online_s_p50, seconds),
        online,
        or_missing(ends, |(low, high)| format!("{low}-{high}")),
        or_missing(row.online_bytes, bytes),
        or_missing(row.online_rounds, count),
    ]);
    if pooled {
        line.extend([
            or_missing(row.response_s_p50, seconds),
            or_missing(row.response_s_p90, seconds),
            or_missing(row.served_per_s, |rate| format!("{rate:.2}")),
            or_missing(row.dry, count),
        ]);
    }
    line.push(front.into_iter().filter(|(on, _)| *on).map(|(_, mark)| mark).collect());
    if statuses {
        line.push(match &row.error {
            Some(error) => format!("{}: {}", row.status, error.lines().next().unwrap_or_default()),
            None => row.status.clone(),
        });
    }
    line
}

/// Times, with their ratios to the first method that has one.
fn at_line(at: &AtAccuracy) -> String {
    let first = at.methods.iter().find_map(|method| method.online_s);
    let told = at.methods.iter().map(|method| match (method.online_s, first) {
        (Some(time), Some(first)) => format!("{} {} ({:.2}x)", method.name, seconds(time), time / first),
        _ => format!("{} -", method.name),
    });
    format!("  online at {} %: {}\n", percent(at.accuracy), told.collect::<Vec<_>>().join(", "))
}

/// A probability to two digits.
fn probability(p: f64) -> String {
    if p < 0.005 { "<0.01".to_owned() } else { format!("{p:.2}") }
}

fn cost_line(cost: &ReluCost) -> String {
    let slope = |line: &Line| match line.slope_interval {
        Some((low, high)) => format!("{:.2} ({low:.2} to {high:.2}) µs", line.slope),
        None => format!("{:.2} µs", line.slope),
    };
    let way = if cost.way.is_empty() { String::new() } else { format!(", {}", cost.way) };
    format!(
        "  a ReLU by the line through {} cells{way}: {} online, {} offline and online; papers assume about {:.0} µs\n",
        cost.cells,
        slope(&cost.online_us),
        slope(&cost.total_us),
        LITERATURE_US_PER_RELU,
    )
}
