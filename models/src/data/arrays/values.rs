//! An array and its values as numbers.

use std::borrow::Cow;

/// Kinds of values, the lowest byte first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::data) enum Kind {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

impl Kind {
    fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }
}

/// Values of one kind, the last axis the fastest.
#[derive(Debug)]
pub(in crate::data) struct Array<'a> {
    kind: Kind,
    shape: Vec<usize>,
    values: Cow<'a, [u8]>,
}

impl<'a> Array<'a> {
    /// Refuses bytes that are not as many as the shape needs, and says so.
    pub(super) fn new(kind: Kind, shape: Vec<usize>, values: Cow<'a, [u8]>) -> Result<Self, String> {
        let needed = shape.iter().try_fold(kind.bytes(), |all, extent| all.checked_mul(*extent));
        match needed == Some(values.len()) {
            true => Ok(Self { kind, shape, values }),
            false => {
                let needed = needed.map_or("more than there are".to_owned(), |n| n.to_string());
                Err(format!("{} bytes for an array of {shape:?}, which needs {needed}", values.len()))
            }
        }
    }

    pub(in crate::data) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its values, where they are bytes.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        (self.kind == Kind::U8).then_some(&*self.values)
    }

    /// Its values as 32-bit floats, where they are floats.
    pub(super) fn floats(&self) -> Option<Vec<f32>> {
        match self.kind {
            Kind::F32 => Some(each(&self.values, f32::from_le_bytes).collect()),
            Kind::F64 => Some(each(&self.values, |value| f64::from_le_bytes(value) as f32).collect()),
            _ => None,
        }
    }

    /// Its values, where they are whole numbers of at most 63 bits.
    pub(super) fn integers(&self) -> Option<Vec<i64>> {
        let values = &*self.values;
        Some(match self.kind {
            Kind::U8 => each(values, u8::from_le_bytes).map(i64::from).collect(),
            Kind::I8 => each(values, i8::from_le_bytes).map(i64::from).collect(),
            Kind::U16 => each(values, u16::from_le_bytes).map(i64::from).collect(),
            Kind::I16 => each(values, i16::from_le_bytes).map(i64::from).collect(),
            Kind::U32 => each(values, u32::from_le_bytes).map(i64::from).collect(),
            Kind::I32 => each(values, i32::from_le_bytes).map(i64::from).collect(),
            Kind::I64 => each(values, i64::from_le_bytes).collect(),
            Kind::U64 => {
                return each(values, u64::from_le_bytes).map(|value| value.try_into().ok()).collect();
            }
            Kind::F32 | Kind::F64 => return None,
        })
    }
}

fn each<const N: usize, T>(bytes: &[u8], value: impl Fn([u8; N]) -> T) -> impl Iterator<Item = T> {
    bytes.as_chunks::<N>().0.iter().map(move |bytes| value(*bytes))
}
