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
#[derive(Clone, Debug, Default)]
pub struct Block {
    /// What they have in common.
    pub title: String,
    /// What the title names.
    pub named: Vec<Dimension>,
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

impl Block {
    /// The same cells in another order: the row at each place is the one that `order` has there.
    pub(super) fn reorder(&mut self, order: &[usize]) {
        let mut place = vec![0; order.len()];
        order.iter().enumerate().for_each(|(new, old)| place[*old] = new);
        let moved = |list: &[usize]| list.iter().map(|old| place[*old]).collect();
        self.baseline = self.baseline.map(|old| place[old]);
        self.rows = order.iter().map(|old| self.rows[*old].clone()).collect();
        // What was not looked at has none.
        let beaten = order.iter().filter_map(|old| self.beaten.get(*old));
        self.beaten =
            beaten.map(|by| Beaten { latency: moved(&by.latency), bytes: moved(&by.bytes) }).collect();
    }
}
