//! Networks as data: graphs, data sets, checkpoints and masks, fixed point and clear evaluation.
//!
//! No tensor backend is linked here; training lives in the crate `train`.
//! Axis order is `(channel, row, column)` everywhere, row-major; batches come first.

pub mod checkpoint;
pub mod convolve;
pub mod data;
pub mod disk;
pub mod fixed;
pub mod graph;
pub mod initial;
pub mod mask;
pub mod matmul;
pub mod nets;
pub mod real;
pub mod safe;
pub mod tensor;
pub mod text;

mod capped;
mod described;
mod digest;
mod error;
#[cfg(test)]
mod fuzz;

pub use error::Error;
