//! Which units of an activation layer keep their nonlinearity.

use crate::Error;
use crate::graph::{Graph, Shape};
use std::collections::{BTreeMap, BTreeSet};

/// One flag per unit, `(channel, row, column)` order: `true` keeps the nonlinearity, `false` makes the unit the identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    shape: Shape,
    kept: Vec<bool>,
}

impl Mask {
    /// Wraps one flag per unit of `shape`.
    pub fn new(shape: Shape, kept: Vec<bool>) -> Result<Self, Error> {
        if kept.len() != shape.size() {
            return Err(Error::argument("mask", format!("{} flags", shape.size()), kept.len().to_string()));
        }
        Ok(Self { shape, kept })
    }

    /// Every unit kept (`true`) or every unit linearized (`false`).
    pub fn uniform(shape: Shape, kept: bool) -> Self {
        Self { shape, kept: vec![kept; shape.size()] }
    }

    /// The layer's shape.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The flags, in unit order.
    pub fn flags(&self) -> &[bool] {
        &self.kept
    }

    /// Units that keep their nonlinearity.
    pub fn count(&self) -> usize {
        self.kept.iter().filter(|k| **k).count()
    }
}

/// A mask for every activation node of a graph, by node name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Masks(BTreeMap<String, Mask>);

impl Masks {
    /// The all-ReLU network: nothing linearized.
    pub fn all_kept(graph: &Graph) -> Self {
        Self::uniform(graph, true)
    }

    /// Every layer kept or every layer linearized.
    pub fn uniform(graph: &Graph, kept: bool) -> Self {
        Self(graph.activations().map(|a| (a.name.to_owned(), Mask::uniform(a.shape, kept))).collect())
    }

    /// Checks that there is exactly one mask of the right shape per activation of `graph`.
    pub fn new(graph: &Graph, masks: BTreeMap<String, Mask>) -> Result<Self, Error> {
        let masks = Self(masks);
        masks.check(graph)?;
        Ok(masks)
    }

    /// Errors unless there is exactly one mask of the right shape per activation of `graph`.
    pub(crate) fn check(&self, graph: &Graph) -> Result<(), Error> {
        let mut others: BTreeSet<&str> = self.0.keys().map(String::as_str).collect();
        for activation in graph.activations() {
            others.remove(activation.name);
            match self.0.get(activation.name) {
                None => return Err(Error::model(activation.name, "a mask", "none")),
                Some(mask) if mask.shape() != activation.shape => {
                    return Err(Error::model(
                        activation.name,
                        format!("a mask of shape {}", activation.shape),
                        mask.shape().to_string(),
                    ));
                }
                Some(_) => {}
            }
        }
        match others.first() {
            Some(name) => Err(Error::model(*name, "an activation of the graph", "a mask without one")),
            None => Ok(()),
        }
    }

    /// The mask of an activation node.
    pub fn get(&self, name: &str) -> &Mask {
        self.0.get(name).expect("masks are checked against their graph when made")
    }

    /// Replaces one layer's mask; the shape must stay.
    pub fn set(&mut self, name: &str, mask: Mask) {
        let slot = self.0.get_mut(name).expect("masks are checked against their graph when made");
        assert_eq!(slot.shape(), mask.shape(), "a layer's shape never changes");
        *slot = mask;
    }

    /// Layer names and masks, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Mask)> {
        self.0.iter().map(|(name, mask)| (name.as_str(), mask))
    }

    /// Kept units over all layers: the network's ReLU count.
    pub fn count(&self) -> usize {
        self.0.values().map(Mask::count).sum()
    }
}

/// Understands a budget: a number of units, or a percentage of `units` rounded to the nearest.
pub fn parse_budget(text: &str, units: usize) -> Result<usize, Error> {
    let bad = || Error::argument("--budget", "a number or a percentage such as 8000 or 30%", text);
    match text.strip_suffix('%') {
        None => text.parse().map_err(|_| bad()),
        Some(percent) => {
            let percent: f64 = percent.parse().map_err(|_| bad())?;
            if !(0.0..=100.0).contains(&percent) {
                return Err(Error::argument("--budget", "at most 100% of the units", text));
            }
            Ok((units as f64 * percent / 100.0).round() as usize)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_counts_or_percentages() {
        assert_eq!(parse_budget("8000", 9216).unwrap(), 8000);
        assert_eq!(parse_budget("30%", 9216).unwrap(), 2765);
        assert_eq!(parse_budget("2.5%", 1000).unwrap(), 25);
        assert!(parse_budget("101%", 10).unwrap_err().to_string().contains("expected at most 100%"));
        for bad in ["", "-1", "30 %", "x%", "1.5"] {
            let message = parse_budget(bad, 10).unwrap_err().to_string();
            assert_eq!(
                message,
                format!("--budget: expected a number or a percentage such as 8000 or 30%, found {bad}")
            );
        }
    }
}
