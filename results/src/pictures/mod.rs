//! Pictures as SVG text: those of a run ([`all`]), which draw from summary rows alone, and bars of any named values
//! ([`values`]).
//!
//! The drawing is our own few elements rather than a chart crate: labels beside their points and values beside
//! their bars need placement that chart crates leave to a legend, and text stays text, in the viewer's sans-serif.

mod accuracy_latency;
mod axis;
mod bars;
pub(crate) mod curves;
mod labels;
mod map;
mod paper;
mod placing;
pub(crate) mod pool;
mod svg;
mod values;

pub use map::{Axes, Panel, Won, map};
pub use values::{Valued, Words, values};

use crate::SummaryRow;
use std::collections::HashSet;

/// File names of a run's pictures.
pub(crate) const NAMES: [&str; 3] = ["accuracy_latency.svg", "time_by_budget.svg", "bytes_by_budget.svg"];

/// File name of the picture of pools, of runs that have any.
pub(crate) const POOL: &str = "pool.svg";

/// Every picture of a run: file name and SVG text. `front` has the ids of the cells that no other surely beats, as
/// [`unbeaten`](crate::compare::unbeaten) finds them.
pub fn all(rows: &[SummaryRow], front: &HashSet<String>) -> [(&'static str, String); 3] {
    let [accuracy_latency, time, bytes] = NAMES;
    [
        (accuracy_latency, accuracy_latency::draw(rows, front)),
        (time, bars::time_by_budget(rows)),
        (bytes, bars::bytes_by_budget(rows)),
    ]
}

#[cfg(test)]
mod tests;
