//! Cells that run together: one alone, or several whose repeats alternate, so that what changes while they run falls on
//! all of them alike.

use super::cell::Cell;
use super::progress::Progress;
use super::room;
use crate::error::Error;
use crate::experiment::Experiment;
use crate::party::pair::Pair;
use results::compare::Dimension;
use results::{CellRow, Run};
use std::time::{Duration, Instant};

/// The cells in groups, each in the place of its first one: those that differ only in what is interleaved.
pub(super) fn groups<'a, 'b>(cells: &'b [Cell<'a>], interleave: &[Dimension]) -> Vec<Vec<&'b Cell<'a>>> {
    let mut groups: Vec<(Vec<String>, Vec<&Cell<'a>>)> = Vec::new();
    for cell in cells {
        let key = shared(&cell.row, interleave);
        match groups.iter_mut().find(|(other, _)| !interleave.is_empty() && *other == key) {
            Some((_, members)) => members.push(cell),
            None => groups.push((key, vec![cell])),
        }
    }
    groups.into_iter().map(|(_, members)| members).collect()
}

/// What the cells of a group have in common.
pub(super) fn shared(row: &CellRow, interleave: &[Dimension]) -> Vec<String> {
    let kept = Dimension::ALL.into_iter().filter(|dimension| !interleave.contains(dimension));
    kept.map(|dimension| dimension.of_cell(row)).collect()
}

/// Runs all inferences of the cells, each cell in one session, and saves each inference. A cell's first failure ends that
/// cell. Returns whether there was none.
pub(super) fn measure(
    experiment: &Experiment,
    cells: &[&Cell<'_>],
    run: &mut Run,
    progress: &mut Progress,
) -> Result<bool, Error> {
    let mut lanes: Vec<Lane<'_>> = Vec::with_capacity(cells.len());
    for cell in cells {
        cell.begin(run)?;
        lanes.push(Lane { cell, session: None, done: 0, spent: Duration::ZERO, error: None });
    }
    let needs: Vec<_> = cells.iter().map(|cell| cell.needs()).collect();
    if let Err(error) = room::check(experiment, &needs) {
        let error = error.to_string();
        for lane in &mut lanes {
            let expected = format!("room for {} sessions at a time", cells.len());
            lane.error = Some(Error::Option { option: "--interleave", expected, found: error.clone() });
        }
    }
    for index in 0..experiment.warmups + experiment.images {
        // Who comes first changes, so that coming first is no advantage.
        let turns = lanes.len();
        for turn in 0..turns {
            lanes[(turn + index) % turns].repeat(index, run, progress);
        }
    }
    let mut whole = true;
    for lane in lanes {
        progress.cell(lane.cell, lane.done, lane.spent, lane.error.as_ref());
        whole &= lane.error.is_none();
    }
    Ok(whole)
}

/// A cell that is running.
struct Lane<'a> {
    cell: &'a Cell<'a>,
    session: Option<Pair>,
    done: usize,
    spent: Duration,
    error: Option<Error>,
}

impl Lane<'_> {
    fn repeat(&mut self, index: usize, run: &mut Run, progress: &mut Progress) {
        if self.error.is_some() {
            return;
        }
        let began = Instant::now();
        match self.cell.repeat(index, &mut self.session, run, progress) {
            Ok(()) => self.done += 1,
            Err(error) => {
                self.session = None;
                self.error = Some(error);
            }
        }
        self.spent += began.elapsed();
    }
}
