//! A layer of `units` identical circuits, garbled and evaluated chunk by chunk: bits in, arithmetic shares or colours out.
//! Source: half-gates and conversion as in `garble.rs` and `convert.rs`. Semi-honest. The garbler is the server and the
//! evaluator the client, but the other way round in `steps/kept/client_garbler.rs`.
//!
//!   evaluator                                      garbler
//!     its labels <== correlated OT ==> zero labels   |   offline, before
//!     | <------ material: tables, ciphertexts ------ |   offline
//!     | <------ active labels, late ciphertexts ---- |   online
//!     share                                   share  |
//!
//! Labels lie chunk by chunk (`LANES` units), in a chunk wire by wire, in a wire unit by unit: as the kernels want them, so
//! that nothing is gathered. A chunk of the material is its tables, gate by gate, then its ciphertexts, packed; a chunk of
//! the online message is the garbler's labels, then the ciphertexts of outputs that are worth what the garbler has only just
//! learnt. Both messages are cut into pieces of whole chunks, garbled and evaluated by all threads of the current pool.
//!
//! An output wire that is worth (a value the garbler learns online + one the evaluator knows offline), [`Output::Joint`], needs
//! shares of ρ v for the evaluator's v and a random bit ρ of the garbler's, made before. With π the colour of the false label
//! and δ = π ^ ρ, sent beside the tables, they turn into shares p_s + p_c = π v (for δ = 1 the garbler negates its share
//! and the evaluator subtracts its own from v). As b = c ^ π for the evaluator's colour c, b v = c v + (1 - 2c) (p_s + p_c): the
//! evaluator's part is local, and the garbler's, p_s or -p_s, rides in the wire's ciphertext, which chooses by c anyway:
//!
//!   C = h(K_0) - h(K_1) + (1 - 2π) a - 2 p_s;   garbler: π a + p_s - h(K_0);   evaluator: h(K_c) + c C + c v + (1 - 2c) p_c

mod evaluator;
mod garbler;

pub use evaluator::{EvaluatorJoint, EvaluatorLayer};
pub use garbler::{GarblerJoint, GarblerLayer, garble_layer};

use super::convert::Weight;
use super::programs::{Output, Program};
use super::{AND_BYTES, LANE_BYTES, LANES, Lanes};
use crate::Error;
use crate::block::{BLOCK_BYTES, Block};
use crate::prg::Prg;
use crate::tally::Operations;
use crate::wire::BitWriter;
use std::ops::Range;

/// Pieces are cut so that none exceeds this, unless one chunk alone does: both parties' working set then fits the
/// second-level cache.
const PIECE_BYTES: usize = 1 << 18;

// A full chunk's packed ciphertexts must end on a byte.
const _: () = assert!(LANES.is_multiple_of(8));

/// The public shape of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    program: Program,
    units: usize,
    ring_bits: u32,
    id: u32,
}

/// How an output wire's product is shared.
#[derive(Clone, Copy)]
enum Share {
    /// By a ciphertext that travels offline.
    Early(Weight),
    /// By one that travels online; `joint` where the evaluator's value counts too.
    Late { shift: u32, joint: bool },
    /// Not at all.
    Colour,
}

impl Layer {
    /// `units` instances of `program` with shares in Z_2^`ring_bits`.
    ///
    /// `id` enters every hash: it must differ between any two layers that are garbled under one session key.
    pub fn new(program: Program, units: usize, ring_bits: u32, id: u32) -> Result<Self, Error> {
        let layer = Self { program, units, ring_bits, id };
        let invalid = |what: &str, expected: &str, found: usize| {
            Err(Error::config("garbled layer", what, expected, found.to_string()))
        };
        if !(1..=64).contains(&ring_bits) {
            return invalid("ring bits", "1 to 64", ring_bits as usize);
        }
        if u32::try_from(units / LANES).is_err() {
            return invalid("units", "fewer than 2^32 chunks", units);
        }
        let too_far = |share: Share| match share {
            Share::Early(Weight { shift, .. }) | Share::Late { shift, .. } => shift >= ring_bits,
            Share::Colour => false,
        };
        if layer.shares().any(too_far) {
            return invalid("ring bits", "more than the outputs' factors have", ring_bits as usize);
        }
        Ok(layer)
    }

