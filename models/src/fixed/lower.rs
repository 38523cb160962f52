//! From a graph to linear segments and activation steps, weights still real.
//!
//! Batch norms are folded into the convolutions before them; average pools become sums whose divisor is owed by the
//! next weights. Public maps go through sums, and a convolution of values that lie side by side, as a concatenation's do, is the
//! sum of its parts'. Where a segment would need two secret maps in a row, the value between is rescaled by an activation
//! step of its own with nothing kept, and so is a product, which has the scales of both factors.

use super::curve::Curve;
use super::steps::{
    ActivationStep, MOST_DIVISOR, ProductStep, PublicMap, Segment, Step, Term, TermOp, ValueId,
};
use crate::Error;
use crate::graph::{Activation, Average, Graph, NodeId, Op, Parameters, Shape, Window};
use crate::mask::Masks;
use crate::real::batch_norm;
use serde::{Deserialize, Serialize};

/// The secret half of a segment: one kernel per convolution term, in term order, and the bias.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SegmentWeights<W, B> {
    /// Per term `(out, in, rows, columns)`; empty for a term without weights.
    pub kernels: Vec<Vec<W>>,
    /// Per output channel, or per output unit where borders have one of their own.
    pub bias: Vec<B>,
}

/// A network as steps over the reals.
#[derive(Clone, Debug)]
pub struct Lowered {
    /// Shape of the image.
    pub input: Shape,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// The weights of step `i`; `None` for activation steps.
    pub weights: Vec<Option<SegmentWeights<f32, f32>>>,
}

/// Folds `graph` into steps.
pub fn lower(graph: &Graph, parameters: &Parameters, masks: &Masks) -> Result<Lowered, Error> {
    graph.check_parameters(parameters)?;
    let mut lowering = Lowering { graph, parameters, masks, steps: Vec::new(), weights: Vec::new() };
    let mut exprs: Vec<Expr> = Vec::new();
    let last = graph.nodes().len() - 1;
    let mut readers = vec![0; graph.nodes().len()];
    graph.nodes().iter().flat_map(|node| &node.inputs).for_each(|input| readers[*input] += 1);
    for (id, readers) in readers.into_iter().enumerate() {
        let mut expr = lowering.node(id, &mut exprs)?;
        if (readers > 1 && !expr.is_public()) || expr.terms.len() > MOST_TERMS {
            expr = lowering.rescaled(&expr, id);
        }
        if id == last && !matches!(graph.nodes()[id].op, Op::Act { .. }) {
            lowering.segment(&expr, &graph.nodes()[id].name);
        }
        exprs.push(expr);
    }
    Ok(Lowered { input: graph.input(), steps: lowering.steps, weights: lowering.weights })
}

/// Most terms of a segment: a sum of sums that are read again would have twice as many each time.
const MOST_TERMS: usize = 128;

/// A linear expression in values that exist already.
#[derive(Clone)]
struct Expr {
    terms: Vec<RealTerm>,
    bias: Vec<f32>,
    shape: Shape,
}

#[derive(Clone)]
struct RealTerm {
    source: ValueId,
    pre: Vec<PublicMap>,
    shape: Shape,
    divisor: u64,
    factor: f64,
    conv: Option<RealConv>,
}

/// A convolution with its kernel `(out, in / groups, rows, columns)`.
#[derive(Clone)]
struct RealConv {
    window: Window,
    groups: usize,
    kernel: Vec<f32>,
}

impl RealTerm {
    /// The same after another public map.
    fn mapped(mut self, map: PublicMap) -> Self {
        self.shape = map.output(self.shape);
        match (self.pre.last_mut(), map) {
            (
                Some(PublicMap::PadChannels { stride: 1, before, after }),
                PublicMap::PadChannels { stride: 1, before: more_before, after: more_after },
            ) => {
                *before += more_before;
                *after += more_after;
            }
            (_, map) => self.pre.push(map),
        }
        self
    }

    /// The channels that may be other than zero: the first, and one behind the last.
    fn channels(&self) -> (usize, usize) {
        match self.pre.last() {
            Some(PublicMap::PadChannels { before, after, .. }) => (*before, self.shape.c - after),
            _ => (0, self.shape.c),
        }
    }

