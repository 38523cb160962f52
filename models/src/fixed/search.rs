//! The cheapest fixed-point scales that keep a network's answers.

use super::calibrate::Calibration;
use super::evaluate::{Evaluator, Rounding};
use super::lower::Lowered;
use super::quantise::{QuantModel, Scales, quantise};
use crate::Error;
use crate::real::argmax;
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use rayon::iter::{IntoParallelIterator, ParallelIterator};

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

/// The cheapest quantization whose agreement reaches `wanted` (0..=1), by `cost` (`None` where it cannot be run).
///
/// Agreement grows with either scale, so only the frontier is looked at: for every fa the smallest fw that reaches it.
/// With both scales pinned they are taken as they are, and their agreement is only reported.
pub fn search(
    lowered: &Lowered,
    calibration: &Calibration,
    wanted: f64,
    pinned: Pinned,
    cost: impl Fn(&QuantModel) -> Option<f64>,
) -> Result<Found, Error> {
    if let (Some(fa), Some(fw)) = (pinned.fa, pinned.fw) {
        let model = quantise(lowered, calibration, Scales { fa, fw }, pinned.ring_bits)?;
        let agreement = agreement(&model, calibration, 0.0).expect("zero is always reached");
        return Ok(Found { model, agreement });
    }
    let mut best: Option<(f64, Found)> = None;
    let mut refused = None;
    let activations = pinned.fa.map_or(FA, |fa| fa..=fa);
    let weights = pinned.fw.map_or(FW, |fw| fw..=fw);
    let mut frontier = *weights.end();
    for fa in activations {
        for fw in *weights.start()..=frontier {
            let model = match quantise(lowered, calibration, Scales { fa, fw }, pinned.ring_bits) {
                Ok(model) => model,
                Err(error) => {
                    refused = refused.or(Some(error));
                    break; // a finer scale needs an even wider ring
                }
            };
            let Some(agreement) = agreement(&model, calibration, wanted) else { continue };
            if let Some(cost) = cost(&model)
                && best.as_ref().is_none_or(|(least, _)| cost < *least)
            {
                best = Some((cost, Found { model, agreement }));
            }
            // A finer fa is worth looking at only with a coarser fw, unless fw is pinned and fa alone is free.
            frontier = fw - u32::from(pinned.fw.is_none());
            break;
        }
    }
    match (best, refused) {
        (Some((_, found)), _) => Ok(found),
        (None, Some(error)) => Err(error),
        (None, None) => Err(Error::argument(
            "scales",
            format!("agreement of {wanted} on calibration data at some fa in {FA:?}, fw in {FW:?}"),
            "less at every one that can be run",
        )),
    }
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
