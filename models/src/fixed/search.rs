//! The cheapest fixed-point scales that keep a network's answers.

use super::agreement::{Agreement, Judge};
use super::calibrate::Calibration;
use super::fit::{Freedom, fit};
use super::lower::Lowered;
use super::quantise::{QuantModel, quantise, widths};
use super::ring::MAX_RING_BITS;
use super::scales::{Scales, StepScales};
use crate::Error;
use std::collections::HashMap;

/// Activation scales tried, log2.
const FA: std::ops::RangeInclusive<u32> = 4..=12;
/// Weight scales tried, log2.
const FW: std::ops::RangeInclusive<u32> = 5..=12;

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

/// A lowered network whose scales are searched for, and the agreements that were measured.
pub struct Search {
    lowered: Lowered,
    calibration: Calibration,
    pinned: Pinned,
    judge: Judge,
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
        Self { lowered, calibration, pinned, judge, measured, looked }
    }

    /// Of each activation scale the coarsest weights, the same for all layers, at which `wanted` (0..=1) seems to be reached
    /// at a first look, as far as they are coarser than those of the activation scales before: agreement grows with either.
    ///
    /// # Errors
    /// [`Error::Argument`] where no scales reach `wanted`; the first refusal where all that might are too wide.
    pub fn frontier(&mut self, wanted: f64) -> Result<Vec<Scales>, Error> {
        if let Some(pair) = self.pinned.pair() {
            return Ok(vec![pair]);
        }
        let activations = self.pinned.fa.map_or(FA, |fa| fa..=fa);
        let weights = self.pinned.fw.map_or(FW, |fw| fw..=fw);
        let mut refused = None;
        let mut reaches = |search: &mut Self, fa: u32, fw: u32| match search.uniform(Scales { fa, fw }) {
            Ok(model) => search.may_agree(&model, wanted),
            Err(error) => {
                refused.get_or_insert(error);
                false
            }
        };
        // Weights that are too coarse for the finest activations that can be had are so for all.
        let finest = |search: &mut Self, fw| activations.clone().rev().find(|fa| search.uniform(Scales { fa: *fa, fw }).is_ok());
        let coarsest = weights.clone().find(|fw| finest(self, *fw).is_some_and(|fa| reaches(self, fa, *fw)));
        let mut found = Vec::new();
        if let Some(coarsest) = coarsest {
            let mut coarser = *weights.end();
            for fa in activations.clone() {
                if let Some(fw) = (coarsest..=coarser).find(|fw| reaches(self, fa, *fw)) {
                    found.push(Scales { fa, fw });
                    // A finer fa is worth looking at only with a coarser fw, unless fw is pinned and fa alone is free.
                    if fw == coarsest && self.pinned.fw.is_none() {
                        break;
                    }
                    coarser = fw - u32::from(self.pinned.fw.is_none());
                }
            }
        }
        match (found.is_empty(), refused) {
            (false, _) => Ok(found),
            (true, Some(error)) => Err(error),
            (true, None) => Err(unreached(wanted)),
        }
    }

    /// The network at one pair of scales.
    fn uniform(&self, scales: Scales) -> Result<QuantModel, Error> {
        let uniform = StepScales::uniform(&self.lowered, scales);
        quantise(&self.lowered, &self.calibration, &uniform, self.pinned.ring_bits)
    }

    /// Of what can be made of `frontier`, the same pair for all layers or what fits narrower and wider rings ([`fit`]), the
    /// cheapest by `cost` (`None` where it cannot be run) whose agreement reaches `wanted`. With both scales pinned
    /// agreement is only reported.
    ///
    /// # Errors
    /// [`Error::Argument`] where nothing that reaches `wanted` can be run.
    pub fn cheapest(
        &mut self,
        frontier: &[Scales],
        wanted: f64,
        passing: bool,
        cost: impl Fn(&QuantModel) -> Option<f64>,
    ) -> Result<Found, Error> {
        let wanted = if self.pinned.pair().is_some() { 0.0 } else { wanted };
        let coarser = if self.pinned.fw.is_some() { 0 } else { COARSER };
        let mut all: Vec<StepScales> = Vec::new();
        for scales in frontier {
            let uniform = StepScales::uniform(&self.lowered, *scales);
            let Ok(widths) = widths(&self.lowered, &self.calibration, &uniform) else { continue };
            let needed = widths.iter().map(|width| width.ring_bits).max().expect("a network has steps");
            let mut add = |scales: StepScales| if !all.contains(&scales) { all.push(scales) };
            add(uniform);
            for ring_bits in self.pinned.ring_bits.map_or(needed - coarser..=MAX_RING_BITS, |bits| bits..=bits) {
                let freedom = Freedom { passing, coarser };
                fit(&self.lowered, &self.calibration, *scales, ring_bits, freedom).into_iter().for_each(&mut add);
            }
        }
        let priced = all.iter().filter_map(|scales| {
            let model = quantise(&self.lowered, &self.calibration, scales, self.pinned.ring_bits).ok()?;
            Some((cost(&model)?, model))
        });
        let mut priced: Vec<(f64, QuantModel)> = priced.collect();
        priced.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        for (_, model) in priced {
            if self.may_agree(&model, wanted)
                && let Some(agreement) = self.agreement(&model, wanted)
            {
                return Ok(Found { model, agreement });
            }
        }
        Err(unreached(wanted))
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

/// Most bits by which a segment's weights are coarser than the frontier's.
const COARSER: u32 = 3;

fn unreached(wanted: f64) -> Error {
    Error::argument(
        "scales",
        format!("agreement of {wanted} on calibration data at some fa in {FA:?}, fw in {FW:?}"),
        "less at every one that can be run",
    )
}
