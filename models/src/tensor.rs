//! A dense `f32` array with its shape; just enough to hold parameters.

use crate::Error;

/// Row-major `f32` values. Convolution weights are `(out, in, rows, columns)`, linear weights `(out, in)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Vec<f32>,
}

impl Tensor {
    /// Wraps `data` of the given shape. Errors when the product of `shape` is not `data.len()`.
    pub fn new(shape: Vec<usize>, data: Vec<f32>) -> Result<Self, Error> {
        let size = match shape.contains(&0) {
            true => Some(0),
            false => shape.iter().try_fold(1, |size: usize, extent| size.checked_mul(*extent)),
        };
        if size != Some(data.len()) {
            let expected = format!("as many values as shape {shape:?} says");
            return Err(Error::argument("tensor", expected, data.len().to_string()));
        }
        Ok(Self { shape, data })
    }

    /// All values equal to `value`.
    pub fn full(shape: Vec<usize>, value: f32) -> Self {
        let size = shape.iter().product();
        Self { shape, data: vec![value; size] }
    }

    /// Extent of every axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The values, row-major.
    pub fn data(&self) -> &[f32] {
        &self.data
    }
}
