//! What a bit is worth at every step: how far rounding there alone moves the logits.
//!
//! Rounding errors of different steps are as if independent, and an error of b bits has a variance proportional to 4^-b. So
//! the logits' mean squared error is about the sum over steps of s_i 4^-b_i, and for a given error bits are spent best where
//! every step has the same share of it: b_i = log2(s_i) / 2 + t, for one t.

use super::calibrate::Calibration;
use super::evaluate::SEED;
use super::evaluate::{Evaluator, Rounding};
use super::lower::Lowered;
use super::quantise::{QuantModel, quantise_again};
use super::rounded::Rounded;
use super::scales::{Scales, StepScale, StepScales};
use super::steps::Step;
use crate::Error;
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use std::borrow::Cow;

/// Scales of everything but the step that is looked at.
const FINE: Scales = Scales { fa: 12, fw: 13 };

/// Bits of the step that is looked at: coarse enough to see, fine enough that errors only add up.
const COARSE: u32 = 7;

/// Images that are looked at, of networks for whose images [`PRODUCTS`] are enough.
const IMAGES: usize = 4;

/// Multiply-accumulates of all steps' looks together: of larger networks fewer images, at least one. Such a network rounds
/// millions of values of an image.
const PRODUCTS: u64 = 250_000_000_000;

/// Steps that are looked at at a time.
const AT_ONCE: usize = 8;

/// log2 of the square root of s: of the image, and by step. Negative infinity where rounding changes nothing.
#[derive(Clone, Debug)]
pub(super) struct Sensitivity {
    pub(super) image: f64,
    pub(super) steps: Vec<f64>,
}

/// A network at the fine scales, with all values of some images.
struct Fine {
    images: Vec<usize>,
    values: Vec<Vec<Vec<u64>>>,
    logits: Vec<Vec<f64>>,
}

impl Sensitivity {
    /// Of every step of `lowered`, on the first of `images`.
    ///
    /// # Errors
    /// Those of [`quantise_again`] at fine scales.
    pub(super) fn measure(
        (lowered, rounded): (&Lowered, &Rounded),
        calibration: &Calibration,
        images: impl Iterator<Item = usize>,
    ) -> Result<Self, Error> {
        let scales = StepScales::uniform(lowered, FINE);
        let model = quantise_again((lowered, rounded), calibration, &scales, None)?;
        let evaluator = Evaluator::new(&model);
        let most = (PRODUCTS / products(lowered).max(1)).clamp(1, IMAGES as u64);
        let images: Vec<usize> = images.take(most as usize).collect();
        let values: Vec<Vec<Vec<u64>>> = images
            .par_iter()
            .map(|image| {
                let input = model.quantise_image(&calibration.images[*image]);
                evaluator.values(input, &mut Rounding::Stochastic(&mut stream(*image)))
            })
            .collect();
        let signed = |values: &Vec<Vec<u64>>| -> Vec<i64> {
            let logits = values.last().expect("a network has values");
            logits.iter().map(|x| model.ring.signed(*x)).collect()
        };
        let logits = values.iter().map(|values| decoded(&model, &signed(values))).collect();
        let fine = Fine { images, values, logits };
        let moved = |scales: &StepScales, from: usize| -> Result<f64, Error> {
            let model = quantise_again((lowered, rounded), calibration, scales, None)?;
            Ok(fine.moved(&model, calibration, from).log2() / 2.0 + f64::from(COARSE))
        };
        let image = moved(&StepScales { image: COARSE, ..scales.clone() }, 0)?;
        let of_step = |index: usize| -> Result<f64, Error> {
            if lowered.is_exact(index) {
                return Ok(f64::NEG_INFINITY);
            }
            let mut coarse = scales.clone();
            match &mut coarse.steps[index] {
                StepScale::Weights(bits) | StepScale::Rescaled(bits) | StepScale::Truncated(bits) => {
                    *bits = COARSE;
                }
                StepScale::Passed => {}
            }
            moved(&coarse, index)
        };
        // An image's values have room for a few steps at a time.
        let all: Vec<usize> = (0..scales.steps.len()).collect();
        let mut steps = Vec::with_capacity(all.len());
        for few in all.chunks(AT_ONCE) {
            let few: Vec<f64> = few.par_iter().map(|index| of_step(*index)).collect::<Result<_, _>>()?;
            steps.extend(few);
        }
        Ok(Self { image, steps })
    }
}

/// Multiply-accumulates of an image, over all steps that are looked at: everything from the step on.
fn products(lowered: &Lowered) -> u64 {
    let looked_at = |index: usize| (0..=index).filter(|step| !lowered.is_exact(*step)).count() as u64;
    let of_step = |(index, step): (usize, &Step)| match step {
        Step::Linear(segment) => segment.products() * (1 + looked_at(index)),
        Step::Activation(_) | Step::Product(_) | Step::Reshare(_) => 0,
    };
    lowered.steps.iter().enumerate().map(of_step).sum()
}

impl Fine {
    /// Mean squared change of the logits by `model`, which is the same before step `from`.
    fn moved(&self, model: &QuantModel, calibration: &Calibration, from: usize) -> f64 {
        let evaluator = Evaluator::from(model, from);
        let of_image = |place: &usize| {
            let image = self.images[*place];
            let before = match from {
                0 => vec![model.quantise_image(&calibration.images[image]).into()],
                _ => self.values[*place][..=from].iter().map(Cow::from).collect(),
            };
            let rounding = &mut Rounding::Stochastic(&mut stream(image));
            let logits = evaluator.logits_from(before, rounding, |_, _| ());
            let pairs = decoded(model, &logits).into_iter().zip(&self.logits[*place]);
            let squares: Vec<f64> = pairs.map(|(x, fine)| (x - fine).powi(2)).collect();
            squares.iter().sum::<f64>() / squares.len() as f64
        };
        let places: Vec<usize> = (0..self.images.len()).collect();
        places.par_iter().map(of_image).sum::<f64>() / places.len().max(1) as f64
    }
}

fn stream(image: usize) -> ChaCha12Rng {
    let mut rng = ChaCha12Rng::seed_from_u64(SEED);
    rng.set_stream(image as u64);
    rng
}

/// The logits over the reals.
fn decoded(model: &QuantModel, logits: &[i64]) -> Vec<f64> {
    let unit = (-f64::from(model.output_scale())).exp2();
    logits.iter().map(|x| *x as f64 * unit).collect()
}
