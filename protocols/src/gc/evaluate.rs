//! The evaluator as a reader of circuits: half-gates over `LANES` instances in lock step, the twin of `garble.rs`.
//! Source: Zahur, Rosulek and Evans, "Two halves make a whole" (Eurocrypt 2015), figure 2.
//!
//! A wire is its active labels: one of the two of each instance, without knowing which.

use super::circuit::Gates;
use super::hash::{ChunkKeys, GATES_PER_KEY, Hash, Use, prepare};
use super::{AND_BYTES, LANES, Lanes, xor};
use crate::block::Block;
use crate::cipher::Cipher;

/// Evaluates one chunk of instances.
pub(super) struct Evaluator<'a> {
    keys: ChunkKeys,
    hash: Hash,
    gate: u32,
    active: usize,
    tables: &'a [u8],
    /// The ciphertexts of one gate; kept between gates, so that they need not be cleared.
    halves: [Lanes; 2],
}

impl<'a> Evaluator<'a> {
    /// Evaluates the first `active` lanes; `tables` holds exactly the ciphertexts of the circuit to be read.
    pub(super) fn new(keys: ChunkKeys, active: usize, tables: &'a [u8]) -> Self {
        let halves = [[Block::ZERO; LANES]; 2];
        Self { keys, hash: keys.hash(Use::Gate, 0), gate: 0, active, tables, halves }
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
        for (half, sent) in self.halves.iter_mut().zip(sent.chunks_exact(self.active * AND_BYTES / 2)) {
            bytemuck::cast_slice_mut(&mut half[..self.active]).copy_from_slice(sent);
        }
        let mut label = [Block::ZERO; LANES];
        match &self.hash.0 {
            #[cfg(target_arch = "x86_64")]
            Cipher::Vaes(keys) => keys.evaluate_and(place, (a, b), &self.halves, &mut label),
            Cipher::Portable(_) => evaluate_and(&self.hash, place, (a, b), &self.halves, &mut label),
        }
        label
    }
}

/// The portable twin of the kernel in `simd.rs`.
fn evaluate_and(hash: &Hash, place: u32, (a, b): (&Lanes, &Lanes), halves: &[Lanes; 2], label: &mut Lanes) {
    let mut h = [prepare(a, 2 * place), prepare(b, 2 * place + 1)];
    hash.finish(&mut h);
    let [generator, evaluator] = halves;
    for l in 0..LANES {
        let w_generator = h[0][l] ^ (a[l].colour_mask() & generator[l]);
        let w_evaluator = h[1][l] ^ (b[l].colour_mask() & (evaluator[l] ^ a[l]));
        label[l] = w_generator ^ w_evaluator;
    }
}
