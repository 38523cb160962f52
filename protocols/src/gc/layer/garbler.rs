//! The garbler's side: garbling, and the labels of its own inputs.

use super::super::convert::{CloseTo, OutputHashes, Weight, push_all};
use super::super::garble::{WriteTables, garble};
use super::super::hash::{ChunkKeys, SessionKey};
use super::super::{LANE_BYTES, LANES, Lanes};
use super::{Layer, Share, load};
use crate::Error;
use crate::block::{Block, Delta};
use crate::parallel::in_order;
use crate::saved::{Loading, Saving};
use crate::secret::{Parts, Secret};
use crate::wire::{BitWriter, low};
use rand::CryptoRng;
use std::ops::Range;
use zeroize::Zeroize;

/// The garbler's shares of ρ v, with ρ its random bit and v the evaluator's value of a [`Joint`](crate::gc::programs::Output::Joint), a unit each.
pub struct GarblerJoint {
    /// ρ.
    pub choices: Secret<bool>,
    /// Its share of ρ v.
    pub shares: Secret<u64>,
}

/// What the garbler keeps of a layer. Consumed by `online`: two active labels of one wire reveal Δ.
pub struct GarblerLayer {
    layer: Layer,
    delta: Delta,
    seed: Block,
    held: Held,
}

/// The garbler's secrets of some units.
#[derive(Default)]
struct Held {
    /// A share of everything early, or for coloured outputs the permute bits.
    shares: Vec<u64>,
    /// For every late output the ciphertext's pad and all ones where π = 1.
    late: Vec<(Vec<u64>, Vec<u64>)>,
}

impl Drop for GarblerLayer {
    fn drop(&mut self) {
        self.delta.wipe();
        self.seed.zeroize();
        self.held.shares.as_mut_slice().zeroize();
        for (pads, flips) in &mut self.held.late {
            pads.as_mut_slice().zeroize();
            flips.as_mut_slice().zeroize();
        }
    }
}

impl GarblerLayer {
    /// The garbler's share of every unit, where no output is late: nothing online changes it.
    pub(crate) fn early_shares(&self) -> &[u64] {
        &self.held.shares
    }

    /// Writes down what is kept, to be used later; the layer's shape is the plan's and not written.
    pub(crate) fn save(&self, to: &mut Saving<'_>) -> Result<(), Error> {
        to.bytes(&self.delta.block().to_bytes())?;
        to.bytes(&self.seed.to_bytes())?;
        to.values(&self.held.shares)?;
        self.held.late.iter().try_for_each(|(pads, flips)| {
            to.values(pads)?;
            to.values(flips)
        })
    }

    /// Reads what `save` wrote of a layer of this shape.
    pub(crate) fn load(layer: Layer, from: &mut Loading<'_>) -> Result<Self, Error> {
        let delta = Delta::from_block(Block::from_bytes(from.array()?))?;
        let seed = Block::from_bytes(from.array()?);
        let shares = from.values(layer.units)?;
        let mut late = Vec::new();
        for _ in layer.shares().filter(|share| matches!(share, Share::Late { .. })) {
            late.push((from.values(layer.units)?, from.values(layer.units)?));
        }
        Ok(Self { layer, delta, seed, held: Held { shares, late } })
    }
}

