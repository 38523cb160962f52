//! Limits that a comparison must keep, such as `online_s_p50 > 1.05`: what is true of some cell is told, and fails a check.
//!
//! A bare number is a multiple of the baseline's value, and what is a ratio or a probability already is taken as it is; a number
//! with a unit is the value itself: `online_s_p50 > 400ms`, `online_bytes > 20MB`, `acc_fixed_test < 90%`.

use super::block::Block;
use super::fields::{Field, Kind};
use super::row::ComparedRow;
use crate::Error;

/// A condition that no cell may meet.
#[derive(Clone, Debug)]
pub struct Limit {
    text: String,
    field: Field,
    order: Order,
    bound: Bound,
}

/// How a value stands to the bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    More,
    NotLess,
    Less,
    NotMore,
}

/// What a value is held against.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    /// So many times the baseline's value.
    Times(f64),
    Value(f64),
}

/// Those of two characters first.
const ORDERS: [(&str, Order); 4] =
    [(">=", Order::NotLess), ("<=", Order::NotMore), (">", Order::More), ("<", Order::Less)];

const UNITS: [(&str, f64, Kind); 8] = [
    ("ms", 1e-3, Kind::Seconds),
    ("us", 1e-6, Kind::Seconds),
    ("s", 1.0, Kind::Seconds),
    ("kB", 1e3, Kind::Bytes),
    ("MB", 1e6, Kind::Bytes),
    ("GB", 1e9, Kind::Bytes),
    ("B", 1.0, Kind::Bytes),
    ("%", 0.01, Kind::Fraction),
];

impl Limit {
    /// Reads `COLUMN > VALUE`, or with `>=`, `<`, `<=`.
    ///
    /// # Errors
    /// [`Error::Selection`] where it is none, the column has no numbers, or the unit is not the column's.
    pub fn parse(option: &'static str, text: &str) -> Result<Self, Error> {
        let refuse = |expected: &str| {
            let (expected, found) = (expected.to_owned(), text.to_owned());
            Err(Error::Selection { option, expected, found })
        };
        let form =
            "a column, one of > >= < <=, and a number (a multiple of the baseline's value, or with a unit)";
        let split = ORDERS.iter().find_map(|(sign, order)| Some((*order, text.split_once(sign)?)));
        let Some((order, (name, value))) = split else { return refuse(form) };
        let field = Field::named(option, name.trim())?;
        if matches!(field.kind(), Kind::Text | Kind::Flag) {
            return refuse("a column of numbers");
        }
        let value = value.trim();
        let unit =
            UNITS.iter().find_map(|(unit, size, kind)| Some((value.strip_suffix(unit)?, *size, *kind)));
        let (digits, bound): (&str, fn(f64, f64) -> Bound) = match unit {
            Some((_, _, kind)) if kind != field.kind() => return refuse("the column's own unit, or none"),
            Some((digits, ..)) => (digits, |number, size| Bound::Value(number * size)),
            None if matches!(field.kind(), Kind::Ratio | Kind::Probability) => {
                (value, |number, _| Bound::Value(number))
            }
            None => (value, |number, _| Bound::Times(number)),
        };
        let size = unit.map_or(1.0, |(_, size, _)| size);
        match digits.trim().parse::<f64>() {
            Ok(number) if number.is_finite() => {
                Ok(Self { text: text.to_owned(), field, order, bound: bound(number, size) })
            }
            _ => refuse(form),
        }
    }

    /// What is said of every cell that meets the condition. A baseline is not held against itself; a cell without a value, or
    /// with nothing to be held against, is told as well, since nobody can say that it keeps the limit.
    pub fn met(&self, blocks: &[Block]) -> Vec<String> {
        let mut told = Vec::new();
        for block in blocks {
            let baseline = block.baseline.map(|index| &block.rows[index]);
            for row in &block.rows {
                told.extend(self.told(row, baseline));
            }
        }
        told
    }

    fn told(&self, row: &ComparedRow, baseline: Option<&ComparedRow>) -> Option<String> {
        let is_baseline = baseline.is_some_and(|base| (&base.run, &base.cell) == (&row.run, &row.cell));
        let relative = matches!(self.bound, Bound::Times(_)) || self.field.kind() == Kind::Ratio;
        if is_baseline && relative {
            return None;
        }
        let say = |found: String| Some(format!("{}: {}: {found}", row.cell, self.text));
        let Some(value) = self.field.number(row) else { return say("it has no value".to_owned()) };
        let (bound, against) = match self.bound {
            Bound::Value(bound) => (bound, String::new()),
            Bound::Times(times) => {
                let Some((base, of)) = baseline.and_then(|base| Some((base, self.field.number(base)?)))
                else {
                    return say("its baseline has no value".to_owned());
                };
                (times * of, format!(", {} of {}", self.field.text(base), base.cell))
            }
        };
        let met = match self.order {
            Order::More => value > bound,
            Order::NotLess => value >= bound,
            Order::Less => value < bound,
            Order::NotMore => value <= bound,
        };
        if met { say(format!("found {}{against}", self.field.text(row))) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let row = |cell: &str, online: Option<f64>, ratio: Option<f64>, rounds: u64| ComparedRow {
            cell: cell.to_owned(),
            online_s_p50: online,
            online_ratio: ratio,
            online_rounds: Some(rounds),
            acc_fixed_test: Some(0.9),
            online_bytes: Some(2_000_000),
            ..ComparedRow::default()
        };
        let block = Block {
            title: String::new(),
            rows: vec![
                row("old", Some(0.40), Some(1.0), 16),
                row("new", Some(0.43), Some(1.075), 16),
                row("broken", None, None, 18),
            ],
            baseline: Some(0),
            ..Block::default()
        };
        Limit::parse("--fail-if", text).unwrap().met(&[block])
    }

    #[test]
    fn a_bare_number_is_a_multiple_of_the_baselines() {
        let found = told("online_s_p50 > 1.05");
        assert_eq!(
            found,
            [
                "new: online_s_p50 > 1.05: found 430 ms, 400 ms of old",
                "broken: online_s_p50 > 1.05: it has no value"
            ]
        );
        assert_eq!(told("online_s_p50>1.08").len(), 1);
        assert_eq!(told("online_rounds > 1"), ["broken: online_rounds > 1: found 18, 16 of old"]);
        assert_eq!(told("online_bytes >= 1").len(), 2);
        assert_eq!(told("acc_fixed_test < 0.99").len(), 0);
    }

    #[test]
    fn ratios_and_what_has_a_unit_are_taken_as_they_are() {
        assert_eq!(told("online_ratio > 1.07")[0], "new: online_ratio > 1.07: found 1.075x");
        assert_eq!(told("online_s_p50 > 400ms").len(), 2);
        assert_eq!(told("online_s_p50 >= 400 ms").len(), 3);
        assert_eq!(told("online_s_p50 < 0.41s").len(), 2);
        assert_eq!(told("online_bytes > 1.9MB").len(), 3);
        assert_eq!(told("acc_fixed_test <= 90%").len(), 3);
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for (text, expected) in [
            ("online_s_p50", "one of > >= < <="),
            ("online > 1", "a column, one of run"),
            ("cell > 1", "a column of numbers"),
            ("online_s_p50 > fast", "and a number"),
            ("online_s_p50 > 20MB", "the column's own unit"),
            ("online_s_p50 > NaN", "and a number"),
        ] {
            let error = Limit::parse("--fail-if", text).unwrap_err().to_string();
            assert!(error.contains(expected) && error.starts_with("--fail-if"), "{error}");
        }
    }
}
