//! The summary itself.

use super::totals::{PhaseTotal, RepeatKey, RepeatTotal, by_repeat};
use crate::schema::{CellRow, CellStatus, Identity, InferenceRow, InferenceStatus, Phase, SummaryRow};
use crate::statistics::{Percentile, Sample, median, wilson};
use crate::{Error, Manifest, Tables};
use std::collections::HashMap;

/// Derives the summary from what was measured: a row a cell, in the order of the manifest's list of cells; what it does not
/// list comes last, as in `cells.csv`.
///
/// # Errors
/// [`Error::Differs`] where repeats of a cell disagree on bytes or rounds; [`Error::Parties`] where the two parties
/// disagree on the bytes between them.
pub fn summarise(tables: &Tables, manifest: &Manifest) -> Result<Vec<SummaryRow>, Error> {
    let totals = by_repeat(&tables.steps);
    let cells = tables.in_order(manifest).into_iter();
    cells.map(|cell| summarise_cell(cell, &tables.inferences, &totals)).collect()
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
    fn of(cell: &str, phase: Phase, repeats: &[(u32, RepeatTotal)]) -> Result<Self, Error> {
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
    totals: &HashMap<RepeatKey<'_>, RepeatTotal>,
) -> Result<SummaryRow, Error> {
    let all: Vec<&InferenceRow> = inferences.iter().filter(|row| row.cell == cell.cell).collect();
    let counted: Vec<&InferenceRow> = all.iter().copied().filter(|row| row.counts()).collect();
    let failed: Vec<&InferenceRow> =
        all.iter().copied().filter(|row| !row.warmup && row.status == InferenceStatus::Failed).collect();
    let of = |row: &InferenceRow| {
        let key = (cell.cell.as_str(), row.warmup, row.repeat);
        (row.repeat, totals.get(&key).copied().unwrap_or_default())
    };
    let repeats: Vec<(u32, RepeatTotal)> = counted.iter().map(|row| of(row)).collect();

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
    let Identity { model, method, budget, relus, relu, he, ot, threads, store, link, scenario, rate_per_s } =
        cell.identity();
    Ok(SummaryRow {
        model: model.to_owned(),
        method: method.to_owned(),
        budget,
        relus,
        link: link.to_owned(),
        relu: relu.to_owned(),
        he: he.map(str::to_owned),
        ot: ot.map(str::to_owned),
        threads,
        store: store.map(str::to_owned),
        scenario: scenario.map(str::to_owned),
        rate_per_s,
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
fn setups(
    all: &[&InferenceRow],
    of: impl Fn(&InferenceRow) -> (u32, RepeatTotal),
) -> Vec<(u32, RepeatTotal)> {
    let with_setup = |warmup: bool| -> Vec<(u32, RepeatTotal)> {
        all.iter()
            .filter(|row| row.status == InferenceStatus::Ok && row.warmup == warmup)
            .map(|row| of(row))
            .filter(|(_, total)| !total.phase(Phase::Setup).is_empty())
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
