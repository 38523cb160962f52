//! The online path's exact convolution in the ring, and the matrix product that its floor is counted in.

use crate::measure::{Effort, Failure, nanoseconds, scaled, tell};
use models::fixed::Ring;
use models::fixed::linear::{IntegerWeights, RingSegment};
use models::fixed::steps::{Segment, Term, TermOp, ValueId};
use models::graph::{Shape, Window};
use models::{convolve, matmul};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use std::hint::black_box;
use std::num::Wrapping;
use std::sync::Arc;

const SHAPE: Shape = Shape::new(64, 32, 32);
/// Side of the square matrices: 8 MiB each, as far beyond the caches as a large convolution's.
const SIDE: usize = 1024;

/// The image's and the weights' scales, and the largest weight: ten bits with the sign.
pub(crate) const IMAGE_SCALE: u32 = 8;
pub(crate) const WEIGHT_SCALE: u32 = 9;
const LARGEST_WEIGHT: i32 = 511;

pub(crate) fn measure(effort: Effort) -> Result<(), Failure> {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    // A 1x1 convolution of SIDE channels at SIDE positions is a bare product of square matrices.
    let mut square =
        || (0..SIDE * SIDE).map(|_| f64::from(rng.random_range(-512..512))).collect::<Vec<f64>>();
    let (left, right) = (square(), square());
    let times = nanoseconds(effort.layer_runs(), SIDE * SIDE * SIDE, || {
        black_box(matmul::convolve(&right, Shape::new(SIDE, SIDE, 1), &Window::square(1, 1, 0), SIDE, &left));
    });
    tell("f64 matrix product, one multiply-add", "ps", scaled(times, 1e3));

    let ring = Ring::new(22).ok_or("no ring of 22 bits")?;
    let segment = convolution_segment(SHAPE, 64);
    let weights = random_weights(&mut rng, SHAPE.c, 64);
    let input: Vec<u64> = (0..SHAPE.size()).map(|_| ring.reduce(rng.random())).collect();
    let prepared = RingSegment::new(ring, &segment, &weights);
    let times = nanoseconds(effort.kernel_runs(), 1, || {
        black_box(prepared.apply(std::slice::from_ref(&input), &[SHAPE]));
    });
    tell("exact convolution 3x3 32x32x64->64", "ms", scaled(times, 1e-6));

    let input: Vec<Wrapping<u64>> = input.into_iter().map(Wrapping).collect();
    let kernel: Vec<Wrapping<u64>> =
        weights.kernels[0].iter().map(|weight| Wrapping(i64::from(*weight) as u64)).collect();
    let times = nanoseconds(effort.layer_runs(), 1, || {
        black_box(convolve::convolve(&input, SHAPE, &Window::square(3, 1, 1), 64, &kernel));
    });
    tell("exact convolution 3x3 32x32x64->64, by its definition", "ms", scaled(times, 1e-6));
    Ok(())
}

/// A 3x3 convolution of value 0 that keeps rows and columns.
pub(crate) fn convolution_segment(shape: Shape, out: usize) -> Segment {
    let op = TermOp::Conv { out, window: Window::square(3, 1, 1), groups: 1 };
    let term = Term { source: ValueId::IMAGE, pre: Vec::new(), shape, divisor: 1, factor: 1.0, op };
    Segment {
        name: "convolution".to_owned(),
        terms: vec![term],
        shape: Shape::new(out, shape.h, shape.w),
        scale: IMAGE_SCALE + WEIGHT_SCALE,
    }
}

/// Weights and biases of a 3x3 convolution, uniform.
pub(crate) fn random_weights(rng: &mut ChaCha20Rng, channels: usize, out: usize) -> IntegerWeights {
    let kernel =
        (0..out * channels * 9).map(|_| rng.random_range(-LARGEST_WEIGHT..=LARGEST_WEIGHT)).collect();
    IntegerWeights { kernels: vec![Arc::new(kernel)], bias: (0..out as i64).collect() }
}
