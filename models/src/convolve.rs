//! Convolution by its definition, and the linear maps without weights.

use crate::graph::{Average, Padding, Picks, Shape, Window};
use std::ops::{Add, Mul};

/// `kernel` `(out, in / groups, rows, columns)` applied to `input`; the result is `(out, row, column)`. How many groups there
/// are shows in the kernel's size.
///
/// The plain sum of products over any ring, tap by tap: what the faster paths must equal.
pub fn convolve<T: Copy + Default + Add<Output = T> + Mul<Output = T>>(
    input: &[T],
    shape: Shape,
    window: &Window,
    out: usize,
    kernel: &[T],
) -> Vec<T> {
    let (out_h, out_w) = window.output(shape).expect("shapes are checked when the graph is made");
    let (kh, kw) = window.kernel;
    let mut sums = vec![T::default(); out * out_h * out_w];
    let of_group = kernel.len() / (out * kh * kw);
    let outs = out * of_group / shape.c;
    for (row, taps) in kernel.chunks_exact(kh * kw).enumerate() {
        let o = row / of_group;
        let c = o / outs * of_group + row % of_group;
        let plane = &input[c * shape.area()..(c + 1) * shape.area()];
        let sums = &mut sums[o * out_h * out_w..(o + 1) * out_h * out_w];
        for (tap, weight) in taps.iter().enumerate() {
            for oy in 0..out_h {
                let y = (oy * window.stride.0 + tap / kw).wrapping_sub(window.padding.top);
                let Some(line) = plane.chunks_exact(shape.w).nth(y) else { continue };
                for ox in 0..out_w {
                    let x = (ox * window.stride.1 + tap % kw).wrapping_sub(window.padding.left);
                    if let Some(value) = line.get(x) {
                        let sum = &mut sums[oy * out_w + ox];
                        *sum = *sum + *weight * *value;
                    }
                }
            }
        }
    }
    sums
}

/// Sums over the window, channel by channel.
pub fn sum_pool<T: Copy + Default + Add<Output = T>>(input: &[T], shape: Shape, window: &Window) -> Vec<T> {
    let (out_h, out_w) = window.output(shape).expect("shapes are checked when the graph is made");
    // Rows and columns of the input under a window position, without its padding.
    let under = |position: usize, stride: usize, kernel: usize, before: usize, size: usize| {
        let start = position * stride;
        start.saturating_sub(before).min(size)..(start + kernel).saturating_sub(before).min(size)
    };
    let mut sums = Vec::with_capacity(shape.c * out_h * out_w);
    for plane in input.chunks_exact(shape.area()) {
        for oy in 0..out_h {
            let rows = under(oy, window.stride.0, window.kernel.0, window.padding.top, shape.h);
            for ox in 0..out_w {
                let columns = under(ox, window.stride.1, window.kernel.1, window.padding.left, shape.w);
                let lines = plane[rows.start * shape.w..rows.end * shape.w].chunks_exact(shape.w);
                let values = lines.flat_map(|line| &line[columns.clone()]);
                sums.push(values.fold(T::default(), |sum, x| sum + *x));
            }
        }
    }
    sums
}

/// Sums of what places of an average count, each multiplied so that all are over as many.
pub fn even_sums<T: Copy + Default + Add<Output = T>>(
    input: &[T],
    shape: Shape,
    average: &Average,
) -> Vec<T> {
    let mut sums = sum_pool(input, shape, &average.window);
    if average.uncounted.is_none() {
        return sums;
    }
    let (rows, columns) = (average.rows(shape), average.columns(shape));
    let across = columns.factors();
    let factors = rows.factors().flat_map(|row| across.clone().map(move |column| row * column)).cycle();
    sums.iter_mut().zip(factors).for_each(|(sum, factor)| *sum = times(*sum, factor));
    sums
}

