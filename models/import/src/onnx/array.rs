//! Constants: initializers and the values of `Constant` nodes.

use super::Fault;
use super::proto::{TensorProto, data_type};
use half::f16;

/// Most axes of a value.
pub(super) const RANK_LIMIT: usize = 64;

/// A dense constant, row-major.
#[derive(Clone, Debug)]
pub(super) struct Array {
    pub(super) dims: Vec<usize>,
    pub(super) data: Data,
}

/// The elements of a constant: weights, or shapes and axes.
#[derive(Clone, Debug)]
pub(super) enum Data {
    Floats(Vec<f32>),
    Ints(Vec<i64>),
}

impl Array {
    /// The constant of a message; its extents are accepted only if it holds that many elements.
    pub(super) fn read(tensor: &TensorProto) -> Result<Self, Fault> {
        if is_external(tensor) {
            let expected = "elements inside the file, but for initializers";
            return Err(Fault::new(expected, "elements in another file"));
        }
        let raw = tensor.raw_data.as_deref().filter(|raw| !raw.is_empty());
        let data = match tensor.data_type.unwrap_or_default() {
            data_type::FLOAT => Data::Floats(match raw {
                Some(raw) => elements(raw, f32::from_le_bytes)?,
                None => tensor.float_data.clone(),
            }),
            data_type::DOUBLE => Data::Floats(match raw {
                Some(raw) => elements(raw, |bytes| f64::from_le_bytes(bytes) as f32)?,
                None => tensor.double_data.iter().map(|x| *x as f32).collect(),
            }),
            data_type::FLOAT16 => Data::Floats(match raw {
                Some(raw) => elements(raw, |bytes| f16::from_le_bytes(bytes).to_f32())?,
                None => tensor.int32_data.iter().map(|bits| f16::from_bits(*bits as u16).to_f32()).collect(),
            }),
            data_type::INT64 => Data::Ints(match raw {
                Some(raw) => elements(raw, i64::from_le_bytes)?,
                None => tensor.int64_data.clone(),
            }),
            data_type::INT32 => Data::Ints(match raw {
                Some(raw) => elements(raw, |bytes| i64::from(i32::from_le_bytes(bytes)))?,
                None => tensor.int32_data.iter().map(|x| i64::from(*x)).collect(),
            }),
            data_type::BOOL => Data::Ints(match raw {
                Some(raw) => elements(raw, |[byte]| i64::from(byte))?,
                None => tensor.int32_data.iter().map(|x| i64::from(*x)).collect(),
            }),
            data_type::INT8 => Data::Ints(match raw {
                Some(raw) => elements(raw, |bytes| i64::from(i8::from_le_bytes(bytes)))?,
                None => tensor.int32_data.iter().map(|x| i64::from(*x)).collect(),
            }),
            data_type::UINT8 => Data::Ints(match raw {
                Some(raw) => elements(raw, |[byte]| i64::from(byte))?,
                None => tensor.int32_data.iter().map(|x| i64::from(*x)).collect(),
            }),
            other => {
                let expected = "elements of type float, float16, double, int8, uint8, int32, int64 or bool (export in float32)";
                return Err(Fault::new(expected, format!("ONNX's data type {other}")));
            }
        };
        let array = Self { dims: extents(&tensor.dims)?, data };
        match size(&array.dims) {
            Some(size) if size == array.len() => Ok(array),
            _ => {
                let expected = format!("as many elements as its shape {:?} says", array.dims);
                Err(Fault::new(expected, array.len().to_string()))
            }
        }
    }

    pub(super) fn float(value: f32) -> Self {
        Self { dims: Vec::new(), data: Data::Floats(vec![value]) }
    }

    pub(super) fn floats(values: Vec<f32>) -> Self {
        Self { dims: vec![values.len()], data: Data::Floats(values) }
    }

    pub(super) fn int(value: i64) -> Self {
        Self { dims: Vec::new(), data: Data::Ints(vec![value]) }
    }

    pub(super) fn ints(values: Vec<i64>) -> Self {
        Self { dims: vec![values.len()], data: Data::Ints(values) }
    }

    /// Every element times `factor`; the same where that is 1.
    pub(super) fn times(&self, factor: f32) -> Result<Self, Fault> {
        if factor == 1.0 {
            return Ok(self.clone());
        }
        if !factor.is_finite() {
            return Err(Fault::new("a finite factor", factor.to_string()));
        }
        let values = self.as_floats()?.iter().map(|x| x * factor).collect();
        Ok(Self { dims: self.dims.clone(), data: Data::Floats(values) })
    }

    /// Number of elements.
    pub(super) fn len(&self) -> usize {
        match &self.data {
            Data::Floats(values) => values.len(),
            Data::Ints(values) => values.len(),
        }
    }

    pub(super) fn as_floats(&self) -> Result<&[f32], Fault> {
        match &self.data {
            Data::Floats(values) => Ok(values),
            Data::Ints(_) => Err(Fault::new("a constant of floating-point numbers", "integers")),
        }
    }

    pub(super) fn as_ints(&self) -> Result<&[i64], Fault> {
        match &self.data {
            Data::Ints(values) => Ok(values),
            Data::Floats(_) => Err(Fault::new("a constant of integers", "floating-point numbers")),
        }
    }

    /// The number that a constant of one element holds.
    pub(super) fn as_number(&self) -> Result<f32, Fault> {
        match self.as_floats()? {
            [value] => Ok(*value),
            _ => Err(Fault::new("a constant of one element", format!("shape {:?}", self.dims))),
        }
    }

