//! What was found of each cell: `summary.csv`.

use super::identity::Identity;
use super::row::{Row, Wrong, decimal_seconds, fraction, named, seconds};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How the measured repeats of one cell ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CellStatus {
    /// All of them, at least one.
    #[default]
    Ok,
    /// Some of them.
    Partial,
    /// None of them.
    Failed,
}

impl fmt::Display for CellStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::Partial => "partial",
            Self::Failed => "failed",
        })
    }
}

/// A row of `summary.csv`: one cell, derived from the other three files alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SummaryRow {
    /// Model.
    pub model: String,
    /// How the kept ReLUs were chosen.
    pub method: String,
    /// ReLUs asked for; `None`: every one kept.
    pub budget: Option<u64>,
    /// ReLUs kept.
    pub relus: u64,
    /// Link.
    pub link: String,
    /// Variant of the ReLU protocol.
    pub relu: String,
    /// Measured repeats that ended ok.
    pub n: u64,
    /// How the measured repeats ended.
    pub status: CellStatus,
    /// Top-1 accuracy over the reals on the images that ran securely, 0 to 1.
    pub acc_float: Option<f64>,
    /// Top-1 accuracy in the ring, in the clear, on the same images, 0 to 1.
    pub acc_fixed: Option<f64>,
    /// Top-1 accuracy of the secure run on the same images, 0 to 1.
    pub acc_secure: Option<f64>,
    /// Median offline time, seconds.
    #[serde(serialize_with = "decimal_seconds")]
    pub offline_s_p50: Option<f64>,
    /// Median online time, seconds.
    #[serde(serialize_with = "decimal_seconds")]
    pub online_s_p50: Option<f64>,
    /// Largest online time, seconds.
    #[serde(serialize_with = "decimal_seconds")]
    pub online_s_max: Option<f64>,
    /// Offline bytes, client to server, headers included.
    pub offline_up_bytes: Option<u64>,
    /// Offline bytes, server to client, headers included.
    pub offline_down_bytes: Option<u64>,
    /// Online bytes, client to server, headers included.
    pub online_up_bytes: Option<u64>,
    /// Online bytes, server to client, headers included.
    pub online_down_bytes: Option<u64>,
    /// Offline flights of both parties.
    pub offline_rounds: Option<u64>,
    /// Online flights of both parties.
    pub online_rounds: Option<u64>,
    /// The client's largest resident set, bytes.
    pub peak_rss_client_bytes: Option<u64>,
    /// The server's largest resident set, bytes.
    pub peak_rss_server_bytes: Option<u64>,
    /// What one preprocessed inference occupies at the client, bytes: the largest.
    pub store_client_bytes: Option<u64>,
    /// The same at the server.
    pub store_server_bytes: Option<u64>,
    /// Cell id.
    pub cell: String,
    /// Who computed on ciphertexts, as in `cells.csv`.
    #[serde(default)]
    pub he: Option<String>,
    /// How base OTs were extended, as in `cells.csv`.
    pub ot: Option<String>,
    /// Threads of each party.
    pub threads: Option<u32>,
    /// Where the client kept what it had preprocessed, as in `cells.csv`.
    pub store: Option<String>,
    /// How queries came, as in `cells.csv`.
    pub scenario: Option<String>,
    /// Queries that were due in a second, on average, as in `cells.csv`.
    pub rate_per_s: Option<f64>,
    /// Measured repeats that failed.
    pub failed: u64,
    /// Repeats of the `n` that were checked and equal to clear evaluation with their own masks.
    pub verified: u64,
    /// Activation inputs of the repeats of the `n` that left their bound.
    pub out_of_bounds: Option<u64>,
    /// Median setup time, seconds.
    #[serde(serialize_with = "decimal_seconds")]
    pub setup_s_p50: Option<f64>,
    /// Setup bytes, client to server, headers included.
    pub setup_up_bytes: Option<u64>,
    /// Setup bytes, server to client, headers included.
    pub setup_down_bytes: Option<u64>,
    /// Setup flights of both parties.
    pub setup_rounds: Option<u64>,
    /// Largest offline time, seconds.
    #[serde(serialize_with = "decimal_seconds")]
    pub offline_s_max: Option<f64>,
    /// 90th percentile of the online time, seconds; needs 44 repeats.
    #[serde(serialize_with = "decimal_seconds")]
    pub online_s_p90: Option<f64>,
    /// 99th percentile of the online time, seconds; needs 459 repeats.
    #[serde(serialize_with = "decimal_seconds")]
    pub online_s_p99: Option<f64>,
    /// Top-1 accuracy over the reals on `acc_images` test images, 0 to 1.
    pub acc_float_test: Option<f64>,
    /// Top-1 accuracy in the ring, in the clear, on `acc_images` test images, 0 to 1.
    pub acc_fixed_test: Option<f64>,
    /// Test images behind the two.
    pub acc_images: Option<u64>,
    /// 95 % interval of `offline_s_p50`, lower end, seconds; needs 6 repeats.
    #[serde(default, serialize_with = "decimal_seconds")]
    pub offline_s_p50_low: Option<f64>,
    /// Its upper end.
    #[serde(default, serialize_with = "decimal_seconds")]
    pub offline_s_p50_high: Option<f64>,
    /// 95 % interval of `online_s_p50`, lower end, seconds; needs 6 repeats.
    #[serde(default, serialize_with = "decimal_seconds")]
    pub online_s_p50_low: Option<f64>,
    /// Its upper end.
    #[serde(default, serialize_with = "decimal_seconds")]
    pub online_s_p50_high: Option<f64>,
    /// 95 % interval of `acc_secure`, lower end.
    pub acc_secure_low: Option<f64>,
    /// Its upper end.
    pub acc_secure_high: Option<f64>,
    /// 95 % interval of `acc_fixed_test`, lower end.
    pub acc_fixed_test_low: Option<f64>,
    /// Its upper end.
    pub acc_fixed_test_high: Option<f64>,
    /// Ring width, bits.
    pub ring_bits: Option<u32>,
    /// The finest scale of activations, bits.
    pub fa: Option<u32>,
    /// The most bits that a segment's weights add to a scale.
    pub fw: Option<u32>,
    /// The first failure.
    pub error: Option<String>,
}

