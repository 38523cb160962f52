//! The public shape of a quantized network: which steps, in which order, on which values.
//!
//! Value 0 is the image; step `i` makes value `i + 1`.

use super::curve::Curve;
use super::ring::Ring;
use crate::convolve::{even_sums, pad_channels, pick_channels, slice};
use crate::graph::{Activation, Average, NodeId, Padding, Picks, Shape, Window};
use serde::{Deserialize, Serialize};
use std::ops::Add;
use std::sync::Arc;

/// Most units that averages one after another are over: far more than a sum's scale has bits for.
pub(super) const MOST_DIVISOR: u64 = 1 << 32;

/// Names a value of a network: the image, or what a step makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ValueId(usize);

impl ValueId {
    /// The image.
    pub const IMAGE: Self = Self(0);

    /// What step `step` makes, counted from 0.
    pub const fn made_by(step: usize) -> Self {
        Self(step + 1)
    }

    /// The step that makes it; `None` for the image.
    pub const fn maker(self) -> Option<usize> {
        self.0.checked_sub(1)
    }

    /// Its place in a list of all values, the image first.
    pub const fn index(self) -> usize {
        self.0
    }
}

/// One step of a network after batch norms are folded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// A linear function of earlier values.
    Linear(Segment),
    /// Nonlinearity where the mask keeps it, and rescaling everywhere.
    Activation(ActivationStep),
    /// A product of two values.
    Product(ProductStep),
    /// A segment's or product's value passed on, as it is or truncated: a layer that keeps nothing and is not rescaled by a protocol.
    Reshare(ReshareStep),
}

impl Step {
    /// The name of the graph node that the step comes from.
    pub fn name(&self) -> &str {
        match self {
            Self::Linear(segment) => &segment.name,
            Self::Activation(activation) => &activation.name,
            Self::Product(product) => &product.name,
            Self::Reshare(reshare) => &reshare.name,
        }
    }

    /// Shape of the value that the step makes.
    pub fn shape(&self) -> Shape {
        match self {
            Self::Linear(segment) => segment.shape,
            Self::Activation(activation) => activation.shape,
            Self::Product(product) => product.shape,
            Self::Reshare(reshare) => reshare.shape,
        }
    }

    /// The values that the step reads; some more than once.
    pub fn sources(&self) -> Vec<ValueId> {
        match self {
            Self::Linear(segment) => segment.terms.iter().map(|term| term.source).collect(),
            Self::Activation(activation) => vec![activation.source],
            Self::Product(product) => vec![product.left, product.right],
            Self::Reshare(reshare) => vec![reshare.source],
        }
    }

    /// The same, to be renumbered.
    pub(super) fn sources_mut(&mut self) -> Vec<&mut ValueId> {
        match self {
            Self::Linear(segment) => segment.terms.iter_mut().map(|term| &mut term.source).collect(),
            Self::Activation(activation) => vec![&mut activation.source],
            Self::Product(product) => vec![&mut product.left, &mut product.right],
            Self::Reshare(reshare) => vec![&mut reshare.source],
        }
    }
}

/// `sum of terms + bias`, at scale 2^scale.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// The graph node whose output this is.
    pub name: String,
    /// What is added up; never empty.
    pub terms: Vec<Term>,
    /// Shape of the result.
    pub shape: Shape,
    /// log2 of the result's fixed-point scale (0 before quantization).
    pub scale: u32,
}

impl Segment {
    /// Multiply-accumulates of its convolutions.
    pub(super) fn products(&self) -> u64 {
        let of_term = |term: &Term| match term.op {
            TermOp::Times { .. } => 0,
            TermOp::Conv { window, groups, .. } => {
                self.shape.size() * (term.shape.c / groups) * window.kernel.0 * window.kernel.1
            }
        };
        self.terms.iter().map(of_term).sum::<usize>() as u64
    }

    /// Whether whatever scale it has multiplies with the same: no term has weights or another factor to round.
    pub(super) fn is_exact(&self) -> bool {
        !self.terms.iter().any(Term::is_rounded)
    }

