//! How sure a median is, and the median of a ratio between paired measurements.

use super::confidence::{INTERVAL, needed_for_interval};

/// A value with the interval that holds the true one with [`INTERVAL`] confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The sample's own.
    pub value: f64,
    /// Lower and upper end; `None` where the sample is too small for one.
    pub interval: Option<(f64, f64)>,
}

/// The median of a sample, in its order any: the `ceil(n / 2)`-th smallest value, with its bootstrap interval; `None` of
/// an empty sample.
///
/// The interval is the percentile bootstrap's, without drawing: the median of a resample is at most the `k`-th smallest
/// value with the probability that at least half of `n` draws, each below it with probability `k / n`, are (Efron 1979,
/// "Bootstrap methods", section 3). Values must be numbers.
pub fn median(sample: impl IntoIterator<Item = f64>) -> Option<Estimate> {
    let mut sorted: Vec<f64> = sample.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    let value = *sorted.get(n.checked_sub(1)? / 2)?;
    let tail = (1.0 - INTERVAL) / 2.0;
    // The smallest value that a resample's median does not exceed with at least this probability.
    let quantile = |wanted: f64| {
        let reached = |k: &usize| at_least_half(n, *k as f64 / n as f64) >= wanted;
        sorted[(1..=n).find(reached).unwrap_or(n) - 1]
    };
    let interval = (n >= needed_for_interval()).then(|| (quantile(tail), quantile(1.0 - tail)));
    Some(Estimate { value, interval })
}

/// The median of `a / b` over pairs measured under the same conditions, such as the same image in two cells whose repeats
/// alternate; `None` without pairs. Every `b` must be positive.
pub fn median_ratio(pairs: impl IntoIterator<Item = (f64, f64)>) -> Option<Estimate> {
    median(pairs.into_iter().map(|(a, b)| a / b))
}

/// The median of `a` by that of `b`, of samples that are independent of each other; `None` if one is empty. Values must be
/// positive.
///
/// The interval is the percentile bootstrap's, again without drawing: resamples' medians have known probabilities on both
/// sides, and so has each pair of them.
pub fn ratio_of_medians(a: &[f64], b: &[f64]) -> Option<Estimate> {
    let value = median(a.iter().copied())?.value / median(b.iter().copied())?.value;
    if a.len().min(b.len()) < needed_for_interval() {
        return Some(Estimate { value, interval: None });
    }
    let (over, under) = (resampled(a), resampled(b));
    let mut ratios: Vec<(f64, f64)> =
        over.iter().flat_map(|(x, p)| under.iter().map(move |(y, q)| (x / y, p * q))).collect();
    ratios.sort_by(|one, other| one.0.total_cmp(&other.0));
    let total: f64 = ratios.iter().map(|(_, weight)| weight).sum();
    let quantile = |wanted: f64| {
        let mut sum = 0.0;
        let reached = ratios.iter().find(|(_, weight)| {
            sum += weight;
            sum >= wanted * total
        });
        reached.or(ratios.last()).expect("there are pairs").0
    };
    let tail = (1.0 - INTERVAL) / 2.0;
    Some(Estimate { value, interval: Some((quantile(tail), quantile(1.0 - tail))) })
}

/// The medians that resamples have, with their probabilities; those below a billionth are left out.
fn resampled(sample: &[f64]) -> Vec<(f64, f64)> {
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    let mut below = 0.0;
    let weighted = sorted.into_iter().enumerate().map(|(index, value)| {
        let at_most = at_least_half(n, (index + 1) as f64 / n as f64);
        (value, at_most - std::mem::replace(&mut below, at_most))
    });
    weighted.filter(|(_, weight)| *weight > 1e-9).collect()
}