impl SummaryRow {
    /// Offline bytes of both directions.
    pub(crate) fn offline_bytes(&self) -> Option<u64> {
        Some(self.offline_up_bytes?.saturating_add(self.offline_down_bytes?))
    }

    /// Online bytes of both directions.
    pub(crate) fn online_bytes(&self) -> Option<u64> {
        Some(self.online_up_bytes?.saturating_add(self.online_down_bytes?))
    }

    /// What tells the cell from others.
    pub(crate) fn identity(&self) -> Identity<'_> {
        Identity {
            model: &self.model,
            method: &self.method,
            budget: self.budget,
            relus: self.relus,
            relu: &self.relu,
            he: self.he.as_deref(),
            ot: self.ot.as_deref(),
            threads: self.threads,
            store: self.store.as_deref(),
            link: &self.link,
            scenario: self.scenario.as_deref(),
            rate_per_s: self.rate_per_s,
        }
    }
}

impl Row for SummaryRow {
    const FILE: &'static str = "summary.csv";
    const LATER: &[&str] = &[
        "ot",
        "threads",
        "store",
        "scenario",
        "rate_per_s",
        "offline_s_p50_low",
        "offline_s_p50_high",
        "online_s_p50_low",
        "online_s_p50_high",
        "acc_secure_low",
        "acc_secure_high",
        "acc_fixed_test_low",
        "acc_fixed_test_high",
    ];

    fn check(&self) -> Result<(), Wrong> {
        named("cell", &self.cell)?;
        self.identity().check()?;
        fraction("acc_float", self.acc_float)?;
        fraction("acc_fixed", self.acc_fixed)?;
        fraction("acc_secure", self.acc_secure)?;
        fraction("acc_float_test", self.acc_float_test)?;
        fraction("acc_fixed_test", self.acc_fixed_test)?;
        seconds("setup_s_p50", self.setup_s_p50)?;
        seconds("offline_s_p50", self.offline_s_p50)?;
        seconds("offline_s_max", self.offline_s_max)?;
        seconds("online_s_p50", self.online_s_p50)?;
        seconds("online_s_p90", self.online_s_p90)?;
        seconds("online_s_p99", self.online_s_p99)?;
        seconds("online_s_max", self.online_s_max)
    }
}
