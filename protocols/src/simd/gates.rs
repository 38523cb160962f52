//! Chunks of garbled circuits over registers of any width. The twins are in `gc/garble.rs` and `gc/evaluate.rs`, which also hold
//! what both have in common; it is compiled for an engine by being inlined here. Output wires are in `labels.rs`.

use super::aes::KeyList;
use super::vector::{Vector, read, wire, wire_mut};
use crate::block::Block;
use crate::gc::circuit::{And, Circuit};
use crate::gc::evaluate::{ReadTables, walk_active};
use crate::gc::garble::{WriteTables, walk_zero};
use crate::gc::hash::{GATES_PER_KEY, tweak};
use crate::gc::{AND_BYTES, LANE_BYTES, LANES, Lanes};

// The kernels take up to 16 lanes at a time.
const _: () = assert!(LANES.is_multiple_of(16));

impl<V: Vector> KeyList<V> {
    /// Garbles a chunk: `wires` begin as the zero labels of the inputs; there is a key every few gates.
    pub(crate) fn garble(
        &self,
        circuit: &Circuit,
        delta: Block,
        wires: &mut [Lanes],
        tables: &mut WriteTables<'_>,
    ) {
        // SAFETY: a `KeyList` exists only where the features were found.
        unsafe { V::run(|| garble(self, circuit, delta, wires, tables)) }
    }

    /// Evaluates a chunk: `wires` begin as the active labels of the inputs.
    pub(crate) fn evaluate(&self, circuit: &Circuit, wires: &mut [Lanes], tables: &mut ReadTables<'_>) {
        // SAFETY: a `KeyList` exists only where the features were found.
        unsafe { V::run(|| evaluate(self, circuit, wires, tables)) }
    }
}

#[inline(always)]
fn garble<V: Vector>(
    keys: &KeyList<V>,
    circuit: &Circuit,
    delta: Block,
    wires: &mut [Lanes],
    tables: &mut WriteTables<'_>,
) {
    let offset = V::all(delta);
    let (twin, _) = offset.sigma();
    let mut round_keys = [offset; 11];
    walk_zero(circuit, delta, wires, |number, wires, gate| {
        let place = number % GATES_PER_KEY;
        if place == 0 {
            round_keys = keys.broadcast((number / GATES_PER_KEY) as usize);
        }
        let of_a = Ends::of(&round_keys, 2 * place);
        let of_b = Ends::of(&round_keys, 2 * place + 1);
        tables.next(|group| {
            let Operands { a, b, c } = Operands::<V, 2>::of(gate, wires, group);
            // For either register: H(a), H(a ^ Δ), H(b), H(b ^ Δ).
            let (mut x, mut last) = ([offset; 8], [offset; 8]);
            for i in 0..2 {
                let lanes = lane_tweaks(2 * group + i);
                let (sigma_a, sigma_b) = (a[i].sigma().0, b[i].sigma().0);
                x[4 * i] = sigma_a.xor3(lanes, of_a.first);
                x[4 * i + 1] = x[4 * i].xor(twin);
                x[4 * i + 2] = sigma_b.xor3(lanes, of_b.first);
                x[4 * i + 3] = x[4 * i + 2].xor(twin);
                // Of the two hashes' own inputs the lanes' tweaks cancel.
                let mut kept = of_a.last.xor3(sigma_a, sigma_b);
                if let Some(c) = &c {
                    kept = kept.xor(c[i]);
                }
                last[4 * i] = kept;
                last[4 * i + 1] = kept.xor(twin).xor_where(b[i].sigma().1, offset);
                last[4 * i + 2] = of_b.last;
                last[4 * i + 3] = of_b.last.xor(twin);
            }
            let x = V::rounds(&round_keys, x);
            let [mut generators, mut evaluators, mut product] = [[offset; 2]; 3];
            for i in 0..2 {
                let mut h = [offset; 4];
                for j in 0..4 {
                    h[j] = x[4 * i + j].last_round(last[4 * i + j]);
                }
                let (colour_a, colour_b) = (a[i].sigma().1, b[i].sigma().1);
                // Both ciphertexts and the output's zero label: figure 2 of ZRE15.
                let (generator, mixed) = (h[0].xor(h[1]), h[2].xor(h[3]));
                (generators[i], evaluators[i]) = (generator, mixed.xor(a[i]));
                product[i] = h[0].xor(h[2]).xor_where(colour_a, generator).xor_where(colour_b, mixed);
            }
            wire_mut::<V>(&mut wires[usize::from(gate.out)]).as_chunks_mut().0[group] = product;
            [generators, evaluators]
        });
    });
}

