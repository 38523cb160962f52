//! Cells of one or more runs side by side: ratios to a baseline with their intervals, which cells are worth choosing, and
//! what a ReLU costs.

mod cost;
mod export;
mod front;
mod layers;
mod row;
mod text;

pub use cost::{LITERATURE_US_PER_RELU, ReluCost};
pub use export::{Exported, csv, json, parquet, schema};
pub use layers::{layers_csv, layers_text};
pub use row::{ComparedRow, Dimension};
pub use text::text;

use crate::statistics::{Estimate, Paired, median_ratio, ratio_of_medians};
use crate::{AccuracyRow, Error, InferenceRow, Loaded, ScenarioRow, SummaryRow, Timed, accuracy};
use std::collections::HashMap;

/// What is compared with what.
#[derive(Clone, Debug)]
pub struct Options {
    /// Cells that differ only in these stand in one block, and are compared.
    pub by: Vec<Dimension>,
    /// Text within the baseline's run or cell; without it, the first cell of a block is its baseline.
    pub baseline: Option<String>,
}

impl Default for Options {
    /// All but model and link.
    fn default() -> Self {
        let by = Dimension::ALL.into_iter();
        let by = by.filter(|dimension| !matches!(dimension, Dimension::Model | Dimension::Link));
        Self { by: by.collect(), baseline: None }
    }
}

/// Cells that are compared with each other.
#[derive(Clone, Debug)]
pub struct Block {
    /// What they have in common.
    pub title: String,
    /// The cells, in the order of the runs.
    pub rows: Vec<ComparedRow>,
    /// Index of the row that ratios are to.
    pub baseline: Option<usize>,
    /// What a ReLU costs, for each way of computing it with cells of different counts.
    pub costs: Vec<ReluCost>,
}

/// Compares the runs' cells.
///
/// # Errors
/// [`Error::NoBaseline`] if no cell is the one that is asked for.
pub fn compare(runs: &[Loaded], options: &Options) -> Result<Vec<Block>, Error> {
    let mut cells: Vec<Cell<'_>> = Vec::new();
    for run in runs {
        let mut times: HashMap<String, Vec<Timed>> = run.times().into_iter().collect();
        let mut tested = accuracy::by_cell(&run.cells, &run.accuracy);
        let alternated = interleaved(run);
        for row in &run.summary {
            let inferences = run.inferences.iter().filter(|inference| inference.cell == row.cell);
            cells.push(Cell {
                run: &run.manifest.id,
                alternated: alternated.clone(),
                row,
                times: times.remove(&row.cell).unwrap_or_default(),
                inferences: inferences.filter(|inference| inference.counts()).collect(),
                tested: tested.remove(row.cell.as_str()).unwrap_or_default(),
                pooled: run.pool.scenarios.iter().find(|scenario| scenario.cell == row.cell),
            });
        }
    }
    let kept: Vec<Dimension> = Dimension::ALL.into_iter().filter(|d| !options.by.contains(d)).collect();
    let key = |cell: &Cell<'_>| -> Vec<String> { kept.iter().map(|d| d.of(cell.run, cell.row)).collect() };
    let mut keys: Vec<Vec<String>> = Vec::new();
    for cell in &cells {
        if !keys.contains(&key(cell)) {
            keys.push(key(cell));
        }
    }
    // What all cells have in common need not be said, but for the two that everybody asks for.
    let told = |index: &usize| {
        matches!(kept[*index], Dimension::Model | Dimension::Link)
            || keys.iter().any(|other| other[*index] != keys[0][*index])
    };
    let mut found = false;
    let mut blocks = Vec::with_capacity(keys.len());
    for block in &keys {
        let members: Vec<&Cell<'_>> = cells.iter().filter(|cell| key(cell) == *block).collect();
        let asked = |text: &str| {
            members.iter().position(|cell| cell.run.contains(text) || cell.row.cell.contains(text))
        };
        let baseline = options.baseline.as_deref().map_or(Some(0), asked);
        found |= baseline.is_some();
        let title: Vec<&str> = (0..kept.len()).filter(told).map(|index| block[index].as_str()).collect();
        let mut rows: Vec<ComparedRow> =
            members.iter().map(|cell| cell.compared(baseline.map(|index| members[index]))).collect();
        front::mark(&mut rows);
        let costs = cost::costs(&rows);
        blocks.push(Block { title: title.join(", "), rows, baseline, costs });
    }
    match (&options.baseline, found) {
        (Some(text), false) => Err(Error::NoBaseline {
            text: text.clone(),
            cells: cells.iter().map(|cell| cell.row.cell.clone()).collect(),
        }),
        _ => Ok(blocks),
    }
}

