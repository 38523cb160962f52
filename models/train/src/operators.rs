//! Operators of a graph without parameters that libtorch has no single call for, on values (N, C, H, W), differentiable.

use models::graph::{Average, Counts, Padding, Picks, Shape};
use tch::Tensor;

/// Rows and columns as libtorch takes them.
pub(crate) fn pair(of: (usize, usize)) -> [i64; 2] {
    [of.0 as i64, of.1 as i64]
}

/// Zeros around every channel.
pub(crate) fn pad(x: &Tensor, padding: Padding) -> Tensor {
    if padding == Padding::default() {
        return x.shallow_clone();
    }
    let Padding { top, bottom, left, right } = padding;
    x.constant_pad_nd([left as i64, right as i64, top as i64, bottom as i64])
}

/// Means of windows of `x`, whose channels have the extents of `input`; what is not counted among their elements may differ from
/// row to row and from column to column.
pub(crate) fn average(x: &Tensor, average: &Average, input: Shape) -> Tensor {
    let window = average.window;
    let (kernel, stride) = (pair(window.kernel), pair(window.stride));
    let of_all = pad(x, window.padding).avg_pool2d(kernel, stride, [0, 0], false, true, None::<i64>);
    if average.uncounted.is_none() {
        return of_all;
    }
    let share = |of: usize, counts: Counts| {
        let shares: Vec<f32> = counts.each().map(|count| of as f32 / count as f32).collect();
        Tensor::from_slice(&shares).to_device(x.device()).to_kind(of_all.kind())
    };
    let rows = share(window.kernel.0, average.rows(input)).reshape([1, 1, -1, 1]);
    &of_all * rows * share(window.kernel.1, average.columns(input)).reshape([1, 1, 1, -1])
}

/// Rows (axis 2) or columns (axis 3) by their indices, clamped to the edges.
pub(crate) fn picked(x: &Tensor, axis: i64, picks: Picks) -> Tensor {
    let size = x.size()[axis as usize];
    let last = picks.start as i64 + ((picks.count - 1) * picks.step) as i64;
    if picks.start >= 0 && last < size && picks.times == 1 {
        return x.slice(axis, picks.start as i64, last + 1, picks.step as i64);
    }
    let indices: Vec<i64> = picks.clamped(size as usize).map(|index| index as i64).collect();
    x.index_select(axis, &Tensor::from_slice(&indices).to_device(x.device()))
}

/// Every `stride`-th row and column, between channels of zeros: so many `before` and `after`.
pub(crate) fn shortcut(x: &Tensor, stride: usize, (before, after): (usize, usize)) -> Tensor {
    // By averages over a window of one: the derivatives of slices have channels outermost, and so would all sums and norms on the
    // way back from there, which is slower.
    let kept = x.avg_pool2d([1, 1], [stride as i64; 2], [0, 0], false, true, None::<i64>);
    kept.constant_pad_nd([0, 0, 0, 0, before as i64, after as i64])
}
