//! Terms with their weights: products that are one term again and sums that are, at borders too.
//!
//! A convolution after one that pads is no convolution, as the second pads what the first made of zeros: 3x3 after 3x3 has
//! no product here. A 1x1 convolution neither looks at neighbours nor pads, so it goes into any other, before or behind.

use super::steps::{MOST_DIVISOR, PublicMap, Term, TermOp};
use crate::graph::{MOST_PARAMETERS, MOST_UNITS, Padding, Shape, Window};
use crate::matmul::convolve;
use rayon::iter::ParallelIterator;
use rayon::slice::ParallelSlice;

/// A term over the reals.
#[derive(Clone)]
pub(super) struct Weighted {
    pub(super) term: Term,
    /// `(out, in / groups, rows, columns)`; empty without weights.
    pub(super) kernel: Vec<f32>,
}

impl Weighted {
    /// The term applied to a value of `shape`.
    pub(super) fn apply(&self, value: &[f64], shape: Shape) -> Vec<f64> {
        let (mut value, mut at) = (value.to_vec(), shape);
        for map in &self.term.pre {
            value = map.apply(&value, at);
            at = map.output(at);
        }
        value.iter_mut().for_each(|x| *x *= self.term.multiplier(0));
        match self.term.op {
            TermOp::Times { .. } => value,
            TermOp::Conv { out, window, .. } => {
                let kernel: Vec<f64> = self.kernel.iter().map(|w| f64::from(*w)).collect();
                convolve(&value, at, &window, out, &kernel)
            }
        }
    }

    /// This term of what `first` makes, as one term of what `first` reads; `None` where it is none, or too large a one.
    pub(super) fn after(&self, first: &Self) -> Option<Self> {
        // Sums over windows go channel by channel, so that they change places with a 1x1 convolution.
        let pooled = self.term.pre.iter().all(|map| matches!(map, PublicMap::SumPool { .. }));
        let (op, kernel) = match (first.term.op, self.term.op) {
            (TermOp::Times { .. }, op) => (op, self.kernel.clone()),
            (TermOp::Conv { window, .. }, op) if pooled && window == POINT => match op {
                TermOp::Times { .. } => (first.term.op, first.kernel.clone()),
                TermOp::Conv { out, window, .. } => {
                    let (groups, kernel) = product(self, first, out)?;
                    (TermOp::Conv { out, window, groups }, kernel)
                }
            },
            (op @ TermOp::Conv { .. }, TermOp::Times { .. }) if self.term.pre.is_empty() => {
                (op, first.kernel.clone())
            }
            (
                TermOp::Conv { window, .. },
                TermOp::Conv { out, window: Window { kernel, stride, padding }, .. },
            ) if self.term.pre.is_empty() && Window { kernel, stride: (1, 1), padding } == POINT => {
                let steps = |one: usize, two: usize| one.checked_mul(two).filter(|step| *step <= MOST_UNITS);
                let stride = (steps(window.stride.0, stride.0)?, steps(window.stride.1, stride.1)?);
                {
                    let (groups, kernel) = product(self, first, out)?;
                    (TermOp::Conv { out, window: Window { stride, ..window }, groups }, kernel)
                }
            }
            (TermOp::Conv { .. }, _) => return None,
        };
        let mut factor = first.term.factor * self.term.factor;
        let mut kernel = kernel;
        if let TermOp::Conv { .. } = op {
            kernel.iter_mut().for_each(|w| *w = (f64::from(*w) * factor) as f32);
            factor = 1.0;
        }
        let term = Term {
            source: first.term.source,
            pre: [&*first.term.pre, &*self.term.pre].concat(),
            shape: self.term.pre.iter().fold(first.term.shape, |shape, map| map.output(shape)),
            divisor: first.term.divisor.checked_mul(self.term.divisor).filter(|all| *all <= MOST_DIVISOR)?,
            factor,
            op,
        };
        Some(Self { term, kernel })
    }

    /// Both as one convolution whose output has `shape`; `None` where they read different things or move differently, or where
    /// it would be too large.
    pub(super) fn plus(&self, other: &Self, shape: Shape) -> Option<Self> {
        let alike = |term: &Term| (term.source, term.pre.clone(), term.divisor);
        let (TermOp::Conv { out, window: one, groups }, TermOp::Conv { window: two, groups: others, .. }) =
            (self.term.op, other.term.op)
        else {
            return None;
        };
        if alike(&self.term) != alike(&other.term) || one.stride != two.stride {
            return None;
        }
        if groups != others {
            return self.ungrouped()?.plus(&other.ungrouped()?, shape);
        }
        let from = self.term.shape;
        let rows = Span::rows(&one).joined(Span::rows(&two));
        let columns = Span::columns(&one).joined(Span::columns(&two));
        let window = Window {
            kernel: (rows.taps(), columns.taps()),
            stride: one.stride,
            padding: Padding {
                top: rows.before,
                bottom: rows.padding_after(from.h, shape.h, one.stride.0),
                left: columns.before,
                right: columns.padding_after(from.w, shape.w, one.stride.1),
            },
        };
        let mut kernel = vec![0.0; size([out, from.c / groups, window.kernel.0, window.kernel.1])?];
        for (weights, of) in [(&self.kernel, one), (&other.kernel, two)] {
            let at = (rows.before - of.padding.top, columns.before - of.padding.left);
            let planes = kernel.chunks_exact_mut(window.kernel.0 * window.kernel.1);
            for (plane, small) in planes.zip(weights.chunks_exact(of.kernel.0 * of.kernel.1)) {
                let lines = plane.chunks_exact_mut(window.kernel.1).skip(at.0);
                for (line, taps) in lines.zip(small.chunks_exact(of.kernel.1)) {
                    line[at.1..].iter_mut().zip(taps).for_each(|(sum, w)| *sum += w);
                }
            }
        }
        let term = Term { op: TermOp::Conv { out, window, groups }, ..self.term.clone() };
        Some(Self { term, kernel })
    }
}

