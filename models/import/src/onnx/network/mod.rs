//! The network that is being read: values by ONNX name, and the nodes made so far.

mod settling;

use super::Fault;
use super::array::Array;
use super::node::{Node, shown};
use super::value::{Affine, Map, Pending, Value};
use models::Error;
use models::data::Normalisation;
use models::graph::{self, Activation, MaxPool, NodeId, Op, Parameters, Shape, Window};
use models::tensor::Tensor;
use std::collections::HashMap;

/// Numbers that constants, parameters and factors of channels may have beside one for each of the file's bytes: a weight of four
/// bytes may be read, transposed and seen otherwise, and becomes a parameter.
const NUMBERS_BASE: usize = 1 << 21;

/// Nodes and values so far.
pub(super) struct Network {
    /// Values of the file that stand for others.
    aliases: HashMap<String, String>,
    /// How often every value is read.
    readers: HashMap<String, usize>,
    values: HashMap<String, Value>,
    nodes: Vec<graph::Node>,
    shapes: Vec<Shape>,
    /// Names in use, and the number that the next like it gets.
    names: HashMap<String, usize>,
    parameters: Parameters,
    /// Numbers that may still be kept.
    room: usize,
    /// The operator behind the logits that is left out.
    dropped: Option<&'static str>,
    /// The normalisation that every reader of the image applies to it first; unknown before the first reader.
    normalisation: Option<(Vec<f64>, Vec<f64>)>,
}

/// What a file's network is made of, once all of it is read.
pub(super) struct Finished {
    pub(super) nodes: Vec<graph::Node>,
    pub(super) parameters: Parameters,
    pub(super) normalisation: Option<Normalisation>,
    /// The operator behind the logits that is left out.
    pub(super) dropped: Option<&'static str>,
}

impl Network {
    /// A network of an image only, by the name of the file's input, whose channels may be its last axis; `file` is how many bytes
    /// that has.
    pub(super) fn new(
        (input, image, channels_last): (&str, Shape, bool),
        aliases: HashMap<String, String>,
        readers: HashMap<String, usize>,
        file: usize,
    ) -> Result<Self, Fault> {
        let mut network = Self {
            aliases,
            readers,
            values: HashMap::new(),
            nodes: Vec::new(),
            shapes: Vec::new(),
            names: HashMap::new(),
            parameters: Parameters::new(),
            room: file.saturating_add(NUMBERS_BASE),
            dropped: None,
            normalisation: None,
        };
        network.push("input".into(), Op::Input, vec![], image)?;
        let (c, h, w) = (image.c, image.h, image.w);
        let dims = if channels_last { vec![1, h, w, c] } else { vec![1, c, h, w] };
        let raw = network.fresh(0, dims, input);
        let identity = Affine::identity(image.c);
        let pending =
            if channels_last { Pending::ChannelsLast(Some(identity)) } else { Pending::Image(identity) };
        network.define(input, Value::Map(Map { pending, ..raw }))?;
        Ok(network)
    }

    /// Remembers that the operator behind the logits is left out.
    pub(super) fn drop_last(&mut self, operator: &'static str) {
        self.dropped = Some(operator);
    }

    /// The name of the value that `name` stands for.
    fn resolved<'a>(&'a self, name: &'a str) -> &'a str {
        self.aliases.get(name).map_or(name, String::as_str)
    }

    /// How often the file reads the value.
    fn readers(&self, name: &str) -> usize {
        self.readers.get(self.resolved(name)).copied().unwrap_or_default()
    }

    /// Whether `name` is the value `other`, by itself or by operators that repeat it.
    pub(super) fn stands_for(&self, name: &str, other: &str) -> bool {
        self.resolved(name) == other && self.readers(other) == 1
    }

    /// Gives a value its name, which must be new.
    pub(super) fn define(&mut self, name: &str, value: Value) -> Result<(), Fault> {
        match &value {
            Value::Constant(array) => self.keep(array.len())?,
            // Twice two words a channel.
            Value::Map(Map {
                pending: Pending::Image(affine) | Pending::Affine(affine) | Pending::Elements(affine),
                ..
            }) => self.keep(4 * affine.scale.len())?,
            Value::Map(Map { pending: Pending::Picked(picked), .. }) => {
                self.keep(6 * picked.channels.len())?
            }
            Value::Map(_) => {}
        }
        if self.aliases.contains_key(name) || self.values.insert(name.to_owned(), value).is_some() {
            return Err(Fault::new("values of different names", format!("`{}` twice", shown(name))));
        }
        Ok(())
    }