    /// The same layer under another number.
    pub fn numbered(&self, id: u32) -> Self {
        Self { id, ..self.clone() }
    }

    /// Units of the layer.
    pub const fn units(&self) -> usize {
        self.units
    }

    /// AND gates of all units.
    pub const fn and_gates(&self) -> usize {
        self.units * self.program.circuit.ands()
    }

    /// Input wires of the evaluator over all units, most often correlated OTs.
    pub const fn evaluator_wires(&self) -> usize {
        self.units * self.program.circuit.evaluator_inputs()
    }

    /// Whether an output is worth the evaluator's value too, so that both parties need shares of it.
    pub fn has_joint(&self) -> bool {
        self.program.outputs.contains(&Output::Joint)
    }

    /// The evaluator's input bits in the order of its labels; `inputs` has the wires of a unit as its low bits, packed by
    /// `words` words a unit.
    pub fn choices(&self, inputs: &[u64]) -> Vec<u8> {
        let wires = self.program.circuit.evaluator_inputs();
        let words = wires.div_ceil(64);
        assert_eq!(inputs.len(), self.units * words, "one input a unit");
        let mut out = Vec::with_capacity(self.evaluator_wires().div_ceil(8));
        let mut writer = BitWriter::new(&mut out);
        for units in inputs.chunks(LANES * words) {
            for wire in 0..wires {
                let bits = units.chunks_exact(words).map(|unit| unit[wire / 64] >> (wire % 64) & 1);
                let (word, lanes) = bits.fold((0, 0), |(word, lane), bit| (word | bit << lane, lane + 1));
                writer.push(word, lanes);
            }
        }
        writer.finish();
        out
    }

    /// Bytes of the tables and ciphertexts, over all pieces.
    pub fn material_bytes(&self) -> usize {
        self.material_of(self.units)
    }

    /// Bytes of the online message, over all pieces.
    pub fn online_bytes(&self) -> usize {
        self.online_of(self.units)
    }

    /// Bytes that the evaluator keeps of the layer: labels, material, shares of products.
    pub fn evaluator_stored_bytes(&self) -> usize {
        let joint = if self.has_joint() { 16 * self.units } else { 0 };
        self.evaluator_wires() * BLOCK_BYTES + self.material_bytes() + joint
    }

    /// Bytes that the garbler keeps: a seed, a share a unit, and two words more for every late output.
    pub fn garbler_stored_bytes(&self) -> usize {
        let late = self.shares().filter(|share| matches!(share, Share::Late { .. })).count();
        BLOCK_BYTES + 8 * self.units * (1 + 2 * late)
    }

    /// Units of the pieces of the material, in order.
    pub fn material_units(&self) -> impl Iterator<Item = usize> + use<> {
        self.cut(self.material_of(LANES)).map(|units| units.len())
    }

    /// Lengths of the pieces of the material, in order.
    pub fn material_pieces(&self) -> impl Iterator<Item = usize> {
        self.material_units().map(|units| self.material_of(units))
    }

    /// Units of the pieces of the online message, in order.
    pub fn online_units(&self) -> impl Iterator<Item = usize> + use<> {
        self.cut(self.online_of(LANES)).map(|units| units.len())
    }

    /// Lengths of the pieces of the online message, in order.
    pub fn online_pieces(&self) -> impl Iterator<Item = usize> {
        self.online_units().map(|units| self.online_of(units))
    }

