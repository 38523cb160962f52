//! The times behind the summary, repeat by repeat.

use super::totals::by_repeat;
use crate::schema::{CellRow, InferenceRow, Phase};
use crate::{Manifest, Tables};

/// One repeat that counts in the summary, with the time of its phases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timed {
    /// Index of the image in the test set.
    pub(crate) image: u64,
    /// Offline time, nanoseconds; `None` without rows.
    pub(crate) offline_ns: Option<u64>,
    /// Online time, nanoseconds; `None` without rows.
    pub(crate) online_ns: Option<u64>,
}

/// Each cell's id with the repeats that count, in the order in which they ran; cells are in the summary's order.
pub(crate) fn times(tables: &Tables, manifest: &Manifest) -> Vec<(String, Vec<Timed>)> {
    let totals = by_repeat(&tables.steps);
    let timed = |row: &InferenceRow| {
        let repeat = totals.get(&(row.cell.as_str(), row.warmup, row.repeat)).copied().unwrap_or_default();
        let time = |phase: Phase| repeat.phase(phase).time_ns(phase);
        Timed { image: row.image, offline_ns: time(Phase::Offline), online_ns: time(Phase::Online) }
    };
    let of = |cell: &CellRow| {
        let rows = tables.inferences.iter().filter(|row| row.cell == cell.cell && row.counts());
        (cell.cell.clone(), rows.map(timed).collect())
    };
    tables.in_order(manifest).into_iter().map(of).collect()
}
