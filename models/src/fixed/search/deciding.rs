//! By how few bits signs may be decided.

use super::{Found, Search};
use crate::fixed::deciding::FEWEST;
use crate::fixed::quantise::QuantModel;

/// Calibration images that mistakes are counted on.
const COUNTED: usize = 32;

/// How many bits decide a ReLU's sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deciding {
    /// All that are compared.
    All,
    /// At most so many.
    AtMost(u32),
    /// As few as keep the share of classes that scales have to keep.
    Fewest,
}

impl Search {
    /// `found` with its signs decided by so many bits; [`Deciding::Fewest`] keeps the share `wanted` (0..=1) of the classes, or
    /// what was found as it is.
    pub fn deciding(&mut self, found: Found, bits: Deciding, wanted: f64) -> Found {
        let most = found.model.most_deciding_bits();
        let tried = match bits {
            Deciding::All => return found,
            Deciding::AtMost(bits) => bits..bits + 1,
            Deciding::Fewest => FEWEST..most,
        };
        let wanted = if bits == Deciding::Fewest { wanted } else { 0.0 };
        for bits in tried {
            let model = found.model.deciding_by(bits, &self.calibration);
            if !model.may_mistake() {
                break;
            }
            if let Some(agreement) = self.judge.agreement(&model, &self.calibration, wanted) {
                return Found { model, agreement };
            }
        }
        found
    }

    /// The share of ReLUs whose sign is expected to be mistaken, over some calibration images.
    pub fn mistaken(&self, model: &QuantModel) -> f64 {
        self.judge.mistaken(model, &self.calibration, COUNTED) / model.kept().max(1) as f64
    }
}
