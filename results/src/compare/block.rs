//! What is compared, and what comes of it.

use super::cost::ReluCost;
use super::equal::AtAccuracy;
use super::front::Beaten;
use super::row::ComparedRow;
use crate::schema::Dimension;
use crate::seeds::OverSeeds;

/// What is compared with what.
#[derive(Clone, Debug)]
pub struct Options {
    /// Cells that differ only in these stand in one block, and are compared.
    pub by: Vec<Dimension>,
    /// Which cell of a block is its baseline, as [`select`](crate::select::select) reads it; without it, the first one is.
    pub baseline: Option<String>,
    /// Accuracies, 0 to 1, at which methods are compared as well.
    pub accuracies: Vec<f64>,
}

impl Default for Options {
    /// All but model and link.
    fn default() -> Self {
        let by = Dimension::ALL.into_iter();
        let by = by.filter(|dimension| !matches!(dimension, Dimension::Model | Dimension::Link));
        Self { by: by.collect(), baseline: None, accuracies: Vec::new() }
    }
}

/// Cells that are compared with each other.
#[derive(Clone, Debug)]
pub struct Block {
    /// What they have in common.
    pub title: String,
    /// The cells, in the order of the runs.
    pub rows: Vec<ComparedRow>,
    /// Index of the row that ratios are to.
    pub baseline: Option<usize>,
    /// Who surely beats each row.
    pub beaten: Vec<Beaten>,
    /// What a ReLU costs, for each way of computing it with cells of different counts.
    pub costs: Vec<ReluCost>,
    /// What methods take at the accuracies that were asked for.
    pub at: Vec<AtAccuracy>,
    /// Methods that were trained with several seeds.
    pub seeds: Vec<OverSeeds>,
}
