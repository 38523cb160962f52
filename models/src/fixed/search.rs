//! The cheapest fixed-point scales that keep a network's answers.

use super::agreement::{Agreement, Judge};
use super::calibrate::Calibration;
use super::fit::{Freedom, Passing, fit};
use super::lower::Lowered;
use super::quantise::{QuantModel, quantise};
use super::ring::MAX_RING_BITS;
use super::scales::{Scales, StepScale, StepScales};
use super::sensitivity::Sensitivity;
use super::steps::{Step, ValueId};
use crate::Error;
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::rc::Rc;

/// Activation scales tried, log2.
const FA: RangeInclusive<u32> = 3..=12;
/// Weight scales tried, log2.
const FW: RangeInclusive<u32> = 3..=14;
/// Bits that weights are finer than activations of the same share of the error.
const LEADS: [i32; 4] = [-2, 0, 2, 4];
/// Half bits around those of the sensitivities that are searched, either way.
const REACH: i32 = 48;
/// Half bits around a family's level that are tried in a ring.
const SLACK: i32 = 10;
/// Half bits by which scales are made finer, at most, where classes are lost that were not expected to be.
const FINER: i32 = 3;
/// Narrower rings hold no image.
pub(super) const FEWEST_RING_BITS: u32 = 12;
/// Bytes of a compared bit of a kept unit over those of a divided one of a linearized unit, about.
const KEPT_TO_LINEARIZED: usize = 5;

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

/// A network that may be the one.
struct Candidate {
    cost: f64,
    model: QuantModel,
    /// Half bits by which its error is smaller than that of the frontier.
    finer: i32,
}

impl Candidate {
    /// Takes the cheapest out.
    fn cheapest(all: &mut Vec<Self>) -> Option<Self> {
        let costs = all.iter().map(|one| one.cost).enumerate();
        let (place, _) = costs.min_by(|(_, one), (_, other)| one.total_cmp(other))?;
        Some(all.swap_remove(place))
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
    calibration: Calibration,
    pinned: Pinned,
    judge: Judge,
    sensitivity: Option<Rc<Sensitivity>>,
    /// Agreements by scales and by the bits of the share that was asked for; `None` where less was found.
    measured: HashMap<(StepScales, u64), Option<Agreement>>,
    /// The same of first looks.
    looked: HashMap<(StepScales, u64), bool>,
}

impl Search {
    /// Among what `pinned` leaves free.
    pub fn new(lowered: Lowered, calibration: Calibration, pinned: Pinned) -> Self {
        let judge = Judge::new(&calibration);
        let (measured, looked) = Default::default();
        Self { lowered, calibration, pinned, judge, sensitivity: None, measured, looked }
    }

    /// Of some families of scales the coarsest at which `wanted` (0..=1) seems to be reached, at a first look.
    ///
    /// # Errors
    /// [`Error::Argument`] where no scales reach `wanted`; the refusal where they would be too wide for any ring.
    pub fn frontier(&mut self, wanted: f64) -> Result<Vec<Family>, Error> {
        if self.pinned.pair().is_some() {
            return Ok(vec![Family { lead: 0, level: 0 }]);
        }
        let finest =
            Scales { fa: self.pinned.fa.unwrap_or(*FA.end()), fw: self.pinned.fw.unwrap_or(*FW.end()) };
        let finest = StepScales::uniform(&self.lowered, finest);
        if !self.may_agree(&self.at(&finest)?, wanted) {
            return Err(unreached(wanted));
        }
        let mut guess = self.guess(wanted)?;
        let mut found: Vec<Family> = Vec::with_capacity(LEADS.len());
        for lead in LEADS {
            // Families whose agreement is the same have about the same error.
            if let Some(last) = found.last().copied() {
                guess = self.as_exact(last, lead)?;
            }
            let level = self.least_level(lead, guess, wanted)?;
            found.push(Family { lead, level });
        }
        Ok(found)
    }

    /// The least level of the family with that `lead` at which the logits' error is predicted to be that of `other` or less.
    fn as_exact(&mut self, other: Family, lead: i32) -> Result<i32, Error> {
        let scales = self.balanced(other)?;
        let error = self.error(&scales)?;
        for level in other.level - SLACK..other.level + SLACK {
            let scales = self.balanced(Family { lead, level })?;
            if self.error(&scales)? <= error {
                return Ok(level);
            }
        }
        Ok(other.level)
    }

