//! A network as data: nodes in topological order, shapes checked once.
//!
//! Parameters and masks are kept apart, by node name: `NAME.weight`, `NAME.bias`, and for batch norm also
//! `NAME.running_mean` and `NAME.running_var` (PyTorch's names and layouts).

use crate::Error;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

use crate::tensor::Tensor;

/// Parameters by full name (`NAME.weight`, ...).
pub type Parameters = BTreeMap<String, Tensor>;

/// Index of a node in its graph.
pub type NodeId = usize;

/// Extent of one value: channels, rows, columns. A flat vector is `(n, 1, 1)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shape {
    /// Channels.
    pub c: usize,
    /// Rows.
    pub h: usize,
    /// Columns.
    pub w: usize,
}

impl Shape {
    /// `(channels, rows, columns)`.
    pub const fn new(c: usize, h: usize, w: usize) -> Self {
        Self { c, h, w }
    }

    /// Number of units.
    pub const fn size(self) -> usize {
        self.c * self.h * self.w
    }

    /// Units of one channel.
    pub const fn area(self) -> usize {
        self.h * self.w
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.c, self.h, self.w)
    }
}

/// Zero padding on each side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Padding {
    /// Rows above.
    pub top: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns before.
    pub left: usize,
    /// Columns after.
    pub right: usize,
}

impl Padding {
    /// The same padding on all four sides.
    pub const fn same(by: usize) -> Self {
        Self { top: by, bottom: by, left: by, right: by }
    }
}

/// The sliding window of a convolution or pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Rows and columns of the kernel.
    pub kernel: (usize, usize),
    /// Step down and across.
    pub stride: (usize, usize),
    /// Zeros around the input.
    pub padding: Padding,
}

impl Window {
    /// A square kernel with equal strides and padding.
    pub const fn square(kernel: usize, stride: usize, padding: usize) -> Self {
        Self { kernel: (kernel, kernel), stride: (stride, stride), padding: Padding::same(padding) }
    }

    /// Rows and columns of the output, or `None` where the kernel does not fit once.
    pub fn output(&self, input: Shape) -> Option<(usize, usize)> {
        let h = (input.h + self.padding.top + self.padding.bottom).checked_sub(self.kernel.0)?;
        let w = (input.w + self.padding.left + self.padding.right).checked_sub(self.kernel.1)?;
        (self.stride.0 > 0 && self.stride.1 > 0).then(|| (h / self.stride.0 + 1, w / self.stride.1 + 1))
    }
}

/// The nonlinearity of an activation layer's kept units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `x / (1 + e^-x)`.
    Silu,
}

/// What a node computes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Op {
    /// The normalised image. Exactly one, first.
    Input,
    /// Cross-correlation with `NAME.weight` `(out, in, rows, columns)` and, if `bias`, `NAME.bias` `(out)`.
    Conv {
        /// Output channels.
        out: usize,
        /// Kernel, stride, padding.
        window: Window,
        /// Whether there is a bias.
        bias: bool,
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
    /// Average over the window (zeros of the padding count).
    AvgPool {
        /// Kernel, stride, padding.
        window: Window,
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

/// One operation and where its inputs come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Unique; also the prefix of its parameters.
    pub name: String,
    /// What it computes.
    #[serde(flatten)]
    pub op: Op,
    /// Indices of earlier nodes.
    pub inputs: Vec<NodeId>,
}

/// A checked network: the last node is the output (logits).
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    input: Shape,
    nodes: Vec<Node>,
    shapes: Vec<Shape>,
}

/// An activation layer of a graph.
#[derive(Clone, Copy, Debug)]
pub struct ActivationLayer<'a> {
    /// Its node.
    pub node: NodeId,
    /// The node's name.
    pub name: &'a str,
    /// The layer's shape.
    pub shape: Shape,
    /// The kept units' nonlinearity.
    pub activation: Activation,
}

impl Graph {
    /// Checks names, order and shapes.
    pub fn new(input: Shape, nodes: Vec<Node>) -> Result<Self, Error> {
        let mut shapes: Vec<Shape> = Vec::with_capacity(nodes.len());
        for (id, node) in nodes.iter().enumerate() {
            if nodes[..id].iter().any(|n| n.name == node.name) {
                return Err(Error::model(&node.name, "a unique name", "a second node of that name"));
            }
            if let Some(bad) = node.inputs.iter().find(|i| **i >= id) {
                return Err(Error::model(&node.name, "inputs among earlier nodes", format!("node {bad}")));
            }
            let inputs: Vec<Shape> = node.inputs.iter().map(|i| shapes[*i]).collect();
            if (id == 0) != (node.op == Op::Input) {
                return Err(Error::model(&node.name, "exactly one input node, first", format!("node {id}")));
            }
            shapes.push(infer(node, input, &inputs)?);
        }
        if nodes.len() < 2 {
            return Err(Error::model(
                "graph",
                "an input and at least one operation",
                nodes.len().to_string(),
            ));
        }
        Ok(Self { input, nodes, shapes })
    }

    /// Shape of the image.
    pub fn input(&self) -> Shape {
        self.input
    }

    /// All nodes, in topological order.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Shape of a node's output.
    pub fn shape(&self, node: NodeId) -> Shape {
        self.shapes[node]
    }

    /// Number of logits.
    pub fn classes(&self) -> usize {
        self.shapes.last().expect("a graph has nodes").size()
    }

