//! From raw rows to one row a cell.
//!
//! A phase's time in one repeat is the sum of a party's wall times over its steps: setup and offline take the slower
//! party, online the client, who waits for the answer. Up is client to server. Rounds are the flights of both
//! parties: the longest chain of messages that waited for each other, a one-way delay a link. Warm-ups and failed
//! repeats do not count.

use crate::Error;
use crate::run::{Tables, load_manifest};
use crate::schema::{CellRow, CellStatus, InferenceRow, InferenceStatus, Party, Phase, StepRow, SummaryRow};
use crate::statistics::{Percentile, Sample, median, wilson};
use std::collections::HashMap;
use std::path::Path;

/// Derives the summary from `cells.csv`, `inferences.csv` and `raw.csv` in `dir`, re-read and checked; a row a
/// cell, in the order of the manifest's list of cells; what it does not list comes last, as in `cells.csv`.
///
/// # Errors
/// Those of reading; [`Error::Differs`] where repeats of a cell disagree on bytes or rounds; [`Error::Parties`]
/// where the two parties disagree on the bytes between them.
pub fn summarise(dir: &Path) -> Result<Vec<SummaryRow>, Error> {
    let tables = Tables::read(dir)?;
    let spent = spent(&tables.steps);
    in_order(dir, &tables.cells)?
        .into_iter()
        .map(|cell| summarise_cell(cell, &tables.inferences, &spent))
        .collect()
}

/// One repeat that counts in the summary, with the time of its phases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timed {
    /// Index of the image in the test set.
    pub image: u64,
    /// Offline time, nanoseconds; `None` without rows.
    pub offline_ns: Option<u64>,
    /// Online time, nanoseconds; `None` without rows.
    pub online_ns: Option<u64>,
}

/// The times behind the summary: each cell's id with the repeats that count, in the order in which they ran.
pub(crate) fn times(
    cells: &[&CellRow],
    inferences: &[InferenceRow],
    steps: &[StepRow],
) -> Vec<(String, Vec<Timed>)> {
    let spent = spent(steps);
    let timed = |row: &InferenceRow| {
        let repeat = spent.get(&(row.cell.as_str(), row.warmup, row.repeat)).copied().unwrap_or_default();
        Timed {
            image: row.image,
            offline_ns: repeat.offline.time_ns(Phase::Offline),
            online_ns: repeat.online.time_ns(Phase::Online),
        }
    };
    let of = |cell: &&CellRow| {
        let rows = inferences.iter().filter(|row| row.cell == cell.cell && row.counts());
        (cell.cell.clone(), rows.map(timed).collect())
    };
    cells.iter().map(of).collect()
}

/// Those of a run on the disk, in the summary's order.
pub(crate) fn saved_times(dir: &Path) -> Result<Vec<(String, Vec<Timed>)>, Error> {
    let tables = Tables::read(dir)?;
    Ok(times(&in_order(dir, &tables.cells)?, &tables.inferences, &tables.steps))
}

fn spent(steps: &[StepRow]) -> HashMap<RepeatKey<'_>, Repeat> {
    let mut spent: HashMap<RepeatKey<'_>, Repeat> = HashMap::new();
    for step in steps {
        spent.entry((&step.cell, step.warmup, step.repeat)).or_default().add(step);
    }
    spent
}

/// The cells in the order of the manifest's list.
pub(crate) fn in_order<'a>(dir: &Path, cells: &'a [CellRow]) -> Result<Vec<&'a CellRow>, Error> {
    let order = load_manifest(dir)?.cells;
    let mut cells: Vec<&CellRow> = cells.iter().collect();
    cells.sort_by_key(|cell| order.iter().position(|id| *id == cell.cell).unwrap_or(order.len()));
    Ok(cells)
}

type RepeatKey<'a> = (&'a str, bool, u32);

/// One party's spending in one phase of one repeat, summed over steps.
#[derive(Clone, Copy, Default)]
struct PartyTotal {
    wall_ns: u64,
    sent: u64,
    received: u64,
    flights: u64,
}

/// Both parties' spending in one phase of one repeat; a party without rows is `None`.
#[derive(Clone, Copy, Default)]
struct PhaseTotal {
    client: Option<PartyTotal>,
    server: Option<PartyTotal>,
}

/// One repeat's spending.
#[derive(Clone, Copy, Default)]
struct Repeat {
    setup: PhaseTotal,
    offline: PhaseTotal,
    online: PhaseTotal,
}

impl Repeat {
    fn add(&mut self, row: &StepRow) {
        let phase = match row.phase {
            Phase::Setup => &mut self.setup,
            Phase::Offline => &mut self.offline,
            Phase::Online => &mut self.online,
        };
        let party = match row.party {
            Party::Client => &mut phase.client,
            Party::Server => &mut phase.server,
        };
        let total = party.get_or_insert_default();
        total.wall_ns = total.wall_ns.saturating_add(row.wall_ns);
        total.sent = total.sent.saturating_add(row.bytes_out).saturating_add(row.header_out);
        total.received = total.received.saturating_add(row.bytes_in).saturating_add(row.header_in);
        total.flights = total.flights.saturating_add(row.flights_out);
    }

