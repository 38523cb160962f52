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
/// # Errors
/// Those of [`frontier`]; [`Error::Argument`] where nothing that reaches `wanted` can be run.
pub fn search(
    lowered: &Lowered,
    calibration: &Calibration,
    wanted: f64,
    pinned: Pinned,
    cost: impl Fn(&QuantModel) -> Option<f64>,
) -> Result<Found, Error> {
    let found = frontier(lowered, calibration, wanted, pinned)?;
    cheapest(&found, cost).cloned().ok_or_else(|| unreached(wanted))
}

/// Of each activation scale the coarsest weights whose agreement reaches `wanted`, as far as they are coarser than those of
/// the activation scales before: agreement grows with either scale, so nothing else can be the cheapest.
///
/// With both scales pinned they are taken as they are, and their agreement is only reported.
///
/// # Errors
/// [`Error::Argument`] where no scales reach `wanted`; the first refusal where all that might are too wide.
pub fn frontier(
    lowered: &Lowered,
    calibration: &Calibration,
    wanted: f64,
    pinned: Pinned,
) -> Result<Vec<Found>, Error> {
    if let (Some(fa), Some(fw)) = (pinned.fa, pinned.fw) {
        let model = quantise(lowered, calibration, Scales { fa, fw }, pinned.ring_bits)?;
        let agreement = agreement(&model, calibration, 0.0).expect("zero is always reached");
        return Ok(vec![Found { model, agreement }]);
    }
    let mut found = Vec::new();
    let mut refused = None;
    let activations = pinned.fa.map_or(FA, |fa| fa..=fa);
    let weights = pinned.fw.map_or(FW, |fw| fw..=fw);
    let mut coarser = *weights.end();
    for fa in activations {
        for fw in *weights.start()..=coarser {
            let model = match quantise(lowered, calibration, Scales { fa, fw }, pinned.ring_bits) {
                Ok(model) => model,
                Err(error) => {
                    refused = refused.or(Some(error));
                    break; // a finer scale needs an even wider ring
                }
            };
            let Some(agreement) = agreement(&model, calibration, wanted) else { continue };
            found.push(Found { model, agreement });
            // A finer fa is worth looking at only with a coarser fw, unless fw is pinned and fa alone is free.
            coarser = fw - u32::from(pinned.fw.is_none());
            break;
        }
    }
    match (found.is_empty(), refused) {
        (false, _) => Ok(found),
        (true, Some(error)) => Err(error),
        (true, None) => Err(unreached(wanted)),
    }
}

/// The one of least `cost`, the first of equals; `None` where none can be run.
pub fn cheapest(found: &[Found], cost: impl Fn(&QuantModel) -> Option<f64>) -> Option<&Found> {
    let costs = found.iter().filter_map(|found| Some((cost(&found.model)?, found)));
    costs.min_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, found)| found)
}

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
