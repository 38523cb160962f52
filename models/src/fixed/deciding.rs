//! Signs that are decided without their lowest bits. Source: Circa (Ghodsi et al., NeurIPS 2021) for leaving bits out of the
//! comparison; that nothing is mistaken by more than half of what is left out, as chance is centred, is this project's own.
//!
//! A ReLU keeps or drops a quotient X by its sign. Without the lowest s bits of both shares, after 2^(s-1) was taken from X, what is
//! compared is X / 2^s - 1/2 rounded down or up, up with the probability of the bits that are left out. So X is kept with
//! probability X / 2^s + 1/2, none or one beyond: what is mistaken is at most 2^(s-1) away from zero, as is the result from
//! what it should be. Without the lowest bit alone nothing is ever mistaken but zero, which is nothing either way: networks are
//! made so wherever values keep that distance from their bound.

use super::calibrate::Calibration;
use super::curve::Curve;
use super::quantise::{QuantModel, bits_for};
use super::steps::{ActivationStep, Step};

/// The fewest bits that decide a sign.
pub const FEWEST: u32 = 3;

impl ActivationStep {
    /// n, the bits that a quotient is compared in.
    pub const fn compared_bits(&self) -> u32 {
        self.bound_bits + 1 - self.truncate
    }

    /// The most bits, up to `most`, without which signs can be decided, of values whose largest is `largest` at a scale of
    /// 2^-`scale`.
    pub(super) fn may_skip(&self, most: u32, largest: f64, scale: u32) -> u32 {
        let most = if self.is_decided_by_signs() { most } else { 0 };
        let most = most.min(self.compared_bits().saturating_sub(FEWEST));
        let fits = |skipped: &u32| bits_for(largest, scale, self.truncate + skipped) <= self.bound_bits;
        (1..=most).rev().find(fits).unwrap_or(0)
    }

    /// Whether signs alone decide what kept units are.
    const fn is_decided_by_signs(&self) -> bool {
        matches!(self.curve, Curve::Relu) && !self.kept.is_empty()
    }
}

impl QuantModel {
    /// The network with every ReLU's sign decided by at most `bits` bits (at least [`FEWEST`]), more where values reach so far that
    /// what is left out would take them beyond their bound; and without the lowest bit, wherever that can be.
    pub fn deciding_by(&self, bits: u32, calibration: &Calibration) -> Self {
        let mut model = self.clone();
        let scales: Vec<Option<u32>> = self.steps.iter().map(|step| self.source_scale(step)).collect();
        for (step, scale) in model.steps.iter_mut().zip(scales) {
            let (Step::Activation(layer), Some(scale)) = (step, scale) else { continue };
            let largest = f64::from(calibration.largest[layer.measures]);
            let most = layer.compared_bits().saturating_sub(bits).max(1);
            layer.skipped = layer.may_skip(most, largest, scale);
        }
        model
    }

    /// Most bits that decide a sign; 0 where there is none.
    pub fn most_deciding_bits(&self) -> u32 {
        let layers = self.steps.iter().filter_map(|step| match step {
            Step::Activation(layer) if layer.is_decided_by_signs() => Some(layer),
            Step::Activation(_) | Step::Linear(_) | Step::Product(_) | Step::Reshare(_) => None,
        });
        layers.map(|layer| layer.compared_bits() - layer.skipped).max().unwrap_or(0)
    }

    /// Whether any sign is decided by so few bits that it may be mistaken.
    pub fn may_mistake(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Activation(layer) if layer.skipped > 1))
    }

    /// log2 of the scale of what a layer reads whose signs decide.
    fn source_scale(&self, step: &Step) -> Option<u32> {
        match step {
            Step::Activation(layer) if layer.is_decided_by_signs() => Some(self.scale_of(layer.source)),
            Step::Activation(_) | Step::Linear(_) | Step::Product(_) | Step::Reshare(_) => None,
        }
    }
}
