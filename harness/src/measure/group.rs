//! Cells that run together: one alone, or several whose repeats alternate, so that what changes while they run falls on
//! all of them alike.

use super::cell::Cell;
use super::local::Local;
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
    let mut running: Vec<Running<'_>> = Vec::with_capacity(cells.len());
    for cell in cells {
        cell.begin(run)?;
        running.push(Running { cell, pair: None, done: 0, took: Duration::ZERO, error: None });
    }
    let needs: Vec<_> = cells.iter().map(|cell| cell.needs()).collect();
    if let Err(error) = room::check(experiment, &needs) {
        let error = error.to_string();
        for member in &mut running {
            let expected = format!("room for {} sessions at a time", cells.len());
            member.error = Some(Error::Option { option: "--interleave", expected, found: error.clone() });
        }
    }
    for index in 0..experiment.warmups + experiment.images {
        // Who comes first changes, so that coming first is no advantage.
        let turns = running.len();
        for turn in 0..turns {
            running[(turn + index) % turns].repeat(index, run, progress);
        }
    }
    let mut whole = true;
    for member in running {
        progress.cell(member.cell, member.done, member.took, member.error.as_ref());
        whole &= member.error.is_none();
    }
    Ok(whole)
}

/// A cell that is running.
struct Running<'a> {
    cell: &'a Cell<'a>,
    pair: Option<Pair>,
    done: usize,
    took: Duration,
    error: Option<Error>,
}

impl Running<'_> {
    fn repeat(&mut self, index: usize, run: &mut Run, progress: &mut Progress) {
        if self.error.is_some() {
            return;
        }
        let began = Instant::now();
        match self.inference(index, run, progress) {
            Ok(()) => self.done += 1,
            Err(error) => {
                self.pair = None;
                self.error = Some(error);
            }
        }
        self.took += began.elapsed();
    }

    /// Runs the inference `index` (warm-ups come first) in the cell's session and saves it.
    fn inference(&mut self, index: usize, run: &mut Run, progress: &mut Progress) -> Result<(), Error> {
        let cell = self.cell;
        let mut row = cell.blank(index);
        let image = cell.clear(row.image as usize, &mut row)?;
        let mut driver = Local { cell, pair: &mut self.pair, progress };
        let flow = cell.flow(cell.experiment.transcripts);
        flow.run(&mut driver, row, &image, run)?.map_or(Ok(()), Err)?;
        progress.inference(cell);
        Ok(())
    }
}
