//! The meaning of a quantized network: integers, rounded to nearest or as shares would round.

use super::linear::RingSegment;
use super::quantise::QuantModel;
use super::ring::Ring;
use super::steps::{ActivationStep, Step, ValueId};
use crate::graph::Shape;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;
use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};
use std::borrow::Cow;

/// The rounding of the search is stochastic like the protocol's, from one seed and a stream an image, so that a plan
/// is reproducible.
pub const SEED: u64 = 1;

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

    /// Whether a ReLU whose sign is decided without the lowest `skipped` bits keeps `x`, the rounded quotient.
    fn keeps(&mut self, x: i64, skipped: u32) -> bool {
        match (self, skipped) {
            (Self::Stochastic(rng), 1..) => x + rng.random_range(0..1 << skipped) >= 1 << (skipped - 1),
            (Self::Nearest | Self::Stochastic(_), _) => x >= 0,
        }
    }
}

/// The result of one clear evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluated {
    /// Signed logits at the last segment's scale.
    pub logits: Vec<i64>,
    /// Activation inputs that left the bound their step was compiled for.
    pub out_of_bounds: u64,
    /// ReLUs whose sign is expected to be mistaken, as it is decided without its lowest bits.
    pub mistaken: f64,
}

/// A network made ready to be evaluated any number of times.
pub struct Evaluator<'a> {
    model: &'a QuantModel,
    shapes: Vec<Shape>,
    /// The step that reads value `v` last; `None` for one that none reads.
    last_read: Vec<Option<usize>>,
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
        let shapes = model.shapes();
        let mut last_read = vec![None; shapes.len()];
        for (index, step) in model.steps.iter().enumerate() {
            step.sources().into_iter().for_each(|value| last_read[value.index()] = Some(index));
        }
        Self { model, shapes, last_read, segments }
    }

    /// Evaluates in the ring.
    pub fn evaluate(&self, image: Vec<u64>, rounding: &mut Rounding<'_>) -> Evaluated {
        let (mut out_of_bounds, mut mistaken) = (0, 0.0);
        let ring = self.model.ring;
        let logits = self.logits_from(vec![image.into()], rounding, |step, values| {
            out_of_bounds += match step {
                Step::Activation(layer) => {
                    let source = &values[layer.source.index()];
                    mistaken += mistakes(ring, layer, source);
                    source.iter().filter(|x| !layer.keeps_bound(ring.signed(**x))).count() as u64
                }
                Step::Reshare(reshare) => {
                    let source = values[reshare.source.index()].iter();
                    source.filter(|x| !reshare.keeps_bound(ring.signed(**x))).count() as u64
                }
                Step::Linear(_) | Step::Product(_) => 0,
            };
        });
        Evaluated { logits, out_of_bounds, mistaken }
    }

    /// Evaluates image `number` of a data set: rounding to nearest, or where so few bits decide signs that some are mistaken, as
    /// shares would, with a stream of [`SEED`] an image.
    pub fn evaluate_numbered(&self, number: usize, image: Vec<u64>) -> Evaluated {
        if !self.model.may_mistake() {
            return self.evaluate(image, &mut Rounding::Nearest);
        }
        let mut rng = ChaCha12Rng::seed_from_u64(SEED);
        rng.set_stream(number as u64);
        self.evaluate(image, &mut Rounding::Stochastic(&mut rng))
    }

    /// Signed logits where the first few values are `known`; `look` sees every other step and the values before it, as far as any
    /// step still reads them.
    pub(super) fn logits_from(
        &self,
        known: Vec<Cow<'_, [u64]>>,
        rounding: &mut Rounding<'_>,
        mut look: impl FnMut(&Step, &[Cow<'_, [u64]>]),
    ) -> Vec<i64> {
        let mut values = known;
        for index in values.len() - 1..self.model.steps.len() {
            look(&self.model.steps[index], &values);
            values.push(self.value(index, &values, rounding).into());
            // A large network's values together take gigabytes.
            for value in self.model.steps[index].sources() {
                if self.last_read[value.index()] == Some(index) {
                    values[value.index()] = Cow::default();
                }
            }
        }
        let logits = values.last().expect("a model has steps");
        logits.iter().map(|x| self.model.ring.signed(*x)).collect()
    }

    /// All values of the network: the image, then what the steps make.
    pub(super) fn values(&self, image: Vec<u64>, rounding: &mut Rounding<'_>) -> Vec<Vec<u64>> {
        let mut values = vec![image];
        for index in 0..self.model.steps.len() {
            values.push(self.value(index, &values, rounding));
        }
        values
    }

    /// What step `index` makes of the values before it.
    fn value(&self, index: usize, values: &[impl AsRef<[u64]>], rounding: &mut Rounding<'_>) -> Vec<u64> {
        let ring = self.model.ring;
        let of = |value: ValueId| values[value.index()].as_ref();
        match (&self.model.steps[index], &self.segments[index]) {
            (Step::Linear(_), Some(segment)) => segment.apply_clear(values, &self.shapes),
            (Step::Activation(layer), _) => activate(ring, layer, of(layer.source), rounding),
            (Step::Product(product), _) => product.of(ring, of(product.left), of(product.right)),
            (Step::Reshare(reshare), _) => {
                let mut truncated = |x: &u64| rounding.divide(ring.signed(*x), reshare.truncate);
                of(reshare.source).iter().map(|x| ring.from_signed(truncated(x))).collect()
            }
            (Step::Linear(_), None) => {
                unreachable!("linear steps carry weights, and those before the first known value are skipped")
            }
        }
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
        *y = match step.skipped {
            0 => step.curve.apply(*y),
            skipped if rounding.keeps(*y, skipped) => *y,
            _ => 0,
        };
    }
    out.into_iter().map(|y| ring.from_signed(y)).collect()
}

/// How many of a layer's signs are expected to be mistaken, for its input.
fn mistakes(ring: Ring, step: &ActivationStep, source: &[u64]) -> f64 {
    let width = (1i64 << step.skipped) as f64;
    let of = |unit: &u32| match Rounding::Nearest.divide(ring.signed(source[*unit as usize]), step.truncate) {
        0 => 0.0,
        x => (0.5 - x.unsigned_abs() as f64 / width).max(0.0),
    };
    if step.skipped > 1 { step.kept.iter().map(of).sum() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::calibrate::Calibration;
    use crate::fixed::lower::lower;
    use crate::fixed::quantise::quantise;
    use crate::fixed::scales::{Scales, StepScale, StepScales};
    use crate::graph::Graph;
    use crate::{initial, nets};
    use rand::SeedableRng;

    /// SqueezeNet, whose max pools are comparisons, on a small image.
    fn squeezenet() -> (crate::fixed::lower::Lowered, Calibration) {
        let mut rng = ChaCha12Rng::seed_from_u64(3);
        let shape = Shape::new(3, 35, 35);
        let graph: Graph = nets::build("squeezenet1_1", shape, 5).unwrap();
        let image: Vec<f32> = (0..shape.size()).map(|_| rng.random_range(-1.0..1.0)).collect();
        let kept = crate::mask::Masks::uniform(&graph, true).count() / 2;
        let masks = initial::masks(&graph, kept, &mut rng).unwrap();
        let images = vec![image];
        let parameters = initial::parameters(&graph, &masks, &images, &mut rng).unwrap();
        let calibration = Calibration::on(&graph, &parameters, &masks, images);
        (lower(&graph, &parameters, &masks).unwrap(), calibration)
    }

    /// Logits are those of all values, from whichever step on, and what is not read any more is not there any more.
    #[test]
    fn logits_follow_from_what_is_known() {
        let (lowered, calibration) = squeezenet();
        let scales = StepScales::uniform(&lowered, Scales::USUAL);
        let model = quantise(&lowered, &calibration, &scales, None).unwrap();
        let evaluator = Evaluator::new(&model);
        let image = model.quantise_image(&calibration.images[0]);
        let values = evaluator.values(image.clone(), &mut Rounding::Nearest);
        let logits: Vec<i64> = values.last().unwrap().iter().map(|x| model.ring.signed(*x)).collect();
        assert_eq!(
            evaluator.evaluate(image, &mut Rounding::Nearest),
            Evaluated { logits: logits.clone(), out_of_bounds: 0, mistaken: 0.0 }
        );
        for from in (0..model.steps.len()).step_by(5) {
            let known = values[..=from].iter().map(Cow::from).collect();
            let mut most = 0;
            let found =
                Evaluator::from(&model, from).logits_from(known, &mut Rounding::Nearest, |step, values| {
                    assert!(step.sources().iter().all(|value| !values[value.index()].is_empty()));
                    let held =
                        values.iter().filter(|value| matches!(value, Cow::Owned(owned) if !owned.is_empty()));
                    most = most.max(held.count());
                });
            assert_eq!(found, logits, "from step {from}");
            assert!(most < 8, "{most} values at a time");
        }
    }

    /// Steps that are exact are so at any scale.
    #[test]
    fn exact_steps_round_nothing() {
        let (lowered, calibration) = squeezenet();
        let logits = |exact: u32| {
            let mut scales = StepScales::uniform(&lowered, Scales::USUAL);
            let mut changed = 0;
            for (index, scale) in scales.steps.iter_mut().enumerate() {
                if let (true, StepScale::Weights(bits)) = (lowered.is_exact(index), scale) {
                    (*bits, changed) = (exact, changed + 1);
                }
            }
            // A pool 3x3 of stride 2 is four differences and two maxima, of which the last goes into what is behind it.
            assert!(changed >= 3 * 4, "{changed}");
            let model = quantise(&lowered, &calibration, &scales, None).unwrap();
            let image = model.quantise_image(&calibration.images[0]);
            let unit = (-f64::from(model.output_scale())).exp2();
            let logits = evaluate(&model, image, &mut Rounding::Nearest).logits;
            logits.into_iter().map(|x| x as f64 * unit).collect::<Vec<_>>()
        };
        assert_eq!(logits(3), logits(9));
    }
}
