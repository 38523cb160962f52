//! Values that reach far higher or lower than scales are looked for, brought to where they are.
//!
//! A network whose weights are a millionth in one layer and a million times as much in the next computes the same as one of the
//! usual size: a ReLU of a multiple is that multiple of the ReLU. Values that are added up, or that pass through a pool or a
//! nonlinearity, share a factor, and weights between them take the quotient. Factors are powers of two, so that nothing is rounded. The
//! image has none, nor have values at nonlinearities whose shape depends on the size, all but ReLU; the logits may have one,
//! which changes no class.

use super::calibrate::Calibration;
use super::lower::Lowered;
use super::steps::{Segment, Step, ValueId};
use std::sync::Arc;

/// log2 of the largest value of a group that is brought to its place.
const PLACE: f32 = 4.0;
/// log2 of how far from there it may be and stay.
const NEAR: f32 = 7.0;
/// Largest weight that may come of it: where values are large for a bias or a unit that is always off, weights behind them are
/// none the smaller, and would be large in their place.
const MOST_WEIGHT: f32 = 256.0;

/// Multiplies values of `lowered` as it was lowered, and what is known of them, where they are far from usual.
pub fn level(lowered: &mut Lowered, calibration: &mut Calibration) {
    let groups = Groups::of(lowered);
    let mut factors = groups.factors(lowered, calibration);
    while let Some(group) = groups.with_large_weights(lowered, &factors) {
        factors[group] = 1.0;
    }
    if factors.iter().all(|factor| *factor == 1.0) {
        return;
    }
    let of = |value: ValueId| factors[groups.root(value)];
    for (at, (step, weights)) in lowered.steps.iter().zip(&mut lowered.weights).enumerate() {
        let (Step::Linear(Segment { terms, .. }), Some(weights)) = (step, weights) else { continue };
        let own = of(ValueId::made_by(at));
        weights.bias.iter_mut().for_each(|bias| *bias *= own);
        for (term, kernel) in terms.iter().zip(&mut weights.kernels) {
            Arc::make_mut(kernel).iter_mut().for_each(|weight| *weight *= own / of(term.source));
        }
    }
    let last = calibration.largest.len() - 1;
    let logits = of(ValueId::made_by(lowered.steps.len() - 1));
    let mut nodes = vec![1.0; last + 1];
    nodes[last] = logits;
    for step in &lowered.steps {
        if let Step::Activation(layer) = step {
            nodes[layer.measures] = of(layer.source);
        }
    }
    for (node, factor) in nodes.into_iter().enumerate() {
        calibration.largest[node] *= factor;
        calibration.mean[node] *= factor;
        calibration.channels[node].iter_mut().for_each(|channel| *channel *= factor);
    }
    calibration.logits.iter_mut().flatten().for_each(|logit| *logit *= logits);
}

/// Values that share a factor: a forest, in which every value leads to the first of its group.
struct Groups {
    parents: Vec<usize>,
}

impl Groups {
    fn of(lowered: &Lowered) -> Self {
        let mut groups = Self { parents: (0..=lowered.steps.len()).collect() };
        for (at, step) in lowered.steps.iter().enumerate() {
            let made = ValueId::made_by(at);
            match step {
                Step::Linear(segment) => {
                    let passed = segment.terms.iter().filter(|term| !term.has_weights());
                    passed.for_each(|term| groups.join(made, term.source));
                }
                Step::Activation(layer) => {
                    groups.join(made, layer.source);
                    if !layer.activation.is_homogeneous() && !layer.kept.is_empty() {
                        groups.join(made, ValueId::IMAGE);
                    }
                }
                // A factor of its own would be the product of theirs.
                Step::Product(step) => {
                    [step.left, step.right, made]
                        .into_iter()
                        .for_each(|value| groups.join(value, ValueId::IMAGE));
                }
                Step::Reshare(step) => groups.join(made, step.source),
            }
        }
        groups
    }

    /// The first value of the group.
    fn root(&self, value: ValueId) -> usize {
        let mut at = value.index();
        while self.parents[at] != at {
            at = self.parents[at];
        }
        at
    }

    /// Makes one group of two; that of the image stays the image's.
    fn join(&mut self, one: ValueId, other: ValueId) {
        let (one, other) = (self.root(one), self.root(other));
        self.parents[one.max(other)] = one.min(other);
    }

    /// A group with a factor that would make the weights behind it large.
    fn with_large_weights(&self, lowered: &Lowered, factors: &[f32]) -> Option<usize> {
        lowered.steps.iter().zip(&lowered.weights).enumerate().find_map(|(at, (step, weights))| {
            let (Step::Linear(segment), Some(weights)) = (step, weights) else { return None };
            let made = self.root(ValueId::made_by(at));
            let own = factors[made];
            segment.terms.iter().zip(&weights.kernels).find_map(|(term, kernel)| {
                let source = self.root(term.source);
                let largest = kernel.iter().fold(0f32, |most, weight| most.max(weight.abs()));
                let grows = own > factors[source] && largest * own / factors[source] > MOST_WEIGHT;
                grows.then_some(if factors[source] == 1.0 { made } else { source })
            })
        })
    }

