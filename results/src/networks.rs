//! Networks side by side before any of them is run: what they keep, what they reach, and how sure that is over seeds.

pub use crate::schema::NetworkRow;

use crate::Error;
use crate::layout::{Column, Layout, or_missing, wrapped};
use crate::run::files::{check, write_table_to};
use crate::seeds::{self, Trained, over_seeds, trained_with};
use crate::units::{count, percent};
use std::collections::HashSet;
use std::path::Path;

/// Writes the table, whole or not at all.
///
/// # Errors
/// [`Error::Row`] if a column breaks its rule; [`Error::Io`] if the disk refuses.
pub fn write(path: &Path, rows: &[NetworkRow]) -> Result<(), Error> {
    check(rows)?;
    write_table_to(path, rows)
}

/// The table for a terminal, and below it the methods that have several seeds, by test accuracy.
/// At most `room` characters wide, if that is given.
pub fn text(rows: &[NetworkRow], room: Option<usize>) -> String {
    let told = rows.iter().map(|row| (&row.net, &row.data, &row.method, row.budget)).collect::<HashSet<_>>();
    let ambiguous = told.len() < rows.len();
    let columns = [
        Column::text("folder"),
        Column::text("network"),
        Column::text("data").rank(2),
        Column::text("method"),
        Column::new("", "budget"),
        Column::new("", "kept").rank(1),
        Column::new("", "images seen").rank(3),
        Column::new("accuracy %", "held-out").rank(1),
        Column::new("accuracy %", "test"),
    ];
    // Folders only where the rest does not tell networks apart.
    let columns = &columns[usize::from(!ambiguous)..];
    let lines: Vec<Vec<String>> =
        rows.iter().map(|row| line(row).split_off(usize::from(!ambiguous))).collect();
    let title = format!("{} networks", rows.len());
    let mut text = String::new();
    let layout = Layout::new(columns, &lines, room);
    layout.block(&title, lines.iter(), &mut text);
    text.extend(layout.left_out());
    let trained: Vec<Trained<'_>> = rows.iter().filter_map(trained).collect();
    text.extend(over_seeds(&trained).iter().map(|over| wrapped(&seeds::line(over), room)));
    text
}

fn line(row: &NetworkRow) -> Vec<String> {
    vec![
        row.folder.clone(),
        row.net.clone(),
        row.data.clone(),
        row.method.clone(),
        or_missing(row.budget, count),
        count(row.units),
        or_missing(row.images_seen, count),
        or_missing(row.held_out, percent),
        or_missing(row.test, percent),
    ]
}

fn trained(row: &NetworkRow) -> Option<Trained<'_>> {
    let (method, seed) = trained_with(&row.method);
    let rest = vec![row.net.clone(), row.data.clone()];
    Some(Trained {
        method,
        seed,
        budget: or_missing(row.budget, count),
        rest,
        accuracy: row.test?,
        online_s: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Row;

    fn row(method: &str, budget: Option<u64>, test: Option<f64>) -> NetworkRow {
        let (folder, net) = ("runs/x".to_owned(), "mini".to_owned());
        let (method, data) = (method.to_owned(), "shapes".to_owned());
        NetworkRow { folder, net, data, method, budget, units: 3584, test, ..NetworkRow::default() }
    }

    #[test]
    fn a_line_a_network_then_methods_over_seeds() {
        let rows = [
            row("ar", None, Some(0.99)),
            row("privshap", Some(5000), Some(0.90)),
            row("privshap-seed2", Some(5000), Some(0.92)),
            row("snl-seed1", Some(500), Some(0.80)),
            row("snl-seed2", Some(500), None),
        ];
        let text = text(&rows, None);
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines.iter().any(|line| line.contains("ar") && line.contains("99.0") && line.contains('-')),
            "{text}"
        );
        let over: Vec<&&str> = lines.iter().filter(|line| line.contains("over")).collect();
        assert_eq!(over.len(), 1, "a method with one measured seed has no spread: {text}");
        assert!(over[0].starts_with("  privshap 5,000 over 2 seeds: 91.00 ("), "{text}");
    }

    #[test]
    fn the_file_has_every_column_and_the_readme_explains_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NetworkRow::FILE);
        write(&path, &[row("ar", None, Some(0.5))]).unwrap();
        let table = std::fs::read_to_string(&path).unwrap();
        let mut lines = table.lines();
        let head = lines.next().unwrap();
        assert_eq!(head, "folder,net,data,method,budget,units,images_seen,held_out,test,sha256");
        assert_eq!(lines.next().unwrap(), "runs/x,mini,shapes,ar,,3584,,,0.5,");
        let (_, after) = include_str!("../README.md").split_once("## `networks.csv`").unwrap();
        for column in head.split(',') {
            assert!(after.contains(&format!("| `{column}` |")), "{column}");
        }
        assert!(matches!(
            write(&path, &[row("ar", None, Some(1.5))]),
            Err(Error::Row { column: "test", .. })
        ));
    }
}
