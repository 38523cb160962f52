//! What is compared: `cells.csv`.

use super::identity::{Dimension, Identity};
use super::row::{Row, Wrong, fraction, named};
use serde::{Deserialize, Serialize};

/// A row of `cells.csv`: one combination under comparison.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CellRow {
    /// Unique id, such as `mini-b2000-lan`.
    pub cell: String,
    /// Model.
    pub model: String,
    /// How the kept ReLUs were chosen.
    pub method: String,
    /// ReLUs asked for; `None`: every one kept.
    pub budget: Option<u64>,
    /// ReLUs kept.
    pub relus: u64,
    /// Variant of the ReLU protocol, such as `narrow`.
    pub relu: String,
    /// Who computed on ciphertexts, such as `narrow`; `None` in runs older than the choice.
    #[serde(default)]
    pub he: Option<String>,
    /// How base OTs were extended, such as `iknp`; `None` in runs older than the choice.
    pub ot: Option<String>,
    /// Threads of each party.
    pub threads: Option<u32>,
    /// Where the client kept what it had preprocessed: `memory` or `file`.
    pub store: Option<String>,
    /// Link, as in the manifest.
    pub link: String,
    /// How queries come: `single-stream`, `offline-batch` or `server`.
    pub scenario: Option<String>,
    /// Queries that are due in a second, on average; `None` but for `server`.
    pub rate_per_s: Option<f64>,
    /// Preprocessed inferences that the pool is filled up to; `None` where there is none.
    pub pool: Option<u64>,
    /// Connections that fill it.
    pub refillers: Option<u32>,
    /// Ring width, bits.
    pub ring_bits: Option<u32>,
    /// The finest scale of activations, bits.
    pub fa: Option<u32>,
    /// The most bits that a segment's weights add to a scale.
    pub fw: Option<u32>,
    /// Digest of the scales of all values, in hex: cells that share it compute the same in the clear.
    #[serde(default)]
    pub scales: Option<String>,
    /// Top-1 accuracy over the reals on `acc_images` test images, 0 to 1.
    pub acc_float: Option<f64>,
    /// Top-1 accuracy in the ring, in the clear, on the same images, 0 to 1.
    pub acc_fixed: Option<f64>,
    /// Test images behind the two.
    pub acc_images: Option<u64>,
    /// Activation inputs over all `acc_images` that left the bound their step was compiled for, in fixed point.
    pub out_of_bounds: Option<u64>,
    /// Predicted setup bytes, client to server.
    pub predicted_setup_up_bytes: Option<u64>,
    /// Predicted setup bytes, server to client.
    pub predicted_setup_down_bytes: Option<u64>,
    /// Predicted setup rounds.
    pub predicted_setup_rounds: Option<u64>,
    /// Predicted offline bytes, client to server.
    pub predicted_offline_up_bytes: Option<u64>,
    /// Predicted offline bytes, server to client.
    pub predicted_offline_down_bytes: Option<u64>,
    /// Predicted offline rounds.
    pub predicted_offline_rounds: Option<u64>,
    /// Predicted online bytes, client to server.
    pub predicted_online_up_bytes: Option<u64>,
    /// Predicted online bytes, server to client.
    pub predicted_online_down_bytes: Option<u64>,
    /// Predicted online rounds.
    pub predicted_online_rounds: Option<u64>,
    /// Why no inference could even begin.
    pub error: Option<String>,
}

impl CellRow {
    /// What tells it from other cells. The pattern names every column, so that a new one does not compile until it is decided
    /// whether it belongs here.
    pub(crate) fn identity(&self) -> Identity<'_> {
        let Self {
            cell: _,
            model,
            method,
            budget,
            relus,
            relu,
            he,
            ot,
            threads,
            store,
            link,
            scenario,
            rate_per_s,
            pool: _,
            refillers: _,
            ring_bits: _,
            fa: _,
            fw: _,
            scales: _,
            acc_float: _,
            acc_fixed: _,
            acc_images: _,
            out_of_bounds: _,
            predicted_setup_up_bytes: _,
            predicted_setup_down_bytes: _,
            predicted_setup_rounds: _,
            predicted_offline_up_bytes: _,
            predicted_offline_down_bytes: _,
            predicted_offline_rounds: _,
            predicted_online_up_bytes: _,
            predicted_online_down_bytes: _,
            predicted_online_rounds: _,
            error: _,
        } = self;
        Identity {
            model,
            method,
            budget: *budget,
            relus: *relus,
            relu,
            he: he.as_deref(),
            ot: ot.as_deref(),
            threads: *threads,
            store: store.as_deref(),
            link,
            scenario: scenario.as_deref(),
            rate_per_s: *rate_per_s,
        }
    }
}

impl Dimension {
    /// A cell's value in its run's table; all cells there are of one run, which is not named.
    pub fn of_cell(self, row: &CellRow) -> String {
        self.value("", &row.identity())
    }
}

impl Row for CellRow {
    const FILE: &'static str = "cells.csv";
    const LATER: &[&str] =
        &["ot", "threads", "store", "scales", "scenario", "rate_per_s", "pool", "refillers"];

    fn check(&self) -> Result<(), Wrong> {
        named("cell", &self.cell)?;
        self.identity().check()?;
        fraction("acc_float", self.acc_float)?;
        fraction("acc_fixed", self.acc_fixed)
    }
}
