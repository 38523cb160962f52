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
        let size: usize = shape.iter().product();
        if size != data.len() {
            return Err(Error::argument(
                "tensor",
                format!("{size} values for shape {shape:?}"),
                data.len().to_string(),
            ));
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
