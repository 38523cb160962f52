//! The coarsest scales of each family at which the agreement that is asked for seems to be reached.

use super::super::steps::Step;
use super::{FA, FW, Family, SLACK, Search};
use crate::Error;

/// Bits that weights are finer than activations of the same share of the error.
const LEADS: [i32; 4] = [-2, 0, 2, 4];
/// Half bits around those of the sensitivities that are searched, either way: above them all scales are the finest.
const REACH: i32 = 48;
/// How many of the finest scales that can be run are looked at where none are good enough, and their distance in half bits.
const FINEST: usize = 4;
const FINEST_STEP: usize = 4;

impl Search {
    /// Of some families of scales the coarsest at which `wanted` (0..=1) seems to be reached, at a first look; of a large network
    /// those with about the same error as what was seen of one family.
    ///
    /// # Errors
    /// [`Error::Argument`] where no scales reach `wanted`; the refusal where they would be too wide for any ring.
    pub fn frontier(&mut self, wanted: f64) -> Result<Vec<Family>, Error> {
        if self.pinned.pair().is_some() {
            return Ok(vec![Family { lead: 0, level: 0 }]);
        }
        let mut guess = self.guess(wanted)?;
        let mut found: Vec<Family> = Vec::with_capacity(LEADS.len());
        for lead in LEADS {
            // Families whose agreement is the same have about the same error.
            if let Some(last) = found.last().copied() {
                guess = self.as_exact(last, lead)?;
                // Where looking takes long: what comes of it is measured before it is taken.
                if self.judge.is_large() {
                    found.push(Family { lead, level: guess });
                    continue;
                }
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
    ///
    /// # Errors
    /// [`Error::Argument`] where it does not at the finest scales that there are.
    fn least_level(&mut self, lead: i32, guess: i32, wanted: f64) -> Result<i32, Error> {
        let mut reaches = |level: i32| -> Result<bool, Error> {
            let scales = self.balanced(Family { lead, level })?;
            Ok(self.may_agree(&self.at(&scales, None)?, wanted))
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
                if fine >= REACH {
                    return Err(self.unreached(wanted));
                }
                (coarse, fine) = (fine, (fine + step).min(REACH));
                if reaches(fine)? {
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

    /// What is said where no scales keep `wanted` of the classes: how many the finest keep, and where values reach farthest.
    pub(super) fn unreached(&mut self, wanted: f64) -> Error {
        let expected =
            format!("agreement of {wanted} on calibration data at some fa in {FA:?}, fw in {FW:?}");
        let mut shares = Vec::new();
        for level in (-REACH..=REACH).rev().step_by(FINEST_STEP) {
            let model = self.balanced(Family { lead: 0, level }).and_then(|scales| self.at(&scales, None));
            shares.extend(model.ok().map(|model| self.judge.sampled(&model, &self.calibration).share));
            if shares.len() == FINEST {
                break;
            }
        }
        let best = shares.into_iter().max_by(f64::total_cmp);
        let kept = best.map_or("none that can be run".to_owned(), |best| format!("at most {best:.3}"));
        let layers = self.lowered.steps.iter().filter_map(|step| match step {
            Step::Activation(layer) => Some((&layer.name, self.calibration.largest[layer.measures])),
            Step::Linear(_) | Step::Product(_) | Step::Reshare(_) => None,
        });
        let farthest = layers.max_by(|(_, one), (_, other)| one.total_cmp(other));
        let farthest = farthest.map_or_else(String::new, |(name, largest)| {
            format!("; values reach farthest at `{name}`, to {largest:.1e}")
        });
        Error::argument("scales", expected, format!("{kept}{farthest}"))
    }

    /// The level at which the logits' error, each step's share being 4^-level bits, is a third of the margin that it may not
    /// exceed.
    fn guess(&mut self, wanted: f64) -> Result<i32, Error> {
        let sensitivity = self.sensitivity()?;
        let steps = sensitivity.steps.iter().filter(|bits| bits.is_finite()).count() as f64;
        let error = self.judge.margin(wanted).max(f64::MIN_POSITIVE) / 3.0;
        Ok((2.0 * (steps.sqrt() / error).log2()).clamp(f64::from(-REACH), f64::from(REACH)).round() as i32)
    }
}
