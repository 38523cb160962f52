//! A layer of `units` identical circuits, garbled and evaluated chunk by chunk: bits in, arithmetic shares or colours out.
//! Source: half-gates and conversion as in `garble.rs` and `convert.rs`. Semi-honest: the server garbles, the client evaluates.
//!
//!   client                                         server
//!     its labels <== correlated OT ==> zero labels   |   offline, before
//!     | <------ material: tables, ciphertexts ------ |   offline
//!     | <------ active labels, late ciphertexts ---- |   online
//!     share                                   share  |
//!
//! Labels lie chunk by chunk (`LANES` units), in a chunk wire by wire, in a wire unit by unit: as the kernels want them, so
//! that nothing is gathered. A chunk of the material is its tables, gate by gate, then its ciphertexts, packed; a chunk of
//! the online message is the server's labels, then the ciphertexts of outputs that are worth what the server has only just
//! learnt. Both messages are cut into pieces of whole chunks, garbled and evaluated by all threads of the current pool.
//!
//! An output wire that is worth (a value the server learns online + one the client knows offline), [`Output::Joint`], needs
//! shares of ρ v for the client's v and a random bit ρ of the server's, made before. With π the colour of the false label
//! and δ = π ^ ρ, sent beside the tables, they turn into shares p_s + p_c = π v (for δ = 1 the server negates its share and
//! the client subtracts its own from v). As b = c ^ π for the client's colour c, b v = c v + (1 - 2c) (p_s + p_c): the
//! client's part is local, and the server's, p_s or -p_s, rides in the wire's ciphertext, which chooses by c anyway:
//!
//!   C = h(K_0) - h(K_1) + (1 - 2π) a - 2 p_s;   server: π a + p_s - h(K_0);   client: h(K_c) + c C + c v + (1 - 2c) p_c

