//! PrivShap's parts: budgets per layer by Shapley values, units within a layer by gradient projection.
//!
//! The players are the activation layers; a coalition's utility is the accuracy (in percent, on held-out images) of
//! the trained network with the layers outside the coalition made identity, without retraining.

mod agreement;
pub mod budgets;
mod coalitions;
mod report;
pub mod select;
pub mod shapley;
mod worth;

pub use agreement::Agreement;
pub use report::{PICTURE_FILE, report, table};
pub use worth::{MOST_EXACT, SHAPLEY_FILE, ShapleyRecord, ShapleySettings, worth};
