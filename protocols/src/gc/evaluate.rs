//! The evaluator as a reader of circuits: half-gates over `LANES` instances in lock step, the twin of `garble.rs`.
//! Source: Zahur, Rosulek and Evans, "Two halves make a whole" (Eurocrypt 2015), figure 2.
//!
//! A wire is its active labels: one of the two of each instance, without knowing which.

use super::circuit::Gates;
use super::hash::{ChunkKeys, GATES_PER_KEY, Hash, Use, prepare};
use super::{AND_BYTES, LANES, Lanes, lanes, xor};
use crate::block::Block;

/// Evaluates one chunk of instances.
pub(super) struct Evaluator<'a> {
    keys: ChunkKeys,
    hash: Hash,
    gate: u32,
    active: usize,
    tables: &'a [u8],
}

impl<'a> Evaluator<'a> {
    /// Evaluates the first `active` lanes; `tables` holds exactly the ciphertexts of the circuit to be read.
    pub(super) fn new(keys: ChunkKeys, active: usize, tables: &'a [u8]) -> Self {
        Self { keys, hash: keys.hash(Use::Gate, 0), gate: 0, active, tables }
    }
}

impl Gates for Evaluator<'_> {
    type Wire = Lanes;

    fn xor(&mut self, a: &Lanes, b: &Lanes) -> Lanes {
        xor(a, b)
    }

    fn not(&mut self, a: &Lanes) -> Lanes {
        *a
    }

    fn and(&mut self, a: &Lanes, b: &Lanes) -> Lanes {
        let place = self.gate % GATES_PER_KEY;
        if place == 0 && self.gate > 0 {
            self.hash = self.keys.hash(Use::Gate, self.gate / GATES_PER_KEY);
        }
        self.gate += 1;

        let (sent, rest) = self.tables.split_at(self.active * AND_BYTES);
        self.tables = rest;
        let (first, second) = sent.split_at(self.active * AND_BYTES / 2);
        let (mut generator, mut evaluator) = ([Block::ZERO; LANES], [Block::ZERO; LANES]);
        bytemuck::cast_slice_mut(&mut generator[..self.active]).copy_from_slice(first);
        bytemuck::cast_slice_mut(&mut evaluator[..self.active]).copy_from_slice(second);

        let mut h = [prepare(a, 2 * place), prepare(b, 2 * place + 1)];
        self.hash.finish(&mut h);
        lanes(|l| {
            let w_generator = h[0][l] ^ (a[l].colour_mask() & generator[l]);
            let w_evaluator = h[1][l] ^ (b[l].colour_mask() & (evaluator[l] ^ a[l]));
            w_generator ^ w_evaluator
        })
    }
}
