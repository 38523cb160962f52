//! Whether a quantized network keeps the classes of the real one: the images that are most easily lost first, and no more
//! of them than it takes.

use super::calibrate::Calibration;
use super::evaluate::{Evaluator, Rounding, SEED};
use super::quantise::QuantModel;
use crate::real::argmax;
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use rayon::iter::{IntoParallelIterator, IntoParallelRefIterator, ParallelIterator};

/// Images that are evaluated, on all processors, before agreement is looked at again.
const ROUND: usize = 8;

/// Images of the smallest margins that a first look is at, of networks for whose images [`PRODUCTS`] are enough.
const FIRST: usize = 32;

/// Multiply-accumulates of a first look: of larger networks it is at fewer images, at least those of one round.
const PRODUCTS: u64 = 80_000_000_000;

/// Images that agreement is looked at where nothing depends on it.
const REPORTED: usize = 100;

/// An image is taken as kept unseen where its margin is so many times the largest error of a logit so far; twice could not
/// change a class if no error were larger.
const SURELY: f64 = 6.0;

/// How many calibration images keep their class and the bounds of their values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// Their share.
    pub share: f64,
    /// Calibration images.
    pub images: usize,
    /// Images that were evaluated; the others' margins are far above the errors of these.
    pub evaluated: usize,
}

/// Calibration images by margin.
pub(super) struct Judge {
    /// The image and the real network's largest logit less its second, ascending.
    margins: Vec<(usize, f64)>,
    /// Images that are evaluated at least.
    first: usize,
}

impl Judge {
    /// Of a network whose images take so many `products` each.
    pub(super) fn new(calibration: &Calibration, products: u64) -> Self {
        let margin = |logits: &Vec<f32>| {
            let first = argmax(logits);
            let others = logits.iter().enumerate().filter(|(class, _)| *class != first);
            f64::from(logits[first]) - others.map(|(_, x)| f64::from(*x)).fold(f64::NEG_INFINITY, f64::max)
        };
        let mut margins: Vec<_> = calibration.logits.iter().map(margin).enumerate().collect();
        margins.sort_by(|(_, one), (_, other)| one.total_cmp(other));
        let first = (PRODUCTS / products.max(1)).clamp(ROUND as u64, FIRST as u64) as usize;
        Self { margins, first }
    }

    /// Whether the network is so large that a first look is at fewer images than usual.
    pub(super) const fn is_large(&self) -> bool {
        self.first < FIRST
    }

    /// The images, those of the smallest margins first.
    pub(super) fn order(&self) -> impl Iterator<Item = usize> {
        self.margins.iter().map(|(image, _)| *image)
    }

    /// The smallest margin that has to be kept where so many images as `wanted` (0..=1) allows may be lost.
    pub(super) fn margin(&self, wanted: f64) -> f64 {
        self.margins.get(allowed(wanted, self.margins.len())).map_or(0.0, |(_, margin)| *margin)
    }

    /// Whether so many of the images of the smallest margins keep their class that `wanted` (0..=1) of all may.
    pub(super) fn may_agree(&self, model: &QuantModel, calibration: &Calibration, wanted: f64) -> bool {
        let allowed = allowed(wanted, self.margins.len());
        // Of fewer images than usual fewer may be lost: others would be in those that are not looked at.
        let usual = self.margins.len().min(FIRST);
        let first = &self.margins[..usual.min(self.first)];
        self.look(model, calibration).at(first, allowed * first.len() / usual.max(1)).is_some()
    }

    /// The agreement over all images; `None` as soon as `wanted` is out of reach.
    pub(super) fn agreement(
        &self,
        model: &QuantModel,
        calibration: &Calibration,
        wanted: f64,
    ) -> Option<Agreement> {
        let images = self.margins.len();
        let look = self.look(model, calibration);
        let (lost, evaluated) = look.at(&self.margins, allowed(wanted, images))?;
        Some(Agreement { share: 1.0 - lost as f64 / images as f64, images, evaluated })
    }

