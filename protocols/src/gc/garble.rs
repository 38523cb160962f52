//! The garbler as a reader of circuits: half-gates with free XOR and point-and-permute, `LANES` instances in lock step.
//! Source: Zahur, Rosulek and Evans, "Two halves make a whole" (Eurocrypt 2015), figure 2; the offset is the session's Δ.
//! Private against a semi-honest evaluator if the hash is tweakable circular correlation robust (see `hash.rs`).
//!
//! A wire is its zero labels. An AND appends the active lanes' first ciphertexts, then their second ones: 32 bytes an instance.
//! Lanes beyond the active ones are computed and thrown away. No branch or address depends on a label.

use super::circuit::Gates;
use super::hash::{ChunkKeys, GATES_PER_KEY, Hash, Use, sigma, tweak};
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
    scratch: Scratch,
}

/// Inputs and outputs of the cipher for one gate; kept between gates, so that they need not be cleared.
struct Scratch {
    inputs: [Lanes; 4],
    outputs: [Lanes; 4],
}

impl<'a> Garbler<'a> {
    /// Garbles for the first `active` lanes, appending to `tables`.
    pub(super) fn new(keys: ChunkKeys, delta: Delta, active: usize, tables: &'a mut Vec<u8>) -> Self {
        let scratch = Scratch { inputs: [[Block::ZERO; LANES]; 4], outputs: [[Block::ZERO; LANES]; 4] };
        Self { keys, hash: keys.hash(Use::Gate, 0), gate: 0, delta: delta.block(), active, tables, scratch }
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
        let (delta, twin) = (self.delta, sigma(self.delta));
        let Scratch { inputs, outputs } = &mut self.scratch;
        for l in 0..LANES {
            let first = sigma(a[l]) ^ tweak(2 * place, l);
            let second = sigma(b[l]) ^ tweak(2 * place + 1, l);
            inputs[0][l] = first;
            inputs[1][l] = first ^ twin;
            inputs[2][l] = second;
            inputs[3][l] = second ^ twin;
        }
        self.hash.encrypt(inputs, outputs);

        // Generator half: a & p_b, which the garbler knows. Evaluator half: a & (b ^ p_b), whose colour the evaluator sees.
        // The hashes' inputs cancel but for σ(Δ). The halves replace the inputs that are no longer wanted.
        let mut zero = [Block::ZERO; LANES];
        for l in 0..LANES {
            let generator = outputs[0][l] ^ outputs[1][l] ^ twin ^ (b[l].colour_mask() & delta);
            let evaluator = outputs[2][l] ^ outputs[3][l] ^ twin ^ a[l];
            let w_generator = outputs[0][l] ^ inputs[0][l] ^ (a[l].colour_mask() & generator);
            let w_evaluator = outputs[2][l] ^ inputs[2][l] ^ (b[l].colour_mask() & (evaluator ^ a[l]));
            zero[l] = w_generator ^ w_evaluator;
            inputs[1][l] = generator;
            inputs[3][l] = evaluator;
        }
        self.tables.extend_from_slice(bytemuck::cast_slice(&inputs[1][..self.active]));
        self.tables.extend_from_slice(bytemuck::cast_slice(&inputs[3][..self.active]));
        zero
    }
}
