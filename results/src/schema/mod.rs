//! The rows, a type each. Field order is column order; the README explains every column.
//!
//! A missing value is `None` and an empty field, never zero.

mod cell;
mod epoch;
mod identity;
mod inference;
mod network;
mod pool;
mod row;
mod step;
mod summary;

pub use cell::CellRow;
pub use epoch::EpochRow;
pub(crate) use identity::Identity;
pub use identity::{Dimension, SEED_SUFFIX};
pub use inference::{AccuracyRow, InferenceRow, InferenceStatus};
pub use network::NetworkRow;
pub use pool::{ItemRow, QueryRow, ScenarioRow};
pub(crate) use row::{Row, Wrong, columns, decimal_seconds};
pub use step::{Doing, Party, Phase, StepRow, TranscriptRow};
pub use summary::{CellStatus, SummaryRow};

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
