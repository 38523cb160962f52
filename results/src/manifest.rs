//! `manifest.json`: everything needed to repeat a run and to judge the machine it ran on.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of all files of a run; a reader refuses any other.
pub const SCHEMA: u32 = 2;

/// Name of the manifest in a run's folder.
pub(crate) const MANIFEST: &str = "manifest.json";

/// The record beside the rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`SCHEMA`] at the time of writing.
    pub schema: u32,
    /// Name of the run, usually that of its folder.
    pub id: String,
    /// Start of the run, RFC 3339.
    pub started: String,
    /// The command line, one string an argument, program first.
    pub command: Vec<String>,
    /// Version of Linnet.
    pub linnet: String,
    /// Source revision, where the build knew it.
    pub revision: Option<String>,
    /// Where both parties ran.
    pub machine: Machine,
    /// Worker threads of one party: the most of any cell.
    pub threads: u32,
    /// Cores each party was held to.
    pub pinning: Pinning,
    /// Every seed that was fixed, by purpose.
    pub seeds: BTreeMap<String, u64>,
    /// The links used, as asked for and as measured.
    pub links: Vec<LinkRecord>,
    /// The unshaped channel under the links, where it was calibrated.
    pub loopback: Option<Loopback>,
    /// What was run.
    pub models: Vec<ModelRecord>,
    /// The files that images were read from; empty for a data set that is built in, and in manifests older than
    /// this record.
    #[serde(default)]
    pub data: Vec<DataRecord>,
    /// Ids of all cells in the order that tables and pictures have, whatever order they ran in; empty in older
    /// manifests.
    #[serde(default)]
    pub cells: Vec<String>,
    /// Which share of an experiment's cells these are; `None`: all that were asked for.
    #[serde(default)]
    pub shard: Option<Shard>,
    /// Share of all cores that other programs took right before the first inference, 0 to 1; absent where it is not known, and
    /// in older manifests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy: Option<f64>,
    /// When and by what the run was continued after it had stopped.
    #[serde(default)]
    pub resumed: Vec<Resumption>,
    /// The whole parsed configuration.
    pub settings: serde_json::Value,
}

/// A share of an experiment's cells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    /// Which one, from 1.
    pub share: u32,
    /// Of how many.
    pub of: u32,
    /// Ids of all cells of the experiment, in order.
    pub whole: Vec<String>,
}

/// A continuation of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resumption {
    /// Its start, RFC 3339.
    pub time: String,
    /// Source revision of the program, where its build knew it.
    pub revision: Option<String>,
    /// As the manifest's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy: Option<f64>,
}

/// A machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// Processor, as it names itself.
    pub cpu_model: String,
    /// Logical cores.
    pub cores: u32,
    /// Main memory in bytes, where known.
    pub memory_bytes: Option<u64>,
    /// Kernel and release.
    pub kernel: String,
    /// Instruction-set extensions that matter to the kernels.
    pub features: Vec<String>,
}

/// Cores each party was pinned to; empty: not pinned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pinning {
    /// The client's cores.
    pub client: Vec<u32>,
    /// The server's cores.
    pub server: Vec<u32>,
}

/// A link, asked for and measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkRecord {
    /// Name, as in the rows.
    pub name: String,
    /// Rate asked for in each direction, bytes a second; `None`: unshaped.
    pub rate_bytes_per_s: Option<f64>,
    /// Round-trip time asked for, seconds.
    pub rtt_s: f64,
    /// Rate measured, bytes a second.
    pub measured_rate_bytes_per_s: Option<f64>,
    /// Round-trip time measured, seconds.
    pub measured_rtt_s: Option<f64>,
    /// How late frames were released.
    pub release_error: Option<Quantiles>,
}

/// Two percentiles of one quantity, seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantiles {
    /// Median.
    pub p50_s: f64,
    /// 99th percentile.
    pub p99_s: f64,
}

/// The unshaped channel's own limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Loopback {
    /// Bytes a second, one direction.
    pub rate_bytes_per_s: f64,
    /// Round-trip time, seconds.
    pub rtt_s: f64,
}

/// A file that images or labels were read from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataRecord {
    /// Name of the data set, as in [`ModelRecord::data`].
    pub set: String,
    /// The file, within the data set's folder; or a folder of many small ones.
    pub file: String,
    /// SHA-256, hexadecimal. Of a folder: that of the listing which `sha256sum` prints for its files, sorted by name, unless the
    /// remark says otherwise.
    pub sha256: String,
    /// Whether it is the official file, by its checksum; `None` where the official checksum is not known.
    pub official: Option<bool>,
    /// What else is to be known of it: that it is shorter than published, or that test images of it were used to calibrate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// A network, its masks and its plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRecord {
    /// Name, as in the rows.
    pub name: String,
    /// Digest of graph, weights and masks, hexadecimal.
    pub digest: String,
    /// Digest of the compiled plan, hexadecimal; `None` where it did not compile.
    pub plan_digest: Option<String>,
    /// Data set the images came from.
    pub data: String,
    /// How units were chosen, as in the rows.
    pub method: String,
    /// Variant of the ReLU protocol, as in the rows.
    pub relu: String,
    /// Who computed on ciphertexts, as in the rows.
    #[serde(default)]
    pub he: Option<String>,
    /// How base OTs were extended, as in the rows.
    #[serde(default)]
    pub ot: Option<String>,
    /// ReLUs asked for; `None`: every one kept.
    pub budget: Option<u64>,
    /// ReLUs kept.
    pub relus: u64,
    /// The file of others that its weights came from, or those of the network that it was linearized from; absent where it was
    /// trained here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported_from: Option<ImportRecord>,
    /// What its scales were chosen by; `None` where it did not compile, or before this was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<CalibrationRecord>,
}

/// Images that a network's scales were chosen by.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalibrationRecord {
    /// How many there were.
    pub images: u64,
    /// How many of them were evaluated in fixed point; the others' margins are far above the errors of these.
    pub evaluated: u64,
    /// Share of the images whose class the scales keep.
    pub agreement: f64,
    /// Share of ReLUs whose sign is expected to be mistaken, where so few bits decide it that some are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mistaken: Option<f64>,
}

/// A file of weights that others trained.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportRecord {
    /// Its name, without the folder.
    pub file: String,
    /// SHA-256 of its content, hexadecimal; `None` for networks that were linearized from what was imported.
    pub sha256: Option<String>,
}
