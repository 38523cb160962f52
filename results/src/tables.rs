//! The rows of a run in memory: read once, and known to refer to rows that exist. Everything else derives from them.

use crate::Manifest;
use crate::schema::{
    AccuracyRow, CellRow, InferenceRow, ItemRow, QueryRow, ScenarioRow, StepRow, SummaryRow,
};

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
