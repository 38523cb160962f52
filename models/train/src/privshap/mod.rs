//! PrivShap's budgets: shared out among the layers by their Shapley values.
//!
//! The players are the activation layers; a coalition's utility is the accuracy (in percent, on held-out images) of
//! the trained network with the layers outside the coalition made identity, without retraining.

mod agreement;
pub mod budgets;
mod coalitions;
mod memo;
pub mod published;
mod report;
pub mod shapley;
mod units;
mod values;

pub use agreement::Agreement;
pub use published::published_values;
pub use report::{PICTURE_FILE, report, table};
pub use units::{UnitValues, unit_values};
pub use values::{MOST_EXACT, SHAPLEY_FILE, ShapleyRecord, ShapleySettings, shapley_values};