    /// The convolution of this value: weights of channels that are zero are left out.
    fn convolved(mut self, window: Window, groups: usize, kernel: &[f32]) -> Self {
        let (all, taps) = (self.shape.c / groups, window.kernel.0 * window.kernel.1);
        let mut channels = 0..all;
        if let Some(PublicMap::PadChannels { stride: 1, before, after }) = self.pre.last()
            && groups == 1
        {
            channels = *before..all - after;
            self.pre.pop();
            self.shape.c = channels.len();
        }
        let rows = kernel.chunks_exact(all * taps);
        let weights = rows.flat_map(|row| &row[channels.start * taps..channels.end * taps]);
        let factor = std::mem::replace(&mut self.factor, 1.0);
        let kernel = weights.map(|w| (f64::from(*w) * factor) as f32).collect();
        self.conv = Some(RealConv { window, groups, kernel });
        self
    }
}

impl Expr {
    fn value(source: ValueId, shape: Shape) -> Self {
        let term = RealTerm { source, pre: Vec::new(), shape, divisor: 1, factor: 1.0, conv: None };
        Self { terms: vec![term], bias: vec![0.0; shape.c], shape }
    }

    /// Itself for its reader. One that is no public function has no other, and leaves nothing behind: of a long sum of sums, the
    /// weights would otherwise be kept as often as there are sums.
    fn taken(&mut self) -> Self {
        if self.is_public() {
            return self.clone();
        }
        let rest = Self { terms: Vec::new(), bias: Vec::new(), shape: self.shape };
        std::mem::replace(self, rest)
    }

    /// Terms without secrets and no bias: a public function of values.
    fn is_public(&self) -> bool {
        self.terms.iter().all(|term| term.conv.is_none()) && self.bias.iter().all(|b| *b == 0.0)
    }

    /// Public, with no two terms in one channel.
    fn is_side_by_side(&self) -> bool {
        let mut channels: Vec<(usize, usize)> = self.terms.iter().map(RealTerm::channels).collect();
        channels.sort_unstable();
        self.is_public() && channels.windows(2).all(|pair| pair[0].1 <= pair[1].0)
    }

    /// A public expression after another public map.
    fn mapped(self, map: PublicMap, shape: Shape) -> Self {
        let terms = self.terms.into_iter().map(|term| term.mapped(map.clone())).collect();
        Self { terms, bias: vec![0.0; shape.c], shape }
    }
}

struct Lowering<'a> {
    graph: &'a Graph,
    parameters: &'a Parameters,
    masks: &'a Masks,
    steps: Vec<Step>,
    weights: Vec<Option<SegmentWeights<f32, f32>>>,
}

