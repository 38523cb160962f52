//! The rows of a run in memory: read once, and checked to refer to rows that exist. Everything else derives from them.

use super::lines::Lines;
use crate::accuracy::Heirs;
use crate::schema::{
    AccuracyRow, CellRow, InferenceRow, ItemRow, QueryRow, ScenarioRow, StepRow, SummaryRow, Wrong,
};
use crate::{Error, Manifest};
use std::collections::HashSet;

/// What was measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tables {
    /// `cells.csv`.
    pub cells: Vec<CellRow>,
    /// `inferences.csv`.
    pub inferences: Vec<InferenceRow>,
    /// `raw.csv`.
    pub steps: Vec<StepRow>,
    /// `accuracy.csv`; empty where classes of test images were not kept.
    pub accuracy: Vec<AccuracyRow>,
    /// `queries.csv`; empty where no cell uses a pool.
    pub queries: Vec<QueryRow>,
    /// `items.csv`; likewise.
    pub items: Vec<ItemRow>,
}

/// A finished run: what was measured, and what derives from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// `manifest.json`.
    pub manifest: Manifest,
    /// What was measured.
    pub tables: Tables,
    /// `summary.csv`.
    pub summary: Vec<SummaryRow>,
    /// `scenarios.csv`; empty where no cell uses a pool.
    pub scenarios: Vec<ScenarioRow>,
}

impl Tables {
    /// The cells in the order of the manifest's list; those that it does not list come last, as in `cells.csv`.
    pub(crate) fn in_order(&self, manifest: &Manifest) -> Vec<&CellRow> {
        let order = &manifest.cells;
        let mut cells: Vec<&CellRow> = self.cells.iter().collect();
        cells.sort_by_key(|cell| order.iter().position(|id| *id == cell.cell).unwrap_or(order.len()));
        cells
    }

    /// Adds the rows of another run.
    pub(crate) fn append(&mut self, other: Self) {
        let Self { cells, inferences, steps, accuracy, queries, items } = other;
        self.cells.extend(cells);
        self.inferences.extend(inferences);
        self.steps.extend(steps);
        self.accuracy.extend(accuracy);
        self.queries.extend(queries);
        self.items.extend(items);
    }
}

/// Tables as they stand in their files, before the references between them are followed.
pub(super) struct Unchecked {
    pub(super) cells: Lines<CellRow>,
    pub(super) inferences: Lines<InferenceRow>,
    pub(super) steps: Lines<StepRow>,
    pub(super) accuracy: Lines<AccuracyRow>,
    pub(super) queries: Lines<QueryRow>,
    pub(super) items: Lines<ItemRow>,
}

impl Unchecked {
    /// What is left once only the cells in `stays` are.
    pub(super) fn only(self, stays: &HashSet<String>) -> Self {
        let heirs = Heirs::new(&self.cells.rows, stays);
        let Self { cells, inferences, steps, accuracy, queries, items } = self;
        Self {
            accuracy: accuracy.filter_map(|row| heirs.hand_on(row)),
            cells: cells.filter_map(|row| stays.contains(&row.cell).then_some(row)),
            inferences: inferences.filter_map(|row| stays.contains(&row.cell).then_some(row)),
            steps: steps.filter_map(|row| stays.contains(&row.cell).then_some(row)),
            queries: queries.filter_map(|row| stays.contains(&row.cell).then_some(row)),
            items: items.filter_map(|row| stays.contains(&row.cell).then_some(row)),
        }
    }

    /// Follows every reference.
    ///
    /// # Errors
    /// [`Error::Field`] at the first row that refers to none, or is there twice.
    pub(super) fn checked(self) -> Result<Tables, Error> {
        let Self { cells, inferences, mut steps, accuracy, queries, items } = self;
        let mut known = HashSet::new();
        for (index, row) in cells.rows.iter().enumerate() {
            if !known.insert(row.cell.as_str()) {
                return Err(cells.wrong(index, unexpected("cell", "an id not used before", &row.cell)));
            }
        }
        let mut done = HashSet::new();
        of_known_cells(&inferences, |row| &row.cell, &known)?;
        for (index, row) in inferences.rows.iter().enumerate() {
            if !done.insert((row.cell.as_str(), row.warmup, row.repeat)) {
                let found = row.repeat.to_string();
                return Err(inferences.wrong(index, unexpected("repeat", "a repeat not seen before", &found)));
            }
        }
        // Steps are written before their inference, so a run cut short may end in steps of a repeat that never
        // came to be. Anywhere else, steps without an inference mean that a row was lost.
        let key = |row: &StepRow| (row.cell.clone(), row.warmup, row.repeat);
        if let Some(last) = steps.rows.last().map(key)
            && !done.contains(&(last.0.as_str(), last.1, last.2))
        {
            let tail = steps.rows.iter().rev().take_while(|row| key(row) == last).count();
            steps.rows.truncate(steps.rows.len() - tail);
        }
        for (index, row) in steps.rows.iter().enumerate() {
            if !done.contains(&(row.cell.as_str(), row.warmup, row.repeat)) {
                let found = format!("{} of {}", row.repeat, row.cell);
                return Err(steps.wrong(index, unexpected("repeat", "a repeat of inferences.csv", &found)));
            }
        }
        of_known_cells(&accuracy, |row| &row.cell, &known)?;
        let mut seen = HashSet::new();
        for (index, row) in accuracy.rows.iter().enumerate() {
            if !seen.insert((row.cell.as_str(), row.image)) {
                let found = row.image.to_string();
                return Err(accuracy.wrong(index, unexpected("image", "an image not seen before", &found)));
            }
        }
        of_known_cells(&queries, |row| &row.cell, &known)?;
        of_known_cells(&items, |row| &row.cell, &known)?;
        Ok(Tables {
            cells: cells.rows,
            inferences: inferences.rows,
            steps: steps.rows,
            accuracy: accuracy.rows,
            queries: queries.rows,
            items: items.rows,
        })
    }
}

fn of_known_cells<R>(
    table: &Lines<R>,
    cell: impl Fn(&R) -> &String,
    known: &HashSet<&str>,
) -> Result<(), Error> {
    match table.rows.iter().position(|row| !known.contains(cell(row).as_str())) {
        None => Ok(()),
        Some(index) => {
            let found = cell(&table.rows[index]);
            Err(table.wrong(index, unexpected("cell", "a cell of cells.csv", found)))
        }
    }
}

fn unexpected(column: &'static str, expected: &'static str, found: &str) -> Wrong {
    Wrong { column, expected, found: found.to_owned() }
}
