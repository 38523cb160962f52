//! What tests of several commands share.

use results::{Loaded, Party, Phase};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Output;

/// All that a program said.
pub(crate) fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Everything in a run that does not depend on time, sorted: what an inference is and comes to, and what each step sends.
/// Classes of the secure run are left out, since rounding draws fresh masks.
pub(crate) fn timeless(run: &Loaded) -> (BTreeSet<String>, BTreeSet<String>, BTreeMap<Key, [u64; 5]>) {
    let cells = run.tables.cells.iter().map(|row| format!("{row:?}")).collect();
    let inferences = run
        .tables
        .inferences
        .iter()
        .map(|row| {
            format!(
                "{} {} {} {} {} {:?} {:?} {:?}",
                row.cell,
                row.repeat,
                row.warmup,
                row.image,
                row.label,
                row.class_float,
                row.class_fixed,
                row.status
            )
        })
        .collect();
    let steps = run.tables.steps.iter().map(|row| {
        let key = (row.cell.clone(), row.warmup, row.repeat, row.party, row.phase, row.step);
        (key, [row.bytes_out, row.bytes_in, row.messages_out, row.messages_in, row.flights_out])
    });
    (cells, inferences, steps.collect())
}

/// Cell, whether it is a warm-up, repeat, party, phase, step.
pub(crate) type Key = (String, bool, u32, Party, Phase, u32);

/// Lines of the file, if it is there.
pub(crate) fn lines(path: &Path) -> usize {
    std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
}
