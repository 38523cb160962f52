//! Which cells are worth choosing: those that no other beats in everything.

use super::row::ComparedRow;

/// Marks the rows on the fronts of accuracy against online time, and against the bytes of both phases; a row alone has
/// nothing to beat.
pub(super) fn mark(rows: &mut [ComparedRow]) {
    if rows.len() < 2 {
        return;
    }
    let latency = of(rows, |row| row.online_s_p50);
    let bytes = of(rows, |row| row.bytes().map(|bytes| bytes as f64));
    for ((row, latency), bytes) in rows.iter_mut().zip(latency).zip(bytes) {
        (row.front_latency, row.front_bytes) = (latency, bytes);
    }
}

fn of(rows: &[ComparedRow], cost: impl Fn(&ComparedRow) -> Option<f64>) -> Vec<bool> {
    let points: Vec<Option<(f64, f64)>> =
        rows.iter().map(|row| Some((row.accuracy()?, cost(row)?))).collect();
    let beaten = |(accuracy, cost): (f64, f64)| {
        points.iter().flatten().any(|(other, price)| {
            *other >= accuracy && *price <= cost && (*other > accuracy || *price < cost)
        })
    };
    points.iter().map(|point| point.is_some_and(|point| !beaten(point))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_is_what_nothing_beats() {
        let row = |accuracy: f64, online: Option<f64>, bytes: u64| ComparedRow {
            acc_fixed_test: Some(accuracy),
            online_s_p50: online,
            offline_bytes: Some(bytes),
            online_bytes: Some(1),
            ..ComparedRow::default()
        };
        let mut rows = [
            row(0.9, Some(4.0), 9),
            row(0.8, Some(2.0), 9), // beaten in bytes by the first
            row(0.7, Some(3.0), 8), // beaten in time by the second
            row(0.8, Some(2.0), 5), // as fast and as accurate as the second
            row(0.95, None, 99),    // no time
        ];
        mark(&mut rows);
        assert_eq!(rows.each_ref().map(|row| row.front_latency), [true, true, false, true, false]);
        assert_eq!(rows.each_ref().map(|row| row.front_bytes), [true, false, false, true, true]);
    }
}