/// The probability that of `n` independent draws at least `ceil(n / 2)` succeed, each with probability `p`.
fn at_least_half(n: usize, p: f64) -> f64 {
    if p >= 1.0 {
        return 1.0;
    }
    let (mut log_choices, mut below) = (0.0f64, 0.0f64);
    for successes in 0..n.div_ceil(2) {
        if successes > 0 {
            log_choices += ((n - successes + 1) as f64 / successes as f64).ln();
        }
        let failures = n - successes;
        below += (log_choices + successes as f64 * p.ln() + failures as f64 * (1.0 - p).ln()).exp();
    }
    1.0 - below.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All n^n resamples of 1..=n, each equally likely: how often the median is at most k, for every k.
    fn by_enumeration(n: usize) -> Vec<f64> {
        let mut at_most = vec![0u64; n + 1];
        let total = n.pow(n as u32);
        for mut code in 0..total {
            let mut draws: Vec<usize> = Vec::with_capacity(n);
            for _ in 0..n {
                draws.push(code % n + 1);
                code /= n;
            }
            draws.sort_unstable();
            let median = draws[(n - 1) / 2];
            at_most[median..].iter_mut().for_each(|count| *count += 1);
        }
        at_most.iter().map(|count| *count as f64 / total as f64).collect()
    }

    #[test]
    fn probabilities_are_those_of_all_resamples() {
        for n in 1..=7 {
            for (k, expected) in by_enumeration(n).iter().enumerate().skip(1) {
                let found = at_least_half(n, k as f64 / n as f64);
                assert!((found - expected).abs() < 1e-12, "n = {n}, k = {k}: {found}, expected {expected}");
            }
        }
    }

    #[test]
    fn known_intervals() {
        assert_eq!(median([]), None);
        assert_eq!(median([4.0, 1.0]), Some(Estimate { value: 1.0, interval: None }));
        assert_eq!(median([5.0; 9]), Some(Estimate { value: 5.0, interval: Some((5.0, 5.0)) }));
        // Of seven, by the enumeration: the median is at most the 1st with 0.0099, at most the 2nd with 0.1024, at most
        // the 5th with 0.8976 and at most the 6th with 0.9901.
        let seven = median((1..=7).rev().map(f64::from)).unwrap();
        assert_eq!(seven, Estimate { value: 4.0, interval: Some((2.0, 6.0)) });
        let at_most = by_enumeration(7);
        assert!(at_most[1] < 0.025 && at_most[2] > 0.025 && at_most[5] < 0.975 && at_most[6] > 0.975);
        // Of a thousand, about 1.96 * sqrt(1000) / 2 = 31 values to either side.
        let (low, high) = median((1..=1000).map(f64::from)).unwrap().interval.unwrap();
        assert!((468.0..=471.0).contains(&low) && (530.0..=533.0).contains(&high), "{low} {high}");
    }

    /// All resamples of both sides, of the smallest samples that have an interval, would be 6^12 pairs; of their medians
    /// there are six on each side, whose probabilities the enumeration gives.
    #[test]
    fn ratios_of_medians_are_those_of_all_resamples() {
        let (a, b) = ([10.0f64, 11.0, 12.0, 13.0, 14.0, 15.0], [2.0, 2.5, 3.0, 3.5, 4.0, 4.5]);
        let at_most = by_enumeration(6);
        let mut ratios: Vec<(f64, f64)> = Vec::new();
        for i in 1..=6 {
            for j in 1..=6 {
                let weight = (at_most[i] - at_most[i - 1]) * (at_most[j] - at_most[j - 1]);
                ratios.push((a[i - 1] / b[j - 1], weight));
            }
        }
        ratios.sort_by(|one, other| one.0.total_cmp(&other.0));
        let quantile = |wanted: f64| {
            let mut sum = 0.0;
            for (ratio, weight) in &ratios {
                sum += weight;
                if sum >= wanted {
                    return *ratio;
                }
            }
            unreachable!("the weights sum to one")
        };
        let found = ratio_of_medians(&a, &b).unwrap();
        assert_eq!(found.value, 4.0);
        assert_eq!(found.interval, Some((quantile(0.025), quantile(0.975))));
        assert_eq!(ratio_of_medians(&a, &b[..5]).unwrap().interval, None);
        assert_eq!(ratio_of_medians(&a, &[]), None);
        let same = ratio_of_medians(&[7.0; 400], &[3.5; 500]).unwrap();
        assert_eq!(same.interval, Some((2.0, 2.0)));
    }

    #[test]
    fn ratios_are_of_pairs() {
        // Medians of the sides are 20 and 10; of the ratios 1.5.
        let pairs = [(10.0, 10.0), (20.0, 5.0), (30.0, 20.0)];
        assert_eq!(median_ratio(pairs).unwrap().value, 1.5);
    }
}
