//! The cheapest fixed-point scales that keep a network's answers.

mod cheapest;
mod deciding;
mod frontier;

pub use deciding::Deciding;

use super::agreement::{Agreement, Judge};
use super::calibrate::Calibration;
use super::lower::Lowered;
use super::quantise::{QuantModel, quantise_again};
use super::rounded::Rounded;
use super::scales::{Scales, StepScale, StepScales};
use super::sensitivity::Sensitivity;
use super::steps::{Step, ValueId};
use crate::Error;
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Activation scales tried, log2.
const FA: RangeInclusive<u32> = 3..=12;
/// Weight scales tried, log2.
const FW: RangeInclusive<u32> = 3..=14;
/// Half bits around a family's level that are tried in a ring.
const SLACK: i32 = 10;
/// Narrower rings hold no image.
pub(super) const FEWEST_RING_BITS: u32 = 12;

/// A quantized network and how well it agrees with the real one on calibration data.
#[derive(Clone, Debug)]
pub struct Found {
    /// The network.
    pub model: QuantModel,
    /// How many calibration images keep the real network's class.
    pub agreement: Agreement,
}

/// The scales to choose among; a given one is pinned.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pinned {
    /// log2 of the activation scale.
    pub fa: Option<u32>,
    /// log2 of the weight scale.
    pub fw: Option<u32>,
    /// Ring width, bits.
    pub ring_bits: Option<u32>,
}

impl Pinned {
    /// The pair, where neither scale is free.
    fn pair(&self) -> Option<Scales> {
        Some(Scales { fa: self.fa?, fw: self.fw? })
    }
}

/// Scales at which every step has the same share of the logits' error, and at which agreement was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// Bits that weights are finer than activations of the same share.
    lead: i32,
    /// Half bits above where the error would be one.
    level: i32,
}

/// A lowered network whose scales are searched for, and the agreements that were measured.
pub struct Search {
    lowered: Lowered,
    rounded: Rounded,
    calibration: Calibration,
    pinned: Pinned,
    judge: Judge,
    sensitivity: Option<Rc<Sensitivity>>,
    /// Agreements by scales and by the bits of the share that was asked for; `None` where less was found.
    measured: HashMap<(StepScales, u64), Option<Agreement>>,
    /// The same of first looks.
    looked: HashMap<(StepScales, u64), bool>,
    made: Arc<AtomicUsize>,
}

impl Search {
    /// Among what `pinned` leaves free.
    pub fn new(lowered: Lowered, calibration: Calibration, pinned: Pinned) -> Self {
        let judge = Judge::new(&calibration, lowered.products());
        let (rounded, measured, looked, made) = Default::default();
        Self { lowered, rounded, calibration, pinned, judge, sensitivity: None, measured, looked, made }
    }