    fn phase(&self, phase: Phase) -> &PhaseTotal {
        match phase {
            Phase::Setup => &self.setup,
            Phase::Offline => &self.offline,
            Phase::Online => &self.online,
        }
    }
}

impl PhaseTotal {
    fn is_empty(&self) -> bool {
        self.client.is_none() && self.server.is_none()
    }

    fn time_ns(&self, phase: Phase) -> Option<u64> {
        let client = self.client.map(|total| total.wall_ns);
        let server = self.server.map(|total| total.wall_ns);
        match phase {
            Phase::Setup | Phase::Offline => client.max(server),
            Phase::Online => client,
        }
    }

    fn up(&self) -> Option<u64> {
        self.client.map(|total| total.sent).or(self.server.map(|total| total.received))
    }

    fn down(&self) -> Option<u64> {
        self.client.map(|total| total.received).or(self.server.map(|total| total.sent))
    }

    fn rounds(&self) -> Option<u64> {
        Some(self.client?.flights.saturating_add(self.server?.flights))
    }

    /// What one party sent is what the other received.
    fn check(&self, cell: &str, repeat: u32, phase: Phase) -> Result<(), Error> {
        let (Some(client), Some(server)) = (self.client, self.server) else { return Ok(()) };
        for (direction, sent, received) in [
            ("client to server", client.sent, server.received),
            ("server to client", server.sent, client.received),
        ] {
            if sent != received {
                return Err(Error::Parties {
                    cell: cell.to_owned(),
                    repeat,
                    phase,
                    direction,
                    sent,
                    received,
                });
            }
        }
        Ok(())
    }
}

/// One phase of a cell over its repeats.
struct PhaseSummary {
    times: Sample,
    /// Of the median, seconds.
    interval: Option<(f64, f64)>,
    up: Option<u64>,
    down: Option<u64>,
    rounds: Option<u64>,
}

impl PhaseSummary {
    fn of(cell: &str, phase: Phase, repeats: &[(u32, Repeat)]) -> Result<Self, Error> {
        for (repeat, total) in repeats {
            total.phase(phase).check(cell, *repeat, phase)?;
        }
        let equal = |quantity, value: fn(&PhaseTotal) -> Option<u64>| {
            let mut values = repeats.iter().map(|(repeat, total)| (*repeat, value(total.phase(phase))));
            let Some((first_repeat, first)) = values.next() else { return Ok(None) };
            match values.find(|(_, other)| *other != first) {
                None => Ok(first),
                Some((other_repeat, other)) => Err(Error::Differs {
                    cell: cell.to_owned(),
                    phase,
                    quantity,
                    first_repeat,
                    first: value_or_nothing(first),
                    other_repeat,
                    other: value_or_nothing(other),
                }),
            }
        };
        let times: Vec<u64> =
            repeats.iter().filter_map(|(_, total)| total.phase(phase).time_ns(phase)).collect();
        Ok(Self {
            interval: median(times.iter().copied().map(in_seconds)).and_then(|median| median.interval),
            times: Sample::of(times),
            up: equal("bytes up", PhaseTotal::up)?,
            down: equal("bytes down", PhaseTotal::down)?,
            rounds: equal("rounds", PhaseTotal::rounds)?,
        })
    }

    /// Seconds; `None` where the sample does not support the percentile.
    fn percentile(&self, percentile: Percentile) -> Option<f64> {
        self.times.percentile(percentile).ok().map(in_seconds)
    }

    fn max(&self) -> Option<f64> {
        self.times.max().map(in_seconds)
    }
}

fn value_or_nothing(value: Option<u64>) -> String {
    value.map_or_else(|| "nothing".to_owned(), |value| value.to_string())
}

fn in_seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

