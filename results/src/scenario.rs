//! Cells that use preprocessed inferences from a pool: response and service times, throughput, and whether the pool lasts.
//!
//! A query's response time counts from when it is due, whether or not anybody was free to serve it, so that a system
//! which falls behind shows it (no coordinated omission). It has three parts: the queue (others before it), supply (an
//! empty pool, and taking an item out of it) and service.

use crate::layout::{Column, Layout, or_missing};
use crate::schema::{CellRow, ItemRow, QueryRow, ScenarioRow};
use crate::statistics::{Percentile, Sample};
use crate::units::{count, seconds};
use crate::{Manifest, Tables};
use serde::Serialize;

/// Name of the scenario whose queries come at a rate.
const SERVER: &str = "server";

/// Derives the rows from what was measured, in the order of the manifest's list of cells; none where no cell uses a pool.
pub fn scenarios(tables: &Tables, manifest: &Manifest) -> Vec<ScenarioRow> {
    let row = |cell: &CellRow| {
        let queries: Vec<&QueryRow> = tables.queries.iter().filter(|row| row.cell == cell.cell).collect();
        let items: Vec<&ItemRow> = tables.items.iter().filter(|row| row.cell == cell.cell).collect();
        let (scenario, pool) = (cell.scenario.as_ref()?, cell.pool?);
        (!queries.is_empty()).then(|| scenario_row(cell, scenario, pool, &queries, &items))
    };
    tables.in_order(manifest).into_iter().filter_map(row).collect()
}

fn scenario_row(
    cell: &CellRow,
    scenario: &str,
    pool: u64,
    queries: &[&QueryRow],
    items: &[&ItemRow],
) -> ScenarioRow {
    let sample = |time: fn(&QueryRow) -> u64| Sample::of(queries.iter().map(|row| time(row)));
    let in_seconds = |ns: u64| ns as f64 / 1e9;
    let percentile = |sample: &Sample, at| sample.percentile(at).ok().map(in_seconds);
    let response = sample(|row| row.done_ns - row.due_ns);
    let of_server = |value: Option<f64>| value.filter(|_| scenario == SERVER);
    let begun = queries.iter().map(|row| row.began_ns).min().unwrap_or(0);
    let ended = queries.iter().map(|row| row.done_ns).max().unwrap_or(0);
    let rate = |count: usize, ns: u64| (ns > 0).then(|| count as f64 / in_seconds(ns));
    let dry: Vec<&&QueryRow> = queries.iter().filter(|row| row.pool_level == 0).collect();
    ScenarioRow {
        cell: cell.cell.clone(),
        scenario: scenario.to_owned(),
        rate_per_s: cell.rate_per_s,
        pool,
        refillers: cell.refillers.unwrap_or(0),
        n: queries.len() as u64,
        response_s_p50: of_server(percentile(&response, Percentile::P50)),
        response_s_p90: of_server(percentile(&response, Percentile::P90)),
        response_s_p99: of_server(percentile(&response, Percentile::P99)),
        response_s_max: of_server(response.max().map(in_seconds)),
        service_s_p50: percentile(&sample(|row| row.done_ns - row.supplied_ns), Percentile::P50),
        queue_s_p50: of_server(percentile(&sample(|row| row.began_ns - row.due_ns), Percentile::P50)),
        served_per_s: rate(queries.len(), ended.saturating_sub(begun)),
        made_per_s: rate(items.len(), busy_ns(items)),
        dry: dry.len() as u64,
        exhausted_s: dry.iter().map(|row| row.began_ns).min().map(in_seconds),
        pool_level_min: queries.iter().map(|row| row.pool_level).min(),
    }
}

/// Nanoseconds in which at least one item was being made.
fn busy_ns(items: &[&ItemRow]) -> u64 {
    let mut spans: Vec<(i64, i64)> = items.iter().map(|row| (row.began_ns, row.done_ns)).collect();
    spans.sort_unstable();
    let (mut busy, mut until) = (0, i64::MIN);
    for (began, done) in spans {
        busy += (done - began.max(until)).max(0);
        until = until.max(done);
    }
    u64::try_from(busy).unwrap_or(0)
}

/// How many preprocessed inferences a cell's pool held while its queries came.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct PoolLevel {
    /// Before and after every change: seconds from when the queries began, items.
    pub(crate) points: Vec<(f64, i64)>,
    /// When the turn came of queries that found none, seconds.
    pub(crate) dry: Vec<f64>,
}

impl PoolLevel {
    /// From the rows of the cell among these.
    pub(crate) fn of(cell: &str, queries: &[QueryRow], items: &[ItemRow]) -> Self {
        let queries: Vec<&QueryRow> = queries.iter().filter(|query| query.cell == cell).collect();
        let items: Vec<&ItemRow> = items.iter().filter(|item| item.cell == cell).collect();
        let mut changes: Vec<(i64, i64)> = items.iter().map(|item| (item.done_ns, 1)).collect();
        changes
            .extend(queries.iter().map(|query| (i64::try_from(query.supplied_ns).unwrap_or(i64::MAX), -1)));
        changes.sort_unstable_by_key(|(at, change)| (*at, -change));
        let mut level = items.iter().filter(|item| item.done_ns < 0).count() as i64;
        let mut points = vec![(0.0, level)];
        for (at, change) in changes.into_iter().filter(|(at, _)| *at >= 0) {
            let seconds = at as f64 / 1e9;
            points.push((seconds, level));
            level = (level + change).max(0);
            points.push((seconds, level));
        }
        let dry = queries.iter().filter(|query| query.pool_level == 0);
        Self { points, dry: dry.map(|query| query.began_ns as f64 / 1e9).collect() }
    }
}

