//! The rows. Field order is column order; the README explains every column.
//!
//! A missing value is `None` and an empty field, never zero.

mod rules;

use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

pub(crate) use rules::{Row, Wrong, columns};

/// Who measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Party {
    /// Owns the image.
    #[default]
    Client,
    /// Owns the weights.
    Server,
}

/// When a step runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Once a connection.
    #[default]
    Setup,
    /// Once an inference, before the image is known.
    Offline,
    /// Once an inference, from the image to the logits.
    Online,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Setup => "setup",
            Self::Offline => "offline",
            Self::Online => "online",
        })
    }
}

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

/// A row of `raw.csv`: one party's spending in one step of one phase of one repeat.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRow {
    /// Cell id, as in `cells.csv`.
    pub cell: String,
    /// Repeat, from 0; warm-ups and measured repeats may count apart.
    pub repeat: u32,
    /// Whether the repeat warms up and is left out of the summary.
    pub warmup: bool,
    /// Who measured.
    pub party: Party,
    /// When.
    pub phase: Phase,
    /// Index of the step in its plan.
    pub step: u32,
    /// Name of the step.
    pub step_name: String,
    /// Kind of the step.
    pub step_kind: String,
    /// Payload bytes sent.
    pub bytes_out: u64,
    /// Payload bytes received.
    pub bytes_in: u64,
    /// Frame header bytes sent.
    pub header_out: u64,
    /// Frame header bytes received.
    pub header_in: u64,
    /// Frames sent.
    pub messages_out: u64,
    /// Frames received.
    pub messages_in: u64,
    /// Times this party sent what may depend on more of the peer's flights than before.
    pub flights_out: u64,
    /// Wall time, nanoseconds.
    pub wall_ns: u64,
    /// The part of it spent computing, nanoseconds.
    pub compute_ns: u64,
    /// The part of it spent waiting for the peer, nanoseconds.
    pub blocked_ns: u64,
}

/// What a party did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Doing {
    /// Handed a frame to the link.
    Sent,
    /// Asked for the next frame.
    Received,
    /// Went on to the next step, or ended the phase.
    #[default]
    Left,
}

/// A row of `transcripts.csv`: one thing that a party did, in order within its phase.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TranscriptRow {
    /// Cell id, as in `cells.csv`.
    pub cell: String,
    /// Measured repeat, as in `inferences.csv`.
    pub repeat: u32,
    /// Who.
    pub party: Party,
    /// When.
    pub phase: Phase,
    /// Index of the step in its plan.
    pub step: u32,
    /// Computing between what was done before, or the wait for it, and this, nanoseconds.
    pub compute_ns: u64,
    /// What was done.
    pub doing: Doing,
    /// The frame's bytes, header included; `None` where it is no frame.
    pub bytes: Option<u64>,
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

/// A row of `queries.csv`: one measured query of a cell that uses preprocessed inferences from a pool. Times are the
/// client's, nanoseconds from when the first query could be due.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryRow {
    /// Cell id, as in `cells.csv`.
    pub cell: String,
    /// The query, which is its repeat in `inferences.csv`.
    pub query: u32,
    /// The preprocessed inference that it used.
    pub item: String,
    /// When it was due.
    pub due_ns: u64,
    /// When its turn came: it was due, and the query before was done.
    pub began_ns: u64,
    /// When it had a preprocessed inference.
    pub supplied_ns: u64,
    /// When the client had the logits.
    pub done_ns: u64,
    /// Preprocessed inferences in the pool when its turn came.
    pub pool_level: u64,
}

/// A row of `items.csv`: one preprocessed inference that went into a cell's pool. Times are the client's, nanoseconds from
/// when the first measured query could be due; negative before that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemRow {
    /// Cell id, as in `cells.csv`.
    pub cell: String,
    /// Its name at both parties.
    pub item: String,
    /// The connection that made it, from 1.
    pub lane: u32,
    /// When the client asked for it.
    pub began_ns: i64,
    /// When it was on offer.
    pub done_ns: i64,
    /// Preprocessed inferences in the pool just after.
    pub pool_level: u64,
    /// The measured query that used it; `None`: none did.
    pub query: Option<u32>,
}

