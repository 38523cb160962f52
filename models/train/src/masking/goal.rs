//! How many units are to stay, of the network or of each layer, and how many on the way there.

use super::select::{self, layered, overall};
use crate::pricing;
use crate::pricing::knapsack::{Prices, allocate};
use models::graph::Graph;
use models::mask::Masks;
use serde::{Deserialize, Serialize};

/// Up to where units of the whole network are chosen by their scores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// So many units.
    Units(usize),
    /// Units that cost so much; `about` so many.
    Priced {
        /// What units cost.
        prices: Prices,
        /// About how many they are.
        about: usize,
    },
}

impl Goal {
    /// Units kept at the end, at least about.
    pub(super) fn units(&self) -> usize {
        match self {
            Self::Units(total) => *total,
            Self::Priced { about, .. } => *about,
        }
    }

    /// Whether `masks` keep no more than that.
    pub(super) fn is_met(&self, graph: &Graph, masks: &Masks) -> bool {
        match self {
            Self::Units(total) => masks.count() <= *total,
            Self::Priced { prices, .. } => prices.cost(&counts(graph, masks)) <= prices.limit,
        }
    }

    /// The masks that keep the units of largest `values` with a share of the way left to the goal, from so many units of each
    /// layer. Units without a value have minus infinity; priced ones are worth nothing below zero.
    pub(super) fn chosen(
        &self,
        graph: &Graph,
        values: &[Vec<f32>],
        masks: &Masks,
        (from, share): (&[usize], f64),
    ) -> Masks {
        match self {
            Self::Units(total) => {
                let units: usize = from.iter().sum();
                let left = total + (units.saturating_sub(*total) as f64 * share).round() as usize;
                overall(graph, values, left.min(masks.count()))
            }
            Self::Priced { prices, .. } => {
                let worths: Vec<Vec<f64>> = values.iter().map(|values| worths(values)).collect();
                let sizes: Vec<usize> = worths.iter().map(|worths| worths.len() - 1).collect();
                let limit = prices.limit + (prices.cost(from) - prices.limit).max(0.0) * share;
                let worth = |layer: usize, count: usize| worths[layer][count];
                layered(graph, values, &allocate(&prices.within(limit), &sizes, &worth), select::top)
            }
        }
    }
}

/// What the best 0, 1, 2, ... units of a layer are worth, as far as they are worth anything.
fn worths(values: &[f32]) -> Vec<f64> {
    let mut positive: Vec<f32> = values.iter().copied().filter(|value| *value > 0.0).collect();
    positive.sort_by(|a, b| b.total_cmp(a));
    let mut sum = 0.0;
    let sums = positive.into_iter().map(|value| {
        sum += f64::from(value);
        sum
    });
    std::iter::once(0.0).chain(sums).collect()
}

/// All units of each layer, in network order.
pub(super) fn sizes(graph: &Graph) -> Vec<usize> {
    graph.activations().map(|layer| layer.shape.size()).collect()
}

/// Kept units of each layer, in network order.
pub(super) fn counts(graph: &Graph, masks: &Masks) -> Vec<usize> {
    graph.activations().map(|layer| masks.get(layer.name).count()).collect()
}

/// The share of the way to a goal that is left in `epoch` (from 1) of `epochs`: all of it before the first, none in the last.
pub(super) fn left(epoch: usize, epochs: usize) -> f64 {
    let done = epoch.min(epochs) as f64 / epochs as f64;
    0.5 * (1.0 + (std::f64::consts::PI * done).cos())
}

/// Units that layers keep with `share` of the way to `budgets` left: no more than `before`, no fewer than at the end.
pub(super) fn leaving(
    graph: &Graph,
    budgets: &[usize],
    before: &[usize],
    (prices, phi): (&Prices, &[f64]),
    share: f64,
) -> Vec<usize> {
    let sizes = sizes(graph);
    let end = prices.cost(budgets);
    let limit = end + (prices.cost(&sizes) - end).max(0.0) * share;
    let worth = |layer: usize, count: usize| pricing::worth(phi[layer], sizes[layer], count);
    let now = match share > 0.0 {
        true => allocate(&prices.within(limit), &sizes, &worth),
        false => budgets.to_vec(),
    };
    let bounded = now.iter().zip(budgets).zip(before);
    bounded.map(|((now, end), before)| (*now).min(*before).max(*end)).collect()
}