impl Lowering<'_> {
    fn node(&mut self, id: NodeId, exprs: &mut [Expr]) -> Result<Expr, Error> {
        let node = &self.graph.nodes()[id];
        let shape = self.graph.shape(id);
        let parameter = |suffix: &str| self.parameters[&format!("{}.{suffix}", node.name)].data().to_vec();
        Ok(match &node.op {
            Op::Input => Expr::value(ValueId::IMAGE, shape),
            Op::Conv { window, bias, groups, .. } => {
                let (expr, input) = (&exprs[node.inputs[0]], node.inputs[0]);
                // A group may have channels of two values that lie side by side.
                let source = match groups {
                    1 => self.side_by_side(expr, input),
                    _ => self.single(expr, input),
                };
                let bias = if *bias { parameter("bias") } else { vec![0.0; shape.c] };
                convolved(source, (*window, *groups), &parameter("weight"), bias, shape)
            }
            Op::Linear { bias, .. } => {
                let source = self.side_by_side(&exprs[node.inputs[0]], node.inputs[0]);
                let bias = if *bias { parameter("bias") } else { vec![0.0; shape.c] };
                let window = Window {
                    kernel: (source.shape.h, source.shape.w),
                    stride: (1, 1),
                    padding: crate::graph::Padding::default(),
                };
                convolved(source, (window, 1), &parameter("weight"), bias, shape)
            }
            Op::BatchNorm { eps } => {
                let (scale, shift) = batch_norm(self.parameters, &node.name, *eps);
                let mut expr = exprs[node.inputs[0]].taken();
                // Each of the values side by side would be multiplied with weights of all channels.
                if expr.is_public() && expr.terms.len() > 1 {
                    expr = self.rescaled(&expr, node.inputs[0]);
                }
                scaled(expr, &scale, &shift)
            }
            Op::Act { activation } => {
                let input = node.inputs[0];
                let source = self.segment(&exprs[input], &self.graph.nodes()[input].name);
                let flags = self.masks.get(&node.name).flags();
                let kept = (0..).zip(flags).filter(|(_, keep)| **keep).map(|(i, _)| i).collect();
                self.activation(&node.name, source, shape, *activation, input, kept)
            }
            Op::Add => {
                let mut sum = exprs[node.inputs[0]].taken();
                for other in &node.inputs[1..] {
                    let other = exprs[*other].taken();
                    sum.terms.extend(other.terms);
                    sum.bias.iter_mut().zip(other.bias).for_each(|(a, b)| *a += b);
                }
                sum
            }
            Op::Product => {
                let [left, right] = [0, 1].map(|input| node.inputs[input]);
                let [left, right] = [left, right].map(|input| self.value(&exprs[input], input));
                let each = shape.size() / self.graph.shape(node.inputs[1]).size();
                let name = node.name.clone();
                self.steps.push(Step::Product(ProductStep { name, left, right, shape, each }));
                self.weights.push(None);
                // It has the scales of both.
                let name = format!("{}.rescale", node.name);
                self.activation(&name, self.made(), shape, Activation::Relu, id, Vec::new())
            }
            Op::AvgPool { window, uncounted } => {
                let average = Average { window: *window, uncounted: *uncounted };
                let mut expr = self.public(&exprs[node.inputs[0]], node.inputs[0]);
                let count = average.divisor(expr.shape).expect("checked when the graph is made") as u64;
                for term in &mut expr.terms {
                    term.divisor =
                        term.divisor.checked_mul(count).filter(|all| *all <= MOST_DIVISOR).ok_or_else(
                            || {
                                let expected =
                                    format!("averages one after another of at most {MOST_DIVISOR} units");
                                Error::model(&node.name, expected, format!("{} times {count}", term.divisor))
                            },
                        )?;
                }
                expr.mapped(PublicMap::SumPool { window: *window, uncounted: *uncounted }, shape)
            }
            Op::Concat => {
                let (mut before, mut terms) = (0, Vec::new());
                for input in &node.inputs {
                    let part = self.public(&exprs[*input], *input);
                    let after = shape.c - before - part.shape.c;
                    let map = PublicMap::PadChannels { stride: 1, before, after };
                    before += part.shape.c;
                    terms.extend(part.mapped(map, shape).terms);
                }
                Expr { terms, bias: vec![0.0; shape.c], shape }
            }
            Op::Scale { by } => {
                let mut expr = exprs[node.inputs[0]].taken();
                for term in &mut expr.terms {
                    match &mut term.conv {
                        Some(RealConv { kernel, .. }) => {
                            kernel.iter_mut().for_each(|w| *w = (f64::from(*w) * by) as f32)
                        }
                        None => term.factor *= by,
                    }
                }
                expr.bias.iter_mut().for_each(|b| *b = (f64::from(*b) * by) as f32);
                expr
            }
            Op::Channels { picked } => {
                // Put together once: each part would be asked for by every convolution of some of its channels.
                let whole = self.single(&exprs[node.inputs[0]], node.inputs[0]);
                exprs[node.inputs[0]] = whole.clone();
                whole.mapped(PublicMap::Channels { picked: picked.as_slice().into() }, shape)
            }
            Op::Slice { rows, columns } => {
                let map = PublicMap::Slice { rows: *rows, columns: *columns };
                self.public(&exprs[node.inputs[0]], node.inputs[0]).mapped(map, shape)
            }
            Op::PadChannels { stride, before, after } => {
                let map = PublicMap::PadChannels { stride: *stride, before: *before, after: *after };
                self.public(&exprs[node.inputs[0]], node.inputs[0]).mapped(map, shape)
            }
        })
    }

    /// `expr` if it is a public function of values already, else the same value rescaled.
    fn public(&mut self, expr: &Expr, node: NodeId) -> Expr {
        if expr.is_public() { expr.clone() } else { self.rescaled(expr, node) }
    }

    /// `expr` if it is a public function of one value already, else the same value rescaled.
    fn single(&mut self, expr: &Expr, node: NodeId) -> Expr {
        if expr.is_public() && expr.terms.len() == 1 { expr.clone() } else { self.rescaled(expr, node) }
    }

    /// `expr` as a value: that which it is already, or made one.
    fn value(&mut self, expr: &Expr, node: NodeId) -> ValueId {
        let is_value = |term: &RealTerm| {
            let RealTerm { pre, divisor, factor, conv, .. } = term;
            pre.is_empty() && (*divisor, *factor) == (1, 1.0) && conv.is_none()
        };
        let expr = match &expr.terms[..] {
            [term] if is_value(term) && expr.is_public() => expr,
            _ => &self.rescaled(expr, node),
        };
        expr.terms[0].source
    }

    /// `expr` if it is values side by side already, else the same value rescaled.
    fn side_by_side(&mut self, expr: &Expr, node: NodeId) -> Expr {
        if expr.is_side_by_side() { expr.clone() } else { self.rescaled(expr, node) }
    }

    /// Makes `expr` a value of its own at activation scale.
    fn rescaled(&mut self, expr: &Expr, node: NodeId) -> Expr {
        let name = &self.graph.nodes()[node].name;
        let source = self.segment(expr, name);
        self.activation(&format!("{name}.rescale"), source, expr.shape, Activation::Relu, node, Vec::new())
    }

    fn segment(&mut self, expr: &Expr, name: &str) -> ValueId {
        let terms = expr
            .terms
            .iter()
            .map(|term| Term {
                source: term.source,
                pre: term.pre.clone(),
                shape: term.shape,
                divisor: term.divisor,
                factor: term.factor,
                op: match &term.conv {
                    Some(RealConv { window, groups, .. }) => {
                        TermOp::Conv { out: expr.shape.c, window: *window, groups: *groups }
                    }
                    None => TermOp::Times { by: 1 },
                },
            })
            .collect();
        let kernels = expr
            .terms
            .iter()
            .map(|term| term.conv.as_ref().map(|conv| conv.kernel.clone()).unwrap_or_default())
            .collect();
        self.steps.push(Step::Linear(Segment { name: name.to_owned(), terms, shape: expr.shape, scale: 0 }));
        self.weights.push(Some(SegmentWeights { kernels, bias: expr.bias.clone() }));
        self.made()
    }

    /// What the last step makes.
    fn made(&self) -> ValueId {
        ValueId::made_by(self.steps.len() - 1)
    }

    fn activation(
        &mut self,
        name: &str,
        source: ValueId,
        shape: Shape,
        activation: Activation,
        measures: NodeId,
        kept: Vec<u32>,
    ) -> Expr {
        self.steps.push(Step::Activation(ActivationStep {
            name: name.to_owned(),
            source,
            shape,
            activation,
            curve: Curve::default(),
            truncate: 0,
            bound_bits: 0,
            measures,
            kept,
        }));
        self.weights.push(None);
        Expr::value(self.made(), shape)
    }
}

/// A convolution of values side by side.
fn convolved(
    source: Expr,
    (window, groups): (Window, usize),
    kernel: &[f32],
    bias: Vec<f32>,
    shape: Shape,
) -> Expr {
    let terms = source.terms.into_iter().map(|term| term.convolved(window, groups, kernel)).collect();
    Expr { terms, bias, shape }
}

/// `scale * expr + shift`, channel by channel.
fn scaled(mut expr: Expr, scale: &[f32], shift: &[f32]) -> Expr {
    let channels = expr.shape.c;
    let scaled = |mut term: RealTerm| match &mut term.conv {
        Some(RealConv { kernel, .. }) => {
            let row = kernel.len() / channels;
            for (weights, s) in kernel.chunks_exact_mut(row).zip(scale) {
                weights.iter_mut().for_each(|w| *w *= s);
            }
            term
        }
        None => term.convolved(Window::square(1, 1, 0), channels, scale),
    };
    expr.terms = expr.terms.into_iter().map(scaled).collect();
    for ((b, s), t) in expr.bias.iter_mut().zip(scale).zip(shift) {
        *b = *b * s + t;
    }
    expr
}