    /// The least level, in half bits, at which a family's agreement seems to reach `wanted`, which it grows with; from a
    /// guess.
    fn least_level(&mut self, lead: i32, guess: i32, wanted: f64) -> Result<i32, Error> {
        let mut reaches = |level: i32| -> Result<bool, Error> {
            let scales = self.balanced(Family { lead, level })?;
            Ok(self.may_agree(&self.at(&scales)?, wanted))
        };
        // Where the guess is wrong, ever longer steps the right way.
        let (mut coarse, mut fine, mut step) = (guess - 1, guess, 1);
        if reaches(fine)? {
            while coarse > -REACH && reaches(coarse)? {
                (fine, step) = (coarse, 2 * step);
                coarse -= step;
            }
        } else {
            loop {
                (coarse, fine) = (fine, fine + step);
                if fine >= REACH || reaches(fine)? {
                    break;
                }
                step *= 2;
            }
        }
        while fine - coarse > 1 {
            let middle = (coarse + fine) / 2;
            if reaches(middle)? { fine = middle } else { coarse = middle }
        }
        Ok(fine)
    }

    /// The level at which the logits' error, each step's share being 4^-level bits, is a third of the margin that it may not
    /// exceed.
    fn guess(&mut self, wanted: f64) -> Result<i32, Error> {
        let sensitivity = self.sensitivity()?;
        let steps = sensitivity.steps.iter().filter(|bits| bits.is_finite()).count() as f64;
        let error = self.judge.margin(wanted).max(f64::MIN_POSITIVE) / 3.0;
        Ok((2.0 * (steps.sqrt() / error).log2()).clamp(f64::from(-REACH), f64::from(REACH)).round() as i32)
    }

    fn sensitivity(&mut self) -> Result<Rc<Sensitivity>, Error> {
        if let Some(known) = &self.sensitivity {
            return Ok(Rc::clone(known));
        }
        let measured = Sensitivity::measure(&self.lowered, &self.calibration, self.judge.order())?;
        Ok(Rc::clone(self.sensitivity.insert(Rc::new(measured))))
    }

