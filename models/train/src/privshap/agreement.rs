//! How far a trimmed walk is from exact values, where both are known.

use super::shapley::{Shapley, Walk};
use serde::{Deserialize, Serialize};

/// A walk of part of the lattice, and what separates it from the exact one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// The limits of the walk.
    pub walk: Walk,
    /// The values that it would have found by itself.
    pub trimmed: Shapley,
    /// Largest difference between the two shares of a budget, `max(phi, 0)` over their sum, that a layer gets; empty
    /// where one of the walks finds no layer of positive value.
    pub share_difference: Option<f64>,
    /// Spearman's rank correlation of the two lists of values, equal ones ranked by their mean; empty where all values
    /// of one list are equal.
    pub rank_correlation: Option<f64>,
}

impl Agreement {
    /// Compares `trimmed`, found by `walk`, with `exact`.
    pub fn between(exact: &Shapley, walk: Walk, trimmed: Shapley) -> Self {
        let share_difference = shares(&exact.phi).zip(shares(&trimmed.phi)).map(|(exact, trimmed)| {
            exact.iter().zip(trimmed).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
        });
        let rank_correlation = spearman(&exact.phi, &trimmed.phi);
        Self { walk, trimmed, share_difference, rank_correlation }
    }
}

/// Of a budget, before layers are capped at their size.
fn shares(phi: &[f64]) -> Option<Vec<f64>> {
    let sum: f64 = phi.iter().map(|p| p.max(0.0)).sum();
    (sum > 0.0).then(|| phi.iter().map(|p| p.max(0.0) / sum).collect())
}

/// Pearson's correlation of the ranks.
fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    let (a, b) = (deviations(a), deviations(b));
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let scale = (product(&a, &a) * product(&b, &b)).sqrt();
    (scale > 0.0).then(|| product(&a, &b) / scale)
}

/// Each value's rank, the mean of those that equal values take, less the mean rank.
fn deviations(values: &[f64]) -> Vec<f64> {
    let count = |of: &dyn Fn(&f64) -> bool| values.iter().filter(|v| of(v)).count() as f64;
    values.iter().map(|value| (count(&|v| v < value) - count(&|v| v > value)) / 2.0).collect()
}

#[cfg(test)]
mod tests {
    use super::super::shapley::shapley;
    use super::*;
    use std::convert::Infallible;

    fn solve(players: usize, walk: Walk) -> Shapley {
        let game = |s: &u64| f64::from(s.count_ones().pow(2)) + (s % 11) as f64;
        shapley(players, walk, |all| Ok::<_, Infallible>(all.iter().map(game).collect())).unwrap()
    }

    #[test]
    fn known_rank_correlations() {
        let ten = [106.0, 100.0, 86.0, 101.0, 99.0, 103.0, 97.0, 113.0, 112.0, 110.0];
        let hours = [7.0, 27.0, 2.0, 50.0, 28.0, 29.0, 20.0, 12.0, 6.0, 17.0];
        for (a, b, expected) in [
            // Without ties, 1 - 6 sum d^2 / (n (n^2 - 1)), here with sum d^2 = 194.
            (&ten[..], &hours[..], 1.0 - 6.0 * 194.0 / 990.0),
            (&[1.0, 2.0, 3.0], &[10.0, 20.0, 21.0], 1.0),
            (&[1.0, 2.0, 3.0], &[5.0, 4.0, -4.0], -1.0),
            // Ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4: 4.5 / sqrt(4.5 * 5).
            (&[1.0, 2.0, 2.0, 3.0], &[1.0, 2.0, 3.0, 4.0], 0.9_f64.sqrt()),
            // Ranks 1.5, 1.5, 3 and 1, 2.5, 2.5: 0.75 / sqrt(1.5 * 1.5).
            (&[0.0, 0.0, 1.0], &[0.0, 7.0, 7.0], 0.5),
        ] {
            let found = spearman(a, b).unwrap();
            // A few roundings of numbers up to 1.
            assert!((found - expected).abs() < 1e-14, "{found}, expected {expected}");
        }
        assert_eq!(spearman(&[1.0, 2.0], &[3.0, 3.0]), None);
        assert_eq!(spearman(&[1.0], &[3.0]), None);
    }

    #[test]
    fn a_whole_walk_agrees_exactly_and_a_short_one_nearly() {
        let exact = solve(6, Walk::EXACT);
        let walk = Walk { threshold: None, depth: Some(6) };
        let whole = Agreement::between(&exact, walk, solve(6, walk));
        assert_eq!((whole.share_difference, whole.rank_correlation), (Some(0.0), Some(1.0)));
        let walk = Walk { threshold: Some(9.0), depth: Some(2) };
        let short = Agreement::between(&exact, walk, solve(6, walk));
        assert!(short.trimmed.evaluations < exact.evaluations);
        assert!(short.share_difference.is_some_and(|d| d > 0.0 && d < 1.0), "{short:?}");
        assert!(short.rank_correlation.is_some_and(|r| r < 1.0), "{short:?}");
    }

    #[test]
    fn differences_are_of_shares_of_what_is_positive() {
        let of = |phi: &[f64]| Shapley { phi: phi.to_vec(), ..solve(phi.len(), Walk::EXACT) };
        let difference =
            |a: &[f64], b: &[f64]| Agreement::between(&of(a), Walk::EXACT, of(b)).share_difference;
        assert_eq!(difference(&[6.0, 2.0, -8.0], &[1.0, 1.0, 0.0]), Some(0.25));
        assert_eq!(difference(&[6.0, 2.0], &[0.0, -1.0]), None, "there is nothing to share by");
    }
}
