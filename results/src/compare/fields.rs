//! A compared cell by the names of its columns: what people choose, sort by, hold against limits, and read.

use super::block::Block;
use super::row::ComparedRow;
use crate::Error;
use crate::layout::or_missing;
use crate::units::{bytes, count, percent, seconds};
use serde_json::Value;
use std::cmp::Ordering;

/// A column of [`ComparedRow`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    name: String,
    kind: Kind,
}

/// What a column's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Seconds,
    Bytes,
    /// From 0 to 1, told in percent.
    Fraction,
    Probability,
    /// To the baseline's value.
    Ratio,
    /// A second.
    Rate,
    Count,
    Flag,
    Text,
}

impl Field {
    /// The column of this name.
    ///
    /// # Errors
    /// [`Error::Selection`] if there is none, which says that `option` was given it.
    pub fn named(option: &'static str, name: &str) -> Result<Self, Error> {
        let all = crate::schema::columns::<ComparedRow>();
        if all.iter().any(|known| known == name) {
            return Ok(Self::of(name));
        }
        let expected = format!("a column, one of {}", all.join(", "));
        Err(Error::Selection { option, expected, found: name.to_owned() })
    }

    /// A column that there is.
    pub(super) fn of(name: &str) -> Self {
        Self { name: name.to_owned(), kind: Kind::of(name) }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) const fn kind(&self) -> Kind {
        self.kind
    }

    /// As files have it; null where it is missing.
    pub(super) fn value(&self, row: &ComparedRow) -> Value {
        let Value::Object(mut all) = serde_json::to_value(row).expect("rows are plain data") else {
            unreachable!("a row is an object")
        };
        all.remove(&self.name).expect("the column was found")
    }

    /// As a number; `None` where it is missing or a text.
    pub(super) fn number(&self, row: &ComparedRow) -> Option<f64> {
        self.value(row).as_f64()
    }

    /// As people read it.
    pub(super) fn text(&self, row: &ComparedRow) -> String {
        match (self.value(row), self.kind) {
            (Value::Null, _) if self.name == "budget" => "all".to_owned(),
            (Value::String(text), _) => text,
            (Value::Bool(flag), _) => if flag { "yes" } else { "no" }.to_owned(),
            (value, kind) => or_missing(value.as_f64(), |number| kind.text(number)),
        }
    }

    /// What stands above it in a document, without a unit.
    pub(super) fn heading(&self) -> String {
        match self.name.as_str() {
            "relus" => "ReLUs".to_owned(),
            "acc_fixed_test" => "accuracy".to_owned(),
            "acc_float_test" => "accuracy over the reals".to_owned(),
            "acc_secure" => "secure accuracy".to_owned(),
            name => name.replace("_s_p", " p").replace("_bytes", "").replace('_', " "),
        }
    }
}

impl Kind {
    fn of(name: &str) -> Self {
        let known = [
            (name.ends_with("_p"), Self::Probability),
            (name.contains("_ratio"), Self::Ratio),
            (name.contains("_s_p"), Self::Seconds),
            (name.ends_with("_per_s"), Self::Rate),
            (name.ends_with("_bytes") && !name.starts_with("front"), Self::Bytes),
            (name.starts_with("acc_") && name != "acc_images", Self::Fraction),
            (matches!(name, "paired" | "front_latency" | "front_bytes"), Self::Flag),
            (
                matches!(name, "budget" | "relus" | "threads" | "n" | "acc_images" | "online_rounds" | "dry"),
                Self::Count,
            ),
        ];
        known.into_iter().find(|(is, _)| *is).map_or(Self::Text, |(_, kind)| kind)
    }

    fn text(self, number: f64) -> String {
        match self {
            Self::Seconds => seconds(number),
            Self::Bytes => bytes(number as u64),
            Self::Fraction => percent(number),
            Self::Probability => format!("{number:.3}"),
            Self::Ratio => format!("{number:.3}x"),
            Self::Rate => format!("{number:.2}"),
            Self::Count => count(number as u64),
            Self::Flag | Self::Text => number.to_string(),
        }
    }
}

/// How rows are put in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sorting {
    field: Field,
    falling: bool,
}

