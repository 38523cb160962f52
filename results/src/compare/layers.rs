//! Steps of the compared cells side by side, for a terminal, and as CSV.

use super::block::Block;
use super::row::ComparedRow;
use super::text::{differing, value};
use crate::layout::{Column, Layout, columns, or_missing, wrapped};
use crate::schema::{Dimension, Phase};
use crate::units::{bytes, seconds};
use crate::{LayerRow, units};

/// Cells that stand side by side at most: the baseline and three others.
const ABREAST: usize = 4;

/// For each block and each phase of it the steps, a row each, with the phase's total of the summary below; in each table the
/// baseline, if there is one, and up to three other cells, fewer where that is more than `room` characters wide, if that is
/// given. Of more than `most` steps those that take longest have rows of their own.
pub fn layers_text(blocks: &[Block], layers: &[LayerRow], most: usize, room: Option<usize>) -> String {
    let dimensions = differing(blocks);
    let (mut text, mut left_out) = (String::new(), None);
    for block in blocks {
        let baseline = block.baseline.map(|index| &block.rows[index]);
        let others: Vec<&ComparedRow> = block
            .rows
            .iter()
            .enumerate()
            .filter(|(index, row)| Some(*index) != block.baseline && !of(row, layers).is_empty())
            .map(|(_, row)| row)
            .collect();
        let tables = |cells: &[&ComparedRow]| {
            [Phase::Offline, Phase::Online].map(|phase| table(phase, cells, &dimensions, layers, most))
        };
        let fits = |cells: &[&ComparedRow]| {
            let fits = |table: &Table| room.is_none_or(|room| table.layout(Some(room)).wide() <= room);
            tables(cells).iter().all(fits)
        };
        for cells in parts(baseline, &others, fits) {
            for table in tables(&cells) {
                let layout = table.layout(room);
                let title = format!("{}, {} by layer", block.title, table.phase);
                layout.block(&title, table.lines.iter(), &mut text);
                text.push('\n');
                left_out = left_out.or_else(|| layout.left_out());
            }
        }
    }
    text.extend(left_out);
    text.push_str(&wrapped(
        "p50: offline of the party that was slower over the phase, online of the client; medians of steps need not add up to the total's",
        room,
    ));
    text
}

/// The cells that stand side by side in each table: others beside the baseline where that fits, and alone elsewhere.
fn parts<'a>(
    baseline: Option<&'a ComparedRow>,
    others: &[&'a ComparedRow],
    fits: impl Fn(&[&'a ComparedRow]) -> bool,
) -> Vec<Vec<&'a ComparedRow>> {
    let beside = |others: &[&'a ComparedRow]| -> Vec<&'a ComparedRow> {
        baseline.into_iter().chain(others.iter().copied()).collect()
    };
    let most = ABREAST - usize::from(baseline.is_some());
    let (mut parts, mut rest) = (Vec::new(), others);
    while !rest.is_empty() {
        let count = (1..=most.min(rest.len())).rev().find(|count| fits(&beside(&rest[..*count])));
        parts.push(count.map_or_else(|| vec![rest[0]], |count| beside(&rest[..count])));
        rest = &rest[count.unwrap_or(1)..];
    }
    let shown =
        |cell: &ComparedRow| parts.iter().any(|part| part.iter().any(|other| std::ptr::eq(*other, cell)));
    if let Some(cell) = baseline.filter(|cell| !shown(cell)) {
        parts.insert(0, vec![cell]);
    }
    parts
}

/// A header and a line for each step of each phase of each cell; seconds with nine decimals, missing ones empty.
pub fn layers_csv(layers: &[LayerRow]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in layers {
        writer.serialize(row).expect("a flat row encodes");
    }
    writer.into_inner().expect("memory takes every byte")
}

fn of<'a>(cell: &ComparedRow, layers: &'a [LayerRow]) -> Vec<&'a LayerRow> {
    layers.iter().filter(|row| (&row.run, &row.cell) == (&cell.run, &cell.cell)).collect()
}

/// What a step, or several together, cost in one cell.
#[derive(Clone, Copy, Default)]
struct StepCost {
    /// `None` where it is not known.
    seconds: Option<f64>,
    up: u64,
    down: u64,
}

impl StepCost {
    fn plus(self, other: Self) -> Self {
        let seconds = self.seconds.into_iter().chain(other.seconds).reduce(|a, b| a + b);
        Self { seconds, up: self.up + other.up, down: self.down + other.down }
    }
}

/// A step with what it cost in each cell; `None` where the cell does not have it.
struct Step<'a> {
    name: &'a str,
    kind: &'a str,
    costs: Vec<Option<StepCost>>,
}

