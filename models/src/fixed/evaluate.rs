//! The meaning of a quantized network: integers with exact rounding.

use super::linear;
use super::quantise::QuantModel;
use super::ring::Ring;
use super::steps::{ActivationStep, Step};
use crate::data::{Dataset, Normalisation};
use crate::graph::Activation;
use crate::real::argmax;

/// The result of one clear evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluated {
    /// Signed logits at the last segment's scale.
    pub logits: Vec<i64>,
    /// Activation inputs that left the bound their step was compiled for.
    pub out_of_bounds: u64,
}

/// Evaluates in the ring; every activation step rounds to nearest, ties upward.
pub fn evaluate(model: &QuantModel, image: Vec<u64>) -> Evaluated {
    let shapes = model.shapes();
    let mut values = vec![image];
    let mut out_of_bounds = 0;
    for (step, weights) in model.steps.iter().zip(&model.weights) {
        let value = match (step, weights) {
            (Step::Linear(segment), Some(weights)) => {
                let mut value = linear::apply(model.ring, segment, weights, &values, &shapes);
                linear::accumulate(&mut value, &linear::bias(model.ring, segment, weights));
                value.iter_mut().for_each(|x| *x = model.ring.reduce(*x));
                value
            }
            (Step::Activation(activation), _) => {
                let source = &values[activation.source];
                out_of_bounds +=
                    source.iter().filter(|x| !activation.keeps_bound(model.ring.signed(**x))).count() as u64;
                activate(model.ring, activation, source)
            }
            (Step::Linear(_), None) => unreachable!("linear steps carry weights"),
        };
        values.push(value);
    }
    let last = values.pop().expect("a model has steps");
    Evaluated { logits: last.into_iter().map(|x| model.ring.signed(x)).collect(), out_of_bounds }
}

fn activate(ring: Ring, step: &ActivationStep, source: &[u64]) -> Vec<u64> {
    let half = if step.truncate == 0 { 0 } else { 1i64 << (step.truncate - 1) };
    let mut out: Vec<i64> = source.iter().map(|x| (ring.signed(*x) + half) >> step.truncate).collect();
    for unit in &step.kept {
        let y = &mut out[*unit as usize];
        *y = match step.activation {
            Activation::Relu => (*y).max(0),
        };
    }
    out.into_iter().map(|y| ring.from_signed(y)).collect()
}

/// Fixed-point accuracy on a data set.
#[derive(Clone, Debug, PartialEq)]
pub struct FixedRun {
    /// The predicted class of every image.
    pub classes: Vec<usize>,
    /// Activation inputs, over all images, that left their bound.
    pub out_of_bounds: u64,
}

/// Classifies every image of `data` in the ring.
pub fn classify(model: &QuantModel, normalisation: &Normalisation, data: &Dataset) -> FixedRun {
    let mut run = FixedRun { classes: Vec::with_capacity(data.len()), out_of_bounds: 0 };
    for i in 0..data.len() {
        let image = model.quantise_image(&normalisation.apply(data.image(i), data.shape()));
        let evaluated = evaluate(model, image);
        run.classes.push(argmax(&evaluated.logits));
        run.out_of_bounds += evaluated.out_of_bounds;
    }
    run
}
