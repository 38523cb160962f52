//! The same method trained with several seeds: what it comes to on average, and how it differs from others. One network's
//! accuracy is as much its seed's as its method's.

use crate::layout::tied;
use crate::schema::SEED_SUFFIX;
use crate::statistics::{Estimate, mean};
use crate::units::seconds;
use std::collections::BTreeMap;

/// One network of a method's.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained<'a> {
    /// Method.
    pub method: &'a str,
    /// Its seed; `None` where its name has none, being that of the network it was made from.
    pub seed: Option<u64>,
    /// Budget: methods are compared within the same.
    pub budget: String,
    /// What else it must share with those it is compared with, such as the link.
    pub rest: Vec<String>,
    /// Top-1 accuracy, 0 to 1.
    pub accuracy: f64,
    /// Median online time, seconds.
    pub online_s: Option<f64>,
}

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
    /// How much more accurate the first method of several seeds is where all else is the same, seed by seed; `None` for itself.
    pub first_is_ahead_by: Option<Estimate>,
}

/// Methods that have at least two seeds, in the order of `networks`; of a seed's networks the last counts.
pub fn over_seeds(networks: &[Trained<'_>]) -> Vec<OverSeeds> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for network in networks {
        let of_it = |group: &&mut Group<'_>| {
            let member = first(group);
            member.method == network.method && alike(member, network)
        };
        match groups.iter_mut().find(of_it) {
            Some(group) => {
                group.insert(network.seed, network);
            }
            None => groups.push(BTreeMap::from([(network.seed, network)])),
        }
    }
    groups.retain(|group| group.len() > 1);
    groups.iter().map(|group| summed_up(group, &groups)).collect()
}

/// The networks of one method, with all else the same, by their seeds; never none.
type Group<'a> = BTreeMap<Option<u64>, &'a Trained<'a>>;

fn first<'a>(group: &Group<'a>) -> &'a Trained<'a> {
    group.values().next().expect("a group begins with a network")
}

fn alike(one: &Trained<'_>, other: &Trained<'_>) -> bool {
    one.budget == other.budget && one.rest == other.rest
}

fn summed_up(group: &Group<'_>, groups: &[Group<'_>]) -> OverSeeds {
    let (member, leader) = (first(group), first(&groups[0]).method);
    let varies =
        |part: &usize| groups.iter().any(|other| first(other).rest[*part] != first(&groups[0]).rest[*part]);
    let shown = (0..member.rest.len()).filter(varies).map(|part| member.rest[part].as_str());
    let name: Vec<&str> = [member.method, &member.budget].into_iter().chain(shown).collect();
    let accuracies: Vec<f64> = group.values().map(|network| network.accuracy).collect();
    let times: Option<Vec<f64>> = group.values().map(|network| network.online_s).collect();
    let led = groups.iter().find(|other| first(other).method == leader && alike(first(other), member));
    let by = |led: &Group<'_>| {
        let pairs =
            group.iter().filter_map(|(seed, network)| Some(led.get(seed)?.accuracy - network.accuracy));
        mean(&pairs.collect::<Vec<_>>())
    };
    OverSeeds {
        name: name.join(" "),
        seeds: group.len(),
        accuracy: mean(&accuracies).expect("there are several"),
        online_s: times.and_then(|times| mean(&times)),
        first_is_ahead_by: led.and_then(by).filter(|_| member.method != leader),
    }
}

/// A line of prose, to be folded: means in percent, with what the first method is ahead in points.
pub(crate) fn line(over: &OverSeeds) -> String {
    let within = |estimate: &Estimate, digits: usize| {
        let told = |value: f64| format!("{:.digits$}", 100.0 * value);
        match estimate.interval {
            Some((low, high)) => tied(&format!("{} ({} to {})", told(estimate.value), told(low), told(high))),
            None => told(estimate.value),
        }
    };
    let online = over.online_s.map(|time| format!(", online {}", tied(&seconds(time.value))));
    let ahead = over.first_is_ahead_by.map(|by| format!("; the first is ahead by {} points", within(&by, 2)));
    format!(
        "  {} over {} seeds: {} %{}{}",
        over.name,
        over.seeds,
        within(&over.accuracy, 2),
        online.unwrap_or_default(),
        ahead.unwrap_or_default()
    )
}

