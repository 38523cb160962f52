//! The cheapest of the scales that fit a ring each and are as exact as those of the frontier.

use super::{FEWEST_RING_BITS, FW, Family, Found, SLACK, Search};
use crate::Error;
use crate::fixed::fit::{Freedom, Passing, fit};
use crate::fixed::quantise::QuantModel;
use crate::fixed::ring::MAX_RING_BITS;
use crate::fixed::scales::{StepScale, StepScales};
use crate::fixed::steps::Step;

/// Half bits by which scales are made finer, at most, where classes are lost that were not expected to be.
const FINER: i32 = 3;
/// The same of a large network, whose first look was at few images.
const FINER_OF_LARGE: i32 = 9;
/// Bytes of a compared bit of a kept unit over those of a divided one of a linearized unit, about.
const KEPT_TO_LINEARIZED: usize = 5;

/// Scales that may be those. The network at them is made anew where it is looked at: a hundred copies of a large one's weights have
/// no room.
struct Candidate {
    cost: f64,
    scales: StepScales,
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

impl Search {
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
        let most = least + if self.judge.is_large() { FINER_OF_LARGE } else { FINER };
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
        while let Some(Candidate { scales, finer, .. }) = Candidate::cheapest(&mut candidates) {
            let model = self.at(&scales, self.pinned.ring_bits)?;
            if self.pinned.pair().is_some() {
                let agreement = self.judge.sampled(&model, &self.calibration);
                return Ok(Found { model, agreement });
            }
            if let Some(agreement) = self.agreement(&model, wanted) {
                return Ok(Found { model, agreement });
            }
            // By chance, or for an error that was not predicted: what is a little finer may do, and still be cheaper than others.
            if finer == finest && finest < most {
                finest += 1;
                for scales in self.fitting(frontier, finest, passing)? {
                    if !tried.contains(&scales) {
                        candidates.extend(self.candidate(&scales, finest, &cost).ok().flatten());
                        tried.push(scales);
                    }
                }
            }
        }
        Err(self.unreached(wanted))
    }

    /// What the network costs at these scales; `None` where it cannot be run.
    fn candidate(
        &self,
        scales: &StepScales,
        finer: i32,
        cost: impl Fn(&QuantModel) -> Option<f64>,
    ) -> Result<Option<Candidate>, Error> {
        let cost = cost(&self.at(scales, self.pinned.ring_bits)?);
        Ok(cost.map(|cost| Candidate { cost, scales: scales.clone(), finer }))
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
}

/// Layers that are rescaled together: each is two messages, one after the other.
fn exchanges(scales: &StepScales) -> usize {
    scales.steps.iter().filter(|scale| matches!(scale, StepScale::Rescaled(_))).count()
}
