//! Linear segments in the ring.

use super::exact::Convolution;
use super::lower::SegmentWeights;
use super::ring::Ring;
use super::steps::{Segment, Term, TermOp};
use crate::graph::Shape;
use std::num::Wrapping;
use std::sync::Arc;

/// Integer weights and bias of a segment.
pub type IntegerWeights = SegmentWeights<i32, i64>;

/// A segment and its weights, made ready to be applied any number of times.
pub struct RingSegment<'a> {
    ring: Ring,
    segment: &'a Segment,
    bias: &'a [i64],
    /// Per term; `None` for one without weights.
    convolutions: Vec<Option<Convolution<'a>>>,
}

impl<'a> RingSegment<'a> {
    /// Prepares the weights of `segment`.
    pub fn new(ring: Ring, segment: &'a Segment, weights: &'a IntegerWeights) -> Self {
        let prepare = |(term, kernel): (&Term, &'a Arc<Vec<i32>>)| match term.op {
            TermOp::Times { .. } => None,
            TermOp::Conv { out, window, .. } => Some(Convolution::new(ring, term.shape, window, out, kernel)),
        };
        let convolutions = segment.terms.iter().zip(&weights.kernels).map(prepare).collect();
        Self { ring, segment, bias: &weights.bias, convolutions }
    }

    /// The segment's value without bias: `sum of terms` of the given inputs, reduced.
    ///
    /// `inputs[v]` is value `v` (or one party's share of it) in `[0, 2^k)`, of shape `shapes[v]`.
    pub fn apply(&self, inputs: &[impl AsRef<[u64]>], shapes: &[Shape]) -> Vec<u64> {
        let sum = vec![0; self.segment.shape.size()];
        self.summed(sum, inputs, shapes, Convolution::add_to)
    }

    /// [`Self::apply`] and the bias, for values that are no secret; faster, as they are small.
    pub fn apply_clear(&self, inputs: &[impl AsRef<[u64]>], shapes: &[Shape]) -> Vec<u64> {
        self.summed(self.bias(), inputs, shapes, Convolution::add_clear_to)
    }

    /// `sum` and all terms, reduced.
    fn summed(
        &self,
        mut sum: Vec<u64>,
        inputs: &[impl AsRef<[u64]>],
        shapes: &[Shape],
        add: impl Fn(&Convolution<'a>, &[i64], &mut [u64]),
    ) -> Vec<u64> {
        for (term, convolution) in self.segment.terms.iter().zip(&self.convolutions) {
            let prepared =
                prepare(self.ring, term, inputs[term.source.index()].as_ref(), shapes[term.source.index()]);
            match convolution {
                Some(convolution) => add(convolution, &prepared, &mut sum),
                None => add_times(term, &prepared, &mut sum),
            }
        }
        sum.iter_mut().for_each(|x| *x = self.ring.reduce(*x));
        sum
    }

    /// The bias of every output unit at the segment's scale, reduced.
    pub fn bias(&self) -> Vec<u64> {
        let each = self.segment.shape.size() / self.bias.len();
        self.bias.iter().flat_map(|b| std::iter::repeat_n(self.ring.from_signed(*b), each)).collect()
    }
}

/// [`RingSegment::apply`] for a segment that is applied once.
pub fn apply(
    ring: Ring,
    segment: &Segment,
    weights: &IntegerWeights,
    inputs: &[impl AsRef<[u64]>],
    shapes: &[Shape],
) -> Vec<u64> {
    RingSegment::new(ring, segment, weights).apply(inputs, shapes)
}

/// The term's public maps applied to a value or to one party's share of it; signed, reduced.
pub fn prepare(ring: Ring, term: &Term, input: &[u64], shape: Shape) -> Vec<i64> {
    let signed = |x: u64| ring.signed(x);
    if term.pre.is_empty() {
        return input.iter().map(|x| signed(*x)).collect();
    }
    // Sums of shares leave a word where the ring is wide; what they are modulo 2^k stays.
    let mut value: Vec<Wrapping<u64>> = input.iter().copied().map(Wrapping).collect();
    let mut at = shape;
    for map in &term.pre {
        value = map.apply(&value, at);
        at = map.output(at);
    }
    value.into_iter().map(|x| signed(x.0)).collect()
}

/// Adds a term without weights, of its prepared input, to `sum`.
fn add_times(term: &Term, prepared: &[i64], sum: &mut [u64]) {
    if let TermOp::Times { by } = term.op {
        let times = prepared.iter().map(|x| (*x as u64).wrapping_mul(by as u64));
        sum.iter_mut().zip(times).for_each(|(sum, x)| *sum = sum.wrapping_add(x));
    }
}

/// A term's last map on its prepared input; not yet reduced.
pub fn apply_op(ring: Ring, term: &Term, kernel: &[i32], prepared: &[i64]) -> Vec<u64> {
    match term.op {
        TermOp::Times { by } => prepared.iter().map(|x| (*x as u64).wrapping_mul(by as u64)).collect(),
        TermOp::Conv { out, window, .. } => {
            let (h, w) = window.output(term.shape).expect("shapes are checked when the graph is made");
            let mut sum = vec![0; out * h * w];
            Convolution::new(ring, term.shape, window, out, kernel).add_to(prepared, &mut sum);
            sum
        }
    }
}

/// `sum += other`, wrapping.
pub fn accumulate(sum: &mut [u64], other: &[u64]) {
    sum.iter_mut().zip(other).for_each(|(a, b)| *a = a.wrapping_add(*b));
}
