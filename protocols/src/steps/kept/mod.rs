//! Kept units: the client chooses labels, the server garbles, the client evaluates online.
//! Source: Delphi, section 4; what is garbled is the variant's (`narrow.rs`, `sign.rs`, `delphi.rs`). Semi-honest.
//!
//!   client (v, r)                                server (u)
//!     | <--- products: OT with random choices ------ |   offline: offer
//!     | ---- correlated OT, choices; products ------> |   offline: choose
//!     | <--- material -------------------------------- |   offline: garble
//!     | <--- labels of u, late ciphertexts ----------- |   online
//!     | ---- (share - r), k bits a unit --------------> |   online, piece by piece while labels arrive
//!
//! There are products where the variant multiplies outside of its circuit.

mod compared;
mod delphi;
mod narrow;
mod sign;
mod variant;

use crate::Error;
use crate::block::{BLOCK_BYTES, Block};
use crate::gc::layer::{ClientJoint, ClientLayer, Layer, ServerJoint, ServerLayer, garble_layer};
use crate::gc::transfer::Lot;
use crate::gc::{LABELS, MATERIAL, SessionKey};
use crate::message::{self, CORRELATION, MASKED};
use crate::numbering::LayerId;
use crate::ot::iknp::{extension_bytes, extension_frames};
use crate::ot::product::{Offer, Place, correlate};
use crate::plan::{ActivationPlan, ReluVariant};
use crate::saved::{Loading, Saving};
use crate::secret::Secret;
use crate::setup::{ClientSession, ServerSession};
use crate::store::Depot;
use crate::tally::{Operations, Tally};
use crate::values::{ClientMask, ClientShare, ServerShare};
use crate::wire::{pack, packed_bytes, unpack};
use models::fixed::Ring;
use models::fixed::curve::Curve;
use netem::Channel;
use rand::{CryptoRng, RngCore};
use std::cell::RefCell;
use variant::Variant;

/// The kept units of an activation layer, of which there is at least one.
pub struct Kept {
    ring: Ring,
    curve: Curve,
    variant: Box<dyn Variant>,
    /// The garbled shape; every inference gives it a number of its own.
    shape: Layer,
    /// Kept units, by index in the layer, ascending.
    units: Vec<u32>,
}

/// The variant that `relu` names.
fn named(relu: ReluVariant, ring: Ring, step: &ActivationPlan) -> Box<dyn Variant> {
    match relu {
        ReluVariant::Narrow => Box::new(narrow::Narrow::new(step)),
        ReluVariant::Sign => Box::new(sign::Sign::new(ring, step)),
        ReluVariant::Delphi => Box::new(delphi::Delphi::new(ring, step)),
    }
}

impl Kept {
    /// The kept units of `step`; `None` where it has none.
    ///
    /// # Errors
    /// [`Error::Config`] where they cannot be garbled.
    pub(super) fn new(relu: ReluVariant, ring: Ring, step: &ActivationPlan) -> Result<Option<Self>, Error> {
        let units = step.step.kept.clone();
        if units.is_empty() {
            return Ok(None);
        }
        let variant = named(relu, ring, step);
        let shape = Layer::new(variant.program(), units.len(), ring.bits(), 0)?;
        Ok(Some(Self { ring, curve: step.step.curve.clone(), variant, shape, units }))
    }

    /// Kept units, by index in the layer, ascending.
    pub(super) fn units(&self) -> &[u32] {
        &self.units
    }

    /// Products outside of the circuits.
    fn products(&self) -> usize {
        if self.shape.has_joint() { self.units.len() } else { 0 }
    }

    fn place(session: SessionKey, id: LayerId) -> Place {
        Place { session, layer: id.number(), lot: Lot::Sign }
    }

    /// Bytes of a packed number a unit.
    fn packed(&self, units: usize) -> usize {
        packed_bytes(units, self.ring.bits())
    }

    /// The outputs that the shares of all units of the layer make, without any protocol: the step's meaning.
    pub(super) fn ideal(&self, u: &[u64], v: &[u64]) -> Vec<u64> {
        let quotients = u.iter().zip(v).map(|(u, v)| self.variant.quotient(*u, *v));
        quotients.map(|quotient| self.ring.from_signed(self.curve.apply(quotient))).collect()
    }
}

/// The client, with its strings of the server's offer.
pub(super) struct ClientOffer<'p> {
    kept: &'p Kept,
    id: LayerId,
    strings: Secret<Block>,
}

/// The client after its choices, waiting for the material.
pub(super) struct ClientChosen<'p> {
    kept: &'p Kept,
    shape: Layer,
    labels: Secret<Block>,
    joint: Option<ClientJoint>,
}

/// The client's preprocessed units. Consumed online: a circuit evaluated on two inputs leaks its masks.
pub(super) struct ClientReady<'p> {
    kept: &'p Kept,
    layer: ClientLayer,
}

impl Kept {
    /// Offline, the client's reading of the offer.
    pub(super) fn client_accept<'p>(
        &'p self,
        channel: &mut Channel,
        session: &mut ClientSession,
        id: LayerId,
    ) -> Result<ClientOffer<'p>, Error> {
        Ok(ClientOffer { kept: self, id, strings: session.products.extend(channel, self.products())? })
    }
}