/// `x` added up `count` times.
fn times<T: Copy + Default + Add<Output = T>>(x: T, count: usize) -> T {
    let (mut sum, mut double, mut rest) = (T::default(), x, count);
    while rest > 0 {
        if !rest.is_multiple_of(2) {
            sum = sum + double;
        }
        rest /= 2;
        if rest > 0 {
            double = double + double;
        }
    }
    sum
}

/// The input with `value` around its rows and columns, channel by channel.
pub fn pad<T: Copy>(input: &[T], shape: Shape, around: Padding, value: T) -> Vec<T> {
    let width = around.left + shape.w + around.right;
    let rows = |count: usize| std::iter::repeat_n(value, count * width);
    let mut out = Vec::with_capacity(shape.c * width * (around.top + shape.h + around.bottom));
    for channel in input.chunks_exact(shape.area()) {
        out.extend(rows(around.top));
        for line in channel.chunks_exact(shape.w) {
            out.extend(std::iter::repeat_n(value, around.left));
            out.extend(line);
            out.extend(std::iter::repeat_n(value, around.right));
        }
        out.extend(rows(around.bottom));
    }
    out
}

/// Every `stride`-th row and column, with `before` and `after` zero channels around.
pub fn pad_channels<T: Copy + Default>(
    input: &[T],
    shape: Shape,
    stride: usize,
    before: usize,
    after: usize,
) -> Vec<T> {
    let area = shape.h.div_ceil(stride) * shape.w.div_ceil(stride);
    let mut out = vec![T::default(); before * area];
    for channel in input.chunks_exact(shape.area()) {
        for line in channel.chunks_exact(shape.w).step_by(stride) {
            out.extend(line.iter().step_by(stride).copied());
        }
    }
    out.resize((before + shape.c + after) * area, T::default());
    out
}

/// Rows and columns by their indices, channel by channel.
pub fn slice<T: Copy>(input: &[T], shape: Shape, rows: Picks, columns: Picks) -> Vec<T> {
    let mut out = Vec::with_capacity(shape.c * rows.count * columns.count);
    let inside = columns.inside(shape.w);
    let indices: Vec<usize> = columns.clamped(shape.w).collect();
    for channel in input.chunks_exact(shape.area()) {
        for row in rows.clamped(shape.h) {
            let line = &channel[row * shape.w..(row + 1) * shape.w];
            // Max pools of large images pick millions of values, hardly any beyond an edge.
            match inside {
                Some(start) => {
                    out.extend(line[start..].iter().step_by(columns.step).take(columns.count).copied())
                }
                None => out.extend(indices.iter().map(|column| line[*column])),
            }
        }
    }
    out
}

