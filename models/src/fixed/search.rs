//! The smallest fixed-point scales that keep a network's answers.

use super::calibrate::Calibration;
use super::evaluate::{Rounding, evaluate};
use super::lower::Lowered;
use super::quantise::{QuantModel, Scales, quantise};
use crate::Error;
use crate::real::argmax;
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;

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

/// Tries scales from the cheapest on and returns the first whose agreement reaches `wanted` (0..=1).
///
/// A bit of fa costs a garbled bit at every kept unit and a ring bit; a bit of fw costs a ring bit alone, so
/// candidates go by 3 fa + fw. `fa` and `fw` pin a scale.
pub fn search(
    lowered: &Lowered,
    calibration: &Calibration,
    wanted: f64,
    fa: Option<u32>,
    fw: Option<u32>,
    ring_bits: Option<u32>,
) -> Result<Found, Error> {
    if let (Some(fa), Some(fw)) = (fa, fw) {
        let model = quantise(lowered, calibration, Scales { fa, fw }, ring_bits)?;
        let agreement = agreement(&model, calibration, 0.0).expect("zero is always reached");
        return Ok(Found { model, agreement });
    }
    let mut candidates: Vec<Scales> = FA
        .flat_map(|a| FW.map(move |w| Scales { fa: a, fw: w }))
        .filter(|s| fa.is_none_or(|fa| fa == s.fa) && fw.is_none_or(|fw| fw == s.fw))
        .collect();
    candidates.sort_by_key(|s| (3 * s.fa + s.fw, s.fa));
    let mut refused = None;
    for scales in candidates {
        match quantise(lowered, calibration, scales, ring_bits) {
            Ok(model) => {
                if let Some(agreement) = agreement(&model, calibration, wanted) {
                    return Ok(Found { model, agreement });
                }
            }
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    Err(refused.unwrap_or_else(|| {
        Error::argument(
            "scales",
            format!("agreement of {wanted} on calibration data at some fa in {FA:?}, fw in {FW:?}"),
            "less at every one",
        )
    }))
}

/// The rounding of the search is stochastic like the protocol's, from one seed, so that a plan is reproducible.
const SEED: u64 = 1;

/// Share of calibration images whose class stays and whose values keep their bounds; `None` as soon as `wanted`
/// is out of reach.
fn agreement(model: &QuantModel, calibration: &Calibration, wanted: f64) -> Option<f64> {
    let total = calibration.images.len();
    let allowed = ((1.0 - wanted) * total as f64 + 1e-9).floor() as usize;
    let mut rng = ChaCha12Rng::seed_from_u64(SEED);
    let mut wrong = 0;
    for (image, class) in calibration.images.iter().zip(&calibration.classes) {
        let evaluated = evaluate(model, model.quantise_image(image), &mut Rounding::Stochastic(&mut rng));
        wrong += usize::from(argmax(&evaluated.logits) != *class || evaluated.out_of_bounds > 0);
        if wrong > allowed {
            return None;
        }
    }
    Some(1.0 - wrong as f64 / total as f64)
}
