//! The cheapest fixed-point scales that keep a network's answers.

use super::calibrate::Calibration;
use super::evaluate::{Evaluator, Rounding};
use super::fit::{Freedom, fit};
use super::lower::Lowered;
use super::quantise::{QuantModel, quantise, widths};
use super::ring::MAX_RING_BITS;
use super::scales::{Scales, StepScales};
use crate::Error;
use crate::real::argmax;
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
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
    /// Share of calibration images with the real network's class.
    pub agreement: f64,
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
    /// Agreements by scales and by the bits of the share that was asked for; `None` where less was found.
    measured: HashMap<(StepScales, u64), Option<f64>>,
}

impl Search {
    /// Among what `pinned` leaves free.
    pub fn new(lowered: Lowered, calibration: Calibration, pinned: Pinned) -> Self {
        Self { lowered, calibration, pinned, measured: HashMap::new() }
    }

    /// Of each activation scale the coarsest weights, the same for all layers, whose agreement reaches `wanted` (0..=1), as
    /// far as they are coarser than those of the activation scales before: agreement grows with either scale.
    ///
    /// # Errors
    /// [`Error::Argument`] where no scales reach `wanted`; the first refusal where all that might are too wide.
    pub fn frontier(&mut self, wanted: f64) -> Result<Vec<Scales>, Error> {
        if let Some(pair) = self.pinned.pair() {
            return Ok(vec![pair]);
        }
        let mut found = Vec::new();
        let mut refused = None;
        let activations = self.pinned.fa.map_or(FA, |fa| fa..=fa);
        let weights = self.pinned.fw.map_or(FW, |fw| fw..=fw);
        let mut coarser = *weights.end();
        for fa in activations {
            for fw in *weights.start()..=coarser {
                let scales = Scales { fa, fw };
                let uniform = StepScales::uniform(&self.lowered, scales);
                let model = match quantise(&self.lowered, &self.calibration, &uniform, self.pinned.ring_bits) {
                    Ok(model) => model,
                    Err(error) => {
                        refused = refused.or(Some(error));
                        break; // a finer scale needs an even wider ring
                    }
                };
                if self.agreement(&model, wanted).is_some() {
                    found.push(scales);
                    // A finer fa is worth looking at only with a coarser fw, unless fw is pinned and fa alone is free.
                    coarser = fw - u32::from(self.pinned.fw.is_none());
                    break;
                }
            }
        }
        match (found.is_empty(), refused) {
            (false, _) => Ok(found),
            (true, Some(error)) => Err(error),
            (true, None) => Err(unreached(wanted)),
        }
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
            if let Some(agreement) = self.agreement(&model, wanted) {
                return Ok(Found { model, agreement });
            }
        }
        Err(unreached(wanted))
    }

    /// [`agreement`], measured once.
    fn agreement(&mut self, model: &QuantModel, wanted: f64) -> Option<f64> {
        let key = (model.scales.clone(), wanted.to_bits());
        *self.measured.entry(key).or_insert_with(|| agreement(model, &self.calibration, wanted))
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

/// The rounding of the search is stochastic like the protocol's, from one seed and a stream an image, so that a plan
/// is reproducible.
pub const SEED: u64 = 1;

/// Images that are evaluated, on all processors, before agreement is looked at again.
const ROUND: usize = 16;

/// Share of calibration images whose class stays and whose values keep their bounds; `None` as soon as `wanted`
/// is out of reach.
fn agreement(model: &QuantModel, calibration: &Calibration, wanted: f64) -> Option<f64> {
    let total = calibration.images.len();
    let allowed = ((1.0 - wanted) * total as f64 + 1e-9).floor() as usize;
    let evaluator = Evaluator::new(model);
    let is_wrong = |i: &usize| {
        let mut rng = ChaCha12Rng::seed_from_u64(SEED);
        rng.set_stream(*i as u64);
        let image = model.quantise_image(&calibration.images[*i]);
        let evaluated = evaluator.evaluate(image, &mut Rounding::Stochastic(&mut rng));
        argmax(&evaluated.logits) != calibration.classes[*i] || evaluated.out_of_bounds > 0
    };
    let mut wrong = 0;
    for start in (0..total).step_by(ROUND) {
        wrong += (start..total.min(start + ROUND)).into_par_iter().filter(is_wrong).count();
        if wrong > allowed {
            return None;
        }
    }
    Some(1.0 - wrong as f64 / total as f64)
}