    /// log2 of the result's scale where weights have `fw` bits and values the scales `scale_of`: that of the finest term. A term
    /// whose factor is an integer needs none of their bits, unless there are no others, since what reads the result divides it.
    pub fn scale_with(&self, fw: u32, scale_of: impl Fn(ValueId) -> u32) -> u32 {
        let rounded = self.terms.iter().any(Term::is_rounded);
        let bits = |term: &Term| if term.is_rounded() || !rounded { fw } else { 0 };
        let scales = self.terms.iter().map(|term| scale_of(term.source) + bits(term) + term.owed_bits());
        scales.max().expect("a segment has terms")
    }
}

/// `op(factor * pre(source)) / divisor`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Term {
    /// The value it reads.
    pub source: ValueId,
    /// Public maps, applied in order to each party's share alone.
    pub pre: Vec<PublicMap>,
    /// Shape after `pre`.
    pub shape: Shape,
    /// What average pools still owe: the product of how many values their sums are over.
    pub divisor: u64,
    /// A public factor; 1 where there are weights, which have it.
    pub factor: f64,
    /// The last map.
    pub op: TermOp,
}

impl Term {
    /// Bits that the divisor of average pools adds to the scale.
    pub fn owed_bits(&self) -> u32 {
        self.divisor.next_power_of_two().trailing_zeros()
    }

    /// Whether it multiplies with weights.
    pub const fn has_weights(&self) -> bool {
        matches!(self.op, TermOp::Conv { .. })
    }

    /// Whether what it multiplies with is rounded: weights, or a factor that the bits owed do not make an integer.
    fn is_rounded(&self) -> bool {
        self.has_weights() || self.multiplier(self.owed_bits()).fract() != 0.0
    }

    /// The public factor at `bits` bits more of scale, with what is owed.
    pub(super) fn multiplier(&self, bits: u32) -> f64 {
        self.factor * f64::from(bits).exp2() / self.divisor as f64
    }
}

/// The last map of a term.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "map", rename_all = "snake_case")]
pub enum TermOp {
    /// Multiplication by a public integer: the factor, at the bits by which the scale grows (1 before quantization).
    Times {
        /// The integer.
        by: i64,
    },
    /// Convolution with secret weights.
    Conv {
        /// Output channels.
        out: usize,
        /// Kernel, stride, padding.
        window: Window,
        /// Parts that input and output channels are cut into.
        groups: usize,
    },
}

/// A linear map without secrets and with integer coefficients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "map", rename_all = "snake_case")]
pub enum PublicMap {
    /// Sum over the window, channel by channel.
    SumPool {
        /// Kernel, stride, padding.
        window: Window,
        /// How much of the padding does not count, as of an average: sums over fewer are multiplied so that all are over as many.
        #[serde(default, skip_serializing_if = "Padding::is_none")]
        uncounted: Padding,
    },
    /// Rows and columns by their indices, each as often as they say, moved to the edge that they are beyond.
    Slice {
        /// Rows.
        rows: Picks,
        /// Columns.
        columns: Picks,
    },
    /// Channels by their indices.
    Channels {
        /// Which channel of the input each of the output's is; shared by all terms that are mapped so.
        #[serde(with = "shared")]
        picked: Arc<[usize]>,
    },
    /// Subsampling and zero channels.
    PadChannels {
        /// One row and column in `stride` stays.
        stride: usize,
        /// Zero channels before.
        before: usize,
        /// Zero channels after.
        after: usize,
    },
}

impl PublicMap {
    /// Zeros around rows and columns: sums over one place each.
    pub const fn around(padding: Padding) -> Self {
        Self::SumPool { window: padding.window(), uncounted: Padding::same(0) }
    }

    /// Whether it adds rows and columns, of zeros or by repetition, and does no more.
    pub(super) fn only_adds(&self) -> bool {
        match self {
            Self::SumPool { window: Window { padding, .. }, .. } => *self == Self::around(*padding),
            Self::Slice { rows, columns } => rows.times.max(columns.times) > 1,
            Self::Channels { .. } | Self::PadChannels { .. } => false,
        }
    }