    /// The activation layers, in network order: PrivShap's players.
    pub fn activations(&self) -> impl Iterator<Item = ActivationLayer<'_>> {
        self.nodes.iter().enumerate().filter_map(|(node, n)| match n.op {
            Op::Act { activation } => {
                Some(ActivationLayer { node, name: &n.name, shape: self.shapes[node], activation })
            }
            Op::Input
            | Op::Conv { .. }
            | Op::Linear { .. }
            | Op::BatchNorm { .. }
            | Op::Add
            | Op::AvgPool { .. }
            | Op::PadChannels { .. } => None,
        })
    }

    /// Names and shapes of every parameter that the graph asks for.
    pub fn parameter_shapes(&self) -> BTreeMap<String, Vec<usize>> {
        let mut all = BTreeMap::new();
        for node in &self.nodes {
            let mut add = |suffix: &str, shape: Vec<usize>| {
                all.insert(format!("{}.{suffix}", node.name), shape);
            };
            let input = node.inputs.first().map(|i| self.shapes[*i]);
            match (&node.op, input) {
                (Op::Conv { out, window, bias }, Some(input)) => {
                    add("weight", vec![*out, input.c, window.kernel.0, window.kernel.1]);
                    if *bias {
                        add("bias", vec![*out]);
                    }
                }
                (Op::Linear { out, bias }, Some(input)) => {
                    add("weight", vec![*out, input.size()]);
                    if *bias {
                        add("bias", vec![*out]);
                    }
                }
                (Op::BatchNorm { .. }, Some(input)) => {
                    for suffix in ["weight", "bias", "running_mean", "running_var"] {
                        add(suffix, vec![input.c]);
                    }
                }
                (
                    Op::Input
                    | Op::Act { .. }
                    | Op::Add
                    | Op::AvgPool { .. }
                    | Op::PadChannels { .. }
                    | Op::Conv { .. }
                    | Op::Linear { .. }
                    | Op::BatchNorm { .. },
                    _,
                ) => {}
            }
        }
        all
    }

    /// Errors unless `parameters` holds exactly what the graph asks for, in the right shapes.
    pub fn check_parameters(&self, parameters: &Parameters) -> Result<(), Error> {
        let wanted = self.parameter_shapes();
        for (name, shape) in &wanted {
            match parameters.get(name) {
                None => return Err(Error::model(name, format!("a parameter of shape {shape:?}"), "none")),
                Some(tensor) if tensor.shape() != shape => {
                    return Err(Error::model(
                        name,
                        format!("shape {shape:?}"),
                        format!("{:?}", tensor.shape()),
                    ));
                }
                Some(_) => {}
            }
        }
        match parameters.keys().find(|name| !wanted.contains_key(*name)) {
            Some(name) => Err(Error::model(name, "a parameter of the graph", "one that it does not use")),
            None => Ok(()),
        }
    }
}

/// A node's output shape from its inputs' shapes; `image` is the shape of the graph's input.
pub fn infer(node: &Node, image: Shape, inputs: &[Shape]) -> Result<Shape, Error> {
    let arity = match node.op {
        Op::Input => 0..=0,
        Op::Add => 2..=usize::MAX,
        Op::Conv { .. }
        | Op::Linear { .. }
        | Op::BatchNorm { .. }
        | Op::Act { .. }
        | Op::AvgPool { .. }
        | Op::PadChannels { .. } => 1..=1,
    };
    if !arity.contains(&inputs.len()) {
        return Err(Error::model(
            &node.name,
            format!("{} to {} inputs", arity.start(), arity.end()),
            inputs.len().to_string(),
        ));
    }
    let window_output = |window: &Window, input: Shape| {
        window.output(input).ok_or_else(|| {
            Error::model(&node.name, "a window that fits its input", format!("{window:?} on {input}"))
        })
    };
    Ok(match &node.op {
        Op::Input => image,
        Op::Conv { out, window, .. } => {
            let (h, w) = window_output(window, inputs[0])?;
            Shape::new(*out, h, w)
        }
        Op::AvgPool { window } => {
            let (h, w) = window_output(window, inputs[0])?;
            Shape::new(inputs[0].c, h, w)
        }
        Op::Linear { out, .. } => Shape::new(*out, 1, 1),
        Op::BatchNorm { .. } | Op::Act { .. } => inputs[0],
        Op::Add => match inputs.iter().find(|s| **s != inputs[0]) {
            None => inputs[0],
            Some(other) => {
                return Err(Error::model(
                    &node.name,
                    format!("inputs of shape {}", inputs[0]),
                    other.to_string(),
                ));
            }
        },
        Op::PadChannels { stride, before, after } => {
            if *stride == 0 {
                return Err(Error::model(&node.name, "a stride of at least 1", "0"));
            }
            let s = inputs[0];
            Shape::new(before + s.c + after, s.h.div_ceil(*stride), s.w.div_ceil(*stride))
        }
    })
}

#[derive(Serialize, Deserialize)]
struct Wire {
    input: Shape,
    nodes: Vec<Node>,
}

impl Serialize for Graph {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Wire { input: self.input, nodes: self.nodes.clone() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Graph {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = Wire::deserialize(deserializer)?;
        Self::new(wire.input, wire.nodes).map_err(serde::de::Error::custom)
    }
}
