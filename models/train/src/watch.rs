//! Telling a person how training goes.

use indicatif::{ProgressBar, ProgressStyle};
use models::checkpoint::Epoch;
use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// How often coalitions are reported where there is no bar.
const SILENCE: Duration = Duration::from_secs(20);

/// Where a run is, within an epoch.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// The part of the run.
    pub stage: &'a str,
    /// From 1.
    pub epoch: usize,
    /// Epochs of the stage.
    pub epochs: usize,
    /// Batches done.
    pub batch: usize,
    /// Batches of the epoch.
    pub batches: usize,
    /// Mean loss so far in this epoch.
    pub loss: f64,
    /// Share classified correctly so far in this epoch.
    pub accuracy: f64,
}

/// Follows a run; may end it after an epoch, from where it can be continued.
pub trait Watch {
    /// A message of one line.
    fn note(&mut self, _line: &str) {}

    /// After every batch.
    fn batch(&mut self, _progress: Progress<'_>) {}

    /// After every epoch of `epochs`, when its state is on disk.
    fn epoch(&mut self, _epoch: &Epoch, _epochs: usize) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// While coalitions are measured: at most `most` of them, fewer if some are trimmed.
    fn coalition(&mut self, _measured: usize, _most: u128) {}
}

/// Says nothing.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Watch for Silent {}

/// A progress bar and one line per epoch on a terminal; elsewhere the lines alone, and some while coalitions are
/// measured.
#[derive(Debug)]
pub struct Terminal {
    bar: ProgressBar,
    /// When the last line on coalitions was written, where there is no bar.
    spoken: Instant,
}

impl Terminal {
    /// Draws on standard error, if that is a terminal.
    pub fn new() -> Self {
        let bar =
            if std::io::stderr().is_terminal() { ProgressBar::no_length() } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{prefix:10} [{bar:30}] {pos}/{len} {msg}");
        bar.set_style(style.expect("the template is valid"));
        Self { bar, spoken: Instant::now() }
    }

    fn line(&self, line: &str) {
        if self.bar.is_hidden() {
            eprintln!("{line}");
        } else {
            self.bar.println(line);
        }
    }
}

impl Default for Terminal {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Watch for Terminal {
    fn note(&mut self, line: &str) {
        self.line(line);
    }

    fn batch(&mut self, p: Progress<'_>) {
        self.bar.set_prefix(format!("{} {}/{}", p.stage, p.epoch, p.epochs));
        self.bar.set_length(p.batches as u64);
        self.bar.set_position(p.batch as u64);
        self.bar.set_message(format!("loss {:.4}, {:.2} %", p.loss, 100.0 * p.accuracy));
    }

    fn epoch(&mut self, e: &Epoch, epochs: usize) -> ControlFlow<()> {
        let (train, held_out) = (100.0 * e.train, 100.0 * e.held_out);
        self.line(&format!(
            "{} {}/{epochs}: loss {:.4}, training {train:.2} %, held-out {held_out:.2} %",
            e.stage, e.epoch, e.loss
        ));
        ControlFlow::Continue(())
    }

    fn coalition(&mut self, measured: usize, most: u128) {
        self.bar.set_prefix("shapley");
        self.bar.set_length(u64::try_from(most).unwrap_or(u64::MAX));
        self.bar.set_position(measured as u64);
        self.bar.set_message("coalitions at most");
        if self.bar.is_hidden() && self.spoken.elapsed() >= SILENCE {
            self.spoken = Instant::now();
            self.line(&format!("shapley: {measured} coalitions measured, of {most} at most"));
        }
    }
}