#[inline(always)]
fn evaluate<V: Vector>(
    keys: &KeyList<V>,
    circuit: &Circuit,
    wires: &mut [Lanes],
    tables: &mut ReadTables<'_>,
) {
    let zero = V::all(Block::ZERO);
    let mut round_keys = [zero; 11];
    walk_active(circuit, wires, |number, wires, gate| {
        let place = number % GATES_PER_KEY;
        if place == 0 {
            round_keys = keys.broadcast((number / GATES_PER_KEY) as usize);
        }
        let of_a = Ends::of(&round_keys, 2 * place);
        let of_b = Ends::of(&round_keys, 2 * place + 1);
        tables.gate(number, |generators, evaluators| {
            ask_for_tables_after::<V>(generators);
            for group in 0..LANES / (4 * V::BLOCKS) {
                let Operands { a, b, c } = Operands::<V, 4>::of(gate, wires, group);
                let (mut x, mut last) = ([zero; 8], [zero; 8]);
                for i in 0..4 {
                    let lanes = lane_tweaks(4 * group + i);
                    let ((sigma_a, colour_a), (sigma_b, colour_b)) = (a[i].sigma(), b[i].sigma());
                    x[i] = sigma_a.xor3(lanes, of_a.first);
                    x[4 + i] = sigma_b.xor3(lanes, of_b.first);
                    let (g, e): (V, V) = (read(generators, 4 * group + i), read(evaluators, 4 * group + i));
                    // Of the hashes' own inputs the lanes' tweaks cancel.
                    last[i] = of_a.last.xor(sigma_a).xor_where(colour_a, g);
                    last[4 + i] = of_b.last.xor(sigma_b).xor_where(colour_b, e.xor(a[i]));
                    if let Some(c) = &c {
                        last[i] = last[i].xor(c[i]);
                    }
                }
                let x = V::rounds(&round_keys, x);
                let mut product = [zero; 4];
                for i in 0..4 {
                    product[i] = x[i].last_round(last[i]).xor(x[4 + i].last_round(last[4 + i]));
                }
                wire_mut::<V>(&mut wires[usize::from(gate.out)]).as_chunks_mut().0[group] = product;
            }
        });
    });
}

/// Some registers of what a gate multiplies: the operands; of a majority, each XORed with the third, which is kept too.
struct Operands<V, const N: usize> {
    a: [V; N],
    b: [V; N],
    c: Option<[V; N]>,
}

impl<V: Vector, const N: usize> Operands<V, N> {
    #[inline(always)]
    fn of(gate: And, wires: &[Lanes], group: usize) -> Self {
        let wire = |slot| at::<V, N>(&wires[usize::from(slot)], group);
        let (a, b) = (wire(gate.a), wire(gate.b));
        match gate.c.map(wire) {
            None => Self { a, b, c: None },
            Some(c) => Self { a: xor_each(a, c), b: xor_each(b, c), c: Some(c) },
        }
    }
}

/// Register by register.
#[inline(always)]
fn xor_each<V: Vector, const N: usize>(mut a: [V; N], b: [V; N]) -> [V; N] {
    for (a, b) in a.iter_mut().zip(b) {
        *a = a.xor(b);
    }
    a
}

/// The `group`-th `N` registers of a wire.
#[inline(always)]
pub(super) fn at<V: Vector, const N: usize>(lanes: &Lanes, group: usize) -> [V; N] {
    wire(lanes).as_chunks().0[group]
}

/// Tables are read once and in order, but a prefetcher stops at the end of a page: asks for a gate's some gates ahead,
/// where there are any.
#[inline(always)]
fn ask_for_tables_after<V: Vector>(generators: &[u8; LANE_BYTES]) {
    const AHEAD: usize = 4096;
    for line in (0..LANES * AND_BYTES).step_by(64) {
        V::ask_for(generators.as_ptr().wrapping_add(AHEAD + line));
    }
}

/// A key's first and last round keys with the part of the tweak that all lanes share, the use `index` of the key, folded
/// in: on `x = σ(label) ^ lane tweak` they give `E(x ^ index) ^ index`, which is the hash but for `x`.
#[derive(Clone, Copy)]
pub(super) struct Ends<V> {
    pub(super) first: V,
    pub(super) last: V,
}

impl<V: Vector> Ends<V> {
    #[inline(always)]
    pub(super) fn of(keys: &[V; 11], index: u32) -> Self {
        let index = V::all(tweak(index, 0));
        Self { first: keys[0].xor(index), last: keys[10].xor(index) }
    }
}

/// The tweaks of every lane, but for the use of the key.
static LANE_TWEAKS: Lanes = {
    let mut tweaks = Lanes::ZERO;
    let mut lane = 0;
    while lane < LANES {
        tweaks.0[lane] = tweak(0, lane);
        lane += 1;
    }
    tweaks
};

/// Those of the `index`-th register's lanes.
#[inline(always)]
pub(super) fn lane_tweaks<V: Vector>(index: usize) -> V {
    wire(&LANE_TWEAKS)[index]
}
