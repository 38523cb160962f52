//! How sure a share of right answers is, and whether two networks differ on the same images.

/// The 97.5 % quantile of the standard normal distribution: both tails beyond it hold what [`INTERVAL`](super::INTERVAL) leaves.
const Z: f64 = 1.959_963_984_540_054;

/// Wilson's score interval of a proportion, `successes` of `n`; `None` if `n` is 0 (Wilson 1927, "Probable inference, the
/// law of succession, and statistical inference"). It holds the true proportion with [`INTERVAL`](super::INTERVAL) confidence, and
/// stays within 0 to 1.
pub fn wilson(successes: u64, n: u64) -> Option<(f64, f64)> {
    if n == 0 {
        return None;
    }
    let (share, n) = (successes as f64 / n as f64, n as f64);
    let centre = share + Z * Z / (2.0 * n);
    let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    Some((((centre - half) / scale).max(0.0), ((centre + half) / scale).min(1.0)))
}

/// Two classifiers on the same images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paired {
    /// Images that only the first classifies right.
    pub only_first: u64,
    /// Images that only the second classifies right.
    pub only_second: u64,
}

impl Paired {
    /// Counts from each image's verdicts, first and second.
    pub fn of(verdicts: impl IntoIterator<Item = (bool, bool)>) -> Self {
        let mut counts = Self::default();
        for verdict in verdicts {
            match verdict {
                (true, false) => counts.only_first += 1,
                (false, true) => counts.only_second += 1,
                (true, true) | (false, false) => {}
            }
        }
        counts
    }

    /// McNemar's exact test (1947, "Note on the sampling error of the difference between correlated proportions"): how
    /// probable a split of the images that only one classifies right is that is at least as uneven, were both as
    /// good; 1 without such images.
    pub fn p_value(self) -> f64 {
        let (n, fewer) = (self.only_first + self.only_second, self.only_first.min(self.only_second));
        // Twice the lower tail of a fair coin's binomial distribution.
        let (mut log_choices, mut tail) = (0.0f64, 0.0f64);
        for heads in 0..=fewer {
            if heads > 0 {
                log_choices += ((n - heads + 1) as f64 / heads as f64).ln();
            }
            tail += (log_choices - n as f64 * std::f64::consts::LN_2).exp();
        }
        (2.0 * tail).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Intervals as published tables have them, to four digits.
    #[test]
    fn known_intervals() {
        for ((successes, n), (low, high)) in [
            ((0, 10), (0.0, 0.2775)),
            ((10, 10), (0.7225, 1.0)),
            ((10, 20), (0.2993, 0.7007)),
            ((81, 263), (0.2553, 0.3662)), // Newcombe 1998, table I
            ((15, 148), (0.0624, 0.1605)),
            ((0, 20), (0.0, 0.1611)),
            ((1, 29), (0.0061, 0.1718)),
        ] {
            let found = wilson(successes, n).unwrap();
            let near = |a: f64, b: f64| (a - b).abs() < 5.1e-5;
            assert!(near(found.0, low) && near(found.1, high), "{successes} of {n}: {found:?}");
        }
        assert_eq!(wilson(0, 0), None);
    }

    #[test]
    fn known_tests() {
        for ((only_first, only_second), p) in [
            ((0, 0), 1.0),
            ((1, 0), 1.0),
            ((0, 5), 0.0625),     // 2 / 2^5
            ((2, 8), 0.109_375),  // 2 (1 + 10 + 45) / 2^10
            ((6, 16), 0.052_479), // a fair coin with 6 heads of 22
            ((10, 10), 1.0),
            ((86, 150), 0.000_037_159), // Agresti 1990: approval of a prime minister, asked twice
        ] {
            let found = Paired { only_first, only_second }.p_value();
            assert!((found - p).abs() < 1e-6, "{only_first} {only_second}: {found}, expected {p}");
        }
    }

    #[test]
    fn verdicts_are_counted_by_image() {
        let verdicts = [(true, true), (true, false), (false, true), (true, false), (false, false)];
        assert_eq!(Paired::of(verdicts), Paired { only_first: 2, only_second: 1 });
    }
}
