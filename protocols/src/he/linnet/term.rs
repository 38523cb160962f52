//! What is multiplied and added up, by either kernel.

/// One product: a weight's row, and the rows of a ciphertext that it is multiplied with.
#[derive(Clone, Copy)]
pub(crate) struct Term<'a> {
    /// The weight.
    pub(crate) weight: &'a [u64],
    /// The two polynomials of the ciphertext.
    pub(crate) ciphertext: [&'a [u64]; 2],
}
