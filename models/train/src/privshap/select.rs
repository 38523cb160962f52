//! Gradient projection: which units of a layer keep their nonlinearity.

use models::graph::Shape;
use models::mask::Mask;

/// Keeps exactly `budget` units, those of largest `sensitivity`; among equals, the first ones.
///
/// Panics unless there is one finite value per unit of `shape` and `budget` is at most their number.
pub fn top(shape: Shape, sensitivity: &[f32], budget: usize) -> Mask {
    assert!(budget <= sensitivity.len(), "a budget is capped at its layer's size");
    let mut order: Vec<usize> = (0..sensitivity.len()).collect();
    order.sort_by(|a, b| sensitivity[*b].total_cmp(&sensitivity[*a]).then(a.cmp(b)));
    let mut kept = vec![false; sensitivity.len()];
    for unit in &order[..budget] {
        kept[*unit] = true;
    }
    Mask::new(shape, kept).expect("one value a unit")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(sensitivity: &[f32], budget: usize) -> Vec<bool> {
        top(Shape::new(sensitivity.len(), 1, 1), sensitivity, budget).flags().to_vec()
    }

    #[test]
    fn the_largest_stay_and_ties_go_to_the_first() {
        assert_eq!(kept(&[1.0, 3.0, 2.0, 3.0], 2), [false, true, false, true]);
        assert_eq!(kept(&[1.0, 1.0, 1.0], 2), [true, true, false]);
        assert_eq!(kept(&[0.0, 0.0], 0), [false, false]);
        assert_eq!(kept(&[0.0, 0.0], 2), [true, true]);
    }
}
