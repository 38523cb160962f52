//! Linear expressions in values that exist already, from which segments are made.
//!
//! What stands around a padded value is no function of values: it is part of the bias, of which every unit then has its own, and
//! goes with it through maps and convolutions. So it is rounded once, with the bias of the segment that it ends in.

use super::steps::{PublicMap, ValueId};
use crate::convolve::pad;
use crate::graph::{Padding, Shape, Window};
use crate::matmul::convolve;

/// A linear expression in values that exist already.
#[derive(Clone)]
pub(super) struct Expr {
    pub(super) terms: Vec<RealTerm>,
    /// Of every channel, or of every unit.
    pub(super) bias: Vec<f32>,
    pub(super) shape: Shape,
}

#[derive(Clone)]
pub(super) struct RealTerm {
    pub(super) source: ValueId,
    pub(super) pre: Vec<PublicMap>,
    pub(super) shape: Shape,
    pub(super) divisor: u64,
    pub(super) factor: f64,
    pub(super) conv: Option<RealConv>,
}

/// A convolution with its kernel `(out, in / groups, rows, columns)`.
#[derive(Clone)]
pub(super) struct RealConv {
    pub(super) window: Window,
    pub(super) groups: usize,
    pub(super) kernel: Vec<f32>,
}

impl RealTerm {
    /// The same after another public map.
    fn mapped(mut self, map: PublicMap) -> Self {
        self.shape = map.output(self.shape);
        match (self.pre.last_mut(), map) {
            (
                Some(PublicMap::PadChannels { stride: 1, before, after }),
                PublicMap::PadChannels { stride: 1, before: more_before, after: more_after },
            ) => {
                *before += more_before;
                *after += more_after;
            }
            // Values side by side stay so.
            (Some(PublicMap::PadChannels { stride: 1, .. }), map) if map.only_adds() => {
                self.pre.insert(self.pre.len() - 1, map);
            }
            (_, map) => self.pre.push(map),
        }
        self
    }

    /// The channels that may be other than zero: the first, and one behind the last.
    fn channels(&self) -> (usize, usize) {
        match self.pre.last() {
            Some(PublicMap::PadChannels { before, after, .. }) => (*before, self.shape.c - after),
            _ => (0, self.shape.c),
        }
    }

    /// The convolution of this value: weights of channels that are zero are left out, and zeros around it become the window's.
    fn convolved(mut self, mut window: Window, groups: usize, kernel: &[f32]) -> Self {
        let (all, taps) = (self.shape.c / groups, window.kernel.0 * window.kernel.1);
        let mut channels = 0..all;
        if let Some(PublicMap::PadChannels { stride: 1, before, after }) = self.pre.last()
            && groups == 1
        {
            channels = *before..all - after;
            self.pre.pop();
            self.shape.c = channels.len();
        }
        // A single tap goes into other convolutions where it does not pad.
        if let Some(PublicMap::SumPool { window: Window { padding, .. }, .. }) = self.pre.last()
            && self.pre.last() == Some(&PublicMap::around(*padding))
            && window.kernel != (1, 1)
        {
            let Padding { top, bottom, left, right } = *padding;
            self.shape =
                Shape { h: self.shape.h - top - bottom, w: self.shape.w - left - right, ..self.shape };
            window.padding = window.padding.and(*padding);
            self.pre.pop();
        }
        let rows = kernel.chunks_exact(all * taps);
        let weights = rows.flat_map(|row| &row[channels.start * taps..channels.end * taps]);
        let factor = std::mem::replace(&mut self.factor, 1.0);
        let kernel = weights.map(|w| (f64::from(*w) * factor) as f32).collect();
        self.conv = Some(RealConv { window, groups, kernel });
        self
    }
}

impl Expr {
    pub(super) fn value(source: ValueId, shape: Shape) -> Self {
        let term = RealTerm { source, pre: Vec::new(), shape, divisor: 1, factor: 1.0, conv: None };
        Self { terms: vec![term], ..Self::nothing(shape) }
    }

    /// Zeros.
    pub(super) fn nothing(shape: Shape) -> Self {
        Self { terms: Vec::new(), bias: vec![0.0; shape.c], shape }
    }

    /// Itself for its reader. One that is no public function has no other, and leaves nothing behind: of a long sum of sums, the
    /// weights would otherwise be kept as often as there are sums.
    pub(super) fn taken(&mut self) -> Self {
        if self.is_public() {
            return self.clone();
        }
        let rest = Self { terms: Vec::new(), bias: Vec::new(), shape: self.shape };
        std::mem::replace(self, rest)
    }

    /// Without weights: a public function of values, and numbers.
    pub(super) fn is_public(&self) -> bool {
        self.terms.iter().all(|term| term.conv.is_none())
    }

    /// Public, with no two terms in one channel.
    pub(super) fn is_side_by_side(&self) -> bool {
        let mut channels: Vec<(usize, usize)> = self.terms.iter().map(RealTerm::channels).collect();
        channels.sort_unstable();
        self.is_public() && channels.windows(2).all(|pair| pair[0].1 <= pair[1].0)
    }

