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
            let mut data = Vec::with_capacity(size * width);
            self.each_place(|place| data.extend_from_slice(&bytes[place * width..(place + 1) * width]));
            data
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

    /// Hands the places of all elements to `take`, in order; there are some.
    fn each_place(&self, mut take: impl FnMut(usize)) {
        let mut at = vec![0; self.shape.len()];
        let mut place = self.offset;
        loop {
            take(place);
            // The last axis that is not at its end goes on; those behind it start again.
            let Some(axis) = (0..at.len()).rev().find(|axis| at[*axis] + 1 < self.shape[*axis]) else {
                return;
            };
            place += self.strides[axis];
            at[axis] += 1;
            for (at, stride) in at.iter_mut().zip(&self.strides).skip(axis + 1) {
                place -= std::mem::take(at) * stride;
            }
        }
    }
}

/// Bytes of an element; all types that are read are whole bytes.
pub(super) fn width(dtype: Dtype) -> usize {
    dtype.bitsize() / 8
}
