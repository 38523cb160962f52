//! Shapley values of players whose coalitions have a measured utility.
//!
//! `phi_i = sum over S without i of [U(S + i) - U(S)] / (n * C(n - 1, |S|))`.
//!
//! The lattice of coalitions is walked downward from the full one, level by level, and every utility is measured
//! once. Nothing below a coalition whose utility is under a threshold is measured, and a depth cap bounds the walk.
//! If `U` is monotone and never negative, all that is left out is between 0 and a bound that comes with the result: the
//! smaller of what the left-out weight could hold, and what the values found leave of `U(N) - U(empty)`.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Most players: coalitions are 64-bit masks.
pub const MOST_PLAYERS: usize = 64;

/// How far the lattice is walked.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Walk {
    /// Nothing is measured below a coalition of less utility than this; `None` sets no threshold.
    pub threshold: Option<f64>,
    /// Coalitions lack at most this many players; `None` sets no limit.
    pub depth: Option<usize>,
}

impl Walk {
    /// All coalitions.
    pub const EXACT: Self = Self { threshold: None, depth: None };
}

/// Values, and what is known of their error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shapley {
    /// One value a player, in utility's unit. If utility is monotone, never above the exact one.
    pub phi: Vec<f64>,
    /// Utility of the full coalition.
    pub full: f64,
    /// Utility of the empty coalition.
    pub empty: f64,
    /// Distinct coalitions measured, the empty one included.
    pub evaluations: usize,
    /// The part of each player's weights (which sum to 1) that was left out below the threshold.
    pub trimmed: Vec<f64>,
    /// The part beyond the depth cap that was left out, the same for every player.
    pub capped: f64,
    /// If utility is monotone and never negative, each exact value exceeds `phi` by at most this.
    pub bound: Vec<f64>,
}

/// Walks the lattice of `players` (1 to 64); `utility` is asked once per coalition, for many at a time, bit `i`
/// standing for player `i`.
pub fn shapley<E>(
    players: usize,
    walk: Walk,
    mut utility: impl FnMut(&[u64]) -> Result<Vec<f64>, E>,
) -> Result<Shapley, E> {
    assert!((1..=MOST_PLAYERS).contains(&players), "1 to 64 players");
    let mut known: BTreeMap<u64, f64> = BTreeMap::new();
    let mut measure = |known: &mut BTreeMap<u64, f64>, wanted: &BTreeSet<u64>| -> Result<(), E> {
        let unknown: Vec<u64> = wanted.iter().copied().filter(|s| !known.contains_key(s)).collect();
        if !unknown.is_empty() {
            known.extend(unknown.iter().copied().zip(utility(&unknown)?));
        }
        Ok(())
    };
    let all = u64::MAX >> (MOST_PLAYERS - players);
    let members = |coalition: u64| (0..players).filter(move |i| coalition >> i & 1 == 1);
    measure(&mut known, &BTreeSet::from([all, 0]))?;
    let (full, empty) = (known[&all], known[&0]);
    let depth = walk.depth.map_or(players, |depth| depth.min(players));
    let (mut phi, mut used) = (vec![0.0; players], vec![0.0; players]);
    let mut level = BTreeSet::from([all]);
    for removed in 0..depth {
        let weight = weight(players, players - removed - 1);
        level.retain(|parent| walk.threshold.is_none_or(|threshold| known[parent] >= threshold));
        let below = |parent: u64| members(parent).map(move |player| parent & !(1 << player));
        let next: BTreeSet<u64> = level.iter().flat_map(|parent| below(*parent)).collect();
        measure(&mut known, &next)?;
        for parent in level {
            for player in members(parent) {
                phi[player] += weight * (known[&parent] - known[&(parent & !(1 << player))]);
                used[player] += weight;
            }
        }
        level = next;
    }
    // What lies beyond the cap is part of a coalition at the cap, or of one that was trimmed.
    let threshold = walk.threshold.unwrap_or(0.0);
    let mut ceiling = threshold;
    for coalition in level {
        ceiling = ceiling.max(known[&coalition]);
    }
    let capped = (players - depth) as f64 / players as f64;
    let trimmed: Vec<f64> = used.iter().map(|used| (1.0 - capped - used).max(0.0)).collect();
    // All values are found too low or exactly, and the exact ones sum to this difference.
    let unshared = (full - empty - phi.iter().sum::<f64>()).max(0.0);
    let bound = trimmed.iter().map(|weight| (threshold * weight + ceiling * capped).min(unshared)).collect();
    Ok(Shapley { phi, full, empty, evaluations: known.len(), trimmed, capped, bound })
}

