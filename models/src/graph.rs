//! A network as data: nodes in topological order, shapes checked once.
//!
//! Parameters and masks are kept apart, by node name: `NAME.weight`, `NAME.bias`, and for batch norm also
//! `NAME.running_mean` and `NAME.running_var` (PyTorch's names and layouts).

use crate::Error;
use crate::tensor::Tensor;
use crate::text::check_line;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::fmt;

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

    /// Number of units; `usize::MAX` where that is too small, which no graph's value reaches.
    pub const fn size(self) -> usize {
        self.c.saturating_mul(self.area())
    }

    /// Units of one channel; `usize::MAX` where that is too small.
    pub const fn area(self) -> usize {
        self.h.saturating_mul(self.w)
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

    /// The input with the zeros around it; `None` where no number says how large that is.
    pub fn padded(&self, input: Shape) -> Option<Shape> {
        let Padding { top, bottom, left, right } = self.padding;
        let h = input.h.checked_add(top)?.checked_add(bottom)?;
        let w = input.w.checked_add(left)?.checked_add(right)?;
        Some(Shape::new(input.c, h, w))
    }

    /// Rows and columns of the output, or `None` where the kernel does not fit once, or is empty, or never moves on.
    pub fn output(&self, input: Shape) -> Option<(usize, usize)> {
        let padded = self.padded(input)?;
        let positions = |size: usize, kernel: usize, stride: usize| {
            let rest = size.checked_sub(kernel)?;
            (kernel > 0 && stride > 0).then(|| rest / stride + 1)
        };
        let h = positions(padded.h, self.kernel.0, self.stride.0)?;
        Some((h, positions(padded.w, self.kernel.1, self.stride.1)?))
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
#[derive(Clone, Debug, PartialEq, Serialize)]
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
    /// Checks names, order, shapes and sizes.
    ///
    /// # Errors
    /// [`Error::Model`] with the node that is wrong, [`Error::Argument`] with a name that cannot be printed.
    pub fn new(input: Shape, nodes: Vec<Node>) -> Result<Self, Error> {
        if !(2..=MOST_NODES).contains(&nodes.len()) {
            let expected = format!("an input and at least one operation, at most {MOST_NODES} in all");
            return Err(Error::model("graph", expected, nodes.len().to_string()));
        }
        let mut shapes: Vec<Shape> = Vec::with_capacity(nodes.len());
        let mut names = HashSet::with_capacity(nodes.len());
        let (mut units, mut parameters) = (0, 0);
        for (id, node) in nodes.iter().enumerate() {
            check_line("a node's name", &node.name)?;
            if !names.insert(node.name.as_str()) {
                return Err(Error::model(&node.name, "a unique name", "a second node of that name"));
            }
            if let Some(bad) = node.inputs.iter().find(|i| **i >= id) {
                return Err(Error::model(&node.name, "inputs among earlier nodes", format!("node {bad}")));
            }
            if (id == 0) != (node.op == Op::Input) {
                return Err(Error::model(&node.name, "exactly one input node, first", format!("node {id}")));
            }
            let inputs: Vec<Shape> = node.inputs.iter().map(|i| shapes[*i]).collect();
            let shape = infer(node, input, &inputs)?;
            // What is added is capped itself, or saturates: neither sum wraps.
            units += shape.size();
            if units > MOST_UNITS_IN_ALL {
                let expected = format!("at most {MOST_UNITS_IN_ALL} units of all values");
                return Err(Error::model(&node.name, expected, format!("{units} so far")));
            }
            let own = parameters_of(node, inputs.first().copied());
            let own = own.iter().map(|(_, shape)| shape.iter().fold(1, |n: usize, x| n.saturating_mul(*x)));
            parameters = own.fold(parameters, usize::saturating_add);
            if parameters > MOST_PARAMETERS {
                let expected = format!("at most {MOST_PARAMETERS} parameters of all nodes");
                return Err(Error::model(&node.name, expected, format!("{parameters} so far")));
            }
            shapes.push(shape);
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
            for (suffix, shape) in parameters_of(node, node.inputs.first().map(|i| self.shapes[*i])) {
                all.insert(format!("{}.{suffix}", node.name), shape);
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

/// Suffixes and shapes of a node's parameters, by the shape of its first input.
fn parameters_of(node: &Node, input: Option<Shape>) -> Vec<(&'static str, Vec<usize>)> {
    let with_bias = |weight: Vec<usize>, out: usize, bias: bool| {
        let bias = bias.then(|| ("bias", vec![out]));
        [("weight", weight)].into_iter().chain(bias).collect()
    };
    match (&node.op, input) {
        (Op::Conv { out, window, bias }, Some(input)) => {
            with_bias(vec![*out, input.c, window.kernel.0, window.kernel.1], *out, *bias)
        }
        (Op::Linear { out, bias }, Some(input)) => with_bias(vec![*out, input.size()], *out, *bias),
        (Op::BatchNorm { .. }, Some(input)) => {
            ["weight", "bias", "running_mean", "running_var"].map(|suffix| (suffix, vec![input.c])).into()
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
        ) => Vec::new(),
    }
}

/// A node's output shape from its inputs' shapes; `image` is the shape of the graph's input.
///
/// # Errors
/// [`Error::Model`] where inputs do not fit, or the output has no units or more than [`MOST_UNITS`].
pub fn infer(node: &Node, image: Shape, inputs: &[Shape]) -> Result<Shape, Error> {
    let arity = match node.op {
        Op::Input => 0..=0,
        Op::Add => 2..=MOST_INPUTS,
        Op::Conv { .. }
        | Op::Linear { .. }
        | Op::BatchNorm { .. }
        | Op::Act { .. }
        | Op::AvgPool { .. }
        | Op::PadChannels { .. } => 1..=1,
    };
    if !arity.contains(&inputs.len()) {
        let expected = format!("{} to {} inputs", arity.start(), arity.end());
        return Err(Error::model(&node.name, expected, inputs.len().to_string()));
    }
    let shape = match &node.op {
        Op::Input => image,
        Op::Conv { out, window, .. } => slid(node, window, inputs[0], *out)?,
        Op::AvgPool { window } => slid(node, window, inputs[0], inputs[0].c)?,
        Op::Linear { out, .. } => Shape::new(*out, 1, 1),
        Op::BatchNorm { eps } if !eps.is_finite() => {
            return Err(Error::model(&node.name, "a finite eps", eps.to_string()));
        }
        Op::BatchNorm { .. } | Op::Act { .. } => inputs[0],
        Op::Add => match inputs.iter().find(|s| **s != inputs[0]) {
            None => inputs[0],
            Some(other) => {
                let expected = format!("inputs of shape {}", inputs[0]);
                return Err(Error::model(&node.name, expected, other.to_string()));
            }
        },
        Op::PadChannels { stride, before, after } => {
            if !(1..=MOST_UNITS).contains(stride) {
                let expected = format!("a stride of 1 to {MOST_UNITS}");
                return Err(Error::model(&node.name, expected, stride.to_string()));
            }
            let s = inputs[0];
            let c = s.c.saturating_add(*before).saturating_add(*after);
            Shape::new(c, s.h.div_ceil(*stride), s.w.div_ceil(*stride))
        }
    };
    match shape.size() {
        1..=MOST_UNITS => Ok(shape),
        _ => Err(Error::model(&node.name, format!("a value of 1 to {MOST_UNITS} units"), shape.to_string())),
    }
}

/// The output of a window that makes `out` channels.
fn slid(node: &Node, window: &Window, input: Shape, out: usize) -> Result<Shape, Error> {
    let fault = |expected: String| Error::model(&node.name, expected, format!("{window:?} on {input}"));
    let (h, w) = window.output(input).ok_or_else(|| fault("a window that fits its input".into()))?;
    let units = window.padded(input).map_or(usize::MAX, Shape::size);
    if units > MOST_UNITS || window.stride.0.max(window.stride.1) > MOST_UNITS {
        return Err(fault(format!("a window of strides and a padded input of at most {MOST_UNITS}")));
    }
    Ok(Shape::new(out, h, w))
}

impl Serialize for Graph {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Described { input: self.input, nodes: &self.nodes }.serialize(serializer)
    }
}

#[derive(Serialize)]
struct Described<'a> {
    input: Shape,
    nodes: &'a [Node],
}
