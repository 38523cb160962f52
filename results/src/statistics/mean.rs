//! How sure a mean of few values is.

use super::{Estimate, INTERVAL};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// The mean, with Student's interval for it, which assumes that values are drawn from a normal distribution; without an
/// interval where there is one value. `None` without any.
pub fn mean(values: &[f64]) -> Option<Estimate> {
    let n = values.len() as f64;
    if values.is_empty() {
        return None;
    }
    let value = values.iter().sum::<f64>() / n;
    let interval = (values.len() > 1).then(|| {
        let variance = values.iter().map(|x| (x - value).powi(2)).sum::<f64>() / (n - 1.0);
        let student = StudentsT::new(0.0, 1.0, n - 1.0).expect("there is a degree of freedom");
        let half = student.inverse_cdf(0.5 + INTERVAL / 2.0) * (variance / n).sqrt();
        (value - half, value + half)
    });
    Some(Estimate { value, interval })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tables have 4.303 for two degrees of freedom and 2.262 for nine.
    #[test]
    fn intervals_are_those_of_the_tables() {
        let three = mean(&[1.0, 2.0, 3.0]).unwrap();
        let (low, high) = three.interval.unwrap();
        assert!((three.value - 2.0).abs() < 1e-12);
        assert!((high - 2.0 - 4.3027 / 3f64.sqrt()).abs() < 1e-3 && (high - 2.0 - (2.0 - low)).abs() < 1e-9);
        let ten: Vec<f64> = (0..10).map(f64::from).collect();
        let (low, high) = mean(&ten).unwrap().interval.unwrap();
        assert!(((high - low) / 2.0 - 2.2622 * 3.02765 / 10f64.sqrt()).abs() < 1e-3);
        assert_eq!(mean(&[7.0]), Some(Estimate { value: 7.0, interval: None }));
        assert_eq!(mean(&[]), None);
    }
}
