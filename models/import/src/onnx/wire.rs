//! A walk over a file before it is decoded: how much its messages become, from their tags and lengths alone.
//!
//! Two bytes can be a message that takes hundreds in memory. What a file repeats is therefore counted first, in every
//! message that [`proto`](super::proto) reads, and refused where it is more than a network needs. The walk allocates nothing.

use super::Fault;

/// What a file can repeat.
#[derive(Clone, Copy)]
enum Kind {
    Operator,
    Attribute,
    Constant,
    /// An input or output, and the extents of its shape.
    Value,
    /// A name that an operator reads or makes.
    Name,
    /// A number that is as short as it can be: one of four or eight bytes takes no more in memory than in the file.
    Number,
    /// A version, or a remark of where elements are.
    Remark,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::Operator,
        Self::Attribute,
        Self::Constant,
        Self::Value,
        Self::Name,
        Self::Number,
        Self::Remark,
    ];

    /// The most of a file, and what they are called.
    fn most(self) -> (usize, &'static str) {
        match self {
            Self::Operator => (OPERATORS, "operators"),
            Self::Attribute => (8 * OPERATORS, "attributes"),
            Self::Constant => (50_000, "initializers"),
            Self::Value => (300_000, "inputs and outputs with their extents"),
            Self::Name => (200_000, "names of operators' inputs and outputs"),
            Self::Number => (1 << 22, "listed integers"),
            Self::Remark => (50_000, "versions and remarks"),
        }
    }
}

/// Most operators of a file: each becomes at most one node of a graph, or part of one.
pub(super) const OPERATORS: usize = models::graph::MOST_NODES;
/// Longest name, in bytes.
const MOST_NAME: usize = 1 << 10;

/// A message that is read.
#[derive(Clone, Copy)]
enum Message {
    Model,
    Version,
    Graph,
    Node,
    Attribute,
    Tensor,
    Entry,
    Value,
    Type,
    TensorType,
    Shape,
    Extent,
}

/// What a field holds.
enum Field {
    /// A message, and what it counts as.
    Of(Message, Option<Kind>),
    /// A name, and what it counts as.
    Name(Option<Kind>),
    /// Integers, one by one or many together.
    Numbers,
    /// What takes as much in memory as in the file, or is skipped.
    Plain,
}

impl Message {
    /// What the field of this number holds: as in [`proto`](super::proto).
    fn field(self, number: u64) -> Field {
        use Field::{Name, Numbers, Of, Plain};
        match (self, number) {
            (Self::Model, 7) => Of(Self::Graph, None),
            (Self::Model, 8) => Of(Self::Version, Some(Kind::Remark)),
            (Self::Graph, 1) => Of(Self::Node, Some(Kind::Operator)),
            (Self::Graph, 5) => Of(Self::Tensor, Some(Kind::Constant)),
            (Self::Graph, 11 | 12) => Of(Self::Value, Some(Kind::Value)),
            (Self::Node, 1 | 2) => Name(Some(Kind::Name)),
            (Self::Node, 5) => Of(Self::Attribute, Some(Kind::Attribute)),
            (Self::Attribute, 5) => Of(Self::Tensor, None),
            (Self::Attribute, 8) | (Self::Tensor, 1 | 5 | 7) => Numbers,
            (Self::Tensor, 13) => Of(Self::Entry, Some(Kind::Remark)),
            (Self::Value, 2) => Of(Self::Type, None),
            (Self::Type, 1) => Of(Self::TensorType, None),
            (Self::TensorType, 2) => Of(Self::Shape, None),
            (Self::Shape, 1) => Of(Self::Extent, Some(Kind::Value)),
            (Self::Version | Self::Attribute | Self::Value, 1)
            | (Self::Graph, 2)
            | (Self::Node, 3 | 4 | 7)
            | (Self::Tensor, 8)
            | (Self::Entry, 1 | 2)
            | (Self::Extent, 2) => Name(None),
            (
                Self::Model
                | Self::Version
                | Self::Graph
                | Self::Node
                | Self::Attribute
                | Self::Tensor
                | Self::Entry
                | Self::Value
                | Self::Type
                | Self::TensorType
                | Self::Shape
                | Self::Extent,
                _,
            ) => Plain,
        }
    }
}

/// Errors where a file repeats more than a network needs.
pub(super) fn check(file: &[u8]) -> Result<(), Fault> {
    let mut count = Count { left: Kind::ALL.map(|kind| kind.most().0) };
    count.message(Message::Model, file)
}

/// How many of each kind may still come.
struct Count {
    left: [usize; Kind::ALL.len()],
}

impl Count {
    /// Counts a message and those in it, which nest no deeper than the types do.
    fn message(&mut self, message: Message, mut rest: &[u8]) -> Result<(), Fault> {
        while !rest.is_empty() {
            let tag = varint(&mut rest)?;
            let field = message.field(tag >> 3);
            match (tag & 7, field) {
                (0, Field::Numbers) => {
                    varint(&mut rest)?;
                    self.count(Kind::Number, 1)?;
                }
                (0, _) => drop(varint(&mut rest)?),
                (1, _) => drop(split(&mut rest, 8)?),
                (5, _) => drop(split(&mut rest, 4)?),
                (2, field) => {
                    let length = varint(&mut rest)?;
                    let inner = split(&mut rest, length)?;
                    self.field(&field, inner)?;
                }
                (other, _) => {
                    return Err(Fault::new("an ONNX model", format!("a field of wire type {other}")));
                }
            }
        }
        Ok(())
    }

    fn field(&mut self, field: &Field, inner: &[u8]) -> Result<(), Fault> {
        match field {
            Field::Of(message, kind) => {
                kind.map_or(Ok(()), |kind| self.count(kind, 1))?;
                self.message(*message, inner)
            }
            Field::Name(_) if inner.len() > MOST_NAME => {
                Err(Fault::new(format!("names of at most {MOST_NAME} bytes"), inner.len().to_string()))
            }
            Field::Name(kind) => kind.map_or(Ok(()), |kind| self.count(kind, 1)),
            // Each number ends with the one byte whose highest bit is not set.
            Field::Numbers => self.count(Kind::Number, inner.iter().filter(|byte| **byte < 0x80).count()),
            Field::Plain => Ok(()),
        }
    }

    fn count(&mut self, kind: Kind, more: usize) -> Result<(), Fault> {
        let (most, what) = kind.most();
        let left = &mut self.left[kind as usize];
        *left = left.checked_sub(more).ok_or_else(|| Fault::new(format!("at most {most} {what}"), "more"))?;
        Ok(())
    }
}

fn split<'a>(rest: &mut &'a [u8], length: u64) -> Result<&'a [u8], Fault> {
    let at = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length));
    let (inner, behind) = at.ok_or_else(cut)?;
    *rest = behind;
    Ok(inner)
}

fn varint(rest: &mut &[u8]) -> Result<u64, Fault> {
    let mut number = 0;
    for shift in (0..70).step_by(7) {
        let [byte] = *split(rest, 1)? else { return Err(cut()) };
        number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or_default();
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(Fault::new("an ONNX model", "a number of more than ten bytes"))
}

fn cut() -> Fault {
    Fault::new("an ONNX model", "a field that is cut off")
}
