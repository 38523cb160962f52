//! The same method trained with several seeds: what it comes to on average, and how it differs from others. One network's
//! accuracy is as much its seed's as its method's.

use super::row::ComparedRow;
use crate::schema::{Dimension, SEED_SUFFIX};
use crate::statistics::{Estimate, mean};
use std::collections::BTreeMap;

/// A method at a budget, over its seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct OverSeeds {
    /// Method, with what else tells it from the others, and budget.
    pub name: String,
    /// Networks.
    pub seeds: usize,
    /// Mean top-1 accuracy in the ring, in the clear, 0 to 1.
    pub accuracy: Estimate,
    /// Mean of the median online times, seconds, where all were measured.
    pub online_s: Option<Estimate>,
    /// How much more accurate the block's first method of several seeds is at the same budget, seed by seed; `None` for itself.
    pub first_is_ahead_by: Option<Estimate>,
}

/// A group's key: its parts are compared within the same budget.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Key {
    method: String,
    rest: Vec<String>,
}

const REST: [Dimension; 6] =
    [Dimension::Run, Dimension::Budget, Dimension::Relu, Dimension::He, Dimension::Threads, Dimension::Store];

/// Methods that have at least two seeds, in the order of `rows`.
pub(super) fn over_seeds(rows: &[ComparedRow]) -> Vec<OverSeeds> {
    let mut groups: Vec<(Key, BTreeMap<u64, &ComparedRow>)> = Vec::new();
    for row in rows.iter().filter(|row| row.ok() && row.accuracy().is_some()) {
        let Some((method, seed)) = seeded(&row.method) else { continue };
        let identity = row.identity();
        let rest = REST.iter().map(|dimension| dimension.value(&row.run, &identity)).collect();
        let key = Key { method: method.to_owned(), rest };
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, members)) => {
                members.insert(seed, row);
            }
            None => groups.push((key, BTreeMap::from([(seed, row)]))),
        }
    }
    groups.retain(|(_, members)| members.len() > 1);
    let varies = |part: usize| groups.iter().any(|(key, _)| key.rest[part] != groups[0].0.rest[part]);
    let shown: Vec<usize> =
        (0..REST.len()).filter(|part| REST[*part] == Dimension::Budget || varies(*part)).collect();
    let accuracy = |row: &&ComparedRow| row.accuracy().unwrap_or_default();
    let ahead = |key: &Key, members: &BTreeMap<u64, &ComparedRow>| {
        let (_, first) =
            groups.iter().find(|(other, _)| other.rest == key.rest && other.method == groups[0].0.method)?;
        let pairs = members.iter().filter_map(|(seed, row)| Some(accuracy(first.get(seed)?) - accuracy(row)));
        mean(&pairs.collect::<Vec<_>>()).filter(|_| key.method != groups[0].0.method)
    };
    let told = |(key, members): &(Key, BTreeMap<u64, &ComparedRow>)| {
        let times: Option<Vec<f64>> = members.values().map(|row| row.online_s_p50).collect();
        let mut name = vec![key.method.as_str()];
        name.extend(shown.iter().map(|part| key.rest[*part].as_str()));
        OverSeeds {
            name: name.join(" "),
            seeds: members.len(),
            accuracy: mean(&members.values().map(accuracy).collect::<Vec<_>>()).expect("there are several"),
            online_s: times.and_then(|times| mean(&times)),
            first_is_ahead_by: ahead(key, members),
        }
    };
    groups.iter().map(told).collect()
}

/// Method and seed of a name such as `privshap-seed3`.
fn seeded(method: &str) -> Option<(&str, u64)> {
    let (method, seed) = method.rsplit_once(SEED_SUFFIX)?;
    Some((method, seed.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(method: &str, budget: u64, accuracy: f64) -> ComparedRow {
        ComparedRow {
            method: method.to_owned(),
            budget: Some(budget),
            status: "ok".to_owned(),
            acc_fixed_test: Some(accuracy),
            online_s_p50: Some(2.0),
            ..ComparedRow::default()
        }
    }

    #[test]
    fn means_and_paired_differences() {
        let rows = [
            row("privshap-seed1", 50, 0.80),
            row("privshap-seed2", 50, 0.82),
            row("privshap-seed3", 50, 0.84),
            row("snl-seed2", 50, 0.80),
            row("snl-seed1", 50, 0.79),
            row("snl-seed3", 50, 0.81),
            row("snl-seed1", 25, 0.5),
            row("ar", 90, 0.9),
        ];
        let found = over_seeds(&rows);
        let names: Vec<(&str, usize)> = found.iter().map(|one| (one.name.as_str(), one.seeds)).collect();
        assert_eq!(names, [("privshap 50", 3), ("snl 50", 3)], "one seed has no spread");
        assert!((found[0].accuracy.value - 0.82).abs() < 1e-12 && found[0].first_is_ahead_by.is_none());
        assert_eq!(found[0].online_s.unwrap().value, 2.0);
        // Seed by seed 1, 2 and 3 points.
        let ahead = found[1].first_is_ahead_by.unwrap();
        assert!((ahead.value - 0.02).abs() < 1e-12);
        assert!((ahead.interval.unwrap().1 - 0.02 - 0.043027 / 3f64.sqrt()).abs() < 1e-5);
        assert!(over_seeds(&rows[6..]).is_empty());
    }
}
