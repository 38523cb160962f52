//! Scales that fit a ring: which layers have to be rescaled in it, and which segments have to do with coarser weights.
//!
//! A layer that keeps nothing may pass its value on ([`StepScale::Passed`]), at a scale that then grows by the bits of the
//! next weights. Only where a value is divided or decoded does it have to fit, so that is where the need of a chain of
//! segments shows.

use super::calibrate::Calibration;
use super::lower::Lowered;
use super::quantise::{Width, widths};
use super::scales::{StepScale, StepScales};
use super::steps::Step;
use std::cmp::Reverse;

/// What a fit may do.
#[derive(Clone, Copy, Debug)]
pub struct Freedom {
    /// Pass values on.
    pub passing: bool,
    /// Take so many bits from the weights of a segment, where nothing else helps.
    pub coarser: u32,
}

/// `base`, but with few layers rescaled and everything within a ring of `ring_bits`; `None` where `freedom` is not enough.
///
/// Layers are chosen greedily, each so that the network fits as far as possible from the image on: on a chain that is the
/// fewest, as with intervals; where values are added it need not be.
pub fn fit(
    lowered: &Lowered,
    calibration: &Calibration,
    base: &StepScales,
    ring_bits: u32,
    freedom: Freedom,
) -> Option<StepScales> {
    let fitting = Fitting { lowered, calibration, base, ring_bits, coarser: freedom.coarser };
    let mut found = base.clone();
    for (scale, step) in found.steps.iter_mut().zip(&lowered.steps) {
        if freedom.passing && can_pass(step) {
            *scale = StepScale::Passed;
        }
    }
    // Every round rescales one layer more or takes a bit from a segment.
    while let Some(tight) = fitting.first_misfit(&found)? {
        let next = fitting.rescaled(&found, tight).or_else(|| fitting.coarser(&found, tight));
        found = next?;
    }
    Some(if freedom.passing { fitting.without_idle(found) } else { found })
}

fn can_pass(step: &Step) -> bool {
    matches!(step, Step::Activation(layer) if layer.kept.is_empty())
}

struct Fitting<'a> {
    lowered: &'a Lowered,
    calibration: &'a Calibration,
    base: &'a StepScales,
    ring_bits: u32,
    coarser: u32,
}

impl Fitting<'_> {
    fn widths(&self, scales: &StepScales) -> Option<Vec<Width>> {
        widths(self.lowered, self.calibration, scales).ok()
    }

    /// The first step that does not fit; `None` in place of that where the scales make no sense.
    fn first_misfit(&self, scales: &StepScales) -> Option<Option<usize>> {
        Some(self.widths(scales)?.iter().position(|width| width.ring_bits > self.ring_bits))
    }

    /// One layer more is rescaled, so that the network fits beyond `tight` or, failing that, that `tight` needs less.
    fn rescaled(&self, scales: &StepScales, tight: usize) -> Option<StepScales> {
        let before = self.widths(scales)?[tight].ring_bits;
        let candidates = (0..tight).filter(|layer| scales.steps[*layer] == StepScale::Passed);
        let tried = candidates.filter_map(|layer| {
            let mut tried = scales.clone();
            tried.steps[layer] = self.base.steps[layer];
            let widths = self.widths(&tried)?;
            let misfit = widths.iter().position(|width| width.ring_bits > self.ring_bits);
            let reaches = misfit.unwrap_or(widths.len());
            let need = widths[tight].ring_bits;
            let units = Reverse(self.lowered.steps[layer].shape().size());
            (reaches >= tight && need < before).then_some(((reaches, Reverse(need), units, layer), tried))
        });
        tried.max_by_key(|(reward, _)| *reward).map(|(_, tried)| tried)
    }

    /// The segment whose value does not fit gets a bit less.
    fn coarser(&self, scales: &StepScales, tight: usize) -> Option<StepScales> {
        let segment = match &self.lowered.steps[tight] {
            Step::Linear(_) => tight,
            Step::Activation(layer) => layer.source.maker()?,
            Step::Reshare(step) => step.source.maker()?,
        };
        let mut coarser = scales.clone();
        match (&mut coarser.steps[segment], self.base.steps[segment]) {
            (StepScale::Weights(fw), StepScale::Weights(given)) if *fw > 1 && *fw + self.coarser > given => {
                *fw -= 1;
            }
            _ => return None,
        }
        Some(coarser)
    }

    /// The same without rescalings that the later ones have made needless.
    fn without_idle(&self, mut scales: StepScales) -> StepScales {
        for (index, step) in self.lowered.steps.iter().enumerate() {
            if can_pass(step) {
                let before = std::mem::replace(&mut scales.steps[index], StepScale::Passed);
                if self.first_misfit(&scales) != Some(None) {
                    scales.steps[index] = before;
                }
            }
        }
        scales
    }
}
