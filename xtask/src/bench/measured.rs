//! Figures as they were measured, and why some were not.

use serde::Deserialize;
use std::collections::BTreeMap;

/// A figure as measured.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Measured {
    pub(crate) figure: String,
    /// The median.
    pub(crate) value: f64,
    pub(crate) unit: String,
    pub(crate) runs: usize,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Measured {
    /// The median of at least one value, with their range.
    pub(crate) fn of(figure: &str, unit: &str, mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let (runs, middle) = (values.len(), values.len() / 2);
        let value = if runs % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 };
        let (low, high) = (values[0], values[runs - 1]);
        Self { figure: figure.to_owned(), value, unit: unit.to_owned(), runs, low, high }
    }
}

/// Every figure of the groups: measured, or why not.
pub(crate) type Results = BTreeMap<String, Result<Measured, String>>;

/// What a group measured, and why it stopped early if it did.
pub(crate) struct Told {
    pub(crate) measured: Vec<Measured>,
    pub(crate) failure: Option<String>,
}

/// Why a program stopped, from its standard error: the first line that says so, or else its last one.
pub(crate) fn reason(text: &str) -> String {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let error = lines.clone().find(|line| line.starts_with("error") || line.contains("panicked at"));
    error.or(lines.next_back()).unwrap_or("failed without a word").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_and_even_counts() {
        let odd = Measured::of("f", "s", vec![3.0, 1.0, 2.0]);
        assert_eq!((odd.value, odd.low, odd.high, odd.runs), (2.0, 1.0, 3.0, 3));
        assert_eq!(Measured::of("f", "s", vec![4.0, 1.0]).value, 2.5);
    }

    #[test]
    fn the_reason_is_the_line_that_says_error() {
        assert_eq!(
            reason("warming up\nerror: no such command\n\nFor more, try --help\n"),
            "error: no such command"
        );
        assert_eq!(
            reason("a\nfigures: the run's result is wrong \n\n"),
            "figures: the run's result is wrong"
        );
        assert_eq!(reason(""), "failed without a word");
    }
}