    /// How many networks were made at some scales and looked at, or priced, so far; it grows while a search is under way.
    pub fn made(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.made)
    }

    fn sensitivity(&mut self) -> Result<Rc<Sensitivity>, Error> {
        if let Some(known) = &self.sensitivity {
            return Ok(Rc::clone(known));
        }
        let network = (&self.lowered, &self.rounded);
        let measured = Sensitivity::measure(network, &self.calibration, self.judge.order())?;
        Ok(Rc::clone(self.sensitivity.insert(Rc::new(measured))))
    }

    /// The network at these scales, in whatever ring they need unless one is given.
    fn at(&self, scales: &StepScales, ring_bits: Option<u32>) -> Result<QuantModel, Error> {
        self.made.fetch_add(1, Ordering::Relaxed);
        quantise_again((&self.lowered, &self.rounded), &self.calibration, scales, ring_bits)
    }

    /// A family's scales. Activations have the fewer bits the more of their layer's units are kept, as each is compared there.
    fn balanced(&mut self, Family { lead, level }: Family) -> Result<StepScales, Error> {
        if let Some(pair) = self.pinned.pair() {
            return Ok(StepScales::uniform(&self.lowered, pair));
        }
        let sensitivity = self.sensitivity()?;
        let level = f64::from(level) / 2.0;
        let clamp = |bits: f64, range: RangeInclusive<u32>| {
            bits.ceil().clamp(f64::from(*range.start()), f64::from(*range.end())) as u32
        };
        let activation = |bits: f64| self.pinned.fa.unwrap_or(clamp(bits, FA));
        let weight = |bits: f64| self.pinned.fw.unwrap_or(clamp(bits, FW));
        let kept = self.lowered.steps.iter().map(|step| match step {
            Step::Activation(layer) => layer.kept.len() as f64,
            Step::Linear(_) | Step::Product(_) | Step::Reshare(_) => 0.0,
        });
        let mean = 1.0 + kept.sum::<f64>() / self.lowered.steps.len() as f64;
        let image = activation(sensitivity.image + level);
        // What every step makes: a layer's output is coarser than its input.
        let mut made: Vec<u32> = Vec::with_capacity(self.lowered.steps.len());
        let steps = self.lowered.steps.iter().zip(&sensitivity.steps).map(|(step, bits)| {
            let scale_of = |value: ValueId| value.maker().map_or(image, |maker| made[maker]);
            let (scale, output) = match step {
                Step::Linear(segment) => {
                    let fw = weight(bits + level + f64::from(lead));
                    (StepScale::Weights(fw), segment.scale_with(fw, scale_of))
                }
                Step::Activation(layer) => {
                    let dear = (1.0 + layer.kept.len() as f64 / mean).log2() / 2.0;
                    let input = scale_of(layer.source);
                    let fa = activation(bits + level - dear).min(input.saturating_sub(1));
                    (StepScale::Rescaled(fa), fa)
                }
                Step::Product(step) => (StepScale::Passed, scale_of(step.left) + scale_of(step.right)),
                Step::Reshare(step) => (StepScale::Passed, scale_of(step.source)),
            };
            made.push(output);
            scale
        });
        Ok(StepScales { image, steps: steps.collect() })
    }

    /// The logits' mean squared error that is predicted at these scales.
    fn error(&mut self, scales: &StepScales) -> Result<f64, Error> {
        if self.pinned.pair().is_some() {
            return Ok(0.0);
        }
        let sensitivity = self.sensitivity()?;
        let square = |bits: f64, of: u32| (2.0 * (bits - f64::from(of))).exp2();
        let steps = scales.steps.iter().zip(&sensitivity.steps).map(|(scale, bits)| match scale {
            StepScale::Weights(of) | StepScale::Rescaled(of) | StepScale::Truncated(of) => square(*bits, *of),
            StepScale::Passed => 0.0,
        });
        Ok(steps.sum::<f64>() + square(sensitivity.image, scales.image))
    }

    /// A first look, once.
    fn may_agree(&mut self, model: &QuantModel, wanted: f64) -> bool {
        let key = (model.scales.clone(), wanted.to_bits());
        let look = || self.judge.may_agree(model, &self.calibration, wanted);
        *self.looked.entry(key).or_insert_with(look)
    }

    /// The agreement, measured once.
    fn agreement(&mut self, model: &QuantModel, wanted: f64) -> Option<Agreement> {
        let key = (model.scales.clone(), wanted.to_bits());
        let measure = || self.judge.agreement(model, &self.calibration, wanted);
        *self.measured.entry(key).or_insert_with(measure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::DataSource;
    use crate::fixed::calibrate::calibrate;
    use crate::fixed::deciding::FEWEST;
    use crate::fixed::evaluate::{Evaluator, Rounding};
    use crate::fixed::fit::Passing;
    use crate::fixed::lower::lower;
    use crate::graph::Shape;
    use crate::mask::Masks;
    use crate::{initial, nets};
    use rand::SeedableRng;
    use rand_chacha::ChaCha12Rng;

    /// `mini` with random weights; `kept` units keep their nonlinearity.
    fn search(kept: usize, pinned: Pinned) -> Search {
        let mut rng = ChaCha12Rng::seed_from_u64(5);
        let source = DataSource::parse("shapes", None).unwrap();
        let (data, normalisation) = (source.load_test().unwrap().take(40), source.default_normalisation(3));
        let graph = nets::build("mini", Shape::new(3, 32, 32), 10).unwrap();
        let images: Vec<Vec<f32>> =
            (0..8).map(|i| normalisation.apply(data.image(i), data.shape())).collect();
        let masks: Masks = initial::masks(&graph, kept, &mut rng).unwrap();
        let parameters = initial::parameters(&graph, &masks, &images, &mut rng).unwrap();
        let calibration = calibrate(&graph, &parameters, &masks, &normalisation, &data);
        Search::new(lower(&graph, &parameters, &masks).unwrap(), calibration, pinned)
    }

    /// The logits' mean squared error over all images.
    fn measured(search: &Search, scales: &StepScales) -> f64 {
        let model = search.at(scales, None).unwrap();
        let evaluator = Evaluator::new(&model);
        let unit = (-f64::from(model.output_scale())).exp2();
        let (mut sum, mut count) = (0.0, 0.0);
        for (i, (image, reals)) in
            search.calibration.images.iter().zip(&search.calibration.logits).enumerate()
        {
            let mut rng = ChaCha12Rng::seed_from_u64(i as u64);
            let found = evaluator.evaluate(model.quantise_image(image), &mut Rounding::Stochastic(&mut rng));
            for (x, real) in found.logits.iter().zip(reals) {
                sum += (*x as f64 * unit - f64::from(*real)).powi(2);
                count += 1.0;
            }
        }
        sum / count
    }

    /// What bits are worth, each seen alone, tells the error of all together, within a factor of four.
    #[test]
    fn errors_are_predicted() {
        for kept in [0, 3000] {
            let mut search = search(kept, Pinned::default());
            for scales in [Scales { fa: 6, fw: 8 }, Scales { fa: 8, fw: 6 }, Scales { fa: 9, fw: 10 }] {
                let uniform = StepScales::uniform(&search.lowered, scales);
                let (predicted, measured) = (search.error(&uniform).unwrap(), measured(&search, &uniform));
                let ratio = predicted / measured;
                assert!((0.25..4.0).contains(&ratio), "{kept} kept, {scales:?}: {predicted} for {measured}");
            }
        }
    }

    /// What is found keeps as many classes as asked for, in a ring no wider than one pair of scales for all takes.
    #[test]
    fn scales_of_their_own_fit_a_narrower_ring() {
        let mut search = search(3000, Pinned::default());
        let wanted = 0.9;
        let frontier = search.frontier(wanted).unwrap();
        let by_ring = |model: &QuantModel| Some(f64::from(model.ring.bits()));
        let found = search.cheapest(&frontier, (wanted, 0), Passing::Never, by_ring).unwrap();
        assert!(found.agreement.share >= wanted, "{:?}", found.agreement);
        // Each first look is at a network that was made, and so is each agreement.
        let (made, seen) =
            (search.made().load(Ordering::Relaxed), search.looked.len() + search.measured.len());
        assert!(made >= seen && seen > 2, "{made} made, {seen} looked at");
        let uniform = (3..=12).flat_map(|fa| (3..=14).map(move |fw| Scales { fa, fw }));
        let rings = uniform.filter_map(|scales| {
            let model = search.at(&StepScales::uniform(&search.lowered, scales), None).unwrap();
            search.agreement(&model, wanted).map(|_| model.ring.bits())
        });
        let narrowest = rings.min().unwrap();
        assert!(found.model.ring.bits() <= narrowest, "{} bits, {narrowest} do", found.model.ring.bits());
        // A quarter of the error, in whatever ring that takes, loses no more.
        let finer = search.cheapest(&frontier, (wanted, 2), Passing::Never, by_ring).unwrap();
        assert!(measured(&search, &finer.model.scales) < measured(&search, &found.model.scales));
    }

    /// The fewest bits that keep what is asked for decide signs, fewer than are compared; of fewer still more are mistaken.
    #[test]
    fn signs_are_decided_by_few_bits() {
        let mut search = search(3000, Pinned::default());
        let (wanted, by_ring) = (0.9, |model: &QuantModel| Some(f64::from(model.ring.bits())));
        let frontier = search.frontier(wanted).unwrap();
        let found = search.cheapest(&frontier, (wanted, 0), Passing::Never, by_ring).unwrap();
        let most = found.model.most_deciding_bits();
        assert!(!found.model.may_mistake() && search.mistaken(&found.model) == 0.0);
        // Random weights make logits that hardly differ.
        let wanted = 0.5;
        let mut decide = |bits| search.deciding(found.clone(), bits, wanted);
        assert_eq!(decide(Deciding::All).model.most_deciding_bits(), most);
        let (fewest, three) = (decide(Deciding::Fewest), decide(Deciding::AtMost(FEWEST)));
        assert!(fewest.agreement.share >= wanted, "{:?}", fewest.agreement);
        let bits = [&three, &fewest].map(|found| found.model.most_deciding_bits());
        let mistaken = [&fewest, &three].map(|found| search.mistaken(&found.model));
        assert!(bits[0] <= bits[1] && bits[1] <= most, "{bits:?} of {most} bits decide");
        assert!(
            0.0 < mistaken[0] && mistaken[0] <= mistaken[1] && mistaken[1] < 0.5,
            "{mistaken:?} are mistaken"
        );
    }

    /// Of a large network one family is looked at; what is found reaches what is asked for all the same.
    #[test]
    fn large_networks_are_looked_at_less() {
        let (wanted, by_ring) = (0.9, |model: &QuantModel| Some(f64::from(model.ring.bits())));
        let found = |products: u64| {
            let mut search = search(3000, Pinned::default());
            search.judge = Judge::new(&search.calibration, products);
            let frontier = search.frontier(wanted).unwrap();
            let looks = search.looked.len();
            let found = search.cheapest(&frontier, (wanted, 0), Passing::Never, by_ring).unwrap();
            assert!(found.agreement.share >= wanted, "{:?}", found.agreement);
            (frontier.len(), looks, found.agreement.evaluated)
        };
        let (small, large) = (found(1), found(100_000_000_000));
        assert_eq!((small.0, large.0), (4, 4), "families");
        assert!(large.1 < small.1, "{} looks in place of {}", large.1, small.1);
        assert!(large.2 <= small.2, "{} images in place of {}", large.2, small.2);
    }

    #[test]
    fn pinned_scales_stay() {
        let pinned = Pinned { fa: Some(6), fw: Some(8), ring_bits: None };
        let mut search = search(0, pinned);
        let frontier = search.frontier(1.0).unwrap();
        let rescaled = |model: &QuantModel| {
            let steps = model.steps.iter().filter(|step| matches!(step, Step::Activation(_))).count();
            (model.ring.bits() <= 32).then_some(steps as f64)
        };
        let found = search.cheapest(&frontier, (1.0, 3), Passing::Exact, rescaled).unwrap().model;
        assert!(found.scales.steps.contains(&StepScale::Passed), "{:?}", found.scales);
        for scale in &found.scales.steps {
            let as_given = match scale {
                StepScale::Weights(fw) => *fw == 8,
                StepScale::Rescaled(fa) => *fa == 6,
                StepScale::Passed => true,
                StepScale::Truncated(_) => false,
            };
            assert!(as_given, "{scale:?}");
        }
    }
}
