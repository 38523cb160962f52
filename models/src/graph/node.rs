//! Operations, and how much a graph may have of what.

use super::activation::Activation;
use super::shape::{Padding, Picks, Window};
use serde::Serialize;

/// Most nodes of a graph.
pub const MOST_NODES: usize = 10_000;
/// Most inputs of a node.
pub const MOST_INPUTS: usize = 64;
/// Most units of a value, with the zeros around it that a window counts in: as many as a plan's values may have.
pub const MOST_UNITS: usize = 1 << 26;
/// Most units of all values together.
pub const MOST_UNITS_IN_ALL: usize = 1 << 27;
/// Most parameters of all nodes together: with a mask for every unit, they fill a checkpoint's file.
pub const MOST_PARAMETERS: usize = 450_000_000;

/// Index of a node in its graph.
pub type NodeId = usize;

/// What a node computes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Op {
    /// The normalised image. Exactly one, first.
    Input,
    /// Cross-correlation with `NAME.weight` `(out, in / groups, rows, columns)` and, if `bias`, `NAME.bias` `(out)`.
    Conv {
        /// Output channels.
        out: usize,
        /// Kernel, stride, padding.
        window: Window,
        /// Whether there is a bias.
        bias: bool,
        /// Parts of equal size that input and output channels are cut into, in order: each output is of its own part of the
        /// input. With as many as input channels, a depthwise convolution.
        #[serde(skip_serializing_if = "is_one")]
        groups: usize,
    },
    /// Fully connected over the flattened input, `NAME.weight` `(out, in)`, and, if `bias`, `NAME.bias` `(out)`.
    Linear {
        /// Outputs.
        out: usize,
        /// Whether there is a bias.
        bias: bool,
    },
    /// Inference-time batch norm over channels.
    BatchNorm {
        /// Added to the variance.
        eps: f64,
    },
    /// `mask * activation(x) + (1 - mask) * x`; the mask is kept by node name.
    Act {
        /// The kept units' nonlinearity.
        activation: Activation,
    },
    /// Sum of all inputs, which have one shape.
    Add,
    /// Product of two inputs, unit by unit: of one shape, or the second with one unit a channel, as gates have.
    Product,
    /// Average over the window; zeros of the padding count but for those that are said not to.
    AvgPool {
        /// Kernel, stride, padding.
        window: Window,
        /// How much of the padding does not count, the outermost on each side.
        #[serde(skip_serializing_if = "Padding::is_none")]
        uncounted: Padding,
    },
    /// The channels of all inputs, which have the same rows and columns, in order.
    Concat,
    /// Channels by their indices, in any order; some may be left out, others come more than once.
    Channels {
        /// Which channel of the input each of the output's is.
        picked: Vec<usize>,
    },
    /// A number times the input, the same for every unit.
    Scale {
        /// The number, finite and not zero.
        by: f64,
    },
    /// Rows and columns by their indices, each as often as they say; those beyond an edge are the row or column at the edge.
    Slice {
        /// Rows.
        rows: Picks,
        /// Columns.
        columns: Picks,
    },
    /// Rows and columns of one number around the input.
    Pad {
        /// How many on each side.
        around: Padding,
        /// The number, finite.
        value: f64,
    },
    /// CIFAR ResNet's parameter-free shortcut ("option A"): every `stride`-th row and column, zero channels around.
    PadChannels {
        /// Subsampling step.
        stride: usize,
        /// Zero channels before.
        before: usize,
        /// Zero channels after.
        after: usize,
    },
}

impl Op {
    /// An average over a window whose zeros all count.
    pub const fn average(window: Window) -> Self {
        Self::AvgPool { window, uncounted: Padding::same(0) }
    }
}

/// One operation and where its inputs come from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Node {
    /// Unique; also the prefix of its parameters.
    pub name: String,
    /// What it computes.
    #[serde(flatten)]
    pub op: Op,
    /// Indices of earlier nodes.
    pub inputs: Vec<NodeId>,
}

/// Files have groups only where there are some.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_one(groups: &usize) -> bool {
    *groups == 1
}
