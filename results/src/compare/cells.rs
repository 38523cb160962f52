//! The comparison: cells put into blocks, and each held against its block's baseline.

use super::block::{Block, Options};
use super::row::{ComparedRow, ToBaseline};
use super::text::value;
use super::{cost, equal, front};
use crate::schema::{AccuracyRow, Dimension, InferenceRow, ScenarioRow, SummaryRow};
use crate::seeds::{Trained, over_seeds, trained_with};
use crate::select::{Candidate, select};
use crate::statistics::{Estimate, Paired, median_ratio, ratio_of_medians};
use crate::summary::{Timed, times};
use crate::{Error, Loaded, accuracy};
use std::collections::HashMap;

/// Compares the runs' cells.
///
/// # Errors
/// [`Error::Selection`] if no cell is the baseline that is asked for, or several of one block are.
pub fn compare(runs: &[Loaded], options: &Options) -> Result<Vec<Block>, Error> {
    let mut cells: Vec<Cell<'_>> = Vec::new();
    for run in runs {
        let mut times: HashMap<String, Vec<Timed>> = times(&run.tables, &run.manifest).into_iter().collect();
        let mut tested = accuracy::by_cell(&run.tables.cells, &run.tables.accuracy);
        let alternated = interleaved(run);
        for row in &run.summary {
            let inferences = run.tables.inferences.iter().filter(|inference| inference.cell == row.cell);
            cells.push(Cell {
                run: &run.manifest.id,
                alternated: alternated.clone(),
                row,
                times: times.remove(&row.cell).unwrap_or_default(),
                inferences: inferences.filter(|inference| inference.counts()).collect(),
                tested: tested.remove(row.cell.as_str()).unwrap_or_default(),
                pooled: run.scenarios.iter().find(|scenario| scenario.cell == row.cell),
            });
        }
    }
    let kept: Vec<Dimension> = Dimension::ALL.into_iter().filter(|d| !options.by.contains(d)).collect();
    let key = |cell: &Cell<'_>| -> Vec<String> { kept.iter().map(|d| cell.value(*d)).collect() };
    let mut keys: Vec<Vec<String>> = Vec::new();
    for cell in &cells {
        if !keys.contains(&key(cell)) {
            keys.push(key(cell));
        }
    }
    // A title leaves out what all cells have in common, except the model and the link.
    let named = |index: &usize| {
        matches!(kept[*index], Dimension::Model | Dimension::Link)
            || keys.iter().any(|other| other[*index] != keys[0][*index])
    };
    let candidates: Vec<Candidate> =
        cells.iter().map(|cell| Candidate::of_summary(cell.run, cell.row)).collect();
    let asked = match &options.baseline {
        Some(text) => Some((text, select(BASELINE, text, &candidates)?)),
        None => None,
    };
    let mut blocks = Vec::with_capacity(keys.len());
    for block in &keys {
        let places: Vec<usize> = (0..cells.len()).filter(|place| key(&cells[*place]) == *block).collect();
        let members: Vec<&Cell<'_>> = places.iter().map(|place| &cells[*place]).collect();
        let baseline = match &asked {
            None => Some(0),
            Some((text, asked)) => {
                let meant: Vec<bool> = places.iter().map(|place| asked[*place]).collect();
                one_of(text, &members, &meant)?
            }
        };
        let title: Vec<&str> = (0..kept.len()).filter(named).map(|index| block[index].as_str()).collect();
        let named = (0..kept.len()).filter(named).map(|index| kept[index]).collect();
        let mut rows: Vec<ComparedRow> =
            members.iter().map(|cell| cell.compared(baseline.map(|index| members[index]))).collect();
        let spreads: Vec<_> = members.iter().map(|cell| front::spread(&cell.times)).collect();
        let beaten = front::mark(&mut rows, &spreads);
        let costs = cost::costs(&rows);
        let at = equal::at(&rows, &options.accuracies);
        let seeds = over_seeds(&rows.iter().filter_map(trained).collect::<Vec<_>>());
        blocks.push(Block { title: title.join(", "), named, rows, baseline, beaten, costs, at, seeds });
    }
    Ok(blocks)
}

/// The option that names a baseline.
const BASELINE: &str = "--baseline";

/// The place of the member that is meant, if one is.
fn one_of(text: &str, members: &[&Cell<'_>], meant: &[bool]) -> Result<Option<usize>, Error> {
    let places: Vec<usize> = (0..members.len()).filter(|place| meant[*place]).collect();
    match places[..] {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        _ => {
            let cells: Vec<&str> = places.iter().map(|place| members[*place].row.cell.as_str()).collect();
            Err(Error::Selection {
                option: BASELINE,
                expected: "one cell among those that are compared (conditions are joined by commas, such as \
                           method=ar,relu=narrow)"
                    .to_owned(),
                found: format!("{text}, which {} are", cells.join(" and ")),
            })
        }
    }
}

/// The row as one of a method's networks.
fn trained(row: &ComparedRow) -> Option<Trained<'_>> {
    let (method, seed) = Some(trained_with(&row.method)).filter(|_| row.ok())?;
    let value = |dimension: Dimension| value(dimension, row);
    let told_apart = |dimension: &Dimension| !matches!(dimension, Dimension::Method | Dimension::Budget);
    let rest = Dimension::ALL.into_iter().filter(told_apart).map(value).collect();
    let (budget, accuracy) = (value(Dimension::Budget), row.accuracy()?.value);
    Some(Trained { method, seed, budget, rest, accuracy, online_s: row.online_s_p50 })
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
    fn value(&self, dimension: Dimension) -> String {
        dimension.value(self.run, &self.row.identity())
    }

    fn compared(&self, baseline: Option<&Cell<'_>>) -> ComparedRow {
        let to_baseline = match baseline {
            None => ToBaseline::default(),
            Some(base) if (base.run, &base.row.cell) == (self.run, &self.row.cell) => {
                let one = |time: Option<f64>| time.map(|_| Estimate { value: 1.0, interval: None });
                ToBaseline {
                    cell: Some(&base.row.cell),
                    offline: one(self.row.offline_s_p50),
                    online: one(self.row.online_s_p50),
                    ..ToBaseline::default()
                }
            }
            Some(base) => ToBaseline {
                cell: Some(&base.row.cell),
                paired: self.paired_with(base),
                offline: self.ratio(base, |repeat| repeat.offline_ns, |row| row.offline_s_p50),
                online: self.ratio(base, |repeat| repeat.online_ns, |row| row.online_s_p50),
                acc_fixed_p: same_accuracy(self.fixed(), base.fixed()),
                acc_secure_p: same_accuracy(self.secure(), base.secure()),
            },
        };
        ComparedRow::new(self.run, self.row, &to_baseline, self.pooled)
    }

    /// Whether the repeats of both alternated.
    fn paired_with(&self, base: &Cell<'_>) -> bool {
        let same = |dimension: &Dimension| self.value(*dimension) == base.value(*dimension);
        !self.alternated.is_empty()
            && Dimension::ALL.iter().filter(|dimension| !self.alternated.contains(dimension)).all(same)
    }

    /// Of the repeats' times; of the summaries' medians, without an interval, where those are not there.
    fn ratio(
        &self,
        base: &Cell<'_>,
        time: fn(&Timed) -> Option<u64>,
        median: fn(&SummaryRow) -> Option<f64>,
    ) -> Option<Estimate> {
        if self.times.is_empty() || base.times.is_empty() {
            let base = median(base.row).filter(|seconds| *seconds > 0.0)?;
            return Some(Estimate { value: median(self.row)? / base, interval: None });
        }
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