    /// Signs of an image that are expected to be mistaken, on average over a sample of so many images, of all margins.
    pub(super) fn mistaken(&self, model: &QuantModel, calibration: &Calibration, images: usize) -> f64 {
        if !model.may_mistake() {
            return 0.0;
        }
        let evaluator = Evaluator::new(model);
        let every = self.margins.len().div_ceil(images).max(1);
        let sample: Vec<usize> = self.order().step_by(every).collect();
        let of = |image: &usize| {
            let mut rng = ChaCha12Rng::seed_from_u64(SEED);
            rng.set_stream(*image as u64);
            let input = model.quantise_image(&calibration.images[*image]);
            evaluator.evaluate(input, &mut Rounding::Stochastic(&mut rng)).mistaken
        };
        sample.par_iter().map(of).sum::<f64>() / sample.len().max(1) as f64
    }

    fn look<'a>(&self, model: &'a QuantModel, calibration: &'a Calibration) -> Look<'a> {
        Look { model, calibration, first: self.first }
    }

    /// The agreement over a sample of the images, of all margins: where the scales are given and nothing depends on it.
    pub(super) fn sampled(&self, model: &QuantModel, calibration: &Calibration) -> Agreement {
        let every = self.margins.len().div_ceil(REPORTED).max(1);
        let sample: Vec<_> = self.margins.iter().step_by(every).copied().collect();
        let images = sample.len();
        let look = self.look(model, calibration);
        let (lost, evaluated) = look.at(&sample, images).expect("all of them may be lost");
        Agreement { share: 1.0 - lost as f64 / images.max(1) as f64, images, evaluated }
    }
}

/// What a quantized network makes of calibration images.
struct Look<'a> {
    model: &'a QuantModel,
    calibration: &'a Calibration,
    /// Images that are evaluated at least.
    first: usize,
}

impl Look<'_> {
    /// How many of `images`, with their margins, ascending, lose their class or a bound, and how many were evaluated to know
    /// that; `None` as soon as more than `allowed` do.
    fn at(&self, images: &[(usize, f64)], allowed: usize) -> Option<(usize, usize)> {
        let Self { model, calibration, first } = *self;
        let evaluator = Evaluator::new(model);
        let unit = (-f64::from(model.output_scale())).exp2();
        let look = |&(image, _): &(usize, f64)| {
            let mut rng = ChaCha12Rng::seed_from_u64(SEED);
            rng.set_stream(image as u64);
            let input = model.quantise_image(&calibration.images[image]);
            let evaluated = evaluator.evaluate(input, &mut Rounding::Stochastic(&mut rng));
            let reals = &calibration.logits[image];
            let errors = evaluated.logits.iter().zip(reals);
            let error =
                errors.map(|(x, real)| (*x as f64 * unit - f64::from(*real)).abs()).fold(0.0, f64::max);
            let lost = argmax(&evaluated.logits) != argmax(reals) || evaluated.out_of_bounds > 0;
            (usize::from(lost), error)
        };
        let (mut lost, mut largest, mut evaluated) = (0, 0.0f64, 0);
        for round in images.chunks(ROUND) {
            if evaluated >= first && round[0].1 > SURELY * largest {
                break;
            }
            // Too many lost are seen as early as can be; how many threads there are changes nothing else.
            for few in round.chunks(rayon::current_num_threads()) {
                let looked = few.into_par_iter().map(look);
                let (more, error) = looked.reduce(|| (0, 0.0), |a, b| (a.0 + b.0, a.1.max(b.1)));
                (lost, largest, evaluated) = (lost + more, largest.max(error), evaluated + few.len());
                if lost > allowed {
                    return None;
                }
            }
        }
        Some((lost, evaluated))
    }
}

/// Images of `total` that may be lost.
fn allowed(wanted: f64, total: usize) -> usize {
    ((1.0 - wanted) * total as f64 + 1e-9).floor() as usize
}
