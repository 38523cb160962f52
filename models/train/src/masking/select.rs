//! From a value a unit to the units that keep their nonlinearity.

use models::graph::Graph;
use models::mask::{Mask, Masks};

/// Keeps exactly `budget` units, those of largest value; among equals, the first ones.
///
/// Panics if `budget` is above the number of units. Values are numbers, or minus infinity.
pub(super) fn top(values: &[f32], budget: usize) -> Vec<bool> {
    assert!(budget <= values.len(), "a budget is at most the number of units");
    let mut kept = vec![false; values.len()];
    for unit in &by_value(values)[..budget] {
        kept[*unit] = true;
    }
    kept
}

/// Keeps the units strictly above the `budget`-th largest value: one fewer than `budget`, or less among equals; none
/// for a budget of 0.
pub(super) fn strictly_above(values: &[f32], budget: usize) -> Vec<bool> {
    assert!(budget <= values.len(), "a budget is at most the number of units");
    let least = match budget {
        0 => f32::INFINITY,
        _ => values[by_value(values)[budget - 1]],
    };
    values.iter().map(|value| *value > least).collect()
}

/// Units, the largest value first; among equals, the first.
fn by_value(values: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*b].total_cmp(&values[*a]).then(a.cmp(b)));
    order
}

/// Gives units that `masks` do not keep no value, so that they do not come back.
pub(super) fn rule_out(graph: &Graph, masks: &Masks, values: &mut [Vec<f32>]) {
    for (layer, values) in graph.activations().zip(values) {
        let units = values.iter_mut().zip(masks.get(layer.name).flags());
        units.filter(|(_, kept)| !**kept).for_each(|(value, _)| *value = f32::NEG_INFINITY);
    }
}

/// The masks that `select` makes of each layer's values and budget.
pub(super) fn layered(
    graph: &Graph,
    values: &[Vec<f32>],
    budgets: &[usize],
    select: fn(&[f32], usize) -> Vec<bool>,
) -> Masks {
    let kept = values.iter().zip(budgets).map(|(values, budget)| select(values, *budget));
    masked(graph, kept)
}

/// The masks that keep the `total` units of largest value in the whole network.
pub(super) fn overall(graph: &Graph, values: &[Vec<f32>], total: usize) -> Masks {
    let mut kept = top(&values.concat(), total);
    masked(
        graph,
        values.iter().map(|layer| {
            let rest = kept.split_off(layer.len());
            std::mem::replace(&mut kept, rest)
        }),
    )
}

fn masked(graph: &Graph, kept: impl Iterator<Item = Vec<bool>>) -> Masks {
    let mut masks = Masks::all_kept(graph);
    for (layer, kept) in graph.activations().zip(kept) {
        masks.set(layer.name, Mask::new(layer.shape, kept).expect("one flag a unit"));
    }
    masks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_stay_and_ties_go_to_the_first() {
        assert_eq!(top(&[1.0, 3.0, 2.0, 3.0], 2), [false, true, false, true]);
        assert_eq!(top(&[1.0, 1.0, 1.0], 2), [true, true, false]);
        assert_eq!(top(&[0.0, 0.0], 0), [false, false]);
        assert_eq!(top(&[0.0, 0.0], 2), [true, true]);
    }

    #[test]
    fn strictly_above_the_last_that_fits() {
        assert_eq!(strictly_above(&[1.0, 3.0, 2.0, 4.0], 3), [false, true, false, true]);
        assert_eq!(strictly_above(&[1.0, 1.0, 2.0], 2), [false, false, true]);
        assert_eq!(strictly_above(&[1.0, 2.0], 1), [false, false]);
        assert_eq!(strictly_above(&[1.0, 2.0], 0), [false, false]);
    }
}
