//! The evaluator's side: what it keeps, and evaluation.

use super::super::convert::{OpenFrom, OutputHashes};
use super::super::evaluate::{ReadTables, evaluate};
use super::super::hash::{ChunkKeys, SessionKey};
use super::super::{LANES, Lanes};
use super::{Layer, Share, load};
use crate::Error;
use crate::block::{BLOCK_BYTES, Block};
use crate::labels::Labels;
use crate::parallel::in_order;
use crate::saved::{Loading, Saving};
use crate::secret::Secret;
use crate::store::{Depot, Kept};
use crate::wire::{BitReader, low};
use std::ops::Range;

/// The evaluator's shares of ρ v, a unit each.
pub struct EvaluatorJoint {
    /// v.
    pub values: Secret<u64>,
    /// Its share of ρ v.
    pub shares: Secret<u64>,
}

/// A garbled layer in the evaluator's hands, with the labels of its own inputs. Consumed by `evaluate`: a circuit evaluated on two
/// inputs leaks.
pub struct EvaluatorLayer {
    layer: Layer,
    session: SessionKey,
    labels: Labels,
    joint: Option<EvaluatorJoint>,
    material: Kept,
}

impl EvaluatorLayer {
    /// Takes the material from `next`, which is asked for pieces of the given lengths, into `depot`, and with it its
    /// active `labels`.
    pub fn receive(
        layer: Layer,
        session: SessionKey,
        labels: Secret<Block>,
        joint: Option<EvaluatorJoint>,
        depot: &mut Depot,
        mut next: impl FnMut(usize) -> Result<Vec<u8>, Error>,
    ) -> Result<Self, Error> {
        assert_eq!(labels.len(), layer.evaluator_wires(), "one label an input wire of the evaluator");
        assert_eq!(layer.has_joint(), joint.is_some(), "shares of the evaluator's values where they count");
        let labels = Labels::keep(labels, depot)?;
        let pieces = layer.material_pieces().map(|length| exactly(length, next(length)?));
        let material = depot.keep(pieces)?;
        Ok(Self { layer, session, labels, joint, material })
    }

    /// Bytes that the layer occupies until it is evaluated: labels, material, shares of products.
    pub fn stored_bytes(&self) -> usize {
        self.layer.evaluator_stored_bytes()
    }

    /// Writes the layer down, to be evaluated later; its shape is the plan's and not written.
    pub(crate) fn save(&self, to: &mut Saving<'_>) -> Result<(), Error> {
        to.bytes(&self.session.to_bytes())?;
        self.labels.save(to)?;
        if let Some(joint) = &self.joint {
            to.values(&joint.values)?;
            to.values(&joint.shares)?;
        }
        self.material.save(self.layer.material_pieces(), to)
    }

    /// Reads what `save` wrote of a layer of this shape, into memory.
    pub(crate) fn load(layer: Layer, from: &mut Loading<'_>) -> Result<Self, Error> {
        let session = SessionKey::from_bytes(from.array()?);
        let labels = Labels::load(layer.evaluator_wires(), from)?;
        let joint = match layer.has_joint() {
            true => {
                let values = from.values(layer.units)?.into();
                Some(EvaluatorJoint { values, shares: from.values(layer.units)?.into() })
            }
            false => None,
        };
        let material = Kept::load(layer.material_pieces(), from)?;
        Ok(Self { layer, session, labels, joint, material })
    }

    /// Hands the evaluator's share of every unit, mod 2^k, or its colours to `take`, piece by piece ([`Layer::online_units`]);
    /// `next` is asked for pieces of the online message while evaluation goes on.
    pub fn evaluate(
        self,
        mut next: impl FnMut(usize) -> Result<Vec<u8>, Error>,
        take: impl FnMut(Vec<u64>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Self { layer, session, mut labels, joint, material } = self;
        let wires = layer.program.circuit.evaluator_inputs();
        let mut own = labels.parts();
        let evaluation = Evaluation { layer: &layer, session, joint: joint.as_ref(), material: &material };
        let arriving = layer.cut(layer.online_of(LANES)).map(|units| {
            let own = own.next(units.len() * wires)?;
            let length = layer.online_of(units.len());
            Ok((units, own, exactly(length, next(length)?)?))
        });
        in_order(
            arriving,
            |arrived: Result<_, Error>| {
                let (units, own, piece) = arrived?;
                evaluation.piece(units, &own, &piece)
            },
            take,
        )?;
        own.end();
        labels.used();
        Ok(())
    }
}

/// Everything that evaluating a piece needs.
struct Evaluation<'a> {
    layer: &'a Layer,
    session: SessionKey,
    joint: Option<&'a EvaluatorJoint>,
    material: &'a Kept,
}

impl Evaluation<'_> {
    /// The shares of some units, whole chunks of them; `own` are the evaluator's labels.
    fn piece(&self, units: Range<usize>, own: &[Block], online: &[u8]) -> Result<Vec<u64>, Error> {
        let layer = self.layer;
        let circuit = &layer.program.circuit;
        let mut shares = Vec::with_capacity(units.len());
        let mut wires = vec![Lanes::ZERO; circuit.slots()];
        let wire_count = circuit.evaluator_inputs();
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
        let (layer, active) = (self.layer, units.len());
        let hashes = OutputHashes::new(keys, layer.program.outputs.len());
        let (mut early, mut late) = (BitReader::new(early), BitReader::new(late));
        let mut shares = [0u64; LANES];
        for (wire, (share, slot)) in layer.shares().zip(layer.program.circuit.output_slots()).enumerate() {
            let labels = &wires[usize::from(*slot)];
            match share {
                Share::Early(weight) => {
                    let from = OpenFrom { reader: &mut early, bits: layer.early_bits(share), active };
                    hashes.open(wire, labels, from, weight.shift, &mut shares);
                }
                Share::Late { shift, joint } => {
                    let from = OpenFrom { reader: &mut late, bits: layer.late_bits(share), active };
                    hashes.open(wire, labels, from, shift, &mut shares);
                    if joint {
                        let own = self.joint.expect("checked when the layer was received");
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

/// A piece of the length asked for.
fn exactly(length: usize, piece: Vec<u8>) -> Result<Vec<u8>, Error> {
    if piece.len() == length {
        Ok(piece)
    } else {
        Err(Error::peer("garbled layer piece", format!("{length} bytes"), format!("{} bytes", piece.len())))
    }
}