impl Step<'_> {
    /// Over all cells.
    fn seconds(&self) -> f64 {
        self.costs.iter().flatten().filter_map(|cost| cost.seconds).sum()
    }
}

/// The phase's steps of all `cells`, in the order of the first one's plan, then of the others'.
fn steps<'a>(phase: Phase, cells: &[&ComparedRow], layers: &'a [LayerRow]) -> Vec<Step<'a>> {
    let mut steps: Vec<Step<'a>> = Vec::new();
    for (index, cell) in cells.iter().enumerate() {
        for row in of(cell, layers).into_iter().filter(|row| row.phase == phase) {
            let cost = StepCost { seconds: row.seconds_p50, up: row.up_bytes, down: row.down_bytes };
            let known =
                steps.iter().position(|step| (step.name, step.kind) == (&row.step_name, &row.step_kind));
            let known = known.unwrap_or_else(|| {
                steps.push(Step {
                    name: &row.step_name,
                    kind: &row.step_kind,
                    costs: vec![None; cells.len()],
                });
                steps.len() - 1
            });
            let place = &mut steps[known].costs[index];
            *place = Some(place.map_or(cost, |before| before.plus(cost)));
        }
    }
    steps
}

/// All of `steps` together, cell by cell.
fn sum<'a>(steps: impl Iterator<Item = &'a Step<'a>> + Clone, cells: usize) -> Vec<Option<StepCost>> {
    let of_cell = |cell: usize| steps.clone().filter_map(|step| step.costs[cell]).reduce(StepCost::plus);
    (0..cells).map(of_cell).collect()
}

/// The steps of a phase in some cells.
struct Table {
    phase: Phase,
    columns: Vec<Column>,
    lines: Vec<Vec<String>>,
}

impl Table {
    fn layout(&self, room: Option<usize>) -> Layout {
        Layout::new(&self.columns, &self.lines, room)
    }
}

fn table(
    phase: Phase,
    cells: &[&ComparedRow],
    dimensions: &[Dimension],
    layers: &[LayerRow],
    most: usize,
) -> Table {
    let steps = steps(phase, cells, layers);
    let mut lengths: Vec<f64> = steps.iter().map(Step::seconds).collect();
    lengths.sort_by(|a, b| b.total_cmp(a));
    // A step alone is not put together with others.
    let least = lengths.get(most).filter(|_| steps.len() > most + 1);
    let apart = |step: &&Step<'_>| least.is_none_or(|least| step.seconds() > *least);
    let mut lines: Vec<Vec<String>> =
        steps.iter().filter(apart).map(|step| line(step.name, step.kind, &step.costs)).collect();
    let rest: Vec<&Step<'_>> = steps.iter().filter(|step| !apart(step)).collect();
    if !rest.is_empty() {
        let name = format!("{} others", units::count(rest.len() as u64));
        lines.push(line(&name, "", &sum(rest.iter().copied(), cells.len())));
    }
    let mut total = sum(steps.iter(), cells.len());
    for (cost, cell) in total.iter_mut().zip(cells) {
        *cost = cost.map(|cost| StepCost { seconds: phase_seconds(phase, cell), ..cost });
    }
    lines.push(line("total", "", &total));

    let names: Vec<String> = cells.iter().map(|cell| name(cell, dimensions)).collect();
    let mut shown = vec![Column::text("step"), Column::text("kind").rank(1)];
    shown.extend(names.iter().flat_map(|name| columns(name, &["p50", "up", "down"])));
    Table { phase, columns: shown, lines }
}

/// The summary's median of the phase, seconds.
fn phase_seconds(phase: Phase, cell: &ComparedRow) -> Option<f64> {
    match phase {
        Phase::Setup => None,
        Phase::Offline => cell.offline_s_p50,
        Phase::Online => cell.online_s_p50,
    }
}

/// What tells a cell from the others of its block.
fn name(cell: &ComparedRow, dimensions: &[Dimension]) -> String {
    let parts: Vec<String> =
        dimensions.iter().chain([&Dimension::Budget]).map(|dimension| value(*dimension, cell)).collect();
    parts.join(" ")
}

fn line(name: &str, kind: &str, costs: &[Option<StepCost>]) -> Vec<String> {
    let mut line = vec![name.to_owned(), kind.to_owned()];
    for cost in costs {
        line.extend([
            or_missing(cost.and_then(|cost| cost.seconds), seconds),
            or_missing(cost.map(|cost| cost.up), bytes),
            or_missing(cost.map(|cost| cost.down), bytes),
        ]);
    }
    line
}
