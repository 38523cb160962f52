//! The garbler as a reader of circuits: half-gates with free XOR and point-and-permute, `LANES` instances in lock step.
//! Source: Zahur, Rosulek and Evans, "Two halves make a whole" (Eurocrypt 2015), figure 2; the offset is the session's Δ.
//! Private against a semi-honest evaluator if the hash is tweakable circular correlation robust (see `hash.rs`).
//!
//! A wire is its zero labels. A gate's table is the active lanes' first ciphertexts, then their second ones: 32 bytes an
//! instance. Lanes beyond the active ones are computed and thrown away. No branch or address depends on a label.

use super::circuit::{And, Circuit, Op};
use super::hash::{ChunkKeys, GATES_PER_KEY, Hash, Hashes, Use, prepare, sigma};
use super::{AND_BYTES, LANE_BYTES, LANES, Lanes, lanes, xor_into};
use crate::block::{BLOCK_BYTES, Block};

/// Garbles a chunk. `wires` begin as the zero labels of the inputs and end with those of the outputs in their slots.
pub(super) fn garble(
    circuit: &Circuit,
    keys: ChunkKeys,
    delta: Block,
    wires: &mut [Lanes],
    mut tables: WriteTables<'_>,
) {
    match keys.hashes(Use::Gate, circuit.ands().div_ceil(GATES_PER_KEY as usize)) {
        #[cfg(target_arch = "x86_64")]
        Hashes::Vaes(keys) => keys.garble(circuit, delta, wires, &mut tables),
        #[cfg(target_arch = "x86_64")]
        Hashes::Vaes256(keys) => keys.garble(circuit, delta, wires, &mut tables),
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        Hashes::One(keys) => keys.garble(circuit, delta, wires, &mut tables),
        Hashes::Other(hashes) => {
            let (mut room, mut zero) = ([Lanes::ZERO; 2], Lanes::ZERO);
            walk_zero(circuit, delta, wires, |gate, wires, slots| {
                let hash = &hashes[(gate / GATES_PER_KEY) as usize];
                let operands = slots.operands(wires, &mut room);
                tables.next(|generators, evaluators| {
                    let halves = [generators, evaluators].map(|half| bytemuck::cast_slice_mut(half));
                    and(hash, gate % GATES_PER_KEY, delta, operands, halves, &mut zero);
                });
                slots.keep(&mut zero, wires);
            });
        }
    }
}

/// Follows a circuit on zero labels; `and` is given a gate's number, the wires, and the gate.
#[inline(always)]
pub(crate) fn walk_zero(
    circuit: &Circuit,
    delta: Block,
    wires: &mut [Lanes],
    mut and: impl FnMut(u32, &mut [Lanes], And),
) {
    let mut gate = 0;
    for op in circuit.ops() {
        match *op {
            Op::Xor { a, b, c, out } => {
                xor_into(wires, [a, b].map(usize::from), c.map(usize::from), out.into())
            }
            Op::Not { a, out } => {
                let flipped = lanes(|l| wires[usize::from(a)][l] ^ delta);
                wires[usize::from(out)] = flipped;
            }
            Op::And(slots) => {
                and(gate, wires, slots);
                gate += 1;
            }
        }
    }
}

/// Where a chunk's tables go, gate by gate.
pub(crate) struct WriteTables<'a> {
    to: &'a mut Vec<u8>,
    active: usize,
    /// The ciphertexts of a gate where not all lanes are active.
    all_lanes: [[u8; LANE_BYTES]; 2],
}

impl<'a> WriteTables<'a> {
    /// The tables of a chunk of `active` lanes, after what `to` holds.
    pub(super) fn new(to: &'a mut Vec<u8>, active: usize) -> Self {
        Self { to, active, all_lanes: [[0; LANE_BYTES]; 2] }
    }

    /// Lets `write` fill in both ciphertexts of the next gate for all lanes, and keeps those of the active ones. It is called in
    /// one place, so that it is inlined, as kernels have to be.
    #[inline(always)]
    pub(crate) fn next(&mut self, write: impl FnOnce(&mut [u8; LANE_BYTES], &mut [u8; LANE_BYTES])) {
        let start = self.to.len();
        self.to.resize(start + self.active * AND_BYTES, 0);
        let table = &mut self.to[start..];
        let [generators, evaluators] = match table.as_chunks_mut::<LANE_BYTES>() {
            ([generators, evaluators], []) => [generators, evaluators],
            _ => self.all_lanes.each_mut(),
        };
        write(generators, evaluators);
        if self.active < LANES {
            let (first, second) = table.split_at_mut(self.active * BLOCK_BYTES);
            first.copy_from_slice(&self.all_lanes[0][..first.len()]);
            second.copy_from_slice(&self.all_lanes[1][..second.len()]);
        }
    }
}

/// One gate: the portable twin of the kernel in `simd`.
fn and(
    hash: &Hash,
    place: u32,
    delta: Block,
    [a, b]: [&Lanes; 2],
    [generators, evaluators]: [&mut [[u8; BLOCK_BYTES]]; 2],
    zero: &mut Lanes,
) {
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
        generators[l] = generator.to_bytes();
        evaluators[l] = (mixed ^ a[l]).to_bytes();
        zero[l] = w_generator ^ w_evaluator;
    }
}
