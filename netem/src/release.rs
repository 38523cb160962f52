//! How well the emulation keeps time: a histogram of how late frames were released.

use serde::{Deserialize, Serialize};

/// Sub-buckets of a power of two: a percentile is exact to 1/32.
const FINE: u64 = 32;

/// How late frames of a shaped link were released: the time `recv` handed the frame over, less its arrival
/// or, where that is later, the time `recv` was called. All zero where nothing was shaped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseError {
    /// Frames released.
    pub count: u64,
    /// Median, ns, rounded up by less than 1/32.
    pub p50_ns: u64,
    /// 99th percentile, ns, rounded up by less than 1/32.
    pub p99_ns: u64,
    /// Worst, ns, exact.
    pub max_ns: u64,
}

/// Log-linear histogram of nanoseconds.
#[derive(Default)]
pub(crate) struct Lateness {
    buckets: Vec<u64>,
    count: u64,
    max: u64,
}

impl Lateness {
    pub(crate) fn record(&mut self, ns: u64) {
        let bucket = bucket(ns);
        if self.buckets.len() <= bucket {
            self.buckets.resize(bucket + 1, 0);
        }
        self.buckets[bucket] += 1;
        self.count += 1;
        self.max = self.max.max(ns);
    }

    pub(crate) fn summary(&self) -> ReleaseError {
        let (p50_ns, p99_ns) = (self.percentile(50), self.percentile(99));
        ReleaseError { count: self.count, p50_ns, p99_ns, max_ns: self.max }
    }

    /// The largest value of the bucket that holds the sample of rank ceil(count * percent / 100).
    fn percentile(&self, percent: u64) -> u64 {
        let rank = (self.count * percent).div_ceil(100);
        let mut below = 0;
        for (bucket, count) in self.buckets.iter().enumerate() {
            below += count;
            if below >= rank && below > 0 {
                return largest(bucket).min(self.max);
            }
        }
        0
    }
}

/// Values below 64 have a bucket each; above, each power of two has 32.
fn bucket(ns: u64) -> usize {
    let shift = (64 - ns.leading_zeros()).saturating_sub(6);
    (u64::from(shift) * FINE + (ns >> shift)) as usize
}

/// The inverse of `bucket`: the largest value in it.
fn largest(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let shift = (bucket / FINE).saturating_sub(1);
    (((bucket - shift * FINE + 1) as u128) << shift).saturating_sub(1).min(u64::MAX as u128) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_its_largest_value_and_not_the_next() {
        for value in (0..10_000).chain([1 << 20, (1 << 40) + 12_345, u64::MAX - 1, u64::MAX]) {
            let top = largest(bucket(value));
            assert!(top >= value && top - value <= value / FINE, "{value}: {top}");
            assert_eq!(bucket(top), bucket(value));
            if top < u64::MAX {
                assert_eq!(bucket(top + 1), bucket(value) + 1, "{value}");
            }
        }
    }

    #[test]
    fn percentiles_by_rank() {
        let mut lateness = Lateness::default();
        assert_eq!(lateness.summary(), ReleaseError::default());
        (1..=50).for_each(|ns| lateness.record(ns));
        assert_eq!(lateness.summary(), ReleaseError { count: 50, p50_ns: 25, p99_ns: 50, max_ns: 50 });
        lateness.record(1_000_000);
        assert_eq!(
            lateness.summary(),
            ReleaseError { count: 51, p50_ns: 26, p99_ns: 1_000_000, max_ns: 1_000_000 }
        );
    }
}
