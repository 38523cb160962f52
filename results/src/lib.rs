//! What a measured run leaves behind: raw rows first, then everything that derives from them alone.
//!
//! A run is a folder: `manifest.json` (all that is needed to repeat it), `raw.csv` (a row per step), `inferences.csv`
//! (a row per repeat), `cells.csv` (a row per cell), `accuracy.csv` (a row per network and test image), `transcripts.csv`
//! (what the parties did, for a few repeats) and, derived, `summary.csv`, `latency.hlog` and pictures; where queries come
//! from a pool, also `queries.csv`, `items.csv` and, derived, `scenarios.csv`. The columns are explained in this crate's
//! README. The crate reads no clock and knows no link, protocol or model: times, bytes and names are handed in. A training
//! leaves its [`curves`] beside its checkpoint, what is known of [`networks`] before they are run has a table too, and so has what
//! others published ([`reference`](mod@reference)).
//!
//! [`load`] reads a finished run's files, each once; whatever compares, draws or reports is a function of what it returns.

// A run that tests make up names this crate as they do.
#[cfg(test)]
extern crate self as results;

mod accuracy;
pub mod compare;
pub mod curves;
mod error;
mod judged;
mod latency;
mod layers;
pub mod layout;
mod look;
mod manifest;
mod merge;
pub mod networks;
pub mod pictures;
pub mod projection;
mod publish;
pub mod reference;
pub mod report;
mod run;
pub mod scenario;
mod schema;
pub mod seeds;
pub mod select;
pub mod statistics;
mod summary;
mod tables;
mod units;

pub use error::Error;
pub use layers::{LayerRow, layers};
pub use manifest::{
    CalibrationRecord, DataRecord, ImportRecord, LinkRecord, Loopback, Machine, Manifest, ModelRecord,
    Pinning, Quantiles, Resumption, SCHEMA, Shard,
};
pub use merge::merge;
pub use publish::{Published, publish};
pub use run::{Run, check_room, load, load_manifest, load_summary, load_tables, load_transcripts};
pub use schema::{
    AccuracyRow, CellRow, CellStatus, Doing, InferenceRow, InferenceStatus, ItemRow, Party, Phase, QueryRow,
    SEED_SUFFIX, ScenarioRow, StepRow, SummaryRow, TranscriptRow, columns_by_file,
};
pub use summary::{summarise, table};
pub use tables::{Loaded, Tables};