    /// Shape of the output.
    pub fn output(&self, input: Shape) -> Shape {
        match self {
            Self::SumPool { window, .. } => {
                let (h, w) = window.output(input).expect("shapes are checked when the graph is made");
                Shape::new(input.c, h, w)
            }
            Self::Slice { rows, columns } => Shape::new(input.c, rows.count, columns.count),
            Self::Channels { picked } => Shape { c: picked.len(), ..input },
            Self::PadChannels { stride, before, after } => {
                Shape::new(before + input.c + after, input.h.div_ceil(*stride), input.w.div_ceil(*stride))
            }
        }
    }

    /// Applies the map to integers or reals.
    pub fn apply<T: Copy + Default + Add<Output = T>>(&self, input: &[T], shape: Shape) -> Vec<T> {
        match self {
            Self::SumPool { window, uncounted } => {
                even_sums(input, shape, &Average { window: *window, uncounted: *uncounted })
            }
            Self::Slice { rows, columns } => slice(input, shape, *rows, *columns),
            Self::Channels { picked } => pick_channels(input, shape, picked),
            Self::PadChannels { stride, before, after } => {
                pad_channels(input, shape, *stride, *before, *after)
            }
        }
    }
}

/// Shared lists, in files as any list.
mod shared {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::sync::Arc;

    pub(super) fn serialize<S: Serializer>(list: &Arc<[usize]>, serializer: S) -> Result<S::Ok, S::Error> {
        (**list).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<[usize]>, D::Error> {
        Vec::deserialize(deserializer).map(Arc::from)
    }
}

/// Rescaling of a whole layer, with the nonlinearity at kept units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActivationStep {
    /// The graph's activation node, or the value that is rescaled.
    pub name: String,
    /// The value it reads.
    pub source: ValueId,
    /// Shape of source and result.
    pub shape: Shape,
    /// The kept units' nonlinearity.
    pub activation: Activation,
    /// What it is on integers (ReLU before quantization).
    pub curve: Curve,
    /// Bits dropped: log2 of the source's scale over the result's (0 before quantization).
    pub truncate: u32,
    /// Every source value x is promised to satisfy |x| < 2^bound_bits - 2^(truncate + skipped) (0 before quantization).
    pub bound_bits: u32,
    /// Lowest bits of the quotient that a ReLU's sign is decided without, where the protocol's variant can do that: s. A quotient
    /// within 2^(s-1) of zero is then kept with a probability that grows evenly from none to one
    /// ([`super::deciding`]); 0 where every sign is exact.
    #[serde(default)]
    pub skipped: u32,
    /// The graph node whose real value is the step's input.
    pub measures: NodeId,
    /// Kept units, by index in `(channel, row, column)` order, ascending.
    pub kept: Vec<u32>,
}

/// The product of two values, unit by unit, under a fresh mask of the client. It is exact, at the sum of the two scales.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProductStep {
    /// The graph's product node.
    pub name: String,
    /// The value with as many units as the result.
    pub left: ValueId,
    /// The value that it is multiplied with.
    pub right: ValueId,
    /// Shape of `left` and of the result.
    pub shape: Shape,
    /// Units in a row that are multiplied with one unit of `right`: one, or all of a channel.
    pub each: usize,
}

impl ProductStep {
    /// The product of two values of the ring.
    pub fn of(&self, ring: Ring, left: &[u64], right: &[u64]) -> Vec<u64> {
        let right = right.iter().flat_map(|unit| std::iter::repeat_n(unit, self.each));
        left.iter().zip(right).map(|(left, right)| ring.reduce(left.wrapping_mul(*right))).collect()
    }
}

/// A value under a fresh mask of the client, which the next segment can be asked for. Nothing is computed but by each party
/// alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReshareStep {
    /// The graph's activation node, or the value that is passed on.
    pub name: String,
    /// The segment's or product's value that it passes on.
    pub source: ValueId,
    /// Shape of source and result.
    pub shape: Shape,
    /// Bits that each party drops of its own share.
    pub truncate: u32,
    /// Every source value x is promised to satisfy |x| < 2^bound_bits (0 where nothing is dropped).
    pub bound_bits: u32,
}
