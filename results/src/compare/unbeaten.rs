//! The cells of one run that are worth choosing.

use super::block::Options;
use super::cells::compare;
use crate::Loaded;
use std::collections::HashSet;

/// Ids of the run's cells that no other of the same model and link surely beats in accuracy and online time.
pub fn unbeaten(run: &Loaded) -> HashSet<String> {
    let blocks = compare(std::slice::from_ref(run), &Options::default());
    let rows = blocks.into_iter().flatten().flat_map(|block| block.rows);
    rows.filter(|row| row.front_latency).map(|row| row.cell).collect()
}
