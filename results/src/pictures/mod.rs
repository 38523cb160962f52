//! Pictures as SVG text: those of a run ([`all`]), which draw from summary rows alone, and bars of any named values
//! ([`values`]).
//!
//! The drawing is our own few elements rather than a chart crate: labels beside their points and values beside
//! their bars need placement that chart crates leave to a legend, and text stays text, in the viewer's sans-serif.

mod accuracy_latency;
mod axis;
mod bars;
pub(crate) mod curves;
pub(crate) mod pool;
mod svg;
mod values;

pub use values::{Valued, Words, values};

use crate::SummaryRow;
use crate::units::count;

/// Text and axes.
const INK: &str = "#1b1f24";
/// Secondary text.
const MUTED: &str = "#5b6470";
/// Grid lines.
const GRID: &str = "#e2e5e9";
/// Okabe and Ito's colours, which stay apart for colour-blind readers; those dark enough for a line on white.
const SERIES: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#a3457f", "#5b6470", "#b07d00"];

/// Width of every picture.
const WIDTH: f64 = 960.0;
/// Space around a picture.
const MARGIN: f64 = 28.0;

/// File names of a run's pictures.
pub(crate) const NAMES: [&str; 3] = ["accuracy_latency.svg", "time_by_budget.svg", "bytes_by_budget.svg"];

/// File name of the picture of pools, of runs that have any.
pub(crate) const POOL: &str = "pool.svg";

/// Every picture of a run: file name and SVG text.
pub fn all(rows: &[SummaryRow]) -> [(&'static str, String); 3] {
    let [accuracy_latency, time, bytes] = NAMES;
    [
        (accuracy_latency, accuracy_latency::draw(rows)),
        (time, bars::time_by_budget(rows)),
        (bytes, bars::bytes_by_budget(rows)),
    ]
}

/// What a point or bar is called where the rest is plain from context.
fn budget(row: &SummaryRow) -> String {
    row.budget.map_or_else(|| "all".to_owned(), count)
}

/// Names that tell the rows apart: each of `parts` that differs anywhere, joined.
fn names(rows: &[&SummaryRow], parts: &[fn(&SummaryRow) -> &str]) -> Vec<String> {
    let varying: Vec<_> =
        parts.iter().filter(|part| rows.windows(2).any(|pair| part(pair[0]) != part(pair[1]))).collect();
    rows.iter().map(|row| varying.iter().map(|part| part(row)).collect::<Vec<_>>().join(" ")).collect()
}

/// The distinct values, in order of first appearance.
fn distinct<T: PartialEq>(values: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut seen = Vec::new();
    for value in values {
        if !seen.contains(&value) {
            seen.push(value);
        }
    }
    seen
}

#[cfg(test)]
mod tests;
