//! The garbler as a reader of circuits: half-gates with free XOR and point-and-permute, `LANES` instances in lock step.
//! Source: Zahur, Rosulek and Evans, "Two halves make a whole" (Eurocrypt 2015), figure 2; the offset is the session's Δ.
//! Private against a semi-honest evaluator if the hash is tweakable circular correlation robust (see `hash.rs`).
//!
//! A wire is its zero labels. A gate's table is the active lanes' first ciphertexts, then their second ones: 32 bytes an
//! instance. Lanes beyond the active ones are computed and thrown away. No branch or address depends on a label.

use super::circuit::{And, Circuit, Op};
use super::hash::{ChunkKeys, GATES_PER_KEY, Hash, Hashes, Use, prepare, sigma};
use super::{LANE_BYTES, LANES, Lanes, flip_into, lanes, xor_into};
use crate::block::{BLOCK_BYTES, Block};
use bytemuck::Pod;

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
            walk_zero(circuit, delta, wires, |number, wires, gate| {
                let hash = &hashes[(number / GATES_PER_KEY) as usize];
                let operands = gate.operands(wires, &mut room);
                tables.next(|_| and(hash, number % GATES_PER_KEY, delta, operands, &mut zero));
                gate.keep(&mut zero, wires);
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
    let mut number = 0;
    for op in circuit.ops() {
        match *op {
            Op::Xor { a, b, c, out } => {
                xor_into(wires, [a, b].map(usize::from), c.map(usize::from), out.into())
            }
            Op::Not { a, out } => flip_into(wires, a.into(), delta, out.into()),
            Op::And(gate) => {
                and(number, wires, gate);
                number += 1;
            }
        }
    }
}

/// Where a chunk's tables go, gate by gate.
pub(crate) struct WriteTables<'a> {
    to: &'a mut Vec<u8>,
    active: usize,
}

impl<'a> WriteTables<'a> {
    /// The tables of a chunk of `active` lanes, after what `to` holds.
    pub(super) fn new(to: &'a mut Vec<u8>, active: usize) -> Self {
        Self { to, active }
    }

    /// Writes the next gate's table from both ciphertexts of all lanes, which `make` gives `N` registers at a time; keeps the
    /// active ones. It is called in one place, so that it is inlined, as kernels have to be.
    #[inline(always)]
    #[expect(
        unsafe_code,
        reason = "zeroing what is about to be written takes a tenth of the time of garbling"
    )]
    pub(crate) fn next<V: Pod, const N: usize>(&mut self, mut make: impl FnMut(usize) -> [[V; N]; 2]) {
        const { assert!(LANE_BYTES.is_multiple_of(size_of::<[V; N]>()), "registers end where a wire does") };
        let (start, whole) = (self.to.len(), 2 * LANE_BYTES);
        self.to.reserve(whole);
        let (generators, evaluators) = self.to.spare_capacity_mut()[..whole].split_at_mut(LANE_BYTES);
        let registers = generators.chunks_exact_mut(size_of::<[V; N]>());
        for (group, generators) in registers.enumerate() {
            let evaluators = &mut evaluators[group * size_of::<[V; N]>()..][..size_of::<[V; N]>()];
            let [generator, evaluator] = make(group);
            generators.write_copy_of_slice(bytemuck::cast_slice(&generator));
            evaluators.write_copy_of_slice(bytemuck::cast_slice(&evaluator));
        }
        // SAFETY: there is room for `whole` bytes more, and all registers of both halves were written.
        unsafe { self.to.set_len(start + whole) };
        if self.active < LANES {
            let active = self.active * BLOCK_BYTES;
            self.to.copy_within(start + LANE_BYTES..start + LANE_BYTES + active, start + active);
            self.to.truncate(start + 2 * active);
        }
    }
}

/// One gate's ciphertexts: the portable twin of the kernel in `simd`.
fn and(
    hash: &Hash,
    place: u32,
    delta: Block,
    [a, b]: [&Lanes; 2],
    zero: &mut Lanes,
) -> [[[u8; BLOCK_BYTES]; LANES]; 2] {
    // H(a), H(a ^ Δ), H(b), H(b ^ Δ): σ is linear, so the twins differ by σ(Δ).
    let twin = sigma(delta);
    let (first, second) = (prepare(a, 2 * place), prepare(b, 2 * place + 1));
    let mut h = [first, lanes(|l| first[l] ^ twin), second, lanes(|l| second[l] ^ twin)];
    hash.finish(&mut h);
    let [mut generators, mut evaluators] = [[[0; BLOCK_BYTES]; LANES]; 2];
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
    [generators, evaluators]
}
