//! From a tensor, which is a view of a storage, to an array of its own.

use super::pickle::{Pickle, Tensor};
use crate::array::Array;
use crate::fault::Fault;
use safetensors::tensor::Dtype;
use std::borrow::Cow;
use std::collections::HashMap;

/// The bytes of storages by key.
pub(super) type Storages<'a> = HashMap<String, Cow<'a, [u8]>>;

impl Tensor {
    /// The elements in row-major order.
    pub(super) fn array(&self, pickle: &Pickle, storages: &Storages<'_>) -> Result<Array, Fault> {
        let Self { storage, shape, strides, .. } = self;
        let (key, dtype, elements) = pickle.storage(*storage).expect("tensors are made of storages alone");
        let width = width(dtype);
        let bytes = storages.get(key).filter(|bytes| Some(bytes.len()) == elements.checked_mul(width));
        let bytes = bytes.ok_or_else(|| {
            Fault::new(format!("a storage of {elements} elements"), "another number of them in the file")
        })?;
        let outside = || {
            let expected = format!("a view of {elements} elements that repeats none");
            Fault::new(expected, format!("shape {shape:?}, strides {strides:?}, offset {}", self.offset))
        };
        let size = self.size().filter(|size| *size <= elements).ok_or_else(outside)?;
        if size == 0 {
            return Ok(Array { dtype, shape: shape.clone(), data: Vec::new() });
        }
        self.last().filter(|last| *last < elements).ok_or_else(outside)?;
        let data = if self.is_contiguous() {
            bytes[self.offset * width..(self.offset + size) * width].to_vec()
        } else {
            let places = self.places().into_iter();
            places.flat_map(|place| &bytes[place * width..(place + 1) * width]).copied().collect()
        };
        Ok(Array { dtype, shape: shape.clone(), data })
    }

    /// The number of elements.
    fn size(&self) -> Option<usize> {
        if self.shape.contains(&0) {
            return Some(0);
        }
        self.shape.iter().try_fold(1, |size: usize, extent| size.checked_mul(*extent))
    }

    /// The place of the last element, the largest place of all.
    fn last(&self) -> Option<usize> {
        let mut axes = self.shape.iter().zip(&self.strides);
        axes.try_fold(self.offset, |last, (extent, stride)| {
            last.checked_add((extent - 1).checked_mul(*stride)?)
        })
    }

    fn is_contiguous(&self) -> bool {
        let mut step = 1;
        self.shape.iter().zip(&self.strides).rev().all(|(extent, stride)| {
            let follows = *extent == 1 || *stride == step;
            step *= extent;
            follows
        })
    }

    /// The places of all elements in order.
    fn places(&self) -> Vec<usize> {
        self.shape.iter().zip(&self.strides).fold(vec![self.offset], |places, (extent, stride)| {
            places.iter().flat_map(|place| (0..*extent).map(move |i| place + i * stride)).collect()
        })
    }
}

/// Bytes of an element; all types that are read are whole bytes.
pub(super) fn width(dtype: Dtype) -> usize {
    dtype.bitsize() / 8
}
