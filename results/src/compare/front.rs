//! Which cells are worth choosing: those that no other surely beats. The one rule for it, by which the table, the exports, the
//! pictures and the page go.
//!
//! A cell beats another if it is at least as accurate and at least as cheap as measured, and in one of the two more than noise
//! explains: their intervals are apart. An accuracy's interval is Wilson's. A time's is the median's from 6 repeats on, and
//! that from the shortest to the longest of 2 to 5 repeats; of a single one nothing is known, so that it is apart from none.
//! Bytes are the same in every repeat. So networks that differ by noise alone do not beat each other, and since whoever beats
//! is at least as good in both, no circle of cells beats itself: something is always left.

use super::row::ComparedRow;
use crate::statistics::{Estimate, needed_for_interval};
use crate::summary::Timed;

/// Who beats a cell, as indices within its block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beaten {
    /// In accuracy and online time.
    pub latency: Vec<usize>,
    /// In accuracy and bytes of both phases.
    pub bytes: Vec<usize>,
}

/// Marks the rows on the fronts of accuracy against online time, and against the bytes of both phases, and tells who beats the
/// others; a row alone has nothing to beat. `spreads` are the shortest and the longest of each row's online times, seconds.
pub(super) fn mark(rows: &mut [ComparedRow], spreads: &[Option<(f64, f64)>]) -> Vec<Beaten> {
    let times: Vec<Option<Estimate>> =
        rows.iter().zip(spreads).map(|(row, spread)| time(row, *spread)).collect();
    let bytes: Vec<Option<Estimate>> = rows.iter().map(bytes).collect();
    let (latency, bytes) = (beaten(rows, &times), beaten(rows, &bytes));
    if rows.len() > 1 {
        for ((row, latency), bytes) in rows.iter_mut().zip(&latency).zip(&bytes) {
            row.front_latency = latency.as_ref().is_some_and(Vec::is_empty);
            row.front_bytes = bytes.as_ref().is_some_and(Vec::is_empty);
        }
    }
    let both = latency.into_iter().zip(bytes);
    both.map(|(latency, bytes)| Beaten {
        latency: latency.unwrap_or_default(),
        bytes: bytes.unwrap_or_default(),
    })
    .collect()
}

/// The shortest and the longest online time, seconds; `None` of fewer than two repeats.
pub(super) fn spread(repeats: &[Timed]) -> Option<(f64, f64)> {
    let seconds = || repeats.iter().filter_map(|repeat| repeat.online_ns).map(|ns| ns as f64 / 1e9);
    let (least, most) = (seconds().fold(f64::INFINITY, f64::min), seconds().fold(0.0, f64::max));
    (seconds().count() > 1).then_some((least, most))
}

fn time(row: &ComparedRow, spread: Option<(f64, f64)>) -> Option<Estimate> {
    let value = row.online_s_p50?;
    let interval = row.online_s_p50_low.zip(row.online_s_p50_high);
    let few = row.n < needed_for_interval() as u64;
    Some(Estimate { value, interval: if few { spread } else { interval } })
}

fn bytes(row: &ComparedRow) -> Option<Estimate> {
    let value = row.bytes()? as f64;
    Some(Estimate { value, interval: Some((value, value)) })
}

/// Of every row with an accuracy and a cost, the rows that beat it.
fn beaten(rows: &[ComparedRow], costs: &[Option<Estimate>]) -> Vec<Option<Vec<usize>>> {
    let points: Vec<Option<(Estimate, Estimate)>> =
        rows.iter().zip(costs).map(|(row, cost)| Some((row.accuracy()?, (*cost)?))).collect();
    let beaters = |point: &(Estimate, Estimate)| {
        let beats = |other: &Option<(Estimate, Estimate)>| other.is_some_and(|other| beats(other, *point));
        (0..points.len()).filter(|index| beats(&points[*index])).collect()
    };
    points.iter().map(|point| point.as_ref().map(beaters)).collect()
}

fn beats((accuracy, cost): (Estimate, Estimate), (other, price): (Estimate, Estimate)) -> bool {
    let no_worse = accuracy.value >= other.value && cost.value <= price.value;
    no_worse && (surely_below(other, accuracy) || surely_below(cost, price))
}

