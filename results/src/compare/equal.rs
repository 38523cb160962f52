//! What networks of one accuracy take: methods whose budgets gave other accuracies are compared at the same one.

use super::row::ComparedRow;
use crate::schema::Dimension;

/// Online times at one accuracy, a method's each.
#[derive(Clone, Debug, PartialEq)]
pub struct AtAccuracy {
    /// Top-1 accuracy in the ring, in the clear, 0 to 1.
    pub accuracy: f64,
    /// In the order of the block's rows.
    pub methods: Vec<MethodTime>,
}

/// What one method takes for an accuracy.
#[derive(Clone, Debug, PartialEq)]
pub struct MethodTime {
    /// Its name, with what else tells it from the others.
    pub name: String,
    /// Median online time, seconds, on the straight line between the two of its networks that enclose the accuracy, none of which
    /// another of its networks beats; `None` where there are no such two.
    pub online_s: Option<f64>,
}

/// What lines go through cells of.
const SAME: [Dimension; 6] =
    [Dimension::Run, Dimension::Method, Dimension::Relu, Dimension::He, Dimension::Threads, Dimension::Store];

/// The methods' times at each of `accuracies`.
pub(super) fn at(rows: &[ComparedRow], accuracies: &[f64]) -> Vec<AtAccuracy> {
    let same = |row: &ComparedRow| SAME.map(|dimension| dimension.value(&row.run, &row.identity()));
    let mut methods: Vec<[String; SAME.len()]> = Vec::new();
    for row in rows.iter().filter(|row| row.ok()) {
        if !methods.contains(&same(row)) {
            methods.push(same(row));
        }
    }
    let varies = |part: usize| methods.iter().any(|method| method[part] != methods[0][part]);
    let shown: Vec<usize> =
        (0..SAME.len()).filter(|part| SAME[*part] == Dimension::Method || varies(*part)).collect();
    let time = |method: &[String; SAME.len()], accuracy: f64| {
        let members = rows.iter().filter(|row| row.ok() && same(row) == *method);
        let points = members.filter_map(|row| Some((row.online_s_p50?, row.accuracy()?.value))).collect();
        let name: Vec<&str> = shown.iter().map(|part| method[*part].as_str()).collect();
        MethodTime { name: name.join(" "), online_s: reached(points, accuracy) }
    };
    let at = |accuracy: &f64| AtAccuracy {
        accuracy: *accuracy,
        methods: methods.iter().map(|method| time(method, *accuracy)).collect(),
    };
    accuracies.iter().map(at).collect()
}

/// The time at which the points `(time, accuracy)` reach `accuracy`.
fn reached(mut points: Vec<(f64, f64)>, accuracy: f64) -> Option<f64> {
    points.sort_by(|(one, worse), (other, better)| one.total_cmp(other).then(better.total_cmp(worse)));
    // What is slower and no more accurate is not chosen.
    let mut front: Vec<(f64, f64)> = Vec::new();
    for point in points {
        if front.last().is_none_or(|last| point.1 > last.1) {
            front.push(point);
        }
    }
    let enclosing = front.windows(2).find(|pair| (pair[0].1..=pair[1].1).contains(&accuracy))?;
    let [(fast, low), (slow, high)] = [enclosing[0], enclosing[1]];
    Some(fast + (slow - fast) * (accuracy - low) / (high - low))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_on_the_line_between_what_is_worth_choosing() {
        let points = vec![(3.0, 0.9), (1.0, 0.5), (2.0, 0.7), (2.5, 0.6), (2.0, 0.65)];
        for (accuracy, expected) in [(0.5, Some(1.0)), (0.6, Some(1.5)), (0.8, Some(2.5)), (0.9, Some(3.0))] {
            let found = reached(points.clone(), accuracy);
            assert!(found.zip(expected).is_some_and(|(one, other)| (one - other).abs() < 1e-9), "{accuracy}");
        }
        assert_eq!((reached(points.clone(), 0.91), reached(points, 0.4)), (None, None));
        assert_eq!(reached(vec![(1.0, 0.5)], 0.5), None, "one network has no line");
    }

    #[test]
    fn methods_are_told_apart() {
        let row = |method: &str, relu: &str, accuracy: f64, online: f64| ComparedRow {
            method: method.to_owned(),
            relu: relu.to_owned(),
            status: "ok".to_owned(),
            acc_fixed_test: Some(accuracy),
            online_s_p50: Some(online),
            ..ComparedRow::default()
        };
        let rows = [
            row("snl", "sign", 0.8, 2.0),
            row("snl", "sign", 0.9, 4.0),
            row("snl", "narrow", 0.8, 1.0),
            ComparedRow { status: "partial".to_owned(), ..row("snl", "narrow", 0.9, 2.0) },
            row("privshap", "narrow", 0.8, 1.0),
            row("privshap", "narrow", 0.9, 1.0),
        ];
        let found = at(&rows, &[0.85]);
        let times: Vec<(&str, Option<f64>)> =
            found[0].methods.iter().map(|one| (one.name.as_str(), one.online_s)).collect();
        let (names, seconds): (Vec<&str>, Vec<Option<f64>>) = times.into_iter().unzip();
        assert_eq!(names, ["snl sign", "snl narrow", "privshap narrow"]);
        assert!((seconds[0].unwrap() - 3.0).abs() < 1e-9, "{seconds:?}");
        assert_eq!(seconds[1..], [None, None], "no two of them enclose it: one is partial, one beaten");
    }
}