    /// A factor by the first value of every group.
    fn factors(&self, lowered: &Lowered, calibration: &Calibration) -> Vec<f32> {
        let mut largest = vec![0f32; self.parents.len()];
        let logits = ValueId::made_by(lowered.steps.len() - 1);
        largest[self.root(logits)] = *calibration.largest.last().expect("a graph has nodes");
        for step in &lowered.steps {
            if let Step::Activation(layer) = step {
                let most = &mut largest[self.root(layer.source)];
                *most = most.max(calibration.largest[layer.measures]);
            }
        }
        // The image's are as they are.
        largest[ValueId::IMAGE.index()] = 0.0;
        let factor = |largest: f32| {
            let away = PLACE - largest.log2().round();
            if largest > 0.0 && largest.is_finite() && away.abs() > NEAR { away.exp2() } else { 1.0 }
        };
        largest.into_iter().map(factor).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::calibrate::calibrate;
    use super::super::fit::Passing;
    use super::super::lower::lower;
    use super::super::search::{Pinned, Search};
    use super::*;
    use crate::data::DataSource;
    use crate::graph::{Graph, Parameters, Shape};
    use crate::mask::Masks;
    use crate::{initial, nets};
    use rand::SeedableRng;
    use rand_chacha::ChaCha12Rng;

    /// `net` with random weights, on some images; parameters as `change` leaves them.
    fn leveled(
        net: &str,
        kept: usize,
        change: impl Fn(&mut Parameters),
    ) -> ((Lowered, Calibration), (Lowered, Calibration)) {
        let mut rng = ChaCha12Rng::seed_from_u64(5);
        let source = DataSource::parse("shapes", None).unwrap();
        let (data, normalisation) = (source.load_test().unwrap().take(30), source.default_normalisation(3));
        let images: Vec<Vec<f32>> =
            (0..4).map(|i| normalisation.apply(data.image(i), data.shape())).collect();
        let graph: Graph = nets::build(net, Shape::new(3, 32, 32), 10).unwrap();
        let units: usize = graph.activations().map(|layer| layer.shape.size()).sum();
        let masks: Masks = initial::masks(&graph, units.min(kept), &mut rng).unwrap();
        let mut parameters = initial::parameters(&graph, &masks, &images, &mut rng).unwrap();
        change(&mut parameters);
        let calibration = calibrate(&graph, &parameters, &masks, &normalisation, &data);
        let before = (lower(&graph, &parameters, &masks).unwrap(), calibration);
        let mut after = before.clone();
        level(&mut after.0, &mut after.1);
        (before, after)
    }

    /// Multiplies one parameter.
    fn times(parameters: &mut Parameters, name: &str, factor: f32) {
        let tensor = &parameters[name];
        let values = tensor.data().iter().map(|x| x * factor).collect();
        let scaled = crate::tensor::Tensor::new(tensor.shape().to_vec(), values).unwrap();
        parameters.insert(name.into(), scaled);
    }

    #[test]
    fn a_usual_network_stays_as_it_is() {
        for net in ["mini", "resnet20", "minionn"] {
            let ((before, _), (after, _)) = leveled(net, usize::MAX, |_| ());
            assert_eq!((before.steps, before.weights), (after.steps, after.weights), "{net}");
        }
    }

    /// Values a million times too small or too large between two convolutions, and logits: the same scales are found as for the
    /// network itself, and the same classes.
    #[test]
    fn networks_that_are_badly_scaled_are_searched_as_others() {
        for factor in [1e-6f32, 1e8] {
            for kept in [usize::MAX, 500] {
                let found = |((lowered, calibration), what): ((Lowered, Calibration), &str)| {
                    let mut search = Search::new(lowered, calibration, Pinned::default());
                    let frontier = search.frontier(0.9).unwrap_or_else(|error| panic!("{what}: {error}"));
                    let by_ring = |model: &crate::fixed::QuantModel| Some(f64::from(model.ring.bits()));
                    let found = search.cheapest(&frontier, (0.9, 0), Passing::Never, by_ring).unwrap();
                    assert!(found.agreement.share >= 0.9, "{what}");
                    found.model.ring.bits()
                };
                let usual = leveled("mini", kept, |_| ()).1;
                let (before, after) = leveled("mini", kept, |parameters| {
                    for suffix in ["weight", "bias"] {
                        times(parameters, &format!("layer1.0.bn1.{suffix}"), factor);
                        times(parameters, &format!("linear.{suffix}"), factor);
                    }
                    times(parameters, "layer1.0.conv2.weight", 1.0 / factor);
                });
                assert!(before.0.weights != after.0.weights);
                let classes = |calibration: &Calibration| -> Vec<usize> {
                    calibration.logits.iter().map(|logits| crate::real::argmax(logits)).collect()
                };
                assert_eq!(classes(&before.1), classes(&after.1));
                let (found, usual) = (found((after, "badly scaled")), found((usual, "usual")));
                assert!(found <= usual + 6, "{found} bits for {usual}, times {factor}, {kept} kept");
            }
        }
    }
}