/// The highest of the rates whose cells, which differ in the rate alone, have a 90th percentile of response times of at
/// most `bound_s` seconds.
pub fn highest_rate(rows: &[&ScenarioRow], bound_s: f64) -> Option<f64> {
    let meets = |row: &&&ScenarioRow| row.response_s_p90.is_some_and(|p90| p90 <= bound_s);
    rows.iter().filter(meets).filter_map(|row| row.rate_per_s).max_by(f64::total_cmp)
}

/// A table for a terminal, at most `room` characters wide, if that is given; empty without rows.
pub fn text(rows: &[ScenarioRow], room: Option<usize>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let columns = [
        Column::text("cell"),
        Column::text("scenario").rank(6),
        Column::new("", "rate/s").rank(3),
        Column::new("", "n").rank(4),
        Column::new("response", "p50"),
        Column::new("response", "p90").rank(1),
        Column::new("response", "p99").rank(2),
        Column::new("response", "max").rank(4),
        Column::new("", "service").rank(3),
        Column::new("", "queue").rank(5),
        Column::new("a second", "served").rank(1),
        Column::new("a second", "made").rank(5),
        Column::new("pool", "filled to").rank(6),
        Column::new("pool", "lowest").rank(6),
        Column::new("pool", "dry").rank(1),
        Column::new("pool", "empty after").rank(4),
    ];
    let number = |value: Option<f64>| or_missing(value, |value| format!("{value:.2}"));
    let line = |row: &ScenarioRow| -> Vec<String> {
        vec![
            row.cell.clone(),
            row.scenario.clone(),
            number(row.rate_per_s),
            count(row.n),
            or_missing(row.response_s_p50, seconds),
            or_missing(row.response_s_p90, seconds),
            or_missing(row.response_s_p99, seconds),
            or_missing(row.response_s_max, seconds),
            or_missing(row.service_s_p50, seconds),
            or_missing(row.queue_s_p50, seconds),
            number(row.served_per_s),
            number(row.made_per_s),
            count(row.pool),
            or_missing(row.pool_level_min, count),
            count(row.dry),
            or_missing(row.exhausted_s, seconds),
        ]
    };
    let lines: Vec<Vec<String>> = rows.iter().map(line).collect();
    let layout = Layout::new(&columns, &lines, room);
    let mut text = String::new();
    layout.block("queries from a pool", lines.iter(), &mut text);
    text.extend(layout.left_out());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn query(query: u32, [due, began, supplied, done]: [u64; 4], level: u64) -> QueryRow {
        QueryRow {
            cell: "c".into(),
            query,
            item: format!("i{query}"),
            due_ns: due * MS,
            began_ns: began * MS,
            supplied_ns: supplied * MS,
            done_ns: done * MS,
            pool_level: level,
        }
    }

    fn item(began: i64, done: i64) -> ItemRow {
        let ns = |ms: i64| ms * MS as i64;
        ItemRow {
            cell: "c".into(),
            item: "i".into(),
            began_ns: ns(began),
            done_ns: ns(done),
            ..ItemRow::default()
        }
    }

    /// Three queries due at 0, 10 and 20 ms, each served in 30 ms; the last waits 15 ms for an item.
    #[test]
    fn responses_count_from_when_a_query_is_due() {
        let cell = CellRow { cell: "c".into(), rate_per_s: Some(100.0), ..CellRow::default() };
        let queries =
            [query(0, [0, 0, 0, 30], 2), query(1, [10, 30, 30, 60], 1), query(2, [20, 60, 75, 105], 0)];
        let items = [item(-40, -20), item(-30, -10), item(50, 75)];
        let row = scenario_row(
            &cell,
            SERVER,
            2,
            &queries.iter().collect::<Vec<_>>(),
            &items.iter().collect::<Vec<_>>(),
        );
        let near = |value: Option<f64>, expected: f64| {
            let value = value.unwrap();
            assert!((value / expected - 1.0).abs() < 2e-3, "{value} for {expected}");
        };
        near(row.response_s_p50, 0.050);
        near(row.response_s_max, 0.085);
        near(row.service_s_p50, 0.030);
        near(row.queue_s_p50, 0.020);
        near(row.served_per_s, 3.0 / 0.105);
        near(row.made_per_s, 3.0 / 0.055);
        near(row.exhausted_s, 0.060);
        assert_eq!((row.dry, row.pool_level_min, row.response_s_p90), (1, Some(0), None));
        let batch = scenario_row(&cell, "offline-batch", 2, &queries.iter().collect::<Vec<_>>(), &[]);
        assert_eq!((batch.response_s_p50, batch.made_per_s), (None, None));
    }

    #[test]
    fn the_highest_rate_within_a_bound() {
        let row = |rate: f64, p90: Option<f64>| ScenarioRow {
            rate_per_s: Some(rate),
            response_s_p90: p90,
            ..ScenarioRow::default()
        };
        let rows = [row(4.0, Some(0.9)), row(1.0, Some(0.1)), row(2.0, Some(0.2)), row(3.0, None)];
        let rows: Vec<&ScenarioRow> = rows.iter().collect();
        assert_eq!(highest_rate(&rows, 0.5), Some(2.0));
        assert_eq!(highest_rate(&rows, 0.05), None);
    }
}