/// What a run's repeats alternated over, by its settings.
fn interleaved(run: &Loaded) -> Vec<Dimension> {
    let setting = run.manifest.settings.get("interleave").cloned().unwrap_or_default();
    serde_json::from_value(setting).unwrap_or_default()
}

/// A cell with all that comparisons need.
struct Cell<'a> {
    run: &'a str,
    /// Cells of the run that differ only in these had their repeats alternate.
    alternated: Vec<Dimension>,
    row: &'a SummaryRow,
    times: Vec<Timed>,
    inferences: Vec<&'a InferenceRow>,
    /// Classes of test images in the clear.
    tested: Vec<&'a AccuracyRow>,
    /// What came of its queries, where they used a pool.
    pooled: Option<&'a ScenarioRow>,
}

impl Cell<'_> {
    fn compared(&self, baseline: Option<&Cell<'_>>) -> ComparedRow {
        let itself = |base: &Cell<'_>| (base.run, &base.row.cell) == (self.run, &self.row.cell);
        if let Some(base) = baseline.filter(|base| itself(base)) {
            let one = |time: Option<f64>| time.map(|_| Estimate { value: 1.0, interval: None });
            let (offline, online) = (one(self.row.offline_s_p50), one(self.row.online_s_p50));
            return ComparedRow::new(
                self.run,
                self.row,
                Some(&base.row.cell),
                offline,
                online,
                None,
                self.pooled,
            );
        }
        let offline = baseline.and_then(|base| self.ratio(base, |repeat| repeat.offline_ns));
        let online = baseline.and_then(|base| self.ratio(base, |repeat| repeat.online_ns));
        let secure = baseline.and_then(|base| same_accuracy(self.secure(), base.secure()));
        let acc_fixed_p = baseline.and_then(|base| same_accuracy(self.fixed(), base.fixed()));
        let of = baseline.map(|base| base.row.cell.as_str());
        let paired = baseline.is_some_and(|base| self.paired_with(base));
        let row = ComparedRow::new(self.run, self.row, of, offline, online, secure, self.pooled);
        ComparedRow { paired, acc_fixed_p, ..row }
    }

    /// Whether the repeats of both alternated.
    fn paired_with(&self, base: &Cell<'_>) -> bool {
        let same =
            |dimension: &Dimension| dimension.of(self.run, self.row) == dimension.of(base.run, base.row);
        !self.alternated.is_empty()
            && Dimension::ALL.iter().filter(|dimension| !self.alternated.contains(dimension)).all(same)
    }

    fn ratio(&self, base: &Cell<'_>, time: fn(&Timed) -> Option<u64>) -> Option<Estimate> {
        if self.paired_with(base) {
            let of_base: HashMap<u64, u64> =
                base.times.iter().filter_map(|repeat| Some((repeat.image, time(repeat)?))).collect();
            let pair = |repeat: &Timed| Some((time(repeat)? as f64, *of_base.get(&repeat.image)? as f64));
            return median_ratio(self.times.iter().filter_map(pair).filter(|(_, base)| *base > 0.0));
        }
        let seconds = |cell: &Cell<'_>| -> Vec<f64> {
            cell.times.iter().filter_map(time).filter(|ns| *ns > 0).map(|ns| ns as f64 / 1e9).collect()
        };
        ratio_of_medians(&seconds(self), &seconds(base))
    }

    /// The images that were classified securely, and whether rightly.
    fn secure(&self) -> impl Iterator<Item = (Image, bool)> {
        let verdict = |row: &&InferenceRow| Some(((row.image, row.label), row.class_secure? == row.label));
        self.inferences.iter().filter_map(verdict)
    }

    /// The test images that were classified in the ring, in the clear, and whether rightly.
    fn fixed(&self) -> impl Iterator<Item = (Image, bool)> {
        self.tested.iter().map(|row| ((row.image, row.label), row.class_fixed == row.label))
    }
}

/// An image's index and class: of different data sets, images of one index are not the same.
type Image = (u64, u32);

/// McNemar's test on the images that both classified; `None` without any.
fn same_accuracy(
    ours: impl Iterator<Item = (Image, bool)>,
    theirs: impl Iterator<Item = (Image, bool)>,
) -> Option<f64> {
    let theirs: HashMap<Image, bool> = theirs.collect();
    let verdicts: Vec<(bool, bool)> =
        ours.filter_map(|(image, right)| Some((right, *theirs.get(&image)?))).collect();
    (!verdicts.is_empty()).then(|| Paired::of(verdicts).p_value())
}
