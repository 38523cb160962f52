//! The meaning of a quantized network: integers, rounded to nearest or as shares would round.

use super::linear::{self, RingSegment};
use super::quantise::QuantModel;
use super::ring::Ring;
use super::steps::{ActivationStep, Step};
use crate::data::{Dataset, Normalisation};
use crate::graph::Shape;
use crate::real::argmax;
use rand::Rng;
use rand_chacha::ChaCha12Rng;
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, IntoParallelRefIterator, ParallelIterator};

/// How an activation step divides by 2^f.
pub enum Rounding<'a> {
    /// To nearest, ties upward: the reference.
    Nearest,
    /// Up with the probability of the dropped bits, as the protocol does with its random shares.
    Stochastic(&'a mut ChaCha12Rng),
}

impl Rounding<'_> {
    fn divide(&mut self, x: i64, f: u32) -> i64 {
        let offset = match self {
            _ if f == 0 => 0,
            Self::Nearest => 1 << (f - 1),
            Self::Stochastic(rng) => rng.random_range(1..=1 << f),
        };
        (x + offset) >> f
    }
}

/// The result of one clear evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluated {
    /// Signed logits at the last segment's scale.
    pub logits: Vec<i64>,
    /// Activation inputs that left the bound their step was compiled for.
    pub out_of_bounds: u64,
}

/// A network made ready to be evaluated any number of times.
pub struct Evaluator<'a> {
    model: &'a QuantModel,
    shapes: Vec<Shape>,
    /// The prepared weights of step `i`; `None` for activation steps and for what is never computed.
    segments: Vec<Option<RingSegment<'a>>>,
}

impl<'a> Evaluator<'a> {
    /// Prepares the weights of `model`.
    pub fn new(model: &'a QuantModel) -> Self {
        Self::from(model, 0)
    }

    /// Prepares those of step `first` and after, for images whose values before are known.
    pub(super) fn from(model: &'a QuantModel, first: usize) -> Self {
        let prepare = |(index, step): (usize, &'a Step)| match (step, &model.weights[index]) {
            (Step::Linear(segment), Some(weights)) if index >= first => {
                Some(RingSegment::new(model.ring, segment, weights))
            }
            (Step::Linear(_) | Step::Activation(_) | Step::Product(_) | Step::Reshare(_), _) => None,
        };
        let segments = model.steps.par_iter().enumerate().map(prepare).collect();
        Self { model, shapes: model.shapes(), segments }
    }

    /// Evaluates in the ring.
    pub fn evaluate(&self, image: Vec<u64>, rounding: &mut Rounding<'_>) -> Evaluated {
        let ring = self.model.ring;
        let values = self.values(vec![image], rounding);
        let out_of_bounds = self.model.steps.iter().map(|step| match step {
            Step::Activation(layer) => {
                let source = &values[layer.source.index()];
                source.iter().filter(|x| !layer.keeps_bound(ring.signed(**x))).count() as u64
            }
            Step::Reshare(reshare) => {
                let source = &values[reshare.source.index()];
                source.iter().filter(|x| !reshare.keeps_bound(ring.signed(**x))).count() as u64
            }
            Step::Linear(_) | Step::Product(_) => 0,
        });
        let out_of_bounds = out_of_bounds.sum();
        let logits = values.last().expect("a model has steps");
        Evaluated { logits: logits.iter().map(|x| ring.signed(*x)).collect(), out_of_bounds }
    }

    /// All values of the network, of which the first few are known: the image, then what the steps make.
    pub(super) fn values(&self, known: Vec<Vec<u64>>, rounding: &mut Rounding<'_>) -> Vec<Vec<u64>> {
        let ring = self.model.ring;
        let mut values = known;
        let done = values.len() - 1;
        for (step, segment) in self.model.steps.iter().zip(&self.segments).skip(done) {
            let value = match (step, segment) {
                (Step::Linear(_), Some(segment)) => {
                    let mut value = segment.apply_clear(&values, &self.shapes);
                    linear::accumulate(&mut value, &segment.bias());
                    value.iter_mut().for_each(|x| *x = ring.reduce(*x));
                    value
                }
                (Step::Activation(layer), _) => {
                    activate(ring, layer, &values[layer.source.index()], rounding)
                }
                (Step::Product(product), _) => {
                    let [left, right] = [product.left, product.right].map(|value| &values[value.index()]);
                    product.of(ring, left, right)
                }
                (Step::Reshare(reshare), _) => {
                    let source = values[reshare.source.index()].iter();
                    let mut truncated = |x: &u64| rounding.divide(ring.signed(*x), reshare.truncate);
                    source.map(|x| ring.from_signed(truncated(x))).collect()
                }
                (Step::Linear(_), None) => unreachable!(
                    "linear steps carry weights, and those before the first known value are skipped"
                ),
            };
            values.push(value);
        }
        values
    }
}

/// [`Evaluator::evaluate`] for a single image.
pub fn evaluate(model: &QuantModel, image: Vec<u64>, rounding: &mut Rounding<'_>) -> Evaluated {
    Evaluator::new(model).evaluate(image, rounding)
}

fn activate(ring: Ring, step: &ActivationStep, source: &[u64], rounding: &mut Rounding<'_>) -> Vec<u64> {
    let mut out: Vec<i64> = source.iter().map(|x| rounding.divide(ring.signed(*x), step.truncate)).collect();
    for unit in &step.kept {
        let y = &mut out[*unit as usize];
        *y = step.curve.apply(*y);
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

/// Classifies every image of `data` in the ring, rounding to nearest, on all processors.
pub fn classify(model: &QuantModel, normalisation: &Normalisation, data: &Dataset) -> FixedRun {
    let evaluator = Evaluator::new(model);
    let evaluated: Vec<Evaluated> = (0..data.len())
        .into_par_iter()
        .map(|i| {
            let image = model.quantise_image(&normalisation.apply(data.image(i), data.shape()));
            evaluator.evaluate(image, &mut Rounding::Nearest)
        })
        .collect();
    FixedRun {
        classes: evaluated.iter().map(|one| argmax(&one.logits)).collect(),
        out_of_bounds: evaluated.iter().map(|one| one.out_of_bounds).sum(),
    }
}