    /// The network at these scales, in whatever ring they need.
    fn at(&self, scales: &StepScales) -> Result<QuantModel, Error> {
        quantise(&self.lowered, &self.calibration, scales, None)
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
            Step::Linear(_) | Step::Reshare(_) => 0.0,
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
                Step::Reshare(step) => (StepScale::Passed, scale_of(step.source)),
            };
            made.push(output);
            scale
        });
        Ok(StepScales { image, steps: steps.collect() })
    }

    /// Of what fits narrow and wide rings ([`fit`]) at a logits' error of 4^-`spare` times that of `frontier`, the cheapest by
    /// `cost` (`None` where it cannot be run) whose agreement reaches `wanted`. Layers pass values on as
    /// `passing` says. With both scales pinned agreement is only reported, of a sample of the images.
    ///
    /// # Errors
    /// [`Error::Argument`] where nothing that reaches `wanted` can be run; the refusal where a pinned ring is too narrow.
    pub fn cheapest(
        &mut self,
        frontier: &[Family],
        (wanted, spare): (f64, u32),
        passing: Passing,
        cost: impl Fn(&QuantModel) -> Option<f64>,
    ) -> Result<Found, Error> {
        let least = 2 * spare as i32;
        let mut finest = least;
        let mut tried = self.fitting(frontier, least, passing)?;
        if tried.is_empty() {
            // What is refused is told by the step that is too wide.
            tried.push(self.balanced(frontier[0])?);
        }
        let mut candidates: Vec<Candidate> = Vec::new();
        let mut refused = None;
        for scales in &tried {
            match self.candidate(scales, least, &cost) {
                Ok(candidate) => candidates.extend(candidate),
                Err(error) => refused = Some(error),
            }
        }
        if let (true, Some(error)) = (candidates.is_empty(), refused) {
            return Err(error);
        }
        while let Some(Candidate { model, finer, .. }) = Candidate::cheapest(&mut candidates) {
            if self.pinned.pair().is_some() {
                let agreement = self.judge.sampled(&model, &self.calibration);
                return Ok(Found { model, agreement });
            }
            if self.may_agree(&model, wanted)
                && let Some(agreement) = self.agreement(&model, wanted)
            {
                return Ok(Found { model, agreement });
            }
            // By chance, or for an error that was not predicted: what is a little finer may do, and still be cheaper than others.
            if finer == finest && finest < least + FINER {
                finest += 1;
                for scales in self.fitting(frontier, finest, passing)? {
                    if !tried.contains(&scales) {
                        candidates.extend(self.candidate(&scales, finest, &cost).ok().flatten());
                        tried.push(scales);
                    }
                }
            }
        }
        Err(unreached(wanted))
    }

    /// The network at these scales; `None` where it cannot be run.
    fn candidate(
        &self,
        scales: &StepScales,
        finer: i32,
        cost: impl Fn(&QuantModel) -> Option<f64>,
    ) -> Result<Option<Candidate>, Error> {
        let model = quantise(&self.lowered, &self.calibration, scales, self.pinned.ring_bits)?;
        Ok(cost(&model).map(|cost| Candidate { cost, model, finer }))
    }

    /// What fits narrow and wide rings at a logits' error of 2^-`finer` times that of `frontier`, and may be cheap. A price tells
    /// what an exchange more is worth: what is cheap by it in its ring has few bits, or few exchanges.
    fn fitting(
        &mut self,
        frontier: &[Family],
        finer: i32,
        passing: Passing,
    ) -> Result<Vec<StepScales>, Error> {
        let mut all: Vec<StepScales> = Vec::new();
        for ring_bits in self.pinned.ring_bits.map_or(FEWEST_RING_BITS..=MAX_RING_BITS, |bits| bits..=bits) {
            let mut fitting = Vec::with_capacity(frontier.len());
            for family in frontier {
                fitting.extend(self.coarsest(*family, finer, ring_bits, passing)?);
            }
            let fewest_bits = fitting.iter().min_by_key(|scales| self.bits(scales));
            let fewest_exchanges = fitting.iter().min_by_key(|scales| (exchanges(scales), self.bits(scales)));
            for best in [fewest_bits, fewest_exchanges].into_iter().flatten() {
                if !all.contains(best) {
                    all.push(best.clone());
                }
            }
        }
        Ok(all)
    }

    /// The coarsest of a family that fits a ring at the error that is allowed. Where the ring takes bits from a segment,
    /// others get more.
    fn coarsest(
        &mut self,
        family: Family,
        finer: i32,
        ring_bits: u32,
        passing: Passing,
    ) -> Result<Option<StepScales>, Error> {
        let pinned = self.pinned.pair().is_some();
        let found = self.balanced(family)?;
        let allowed = if pinned { f64::INFINITY } else { self.error(&found)? };
        let coarser = if self.pinned.fw.is_some() { 0 } else { *FW.end() };
        let freedom = Freedom { passing, coarser };
        let level = family.level + finer;
        let levels = if pinned { level..=level } else { level - SLACK..=level + SLACK };
        for level in levels {
            let base = self.balanced(Family { level, ..family })?;
            let fitted = fit(&self.lowered, &self.calibration, &base, ring_bits, freedom);
            if let Some(fitted) = fitted
                && self.error(&fitted)? <= allowed * f64::from(-finer).exp2()
            {
                return Ok(Some(fitted));
            }
        }
        Ok(None)
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

    /// What tells cheap scales of one ring from dear ones without compiling them: bits that are compared or divided by, a kept
    /// unit's counting as those of many linearized ones; then bits of weights.
    fn bits(&self, scales: &StepScales) -> (usize, u32) {
        let (mut divided, mut weights) = (0, 0);
        for (scale, step) in scales.steps.iter().zip(&self.lowered.steps) {
            match (scale, step) {
                (StepScale::Weights(fw), _) => weights += fw,
                (StepScale::Rescaled(fa), Step::Activation(layer)) => {
                    divided += layer.shape.size() + *fa as usize * KEPT_TO_LINEARIZED * layer.kept.len();
                }
                _ => {}
            }
        }
        (divided, weights)
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

/// Layers that are rescaled together: each is two messages, one after the other.
fn exchanges(scales: &StepScales) -> usize {
    scales.steps.iter().filter(|scale| matches!(scale, StepScale::Rescaled(_))).count()
}

fn unreached(wanted: f64) -> Error {
    Error::argument(
        "scales",
        format!("agreement of {wanted} on calibration data at some fa in {FA:?}, fw in {FW:?}"),
        "less at every one that can be run",
    )
}

#[cfg(test)]
mod tests {
    use super::super::calibrate::calibrate;
    use super::super::evaluate::{Evaluator, Rounding};
    use super::super::lower::lower;
    use super::*;
    use crate::data::DataSource;
    use crate::graph::Shape;
    use crate::mask::Masks;
    use crate::{initial, nets};
    use rand::SeedableRng;
    use rand_chacha::ChaCha12Rng;

    /// `mini` with random weights; `kept` units keep their nonlinearity.
    fn search(kept: usize, pinned: Pinned) -> Search {
        let mut rng = ChaCha12Rng::seed_from_u64(5);
        let source = DataSource::parse("shapes", None).unwrap();
        let (data, normalisation) = (source.load_test().unwrap().take(40), source.default_normalisation());
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
        let model = search.at(scales).unwrap();
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
        let uniform = (3..=12).flat_map(|fa| (3..=14).map(move |fw| Scales { fa, fw }));
        let rings = uniform.filter_map(|scales| {
            let model = search.at(&StepScales::uniform(&search.lowered, scales)).unwrap();
            search.agreement(&model, wanted).map(|_| model.ring.bits())
        });
        let narrowest = rings.min().unwrap();
        assert!(found.model.ring.bits() <= narrowest, "{} bits, {narrowest} do", found.model.ring.bits());
        // A quarter of the error, in whatever ring that takes, loses no more.
        let finer = search.cheapest(&frontier, (wanted, 2), Passing::Never, by_ring).unwrap();
        assert!(measured(&search, &finer.model.scales) < measured(&search, &found.model.scales));
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
