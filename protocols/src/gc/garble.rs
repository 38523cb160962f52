//! The garbler as a reader of circuits: half-gates with free XOR and point-and-permute, `LANES` instances in lock step.
//! Source: Zahur, Rosulek and Evans, "Two halves make a whole" (Eurocrypt 2015), figure 2; the offset is the session's Δ.
//! Private against a semi-honest evaluator if the hash is tweakable circular correlation robust (see `hash.rs`).
//!
//! A wire is its zero labels. An AND appends the active lanes' first ciphertexts, then their second ones: 32 bytes an instance.
//! Lanes beyond the active ones are computed and thrown away. No branch or address depends on a label.

use super::circuit::Gates;
use super::hash::{ChunkKeys, GATES_PER_KEY, Hash, Use, prepare, sigma};
use super::{LANES, Lanes, lanes, xor};
use crate::block::{Block, Delta};

/// Garbles one chunk of instances.
pub(super) struct Garbler<'a> {
    keys: ChunkKeys,
    hash: Hash,
    gate: u32,
    delta: Block,
    active: usize,
    tables: &'a mut Vec<u8>,
}

impl<'a> Garbler<'a> {
    /// Garbles for the first `active` lanes, appending to `tables`.
    pub(super) fn new(keys: ChunkKeys, delta: Delta, active: usize, tables: &'a mut Vec<u8>) -> Self {
        Self { keys, hash: keys.hash(Use::Gate, 0), gate: 0, delta: delta.block(), active, tables }
    }
}

impl Gates for Garbler<'_> {
    type Wire = Lanes;

    fn xor(&mut self, a: &Lanes, b: &Lanes) -> Lanes {
        xor(a, b)
    }

    fn not(&mut self, a: &Lanes) -> Lanes {
        lanes(|l| a[l] ^ self.delta)
    }

    fn and(&mut self, a: &Lanes, b: &Lanes) -> Lanes {
        let place = self.gate % GATES_PER_KEY;
        if place == 0 && self.gate > 0 {
            self.hash = self.keys.hash(Use::Gate, self.gate / GATES_PER_KEY);
        }
        self.gate += 1;

        // H(a), H(a ^ Δ), H(b), H(b ^ Δ): σ is linear, so the twins differ by σ(Δ).
        let twin = [sigma(self.delta); LANES];
        let (first, second) = (prepare(a, 2 * place), prepare(b, 2 * place + 1));
        let mut h = [first, xor(&first, &twin), second, xor(&second, &twin)];
        self.hash.finish(&mut h);

        let delta = self.delta;
        // Generator half: a & p_b, which the garbler knows. Evaluator half: a & (b ^ p_b), whose colour the evaluator sees.
        let generator = lanes(|l| h[0][l] ^ h[1][l] ^ (b[l].colour_mask() & delta));
        let evaluator = lanes(|l| h[2][l] ^ h[3][l] ^ a[l]);
        self.tables.extend_from_slice(bytemuck::cast_slice(&generator[..self.active]));
        self.tables.extend_from_slice(bytemuck::cast_slice(&evaluator[..self.active]));
        lanes(|l| {
            let w_generator = h[0][l] ^ (a[l].colour_mask() & generator[l]);
            let w_evaluator = h[2][l] ^ (b[l].colour_mask() & (evaluator[l] ^ a[l]));
            w_generator ^ w_evaluator
        })
    }
}