/// A row of `scenarios.csv`: one cell that uses a pool, derived from `queries.csv` and `items.csv` alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScenarioRow {
    /// Cell id.
    pub cell: String,
    /// `offline-batch` or `server`.
    pub scenario: String,
    /// Queries that are due in a second, on average; `None`: all at once.
    pub rate_per_s: Option<f64>,
    /// Preprocessed inferences that the pool is filled up to.
    pub pool: u64,
    /// Connections that fill it.
    pub refillers: u32,
    /// Queries served.
    pub n: u64,
    /// Median of response times: from when a query is due to its logits, seconds. Of a batch, none.
    #[serde(serialize_with = "decimal_seconds")]
    pub response_s_p50: Option<f64>,
    /// 90th percentile; needs 44 queries.
    #[serde(serialize_with = "decimal_seconds")]
    pub response_s_p90: Option<f64>,
    /// 99th percentile; needs 459 queries.
    #[serde(serialize_with = "decimal_seconds")]
    pub response_s_p99: Option<f64>,
    /// Largest.
    #[serde(serialize_with = "decimal_seconds")]
    pub response_s_max: Option<f64>,
    /// Median of service times: from having a preprocessed inference to the logits, seconds.
    #[serde(serialize_with = "decimal_seconds")]
    pub service_s_p50: Option<f64>,
    /// Median of the times that queries waited for those before them, seconds.
    #[serde(serialize_with = "decimal_seconds")]
    pub queue_s_p50: Option<f64>,
    /// Queries served in a second, from the first one's turn to the last one's logits.
    pub served_per_s: Option<f64>,
    /// Preprocessed inferences made in a second of making: all that were made, by the time that any was under way.
    pub made_per_s: Option<f64>,
    /// Queries whose turn came when the pool was empty.
    pub dry: u64,
    /// When the pool was first found empty, seconds after the first query could be due; `None`: never.
    #[serde(serialize_with = "decimal_seconds")]
    pub exhausted_s: Option<f64>,
    /// Fewest preprocessed inferences that a query found.
    pub pool_level_min: Option<u64>,
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
    /// Who computed on ciphertexts, such as `narrow`; runs of before there was a choice do not say.
    #[serde(default)]
    pub he: Option<String>,
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
    /// Activation scale, bits.
    pub fa: Option<u32>,
    /// Weight scale, bits.
    pub fw: Option<u32>,
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
    /// Activation scale, bits.
    pub fa: Option<u32>,
    /// Weight scale, bits.
    pub fw: Option<u32>,
    /// The first failure.
    pub error: Option<String>,
}

/// Seconds to the nanosecond, never with an exponent.
#[expect(clippy::ref_option, reason = "the signature is serde's")]
pub(crate) fn decimal_seconds<S: Serializer>(seconds: &Option<f64>, to: S) -> Result<S::Ok, S::Error> {
    match seconds {
        Some(seconds) => to.serialize_str(&format!("{seconds:.9}")),
        None => to.serialize_none(),
    }
}

/// Every CSV file of a run with its columns, in order.
pub fn columns_by_file() -> [(&'static str, Vec<String>); 9] {
    [
        (CellRow::FILE, columns::<CellRow>()),
        (InferenceRow::FILE, columns::<InferenceRow>()),
        (StepRow::FILE, columns::<StepRow>()),
        (SummaryRow::FILE, columns::<SummaryRow>()),
        (TranscriptRow::FILE, columns::<TranscriptRow>()),
        (QueryRow::FILE, columns::<QueryRow>()),
        (ItemRow::FILE, columns::<ItemRow>()),
        (ScenarioRow::FILE, columns::<ScenarioRow>()),
        (AccuracyRow::FILE, columns::<AccuracyRow>()),
    ]
}