    /// Makes room for what `bytes` of another file hold.
    pub(super) fn add_room(&mut self, bytes: usize) {
        self.room = self.room.saturating_add(bytes);
    }

    /// Errors where so many numbers more could not be kept.
    pub(super) fn has_room(&self, numbers: usize) -> Result<(), Fault> {
        self.left(numbers).map(drop)
    }

    /// Takes `numbers` of the room that is left.
    pub(super) fn keep(&mut self, numbers: usize) -> Result<(), Fault> {
        self.room = self.left(numbers)?;
        Ok(())
    }

    /// The room that is left behind `numbers`.
    fn left(&self, numbers: usize) -> Result<usize, Fault> {
        self.room.checked_sub(numbers).ok_or_else(|| {
            let expected =
                format!("constants and parameters of one number a byte of the file, and {NUMBERS_BASE} more");
            Fault::new(expected, format!("{numbers} more than {} that are left", self.room))
        })
    }

    pub(super) fn value(&self, name: &str) -> Result<&Value, Fault> {
        let missing = || {
            let expected = "inputs that earlier operators or constants make";
            Fault::new(expected, format!("`{}`, which none of them does", shown(name)))
        };
        self.values.get(self.resolved(name)).ok_or_else(missing)
    }

    pub(super) fn constant(&self, name: &str) -> Result<&Array, Fault> {
        match self.value(name)? {
            Value::Constant(array) => Ok(array),
            Value::Map(_) => {
                let found = format!("`{}`, which depends on the image", shown(name));
                Err(Fault::new("a constant input", found))
            }
        }
    }

    /// A function of the image, with what is pending.
    pub(super) fn map(&self, name: &str) -> Result<&Map, Fault> {
        match self.value(name)? {
            Value::Map(map) => Ok(map),
            Value::Constant(_) => Err(Fault::new(
                "an input that depends on the image",
                format!("the constant `{}`", shown(name)),
            )),
        }
    }

    /// The shape of a node's output.
    pub(super) fn shape(&self, node: NodeId) -> Shape {
        self.shapes[node]
    }

    /// The shape of a value, with the channels that are picked of it.
    pub(super) fn seen(&self, map: &Map) -> Shape {
        let shape = self.shapes[map.node];
        match &map.pending {
            Pending::Picked(picked) => Shape { c: picked.channels.len(), ..shape },
            _ => shape,
        }
    }

    /// The value `output` as a node's output, seen with extents `dims`.
    pub(super) fn fresh(&self, node: NodeId, dims: Vec<usize>, output: &str) -> Map {
        Map { node, dims, sole: self.readers(output) == 1, pending: Pending::Nothing }
    }

    /// The value `output` as `map` with other extents or more pending.
    pub(super) fn derived(&self, map: &Map, dims: Vec<usize>, pending: Pending, output: &str) -> Map {
        Map { node: map.node, dims, sole: map.sole && self.readers(output) == 1, pending }
    }

    /// Appends the node of an operator.
    pub(super) fn add(&mut self, node: &Node<'_>, op: Op, inputs: Vec<NodeId>) -> Result<NodeId, Fault> {
        self.push(node.safe_name(), op, inputs, self.shapes[0])
    }

    /// Appends another node of an operator's, which does `part` of what it does.
    pub(super) fn add_beside(
        &mut self,
        node: &Node<'_>,
        part: &str,
        op: Op,
        inputs: Vec<NodeId>,
    ) -> Result<NodeId, Fault> {
        self.push(format!("{}.{part}", node.safe_name()), op, inputs, self.shapes[0])
    }

    /// Appends a node that multiplies every channel with its factor and adds its term.
    pub(super) fn add_lines(
        &mut self,
        node: &Node<'_>,
        part: &str,
        scale: Vec<f64>,
        shift: Vec<f64>,
        input: NodeId,
    ) -> Result<NodeId, Fault> {
        self.batch_norm(&Affine { name: format!("{}.{part}", node.safe_name()), scale, shift }, input)
    }

