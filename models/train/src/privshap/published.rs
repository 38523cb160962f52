//! Shapley values as the public code of PrivShap's authors estimates them, for comparison.
//!
//! Where it differs from [`super::shapley`]: only coalitions of the `n - 5` to `n - 1` largest sizes are looked at, the
//! largest first; a player's whole sum ends at the first coalition that, with the player in it, has a utility below 5
//! (percent, whatever the number of classes); the empty coalition's utility is taken as 0. One difference from their
//! code remains: utility is measured on held-out training images, each coalition once.

use super::coalitions::Coalitions;
use super::memo::Memo;
use super::shapley::{evaluations, weight};
use super::values::ShapleySettings;
use crate::Error;
use crate::images::whole;
use crate::network::Network;
use crate::watch::Watch;
use models::checkpoint::Checkpoint;
use models::data::Dataset;
use models::disk::write_atomically;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use tch::Device;

/// Name of the record in the output folder.
pub const PUBLISHED_FILE: &str = "shapley-published.json";

/// Players that a coalition lacks at most, the one whose value is estimated included.
const SIZES: usize = 5;

/// A player's sum ends at the first coalition of less utility.
const STOP: f64 = 5.0;

/// The estimates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// One value a player, in utility's unit.
    pub phi: Vec<f64>,
    /// Distinct coalitions measured.
    pub evaluations: usize,
    /// Players whose sum ended early.
    pub stopped: Vec<usize>,
}

/// The record of the layers' values, as written to [`PUBLISHED_FILE`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PublishedRecord {
    /// SHA-256 of the trained network.
    pub network_sha256: String,
    /// SHA-256 of the images measured on.
    pub images_sha256: String,
    /// Activation layers, in network order.
    pub layers: Vec<String>,
    /// Multiply-adds done, as a share of those that measuring each coalition separately would take.
    pub work: f64,
    /// Values in percent of accuracy.
    pub result: Published,
}

/// Estimates the values of `players` (1 to 64); `utility` is asked once per coalition, for many at a time, bit `i`
/// standing for player `i`.
pub fn published<E>(
    players: usize,
    mut utility: impl FnMut(&[u64]) -> Result<Vec<f64>, E>,
) -> Result<Published, E> {
    let all = u64::MAX >> (64 - players);
    let mut known = BTreeMap::from([(0, 0.0)]);
    let mut evaluations = 0;
    let mut measure = |known: &mut BTreeMap<u64, f64>, wanted: BTreeSet<u64>| -> Result<(), E> {
        let unknown: Vec<u64> = wanted.into_iter().filter(|s| !known.contains_key(s)).collect();
        evaluations += unknown.len();
        if !unknown.is_empty() {
            known.extend(unknown.iter().copied().zip(utility(&unknown)?));
        }
        Ok(())
    };
    let mut phi = vec![0.0; players];
    let mut active: Vec<usize> = (0..players).collect();
    let mut stopped = Vec::new();
    for lacking in 1..=SIZES.min(players) {
        // Coalitions without the player, in the order of their members.
        let coalitions = |player: usize| {
            let mut found = lacking_sets(all & !(1 << player), lacking - 1);
            found.sort_by_key(|coalition| std::cmp::Reverse(coalition.reverse_bits()));
            found
        };
        let with: BTreeSet<u64> =
            active.iter().flat_map(|p| coalitions(*p).into_iter().map(move |s| s | 1 << p)).collect();
        measure(&mut known, with)?;
        let counted: Vec<(usize, Vec<u64>)> = active
            .iter()
            .map(|p| (*p, coalitions(*p).into_iter().take_while(|s| known[&(s | 1 << p)] >= STOP).collect()))
            .collect();
        measure(&mut known, counted.iter().flat_map(|(_, sets)| sets.iter().copied()).collect())?;
        for (player, sets) in counted {
            let size = players - lacking;
            for coalition in &sets {
                phi[player] += weight(players, size) * (known[&(coalition | 1 << player)] - known[coalition]);
            }
            if sets.len() < coalitions(player).len() {
                stopped.push(player);
            }
        }
        active.retain(|player| !stopped.contains(player));
    }
    Ok(Published { phi, evaluations, stopped })
}