impl Sorting {
    /// By a column's name; with a `-` before it, the largest first.
    ///
    /// # Errors
    /// As [`Field::named`].
    pub fn parse(option: &'static str, text: &str) -> Result<Self, Error> {
        let (falling, name) = match text.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, text),
        };
        Ok(Self { field: Field::named(option, name)?, falling })
    }

    /// Puts the rows of each block in order, those without a value last. The baseline stays what it was.
    pub fn sort(&self, blocks: &mut [Block]) {
        for block in blocks {
            let mut order: Vec<usize> = (0..block.rows.len()).collect();
            order.sort_by(|a, b| self.compare(&block.rows[*a], &block.rows[*b]));
            block.reorder(&order);
        }
    }

    fn compare(&self, one: &ComparedRow, other: &ComparedRow) -> Ordering {
        let turned = |order: Ordering| if self.falling { order.reverse() } else { order };
        match (self.field.value(one), self.field.value(other)) {
            (Value::Null, Value::Null) => Ordering::Equal,
            (Value::Null, _) => Ordering::Greater,
            (_, Value::Null) => Ordering::Less,
            (Value::String(one), Value::String(other)) => turned(one.cmp(&other)),
            (Value::Bool(one), Value::Bool(other)) => turned(one.cmp(&other)),
            (one, other) => {
                let number = |value: Value| value.as_f64().unwrap_or_default();
                turned(number(one).total_cmp(&number(other)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::front::Beaten;
    use schemars::schema_for;

    /// A column is of the kind that its description says.
    #[test]
    fn kinds_are_as_described() {
        let schema = schema_for!(ComparedRow);
        let properties = schema.get("properties").and_then(Value::as_object).unwrap();
        for name in crate::schema::columns::<ComparedRow>() {
            let field = Field::of(&name);
            let text = properties[&field.name]["description"].as_str().unwrap();
            let unit = match field.kind {
                Kind::Seconds => "seconds",
                Kind::Bytes => ", bytes",
                Kind::Fraction => "a fraction",
                Kind::Probability => "a probability",
                Kind::Ratio => "a ratio",
                Kind::Rate => "queries a second",
                Kind::Count => "a count",
                Kind::Flag | Kind::Text => "no unit",
            };
            assert!(text.contains(unit), "{}: {text}", field.name);
            let flag = properties[&field.name]["type"] == "boolean";
            assert_eq!(flag, field.kind == Kind::Flag, "{}", field.name);
        }
    }

    fn row(cell: &str, online: Option<f64>) -> ComparedRow {
        ComparedRow { cell: cell.to_owned(), online_s_p50: online, ..ComparedRow::default() }
    }

    fn beaten(by: &[usize]) -> Beaten {
        Beaten { latency: by.to_vec(), bytes: Vec::new() }
    }

    #[test]
    fn rows_are_sorted_and_the_baseline_stays() {
        let rows = vec![row("a", Some(2.0)), row("b", None), row("c", Some(1.0)), row("d", Some(3.0))];
        let block = Block {
            title: String::new(),
            rows,
            baseline: Some(0),
            beaten: vec![beaten(&[2]), beaten(&[]), beaten(&[]), beaten(&[0, 2])],
            ..Block::default()
        };
        let sorted = |text: &str| {
            let mut blocks = [block.clone()];
            Sorting::parse("--sort", text).unwrap().sort(&mut blocks);
            let names: String = blocks[0].rows.iter().map(|row| row.cell.as_str()).collect();
            let by = |cell: &str| -> Vec<String> {
                let at = blocks[0].rows.iter().position(|row| row.cell == cell).unwrap();
                let by = blocks[0].beaten[at].latency.iter();
                by.map(|index| blocks[0].rows[*index].cell.clone()).collect()
            };
            assert_eq!((by("a"), by("d")), (vec!["c".to_owned()], vec!["a".to_owned(), "c".to_owned()]));
            (names, blocks[0].baseline)
        };
        assert_eq!(sorted("online_s_p50"), ("cadb".to_owned(), Some(1)));
        assert_eq!(sorted("-online_s_p50"), ("dacb".to_owned(), Some(1)));
        assert_eq!(sorted("-cell"), ("dcba".to_owned(), Some(3)));
        let error = Sorting::parse("--sort", "online").unwrap_err().to_string();
        assert!(error.contains("--sort") && error.contains("online_s_p50") && error.contains("found online"));
    }
}
