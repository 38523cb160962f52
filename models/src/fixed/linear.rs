//! Linear segments in the ring, exactly, on the floating-point unit.
//!
//! A product of a w-bit weight and a signed x of b bits, summed over T terms, is exact in `f64` while
//! w + b + log2 T <= 53; a wider x is split into limbs of b bits.

use super::lower::SegmentWeights;
use super::ring::Ring;
use super::steps::{Segment, Term, TermOp};
use crate::convolve::convolve;
use crate::graph::{Shape, Window};

/// Integer weights and bias of a segment.
pub type IntegerWeights = SegmentWeights<i32, i64>;

/// The segment's value without bias: `sum of terms` of the given inputs, reduced.
///
/// `inputs[v]` is value `v` (or one party's share of it) in `[0, 2^k)`.
pub fn apply(
    ring: Ring,
    segment: &Segment,
    weights: &IntegerWeights,
    inputs: &[Vec<u64>],
    shapes: &[Shape],
) -> Vec<u64> {
    let mut sum = vec![0u64; segment.shape.size()];
    for (term, kernel) in segment.terms.iter().zip(&weights.kernels) {
        let pooled = prepare(ring, term, &inputs[term.source], shapes[term.source]);
        accumulate(&mut sum, &apply_op(ring, term, kernel, &pooled));
    }
    sum.iter_mut().for_each(|x| *x = ring.reduce(*x));
    sum
}

/// The bias of every output unit at the segment's scale, reduced.
pub fn bias(ring: Ring, segment: &Segment, weights: &IntegerWeights) -> Vec<u64> {
    let area = segment.shape.area();
    weights.bias.iter().flat_map(|b| std::iter::repeat_n(ring.from_signed(*b), area)).collect()
}

/// The term's public maps applied to a value or to one party's share of it; signed, reduced.
pub fn prepare(ring: Ring, term: &Term, input: &[u64], shape: Shape) -> Vec<i64> {
    let mut value: Vec<i64> = input.iter().map(|x| ring.signed(*x)).collect();
    let mut at = shape;
    for map in &term.pre {
        value = map.apply(&value, at);
        at = map.output(at);
    }
    value.iter_mut().for_each(|x| *x = ring.signed(*x as u64));
    value
}

/// A term's last map on its prepared input; not yet reduced.
pub fn apply_op(ring: Ring, term: &Term, kernel: &[i32], prepared: &[i64]) -> Vec<u64> {
    match term.op {
        TermOp::Shift { shift } => prepared.iter().map(|x| (*x as u64) << shift).collect(),
        TermOp::Conv { out, window } => convolve_exact(ring, prepared, term.shape, &window, out, kernel),
    }
}

/// `sum += other`, wrapping.
pub fn accumulate(sum: &mut [u64], other: &[u64]) {
    sum.iter_mut().zip(other).for_each(|(a, b)| *a = a.wrapping_add(*b));
}

/// Convolution of signed k-bit integers, exact modulo 2^64.
fn convolve_exact(
    ring: Ring,
    input: &[i64],
    shape: Shape,
    window: &Window,
    out: usize,
    kernel: &[i32],
) -> Vec<u64> {
    let weight_bits = 32 - kernel.iter().map(|w| w.unsigned_abs()).max().unwrap_or(0).leading_zeros();
    let terms = shape.c * window.kernel.0 * window.kernel.1;
    let term_bits = usize::BITS - terms.leading_zeros();
    let limb_bits = (53 - weight_bits - term_bits).min(ring.bits());
    let kernel: Vec<f64> = kernel.iter().map(|w| f64::from(*w)).collect();
    let mut rest = input.to_vec();
    let mut sum = Vec::new();
    let mut shift = 0;
    while shift < ring.bits() {
        let last = shift + limb_bits >= ring.bits();
        let limb: Vec<f64> = rest
            .iter_mut()
            .map(|x| {
                let limb = if last { *x } else { *x & ((1 << limb_bits) - 1) };
                *x >>= limb_bits;
                limb as f64
            })
            .collect();
        let product = convolve(&limb, shape, window, out, &kernel);
        if sum.is_empty() {
            sum = vec![0u64; product.len()];
        }
        sum.iter_mut().zip(&product).for_each(|(s, p)| *s = s.wrapping_add((*p as i64 as u64) << shift));
        shift += limb_bits;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};

    #[test]
    fn limbs_equal_integer_convolution() {
        let mut rng = rand_chacha::ChaCha12Rng::seed_from_u64(1);
        let shape = Shape::new(5, 6, 4);
        let window = Window::square(3, 1, 1);
        for (bits, weight_bits) in [(8, 4), (28, 10), (48, 20), (48, 30)] {
            let ring = Ring::new(bits).unwrap();
            let input: Vec<i64> = (0..shape.size()).map(|_| ring.signed(rng.random())).collect();
            let kernel: Vec<i32> =
                (0..3 * 5 * 9).map(|_| rng.random_range(-(1 << weight_bits)..=1 << weight_bits)).collect();
            let exact = convolve_exact(ring, &input, shape, &window, 3, &kernel);
            let wide: Vec<std::num::Wrapping<i64>> = input.iter().map(|x| std::num::Wrapping(*x)).collect();
            let kernel: Vec<std::num::Wrapping<i64>> =
                kernel.iter().map(|w| std::num::Wrapping(i64::from(*w))).collect();
            let expected = convolve(&wide, shape, &window, 3, &kernel);
            for (a, b) in exact.iter().zip(expected) {
                assert_eq!(ring.reduce(*a), ring.from_signed(b.0));
            }
        }
    }
}
