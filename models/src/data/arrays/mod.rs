//! Images as arrays: `x` and `y` in NumPy's `.npz` or in safetensors.

mod file;
mod images;
mod npy;
mod values;

pub use file::Format;

#[cfg(test)]
pub(super) use images::tests;
pub(super) use images::{check_there, has_training, labels, test, training};
#[cfg(test)]
pub(super) use npy::array;
