//! What a name of the file stands for.

use super::array::Array;
use models::graph::{NodeId, Padding};

/// What an ONNX name stands for.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// Known without the image.
    Constant(Array),
    /// A function of the image.
    Map(Map),
}

/// A function of the image: a node's output, seen as a tensor of a batch of one.
///
/// Elements are in the node's order, whatever the extents.
#[derive(Clone, Debug)]
pub(super) struct Map {
    pub(super) node: NodeId,
    /// The tensor's extents, the batch of one first.
    pub(super) dims: Vec<usize>,
    /// Whether nothing else reads the node.
    pub(super) sole: bool,
    /// What is still to be done to the node's output.
    pub(super) pending: Pending,
}

/// Operators that become a node, or a part of one, only when it is known what follows them.
#[derive(Clone, Debug)]
pub(super) enum Pending {
    Nothing,
    /// The image's normalisation, of the image as the file takes it; the image itself starts with the identity.
    Image(Affine),
    /// A batch norm of what the node makes.
    Affine(Affine),
    /// A batch norm of flattened elements, one by one, for the dense layer that follows.
    Elements(Affine),
    /// Nothing, but seen with channels behind rows and columns, as extents `(1, rows, columns, channels)`, or that flattened. Of
    /// the image as the file takes it, with its normalisation so far.
    ChannelsLast(Option<Affine>),
    /// Every row and column at a multiple of the steps; named after the last slice.
    Steps(String, (usize, usize)),
    /// Zeros around rows and columns, for the window that follows.
    Zeros(Padding),
    /// What rises from zero to one, by its operator's name: times the same value it is one activation.
    Gate(String, Gate),
}

/// What rises from zero to one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Gate {
    /// The logistic function.
    Logistic,
    /// `min(max(alpha * x + beta, 0), 1)`.
    Hard {
        /// The slope.
        alpha: f64,
        /// Its value at zero.
        beta: f64,
    },
}

/// `scale * x + shift`, channel by channel, by the last operator's name.
#[derive(Clone, Debug)]
pub(super) struct Affine {
    pub(super) name: String,
    pub(super) scale: Vec<f64>,
    pub(super) shift: Vec<f64>,
}

impl Affine {
    /// What changes nothing.
    pub(super) fn identity(channels: usize) -> Self {
        Self { name: String::new(), scale: vec![1.0; channels], shift: vec![0.0; channels] }
    }
}
