//! What came of each repeat, `inferences.csv`, and of each test image in the clear, `accuracy.csv`.

use super::row::{Row, Wrong, named};
use serde::{Deserialize, Serialize};

/// How one inference ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InferenceStatus {
    /// Logits came out.
    #[default]
    Ok,
    /// They did not, or were not what the plan means; `error` says why.
    Failed,
}

/// A row of `inferences.csv`: one repeat of one cell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InferenceRow {
    /// Cell id, as in `cells.csv`.
    pub cell: String,
    /// Repeat, from 0; warm-ups and measured repeats may count apart.
    pub repeat: u32,
    /// Whether the repeat warms up and is left out of the summary.
    pub warmup: bool,
    /// Index of the image in the test set.
    pub image: u64,
    /// The image's true class.
    pub label: u32,
    /// Class by clear evaluation over the reals.
    pub class_float: Option<u32>,
    /// Class by clear evaluation in the ring.
    pub class_fixed: Option<u32>,
    /// Class by the secure run.
    pub class_secure: Option<u32>,
    /// Whether the secure run equalled clear evaluation with its own masks; `None`: not checked.
    pub verified: Option<bool>,
    /// How it ended.
    pub status: InferenceStatus,
    /// Why it failed; `None` exactly where `status` is ok.
    pub error: Option<String>,
    /// The client's largest resident set, bytes.
    pub peak_rss_client_bytes: Option<u64>,
    /// The server's largest resident set, bytes.
    pub peak_rss_server_bytes: Option<u64>,
    /// What the preprocessed inference occupied at the client, bytes, in memory or its store.
    pub store_client_bytes: Option<u64>,
    /// The same at the server, whose preprocessing stays in memory.
    pub store_server_bytes: Option<u64>,
    /// Activation inputs that left the bound their step was compiled for; a wrong class may follow.
    pub out_of_bounds: Option<u64>,
    /// How late the client's frames were released, median since the session began, nanoseconds.
    pub release_p50_ns: Option<u64>,
    /// The same, 99th percentile.
    pub release_p99_ns: Option<u64>,
}

impl InferenceRow {
    /// Whether this repeat counts in the summary: measured, and ended ok.
    pub(crate) fn counts(&self) -> bool {
        !self.warmup && self.status == InferenceStatus::Ok
    }
}

impl Row for InferenceRow {
    const FILE: &'static str = "inferences.csv";

    fn check(&self) -> Result<(), Wrong> {
        named("cell", &self.cell)?;
        let error = self.error.as_deref().unwrap_or_default();
        match self.status {
            InferenceStatus::Ok if !error.is_empty() => {
                Err(Wrong { column: "error", expected: "nothing, as status is ok", found: error.to_owned() })
            }
            InferenceStatus::Ok if self.verified == Some(false) => Err(Wrong {
                column: "verified",
                expected: "true or nothing, as status is ok",
                found: "false".to_owned(),
            }),
            InferenceStatus::Failed if error.is_empty() => Err(Wrong {
                column: "error",
                expected: "a reason, as status is failed",
                found: String::new(),
            }),
            InferenceStatus::Ok | InferenceStatus::Failed => Ok(()),
        }
    }
}

/// A row of `accuracy.csv`: one test image's class in the clear, by one network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccuracyRow {
    /// The first cell of the network, as in `cells.csv`.
    pub cell: String,
    /// Index of the image in the test set.
    pub image: u64,
    /// The image's true class.
    pub label: u32,
    /// Class over the reals.
    pub class_float: u32,
    /// Class in the ring, in the clear.
    pub class_fixed: u32,
}

impl Row for AccuracyRow {
    const FILE: &'static str = "accuracy.csv";

    fn check(&self) -> Result<(), Wrong> {
        named("cell", &self.cell)
    }
}
