//! The builder of the built-in networks.

use crate::Error;
use crate::graph::{Activation, Graph, MaxPool, Node, NodeId, Op, Padding, Shape, Window};

/// PyTorch's default for batch norm.
const BN_EPS: f64 = 1e-5;

/// Nodes so far; every call appends one and returns its index.
pub(super) struct Builder {
    pub(super) input: Shape,
    pub(super) nodes: Vec<Node>,
}

impl Builder {
    pub(super) fn new(input: Shape) -> Self {
        Self { input, nodes: vec![Node { name: "input".into(), op: Op::Input, inputs: vec![] }] }
    }

    pub(super) fn push(&mut self, name: impl Into<String>, op: Op, inputs: Vec<NodeId>) -> NodeId {
        self.nodes.push(Node { name: name.into(), op, inputs });
        self.nodes.len() - 1
    }

    /// A convolution without bias that keeps rows and columns, but for its stride.
    pub(super) fn conv(
        &mut self,
        name: &str,
        from: NodeId,
        out: usize,
        kernel: usize,
        stride: usize,
    ) -> NodeId {
        let window = Window::square(kernel, stride, kernel / 2);
        self.push(name, Op::Conv { out, window, bias: false, groups: 1 }, vec![from])
    }

    pub(super) fn norm(&mut self, name: &str, from: NodeId) -> NodeId {
        self.push(name, Op::BatchNorm { eps: BN_EPS }, vec![from])
    }

    pub(super) fn activation(&mut self, name: &str, activation: Activation, from: NodeId) -> NodeId {
        self.push(name, Op::Act { activation }, vec![from])
    }

    /// A convolution with a bias.
    pub(super) fn conv_with_bias(&mut self, name: &str, from: NodeId, out: usize, window: Window) -> NodeId {
        self.push(name, Op::Conv { out, window, bias: true, groups: 1 }, vec![from])
    }

    /// The shape of what `node` makes.
    pub(super) fn shape(&self, node: NodeId) -> Result<Shape, Error> {
        match node {
            0 => Ok(self.input),
            node => Ok(Graph::new(self.input, self.nodes.clone())?.shape(node)),
        }
    }

    /// A max pool; with `rounded_up` a last place that begins in the input counts though it does not fit.
    pub(super) fn max_pool(
        &mut self,
        name: &str,
        input: NodeId,
        window: Window,
        rounded_up: bool,
    ) -> Result<NodeId, Error> {
        let shape = self.shape(input)?;
        let wrong = |found: String| Error::model(name, "an image that its pools fit", found);
        let (mut rows, mut columns) = window.output(shape).ok_or_else(|| wrong(shape.to_string()))?;
        if rounded_up {
            rows += usize::from((rows - 1) * window.stride.0 + window.kernel.0 < shape.h);
            columns += usize::from((columns - 1) * window.stride.1 + window.kernel.1 < shape.w);
        }
        let pool = MaxPool { input, shape, window, places: (rows, columns) };
        let mut push = |name: String, op: Op, inputs: Vec<NodeId>| Ok(self.push(name, op, inputs));
        pool.append(name, &mut push, |_, found| wrong(found))
    }

    /// Averages over the whole map and classifies.
    pub(super) fn finish(
        mut self,
        last: NodeId,
        pool: &str,
        linear: &str,
        classes: usize,
    ) -> Result<Graph, Error> {
        let map = self.shape(last)?;
        let whole = (map.h, map.w);
        let window = Window { kernel: whole, stride: whole, padding: Padding::default() };
        let pooled = self.push(pool, Op::average(window), vec![last]);
        self.push(linear, Op::Linear { out: classes, bias: true }, vec![pooled]);
        Graph::new(self.input, self.nodes)
    }
}
