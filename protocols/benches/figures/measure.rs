//! Timing, medians, and how a figure is told.

use protocols::cipher::Engine;
use serde::Serialize;
use std::time::{Duration, Instant};

/// Why a figure could not be measured. A wrong result of the measured code is one of the reasons.
pub(crate) type Failure = Box<dyn std::error::Error>;

/// How often things are measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// Enough to see whether something broke.
    Quick,
    /// Enough to quote.
    Full,
}

impl Effort {
    /// Runs of a kernel, milliseconds each.
    pub(crate) fn kernel_runs(self) -> usize {
        match self {
            Self::Quick => 11,
            Self::Full => 101,
        }
    }

    /// Inferences of a layer in two processes, up to seconds each.
    pub(crate) fn layer_runs(self) -> usize {
        match self {
            Self::Quick => 3,
            Self::Full => 15,
        }
    }
}

/// Makes the allocator keep what it is given back, as it comes to do in a process that runs more than one inference.
///
/// glibc returns buffers of megabytes to the system until one larger than the like has been freed; then every run of a
/// kernel pays for fresh pages, or not, depending on what ran before it. That is no property of a kernel. Parties start
/// as they start: what pages cost them is in the figures of layers and networks.
pub(crate) fn settle_memory() {
    // Below the 32 MiB up to which glibc learns.
    drop(std::hint::black_box(vec![1u8; 31 << 20]));
}

/// The engines that kernels are measured on, as figures name them: the fastest, the portable one, and what else the machine has.
pub(crate) fn engines() -> Vec<(&'static str, Engine)> {
    let between = Engine::available().into_iter().skip(1).filter(|engine| *engine != Engine::Portable);
    [("fastest engine", Engine::fastest())]
        .into_iter()
        .chain(between.map(|engine| (engine.name(), engine)))
        .chain([("portable engine", Engine::Portable)])
        .collect()
}

/// One line of output.
#[derive(Serialize)]
struct Figure<'a> {
    figure: &'a str,
    value: f64,
    unit: &'a str,
    runs: usize,
    low: f64,
    high: f64,
}

/// Prints a figure: the median of `values` (at least one), in `unit`, with their range.
pub(crate) fn tell(figure: &str, unit: &str, mut values: Vec<f64>) {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values[0], values[values.len() - 1]);
    let line = Figure { figure, value: median(&values), unit, runs: values.len(), low, high };
    println!("{}", serde_json::to_string(&line).expect("a figure is plain data"));
}

/// The middle of sorted values, or the mean of the two in the middle.
pub(crate) fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}

/// Times `work` `runs` times, after once that does not count; nanoseconds an element of `elements`.
pub(crate) fn nanoseconds(runs: usize, elements: usize, mut work: impl FnMut()) -> Vec<f64> {
    work();
    (0..runs)
        .map(|_| {
            let start = Instant::now();
            work();
            each(start.elapsed(), elements)
        })
        .collect()
}

/// Nanoseconds an element.
pub(crate) fn each(time: Duration, elements: usize) -> f64 {
    time.as_nanos() as f64 / elements as f64
}

/// Every value times `factor`, as where a unit changes.
pub(crate) fn scaled(values: Vec<f64>, factor: f64) -> Vec<f64> {
    values.into_iter().map(|value| value * factor).collect()
}
