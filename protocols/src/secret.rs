//! Values that nobody may print or compare, and that are overwritten with zeros when they are dropped.
//!
//! Seeds, keys, offsets, labels and pads keep to the same rules in types of their own. What is not overwritten: copies that
//! the compiler or a library makes, buffers of messages, and what a step computes with and drops at once.
//!
//! ```compile_fail
//! fn mistaken(secret: &protocols::secret::Secret<u64>) { println!("{secret:?}") }
//! ```
//! ```compile_fail
//! fn mistaken(seed: &protocols::masks::MaskSeed) { println!("{seed:?}") }
//! ```
//! ```compile_fail
//! fn mistaken(delta: &protocols::block::Delta) { println!("{delta:?}") }
//! ```
//! ```compile_fail
//! fn mistaken(label: &protocols::block::Block) { println!("{label:?}") }
//! ```
//! ```compile_fail
//! fn mistaken(a: protocols::block::Block, b: protocols::block::Block) -> bool { a == b }
//! ```

use std::ops::{Deref, DerefMut};
use zeroize::{DefaultIsZeroes, Zeroize};

/// A party's secrets: no `Debug`, no `PartialEq`, no `Clone`. Its length is public.
pub struct Secret<E: DefaultIsZeroes>(Vec<E>);

impl<E: DefaultIsZeroes> From<Vec<E>> for Secret<E> {
    fn from(values: Vec<E>) -> Self {
        Self(values)
    }
}

impl<E: DefaultIsZeroes> FromIterator<E> for Secret<E> {
    fn from_iter<I: IntoIterator<Item = E>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

impl<E: DefaultIsZeroes> Deref for Secret<E> {
    type Target = [E];

    fn deref(&self) -> &[E] {
        &self.0
    }
}

impl<E: DefaultIsZeroes> DerefMut for Secret<E> {
    fn deref_mut(&mut self) -> &mut [E] {
        &mut self.0
    }
}

impl<E: DefaultIsZeroes> Secret<E> {
    /// So many zeros, to be filled in.
    pub(crate) fn zeros(length: usize) -> Self {
        Self(vec![E::default(); length])
    }

    /// The values, for who is meant to learn them, or has overwritten them already.
    pub(crate) fn reveal(mut self) -> Vec<E> {
        std::mem::take(&mut self.0)
    }
}

/// Secrets that are overwritten once they were used, a part at a time: what a layer's labels take is more than the caches
/// hold, and overwriting all of them at the end would read and write them once more.
pub(crate) struct Parts<'a, E: DefaultIsZeroes>(&'a mut [E]);

/// A part, overwritten when it is dropped.
pub(crate) struct Part<'a, E: DefaultIsZeroes>(&'a mut [E]);

impl<'a, E: DefaultIsZeroes> Parts<'a, E> {
    /// All of `secrets`.
    pub(crate) fn of(secrets: &'a mut [E]) -> Self {
        Self(secrets)
    }

    /// How many are left.
    pub(crate) fn left(&self) -> usize {
        self.0.len()
    }

    /// The next `length`.
    pub(crate) fn next(&mut self, length: usize) -> Part<'a, E> {
        let (part, later) = std::mem::take(&mut self.0).split_at_mut(length);
        self.0 = later;
        Part(part)
    }
}

impl<E: DefaultIsZeroes> Deref for Part<'_, E> {
    type Target = [E];

    fn deref(&self) -> &[E] {
        self.0
    }
}

impl<E: DefaultIsZeroes> Drop for Part<'_, E> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<E: DefaultIsZeroes> Drop for Secret<E> {
    fn drop(&mut self) {
        // The slice's way, an element at a time; the vector's goes over its capacity byte by byte.
        self.0.as_mut_slice().zeroize();
    }
}
