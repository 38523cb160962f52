//! One array of a file of weights.

use safetensors::tensor::Dtype;

/// Little-endian values in row-major order, exactly as many as the shape says.
pub(crate) struct Array {
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    pub(crate) data: Vec<u8>,
}
