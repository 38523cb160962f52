//! Arrays by name, as files of weights hold them.

use crate::array::Array;
use crate::kind;
use crate::torch;
use half::{bf16, f16};
use models::Error;
use models::disk::read_capped;
use models::safe;
use models::tensor::Tensor;
use safetensors::tensor::Dtype;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Largest file that is read.
const LIMIT: u64 = 2_000_000_000;

/// The arrays of one file.
pub(crate) struct Arrays {
    path: PathBuf,
    arrays: BTreeMap<String, Array>,
}

impl Arrays {
    /// Reads a safetensors file, or a state dict that PyTorch saved.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let bytes = read_capped(path, LIMIT)?;
        kind::check(&bytes).map_err(|fault| fault.of(path))?;
        if torch::is_pickled(&bytes) {
            let arrays = torch::read(&bytes).map_err(|fault| fault.of(path))?;
            return Ok(Self { path: path.to_owned(), arrays });
        }
        let file = safe::arrays(&bytes, path)?;
        let arrays = file.iter().map(|(name, view)| {
            let array =
                Array { dtype: view.dtype(), shape: view.shape().to_vec(), data: view.data().to_vec() };
            (name.to_owned(), array)
        });
        Ok(Self { path: path.to_owned(), arrays: arrays.collect() })
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The arrays' names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.arrays.keys().map(String::as_str)
    }

    /// One of the arrays, its values as `f32`, all of them finite.
    pub(crate) fn tensor(&self, name: &str) -> Result<Tensor, Error> {
        let Array { dtype, shape, data } = &self.arrays[name];
        let values: Vec<f32> = match dtype {
            Dtype::F32 => each(data, f32::from_le_bytes),
            Dtype::F64 => each(data, |bytes| f64::from_le_bytes(bytes) as f32),
            Dtype::F16 => each(data, |bytes| f16::from_le_bytes(bytes).to_f32()),
            Dtype::BF16 => each(data, |bytes| bf16::from_le_bytes(bytes).to_f32()),
            Dtype::U8 | Dtype::BOOL => each(data, |[byte]| f32::from(byte)),
            other => {
                let expected = format!("`{name}` as F64, F32, F16, BF16, U8 or BOOL");
                return Err(Error::format(&self.path, expected, format!("{other:?}")));
            }
        };
        match values.iter().find(|x| !x.is_finite()) {
            Some(bad) => {
                Err(Error::format(&self.path, format!("finite values in `{name}`"), bad.to_string()))
            }
            None => Tensor::new(shape.clone(), values),
        }
    }
}

/// `N` bytes a value; their number has been checked.
fn each<const N: usize>(data: &[u8], value: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    data.as_chunks().0.iter().map(|bytes| value(*bytes)).collect()
}
