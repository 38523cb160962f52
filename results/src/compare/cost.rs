//! What a ReLU costs, by the straight line through cells of different counts.

use super::row::ComparedRow;
use crate::schema::Dimension;
use crate::statistics::{Line, line};

/// What papers multiply a ReLU count by to estimate latency, microseconds: about this much (SNL, SENet, DeepReDuce and
/// others, 19 to 22, from measurements of Delphi).
pub const LITERATURE_US_PER_RELU: f64 = 21.0;

/// Lines through the times of cells that differ in their count of ReLUs.
#[derive(Clone, Debug, PartialEq)]
pub struct ReluCost {
    /// What tells this way of computing from the block's others; empty if there are none.
    pub way: String,
    /// Cells behind it.
    pub cells: usize,
    /// Median online time in microseconds by ReLUs.
    pub online_us: Line,
    /// Median offline time plus median online time in microseconds by ReLUs.
    pub total_us: Line,
}

/// What ways of computing a ReLU differ in.
const WAY: [Dimension; 5] =
    [Dimension::Run, Dimension::Relu, Dimension::He, Dimension::Threads, Dimension::Store];

fn way(row: &ComparedRow) -> [String; WAY.len()] {
    WAY.map(|dimension| dimension.value(&row.run, &row.identity()))
}

/// One for each way of computing that has cells of at least two counts.
pub(super) fn costs(rows: &[ComparedRow]) -> Vec<ReluCost> {
    let mut ways: Vec<[String; WAY.len()]> = Vec::new();
    for row in rows.iter().filter(|row| row.ok()) {
        if !ways.contains(&way(row)) {
            ways.push(way(row));
        }
    }
    let varies = |part: usize| ways.iter().any(|way| way[part] != ways[0][part]);
    let cost = |way: &[String; WAY.len()]| {
        let members: Vec<&ComparedRow> =
            rows.iter().filter(|row| row.ok() && self::way(row) == *way).collect();
        let points = |time: fn(&ComparedRow) -> Option<f64>| -> Vec<(f64, f64)> {
            members.iter().filter_map(|row| Some((row.relus as f64, time(row)? * 1e6))).collect()
        };
        let online = points(|row| row.online_s_p50);
        let total = points(|row| Some(row.offline_s_p50? + row.online_s_p50?));
        let name: Vec<&str> =
            (0..WAY.len()).filter(|part| varies(*part)).map(|part| way[part].as_str()).collect();
        Some(ReluCost {
            way: name.join(" "),
            cells: online.len(),
            online_us: line(&online)?,
            total_us: line(&total)?,
        })
    };
    ways.iter().filter_map(cost).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_has_its_line() {
        let row = |relu: &str, relus: u64, online: f64| ComparedRow {
            relu: relu.to_owned(),
            relus,
            status: "ok".to_owned(),
            online_s_p50: Some(online),
            offline_s_p50: Some(2.0 * online),
            ..ComparedRow::default()
        };
        let rows = [
            row("narrow", 1000, 0.003),
            row("narrow", 3000, 0.005),
            row("delphi", 1000, 0.022),
            row("delphi", 2000, 0.043),
            row("sign", 1000, 0.1),
            ComparedRow { status: "partial".to_owned(), ..row("sign", 2000, 0.2) },
        ];
        let found = costs(&rows);
        let ways: Vec<&str> = found.iter().map(|cost| cost.way.as_str()).collect();
        assert_eq!(ways, ["narrow", "delphi"], "one count makes no line");
        assert!(
            (found[0].online_us.slope - 1.0).abs() < 1e-9 && (found[0].total_us.slope - 3.0).abs() < 1e-9
        );
        assert!((found[0].online_us.intercept - 2000.0).abs() < 1e-6);
        assert!((found[1].online_us.slope - LITERATURE_US_PER_RELU).abs() < 1e-9);
    }
}