/// Distinct coalitions that a walk of `players` (up to 64) measures at most: those that lack up to `depth`, and the
/// empty one.
pub fn evaluations(players: usize, depth: Option<usize>) -> u128 {
    let depth = depth.map_or(players, |depth| depth.min(players));
    let (mut of_size, mut sum) = (1, 1);
    for lacking in 0..depth {
        of_size = of_size * (players - lacking) as u128 / (lacking + 1) as u128;
        sum += of_size;
    }
    sum + u128::from(depth < players)
}

/// Weight of joining a coalition of `size` others: `1 / (n * C(n - 1, size))`.
pub(super) fn weight(players: usize, size: usize) -> f64 {
    let others = players - 1;
    let choices: f64 = (1..=size).map(|k| (others - size + k) as f64 / k as f64).product();
    1.0 / (players as f64 * choices)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn solve(players: usize, walk: Walk, game: impl Fn(u64) -> f64) -> Shapley {
        shapley(players, walk, |all| Ok::<_, Infallible>(all.iter().map(|s| game(*s)).collect())).unwrap()
    }

    /// Up to rounding: at most 64 terms below 1,024, each off by at most ten units of 2^-53.
    fn close(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() < 1e-10, "{found:?}, expected {expected:?}");
        }
    }

    /// Independent of the walk: the mean marginal contribution over all orders of joining.
    fn by_permutations(players: usize, game: &dyn Fn(u64) -> f64) -> Vec<f64> {
        fn visit(order: &mut Vec<usize>, players: usize, each: &mut dyn FnMut(&[usize])) {
            if order.len() == players {
                return each(order);
            }
            for player in 0..players {
                if !order.contains(&player) {
                    order.push(player);
                    visit(order, players, each);
                    order.pop();
                }
            }
        }
        let (mut phi, mut orders) = (vec![0.0; players], 0.0);
        visit(&mut Vec::new(), players, &mut |order| {
            let mut coalition = 0u64;
            for player in order {
                let joined = coalition | 1 << player;
                phi[*player] += game(joined) - game(coalition);
                coalition = joined;
            }
            orders += 1.0;
        });
        phi.iter().map(|p| p / orders).collect()
    }

    /// A game without any structure; whole numbers below 1,024, so that brute force adds up exactly.
    fn arbitrary(coalition: u64) -> f64 {
        let hash = coalition.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (hash >> 54) as f64
    }

    /// Monotone: a third of the squared total of the members' values.
    fn monotone(coalition: u64) -> f64 {
        let total: u64 = (0..6).filter(|i| coalition >> i & 1 == 1).map(|i| i + 1).sum();
        (total * total) as f64 / 3.0
    }

    #[test]
    fn known_games() {
        // Additive: everybody gets what they bring.
        let additive = solve(3, Walk::EXACT, |s| {
            [5.0, 7.0, 11.0].iter().enumerate().map(|(i, v)| (s >> i & 1) as f64 * v).sum()
        });
        close(&additive.phi, &[5.0, 7.0, 11.0]);
        // Gloves: player 0 has the left one, 1 and 2 a right one each; a pair's utility is 1.
        let gloves = solve(3, Walk::EXACT, |s| f64::from(u8::from(s & 1 == 1 && s > 1)));
        close(&gloves.phi, &[2.0 / 3.0, 1.0 / 6.0, 1.0 / 6.0]);
        assert_eq!((gloves.evaluations, gloves.capped), (8, 0.0));
        // Unanimity of 1 and 3 among five.
        let unanimity = solve(5, Walk::EXACT, |s| f64::from(u8::from(s & 0b1010 == 0b1010)));
        close(&unanimity.phi, &[0.0, 0.5, 0.0, 0.5, 0.0]);
    }

    #[test]
    fn exact_values_are_those_of_brute_force_and_efficient() {
        for players in 1..=7 {
            let exact = solve(players, Walk::EXACT, arbitrary);
            close(&exact.phi, &by_permutations(players, &arbitrary));
            assert!((exact.phi.iter().sum::<f64>() - (exact.full - exact.empty)).abs() < 1e-9);
            assert_eq!(exact.evaluations, 1 << players);
            close(&exact.trimmed, &vec![0.0; players]);
            close(&exact.bound, &vec![0.0; players]);
        }
    }

    #[test]
    fn trimming_and_capping_stay_within_their_bound() {
        let exact = solve(6, Walk::EXACT, monotone).phi;
        let mut shorter = 0;
        for threshold in [None, Some(5.0), Some(40.0), Some(100.0), Some(1e3)] {
            for depth in [None, Some(1), Some(2), Some(4), Some(6)] {
                let found = solve(6, Walk { threshold, depth }, monotone);
                for (player, exact) in exact.iter().enumerate() {
                    let missing = exact - found.phi[player];
                    assert!(
                        missing > -1e-9 && missing <= found.bound[player] + 1e-9,
                        "{threshold:?} {depth:?}"
                    );
                }
                shorter += usize::from(found.evaluations < 64);
            }
        }
        assert!(shorter > 10, "limits save evaluations");
    }

    #[test]
    fn nothing_below_a_trimmed_coalition_is_measured() {
        // Only the full coalition has a utility above 0, so the four below it are measured and none below those.
        let game = |s: u64| if s == 0b1111 { 90.0 } else { 1.0 };
        let found = solve(4, Walk { threshold: Some(5.0), depth: None }, game);
        assert_eq!(found.evaluations, 1 + 4 + 1, "the full, those that lack one, and the empty coalition");
        close(&found.phi, &[89.0 / 4.0; 4]);
        close(&found.trimmed, &[0.75; 4]);
        close(&found.bound, &[0.0; 4]);
        let strict = solve(4, Walk { threshold: Some(91.0), depth: None }, game);
        assert_eq!((strict.evaluations, strict.phi), (2, vec![0.0; 4]));
        close(&strict.trimmed, &[1.0; 4]);
    }

    #[test]
    fn the_bound_is_the_smaller_of_left_out_weight_and_unshared_utility() {
        // Each player adds 10, and the walk sees only those who leave first: a quarter of everybody's value.
        let additive = |s: u64| 10.0 * f64::from(s.count_ones());
        let capped = solve(4, Walk { threshold: None, depth: Some(1) }, additive);
        close(&capped.phi, &[2.5; 4]);
        close(&capped.bound, &[0.75 * 30.0; 4]);
        // Two leave first: half is left out, of at most 20; the values leave 40 - 4 * 5.
        let deeper = solve(4, Walk { threshold: None, depth: Some(2) }, additive);
        close(&deeper.bound, &[0.5 * 20.0; 4]);
        // Only player 0 counts, and little: so little is unshared.
        let first = |s: u64| if s & 1 == 1 { 90.0 } else { 89.0 };
        let unshared = solve(4, Walk { threshold: None, depth: Some(1) }, first);
        close(&unshared.phi, &[0.25, 0.0, 0.0, 0.0]);
        close(&unshared.bound, &[0.75; 4]);
    }

    #[test]
    fn evaluations_are_those_of_a_walk_that_is_not_trimmed() {
        for players in 1..=7 {
            for depth in [None, Some(0), Some(1), Some(3), Some(7), Some(9)] {
                let found = solve(players, Walk { threshold: None, depth }, arbitrary);
                assert_eq!(found.evaluations as u128, evaluations(players, depth), "{players} {depth:?}");
            }
        }
        assert_eq!(evaluations(16, Some(4)), 2_518);
        assert_eq!(evaluations(64, None), 1 << 64);
    }

    #[test]
    fn weights_sum_to_one_even_for_many_players() {
        for players in [1, 2, 7, 32, 64] {
            let total: f64 = (0..players)
                .map(|size| {
                    let choices: f64 =
                        (1..=size).map(|k| (players - 1 - size + k) as f64 / k as f64).product();
                    weight(players, size) * choices
                })
                .sum();
            assert!((total - 1.0).abs() < 1e-12);
        }
    }

    /// ResNet9 on CIFAR-100, from the authors' log: the exact values sum to U(N) - U(empty) = 73.04.
    #[test]
    fn published_values_are_efficient() {
        let phi = [10.982, 11.128, 11.550, 11.034, 10.850, 10.878, 6.478, 0.140];
        assert!((phi.iter().sum::<f64>() - 73.04).abs() < 8.0 * 0.0005 + 0.005);
    }
}
