//! What stands below the cells of a block: what a ReLU costs, what networks of one accuracy take, and methods over their seeds.

use super::block::Block;
use super::cost::{LITERATURE_US_PER_RELU, ReluCost};
use super::equal::{AtAccuracy, MethodTime};
use crate::layout::{Column, Layout, abreast, columns, or_missing, tied, wrapped};
use crate::seeds;
use crate::statistics::Line;
use crate::units::{percent, seconds};

/// At most `room` characters wide, if that is given.
pub(super) fn text(block: &Block, room: Option<usize>) -> String {
    let mut text = String::new();
    text.extend(block.costs.iter().map(|cost| wrapped(&cost_line(cost), room)));
    text.push_str(&at_accuracies(&block.at, room));
    text.extend(block.seeds.iter().map(|seeds| wrapped(&seeds::line(seeds), room)));
    text
}

/// Times with their ratios to the first method that has one, a line a method; accuracies stand side by side while there is room.
fn at_accuracies(at: &[AtAccuracy], room: Option<usize>) -> String {
    let (mut text, mut rest) = (String::new(), at);
    while !rest.is_empty() {
        let beside = abreast(rest.len(), room, |beside| at_table(&rest[..beside]).0.wide());
        let (layout, lines) = at_table(&rest[..beside]);
        layout.rows(lines.iter(), &mut text);
        rest = &rest[beside..];
    }
    text
}

fn at_table(at: &[AtAccuracy]) -> (Layout, Vec<Vec<String>>) {
    let mut shown = vec![Column::text("online at")];
    for at in at {
        shown.extend(columns(&format!("{} %", percent(at.accuracy)), &["p50", "ratio"]));
    }
    let firsts: Vec<Option<f64>> =
        at.iter().map(|at| at.methods.iter().find_map(|method| method.online_s)).collect();
    // All have the same methods.
    let methods = at.first().map_or(&[][..], |at| &at.methods);
    let line = |(place, method): (usize, &MethodTime)| {
        let mut line = vec![method.name.clone()];
        for (at, first) in at.iter().zip(&firsts) {
            let time = at.methods[place].online_s;
            line.push(or_missing(time, seconds));
            line.push(or_missing(time.zip(*first), |(time, first)| format!("{:.2}x", time / first)));
        }
        line
    };
    let lines: Vec<Vec<String>> = methods.iter().enumerate().map(line).collect();
    (Layout::new(&shown, &lines, None), lines)
}

fn cost_line(cost: &ReluCost) -> String {
    let slope = |line: &Line| match line.slope_interval {
        Some((low, high)) => tied(&format!("{:.2} ({low:.2} to {high:.2}) µs", line.slope)),
        None => tied(&format!("{:.2} µs", line.slope)),
    };
    let way = if cost.way.is_empty() { String::new() } else { format!(", {}", cost.way) };
    format!(
        "  a ReLU by the line through {} cells{way}: {} online, {} offline and online; papers assume about {}",
        cost.cells,
        slope(&cost.online_us),
        slope(&cost.total_us),
        tied(&format!("{LITERATURE_US_PER_RELU:.0} µs")),
    )
}
