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
use crate::cipher::Cipher;

/// Garbles one chunk of instances.
pub(super) struct Garbler<'a> {
    keys: ChunkKeys,
    hash: Hash,
    gate: u32,
    delta: Block,
    active: usize,
    tables: &'a mut Vec<u8>,
    /// The ciphertexts of one gate; kept between gates, so that they need not be cleared.
    halves: [Lanes; 2],
}

/// What garbling a gate writes, lane by lane.
pub(crate) struct Garbled<'a> {
    /// The generator half's ciphertexts.
    pub(crate) generator: &'a mut Lanes,
    /// The evaluator half's ciphertexts.
    pub(crate) evaluator: &'a mut Lanes,
    /// The output's zero labels.
    pub(crate) zero: &'a mut Lanes,
}

impl<'a> Garbler<'a> {
    /// Garbles for the first `active` lanes, appending to `tables`.
    pub(super) fn new(keys: ChunkKeys, delta: Delta, active: usize, tables: &'a mut Vec<u8>) -> Self {
        let halves = [[Block::ZERO; LANES]; 2];
        Self { keys, hash: keys.hash(Use::Gate, 0), gate: 0, delta: delta.block(), active, tables, halves }
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

        let mut zero = [Block::ZERO; LANES];
        let [generator, evaluator] = &mut self.halves;
        let mut out = Garbled { generator, evaluator, zero: &mut zero };
        match &self.hash.0 {
            #[cfg(target_arch = "x86_64")]
            Cipher::Vaes(keys) => keys.garble_and(place, self.delta, a, b, &mut out),
            Cipher::Portable(_) => garble_and(&self.hash, place, self.delta, a, b, &mut out),
        }
        for half in &self.halves {
            self.tables.extend_from_slice(bytemuck::cast_slice(&half[..self.active]));
        }
        zero
    }
}

/// The portable twin of the kernel in `simd.rs`.
fn garble_and(hash: &Hash, place: u32, delta: Block, a: &Lanes, b: &Lanes, out: &mut Garbled<'_>) {
    // H(a), H(a ^ Δ), H(b), H(b ^ Δ): σ is linear, so the twins differ by σ(Δ).
    let twin = sigma(delta);
    let (first, second) = (prepare(a, 2 * place), prepare(b, 2 * place + 1));
    let mut h = [first, lanes(|l| first[l] ^ twin), second, lanes(|l| second[l] ^ twin)];
    hash.finish(&mut h);
    // Generator half: a & p_b, which the garbler knows. Evaluator half: a & (b ^ p_b), whose colour the evaluator sees.
    for l in 0..LANES {
        let generator = h[0][l] ^ h[1][l] ^ (b[l].colour_mask() & delta);
        let mixed = h[2][l] ^ h[3][l];
        let w_generator = h[0][l] ^ (a[l].colour_mask() & generator);
        let w_evaluator = h[2][l] ^ (b[l].colour_mask() & mixed);
        out.generator[l] = generator;
        out.evaluator[l] = mixed ^ a[l];
        out.zero[l] = w_generator ^ w_evaluator;
    }
}