use super::convert::{OutputHashes, Weight, push_all};
use super::evaluate::{ReadTables, evaluate};
use super::garble::{WriteTables, garble};
use super::hash::{ChunkKeys, SessionKey};
use super::programs::{Output, Program};
use super::{AND_BYTES, LANE_BYTES, LANES, Lanes};
use crate::Error;
use crate::block::{BLOCK_BYTES, Block, Delta};
use crate::parallel::in_order;
use crate::prg::Prg;
use crate::store::{Depot, Kept};
use crate::wire::{BitReader, BitWriter, low};
use rand::CryptoRng;
use std::borrow::Cow;
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
    /// By one that travels online; `joint` where the client's value counts too.
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

    /// Units of the layer.
    pub const fn units(&self) -> usize {
        self.units
    }

    /// AND gates of all units.
    pub const fn and_gates(&self) -> usize {
        self.units * self.program.circuit.ands()
    }

    /// Input wires of the client over all units: correlated OTs.
    pub const fn client_wires(&self) -> usize {
        self.units * self.program.circuit.evaluator_inputs()
    }

    /// Whether an output is worth the client's value too, so that both parties need shares of it.
    pub fn has_joint(&self) -> bool {
        self.program.outputs.contains(&Output::Joint)
    }

    /// The client's choice bits in the order of its labels; `inputs` has the wires of a unit as its low bits, packed by
    /// `words` words a unit.
    pub fn choices(&self, inputs: &[u64]) -> Vec<u8> {
        let wires = self.program.circuit.evaluator_inputs();
        let words = wires.div_ceil(64);
        assert_eq!(inputs.len(), self.units * words, "one input a unit");
        let mut out = Vec::with_capacity(self.client_wires().div_ceil(8));
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

    /// Bytes that the client keeps of the layer: labels, material, shares of products.
    pub fn client_stored_bytes(&self) -> usize {
        let joint = if self.has_joint() { 16 * self.units } else { 0 };
        self.client_wires() * BLOCK_BYTES + self.material_bytes() + joint
    }

    /// Bytes that the server keeps: a seed, a share a unit, and two words more for every late output.
    pub fn server_stored_bytes(&self) -> usize {
        let late = self.shares().filter(|share| matches!(share, Share::Late { .. })).count();
        BLOCK_BYTES + 8 * self.units * (1 + 2 * late)
    }

    /// Lengths of the pieces of the material, in order.
    pub fn material_pieces(&self) -> impl Iterator<Item = usize> {
        self.cut(self.material_of(LANES)).map(|units| self.material_of(units.len()))
    }

    /// Units of the pieces of the online message, in order.
    pub fn online_units(&self) -> impl Iterator<Item = usize> + use<> {
        self.cut(self.online_of(LANES)).map(|units| units.len())
    }

    /// Lengths of the pieces of the online message, in order.
    pub fn online_pieces(&self) -> impl Iterator<Item = usize> {
        self.cut(self.online_of(LANES)).map(|units| self.online_of(units.len()))
    }

    const fn tables_of(&self, units: usize) -> usize {
        units * self.program.circuit.ands() * AND_BYTES
    }

    /// Bytes of `units` units' material. The last chunk alone may be padded.
    fn material_of(&self, units: usize) -> usize {
        let bits: usize = self.shares().map(|share| self.early_bits(share) as usize).sum();
        self.tables_of(units) + (units * bits).div_ceil(8)
    }

    fn online_of(&self, units: usize) -> usize {
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

    /// The server's own zero labels of the units from `start` on.
    fn own_labels(&self, seed: Block, start: usize) -> Prg {
        Prg::at(seed, (start * self.program.circuit.garbler_inputs()) as u64)
    }
}

/// The server's shares of ρ v, with ρ its random bit and v the client's value of a [`Output::Joint`], a unit each.
pub struct ServerJoint {
    /// ρ.
    pub choices: Vec<bool>,
    /// Its share of ρ v.
    pub shares: Vec<u64>,
}

/// The client's shares of ρ v, a unit each.
pub struct ClientJoint {
    /// v.
    pub values: Vec<u64>,
    /// Its share of ρ v.
    pub shares: Vec<u64>,
}

/// What the server keeps of a garbled layer. Consumed by `online`: two active labels of one wire reveal Δ.
pub struct ServerLayer {
    layer: Layer,
    delta: Delta,
    seed: Block,
    held: Held,
}

/// The server's secrets of some units.
#[derive(Default)]
struct Held {
    /// A share of everything early, or for coloured outputs the permute bits.
    shares: Vec<u64>,
    /// For every late output the ciphertext's pad and all ones where π = 1.
    late: Vec<(Vec<u64>, Vec<u64>)>,
}

/// Garbles the layer; `client_zero` are the zero labels of the client's inputs, `joint` is there if the layer
/// [`Layer::has_joint`]. `emit` takes the material piece by piece.
pub fn garble_layer(
    layer: Layer,
    session: SessionKey,
    delta: Delta,
    client_zero: &[Block],
    joint: Option<&ServerJoint>,
    rng: &mut (impl CryptoRng + ?Sized),
    mut emit: impl FnMut(Vec<u8>) -> Result<(), Error>,
) -> Result<ServerLayer, Error> {
    assert_eq!(client_zero.len(), layer.client_wires(), "one zero label an input wire of the client");
    assert_eq!(layer.has_joint(), joint.is_some(), "shares of the client's values where they count");
    let seed = Block::random(rng);
    let late = layer.shares().filter(|share| matches!(share, Share::Late { .. })).count();
    let empty = || (Vec::with_capacity(layer.units), Vec::with_capacity(layer.units));
    let mut held =
        Held { shares: Vec::with_capacity(layer.units), late: (0..late).map(|_| empty()).collect() };
    let garbling = Garbling { layer: &layer, session, delta, client_zero, joint, seed };
    in_order(
        layer.cut(layer.material_of(LANES)),
        |units| Ok(garbling.piece(units)),
        |(material, piece)| {
            held.shares.extend_from_slice(&piece.shares);
            for (all, some) in held.late.iter_mut().zip(&piece.late) {
                all.0.extend_from_slice(&some.0);
                all.1.extend_from_slice(&some.1);
            }
            emit(material)
        },
    )?;
    Ok(ServerLayer { layer, delta, seed, held })
}

/// Everything that garbling a piece needs.
struct Garbling<'a> {
    layer: &'a Layer,
    session: SessionKey,
    delta: Delta,
    client_zero: &'a [Block],
    joint: Option<&'a ServerJoint>,
    seed: Block,
}