/// Whether the one interval ends before the other begins.
fn surely_below(one: Estimate, other: Estimate) -> bool {
    one.interval.zip(other.interval).is_some_and(|((_, high), (low, _))| high < low)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With 20 repeats, whose median is known to a tenth, and an accuracy known to a hundredth.
    fn row(accuracy: f64, online: Option<f64>, bytes: u64) -> ComparedRow {
        ComparedRow {
            acc_fixed_test: Some(accuracy),
            acc_fixed_test_low: Some(accuracy - 0.01),
            acc_fixed_test_high: Some(accuracy + 0.01),
            n: 20,
            online_s_p50: online,
            online_s_p50_low: online.map(|time| time - 0.1),
            online_s_p50_high: online.map(|time| time + 0.1),
            offline_bytes: Some(bytes),
            online_bytes: Some(1),
            ..ComparedRow::default()
        }
    }

    fn marked(rows: &mut [ComparedRow], spreads: &[Option<(f64, f64)>]) -> (Vec<bool>, Vec<bool>) {
        mark(rows, spreads);
        rows.iter().map(|row| (row.front_latency, row.front_bytes)).unzip()
    }

    #[test]
    fn the_front_is_what_nothing_beats() {
        let mut rows = [
            row(0.9, Some(4.0), 9),
            row(0.8, Some(2.0), 9), // beaten in bytes by the first
            row(0.7, Some(3.0), 8), // beaten in time by the second
            row(0.8, Some(2.0), 5), // as fast and as accurate as the second
            row(0.95, None, 99),    // no time
        ];
        let found = mark(&mut rows, &[None; 5]);
        assert_eq!(rows.each_ref().map(|row| row.front_latency), [true, true, false, true, false]);
        assert_eq!(rows.each_ref().map(|row| row.front_bytes), [true, false, false, true, true]);
        assert_eq!(found[2], Beaten { latency: vec![1, 3], bytes: vec![3] });
        assert_eq!(found[4], Beaten::default(), "what is not known is not beaten");
    }

    /// Faster and more accurate as measured, but by no more than noise explains.
    #[test]
    fn noise_beats_nothing() {
        let (slow, fast) = (row(0.800, Some(2.0), 9), row(0.815, Some(1.85), 9));
        assert_eq!(marked(&mut [slow.clone(), fast], &[None; 2]).0, [true, true]);
        let surely = row(0.815, Some(1.7), 9);
        assert_eq!(marked(&mut [slow.clone(), surely], &[None; 2]).0, [false, true]);
        let same = slow.clone();
        assert_eq!(marked(&mut [slow, same], &[None; 2]), (vec![true, true], vec![true, true]));
    }

    /// Surely faster, but less accurate as measured: somebody may want the accuracy.
    #[test]
    fn what_is_better_in_one_is_not_beaten() {
        let mut rows = [row(0.81, Some(2.0), 9), row(0.80, Some(1.0), 9)];
        assert_eq!(marked(&mut rows, &[None; 2]).0, [true, true]);
    }

    /// Of a few repeats the range counts, of one nothing does.
    #[test]
    fn few_repeats_are_apart_where_all_of_them_are() {
        let few = |online: f64| ComparedRow { n: 3, ..row(0.8, Some(online), 9) };
        let mut rows = [few(1.0), few(1.2)];
        assert_eq!(marked(&mut rows, &[Some((0.9, 1.1)), Some((1.15, 1.3))]).0, [true, false]);
        assert_eq!(marked(&mut rows, &[Some((0.9, 1.1)), Some((1.05, 1.3))]).0, [true, true]);
        assert_eq!(marked(&mut rows, &[Some((0.9, 1.1)), None]).0, [true, true]);
        let timed = |ns: u64| Timed { image: 0, offline_ns: None, online_ns: Some(ns) };
        assert_eq!(spread(&[timed(3_000_000_000), timed(1_000_000_000)]), Some((1.0, 3.0)));
        assert_eq!(spread(&[timed(1)]), None);
    }
}
