//! The evaluator as a reader of circuits: half-gates over `LANES` instances in lock step, the twin of `garble.rs`.
//! Source: Zahur, Rosulek and Evans, "Two halves make a whole" (Eurocrypt 2015), figure 2.
//!
//! A wire is its active labels: one of the two of each instance, without knowing which.

use super::circuit::{And, Circuit, Op};
use super::hash::{ChunkKeys, GATES_PER_KEY, Hash, Hashes, Use, prepare};
use super::{AND_BYTES, LANE_BYTES, LANES, Lanes, xor_into};
use crate::block::{BLOCK_BYTES, Block};

/// Evaluates a chunk. `wires` begin as the active labels of the inputs and end with those of the outputs in their slots.
pub(super) fn evaluate(circuit: &Circuit, keys: ChunkKeys, wires: &mut [Lanes], mut tables: ReadTables<'_>) {
    match keys.hashes(Use::Gate, circuit.ands().div_ceil(GATES_PER_KEY as usize)) {
        #[cfg(target_arch = "x86_64")]
        Hashes::Vaes(keys) => keys.evaluate(circuit, wires, &mut tables),
        #[cfg(target_arch = "x86_64")]
        Hashes::Vaes256(keys) => keys.evaluate(circuit, wires, &mut tables),
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        Hashes::One(keys) => keys.evaluate(circuit, wires, &mut tables),
        Hashes::Other(hashes) => {
            let (mut room, mut label) = ([Lanes::ZERO; 2], Lanes::ZERO);
            walk_active(circuit, wires, |number, wires, gate| {
                let hash = &hashes[(number / GATES_PER_KEY) as usize];
                let operands = gate.operands(wires, &mut room);
                tables.gate(number, |generators, evaluators| {
                    let halves = [generators, evaluators].map(|half| bytemuck::cast_slice(half));
                    and(hash, number % GATES_PER_KEY, operands, halves, &mut label);
                });
                gate.keep(&mut label, wires);
            });
        }
    }
}

/// Follows a circuit on active labels; `and` is given a gate's number, the wires, and the gate.
#[inline(always)]
pub(crate) fn walk_active(
    circuit: &Circuit,
    wires: &mut [Lanes],
    mut and: impl FnMut(u32, &mut [Lanes], And),
) {
    let mut number = 0;
    for op in circuit.ops() {
        match *op {
            Op::Xor { a, b, c, out } => {
                xor_into(wires, [a, b].map(usize::from), c.map(usize::from), out.into())
            }
            // The labels stay; it is the garbler who takes them for their opposites.
            Op::Not { a, out } => wires.copy_within(usize::from(a)..usize::from(a) + 1, usize::from(out)),
            Op::And(gate) => {
                and(number, wires, gate);
                number += 1;
            }
        }
    }
}

/// A chunk's tables, gate by gate.
pub(crate) struct ReadTables<'a> {
    bytes: &'a [u8],
    active: usize,
    /// The ciphertexts of a gate where not all lanes are active.
    all_lanes: [[u8; LANE_BYTES]; 2],
}

impl<'a> ReadTables<'a> {
    /// `bytes` is exactly the chunk's tables for its active lanes.
    pub(super) fn new(bytes: &'a [u8], active: usize) -> Self {
        Self { bytes, active, all_lanes: [[0; LANE_BYTES]; 2] }
    }

    /// Shows both ciphertexts of a gate, zeros in lanes beyond the active ones. `read` is called in one place, so that it is
    /// inlined, as kernels have to be.
    #[inline(always)]
    pub(crate) fn gate(&mut self, gate: u32, read: impl FnOnce(&[u8; LANE_BYTES], &[u8; LANE_BYTES])) {
        let size = self.active * AND_BYTES;
        let table = &self.bytes[gate as usize * size..][..size];
        if self.active < LANES {
            let (first, second) = table.split_at(self.active * BLOCK_BYTES);
            self.all_lanes[0][..first.len()].copy_from_slice(first);
            self.all_lanes[1][..second.len()].copy_from_slice(second);
        }
        let [generators, evaluators] = match table.as_chunks::<LANE_BYTES>() {
            ([generators, evaluators], []) => [generators, evaluators],
            _ => self.all_lanes.each_ref(),
        };
        read(generators, evaluators);
    }
}

/// One gate: the portable twin of the kernel in `simd`.
fn and(
    hash: &Hash,
    place: u32,
    [a, b]: [&Lanes; 2],
    [generators, evaluators]: [&[[u8; BLOCK_BYTES]]; 2],
    label: &mut Lanes,
) {
    let mut h = [prepare(a, 2 * place), prepare(b, 2 * place + 1)];
    hash.finish(&mut h);
    for l in 0..LANES {
        let (generator, evaluator) = (Block::from_bytes(generators[l]), Block::from_bytes(evaluators[l]));
        let w_generator = h[0][l] ^ (a[l].colour_mask() & generator);
        let w_evaluator = h[1][l] ^ (b[l].colour_mask() & (evaluator ^ a[l]));
        label[l] = w_generator ^ w_evaluator;
    }
}