    /// The value itself of which this is no function but the identity.
    pub(super) fn itself(&self) -> Option<ValueId> {
        let [RealTerm { source, pre, divisor: 1, factor: 1.0, conv: None, .. }] = &self.terms[..] else {
            return None;
        };
        (pre.is_empty() && self.has_no_bias()).then_some(*source)
    }

    fn has_no_bias(&self) -> bool {
        self.bias.iter().all(|b| *b == 0.0)
    }

    /// The bias of every unit.
    fn units(&self) -> impl Iterator<Item = f64> {
        let each = self.shape.size() / self.bias.len();
        self.bias.iter().flat_map(move |b| std::iter::repeat_n(f64::from(*b), each))
    }

    /// With `other` added.
    pub(super) fn plus(mut self, other: Self) -> Self {
        if self.bias.len() < other.bias.len() {
            self.bias = self.units().map(|b| b as f32).collect();
        }
        let each = self.bias.len() / other.bias.len();
        let bias = other.bias.iter().flat_map(|b| std::iter::repeat_n(*b, each));
        self.bias.iter_mut().zip(bias).for_each(|(a, b)| *a += b);
        self.terms.extend(other.terms);
        self
    }

    /// Times a number.
    pub(super) fn times(mut self, by: f64) -> Self {
        for term in &mut self.terms {
            match &mut term.conv {
                Some(RealConv { kernel, .. }) => multiply(kernel, by),
                None => term.factor *= by,
            }
        }
        multiply(&mut self.bias, by);
        self
    }

    /// A public expression after another public map.
    pub(super) fn mapped(self, map: PublicMap, shape: Shape) -> Self {
        let bias = match self.has_no_bias() {
            true => vec![0.0; shape.c],
            false => {
                let units: Vec<f64> = self.units().collect();
                narrow(map.apply(&units, self.shape).into_iter().map(|b| b as f32).collect(), shape)
            }
        };
        let terms = self.terms.into_iter().map(|term| term.mapped(map.clone())).collect();
        Self { terms, bias, shape }
    }

    /// Sums as `map` makes them of a public expression, over `count`; the divisor is still owed.
    pub(super) fn averaged(self, map: PublicMap, count: u64, shape: Shape) -> Self {
        let mut sums = self.mapped(map, shape);
        multiply(&mut sums.bias, 1.0 / count as f64);
        sums
    }

    /// A public expression with rows and columns of `value` around it.
    pub(super) fn padded(self, around: Padding, value: f64, shape: Shape) -> Self {
        let inside = self.shape;
        let mut padded = self.mapped(PublicMap::around(around), shape);
        if value != 0.0 {
            let border = pad(&vec![0.0; inside.size()], inside, around, value as f32);
            padded = padded.plus(Self { terms: Vec::new(), bias: border, shape });
        }
        padded
    }

    /// A convolution of values side by side.
    pub(super) fn convolved(
        self,
        (window, groups): (Window, usize),
        kernel: &[f32],
        bias: Vec<f32>,
        shape: Shape,
    ) -> Self {
        let mut of_bias = Self { terms: Vec::new(), bias, shape };
        if !self.has_no_bias() {
            let (units, weights): (Vec<f64>, Vec<f64>) =
                (self.units().collect(), kernel.iter().map(|w| f64::from(*w)).collect());
            let made = convolve(&units, self.shape, &window, shape.c, &weights);
            let own: Vec<f64> = of_bias.units().collect();
            let bias = own.iter().zip(made).map(|(own, made)| (own + made) as f32).collect();
            of_bias.bias = narrow(bias, shape);
        }
        let terms = self.terms.into_iter().map(|term| term.convolved(window, groups, kernel)).collect();
        Self { terms, ..of_bias }
    }

    /// `scale * self + shift`, channel by channel.
    pub(super) fn scaled(mut self, scale: &[f32], shift: &[f32]) -> Self {
        let channels = self.shape.c;
        let scaled = |mut term: RealTerm| match &mut term.conv {
            Some(RealConv { kernel, .. }) => {
                let row = kernel.len() / channels;
                for (weights, s) in kernel.chunks_exact_mut(row).zip(scale) {
                    weights.iter_mut().for_each(|w| *w *= s);
                }
                term
            }
            None => term.convolved(Window::square(1, 1, 0), channels, scale),
        };
        self.terms = self.terms.into_iter().map(scaled).collect();
        let each = self.bias.len() / channels;
        for ((units, s), t) in self.bias.chunks_exact_mut(each).zip(scale).zip(shift) {
            units.iter_mut().for_each(|b| *b = *b * s + t);
        }
        self
    }
}

/// All numbers times one.
fn multiply(numbers: &mut [f32], by: f64) {
    numbers.iter_mut().for_each(|x| *x = (f64::from(*x) * by) as f32);
}

/// The bias of every channel where all of its units have the same, or of every unit as given.
pub(super) fn narrow(units: Vec<f32>, shape: Shape) -> Vec<f32> {
    let channels = units.chunks_exact(shape.area());
    if channels.clone().all(|channel| channel.iter().all(|b| *b == channel[0])) {
        channels.map(|channel| channel[0]).collect()
    } else {
        units
    }
}
