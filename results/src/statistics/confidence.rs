//! How sure statements are.

/// How sure a tail percentile must be before it is printed.
pub const CONFIDENCE: f64 = 0.99;

/// How sure an interval is to hold the true value.
pub const INTERVAL: f64 = 0.95;

/// The smallest sample whose median has an interval. All `n` values are on one side of the true median with probability
/// `2 / 2^n`; from 6 on that is less than what [`INTERVAL`] leaves, so that the sample's own ends would do.
pub fn needed_for_interval() -> usize {
    (2.0 / (1.0 - INTERVAL)).log2().ceil() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_values_are_the_fewest_around_a_median() {
        let one_sided = |n: i32| 2.0 * 0.5f64.powi(n);
        assert_eq!(needed_for_interval(), 6);
        assert!(one_sided(6) < 1.0 - INTERVAL && one_sided(5) > 1.0 - INTERVAL);
    }
}
