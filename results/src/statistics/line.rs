//! A straight line through measured points, as papers fit one through latencies by ReLU count.

use super::confidence::INTERVAL;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// `y = intercept + slope x`, by least squares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// In `y`'s unit by `x`'s.
    pub slope: f64,
    /// In `y`'s unit.
    pub intercept: f64,
    /// What holds the true slope with [`INTERVAL`] confidence if the points scatter normally and independently about
    /// a line; `None` of fewer than three points.
    pub slope_interval: Option<(f64, f64)>,
    /// The part of the variance of `y` that the line explains; 1 where `y` does not vary.
    pub explained: f64,
}

/// The line through `points`; `None` unless two of them differ in `x`.
pub fn line(points: &[(f64, f64)]) -> Option<Line> {
    let n = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
    let (mean_x, mean_y) = (mean(|point| point.0), mean(|point| point.1));
    let sum = |of: fn(f64, f64) -> f64| points.iter().map(|(x, y)| of(x - mean_x, y - mean_y)).sum::<f64>();
    let (xx, xy, yy) = (sum(|x, _| x * x), sum(|x, y| x * y), sum(|_, y| y * y));
    if points.len() < 2 || xx == 0.0 {
        return None;
    }
    let slope = xy / xx;
    let left = (yy - slope * xy).max(0.0);
    let freedom = n - 2.0;
    let slope_interval = (freedom >= 1.0).then(|| {
        let of_t = StudentsT::new(0.0, 1.0, freedom).expect("positive degrees of freedom");
        let half = of_t.inverse_cdf(0.5 + INTERVAL / 2.0) * (left / freedom / xx).sqrt();
        (slope - half, slope + half)
    });
    let explained = if yy == 0.0 { 1.0 } else { 1.0 - left / yy };
    Some(Line { slope, intercept: mean_y - slope * mean_x, slope_interval, explained })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_on_a_line() {
        let found = line(&[(0.0, 3.0), (10.0, 23.0), (5.0, 13.0)]).unwrap();
        assert_eq!((found.slope, found.intercept, found.explained), (2.0, 3.0, 1.0));
        assert_eq!(found.slope_interval, Some((2.0, 2.0)));
        assert_eq!(line(&[(0.0, 1.0), (4.0, 3.0)]).unwrap().slope_interval, None);
        assert_eq!(line(&[(2.0, 1.0), (2.0, 3.0)]), None);
        assert_eq!(line(&[]), None);
        assert_eq!(line(&[(1.0, 4.0), (2.0, 4.0), (3.0, 4.0)]).unwrap().explained, 1.0);
    }

    /// x = 1 to 5, y = 2 1 4 3 6: by hand, xx = 10, xy = 10, yy = 14.8, so that slope = 1, what is left is 4.8 over three
    /// degrees of freedom, and the slope's deviation is sqrt(1.6 / 10) = 0.4; t with 3 degrees at 97.5 % is 3.182446.
    #[test]
    fn a_line_worked_out_by_hand() {
        let points: Vec<(f64, f64)> =
            [2.0, 1.0, 4.0, 3.0, 6.0].iter().enumerate().map(|(i, y)| (i as f64 + 1.0, *y)).collect();
        let found = line(&points).unwrap();
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-5, "{a}, expected {b}");
        close(found.slope, 1.0);
        close(found.intercept, 0.2);
        close(found.explained, 1.0 - 4.8 / 14.8);
        let (low, high) = found.slope_interval.unwrap();
        close(low, 1.0 - 3.182_446 * 0.4);
        close(high, 1.0 + 3.182_446 * 0.4);
    }
}
