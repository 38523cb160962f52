//! A network as data: nodes in topological order, shapes checked once.
//!
//! Parameters and masks are kept apart, by node name: `NAME.weight`, `NAME.bias`, and for batch norm also
//! `NAME.running_mean` and `NAME.running_var` (PyTorch's names and layouts).

mod activation;
mod average;
mod infer;
mod max_pool;
mod node;
mod shape;

pub use activation::Activation;
pub use average::{Average, Counts};
pub use infer::infer;
pub use max_pool::MaxPool;
pub use node::{MOST_INPUTS, MOST_NODES, MOST_PARAMETERS, MOST_UNITS, MOST_UNITS_IN_ALL, Node, NodeId, Op};
pub use shape::{Padding, Picks, Shape, Window};

use crate::Error;
use crate::tensor::Tensor;
use crate::text::check_line;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};

/// Parameters by full name (`NAME.weight`, ...).
pub type Parameters = BTreeMap<String, Tensor>;

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
            | Op::Product
            | Op::AvgPool { .. }
            | Op::Concat
            | Op::Channels { .. }
            | Op::Scale { .. }
            | Op::Slice { .. }
            | Op::Pad { .. }
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
        self.check_variances(parameters)?;
        match parameters.keys().find(|name| !wanted.contains_key(*name)) {
            Some(name) => Err(Error::model(name, "a parameter of the graph", "one that it does not use")),
            None => Ok(()),
        }
    }

    /// Errors where a batch norm would take the root of a number that is not positive.
    fn check_variances(&self, parameters: &Parameters) -> Result<(), Error> {
        for node in &self.nodes {
            let Op::BatchNorm { eps } = node.op else { continue };
            let name = format!("{}.running_var", node.name);
            let bad = |x: &&f32| **x < 0.0 || f64::from(**x) + eps <= 0.0;
            if let Some(bad) = parameters[&name].data().iter().find(bad) {
                let expected = format!("variances that are not negative, and positive with epsilon {eps:e}");
                return Err(Error::model(name, expected, bad.to_string()));
            }
        }
        Ok(())
    }
}

/// Suffixes and shapes of a node's parameters, by the shape of its first input.
fn parameters_of(node: &Node, input: Option<Shape>) -> Vec<(&'static str, Vec<usize>)> {
    let with_bias = |weight: Vec<usize>, out: usize, bias: bool| {
        let bias = bias.then(|| ("bias", vec![out]));
        [("weight", weight)].into_iter().chain(bias).collect()
    };
    match (&node.op, input) {
        (Op::Conv { out, window, bias, groups }, Some(input)) => {
            with_bias(vec![*out, input.c / groups, window.kernel.0, window.kernel.1], *out, *bias)
        }
        (Op::Linear { out, bias }, Some(input)) => with_bias(vec![*out, input.size()], *out, *bias),
        (Op::BatchNorm { .. }, Some(input)) => {
            ["weight", "bias", "running_mean", "running_var"].map(|suffix| (suffix, vec![input.c])).into()
        }
        (
            Op::Input
            | Op::Act { .. }
            | Op::Add
            | Op::Product
            | Op::AvgPool { .. }
            | Op::Concat
            | Op::Channels { .. }
            | Op::Scale { .. }
            | Op::Slice { .. }
            | Op::Pad { .. }
            | Op::PadChannels { .. }
            | Op::Conv { .. }
            | Op::Linear { .. }
            | Op::BatchNorm { .. },
            _,
        ) => Vec::new(),
    }
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
