//! What every backend computes on, and the widths in which an answer travels.

use serde::{Deserialize, Serialize};

/// A polynomial as its coefficients modulo every prime of Q: `residues[prime][coefficient]`.
pub type Residues = Vec<Vec<u64>>;

/// log2 of the moduli that an answer travels in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerWidths {
    /// p0, of the first polynomial.
    pub first: u32,
    /// p1, of the second polynomial.
    pub second: u32,
}

impl AnswerWidths {
    /// About what a proof finds for k bits, for who ranks packings before there is a proof.
    pub(crate) const fn usual(plain_bits: u32) -> Self {
        Self { first: plain_bits + 2, second: plain_bits + 10 }
    }

    /// Whether an answer of k bits can be packed in these widths and decrypted, by a backend that lifts it or not.
    pub(crate) const fn are_sound(self, plain_bits: u32, lifts: bool) -> bool {
        let [first, second] = Self::most(lifts);
        plain_bits < self.first && self.first <= self.second && self.first <= first && self.second <= second
    }

    /// Most bits of either width.
    pub(crate) const fn most(lifts: bool) -> [u32; 2] {
        [MOST_WIDTH, if lifts { MOST_WIDTH } else { MOST_SECOND_WIDTH }]
    }

    /// Bits of an answer of `degree` coefficients of the second polynomial and `outputs` of the first.
    pub(crate) const fn answer_bits(self, degree: usize, outputs: usize) -> usize {
        degree * self.second as usize + outputs * self.first as usize
    }

    /// The same in whole bytes.
    pub(crate) const fn answer_bytes(self, degree: usize, outputs: usize) -> usize {
        self.answer_bits(degree, outputs).div_ceil(8)
    }
}

/// The numbers of an answer's second polynomial, in words as wide as they need.
pub(crate) enum Second {
    /// Of at most [`MOST_WIDTH`] bits.
    Narrow(Vec<u64>),
    /// Of more.
    Wide(Vec<u128>),
}

impl Second {
    /// What backends that lift answers get: [`AnswerWidths::most`] sees to it.
    pub(crate) fn narrow(&self) -> &[u64] {
        match self {
            Self::Narrow(numbers) => numbers,
            Self::Wide(_) => unreachable!("what is lifted is narrow"),
        }
    }
}

/// Most bits of the first width, and of what is lifted.
pub(crate) const MOST_WIDTH: u32 = 62;

/// Most bits of the second width: those that the product with the secret is computed in, less a polynomial's.
const MOST_SECOND_WIDTH: u32 = 76;