/// `members` without any `lacking` of them.
fn lacking_sets(members: u64, lacking: usize) -> Vec<u64> {
    let mut sets = BTreeSet::from([members]);
    for _ in 0..lacking {
        let without = |set: u64| (0..64).filter(move |i| set >> i & 1 == 1).map(move |i| set & !(1 << i));
        sets = sets.into_iter().flat_map(without).collect();
    }
    sets.into_iter().collect()
}

/// The layers' estimates: read from `out` if they are there for the same question, else measured and written.
pub fn published_values(
    settings: &ShapleySettings,
    teacher: &Checkpoint,
    held_out: &Dataset,
    out: &Path,
    watch: &mut dyn Watch,
) -> Result<PublishedRecord, Error> {
    settings.check(teacher)?;
    let images = settings.measured(held_out);
    let (network_sha256, images_sha256) = (teacher.digest(), images.digest());
    let path = out.join(PUBLISHED_FILE);
    let found = fs::read(&path).ok().and_then(|b| serde_json::from_slice::<PublishedRecord>(&b).ok());
    if let Some(record) =
        found.filter(|r| r.network_sha256 == network_sha256 && r.images_sha256 == images_sha256)
    {
        watch.note(&format!("Shapley values found in {}", path.display()));
        return Ok(record);
    }
    let memo = Memo::open(out, &network_sha256, &images_sha256)?;
    let device = Device::cuda_if_available();
    let network = Network::new(&teacher.graph, &teacher.parameters, device);
    let batch = whole(&images, &teacher.normalisation, device);
    let layers: Vec<String> = teacher.graph.activations().map(|layer| layer.name.to_owned()).collect();
    let mut coalitions = Coalitions::new(&network, &batch, memo);
    let most = evaluations(layers.len(), Some(SIZES));
    let result = published(layers.len(), |asked| {
        let shares = coalitions.accuracy(asked, &mut |measured| watch.coalition(measured, most))?;
        Ok::<_, Error>(shares.iter().map(|share| 100.0 * share).collect())
    })?;
    let work = coalitions.work();
    let record = PublishedRecord { network_sha256, images_sha256, layers, work, result };
    write_atomically(&path, &serde_json::to_vec_pretty(&record).expect("a record has string keys only"))?;
    coalitions.end()?;
    watch.note(&format!(
        "{} coalitions measured; values {:.2?}; ended early: {:?}",
        record.result.evaluations, record.result.phi, record.result.stopped
    ));
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn solve(players: usize, game: impl Fn(u64) -> f64) -> Published {
        published(players, |all| Ok::<_, Infallible>(all.iter().map(|s| game(*s)).collect())).unwrap()
    }

    fn close(found: &[f64], expected: &[f64]) {
        assert!(
            found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9),
            "{found:?}, expected {expected:?}"
        );
    }

    #[test]
    fn up_to_five_players_of_an_additive_game_get_their_worth() {
        let values = [10.0, 20.0, 30.0];
        let game = |s: u64| (0..3).filter(|i| s >> i & 1 == 1).map(|i| values[i]).sum();
        let found = solve(3, game);
        close(&found.phi, &values);
        assert_eq!((found.evaluations, found.stopped), (7, vec![]), "all but the empty coalition");
    }

    #[test]
    fn only_the_largest_coalitions_count() {
        // Of seven players' sizes 0 to 6, each of weight 1/7, five count.
        let found = solve(7, |s| 10.0 * f64::from(s.count_ones()));
        close(&found.phi, &[10.0 * 5.0 / 7.0; 7]);
        assert_eq!(found.evaluations, 1 + 7 + 21 + 35 + 35 + 21);
    }

    #[test]
    fn a_sum_ends_at_the_first_coalition_below_five() {
        // Without player 0 nothing works: the others' sums end at the first coalition that lacks it.
        let found = solve(3, |s| if s & 1 == 1 { 90.0 } else { 1.0 });
        // Player 0: 89 from three sizes of weight 1/3; U of the empty coalition is 0, so the last one is 90.
        let expected = (89.0 + 89.0 + 90.0) / 3.0;
        close(&found.phi, &[expected, 0.0, 0.0]);
        // Player 1 joins {0, 2}, then {0}, then, in the order of members, {2}: 1 with it, so the end.
        assert_eq!(found.stopped, [1, 2]);
    }
}