fn summarise_cell(
    cell: &CellRow,
    inferences: &[InferenceRow],
    spent: &HashMap<RepeatKey<'_>, Repeat>,
) -> Result<SummaryRow, Error> {
    let all: Vec<&InferenceRow> = inferences.iter().filter(|row| row.cell == cell.cell).collect();
    let counted: Vec<&InferenceRow> = all.iter().copied().filter(|row| row.counts()).collect();
    let failed: Vec<&InferenceRow> =
        all.iter().copied().filter(|row| !row.warmup && row.status == InferenceStatus::Failed).collect();
    let of = |row: &InferenceRow| {
        let key = (cell.cell.as_str(), row.warmup, row.repeat);
        (row.repeat, spent.get(&key).copied().unwrap_or_default())
    };
    let repeats: Vec<(u32, Repeat)> = counted.iter().map(|row| of(row)).collect();

    let setup = PhaseSummary::of(&cell.cell, Phase::Setup, &setups(&all, of))?;
    let offline = PhaseSummary::of(&cell.cell, Phase::Offline, &repeats)?;
    let online = PhaseSummary::of(&cell.cell, Phase::Online, &repeats)?;

    let status = match (counted.is_empty(), failed.is_empty()) {
        (false, true) => CellStatus::Ok,
        (false, false) => CellStatus::Partial,
        (true, _) => CellStatus::Failed,
    };
    let interval = |share: Option<f64>, n: Option<u64>| {
        let (share, n) = (share?, n?);
        wilson((share * n as f64).round() as u64, n)
    };
    let acc_secure = accuracy(&counted, |row| row.class_secure);
    let secure = interval(acc_secure, Some(counted.len() as u64));
    let fixed_test = interval(cell.acc_fixed, cell.acc_images);
    let errors = all.iter().filter_map(|row| row.error.as_ref());
    Ok(SummaryRow {
        model: cell.model.clone(),
        method: cell.method.clone(),
        budget: cell.budget,
        relus: cell.relus,
        link: cell.link.clone(),
        relu: cell.relu.clone(),
        he: cell.he.clone(),
        threads: cell.threads,
        store: cell.store.clone(),
        scenario: cell.scenario.clone(),
        rate_per_s: cell.rate_per_s,
        n: counted.len() as u64,
        status,
        acc_float: accuracy(&counted, |row| row.class_float),
        acc_fixed: accuracy(&counted, |row| row.class_fixed),
        acc_secure,
        offline_s_p50: offline.percentile(Percentile::P50),
        online_s_p50: online.percentile(Percentile::P50),
        online_s_max: online.max(),
        offline_up_bytes: offline.up,
        offline_down_bytes: offline.down,
        online_up_bytes: online.up,
        online_down_bytes: online.down,
        offline_rounds: offline.rounds,
        online_rounds: online.rounds,
        peak_rss_client_bytes: counted.iter().filter_map(|row| row.peak_rss_client_bytes).max(),
        peak_rss_server_bytes: counted.iter().filter_map(|row| row.peak_rss_server_bytes).max(),
        store_client_bytes: counted.iter().filter_map(|row| row.store_client_bytes).max(),
        store_server_bytes: counted.iter().filter_map(|row| row.store_server_bytes).max(),
        cell: cell.cell.clone(),
        failed: failed.len() as u64,
        verified: counted.iter().filter(|row| row.verified == Some(true)).count() as u64,
        out_of_bounds: if counted.is_empty() {
            None
        } else {
            counted.iter().map(|row| row.out_of_bounds).sum()
        },
        setup_s_p50: setup.percentile(Percentile::P50),
        setup_up_bytes: setup.up,
        setup_down_bytes: setup.down,
        setup_rounds: setup.rounds,
        offline_s_max: offline.max(),
        online_s_p90: online.percentile(Percentile::P90),
        online_s_p99: online.percentile(Percentile::P99),
        acc_float_test: cell.acc_float,
        acc_fixed_test: cell.acc_fixed,
        acc_images: cell.acc_images,
        offline_s_p50_low: offline.interval.map(|ends| ends.0),
        offline_s_p50_high: offline.interval.map(|ends| ends.1),
        online_s_p50_low: online.interval.map(|ends| ends.0),
        online_s_p50_high: online.interval.map(|ends| ends.1),
        acc_secure_low: secure.map(|ends| ends.0),
        acc_secure_high: secure.map(|ends| ends.1),
        acc_fixed_test_low: fixed_test.map(|ends| ends.0),
        acc_fixed_test_high: fixed_test.map(|ends| ends.1),
        ring_bits: cell.ring_bits,
        fa: cell.fa,
        fw: cell.fw,
        error: cell.error.iter().chain(errors).next().cloned(),
    })
}

/// The repeats that carry setup rows: measured ones or, since a connection is set up once and usually before the
/// first warm-up, the warm-ups where no measured repeat does.
fn setups(all: &[&InferenceRow], of: impl Fn(&InferenceRow) -> (u32, Repeat)) -> Vec<(u32, Repeat)> {
    let with_setup = |warmup: bool| -> Vec<(u32, Repeat)> {
        all.iter()
            .filter(|row| row.status == InferenceStatus::Ok && row.warmup == warmup)
            .map(|row| of(row))
            .filter(|(_, total)| !total.setup.is_empty())
            .collect()
    };
    let measured = with_setup(false);
    if measured.is_empty() { with_setup(true) } else { measured }
}

/// Share of the rows whose class is the label; `None` where a row has no class, so that accuracies printed side by
/// side are always over the same images.
fn accuracy(rows: &[&InferenceRow], class: impl Fn(&InferenceRow) -> Option<u32>) -> Option<f64> {
    let classes: Vec<u32> = rows.iter().map(|row| class(row)).collect::<Option<_>>()?;
    if classes.is_empty() {
        return None;
    }
    let right = classes.iter().zip(rows).filter(|(class, row)| **class == row.label).count();
    Some(right as f64 / classes.len() as f64)
}
