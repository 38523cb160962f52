//! What a name of the file stands for.

use super::array::Array;
use models::graph::{NodeId, Padding};

/// What an ONNX name stands for.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// Known without the image.
    Constant(Array),
    /// A function of the image.
    Map(Map),
}

/// A function of the image: a node's output, seen as a tensor of a batch of one.
///
/// Elements are in the node's order, whatever the extents.
#[derive(Clone, Debug)]
pub(super) struct Map {
    pub(super) node: NodeId,
    /// The tensor's extents, the batch of one first.
    pub(super) dims: Vec<usize>,
    /// Whether nothing else reads the node.
    pub(super) sole: bool,
    /// What is still to be done to the node's output.
    pub(super) pending: Pending,
}

/// Operators that become a node, or a part of one, only when it is known what follows them.
#[derive(Clone, Debug)]
pub(super) enum Pending {
    Nothing,
    /// The image's normalisation, of the image as the file takes it; the image itself starts with the identity.
    Image(Affine),
    /// A batch norm of what the node makes.
    Affine(Affine),
    /// A batch norm of flattened elements, one by one, for the dense layer that follows.
    Elements(Affine),
    /// Nothing, but seen with channels behind rows and columns, as extents `(1, rows, columns, channels)`, or that flattened. Of
    /// the image as the file takes it, with its normalisation so far.
    ChannelsLast(Option<Affine>),
    /// Channels by their indices.
    Picked(Picked),
    /// Every row and column at a multiple of the steps; named after the last slice.
    Steps(String, (usize, usize)),
    /// One number around rows and columns, by the Pad's name.
    Padded(String, Around),
    /// What rises from zero to one, by its operator's name: times the same value it is one activation.
    Gate(String, Gate),
}

/// What a Pad puts around rows and columns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Around {
    pub(super) padding: Padding,
    pub(super) value: f32,
}

impl Around {
    /// Whether no value of a network is below it: what a MaxPool has around its input.
    pub(super) fn is_lowest(self) -> bool {
        self.value <= f32::MIN
    }
}

/// What rises from zero to one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Gate {
    /// The logistic function.
    Logistic,
    /// `min(max(alpha * x + beta, 0), 1)`.
    Hard {
        /// The slope.
        alpha: f64,
        /// Its value at zero.
        beta: f64,
    },
}

/// `scale * x + shift`, channel by channel, by the last operator's name.
#[derive(Clone, Debug)]
pub(super) struct Affine {
    pub(super) name: String,
    pub(super) scale: Vec<f64>,
    pub(super) shift: Vec<f64>,
}

impl Affine {
    /// What changes nothing.
    pub(super) fn identity(channels: usize) -> Self {
        Self { name: String::new(), scale: vec![1.0; channels], shift: vec![0.0; channels] }
    }

    /// Whether it is that.
    pub(super) fn changes_nothing(&self) -> bool {
        self.scale.iter().all(|s| *s == 1.0) && self.shift.iter().all(|t| *t == 0.0)
    }

    /// The lines of these channels.
    fn at(&self, channels: &[usize]) -> Self {
        let of = |lines: &[f64]| channels.iter().map(|channel| lines[*channel]).collect();
        Self { name: self.name.clone(), scale: of(&self.scale), shift: of(&self.shift) }
    }
}

/// Channels by their indices of what a node makes, and then a line each.
#[derive(Clone, Debug)]
pub(super) struct Picked {
    /// The last operator that picks, or a part of it.
    pub(super) name: String,
    /// Which channel of the node each is.
    pub(super) channels: Vec<usize>,
    pub(super) affine: Affine,
    /// Whether the node is the image as the file takes it, not normalised yet.
    pub(super) from_file: bool,
}

impl Picked {
    /// What is pending of a node of `count` channels, as picks of all; `None` where that is more than picks and lines.
    pub(super) fn all(pending: &Pending, count: usize) -> Option<Self> {
        let of = |affine: Affine, from_file: bool| {
            Some(Self { name: String::new(), channels: (0..count).collect(), affine, from_file })
        };
        match pending {
            Pending::Picked(picked) => Some(picked.clone()),
            Pending::Image(affine) => of(affine.clone(), true),
            Pending::Affine(affine) => of(affine.clone(), false),
            Pending::Nothing => of(Affine::identity(count), false),
            Pending::Elements(_)
            | Pending::ChannelsLast(_)
            | Pending::Steps(..)
            | Pending::Padded(..)
            | Pending::Gate(..) => None,
        }
    }

    /// Those of its channels at `places`.
    pub(super) fn at(&self, name: String, places: &[usize]) -> Self {
        let channels = places.iter().map(|place| self.channels[*place]).collect();
        Self { name, channels, affine: self.affine.at(places), from_file: self.from_file }
    }

    /// The channels of all parts, in order; `None` where some are of the image as the file takes it, and others are not.
    pub(super) fn joined(name: String, parts: Vec<Self>) -> Option<Self> {
        let from_file = parts.first()?.from_file;
        let affine = Affine { name: name.clone(), scale: Vec::new(), shift: Vec::new() };
        let mut all = Self { name, channels: Vec::new(), affine, from_file };
        for part in parts {
            if part.from_file != from_file {
                return None;
            }
            all.channels.extend(part.channels);
            all.affine.scale.extend(part.affine.scale);
            all.affine.shift.extend(part.affine.shift);
        }
        Some(all)
    }

    /// What is pending of a node of `count` channels; nothing is picked where all of them are there in order.
    pub(super) fn pending(self, count: usize) -> Pending {
        match self.channels.iter().copied().eq(0..count) {
            true if self.from_file => Pending::Image(self.affine),
            true if self.affine.changes_nothing() => Pending::Nothing,
            true => Pending::Affine(self.affine),
            false => Pending::Picked(self),
        }
    }

    /// The image's lines, in the order of its `count` channels, that do as much in front of the picks; `None` where a channel has
    /// none, or several.
    pub(super) fn in_front(&self, count: usize) -> Option<Affine> {
        let mut lines = vec![None; count];
        for ((channel, scale), shift) in self.channels.iter().zip(&self.affine.scale).zip(&self.affine.shift)
        {
            let line = Some((*scale, *shift));
            if lines[*channel].is_some_and(|_| lines[*channel] != line) {
                return None;
            }
            lines[*channel] = line;
        }
        let (scale, shift) = lines.into_iter().collect::<Option<Vec<(f64, f64)>>>()?.into_iter().unzip();
        Some(Affine { name: self.affine.name.clone(), scale, shift })
    }
}
