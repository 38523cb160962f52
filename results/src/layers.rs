//! What each step of a plan took: from raw rows to a row for each cell, phase and step.
//!
//! A step's time in one repeat is that of the party which the summary takes for the whole phase: offline the slower one, online
//! the client. Over its steps a repeat then adds up to the phase's time; medians over repeats need not.

use crate::schema::{Party, Phase, StepRow, decimal_seconds};
use crate::statistics::{Percentile, Sample};
use crate::{Error, Loaded};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};

/// One step of one phase of a cell, over the repeats that count.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LayerRow {
    /// Name of the run that the cell is of.
    pub run: String,
    /// Cell id, as in `cells.csv`.
    pub cell: String,
    /// `offline` or `online`.
    pub phase: Phase,
    /// Index of the step in its plan.
    pub step: u32,
    /// Name of the step.
    pub step_name: String,
    /// Kind of the step.
    pub step_kind: String,
    /// Median time, seconds; `None` where the party that counts has no rows of the phase.
    #[serde(serialize_with = "decimal_seconds")]
    pub seconds_p50: Option<f64>,
    /// Bytes from client to server, headers included.
    pub up_bytes: u64,
    /// Bytes from server to client, headers included.
    pub down_bytes: u64,
}

/// The steps of every cell of a run, offline before online, in the order of the summary and of the plan.
pub fn layers(run: &Loaded) -> Vec<LayerRow> {
    let counted: HashSet<(&str, u32)> = run
        .tables
        .inferences
        .iter()
        .filter(|row| row.counts())
        .map(|row| (row.cell.as_str(), row.repeat))
        .collect();
    let counts = |row: &&StepRow| !row.warmup && counted.contains(&(row.cell.as_str(), row.repeat));
    let mut of_cell: HashMap<&str, Vec<&StepRow>> = HashMap::new();
    for row in run.tables.steps.iter().filter(counts) {
        of_cell.entry(&row.cell).or_default().push(row);
    }
    let cells = run.summary.iter().filter_map(|row| of_cell.get(row.cell.as_str()));
    cells
        .flat_map(|rows| {
            [Phase::Offline, Phase::Online].into_iter().flat_map(|phase| of_phase(run, phase, rows))
        })
        .collect()
}

/// The steps of one phase of one cell.
fn of_phase(run: &Loaded, phase: Phase, rows: &[&StepRow]) -> Vec<LayerRow> {
    let rows: Vec<&StepRow> = rows.iter().copied().filter(|row| row.phase == phase).collect();
    let parties = parties(phase, &rows);
    let mut steps: BTreeMap<u32, Vec<&StepRow>> = BTreeMap::new();
    for row in rows {
        steps.entry(row.step).or_default().push(row);
    }
    steps.into_values().map(|rows| step(&run.manifest.id, &rows, &parties)).collect()
}

/// Of every repeat, the party whose time counts.
fn parties(phase: Phase, rows: &[&StepRow]) -> HashMap<u32, Party> {
    let mut walls: BTreeMap<(u32, Party), u64> = BTreeMap::new();
    for row in rows {
        *walls.entry((row.repeat, row.party)).or_default() += row.wall_ns;
    }
    let mut slowest: HashMap<u32, (u64, Party)> = HashMap::new();
    for ((repeat, party), wall) in walls {
        let counts = match phase {
            Phase::Setup | Phase::Offline => true,
            Phase::Online => party == Party::Client,
        };
        if counts && slowest.get(&repeat).is_none_or(|(other, _)| *other < wall) {
            slowest.insert(repeat, (wall, party));
        }
    }
    slowest.into_iter().map(|(repeat, (_, party))| (repeat, party)).collect()
}

/// One step, of which there is a row at least.
fn step(run: &str, rows: &[&StepRow], parties: &HashMap<u32, Party>) -> LayerRow {
    let first = rows[0];
    let of_party = rows.iter().filter(|row| parties.get(&row.repeat) == Some(&row.party));
    let mut times: Vec<u64> = of_party.map(|row| row.wall_ns).collect();
    // Where the party has no row, it had nothing to do.
    times.resize(parties.len(), 0);
    let median = |times: Vec<u64>| -> Result<u64, Error> { Sample::of(times).percentile(Percentile::P50) };
    let sent = |row: &StepRow| row.bytes_out + row.header_out;
    let received = |row: &StepRow| row.bytes_in + row.header_in;
    let of = |party: Party| rows.iter().find(|row| row.party == party);
    let bytes = |sender: Party, receiver: Party| {
        of(sender).map(|row| sent(row)).or(of(receiver).map(|row| received(row))).unwrap_or_default()
    };
    LayerRow {
        run: run.to_owned(),
        cell: first.cell.clone(),
        phase: first.phase,
        step: first.step,
        step_name: first.step_name.clone(),
        step_kind: first.step_kind.clone(),
        seconds_p50: median(times).ok().map(|ns| ns as f64 / 1e9),
        up_bytes: bytes(Party::Client, Party::Server),
        down_bytes: bytes(Party::Server, Party::Client),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(repeat: u32, party: Party, step: u32, wall_ns: u64) -> StepRow {
        StepRow { repeat, party, phase: Phase::Offline, step, wall_ns, ..StepRow::default() }
    }

    /// The client is slower in one repeat of three, in which alone its steps count.
    #[test]
    fn a_step_has_the_time_of_the_party_that_was_slower_over_the_phase() {
        let rows = [
            row(0, Party::Client, 1, 50),
            row(0, Party::Server, 1, 20),
            row(0, Party::Server, 2, 20),
            row(1, Party::Client, 1, 30),
            row(1, Party::Server, 1, 10),
            row(1, Party::Server, 2, 25),
            row(2, Party::Client, 1, 30),
            row(2, Party::Server, 1, 9),
            row(2, Party::Server, 2, 27),
        ];
        let rows: Vec<&StepRow> = rows.iter().collect();
        let parties = parties(Phase::Offline, &rows);
        assert_eq!(parties, [(0, Party::Client), (1, Party::Server), (2, Party::Server)].into());
        let of = |number: u32| -> Vec<&StepRow> {
            rows.iter().copied().filter(|row| row.step == number).collect()
        };
        // 50, 10, 9 and, where the client had nothing to do, 0, 25, 27.
        assert_eq!(step("run", &of(1), &parties).seconds_p50, Some(10e-9));
        assert_eq!(step("run", &of(2), &parties).seconds_p50, Some(25e-9));
    }
}