/// Garbles the layer; `evaluator_zero` are the zero labels of the evaluator's inputs, overwritten when they have been used, `joint` is there if the layer
/// [`Layer::has_joint`]. `emit` takes the material piece by piece.
pub fn garble_layer(
    layer: Layer,
    session: SessionKey,
    delta: Delta,
    evaluator_zero: &mut [Block],
    joint: Option<&GarblerJoint>,
    rng: &mut (impl CryptoRng + ?Sized),
    mut emit: impl FnMut(Vec<u8>) -> Result<(), Error>,
) -> Result<GarblerLayer, Error> {
    assert_eq!(
        evaluator_zero.len(),
        layer.evaluator_wires(),
        "one zero label an input wire of the evaluator"
    );
    assert_eq!(layer.has_joint(), joint.is_some(), "shares of the evaluator's values where they count");
    let seed = Block::random(rng);
    let late = layer.shares().filter(|share| matches!(share, Share::Late { .. })).count();
    let empty = || (Vec::with_capacity(layer.units), Vec::with_capacity(layer.units));
    let mut held =
        Held { shares: Vec::with_capacity(layer.units), late: (0..late).map(|_| empty()).collect() };
    let garbling = Garbling { layer: &layer, session, delta, joint, seed };
    let mut zero = Parts::of(evaluator_zero);
    let wires = layer.program.circuit.evaluator_inputs();
    let pieces = layer.cut(layer.material_of(LANES));
    in_order(
        pieces.map(|units| (units.clone(), zero.next(units.len() * wires))),
        |(units, zero)| Ok(garbling.piece(units, &zero)),
        |(material, piece)| {
            held.shares.extend_from_slice(&piece.shares);
            for (all, some) in held.late.iter_mut().zip(&piece.late) {
                all.0.extend_from_slice(&some.0);
                all.1.extend_from_slice(&some.1);
            }
            emit(material)
        },
    )?;
    Ok(GarblerLayer { layer, delta, seed, held })
}

/// Everything that garbling a piece needs.
struct Garbling<'a> {
    layer: &'a Layer,
    session: SessionKey,
    delta: Delta,
    joint: Option<&'a GarblerJoint>,
    seed: Block,
}

impl Garbling<'_> {
    fn piece(&self, units: Range<usize>, zero: &[Block]) -> (Vec<u8>, Held) {
        let layer = self.layer;
        let circuit = &layer.program.circuit;
        // A gate's table is written for all lanes.
        let beyond = if units.len().is_multiple_of(LANES) { 0 } else { 2 * LANE_BYTES };
        let mut material = Vec::with_capacity(layer.material_of(units.len()) + beyond);
        let late = layer.shares().filter(|share| matches!(share, Share::Late { .. })).count();
        let mut held = Held { shares: Vec::with_capacity(units.len()), late: vec![Default::default(); late] };
        let mut prg = layer.own_labels(self.seed, units.start);
        let mut wires = vec![Lanes::ZERO; circuit.slots()];
        let mut rest = zero;
        for (chunk, units) in Layer::chunks(units) {
            let active = units.len();
            let (ours, theirs) = wires.split_at_mut(circuit.garbler_inputs());
            if active == LANES {
                prg.fill(bytemuck::cast_slice_mut(ours));
            } else {
                let mut own = vec![Block::ZERO; active * circuit.garbler_inputs()];
                prg.fill(&mut own);
                load(bytemuck::cast_slice(&own), active, ours);
            }
            let (zero, later) = rest.split_at(active * circuit.evaluator_inputs());
            rest = later;
            load(bytemuck::cast_slice(zero), active, theirs);
            let keys = ChunkKeys::new(self.session, layer.id, chunk);
            let tables = WriteTables::new(&mut material, active);
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
                    let to = CloseTo { writer: &mut writer, bits: layer.early_bits(share), active };
                    hashes.close(wire, zero, self.delta.block(), weight, to, &mut shares);
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

impl GarblerLayer {
    /// Its shape.
    pub const fn shape(&self) -> &Layer {
        &self.layer
    }

    /// Bytes that the layer occupies until it is used.
    pub fn stored_bytes(&self) -> usize {
        self.layer.garbler_stored_bytes()
    }

    /// Sends the active labels of the garbler's inputs, of which the low bits count, and the late ciphertexts; `late` holds
    /// the values of every late output, a unit each. Returns the garbler's share of every unit, or for coloured outputs what
    /// the evaluator's answer has to be xored with. `emit` takes the message piece by piece.
    pub fn online(
        mut self,
        inputs: &[u64],
        late: &[&[u64]],
        mut emit: impl FnMut(Vec<u8>) -> Result<(), Error>,
    ) -> Result<Vec<u64>, Error> {
        let (layer, (delta, seed), held) = (&self.layer, (self.delta, self.seed), &mut self.held);
        assert_eq!(
            (inputs.len(), late.len()),
            (layer.units, held.late.len()),
            "one input and late value a unit"
        );
        let sending = &held.late;
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
        Ok(std::mem::take(&mut held.shares))
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
