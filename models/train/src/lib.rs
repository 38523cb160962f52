//! Training and linearization on libtorch.
//!
//! A [`models::graph::Graph`] is trained with all its activations kept ([`train`]), then linearized to budgets of
//! kept units ([`mod@linearize`]). Runs are determined by their settings, can be killed at any time and continue exactly.

mod answers;
pub mod environment;
mod error;
pub mod fit;
pub mod gates;
pub mod images;
mod kind;
pub mod linearize;
pub mod masking;
pub mod network;
mod operators;
pub mod optimizer;
mod pass;
pub mod precision;
pub mod pricing;
pub mod privshap;
pub mod stage;
pub mod state;
pub mod train;
pub mod watch;

pub use answers::Shelf;
pub use error::Error;