/// Channels by their indices.
pub fn pick_channels<T: Copy>(input: &[T], shape: Shape, picked: &[usize]) -> Vec<T> {
    let area = shape.area();
    picked.iter().flat_map(|channel| &input[channel * area..(channel + 1) * area]).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Padding;

    #[test]
    fn strided_padded_convolution_by_hand() {
        // 1x3x3 input 1..9, kernel 2x2 of ones, stride 2, one zero row above and one zero column before.
        let input: Vec<i64> = (1..=9).collect();
        let window = Window {
            kernel: (2, 2),
            stride: (2, 2),
            padding: Padding { top: 1, bottom: 0, left: 1, right: 0 },
        };
        let out = convolve(&input, Shape::new(1, 3, 3), &window, 1, &[1, 1, 1, 1]);
        assert_eq!(out, [1, 2 + 3, 4 + 7, 5 + 6 + 8 + 9]);
        // Kernel and channels in their order: 10 and 1000 times the second channel's diagonal.
        let input: Vec<i64> = (1..=8).collect();
        let kernel = [1, 0, 0, 0, 10, 0, 0, 1000];
        assert_eq!(convolve(&input, Shape::new(2, 2, 2), &Window::square(2, 1, 0), 1, &kernel), [8051]);
        // In two groups of one channel, with two outputs each.
        let kernel = [1, 0, 0, 0, 0, 0, 0, 10, 1, 0, 0, 0, 0, 0, 0, 100];
        assert_eq!(
            convolve(&input, Shape::new(2, 2, 2), &Window::square(2, 1, 0), 4, &kernel),
            [1, 40, 5, 800]
        );
    }

    #[test]
    fn pools_and_pads_by_hand() {
        let input: Vec<i64> = (1..=8).collect();
        let shape = Shape::new(2, 2, 2);
        assert_eq!(sum_pool(&input, shape, &Window::square(2, 1, 0)), [10, 26]);
        let window = Window {
            kernel: (2, 2),
            stride: (2, 2),
            padding: Padding { top: 1, bottom: 1, left: 0, right: 0 },
        };
        assert_eq!(sum_pool(&input, shape, &window), [1 + 2, 3 + 4, 5 + 6, 7 + 8]);
        // The zeros count nowhere but below the first row, where one of two does.
        let uncounted = Padding { bottom: 1, ..Padding::default() };
        let average = Average { window, uncounted };
        assert_eq!(even_sums(&input, shape, &average), [1 + 2, 2 * (3 + 4), 5 + 6, 2 * (7 + 8)]);
        assert_eq!(
            (0..9).map(|count| times(7, count)).collect::<Vec<_>>(),
            [0, 7, 14, 21, 28, 35, 42, 49, 56]
        );
        assert_eq!(pad_channels(&input, shape, 2, 1, 1), [0, 1, 5, 0]);
        let (rows, columns) = (
            Picks { start: -1, step: 2, count: 2, times: 1 },
            Picks { start: 1, step: 1, count: 2, times: 1 },
        );
        assert_eq!(slice(&input, shape, rows, columns), [2, 2, 4, 4, 6, 6, 8, 8]);
        let twice = slice(&input, shape, Picks::repeated(2, 2), Picks::repeated(2, 1));
        assert_eq!(twice, [1, 2, 1, 2, 3, 4, 3, 4, 5, 6, 5, 6, 7, 8, 7, 8]);
        // Row 0 twice, then row 2 once; of columns the last three times.
        let (rows, columns) = (
            Picks { start: 0, step: 2, count: 3, times: 2 },
            Picks { start: 1, step: 1, count: 3, times: 3 },
        );
        assert_eq!(slice(&input[..6], Shape::new(1, 3, 2), rows, columns), [2, 2, 2, 2, 2, 2, 6, 6, 6]);
        let around = Padding { top: 1, bottom: 0, left: 0, right: 2 };
        assert_eq!(
            pad(&input[..4], Shape::new(2, 1, 2), around, 9),
            [9, 9, 9, 9, 1, 2, 9, 9, 9, 9, 9, 9, 3, 4, 9, 9]
        );
        let picked = [5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(pick_channels(&input, shape, &[1, 0, 1]), picked);
    }

    /// Picks within a line, at an edge and beyond one, by their definition.
    #[test]
    fn slices_are_what_is_picked() {
        let line: Vec<i64> = (0..7).collect();
        let rows = Picks { start: 0, step: 1, count: 1, times: 1 };
        for (start, step, count) in
            [(0, 1, 7), (0, 2, 4), (1, 2, 3), (1, 2, 4), (6, 1, 1), (5, 3, 2), (-1, 3, 3)]
        {
            let columns = Picks { start, step, count, times: 1 };
            let picked: Vec<i64> = columns.clamped(line.len()).map(|column| line[column]).collect();
            assert_eq!(slice(&line, Shape::new(1, 1, 7), rows, columns), picked, "{columns:?}");
            let beyond = columns.clamped(100).zip(columns.clamped(7)).any(|(there, here)| there != here);
            assert_eq!(columns.inside(7).is_none(), beyond || start < 0, "{columns:?}");
        }
    }
}
