//! A layer of `units` narrow ReLUs: `max(u + v + 1 mod 2^n, 0)` as shares in Z_2^k, garbled and evaluated chunk by chunk.
//! Source: half-gates and conversion as in `garble.rs` and `convert.rs`. Semi-honest: the server garbles, the client evaluates.
//! `n` bits an input, `k` ring bits; the unit-major bit `i` of unit `j` is at `j n + i`.
//!
//!   client (v)                                     server (u)
//!     labels of v <== correlated OT ==> zero labels  |   offline, before
//!     | <------ Material: tables, ciphertexts ------ |   offline, units ((2n-2) 32) + ⌈units (n-1) k / 8⌉ bytes
//!     | <------ active labels of u ----------------- |   online, 16 n bytes a unit
//!     share                                   share  |   the server's is known offline
//!
//! Both messages are cut into pieces of whole chunks (`LANES` units), about a megabyte each; a chunk's material is its tables, gate by
//! gate over the active lanes, then its ciphertexts. A full chunk's ciphertexts fill whole bytes, so only the layer's last byte is padded.

use super::circuit::{narrow_relu, narrow_relu_ands};
use super::convert::{evaluate_outputs, garble_outputs};
use super::evaluate::Evaluator;
use super::garble::Garbler;
use super::hash::{ChunkKeys, SessionKey};
use super::{AND_BYTES, LANES, Lanes};
use crate::Error;
use crate::block::{BLOCK_BYTES, Block, Delta};
use crate::prg::Prg;
use rand::CryptoRng;

/// Pieces are cut so that none exceeds this, unless one chunk alone does.
const PIECE_BYTES: usize = 1 << 20;

// A full chunk's packed ciphertexts must end on a byte.
const _: () = assert!(LANES.is_multiple_of(8));

/// The public shape of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReluLayer {
    units: usize,
    bits: usize,
    ring_bits: u32,
    id: u32,
}

impl ReluLayer {
    /// `units` ReLUs on `bits`-bit inputs with shares of the outputs in Z_2^`ring_bits`.
    ///
    /// `id` enters every hash: it must differ between any two layers that are garbled under one session key.
    pub fn new(units: usize, bits: usize, ring_bits: u32, id: u32) -> Result<Self, Error> {
        let invalid = |what: &str, expected: &str, found: usize| {
            Err(Error::config("garbled relu", what, expected, found.to_string()))
        };
        if !(2..=64).contains(&bits) {
            return invalid("input bits", "2 to 64", bits);
        }
        if !(1..=64).contains(&ring_bits) || (ring_bits as usize) < bits - 1 {
            return invalid("ring bits", "at least the output's bits, at most 64", ring_bits as usize);
        }
        if u32::try_from(units / LANES).is_err() {
            return invalid("units", "fewer than 2^32 chunks", units);
        }
        Ok(Self { units, bits, ring_bits, id })
    }

    /// Units of the layer.
    pub const fn units(&self) -> usize {
        self.units
    }

    /// Input wires of each party: `n` a unit.
    pub const fn input_wires(&self) -> usize {
        self.units * self.bits
    }

    /// Bytes of the tables and ciphertexts, over all pieces.
    pub const fn material_bytes(&self) -> usize {
        self.material_of(self.units)
    }

    /// Bytes of the server's active labels, over all pieces.
    pub const fn label_bytes(&self) -> usize {
        self.labels_of(self.units)
    }

    /// Lengths of the pieces of the material, in order.
    pub fn material_pieces(&self) -> impl Iterator<Item = usize> {
        let layer = *self;
        layer.pieces(layer.material_of(LANES)).map(move |units| layer.material_of(units))
    }

    /// Lengths of the pieces of the server's active labels, in order.
    pub fn label_pieces(&self) -> impl Iterator<Item = usize> {
        let layer = *self;
        layer.pieces(layer.labels_of(LANES)).map(move |units| layer.labels_of(units))
    }

    const fn tables_of(&self, units: usize) -> usize {
        units * narrow_relu_ands(self.bits) * AND_BYTES
    }

    const fn material_of(&self, units: usize) -> usize {
        self.tables_of(units) + (units * (self.bits - 1) * self.ring_bits as usize).div_ceil(8)
    }

    const fn labels_of(&self, units: usize) -> usize {
        units * self.bits * BLOCK_BYTES
    }

    /// Units of each piece when a full chunk takes `chunk_bytes`.
    fn pieces(self, chunk_bytes: usize) -> impl Iterator<Item = usize> {
        let step = LANES * (PIECE_BYTES / chunk_bytes).max(1);
        (0..self.units).step_by(step).map(move |start| step.min(self.units - start))
    }
}

/// What the server keeps of a garbled layer.
pub struct Garbled {
    /// The labels of its inputs.
    pub inputs: ServerInputs,
    /// Its share of every unit's output, mod 2^k.
    pub shares: Vec<u64>,
}

/// The labels of the server's inputs, both of each wire. Consumed by `select`: two active labels of one wire reveal Δ.
pub struct ServerInputs {
    layer: ReluLayer,
    delta: Delta,
    seed: Block,
}