impl<'p> ClientOffer<'p> {
    /// Offline, client to server: its labels, and the products' correlations, for its shares `v` of the layer's input and
    /// the mask `r` of its output.
    pub(super) fn choose(
        self,
        channel: &mut Channel,
        session: &mut ClientSession,
        v: &ClientShare,
        r: &ClientMask,
    ) -> Result<ClientChosen<'p>, Error> {
        let Self { kept, id, strings } = self;
        let (v, r) = (v.of(&kept.units), r.of(&kept.units));
        let shape = kept.shape.numbered(id.number());
        let choices = shape.choices(&kept.variant.client_inputs(&v, &r));
        let labels = session.labels.extend(channel, shape.client_wires(), &choices)?;
        let mut joint = None;
        if shape.has_joint() {
            let values = kept.variant.client_factors(&v);
            let (corrections, shares) =
                correlate(Kept::place(session.hash, id), &session.products, &strings, &values);
            message::send(channel, CORRELATION, pack(&corrections, kept.ring.bits()))?;
            joint = Some(ClientJoint { values: values.into(), shares: shares.into() });
        }
        Ok(ClientChosen { kept, shape, labels, joint })
    }
}

impl<'p> ClientChosen<'p> {
    /// Offline: receives the material, into `depot`.
    pub(super) fn receive(
        self,
        channel: &mut Channel,
        session: &ClientSession,
        depot: &mut Depot,
    ) -> Result<ClientReady<'p>, Error> {
        let Self { kept, shape, labels, joint } = self;
        let next = |length| Ok(channel.recv(MATERIAL, length)?);
        let layer = ClientLayer::receive(shape, session.hash, labels, joint, depot, next)?;
        Ok(ClientReady { kept, layer })
    }
}

impl<'p> ClientReady<'p> {
    /// Online: evaluates, and sends the outputs' shares behind the mask `r` of the layer's output.
    pub(super) fn online(self, channel: &mut Channel, r: &ClientMask) -> Result<(), Error> {
        let Self { kept, layer } = self;
        let r = r.of(&kept.units);
        let mut left = r.elements();
        // Labels arrive and answers leave in turns.
        let channel = RefCell::new(channel);
        layer.evaluate(
            |length| Ok(channel.borrow_mut().recv(LABELS, length)?),
            |mut piece| {
                let (mask, later) = left.split_at(piece.len());
                left = later;
                kept.variant.answer(kept.ring, &mut piece, mask);
                Ok(channel.borrow_mut().send(MASKED, pack(&piece, kept.ring.bits()))?)
            },
        )
    }

    /// Bytes that the units occupy until they are evaluated.
    pub(super) fn stored_bytes(&self) -> usize {
        self.layer.stored_bytes()
    }

    pub(super) fn save(&self, to: &mut Saving<'_>) -> Result<(), Error> {
        self.layer.save(to)
    }

    /// Reads what `save` wrote of `kept`, the layer `id` of its session.
    pub(super) fn load(kept: &'p Kept, id: LayerId, from: &mut Loading<'_>) -> Result<Self, Error> {
        Ok(Self { kept, layer: ClientLayer::load(kept.shape.numbered(id.number()), from)? })
    }
}

/// The server's offer, before the client's choices.
pub(super) struct ServerOffer<'p> {
    kept: &'p Kept,
    id: LayerId,
    offer: Offer,
}

/// The server's view of the client's choices, before it garbles.
pub(super) struct ServerChosen<'p> {
    kept: &'p Kept,
    shape: Layer,
    client_zero: Secret<Block>,
    joint: Option<ServerJoint>,
}

/// The server's preprocessed units. Consumed online.
pub(super) struct ServerReady<'p> {
    kept: &'p Kept,
    layer: ServerLayer,
}

/// The server after it sent its labels.
pub(super) struct ServerSent<'p> {
    kept: &'p Kept,
    /// A number a unit.
    held: Secret<u64>,
    /// Units of each of the client's answers.
    answers: Vec<usize>,
}

impl Kept {
    /// Offline, server to client: one OT a product.
    pub(super) fn server_offer<'p, R: RngCore + CryptoRng>(
        &'p self,
        channel: &mut Channel,
        session: &mut ServerSession<'_>,
        id: LayerId,
        rng: &mut R,
    ) -> Result<ServerOffer<'p>, Error> {
        let offer = Offer::send(channel, self.products(), &mut session.products, rng)?;
        Ok(ServerOffer { kept: self, id, offer })
    }
}

impl<'p> ServerOffer<'p> {
    /// Offline, the server's reading of the choices: zero labels, and its shares of the products.
    pub(super) fn chosen(
        self,
        channel: &mut Channel,
        session: &mut ServerSession<'_>,
    ) -> Result<ServerChosen<'p>, Error> {
        let Self { kept, id, offer } = self;
        let shape = kept.shape.numbered(id.number());
        let client_zero = session.labels.extend(channel, shape.client_wires())?;
        let mut joint = None;
        if shape.has_joint() {
            let (k, units) = (kept.ring.bits(), kept.units.len());
            let bytes = message::recv(channel, CORRELATION, kept.packed(units))?;
            let own = offer.finish(Kept::place(session.hash, id), &unpack(&bytes, k, units));
            joint = Some(ServerJoint { choices: own.choices, shares: own.shares });
        }
        Ok(ServerChosen { kept, shape, client_zero, joint })
    }
}

