//! Networks that others trained, read into what this project's checkpoints hold.
//!
//! Nothing of a file is executed, and nothing of it is trusted: sizes are checked before they are believed, and what is
//! not understood is an error that names it.

mod array;
mod arrays;
mod fault;
#[cfg(test)]
mod fuzz;
mod kind;
pub mod masks;
mod names;
pub mod onnx;
mod torch;
pub mod weights;

pub use names::Rename;

use models::data::Normalisation;
use models::graph::{Graph, Parameters};
use models::mask::Masks;

/// A network as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The operations.
    pub graph: Graph,
    /// Weights and running statistics, by the graph's names.
    pub parameters: Parameters,
    /// Which units keep their nonlinearity; all, where the file says nothing.
    pub masks: Masks,
    /// What the file itself does to an image of values in 0..=1 before its first layer, where it does something.
    pub normalisation: Option<Normalisation>,
    /// The operator behind the logits that is left out, `Softmax` or `LogSoftmax`.
    pub dropped: Option<&'static str>,
}