impl Garbling<'_> {
    fn piece(&self, units: Range<usize>) -> (Vec<u8>, Held) {
        let layer = self.layer;
        let circuit = &layer.program.circuit;
        let mut material = Vec::with_capacity(layer.material_of(units.len()));
        let late = layer.shares().filter(|share| matches!(share, Share::Late { .. })).count();
        let mut held = Held { shares: Vec::with_capacity(units.len()), late: vec![Default::default(); late] };
        let mut prg = layer.own_labels(self.seed, units.start);
        let mut wires = vec![Lanes::ZERO; circuit.slots()];
        let mut own = vec![Block::ZERO; LANES * circuit.garbler_inputs()];
        for (chunk, units) in Layer::chunks(units) {
            let active = units.len();
            let own = &mut own[..active * circuit.garbler_inputs()];
            prg.fill(own);
            let (ours, theirs) = wires.split_at_mut(circuit.garbler_inputs());
            load(bytemuck::cast_slice(own), active, ours);
            let wire_count = circuit.evaluator_inputs();
            let zero = &self.client_zero[units.start * wire_count..units.end * wire_count];
            load(bytemuck::cast_slice(zero), active, theirs);
            let keys = ChunkKeys::new(self.session, layer.id, chunk);
            let start = material.len();
            material.resize(start + layer.tables_of(active), 0);
            let tables = WriteTables::new(&mut material[start..], active);
            garble(circuit, keys, self.delta.block(), &mut wires, tables);
            self.outputs(keys, units, &wires, &mut material, &mut held);
        }
        (material, held)
    }

    /// A chunk's output wires.
    fn outputs(
        &self,
        keys: ChunkKeys,
        units: Range<usize>,
        wires: &[Lanes],
        material: &mut Vec<u8>,
        held: &mut Held,
    ) {
        let (layer, active) = (self.layer, units.len());
        let hashes = OutputHashes::new(keys, layer.program.outputs.len());
        let mut writer = BitWriter::new(material);
        let mut shares = [0; LANES];
        let mut late = held.late.iter_mut();
        for (wire, (share, slot)) in layer.shares().zip(layer.program.circuit.output_slots()).enumerate() {
            let zero = &wires[usize::from(*slot)];
            match share {
                Share::Early(weight) => {
                    let to = (&mut writer, layer.early_bits(share), active);
                    hashes.close(wire, (zero, self.delta.block()), weight, to, &mut shares);
                }
                Share::Late { shift, joint } => {
                    let pads = hashes.pads(wire, zero, self.delta.block());
                    let mut sent = hashes.weigh(&pads, Weight { value: 0, shift }, &mut shares);
                    if joint {
                        let own = self.joint.expect("checked when the layer was begun");
                        let own = own.choices[units.clone()].iter().zip(&own.shares[units.clone()]);
                        for (lane, (choice, product)) in own.enumerate() {
                            // δ = π ^ ρ; p_s is negated where it is 1.
                            let delta = pads.colours[lane] ^ u64::from(*choice).wrapping_neg();
                            let product = (product ^ delta).wrapping_sub(delta);
                            shares[lane] = shares[lane].wrapping_add(product);
                            sent[lane] = sent[lane].wrapping_sub(product.wrapping_mul(2));
                            writer.push(delta & 1, 1);
                        }
                    }
                    let (pending, colours) = late.next().expect("one entry a late output");
                    pending.extend_from_slice(&sent[..active]);
                    colours.extend_from_slice(&pads.colours[..active]);
                }
                Share::Colour => {
                    for (share, label) in shares.iter_mut().zip(zero.iter()) {
                        *share |= u64::from(label.colour()) << wire;
                    }
                }
            }
        }
        writer.finish();
        held.shares.extend(shares[..active].iter().map(|share| share & low(layer.ring_bits)));
    }
}

impl ServerLayer {
    /// Its shape.
    pub const fn shape(&self) -> &Layer {
        &self.layer
    }

    /// Bytes that the layer occupies until it is used.
    pub fn stored_bytes(&self) -> usize {
        self.layer.server_stored_bytes()
    }

    /// Sends the active labels of the server's inputs, of which the low bits count, and the late ciphertexts; `late` holds
    /// the values of every late output, a unit each. Returns the server's share of every unit, or for coloured outputs what
    /// the client's answer has to be xored with. `emit` takes the message piece by piece.
    pub fn online(
        self,
        inputs: &[u64],
        late: &[&[u64]],
        mut emit: impl FnMut(Vec<u8>) -> Result<(), Error>,
    ) -> Result<Vec<u64>, Error> {
        let Self { layer, delta, seed, mut held } = self;
        assert_eq!(
            (inputs.len(), late.len()),
            (layer.units, held.late.len()),
            "one input and late value a unit"
        );
        let (layer, sending) = (&layer, &held.late);
        in_order(
            layer.cut(layer.online_of(LANES)),
            |units| Ok(online_piece(layer, (delta, seed), units, inputs, late, sending)),
            &mut emit,
        )?;
        let shifts = layer.shares().filter_map(|share| match share {
            Share::Late { shift, .. } => Some(shift),
            Share::Early(_) | Share::Colour => None,
        });
        for ((shift, values), (_, colours)) in shifts.zip(late).zip(&held.late) {
            for ((share, value), colour) in held.shares.iter_mut().zip(*values).zip(colours) {
                *share = share.wrapping_add((value & colour) << shift);
            }
        }
        held.shares.iter_mut().for_each(|share| *share &= low(layer.ring_bits));
        Ok(held.shares)
    }
}