    /// What garbling or evaluating `units` units takes.
    pub fn work(&self, units: usize) -> Operations {
        let shared = self.shares().filter(|share| !matches!(share, Share::Colour)).count();
        Operations {
            circuits: units as u64,
            and_gates: (units * self.program.circuit.ands()) as u64,
            conversions: (units * shared) as u64,
            ..Operations::default()
        }
    }

    /// Labels of the garbler's inputs of `units` units.
    pub const fn labels(&self, units: usize) -> usize {
        units * self.program.circuit.garbler_inputs()
    }

    const fn tables_of(&self, units: usize) -> usize {
        units * self.program.circuit.ands() * AND_BYTES
    }

    /// Bytes of `units` units' material. The last chunk alone may be padded.
    pub fn material_of(&self, units: usize) -> usize {
        let bits: usize = self.shares().map(|share| self.early_bits(share) as usize).sum();
        self.tables_of(units) + (units * bits).div_ceil(8)
    }

    /// Bytes of `units` units' labels and late ciphertexts.
    pub fn online_of(&self, units: usize) -> usize {
        let bits: usize = self.shares().map(|share| self.late_bits(share) as usize).sum();
        units * self.program.circuit.garbler_inputs() * BLOCK_BYTES + (units * bits).div_ceil(8)
    }

    fn shares(&self) -> impl Iterator<Item = Share> {
        self.program.outputs.iter().map(|output| match *output {
            Output::Weighted(weight) => {
                let shift = weight.trailing_zeros();
                Share::Early(Weight { value: (weight >> shift) as u64, shift })
            }
            Output::Joint => Share::Late { shift: 0, joint: true },
            Output::Served { shift } => Share::Late { shift, joint: false },
            Output::Coloured => Share::Colour,
        })
    }

    /// Bits a unit that an output adds to the material.
    fn early_bits(&self, share: Share) -> u32 {
        match share {
            Share::Early(weight) => self.ring_bits - weight.shift,
            Share::Late { joint, .. } => u32::from(joint),
            Share::Colour => 0,
        }
    }

    /// Bits a unit that an output adds to the online message.
    fn late_bits(&self, share: Share) -> u32 {
        match share {
            Share::Late { shift, .. } => self.ring_bits - shift,
            Share::Early(_) | Share::Colour => 0,
        }
    }

    /// The units of each piece when a full chunk takes `chunk_bytes`.
    fn cut(&self, chunk_bytes: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let step = LANES * (PIECE_BYTES / chunk_bytes.max(1)).max(1);
        let units = self.units;
        (0..units).step_by(step).map(move |start| start..units.min(start + step))
    }

    /// The chunks of a piece: number in the layer, and units.
    fn chunks(units: Range<usize>) -> impl Iterator<Item = (u32, Range<usize>)> {
        let end = units.end;
        units.step_by(LANES).map(move |start| ((start / LANES) as u32, start..end.min(start + LANES)))
    }

    /// The garbler's own zero labels of the units from `start` on.
    fn own_labels(&self, seed: Block, start: usize) -> Prg {
        Prg::at(seed, (start * self.program.circuit.garbler_inputs()) as u64)
    }
}

/// The bytes of a chunk's labels, wire by wire over the active lanes, into its wires. Other lanes keep whatever they held.
fn load(labels: &[u8], active: usize, wires: &mut [Lanes]) {
    let wires: &mut [[u8; LANE_BYTES]] = bytemuck::cast_slice_mut(wires);
    debug_assert!(labels.len() <= wires.len() * active * BLOCK_BYTES, "no labels but of these wires");
    // A wire at a time also where all lanes are active: some processors are slow at copying kilobytes to where the low bits
    // of the address are nearly the same.
    for (wire, labels) in wires.iter_mut().zip(labels.chunks_exact(active * BLOCK_BYTES)) {
        match labels.as_array() {
            Some(all) => *wire = *all,
            None => wire[..labels.len()].copy_from_slice(labels),
        }
    }
}
