//! Convolution as a matrix product: columns of the input times the kernel matrix.

use crate::graph::{Shape, Window};
use ndarray::{Array2, ArrayView2, LinalgScalar};

/// Gathers the input under every window position: a `(c * kernel area) x (output area)` matrix.
///
/// `input` has `shape` in `(channel, row, column)` order; padding contributes zeros.
pub fn columns<T: LinalgScalar>(input: &[T], shape: Shape, window: &Window) -> Array2<T> {
    let (out_h, out_w) = window.output(shape).expect("shapes are checked when the graph is made");
    let (kh, kw) = window.kernel;
    let mut matrix = Array2::from_elem((shape.c * kh * kw, out_h * out_w), T::zero());
    for (row, mut line) in matrix.outer_iter_mut().enumerate() {
        let (c, dy, dx) = (row / (kh * kw), row / kw % kh, row % kw);
        let line = line.as_slice_mut().expect("rows of a fresh matrix are contiguous");
        let plane = &input[c * shape.area()..(c + 1) * shape.area()];
        for oy in 0..out_h {
            let Some(y) =
                (oy * window.stride.0 + dy).checked_sub(window.padding.top).filter(|y| *y < shape.h)
            else {
                continue;
            };
            for ox in 0..out_w {
                if let Some(x) = (ox * window.stride.1 + dx).checked_sub(window.padding.left)
                    && x < shape.w
                {
                    line[oy * out_w + ox] = plane[y * shape.w + x];
                }
            }
        }
    }
    matrix
}

/// `kernel` (`out x in*rows*columns`, row-major) applied to `input`; the result is `(out, row, column)`.
pub fn convolve<T: LinalgScalar>(
    input: &[T],
    shape: Shape,
    window: &Window,
    out: usize,
    kernel: &[T],
) -> Vec<T> {
    let columns = columns(input, shape, window);
    let kernel = ArrayView2::from_shape((out, columns.nrows()), kernel)
        .expect("kernel sizes are checked with the model");
    kernel.dot(&columns).into_raw_vec_and_offset().0
}

/// Sums over the window, channel by channel.
pub fn sum_pool<T: LinalgScalar>(input: &[T], shape: Shape, window: &Window) -> Vec<T> {
    let plane = Shape::new(1, shape.h, shape.w);
    input
        .chunks_exact(shape.area())
        .flat_map(|channel| columns(channel, plane, window).sum_axis(ndarray::Axis(0)).to_vec())
        .collect()
}

/// Every `stride`-th row and column, with `before` and `after` zero channels around.
pub fn pad_channels<T: LinalgScalar>(
    input: &[T],
    shape: Shape,
    stride: usize,
    before: usize,
    after: usize,
) -> Vec<T> {
    let area = shape.h.div_ceil(stride) * shape.w.div_ceil(stride);
    let mut out = vec![T::zero(); before * area];
    for channel in input.chunks_exact(shape.area()) {
        for line in channel.chunks_exact(shape.w).step_by(stride) {
            out.extend(line.iter().step_by(stride).copied());
        }
    }
    out.resize((before + shape.c + after) * area, T::zero());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strided_padded_convolution_by_hand() {
        // 1x3x3 input 1..9, kernel 2x2 of ones, stride 2, one zero row above and one zero column before.
        let input: Vec<i64> = (1..=9).collect();
        let window = Window {
            kernel: (2, 2),
            stride: (2, 2),
            padding: crate::graph::Padding { top: 1, bottom: 0, left: 1, right: 0 },
        };
        let out = convolve(&input, Shape::new(1, 3, 3), &window, 1, &[1, 1, 1, 1]);
        assert_eq!(out, [1, 2 + 3, 4 + 7, 5 + 6 + 8 + 9]);
    }

    #[test]
    fn pools_and_pads_by_hand() {
        let input: Vec<i64> = (1..=8).collect();
        let shape = Shape::new(2, 2, 2);
        assert_eq!(sum_pool(&input, shape, &Window::square(2, 1, 0)), [10, 26]);
        assert_eq!(pad_channels(&input, shape, 2, 1, 1), [0, 1, 5, 0]);
    }
}
