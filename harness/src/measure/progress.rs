//! How far a sweep is: cells and inferences done, the phase that runs, and how long the rest will take.

use super::cell::Cell;
use crate::error::Error;
use crate::threads;
use crate::to_go::{about, time};
use indicatif::{ProgressBar, ProgressStyle};
use netem::{Bytes, Phase};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// What links alone take of a whole run that is told before it begins, seconds.
const WORTH_TELLING_S: f64 = 60.0;

/// A line on the terminal; elsewhere, a line for every cell that is done.
pub(super) struct Progress {
    bar: ProgressBar,
    cells: usize,
    /// Inferences of each, warm-ups included.
    inferences: usize,
    done: usize,
    inference_began: Instant,
    outlook: Outlook,
}

impl Progress {
    /// Before the first of the `cells`, of which each makes `inferences`, warm-ups included.
    pub(super) fn of(cells: &[Cell<'_>], inferences: usize) -> Self {
        let bar = ProgressBar::new((cells.len() * inferences) as u64);
        let style = ProgressStyle::with_template("{bar:20} {pos}/{len} inferences, {elapsed}  {msg}");
        bar.set_style(style.expect("the template is fixed"));
        threads::moving(&bar);
        let mut outlook = Outlook::default();
        cells.iter().for_each(|cell| outlook.ahead(work(cell).times(inferences as f64)));
        // Before anything waits for hours.
        if outlook.left.link_s >= WORTH_TELLING_S {
            eprintln!("what is sent takes the links alone {}", time(outlook.left.link_s));
        }
        Self { bar, cells: cells.len(), inferences, done: 0, inference_began: Instant::now(), outlook }
    }

    /// A phase of a cell begins.
    pub(super) fn phase(&mut self, cell: &Cell<'_>, phase: Phase) {
        let (up, down, _) = cell.predicted(phase);
        let rest = self.outlook.rest().map_or_else(|| "the rest is not known yet".to_owned(), about);
        self.bar.set_message(format!(
            "cell {} of {}, {}: {phase}, {} up, {} down; {rest}",
            self.done + 1,
            self.cells,
            cell.row.cell,
            Bytes(up),
            Bytes(down),
        ));
        match phase {
            Phase::Setup | Phase::Offline => self.inference_began = Instant::now(),
            Phase::Online => {}
        }
    }

    /// An inference of a cell is done.
    pub(super) fn inference(&mut self, cell: &Cell<'_>) {
        self.outlook.done(work(cell), self.inference_began.elapsed().as_secs_f64());
        // Those from a pool are all told at once, when the last is done.
        self.inference_began = Instant::now();
        self.bar.inc(1);
    }

    /// A cell has ended with so many inferences `done`, in the time that it was its turn.
    pub(super) fn cell(&mut self, cell: &Cell<'_>, done: usize, took: Duration, error: Option<&Error>) {
        let left = self.inferences - done;
        self.outlook.skip(work(cell).times(left as f64));
        self.bar.inc(left as u64);
        self.done += 1;
        let (id, done, cells) = (&cell.row.cell, self.done, self.cells);
        match error {
            Some(error) => self.bar.suspend(|| eprintln!("{done}/{cells} {id}: {error}")),
            None if std::io::stderr().is_terminal() => {}
            None => {
                let rest = self.outlook.rest().map_or_else(String::new, |rest| format!("; {}", about(rest)));
                eprintln!("{done}/{cells} {id}: {:.1} s{rest}", took.as_secs_f64());
            }
        }
    }

    /// Nothing more runs.
    pub(super) fn end(self) {
        self.bar.finish_and_clear();
    }
}

/// What an inference is expected to take: seconds that the link makes for sure, or the wait until it is asked for, and bytes,
/// to which what is computed is about proportional.
#[derive(Clone, Copy, Debug, Default)]
struct Work {
    link_s: f64,
    bytes: f64,
}

impl Work {
    fn times(self, count: f64) -> Self {
        Self { link_s: self.link_s * count, bytes: self.bytes * count }
    }
}

fn work(cell: &Cell<'_>) -> Work {
    let mut work = Work::default();
    for phase in [Phase::Offline, Phase::Online] {
        let (up, down, flights) = cell.predicted(phase);
        let bytes = (up + down) as f64;
        work.bytes += bytes;
        work.link_s += flights as f64 * cell.link().rtt.as_secs_f64() / 2.0;
        work.link_s += cell.link().rate.map_or(0.0, |rate| bytes / rate.0);
    }
    work.link_s = work.link_s.max(cell.rate.map_or(0.0, f64::recip));
    work
}

/// What is done and what is left, from which the time to go is estimated.
#[derive(Debug, Default)]
struct Outlook {
    done: Work,
    done_s: f64,
    left: Work,
}

impl Outlook {
    fn ahead(&mut self, work: Work) {
        self.left.link_s += work.link_s;
        self.left.bytes += work.bytes;
    }

    fn skip(&mut self, work: Work) {
        self.left.link_s = (self.left.link_s - work.link_s).max(0.0);
        self.left.bytes = (self.left.bytes - work.bytes).max(0.0);
    }

    fn done(&mut self, work: Work, seconds: f64) {
        self.skip(work);
        self.done.link_s += work.link_s;
        self.done.bytes += work.bytes;
        self.done_s += seconds;
    }

    /// Seconds to go: the link's for sure, and what was computed for each byte so far for each that is left.
    fn rest(&self) -> Option<f64> {
        let computed = (self.done_s - self.done.link_s).max(0.0);
        (self.done.bytes > 0.0).then(|| self.left.link_s + self.left.bytes * computed / self.done.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_to_go_tells_link_from_computation() {
        let (fast, slow) = (Work { link_s: 0.0, bytes: 100.0 }, Work { link_s: 9.0, bytes: 100.0 });
        let mut outlook = Outlook::default();
        outlook.ahead(fast.times(4.0));
        outlook.ahead(slow.times(2.0));
        assert_eq!(outlook.rest(), None);
        // A second of computation a hundred bytes, whatever the link.
        outlook.done(slow, 10.0);
        assert_eq!(outlook.rest(), Some(9.0 + 5.0));
        outlook.done(fast, 1.0);
        assert_eq!(outlook.rest(), Some(9.0 + 4.0));
        outlook.skip(slow);
        assert_eq!(outlook.rest(), Some(3.0));
        outlook.skip(fast.times(3.0));
        assert_eq!(outlook.rest(), Some(0.0));
    }
}
