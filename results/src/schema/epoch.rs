//! How a training went: `curves.csv`.

use super::row::{Row, Wrong};
use serde::{Deserialize, Serialize};

/// What one epoch reported.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochRow {
    /// The part of the training, such as `train` or `finetune`.
    pub phase: String,
    /// From 1, within the phase.
    pub epoch: u64,
    /// Mean loss over the epoch's images.
    pub loss: f64,
    /// Top-1 accuracy on the training images as they were seen, 0 to 1.
    pub train: f64,
    /// Top-1 accuracy on the held-out images after the epoch, 0 to 1.
    pub held_out: f64,
}

impl Row for EpochRow {
    const FILE: &'static str = "curves.csv";

    fn check(&self) -> Result<(), Wrong> {
        if self.phase.is_empty() {
            return Err(Wrong { column: "phase", expected: "a name", found: String::new() });
        }
        if !self.loss.is_finite() {
            return Err(Wrong { column: "loss", expected: "a finite number", found: self.loss.to_string() });
        }
        for (column, share) in [("train", self.train), ("held_out", self.held_out)] {
            if !(0.0..=1.0).contains(&share) {
                return Err(Wrong { column, expected: "a fraction from 0 to 1", found: share.to_string() });
            }
        }
        Ok(())
    }
}
