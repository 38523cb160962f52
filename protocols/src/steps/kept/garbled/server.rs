//! The server's side of garbled units: it garbles, and sends the labels of its share.

use super::Garbled;
use crate::Error;
use crate::block::Block;
use crate::gc::layer::{GarblerJoint, GarblerLayer, Layer, garble_layer};
use crate::gc::{LABELS, MATERIAL};
use crate::message::{self, CORRELATION, MASKED};
use crate::numbering::LayerId;
use crate::ot::product::Offer;
use crate::saved::{Loading, Saving};
use crate::secret::Secret;
use crate::setup::ServerSession;
use crate::values::ServerShare;
use crate::wire::unpack;
use netem::Channel;
use rand::{CryptoRng, RngCore};

/// The server's offer, before the client's choices.
pub(in crate::steps) struct ServerOffer<'p> {
    garbled: &'p Garbled,
    id: LayerId,
    offer: Offer,
}

/// The server's view of the client's choices, before it garbles.
pub(in crate::steps) struct ServerChosen<'p> {
    garbled: &'p Garbled,
    shape: Layer,
    client_zero: Secret<Block>,
    joint: Option<GarblerJoint>,
}

/// The server's preprocessed units. Consumed online.
pub(in crate::steps) struct ServerReady<'p> {
    garbled: &'p Garbled,
    layer: GarblerLayer,
}

/// The server after it sent its labels.
pub(in crate::steps) struct ServerSent<'p> {
    garbled: &'p Garbled,
    /// A number a unit.
    held: Secret<u64>,
    /// Units of each of the client's answers.
    answers: Vec<usize>,
}

impl Garbled {
    /// Offline, server to client: one OT a product.
    pub(in crate::steps) fn server_offer<'p, R: RngCore + CryptoRng>(
        &'p self,
        channel: &mut Channel,
        session: &mut ServerSession<'_>,
        id: LayerId,
        rng: &mut R,
    ) -> Result<ServerOffer<'p>, Error> {
        let offer = Offer::send(channel, self.products(), &mut session.products, rng)?;
        Ok(ServerOffer { garbled: self, id, offer })
    }
}

impl<'p> ServerOffer<'p> {
    /// Offline, the server's reading of the choices: zero labels, and its shares of the products.
    pub(in crate::steps) fn chosen(
        self,
        channel: &mut Channel,
        session: &mut ServerSession<'_>,
    ) -> Result<ServerChosen<'p>, Error> {
        let Self { garbled, id, offer } = self;
        let shape = garbled.shape.numbered(id.number());
        let client_zero = session.labels.extend(channel, shape.evaluator_wires())?;
        let mut joint = None;
        if shape.has_joint() {
            let (k, units) = (garbled.ring.bits(), garbled.units.len());
            let bytes = message::recv(channel, CORRELATION, garbled.packed(units))?;
            let own = offer.finish(Garbled::place(session.hash, id), &unpack(&bytes, k, units));
            joint = Some(GarblerJoint { choices: own.choices, shares: own.shares });
        }
        Ok(ServerChosen { garbled, shape, client_zero, joint })
    }
}

impl<'p> ServerChosen<'p> {
    /// Offline: garbles and sends the units.
    pub(in crate::steps) fn garble(
        self,
        channel: &mut Channel,
        session: &ServerSession<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<ServerReady<'p>, Error> {
        let Self { garbled, shape, mut client_zero, joint } = self;
        let (delta, joint) = (session.labels.delta(), joint.as_ref());
        let send = |piece| Ok(channel.send(MATERIAL, piece)?);
        let layer = garble_layer(shape, session.hash, delta, &mut client_zero, joint, rng, send)?;
        drop(client_zero.reveal()); // Overwritten.
        Ok(ServerReady { garbled, layer })
    }
}

impl<'p> ServerReady<'p> {
    /// Online: sends the labels of the server's share `u` of the layer's input.
    pub(in crate::steps) fn online(
        self,
        channel: &mut Channel,
        u: &ServerShare,
    ) -> Result<ServerSent<'p>, Error> {
        let Self { garbled, layer } = self;
        let u = u.of(&garbled.units);
        let answers = layer.shape().online_units().collect();
        let late = garbled.variant.server_factors(&u);
        let late: Vec<&[u64]> = late.iter().map(Vec::as_slice).collect();
        let send = |piece| Ok(channel.send(LABELS, piece)?);
        let held = layer.online(&garbled.variant.server_inputs(&u), &late, send)?.into();
        Ok(ServerSent { garbled, held, answers })
    }

    /// Bytes that the units occupy until they are used.
    pub(in crate::steps) fn stored_bytes(&self) -> usize {
        self.layer.stored_bytes()
    }

    pub(in crate::steps) fn save(&self, to: &mut Saving<'_>) -> Result<(), Error> {
        self.layer.save(to)
    }

    /// Reads what `save` wrote of `garbled`, the layer `id` of its session.
    pub(in crate::steps) fn load(
        garbled: &'p Garbled,
        id: LayerId,
        from: &mut Loading<'_>,
    ) -> Result<Self, Error> {
        Ok(Self { garbled, layer: GarblerLayer::load(garbled.shape.numbered(id.number()), from)? })
    }
}

impl ServerSent<'_> {
    /// Online: puts the server's shares of the outputs in their places in `share`, from what the client sends.
    pub(in crate::steps) fn finish(mut self, channel: &mut Channel, share: &mut [u64]) -> Result<(), Error> {
        let garbled = self.garbled;
        let mut rest = &mut self.held[..];
        for units in self.answers {
            let bytes = channel.recv(MASKED, garbled.packed(units))?;
            let (piece, later) = rest.split_at_mut(units);
            garbled.variant.finish(garbled.ring, piece, &unpack(&bytes, garbled.ring.bits(), units));
            rest = later;
        }
        garbled
            .units
            .iter()
            .zip(&self.held[..])
            .for_each(|(unit, finished)| share[*unit as usize] = *finished);
        Ok(())
    }
}