/// One piece of the online message.
fn online_piece(
    layer: &Layer,
    (delta, seed): (Delta, Block),
    units: Range<usize>,
    inputs: &[u64],
    late: &[&[u64]],
    sending: &[(Vec<u64>, Vec<u64>)],
) -> Vec<u8> {
    let wires = layer.program.circuit.garbler_inputs();
    let mut piece = Vec::with_capacity(layer.online_of(units.len()));
    let mut prg = layer.own_labels(seed, units.start);
    let mut labels = vec![Block::ZERO; LANES * wires];
    for (_, units) in Layer::chunks(units) {
        let active = units.len();
        let labels = &mut labels[..active * wires];
        prg.fill(labels);
        for (wire, labels) in labels.chunks_exact_mut(active).enumerate() {
            for (label, input) in labels.iter_mut().zip(&inputs[units.clone()]) {
                *label ^= Block::mask(input >> wire & 1 == 1) & delta.block();
            }
        }
        piece.extend_from_slice(bytemuck::cast_slice(labels));
        let mut writer = BitWriter::new(&mut piece);
        let outputs = layer.shares().filter(|share| matches!(share, Share::Late { .. }));
        for ((share, values), (pending, colours)) in outputs.zip(late).zip(sending) {
            let mut sent = [0; LANES];
            for (lane, unit) in units.clone().enumerate() {
                let signed = (values[unit] ^ colours[unit]).wrapping_sub(colours[unit]);
                sent[lane] = pending[unit].wrapping_add(signed);
            }
            push_all(&mut writer, &sent[..active], layer.late_bits(share));
        }
        writer.finish();
    }
    piece
}

/// A garbled layer in the client's hands, with the labels of its own inputs. Consumed by `evaluate`: a circuit evaluated on two
/// inputs leaks.
pub struct ClientLayer {
    layer: Layer,
    session: SessionKey,
    labels: Labels,
    joint: Option<ClientJoint>,
    material: Kept,
}

/// The client's active labels, as its OTs make them or in the store.
enum Labels {
    Memory(Vec<Block>),
    Kept(Kept),
}

impl Labels {
    fn get(&self, range: Range<usize>) -> Result<Cow<'_, [Block]>, Error> {
        match self {
            Self::Memory(labels) => Ok(Cow::Borrowed(&labels[range])),
            Self::Kept(kept) => {
                let bytes = range.start * BLOCK_BYTES..range.end * BLOCK_BYTES;
                let mut labels = vec![Block::ZERO; range.len()];
                bytemuck::cast_slice_mut(&mut labels)
                    .copy_from_slice(kept.at_hand(bytes.clone())?.get(bytes));
                Ok(Cow::Owned(labels))
            }
        }
    }
}

impl ClientLayer {
    /// Takes the material from `next`, which is asked for pieces of the given lengths, into `depot`, and with it the client's
    /// active `labels`.
    pub fn receive(
        layer: Layer,
        session: SessionKey,
        labels: Vec<Block>,
        joint: Option<ClientJoint>,
        depot: &mut Depot,
        mut next: impl FnMut(usize) -> Result<Vec<u8>, Error>,
    ) -> Result<Self, Error> {
        assert_eq!(labels.len(), layer.client_wires(), "one label an input wire of the client");
        assert_eq!(layer.has_joint(), joint.is_some(), "shares of the client's values where they count");
        let labels = if depot.is_file() {
            let bytes: &[u8] = bytemuck::cast_slice(&labels);
            Labels::Kept(depot.keep(std::iter::once(Ok(bytes.to_vec())))?)
        } else {
            Labels::Memory(labels)
        };
        let pieces = layer.material_pieces().map(|length| exactly(length, next(length)?));
        let material = depot.keep(pieces)?;
        Ok(Self { layer, session, labels, joint, material })
    }

    /// Bytes that the layer occupies until it is evaluated: labels, material, shares of products.
    pub fn stored_bytes(&self) -> usize {
        self.layer.client_stored_bytes()
    }

