//! The table: one line a figure, three significant digits, targets marked.

use super::figure::{Figure, Floor};
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// A figure beside what it is held against; numbers are in `unit`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) figure: String,
    /// The median of `runs` runs.
    pub(crate) value: Option<f64>,
    pub(crate) unit: String,
    pub(crate) floor: Option<f64>,
    pub(crate) peer: Option<f64>,
    /// At most this.
    pub(crate) target: Option<f64>,
    pub(crate) peer_name: Option<String>,
    pub(crate) runs: Option<usize>,
    /// The lowest and the highest run.
    pub(crate) spread: Option<[f64; 2]>,
    /// Why there is no value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

const HEAD: [&str; 9] = ["figure", "unit", "ours", "target", "", "floor", "/ floor", "peer", "/ peer"];

/// Columns that hold text, and so begin at the left.
const TEXT: [usize; 3] = [0, 1, 4];

/// The table, `rows[i]` being `figures[i]` measured, and below it where the floors come from.
pub(crate) fn render(figures: &[&Figure], rows: &[Row]) -> String {
    let cells: Vec<[String; 9]> = rows.iter().map(cells).collect();
    let widths: Vec<usize> = (0..HEAD.len())
        .map(|column| cells.iter().map(|row| row[column].chars().count()).chain([HEAD[column].len()]).max())
        .map(|width| width.unwrap_or_default())
        .collect();
    let mut out = String::new();
    push_line(&mut out, &widths, &HEAD.map(str::to_owned), "");
    let mut group = None;
    for ((figure, row), cells) in figures.iter().zip(rows).zip(&cells) {
        if group != Some(figure.group) {
            let _ = writeln!(out, "\n{}", figure.group.title());
            group = Some(figure.group);
        }
        let note = match &row.error {
            Some(error) => format!("ERROR: {error}"),
            None => row.peer_name.clone().unwrap_or_default(),
        };
        push_line(&mut out, &widths, cells, &note);
    }
    push_floors(&mut out, figures);
    push_published(&mut out, figures);
    out
}

fn cells(row: &Row) -> [String; 9] {
    let ratio = |to: Option<f64>| row.value.zip(to).map(|(value, to)| format!("{}x", digits(value / to)));
    let mark =
        row.value.zip(row.target).map(|(value, target)| if value <= target { "met" } else { "MISSED" });
    let number = |value: Option<f64>| value.map(digits).unwrap_or_default();
    [
        row.figure.clone(),
        row.unit.clone(),
        if row.error.is_some() { "ERROR".to_owned() } else { number(row.value) },
        number(row.target),
        mark.unwrap_or_default().to_owned(),
        number(row.floor),
        ratio(row.floor).unwrap_or_default(),
        number(row.peer),
        ratio(row.peer).unwrap_or_default(),
    ]
}

fn push_line(out: &mut String, widths: &[usize], cells: &[String; 9], note: &str) {
    let mut line = String::new();
    for (column, (cell, &width)) in cells.iter().zip(widths).enumerate() {
        let _ = if TEXT.contains(&column) {
            write!(line, "{cell:<width$}  ")
        } else {
            write!(line, "{cell:>width$}  ")
        };
    }
    line.push_str(note);
    out.push_str(line.trim_end());
    out.push('\n');
}

fn push_floors(out: &mut String, figures: &[&Figure]) {
    let derived = figures.iter().filter_map(|figure| match figure.floor {
        Floor::None => None,
        Floor::Derived { source, why, .. } => Some(format!("  {}: {why}; from \"{source}\"", figure.name)),
    });
    let lines: Vec<String> = derived.collect();
    if !lines.is_empty() {
        let _ = writeln!(out, "\nfloors, from what was measured in the same run\n{}", lines.join("\n"));
    }
}

fn push_published(out: &mut String, figures: &[&Figure]) {
    let cited = figures.iter().filter_map(|figure| {
        let ids = figure.peer.map(|peer| peer.published).filter(|ids| !ids.is_empty())?;
        Some(format!("  {}: {}", figure.name, ids.join(" + ")))
    });
    let lines: Vec<String> = cited.collect();
    if !lines.is_empty() {
        let _ =
            writeln!(out, "\npublished peers, by their entries in results/reference\n{}", lines.join("\n"));
    }
}

