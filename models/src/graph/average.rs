//! Averages: what places of a window count.

use super::shape::{Padding, Shape, Window};
use std::ops::Range;

/// The most that the least common multiple of an average's counts may be.
const MOST_MULTIPLE: usize = 1 << 32;

/// A window whose places average all that is under them, but for zeros around the input that are said not to count.
#[derive(Clone, Copy, Debug)]
pub struct Average {
    /// Kernel, stride, padding.
    pub window: Window,
    /// How much of the padding does not count, the outermost on each side.
    pub uncounted: Padding,
}

impl Average {
    /// Rows that the places of `input` count.
    pub fn rows(&self, input: Shape) -> Counts {
        let Self { window: Window { kernel, stride, padding }, uncounted } = self;
        let counted =
            uncounted.top..(padding.top + input.h + padding.bottom).saturating_sub(uncounted.bottom);
        let places = self.window.output(input).map_or(0, |(rows, _)| rows);
        Counts { places, kernel: kernel.0, stride: stride.0, counted }
    }

    /// Columns that the places of `input` count.
    pub fn columns(&self, input: Shape) -> Counts {
        let Self { window: Window { kernel, stride, padding }, uncounted } = self;
        let counted =
            uncounted.left..(padding.left + input.w + padding.right).saturating_sub(uncounted.right);
        let places = self.window.output(input).map_or(0, |(_, columns)| columns);
        Counts { places, kernel: kernel.1, stride: stride.1, counted }
    }

    /// What every place's sum can be brought to by an integer: the least common multiple of what rows count, times that of what
    /// columns do. `None` where a place counts nothing, or where it would be too large.
    pub fn divisor(&self, input: Shape) -> Option<usize> {
        let divisor = self.rows(input).multiple()?.checked_mul(self.columns(input).multiple()?)?;
        (divisor <= MOST_MULTIPLE).then_some(divisor)
    }

    /// Whether no more of the padding is uncounted than there is.
    pub fn is_within(&self) -> bool {
        let (of, all) = (self.uncounted, self.window.padding);
        of.top <= all.top && of.bottom <= all.bottom && of.left <= all.left && of.right <= all.right
    }
}

/// What places in one direction count.
#[derive(Clone, Debug)]
pub struct Counts {
    places: usize,
    kernel: usize,
    stride: usize,
    /// Of what is padded.
    counted: Range<usize>,
}

impl Counts {
    /// Of every place.
    pub fn each(&self) -> impl Iterator<Item = usize> + Clone {
        let Self { places, kernel, stride, counted } = self.clone();
        (0..places).map(move |place| {
            let start = place * stride;
            (start + kernel).min(counted.end).saturating_sub(start.max(counted.start))
        })
    }

    /// By what every place's sum is multiplied, so that all are over as many.
    pub fn factors(&self) -> impl Iterator<Item = usize> + Clone {
        let multiple = self.multiple().expect("averages are checked when the graph is made");
        self.each().map(move |count| multiple / count)
    }

    /// The least common multiple; `None` where a place counts nothing, or where it would be too large.
    fn multiple(&self) -> Option<usize> {
        self.each().try_fold(1, |multiple: usize, count| {
            let larger =
                multiple.checked_div(greatest_common_divisor(multiple, count))?.checked_mul(count)?;
            (1..=MOST_MULTIPLE).contains(&larger).then_some(larger)
        })
    }
}

pub(super) const fn greatest_common_divisor(mut one: usize, mut other: usize) -> usize {
    while other > 0 {
        (one, other) = (other, one % other);
    }
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    fn average(kernel: usize, stride: usize, padding: Padding, uncounted: Padding) -> Average {
        Average { window: Window { padding, ..Window::square(kernel, stride, 0) }, uncounted }
    }

    #[test]
    fn counts_by_hand() {
        let (shape, one) = (Shape::new(2, 4, 5), Padding::same(1));
        let whole = average(3, 1, one, Padding::default());
        assert!(whole.rows(shape).each().eq([3; 4]));
        assert_eq!(whole.divisor(shape), Some(9));
        let inside = average(3, 1, one, one);
        assert!(inside.rows(shape).each().eq([2, 3, 3, 2]));
        assert!(inside.columns(shape).factors().eq([3, 2, 2, 2, 3]));
        assert_eq!(inside.divisor(shape), Some(36));
        // One row of the two below counts: the last place has two of its three.
        let below = Padding { bottom: 2, ..Padding::default() };
        let partly = average(3, 3, below, Padding { bottom: 1, ..Padding::default() });
        assert!(partly.rows(shape).each().eq([3, 2]));
        assert_eq!(partly.divisor(shape), Some(6 * 3));
    }

    #[test]
    fn what_counts_nothing_or_has_no_common_multiple_has_no_divisor() {
        let (shape, far) = (Shape::new(1, 4, 4), Padding::same(3));
        assert_eq!(average(2, 1, far, far).divisor(shape), None);
        let wide = average(61, 1, Padding::same(60), Padding::same(60));
        assert_eq!(wide.divisor(Shape::new(1, 61, 61)), None);
        assert!(wide.is_within() && !average(2, 1, Padding::default(), far).is_within());
    }
}