/// Method and seed of a network by its name: one without a seed is of the method that it is called.
pub(crate) fn trained_with(name: &str) -> (&str, Option<u64>) {
    seeded(name).map_or((name, None), |(method, seed)| (method, Some(seed)))
}

/// Method and seed of a name such as `privshap-seed3`.
pub fn seeded(method: &str) -> Option<(&str, u64)> {
    let (method, seed) = method.rsplit_once(SEED_SUFFIX)?;
    Some((method, seed.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(name: &'static str, budget: u64, accuracy: f64) -> Trained<'static> {
        let (method, seed) = trained_with(name);
        let rest = vec!["one".to_owned()];
        Trained { method, seed, budget: budget.to_string(), rest, accuracy, online_s: Some(2.0) }
    }

    #[test]
    fn means_and_paired_differences() {
        let networks = [
            network("privshap-seed1", 50, 0.80),
            network("privshap-seed2", 50, 0.82),
            network("privshap-seed3", 50, 0.84),
            network("snl-seed2", 50, 0.80),
            network("snl-seed1", 50, 0.79),
            network("snl-seed3", 50, 0.81),
            network("snl-seed1", 25, 0.5),
        ];
        let found = over_seeds(&networks);
        let names: Vec<(&str, usize)> = found.iter().map(|one| (one.name.as_str(), one.seeds)).collect();
        assert_eq!(names, [("privshap 50", 3), ("snl 50", 3)], "one seed has no spread");
        assert!((found[0].accuracy.value - 0.82).abs() < 1e-12 && found[0].first_is_ahead_by.is_none());
        assert_eq!(found[0].online_s.unwrap().value, 2.0);
        // Seed by seed 1, 2 and 3 points.
        let ahead = found[1].first_is_ahead_by.unwrap();
        assert!((ahead.value - 0.02).abs() < 1e-12);
        assert!((ahead.interval.unwrap().1 - 0.02 - 0.043027 / 3f64.sqrt()).abs() < 1e-5);
        assert!(over_seeds(&networks[6..]).is_empty());
    }

    /// The name has no seed where it is that of the network it began with.
    #[test]
    fn a_network_without_a_seed_in_its_name_is_one_of_its_siblings() {
        let networks = [
            network("ar", 0, 0.92),
            network("privshap", 50_000, 0.876),
            network("privshap", 6_000, 0.579),
            network("privshap-seed1", 50_000, 0.8835),
            network("privshap-seed2", 50_000, 0.8765),
            network("snl", 50_000, 0.872),
            network("snl-seed1", 50_000, 0.8735),
        ];
        let found = over_seeds(&networks);
        let names: Vec<(&str, usize)> = found.iter().map(|one| (one.name.as_str(), one.seeds)).collect();
        assert_eq!(names, [("privshap 50000", 3), ("snl 50000", 2)]);
        let mean = found[0].accuracy;
        let half = (mean.interval.unwrap().1 - mean.interval.unwrap().0) / 2.0;
        assert!((mean.value - 0.8787).abs() < 5e-5 && (half - 0.0104).abs() < 5e-5, "{mean:?}");
        // Seed by seed 0.4 and 1 points.
        assert!((found[1].first_is_ahead_by.unwrap().value - 0.007).abs() < 1e-12);
    }

    #[test]
    fn what_differs_is_named_and_not_compared() {
        let of = |method, seed, link: &str| Trained {
            method,
            seed: Some(seed),
            budget: "50".to_owned(),
            rest: vec!["one".to_owned(), link.to_owned()],
            accuracy: 0.5,
            online_s: None,
        };
        let networks = [of("a", 1, "lan"), of("a", 2, "lan"), of("b", 1, "wan"), of("b", 2, "wan")];
        let found = over_seeds(&networks);
        assert_eq!(found[0].name, "a 50 lan");
        assert_eq!((found[1].name.as_str(), found[1].first_is_ahead_by), ("b 50 wan", None));
    }

    #[test]
    fn seeds_are_what_follows_the_last_suffix() {
        assert_eq!(seeded("privshap-ms_lan-seed12"), Some(("privshap-ms_lan", 12)));
        assert_eq!((seeded("ar"), seeded("snl-seed")), (None, None));
    }
}