    /// Appends a max pool: `window` at `(rows, columns)` places of node `input`. A monotone activation that only it reads, and
    /// that was appended last, comes after it instead: the largest of what it makes is what it makes of the largest.
    pub(super) fn add_max_pool(
        &mut self,
        node: &Node<'_>,
        input: &Map,
        window: &Window,
        places: (usize, usize),
    ) -> Result<NodeId, Fault> {
        let last = self.nodes.len() - 1;
        let moves = |op: &Op| {
            matches!(op, Op::Act { activation: Activation::Relu | Activation::Relu1 | Activation::Relu6 })
                && input.sole
                && input.node == last
        };
        let moved = match moves(&self.nodes[last].op) {
            true => {
                self.shapes.pop();
                self.nodes.pop()
            }
            false => None,
        };
        let from = moved.as_ref().map_or(input.node, |moved| moved.inputs[0]);
        let (shape, image) = (self.shapes[from], self.shapes[0]);
        let mut push = |name, op, inputs| self.push(name, op, inputs, image);
        let pool = MaxPool { input: from, shape, window: *window, places };
        let added = pool.append(&node.safe_name(), &mut push, Fault::new)?;
        match moved {
            Some(moved) => {
                self.names.remove(&moved.name);
                self.push(moved.name, moved.op, vec![added], image)
            }
            None => Ok(added),
        }
    }

    /// Appends a node under a name like `name`.
    fn push(&mut self, name: String, op: Op, inputs: Vec<NodeId>, image: Shape) -> Result<NodeId, Fault> {
        let name = self.unused(name);
        let node = graph::Node { name, op, inputs };
        let inputs: Vec<Shape> = node.inputs.iter().map(|input| self.shapes[*input]).collect();
        let shape = graph::infer(&node, image, &inputs).map_err(Fault::from_graph)?;
        self.nodes.push(node);
        self.shapes.push(shape);
        Ok(self.nodes.len() - 1)
    }

    /// `name`, or that with a number where a node has it.
    fn unused(&mut self, name: String) -> String {
        let mut number = self.names.get(&name).copied().unwrap_or(1);
        let mut numbered = name.clone();
        while self.names.contains_key(&numbered) {
            number += 1;
            numbered = format!("{name}_{number}");
        }
        self.names.insert(name, number);
        self.names.entry(numbered.clone()).or_insert(1);
        numbered
    }

    /// Stores `NAME.suffix` of a node.
    pub(super) fn parameter(
        &mut self,
        node: NodeId,
        suffix: &str,
        shape: Vec<usize>,
        data: Vec<f32>,
    ) -> Result<(), Fault> {
        if let Some(bad) = data.iter().find(|x| !x.is_finite()) {
            return Err(Fault::new(format!("a finite {suffix}"), bad.to_string()));
        }
        self.keep(data.len())?;
        let tensor = Tensor::new(shape, data).map_err(Fault::from_graph)?;
        self.parameters.insert(format!("{}.{suffix}", self.nodes[node].name), tensor);
        Ok(())
    }

    /// Adds `shift` to the bias of the convolution or linear layer whose only reader adds it; false for other maps.
    pub(super) fn add_to_bias(&mut self, map: &Map, shift: &[f64]) -> Result<bool, Fault> {
        if !map.sole || !matches!(map.pending, Pending::Nothing) {
            return Ok(false);
        }
        let (Op::Conv { bias, .. } | Op::Linear { bias, .. }) = &mut self.nodes[map.node].op else {
            return Ok(false);
        };
        let had = std::mem::replace(bias, true);
        let name = format!("{}.bias", self.nodes[map.node].name);
        let sum = match self.parameters.get(&name).filter(|_| had) {
            Some(old) => old.data().iter().zip(shift).map(|(a, b)| (f64::from(*a) + b) as f32).collect(),
            None => shift.iter().map(|x| *x as f32).collect(),
        };
        self.parameter(map.node, "bias", vec![shift.len()], sum)?;
        Ok(true)
    }

    /// A batch norm that computes exactly `affine`.
    fn batch_norm(&mut self, affine: &Affine, input: NodeId) -> Result<NodeId, Fault> {
        let op = Op::BatchNorm { eps: 0.0 };
        let node = self.push(affine.name.clone(), op, vec![input], self.shapes[0])?;
        let channels = affine.scale.len();
        let rounded = |values: &[f64]| values.iter().map(|x| *x as f32).collect();
        self.parameter(node, "weight", vec![channels], rounded(&affine.scale))?;
        self.parameter(node, "bias", vec![channels], rounded(&affine.shift))?;
        self.parameter(node, "running_mean", vec![channels], vec![0.0; channels])?;
        self.parameter(node, "running_var", vec![channels], vec![1.0; channels])?;
        Ok(node)
    }
}

impl Fault {
    /// The fault of a graph's node, whose name is given elsewhere.
    fn from_graph(error: Error) -> Self {
        match error {
            Error::Model { expected, found, .. } | Error::Argument { expected, found, .. } => {
                Self { expected, found }
            }
            other => Self::new("a sound network", other.to_string()),
        }
    }
}
