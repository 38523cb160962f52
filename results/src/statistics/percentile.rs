//! Percentiles of measured times, and the sample sizes that support them.

use super::confidence::CONFIDENCE;
use crate::Error;
use hdrhistogram::Histogram;

/// Significant decimal digits that a histogram keeps.
const DIGITS: u8 = 3;

/// In a histogram, times above it (146 years) count as it.
const LONGEST: u64 = 1 << 62;

/// A percentile that may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Percentile {
    /// The median.
    P50,
    /// The 90th.
    P90,
    /// The 99th.
    P99,
}

impl Percentile {
    /// In percent.
    pub const fn percent(self) -> u32 {
        match self {
            Self::P50 => 50,
            Self::P90 => 90,
            Self::P99 => 99,
        }
    }

    /// As a fraction.
    pub fn quantile(self) -> f64 {
        f64::from(self.percent()) / 100.0
    }

    /// The smallest sample this percentile may be read from.
    ///
    /// The median describes the sample's own middle and needs one measurement. A tail percentile claims that the
    /// sample has seen the tail: all `n` independent measurements miss the slowest 1-q with probability q^n, so `n` is
    /// the smallest with 1 - q^n >= [`CONFIDENCE`]: 44 for p90, 459 for p99.
    pub fn needed(self) -> u64 {
        match self {
            Self::P50 => 1,
            Self::P90 | Self::P99 => smallest_to_see_tail(self.quantile()),
        }
    }
}

/// The smallest `n` with `1 - quantile^n >= CONFIDENCE`, for a quantile in (0, 1).
fn smallest_to_see_tail(quantile: f64) -> u64 {
    ((1.0 - CONFIDENCE).ln() / quantile.ln()).ceil() as u64
}

/// Measured times of one quantity, in nanoseconds.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The smallest first.
    sorted: Vec<u64>,
}

impl Sample {
    /// Collects the times.
    pub fn of(times_ns: impl IntoIterator<Item = u64>) -> Self {
        let mut sorted: Vec<u64> = times_ns.into_iter().collect();
        sorted.sort_unstable();
        Self { sorted }
    }

    /// Number of measurements.
    pub fn len(&self) -> u64 {
        self.sorted.len() as u64
    }

    /// Whether nothing was measured.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The `ceil(q n)`-th smallest time, exactly, in nanoseconds.
    ///
    /// # Errors
    /// [`Error::TooFew`] where the sample does not support the percentile.
    pub fn percentile(&self, percentile: Percentile) -> Result<u64, Error> {
        if self.len() < percentile.needed() {
            let (percent, needed) = (percentile.percent(), percentile.needed());
            return Err(Error::TooFew { percent, needed, found: self.len() });
        }
        let rank = (self.len() * u64::from(percentile.percent())).div_ceil(100);
        Ok(self.sorted[rank as usize - 1])
    }

    /// The times as a histogram, for tools that read such.
    pub fn histogram(&self) -> Histogram<u64> {
        let mut histogram = Histogram::new(DIGITS).expect("three digits are within the histogram's range");
        for ns in &self.sorted {
            histogram.record(*ns.min(&LONGEST)).expect("the histogram grows to every time up to the longest");
        }
        histogram
    }

    /// The largest time, in nanoseconds; `None` of an empty sample.
    pub fn max(&self) -> Option<u64> {
        self.sorted.last().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_the_smallest_that_see_the_tail() {
        assert_eq!(Percentile::P50.needed(), 1);
        assert_eq!(Percentile::P90.needed(), 44);
        assert_eq!(Percentile::P99.needed(), 459);
        for (quantile, n) in [(0.90_f64, 44), (0.99, 459)] {
            assert!(1.0 - quantile.powi(n) >= CONFIDENCE);
            assert!(1.0 - quantile.powi(n - 1) < CONFIDENCE);
        }
    }

    #[test]
    fn known_percentiles() {
        let sample = Sample::of(1..=1000);
        assert_eq!(sample.percentile(Percentile::P50).unwrap(), 500);
        assert_eq!(sample.percentile(Percentile::P90).unwrap(), 900);
        assert_eq!(sample.percentile(Percentile::P99).unwrap(), 990);
        assert_eq!(sample.max(), Some(1000));
    }

    #[test]
    fn median_of_few() {
        for (times, median) in
            [(vec![7], 7), (vec![9, 3], 3), (vec![30, 10, 20], 20), (vec![123_456_789], 123_456_789)]
        {
            assert_eq!(Sample::of(times).percentile(Percentile::P50).unwrap(), median);
        }
    }

    #[test]
    fn large_times_are_exact_but_in_a_histogram() {
        let sample = Sample::of([9_000_000_000, 1_000_000_000, 2_345_678_901]);
        assert_eq!(sample.percentile(Percentile::P50).unwrap(), 2_345_678_901);
        assert_eq!(sample.max(), Some(9_000_000_000));
        let median = sample.histogram().value_at_quantile(0.5);
        assert!(median.abs_diff(2_345_678_901) <= 2_345_678, "{median}");
        assert_eq!(Sample::of([u64::MAX]).histogram().len(), 1);
    }

    #[test]
    fn unsupported_percentiles_are_refused() {
        for (n, percentile, percent, needed) in [
            (0, Percentile::P50, 50, 1),
            (43, Percentile::P90, 90, 44),
            (458, Percentile::P99, 99, 459),
            (44, Percentile::P99, 99, 459),
        ] {
            match Sample::of(0..n).percentile(percentile) {
                Err(Error::TooFew { percent: p, needed: m, found }) => {
                    assert_eq!((p, m, found), (percent, needed, n));
                }
                other => panic!("expected a refusal, found {other:?}"),
            }
        }
        assert!(Sample::of(0..44).percentile(Percentile::P90).is_ok());
        assert!(Sample::of(0..459).percentile(Percentile::P99).is_ok());
    }
}