impl<'p> ServerChosen<'p> {
    /// Offline: garbles and sends the units.
    pub(super) fn garble(
        self,
        channel: &mut Channel,
        session: &ServerSession<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<ServerReady<'p>, Error> {
        let Self { kept, shape, client_zero, joint } = self;
        let (delta, joint) = (session.labels.delta(), joint.as_ref());
        let send = |piece| Ok(channel.send(MATERIAL, piece)?);
        let layer = garble_layer(shape, session.hash, delta, &client_zero, joint, rng, send)?;
        Ok(ServerReady { kept, layer })
    }
}

impl<'p> ServerReady<'p> {
    /// Online: sends the labels of the server's share `u` of the layer's input.
    pub(super) fn online(self, channel: &mut Channel, u: &ServerShare) -> Result<ServerSent<'p>, Error> {
        let Self { kept, layer } = self;
        let u = u.of(&kept.units);
        let answers = layer.shape().online_units().collect();
        let late = kept.variant.server_factors(&u);
        let late: Vec<&[u64]> = late.iter().map(Vec::as_slice).collect();
        let send = |piece| Ok(channel.send(LABELS, piece)?);
        let held = layer.online(&kept.variant.server_inputs(&u), &late, send)?.into();
        Ok(ServerSent { kept, held, answers })
    }

    /// Bytes that the units occupy until they are used.
    pub(super) fn stored_bytes(&self) -> usize {
        self.layer.stored_bytes()
    }

    pub(super) fn save(&self, to: &mut Saving<'_>) -> Result<(), Error> {
        self.layer.save(to)
    }

    /// Reads what `save` wrote of `kept`, the layer `id` of its session.
    pub(super) fn load(kept: &'p Kept, id: LayerId, from: &mut Loading<'_>) -> Result<Self, Error> {
        Ok(Self { kept, layer: ServerLayer::load(kept.shape.numbered(id.number()), from)? })
    }
}

impl ServerSent<'_> {
    /// Online: puts the server's shares of the outputs in their places in `share`, from what the client sends.
    pub(super) fn finish(mut self, channel: &mut Channel, share: &mut [u64]) -> Result<(), Error> {
        let kept = self.kept;
        let mut rest = &mut self.held[..];
        for units in self.answers {
            let bytes = channel.recv(MASKED, kept.packed(units))?;
            let (piece, later) = rest.split_at_mut(units);
            kept.variant.finish(kept.ring, piece, &unpack(&bytes, kept.ring.bits(), units));
            rest = later;
        }
        kept.units.iter().zip(&self.held[..]).for_each(|(unit, finished)| share[*unit as usize] = *finished);
        Ok(())
    }
}

/// What preprocessed kept units occupy, bytes.
#[derive(Default)]
pub struct Stored {
    /// In all, at the client.
    pub client: usize,
    /// In all, at the server.
    pub server: usize,
    /// The client's labels.
    pub labels: usize,
    /// The garbled material.
    pub material: usize,
}

impl Kept {
    /// Bytes that client and server keep, and the client's labels and material among them.
    pub(super) fn stored(&self) -> Stored {
        Stored {
            client: self.shape.client_stored_bytes(),
            server: self.shape.server_stored_bytes(),
            labels: self.shape.client_wires() * BLOCK_BYTES,
            material: self.shape.material_bytes(),
        }
    }

    /// Offline, server to client.
    pub(super) fn cost_offer(&self, tally: &mut Tally) {
        let products = self.products();
        tally.down_frames(extension_bytes(products), extension_frames(products));
        tally.work(Operations { correlated_ots: products as u64, ..Operations::default() });
    }

    /// Offline, client to server.
    pub(super) fn cost_choose(&self, tally: &mut Tally) {
        let wires = self.shape.client_wires();
        tally.up_frames(extension_bytes(wires), extension_frames(wires));
        tally.work(Operations { correlated_ots: wires as u64, ..Operations::default() });
        tally.up_message(self.packed(self.products()));
    }

    /// Offline, server to client.
    pub(super) fn cost_garble(&self, tally: &mut Tally) {
        self.shape.material_pieces().for_each(|piece| tally.down(piece));
        let (circuits, and_gates) = (self.shape.units() as u64, self.shape.and_gates() as u64);
        tally.work(Operations { circuits, and_gates, ..Operations::default() });
    }

    /// Online, server to client.
    pub(super) fn cost_labels(&self, tally: &mut Tally) {
        self.shape.online_pieces().for_each(|piece| tally.down(piece));
    }

    /// Online, client to server.
    pub(super) fn cost_answers(&self, tally: &mut Tally) {
        self.shape.online_units().for_each(|units| tally.up(self.packed(units)));
    }
}