/// Three significant digits, thousands set apart.
fn digits(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    // The exponent after rounding, so that 9.996 becomes 10.0.
    let scientific = format!("{value:.2e}");
    let (rounded, exponent) =
        (scientific.parse::<f64>(), scientific.split_once('e').map(|(_, e)| e.parse::<i32>()));
    let (Ok(rounded), Some(Ok(exponent))) = (rounded, exponent) else { return scientific };
    if exponent < 3 {
        return format!("{rounded:.*}", (2 - exponent) as usize);
    }
    let whole = format!("{rounded:.0}");
    let mut out = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::figure::{Group, Peer};
    use super::*;

    fn figure(group: Group, name: &str, unit: &'static str, floor: Floor, peer: Option<Peer>) -> Figure {
        Figure { group, name: name.to_owned(), unit, target: None, floor, peer }
    }

    fn row(figure: &Figure, value: Option<f64>, floor: Option<f64>, target: Option<f64>) -> Row {
        Row {
            figure: figure.name.clone(),
            value,
            unit: figure.unit.to_owned(),
            floor,
            peer: figure.peer.map(|peer| peer.value),
            target,
            peer_name: figure.peer.map(|peer| peer.name.to_owned()),
            runs: value.map(|_| 9),
            spread: value.map(|value| [value, value]),
            error: value.is_none().then(|| "not available: no such command".to_owned()),
        }
    }

    fn example() -> (Vec<Figure>, Vec<Row>) {
        let floor = Floor::Derived { source: "a block", count: 4.0, why: "4 blocks" };
        let other = Peer { name: "Other", value: 28.9, published: &[] };
        let old = Peer { name: "Old", value: 19_088.0, published: &["old-circuits", "old-transfers"] };
        let figures = vec![
            figure(Group::Ciphers, "a block", "ns", Floor::None, None),
            figure(Group::Gates, "garble", "ns", floor, Some(other)),
            figure(Group::Relu, "bytes", "B", Floor::None, Some(old)),
            figure(Group::ResNet18, "online", "s", Floor::None, None),
        ];
        let rows = vec![
            row(&figures[0], Some(0.7512), None, None),
            row(&figures[1], Some(5.0), Some(3.0048), Some(6.0)),
            row(&figures[2], Some(1410.6), None, Some(1400.0)),
            row(&figures[3], None, None, Some(0.25)),
        ];
        (figures, rows)
    }

    #[test]
    fn the_table_is_this_text() {
        let (figures, rows) = example();
        let text = render(&figures.iter().collect::<Vec<_>>(), &rows);
        let expected = "\
figure   unit   ours  target          floor  / floor    peer   / peer

AES-128 in bulk (portable: the crate aes, on what it finds by itself)
a block  ns    0.751

garbling: Delphi's circuit, k = 23, f = 9, 128 units at a time, from the second-level cache; narrow: n = 13, from memory
garble   ns     5.00    6.00  met      3.00    1.66x    28.9   0.173x  Other

a ReLU with truncation, two processes, 2^17 units, k = 23, n = 13, f = 9
bytes    B     1,410   1,400  MISSED                  19,100  0.0739x  Old

ResNet18 on CIFAR shapes, 50,000 ReLUs, two threads a party
online   s     ERROR   0.250                                           ERROR: not available: no such command

floors, from what was measured in the same run
  garble: 4 blocks; from \"a block\"

published peers, by their entries in results/reference
  bytes: old-circuits + old-transfers
";
        assert_eq!(text, expected, "\n{text}");
    }

    #[test]
    fn json_keeps_every_field_and_leaves_missing_numbers_null() {
        let (_, rows) = example();
        let json = serde_json::to_string(&rows).unwrap();
        assert_eq!(serde_json::from_str::<Vec<Row>>(&json).unwrap(), rows);
        let values: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
        for key in ["figure", "value", "unit", "floor", "peer", "target"] {
            assert!(values.iter().all(|value| value.get(key).is_some()), "{key}");
        }
        assert!(
            values[0]["floor"].is_null() && values[3]["value"].is_null() && values[3]["error"].is_string()
        );
        assert!(values[0].get("error").is_none());
    }

    #[test]
    fn three_digits_at_every_size() {
        for (value, text) in [
            (0.0, "0"),
            (0.012_345, "0.0123"),
            (0.999_6, "1.00"),
            (1.5, "1.50"),
            (99.96, "100"),
            (123.4, "123"),
            (999.6, "1,000"),
            (19_088.0, "19,100"),
            (1_234_567.0, "1,230,000"),
        ] {
            assert_eq!(digits(value), text, "{value}");
        }
    }
}