    /// The matrix with rows and columns exchanged.
    pub(super) fn transposed(&self) -> Result<Self, Fault> {
        match self.dims[..] {
            [rows, columns] if rows > 0 && columns > 0 => Ok(self.permuted(&[1, 0])),
            _ => Err(Fault::new("a constant matrix", format!("shape {:?}", self.dims))),
        }
    }

    /// The constant with axis `order[i]` as its `i`-th; `order` has every axis once.
    pub(super) fn permuted(&self, order: &[usize]) -> Self {
        let steps = steps(&self.dims);
        let dims: Vec<usize> = order.iter().map(|axis| self.dims[*axis]).collect();
        let steps: Vec<usize> = order.iter().map(|axis| steps[*axis]).collect();
        self.walked(dims, &steps)
    }

    /// The constant repeated to extents that its own fit by numpy's broadcasting.
    pub(super) fn expanded(&self, dims: &[usize]) -> Self {
        self.walked(dims.to_vec(), &self.repeated(dims.len()))
    }

    /// The elements met on a walk through extents `dims`, at so many steps along each axis.
    fn walked(&self, dims: Vec<usize>, steps: &[usize]) -> Self {
        let order = (0..size(&dims).unwrap_or_default()).map(|i| place(i, &dims, steps));
        let data = match &self.data {
            Data::Floats(values) => Data::Floats(order.map(|i| values[i]).collect()),
            Data::Ints(values) => Data::Ints(order.map(|i| values[i]).collect()),
        };
        Self { dims, data }
    }

    /// The elements at these places of every axis; none where an axis has none.
    pub(super) fn part(&self, places: &[Vec<usize>]) -> Self {
        let chosen = self.dims.iter().zip(places).fold(vec![0], |found: Vec<usize>, (extent, places)| {
            found.iter().flat_map(|at| places.iter().map(move |place| at * extent + place)).collect()
        });
        let data = match &self.data {
            Data::Floats(values) => Data::Floats(chosen.into_iter().map(|i| values[i]).collect()),
            Data::Ints(values) => Data::Ints(chosen.into_iter().map(|i| values[i]).collect()),
        };
        Self { dims: places.iter().map(Vec::len).collect(), data }
    }

    /// For every `step`-th element of a value of shape `dims`, the constant's element that numpy's broadcasting pairs it with;
    /// `None` where the shapes do not fit or the value would have to grow.
    pub(super) fn broadcast<'a>(
        &'a self,
        dims: &'a [usize],
        step: usize,
    ) -> Result<Option<impl Iterator<Item = f32> + 'a>, Fault> {
        let values = self.as_floats()?;
        let Some(ahead) = dims.len().checked_sub(self.dims.len()) else { return Ok(None) };
        if self.dims.iter().zip(&dims[ahead..]).any(|(own, other)| *own != 1 && own != other) {
            return Ok(None);
        }
        let steps = self.repeated(dims.len());
        let count = size(dims).unwrap_or_default();
        Ok(Some((0..count).step_by(step).map(move |i| values[place(i, dims, &steps)])))
    }

    /// The constant's steps along the axes of a value of `rank` that it is broadcast to: none where it is repeated.
    fn repeated(&self, rank: usize) -> Vec<usize> {
        let (ahead, own) = (rank - self.dims.len(), steps(&self.dims));
        let step = |axis: usize| match axis.checked_sub(ahead) {
            Some(axis) if self.dims[axis] != 1 => own[axis],
            _ => 0,
        };
        (0..rank).map(step).collect()
    }
}

/// Where the `i`-th element of extents `dims` is, at so many steps along each axis.
fn place(mut i: usize, dims: &[usize], steps: &[usize]) -> usize {
    dims.iter().zip(steps).rev().fold(0, |at, (extent, step)| {
        let along = i % extent;
        i /= extent;
        at + along * step
    })
}

/// How far apart neighbours along each axis are, row-major.
fn steps(dims: &[usize]) -> Vec<usize> {
    let mut steps = vec![1; dims.len()];
    for axis in (1..dims.len()).rev() {
        steps[axis - 1] = steps[axis] * dims[axis].max(1);
    }
    steps
}

/// Whether the elements are in another file.
pub(super) fn is_external(tensor: &TensorProto) -> bool {
    tensor.data_location == Some(1) || !tensor.external_data.is_empty()
}

/// The number of elements of a shape, if the product of any of its extents fits a word.
pub(super) fn size(dims: &[usize]) -> Option<usize> {
    let all = dims.iter().try_fold(1, |size: usize, extent| size.checked_mul((*extent).max(1)))?;
    Some(if dims.contains(&0) { 0 } else { all })
}

/// Extents as unsigned numbers, and not too many.
fn extents(dims: &[i64]) -> Result<Vec<usize>, Fault> {
    if dims.len() > RANK_LIMIT {
        return Err(Fault::new(format!("at most {RANK_LIMIT} axes"), dims.len().to_string()));
    }
    let extent = |dim: &i64| {
        usize::try_from(*dim).map_err(|_| Fault::new("extents that are not negative", format!("{dims:?}")))
    };
    dims.iter().map(extent).collect()
}

fn elements<T, const BYTES: usize>(raw: &[u8], value: impl Fn([u8; BYTES]) -> T) -> Result<Vec<T>, Fault> {
    let (elements, rest) = raw.as_chunks::<BYTES>();
    if !rest.is_empty() {
        let expected = format!("elements of {BYTES} bytes");
        return Err(Fault::new(expected, format!("{} bytes in all", raw.len())));
    }
    Ok(elements.iter().map(|bytes| value(*bytes)).collect())
}