impl Weighted {
    /// A convolution with a weight from every channel to every channel; `None` of one too large.
    fn ungrouped(&self) -> Option<Self> {
        let TermOp::Conv { out, window, groups } = self.term.op else { return None };
        if groups == 1 {
            return Some(self.clone());
        }
        let (all, taps) = (self.term.shape.c, window.kernel.0 * window.kernel.1);
        let (ins, outs) = (all / groups, out / groups);
        let mut kernel = vec![0.0; size([out, all, window.kernel.0, window.kernel.1])?];
        for (channel, (row, own)) in
            kernel.chunks_exact_mut(all * taps).zip(self.kernel.chunks_exact(ins * taps)).enumerate()
        {
            let first = channel / outs * ins * taps;
            row[first..first + own.len()].copy_from_slice(own);
        }
        let term = Term { op: TermOp::Conv { out, window, groups: 1 }, ..self.term.clone() };
        Some(Self { term, kernel })
    }
}

/// The window of a 1x1 convolution that keeps rows and columns.
const POINT: Window =
    Window { kernel: (1, 1), stride: (1, 1), padding: Padding { top: 0, bottom: 0, left: 0, right: 0 } };

/// The weights of a kernel; `None` of more than a whole network may have.
fn size(extents: [usize; 4]) -> Option<usize> {
    let size = extents.iter().try_fold(1, |size: usize, extent| size.checked_mul(*extent));
    size.filter(|size| *size <= MOST_PARAMETERS)
}

/// Groups and kernel of `second` after `first`, of which one has a single tap; `None` of one too large, and of groups but where
/// the single tap is a factor a channel: then the product has the other's groups.
fn product(second: &Weighted, first: &Weighted, out: usize) -> Option<(usize, Vec<f32>)> {
    let (TermOp::Conv { out: middle, groups: own, window: tap }, TermOp::Conv { groups, window, .. }) =
        (first.term.op, second.term.op)
    else {
        unreachable!("a product is of convolutions")
    };
    let (before, behind) = (first.term.shape.c, second.term.shape.c);
    if own == before && own == middle && tap.kernel == (1, 1) && own > 1 {
        return Some((groups, times_inputs(second, out, groups, &first.kernel)));
    }
    if groups == behind && groups == out && window.kernel == (1, 1) && groups > 1 {
        let row = first.kernel.len() / middle;
        let rows = first.kernel.chunks_exact(row).zip(&second.kernel);
        return Some((own, rows.flat_map(|(row, by)| row.iter().map(move |w| w * by)).collect()));
    }
    if (own, groups) != (1, 1) {
        return None;
    }
    let input = first.term.shape.c;
    let (first_row, second_row) = (first.kernel.len() / middle, second.kernel.len() / out);
    let (first_taps, second_taps) = (first_row / input, second_row / middle);
    size([out, input, first_taps, second_taps])?;
    let row = |weights: &[f32]| {
        let mut sums = vec![0f64; input * first_taps * second_taps];
        for (weights, inputs) in weights.chunks_exact(second_taps).zip(first.kernel.chunks_exact(first_row)) {
            for (sums, taps) in
                sums.chunks_exact_mut(first_taps * second_taps).zip(inputs.chunks_exact(first_taps))
            {
                // Those of a batch norm are zero but for a diagonal.
                if taps.iter().all(|tap| *tap == 0.0) {
                    continue;
                }
                // Either side may be the single tap.
                let products =
                    weights.iter().flat_map(|w| taps.iter().map(|t| f64::from(*w) * f64::from(*t)));
                sums.iter_mut().zip(products).for_each(|(sum, product)| *sum += product);
            }
        }
        sums.into_iter().map(|sum| sum as f32)
    };
    Some((1, second.kernel.par_chunks_exact(second_row).flat_map_iter(row).collect()))
}

/// The weights of `term` for an input whose channels are multiplied by `factors` before.
fn times_inputs(term: &Weighted, out: usize, groups: usize, factors: &[f32]) -> Vec<f32> {
    let ins = factors.len() / groups;
    let taps = term.kernel.len() / (out * ins);
    let planes = term.kernel.chunks_exact(taps).enumerate();
    let channel = |plane: usize| plane / ins / (out / groups) * ins + plane % ins;
    planes.flat_map(|(plane, taps)| taps.iter().map(move |w| w * factors[channel(plane)])).collect()
}

/// What a window reaches in one direction around the value that its output stands at.
#[derive(Clone, Copy)]
struct Span {
    before: usize,
    /// Below zero where the padding is wider than the kernel.
    after: isize,
}

impl Span {
    fn rows(window: &Window) -> Self {
        Self::of(window.kernel.0, window.padding.top)
    }

    fn columns(window: &Window) -> Self {
        Self::of(window.kernel.1, window.padding.left)
    }

    fn of(taps: usize, before: usize) -> Self {
        Self { before, after: taps as isize - 1 - before as isize }
    }

    /// What either reaches.
    fn joined(self, other: Self) -> Self {
        Self { before: self.before.max(other.before), after: self.after.max(other.after) }
    }

    fn taps(self) -> usize {
        self.before.strict_add_signed(self.after) + 1
    }

    /// The least padding behind `from` values at which there are `outputs`.
    fn padding_after(self, from: usize, outputs: usize, stride: usize) -> usize {
        ((outputs - 1) * stride + self.taps()).saturating_sub(from + self.before)
    }
}
