//! From a graph to linear segments and activation steps, weights still real.
//!
//! Batch norms are folded into the convolutions before them; average pools become sums whose divisor is owed by the
//! next weights. Public maps go through sums, and a convolution of values that lie side by side, as a concatenation's do, is the
//! sum of its parts'. Where a segment would need two secret maps in a row, the value between is rescaled by an activation
//! step of its own with nothing kept, and so is a product, which has the scales of both factors.

use super::curve::Curve;
use super::expr::{Expr, RealConv};
use super::steps::{
    ActivationStep, MOST_DIVISOR, ProductStep, PublicMap, Segment, Step, Term, TermOp, ValueId,
};
use crate::Error;
use crate::graph::{Activation, Average, Graph, NodeId, Op, Parameters, Shape, Window};
use crate::mask::Masks;
use crate::real::batch_norm;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The secret half of a segment: one kernel per convolution term, in term order, and the bias.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SegmentWeights<W, B> {
    /// Per term `(out, in, rows, columns)`; empty for a term without weights. Networks that have the same hold one.
    pub kernels: Vec<Arc<Vec<W>>>,
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

impl Lowered {
    /// Multiply-accumulates of its convolutions: what an image takes.
    pub fn products(&self) -> u64 {
        let segments = self.steps.iter().filter_map(|step| match step {
            Step::Linear(segment) => Some(segment.products()),
            Step::Activation(_) | Step::Product(_) | Step::Reshare(_) => None,
        });
        segments.sum()
    }

    /// Whether step `index` rounds nothing of its own, whatever its scale.
    pub(super) fn is_exact(&self, index: usize) -> bool {
        match (&self.steps[index], &self.weights[index]) {
            (Step::Linear(segment), Some(weights)) => {
                segment.is_exact() && weights.bias.iter().all(|bias| *bias == 0.0)
            }
            (Step::Product(_) | Step::Reshare(_), _) => true,
            (Step::Linear(_) | Step::Activation(_), _) => false,
        }
    }
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
                source.convolved((*window, *groups), &parameter("weight"), bias, shape)
            }
            Op::Linear { bias, .. } => {
                let source = self.side_by_side(&exprs[node.inputs[0]], node.inputs[0]);
                let bias = if *bias { parameter("bias") } else { vec![0.0; shape.c] };
                let window = Window {
                    kernel: (source.shape.h, source.shape.w),
                    stride: (1, 1),
                    padding: crate::graph::Padding::default(),
                };
                source.convolved((window, 1), &parameter("weight"), bias, shape)
            }
            Op::BatchNorm { eps } => {
                let (scale, shift) = batch_norm(self.parameters, &node.name, *eps);
                let mut expr = exprs[node.inputs[0]].taken();
                // Each of the values side by side would be multiplied with weights of all channels.
                if expr.is_public() && expr.terms.len() > 1 {
                    expr = self.rescaled(&expr, node.inputs[0]);
                }
                expr.scaled(&scale, &shift)
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
                    sum = sum.plus(exprs[*other].taken());
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
                let map = PublicMap::SumPool { window: *window, uncounted: *uncounted };
                expr.averaged(map, count, shape)
            }
            Op::Concat => {
                let (mut before, mut all) = (0, Expr::nothing(shape));
                for input in &node.inputs {
                    let part = self.public(&exprs[*input], *input);
                    let after = shape.c - before - part.shape.c;
                    let map = PublicMap::PadChannels { stride: 1, before, after };
                    before += part.shape.c;
                    all = all.plus(part.mapped(map, shape));
                }
                all
            }
            Op::Scale { by } => exprs[node.inputs[0]].taken().times(*by),
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
            Op::Pad { around, value } => {
                self.public(&exprs[node.inputs[0]], node.inputs[0]).padded(*around, *value, shape)
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
        expr.itself().unwrap_or_else(|| self.rescaled(expr, node).terms[0].source)
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
        let none: Arc<Vec<f32>> = Arc::default();
        let kernels = expr
            .terms
            .iter()
            .map(|term| term.conv.as_ref().map_or_else(|| none.clone(), |conv| Arc::new(conv.kernel.clone())))
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
            skipped: 0,
            measures,
            kept,
        }));
        self.weights.push(None);
        Expr::value(self.made(), shape)
    }
}