/// Garbles the layer; `client_zero` are the zero labels of the client's inputs. `emit` takes the material piece by piece.
pub fn garble(
    layer: ReluLayer,
    session: SessionKey,
    delta: Delta,
    client_zero: &[Block],
    rng: &mut (impl CryptoRng + ?Sized),
    mut emit: impl FnMut(Vec<u8>) -> Result<(), Error>,
) -> Result<Garbled, Error> {
    assert_eq!(client_zero.len(), layer.input_wires(), "one zero label an input wire of the client");
    let inputs = ServerInputs { layer, delta, seed: Block::random(rng) };
    let mut prg = Prg::new(inputs.seed);
    let mut shares = Vec::with_capacity(layer.units);
    let mut own = vec![Block::ZERO; LANES * layer.bits];
    let mut ours = vec![[Block::ZERO; LANES]; layer.bits];
    let mut theirs = ours.clone();
    let mut chunks = client_zero.chunks(LANES * layer.bits).zip(0..);
    for units in layer.pieces(layer.material_of(LANES)) {
        let mut piece = Vec::with_capacity(layer.material_of(units));
        for (zero, chunk) in chunks.by_ref().take(units.div_ceil(LANES)) {
            let active = zero.len() / layer.bits;
            let own = &mut own[..zero.len()];
            prg.fill(own);
            gather(own, &mut ours);
            gather(zero, &mut theirs);
            let keys = ChunkKeys::new(session, layer.id, chunk);
            let outputs = narrow_relu(&mut Garbler::new(keys, delta, active, &mut piece), &ours, &theirs);
            let share = garble_outputs(keys, delta, layer.ring_bits, &outputs, active, &mut piece);
            shares.extend_from_slice(&share[..active]);
        }
        emit(piece)?;
    }
    Ok(Garbled { inputs, shares })
}

impl ServerInputs {
    /// The active labels for the server's inputs, of which the low `n` bits count; `emit` takes them piece by piece.
    pub fn select(
        self,
        values: &[u64],
        mut emit: impl FnMut(Vec<u8>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let layer = self.layer;
        assert_eq!(values.len(), layer.units, "one input a unit");
        let mut prg = Prg::new(self.seed);
        let mut labels = vec![Block::ZERO; LANES * layer.bits];
        let mut chunks = values.chunks(LANES);
        for units in layer.pieces(layer.labels_of(LANES)) {
            let mut piece = Vec::with_capacity(layer.labels_of(units));
            for values in chunks.by_ref().take(units.div_ceil(LANES)) {
                let labels = &mut labels[..values.len() * layer.bits];
                prg.fill(labels);
                for (&value, labels) in values.iter().zip(labels.chunks_exact_mut(layer.bits)) {
                    for (i, label) in labels.iter_mut().enumerate() {
                        *label ^= Block::mask(value >> i & 1 == 1) & self.delta.block();
                    }
                }
                piece.extend_from_slice(bytemuck::cast_slice(labels));
            }
            emit(piece)?;
        }
        Ok(())
    }
}

/// A garbled layer in the client's hands, with the labels of its own inputs. Consumed by `evaluate`: a circuit evaluated on two
/// inputs leaks.
pub struct Material {
    layer: ReluLayer,
    session: SessionKey,
    labels: Vec<Block>,
    pieces: Vec<Vec<u8>>,
}

impl Material {
    /// Takes the material from `next`, which is asked for pieces of the given lengths; `labels` are the client's active ones.
    pub fn receive(
        layer: ReluLayer,
        session: SessionKey,
        labels: Vec<Block>,
        mut next: impl FnMut(usize) -> Result<Vec<u8>, Error>,
    ) -> Result<Self, Error> {
        assert_eq!(labels.len(), layer.input_wires(), "one label an input wire of the client");
        let pieces =
            layer.material_pieces().map(|length| exactly(length, next(length)?)).collect::<Result<_, _>>()?;
        Ok(Self { layer, session, labels, pieces })
    }

    /// The client's share of every unit's output, mod 2^k; `next` is asked for pieces of the server's labels while evaluation goes on.
    pub fn evaluate(self, mut next: impl FnMut(usize) -> Result<Vec<u8>, Error>) -> Result<Vec<u64>, Error> {
        let Self { layer, session, labels, pieces } = self;
        let full = layer.material_of(LANES);
        let mut shares = Vec::with_capacity(layer.units);
        let mut ours = vec![[Block::ZERO; LANES]; layer.bits];
        let mut theirs = ours.clone();
        let mut received = vec![Block::ZERO; LANES * layer.bits];
        let mut chunks = labels
            .chunks(LANES * layer.bits)
            .zip(pieces.iter().flat_map(|piece| piece.chunks(full)))
            .zip(0..);
        for length in layer.label_pieces() {
            let piece = exactly(length, next(length)?)?;
            for sent in piece.chunks(layer.labels_of(LANES)) {
                let ((own, material), chunk) = chunks.next().expect("pieces hold whole chunks of the layer");
                let active = own.len() / layer.bits;
                let received = &mut received[..own.len()];
                bytemuck::cast_slice_mut(received).copy_from_slice(sent);
                gather(received, &mut theirs);
                gather(own, &mut ours);
                let keys = ChunkKeys::new(session, layer.id, chunk);
                let (tables, ciphertexts) = material.split_at(layer.tables_of(active));
                let outputs = narrow_relu(&mut Evaluator::new(keys, active, tables), &theirs, &ours);
                let share = evaluate_outputs(keys, layer.ring_bits, &outputs, active, ciphertexts);
                shares.extend_from_slice(&share[..active]);
            }
        }
        Ok(shares)
    }
}

/// Unit-major labels of a chunk to its wires. Lanes beyond the last unit keep whatever they held.
fn gather(labels: &[Block], wires: &mut [Lanes]) {
    for (lane, unit) in labels.chunks_exact(wires.len()).enumerate() {
        for (wire, &label) in wires.iter_mut().zip(unit) {
            wire[lane] = label;
        }
    }
}

/// A piece of the length asked for.
fn exactly(length: usize, piece: Vec<u8>) -> Result<Vec<u8>, Error> {
    if piece.len() == length {
        Ok(piece)
    } else {
        Err(Error::peer("garbled layer piece", format!("{length} bytes"), format!("{} bytes", piece.len())))
    }
}
