//! Published figures as tables: for a terminal, and for the book.

use super::entry::{Reference, System, What};
use crate::layout::{Column, Layout, or_missing};
use crate::units::{count, percent};
use std::fmt::Write;

/// Tables for a terminal, accuracies before costs, and below them what must be known of single figures; at most `room` characters
/// wide, if that is given.
pub fn text(references: &[&Reference], room: Option<usize>) -> String {
    let mut notes = Vec::new();
    let mut text = String::new();
    for table in [ACCURACY, COST] {
        let lines = lines(references, &table, &mut notes);
        if lines.is_empty() {
            continue;
        }
        let title =
            format!("{}{}, published elsewhere", if text.is_empty() { "" } else { "\n" }, table.title);
        let layout = Layout::new(&table.laid_out(), &lines, room);
        layout.block(&title, lines.iter(), &mut text);
        text.extend(layout.left_out());
    }
    if !notes.is_empty() {
        text.push('\n');
    }
    for (number, note) in (1..).zip(&notes) {
        let _ = writeln!(text, "[{number}] {note}");
    }
    text
}

/// Tables and remarks for the book.
pub fn markdown(systems: &[System]) -> String {
    let references: Vec<&Reference> = systems.iter().flat_map(|system| &system.references).collect();
    let mut notes = Vec::new();
    let mut text = String::new();
    for table in [ACCURACY, COST] {
        let _ = writeln!(text, "## {}\n\n| {} |", table.title, table.columns.join(" | "));
        let rule = table.columns.iter().map(|column| if table.left.contains(column) { "---" } else { "--:" });
        let _ = writeln!(text, "|{}|", rule.collect::<Vec<_>>().join("|"));
        for line in lines(&references, &table, &mut notes) {
            let _ = writeln!(text, "| {} |", line.join(" | "));
        }
        text.push('\n');
    }
    text.push_str("## Notes\n\n");
    for (number, note) in (1..).zip(&notes) {
        let _ = writeln!(text, "- [{number}] {note}");
    }
    text.push_str("\n## The systems\n\n| system | known from | remarks |\n|---|---|---|\n");
    for System { name, work, remarks, references: _ } in systems {
        let _ = writeln!(text, "| {name} | {work} | {remarks} |");
    }
    text
}

/// A kind of figure, and how it is set.
struct Table {
    title: &'static str,
    columns: &'static [&'static str],
    left: &'static [&'static str],
    /// The columns behind system, network, data set and ReLUs and before source; `None` where the figure is of another kind.
    middle: fn(&Reference) -> Option<Vec<String>>,
}

impl Table {
    /// Where there is no room for all columns, sources and where something ran give way: they are the widest.
    fn laid_out(&self) -> Vec<Column> {
        let column = |name: &&str| {
            let column = if self.left.contains(name) { Column::text(name) } else { Column::new("", name) };
            column.rank(match *name {
                "source" => 3,
                "where run" => 2,
                "every ReLU" | "note" => 1,
                _ => 0,
            })
        };
        self.columns.iter().map(column).collect()
    }
}

const ACCURACY: Table = Table {
    title: "Accuracy at a ReLU budget",
    columns: &["system", "network", "data", "ReLUs", "accuracy", "every ReLU", "note", "source"],
    left: &["system", "network", "data", "note", "source"],
    middle: |reference| match &reference.what {
        What::Accuracy { all_relu } => {
            Some(vec![reference.value(), or_missing(*all_relu, |whole| format!("{} %", percent(whole)))])
        }
        What::Cost(_) => None,
    },
};

const COST: Table = Table {
    title: "Cost of a protocol",
    columns: &["system", "network", "data", "ReLUs", "what", "figure", "where run", "note", "source"],
    left: &["system", "network", "data", "what", "where run", "note", "source"],
    middle: |reference| match &reference.what {
        What::Accuracy { .. } => None,
        What::Cost(cost) => Some(vec![cost.part(), reference.value(), or_missing(cost.ran(), |ran| ran)]),
    },
};

/// The lines of a table. Notes are numbered as they first come, over all tables.
fn lines<'a>(references: &[&'a Reference], table: &Table, notes: &mut Vec<&'a str>) -> Vec<Vec<String>> {
    let mut number = |note: &'a str| {
        let index = notes.iter().position(|known| *known == note).unwrap_or_else(|| {
            notes.push(note);
            notes.len() - 1
        });
        format!("[{}]", index + 1)
    };
    let line = |reference: &&'a Reference| {
        let middle = (table.middle)(reference)?;
        let text = |name: &Option<String>| or_missing(name.clone(), |name| name);
        let mut line = vec![reference.system.clone(), text(&reference.network), text(&reference.data)];
        line.push(or_missing(reference.relus, count));
        line.extend(middle);
        line.push(reference.note.as_deref().map(&mut number).unwrap_or_default());
        line.push(reference.source.to_string());
        Some(line)
    };
    references.iter().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::super::file::{built_in, parse};
    use super::*;

    const FILE: &str = r#"
system = "Snail"
work = "A paper"
remarks = "Slow."

[[accuracy]]
id = "snail-accuracy"
network = "ResNet18"
data = "CIFAR-10"
relus = 50000
figure = 0.9
unit = "fraction"
all_relu = 0.95
source = { kind = "paper", work = "A paper", place = "table 1" }

[[cost]]
id = "snail-time"
network = "ResNet18"
data = "CIFAR-10"
phase = "offline"
of = "waiting"
figure = 12.5
unit = "s"
hardware = "a shell"
threads = 1
link = "none"
source = { kind = "readme", work = "A paper", place = "README.md" }
note = "In rain"

[[cost]]
id = "snail-relu"
phase = "unsaid"
of = "slime"
per = "relu"
figure = 3
unit = "bytes"
source = { kind = "readme", work = "A paper", place = "README.md" }
note = "In rain"
"#;

    #[test]
    fn the_text_is_this() {
        let system = parse("snail.toml", FILE).unwrap();
        let found = text(&system.references.iter().collect::<Vec<_>>(), None);
        let expected = "\
Accuracy at a ReLU budget, published elsewhere

  system  network   data       ReLUs  accuracy  every ReLU  note  source
  Snail   ResNet18  CIFAR-10  50,000   90.00 %     95.00 %        paper: A paper, table 1

Cost of a protocol, published elsewhere

  system  network   data      ReLUs  what                       figure  where run                note  source
  Snail   ResNet18  CIFAR-10      -  offline: waiting           12.5 s  a shell; 1 thread; none  [1]   readme: A paper, README.md
  Snail   -         -             -  slime, phase not said  3 B a ReLU  -                        [1]   readme: A paper, README.md

[1] In rain
";
        assert_eq!(found, expected, "\n{found}");
        let costs: Vec<&Reference> = system.references.iter().skip(1).collect();
        assert!(text(&costs, None).starts_with("Cost of a protocol"), "no table without lines");
        assert_eq!(text(&[], None), "");
        let narrow = text(&costs, Some(80));
        assert!(
            narrow.lines().all(|line| line.len() <= 80) && narrow.contains("no room for: where run, source")
        );
    }

    #[test]
    fn the_markdown_has_every_entry_once_and_cells_as_many_as_columns() {
        let systems = built_in();
        let text = markdown(&systems);
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("| ")).collect();
        let entries: usize = systems.iter().map(|system| system.references.len()).sum();
        assert_eq!(lines.len(), entries + systems.len() + 3);
        for line in lines {
            let columns = line.matches(" | ").count() + 1;
            assert!([3, ACCURACY.columns.len(), COST.columns.len()].contains(&columns), "{line}");
        }
    }
}