    /// Hands the client's share of every unit, mod 2^k, or its colours to `take`, piece by piece ([`Layer::online_units`]);
    /// `next` is asked for pieces of the online message while evaluation goes on.
    pub fn evaluate(
        self,
        mut next: impl FnMut(usize) -> Result<Vec<u8>, Error>,
        take: impl FnMut(Vec<u64>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let this = &self;
        let arriving = self.layer.cut(self.layer.online_of(LANES)).map(|units| {
            let length = this.layer.online_of(units.len());
            Ok((units, exactly(length, next(length)?)?))
        });
        in_order(
            arriving,
            |arrived: Result<_, Error>| {
                let (units, piece) = arrived?;
                this.piece(units, &piece)
            },
            take,
        )
    }

    /// The shares of some units, whole chunks of them.
    fn piece(&self, units: Range<usize>, online: &[u8]) -> Result<Vec<u64>, Error> {
        let layer = &self.layer;
        let circuit = &layer.program.circuit;
        let mut shares = Vec::with_capacity(units.len());
        let mut wires = vec![Lanes::ZERO; circuit.slots()];
        let wire_count = circuit.evaluator_inputs();
        let own = self.labels.get(units.start * wire_count..units.end * wire_count)?;
        let mut own = own.chunks(LANES * wire_count);
        let mut start = layer.material_of(units.start);
        let material = self.material.at_hand(start..layer.material_of(units.end))?;
        for ((chunk, units), online) in Layer::chunks(units).zip(online.chunks(layer.online_of(LANES))) {
            let active = units.len();
            let (received, late) = online.split_at(active * circuit.garbler_inputs() * BLOCK_BYTES);
            let (theirs, ours) = wires.split_at_mut(circuit.garbler_inputs());
            load(received, active, theirs);
            load(bytemuck::cast_slice(own.next().expect("labels of every chunk")), active, ours);
            let end = start + layer.material_of(active);
            let (tables, early) = material.get(start..end).split_at(layer.tables_of(active));
            start = end;
            let keys = ChunkKeys::new(self.session, layer.id, chunk);
            evaluate(circuit, keys, &mut wires, ReadTables::new(tables, active));
            shares.extend_from_slice(&self.outputs(keys, units, &wires, (early, late))[..active]);
        }
        Ok(shares)
    }

    /// The shares of a chunk from its output wires.
    fn outputs(
        &self,
        keys: ChunkKeys,
        units: Range<usize>,
        wires: &[Lanes],
        (early, late): (&[u8], &[u8]),
    ) -> [u64; LANES] {
        let (layer, active) = (&self.layer, units.len());
        let hashes = OutputHashes::new(keys, layer.program.outputs.len());
        let (mut early, mut late) = (BitReader::new(early), BitReader::new(late));
        let mut shares = [0u64; LANES];
        for (wire, (share, slot)) in layer.shares().zip(layer.program.circuit.output_slots()).enumerate() {
            let labels = &wires[usize::from(*slot)];
            match share {
                Share::Early(weight) => {
                    let widths = (layer.early_bits(share), weight.shift);
                    hashes.open(wire, labels, (&mut early, active), widths, &mut shares);
                }
                Share::Late { shift, joint } => {
                    let widths = (layer.late_bits(share), shift);
                    hashes.open(wire, labels, (&mut late, active), widths, &mut shares);
                    if joint {
                        let own = self.joint.as_ref().expect("checked when the layer was received");
                        for (lane, unit) in units.clone().enumerate() {
                            let (value, product) = (own.values[unit], own.shares[unit]);
                            // δ = 1 turns the share of ρ v into v less it.
                            let delta = early.pull(1).wrapping_neg();
                            let product = (product ^ delta).wrapping_sub(delta).wrapping_add(value & delta);
                            let colour = labels[lane].colour_mask().0 as u64;
                            let chosen = (product ^ colour).wrapping_sub(colour).wrapping_add(value & colour);
                            shares[lane] = shares[lane].wrapping_add(chosen);
                        }
                    }
                }
                Share::Colour => {
                    for (share, label) in shares.iter_mut().zip(labels.iter()) {
                        *share |= u64::from(label.colour()) << wire;
                    }
                }
            }
        }
        shares.iter_mut().for_each(|share| *share &= low(layer.ring_bits));
        shares
    }
}

/// The bytes of a chunk's labels, wire by wire over the active lanes, into its wires. Other lanes keep whatever they held.
fn load(labels: &[u8], active: usize, wires: &mut [Lanes]) {
    let wires: &mut [u8] = bytemuck::cast_slice_mut(wires);
    if active == LANES {
        wires[..labels.len()].copy_from_slice(labels);
    } else {
        for (wire, labels) in
            wires.chunks_exact_mut(LANE_BYTES).zip(labels.chunks_exact(active * BLOCK_BYTES))
        {
            wire[..labels.len()].copy_from_slice(labels);
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
