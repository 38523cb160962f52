//! Rows that refer to rows of other tables: an inference to its cell, a step to its inference.

use super::lines::Lines;
use crate::Error;
use crate::accuracy::Heirs;
use crate::schema::{AccuracyRow, CellRow, InferenceRow, ItemRow, QueryRow, StepRow, Wrong};
use crate::tables::Tables;
use std::collections::HashSet;

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
