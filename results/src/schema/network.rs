//! What is known of networks before any is run: `networks.csv`.

use super::row::{Row, Wrong};
use serde::{Deserialize, Serialize};

/// A checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NetworkRow {
    /// Its folder, as it was found.
    pub folder: String,
    /// Name of the network.
    pub net: String,
    /// Name of the data set.
    pub data: String,
    /// `ar`, or the linearizer with what else tells it from others.
    pub method: String,
    /// The units asked for.
    pub budget: Option<u64>,
    /// Units that keep their nonlinearity.
    pub units: u64,
    /// Images that it was fitted to, each counted as often as it was shown, where that was recorded.
    pub images_seen: Option<u64>,
    /// Top-1 accuracy on the held-out images, 0 to 1.
    pub held_out: Option<f64>,
    /// Top-1 accuracy on the test images, 0 to 1.
    pub test: Option<f64>,
    /// SHA-256 of all that determines its answers.
    pub sha256: String,
}

impl Row for NetworkRow {
    const FILE: &'static str = "networks.csv";

    fn check(&self) -> Result<(), Wrong> {
        for (column, name) in [("folder", &self.folder), ("net", &self.net), ("method", &self.method)] {
            if name.is_empty() {
                return Err(Wrong { column, expected: "a name", found: String::new() });
            }
        }
        for (column, share) in [("held_out", self.held_out), ("test", self.test)] {
            if let Some(share) = share.filter(|share| !(0.0..=1.0).contains(share)) {
                return Err(Wrong { column, expected: "a fraction from 0 to 1", found: share.to_string() });
            }
        }
        Ok(())
    }
}
