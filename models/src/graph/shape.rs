//! Extents of values, and the windows that slide over them.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Extent of one value: channels, rows, columns. A flat vector is `(n, 1, 1)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shape {
    /// Channels.
    pub c: usize,
    /// Rows.
    pub h: usize,
    /// Columns.
    pub w: usize,
}

impl Shape {
    /// `(channels, rows, columns)`.
    pub const fn new(c: usize, h: usize, w: usize) -> Self {
        Self { c, h, w }
    }

    /// Number of units; `usize::MAX` where that is too small, which no graph's value reaches.
    pub const fn size(self) -> usize {
        self.c.saturating_mul(self.area())
    }

    /// Units of one channel; `usize::MAX` where that is too small.
    pub const fn area(self) -> usize {
        self.h.saturating_mul(self.w)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.c, self.h, self.w)
    }
}

/// Zero padding on each side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Padding {
    /// Rows above.
    pub top: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns before.
    pub left: usize,
    /// Columns after.
    pub right: usize,
}

impl Padding {
    /// The same padding on all four sides.
    pub const fn same(by: usize) -> Self {
        Self { top: by, bottom: by, left: by, right: by }
    }

    /// Whether there is none on any side.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Both together.
    pub const fn and(self, other: Self) -> Self {
        Self {
            top: self.top + other.top,
            bottom: self.bottom + other.bottom,
            left: self.left + other.left,
            right: self.right + other.right,
        }
    }

    /// The window of one place whose sums are the input and zeros around it.
    pub const fn window(self) -> Window {
        Window { kernel: (1, 1), stride: (1, 1), padding: self }
    }
}

/// The sliding window of a convolution or pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Window {
    /// Rows and columns of the kernel.
    pub kernel: (usize, usize),
    /// Step down and across.
    pub stride: (usize, usize),
    /// Zeros around the input.
    pub padding: Padding,
}

impl Window {
    /// A square kernel with equal strides and padding.
    pub const fn square(kernel: usize, stride: usize, padding: usize) -> Self {
        Self { kernel: (kernel, kernel), stride: (stride, stride), padding: Padding::same(padding) }
    }

    /// The input with the zeros around it; `None` where no number says how large that is.
    pub fn padded(&self, input: Shape) -> Option<Shape> {
        let Padding { top, bottom, left, right } = self.padding;
        let h = input.h.checked_add(top)?.checked_add(bottom)?;
        let w = input.w.checked_add(left)?.checked_add(right)?;
        Some(Shape::new(input.c, h, w))
    }

    /// Rows and columns of the output, or `None` where the kernel does not fit once, or is empty, or never moves on.
    pub fn output(&self, input: Shape) -> Option<(usize, usize)> {
        let padded = self.padded(input)?;
        let positions = |size: usize, kernel: usize, stride: usize| {
            let rest = size.checked_sub(kernel)?;
            (kernel > 0 && stride > 0).then(|| rest / stride + 1)
        };
        let h = positions(padded.h, self.kernel.0, self.stride.0)?;
        Some((h, positions(padded.w, self.kernel.1, self.stride.1)?))
    }
}

/// Indices at equal distances, each once or several times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picks {
    /// The first; below zero it is before the edge.
    pub start: isize,
    /// From one to the next, at least 1.
    pub step: usize,
    /// How many in all, at least 1.
    pub count: usize,
    /// How often each comes in a row, at least 1; the last may come less often.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub times: usize,
}

const fn once() -> usize {
    1
}

/// Files tell of repetition only where there is some.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_once(times: &usize) -> bool {
    *times == 1
}

impl Picks {
    /// The first index where each comes once and none is beyond an edge of `size`.
    pub fn inside(self, size: usize) -> Option<usize> {
        if self.times != 1 {
            return None;
        }
        let start = usize::try_from(self.start).ok()?;
        let last = self.step.checked_mul(self.count.checked_sub(1)?)?.checked_add(start)?;
        (last < size).then_some(start)
    }

    /// The indices among `size`, each moved to the edge that it is beyond.
    pub fn clamped(self, size: usize) -> impl Iterator<Item = usize> + Clone {
        let last = size.saturating_sub(1) as isize;
        let index = move |place: usize| self.start + (place / self.times * self.step) as isize;
        (0..self.count).map(move |place| index(place).clamp(0, last) as usize)
    }

    /// All of `size`, each so many times.
    pub const fn repeated(size: usize, times: usize) -> Self {
        Self { start: 0, step: 1, count: size.saturating_mul(times), times }
    }
}
