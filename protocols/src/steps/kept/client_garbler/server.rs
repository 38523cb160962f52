//! The server's side: it opens its share behind random choices, and evaluates.

use super::ClientGarbler;
use crate::Error;
use crate::block::{BLOCK_BYTES, Block};
use crate::gc::layer::EvaluatorLayer;
use crate::gc::{LABELS, MATERIAL};
use crate::message::{self, CORRELATION, HIDDEN};
use crate::numbering::LayerId;
use crate::ot::Random;
use crate::saved::{Loading, Saving};
use crate::secret::Secret;
use crate::setup::ServerSession;
use crate::store::Depot;
use crate::values::ServerShare;
use crate::wire::{pack, unpack};
use netem::Channel;
use rand::{CryptoRng, RngCore};

/// The server's offer: its choices, and the strings that it has of them.
pub(in crate::steps) struct ServerOffer<'p> {
    garbler: &'p ClientGarbler,
    id: LayerId,
    random: Random,
}

/// The server's preprocessed units. Consumed online: a circuit evaluated on two inputs leaks.
pub(in crate::steps) struct ServerReady<'p> {
    garbler: &'p ClientGarbler,
    layer: EvaluatorLayer,
    random: Random,
    /// What the client's shares have over its masks, a unit each.
    over: Secret<u64>,
}

/// The server after it opened its share.
pub(in crate::steps) struct ServerSent<'p>(ServerReady<'p>);

impl ClientGarbler {
    /// Offline, server to client: OTs with random choices.
    pub(in crate::steps) fn server_offer<'p, R: RngCore + CryptoRng>(
        &'p self,
        channel: &mut Channel,
        session: &mut ServerSession<'_>,
        id: LayerId,
        rng: &mut R,
    ) -> Result<ServerOffer<'p>, Error> {
        let random = session.products.extend_random(channel, self.transfers(), rng)?;
        Ok(ServerOffer { garbler: self, id, random })
    }
}

impl<'p> ServerOffer<'p> {
    /// Offline: receives the material.
    pub(in crate::steps) fn chosen(
        self,
        channel: &mut Channel,
        session: &ServerSession<'_>,
    ) -> Result<ServerReady<'p>, Error> {
        let Self { garbler, id, random } = self;
        let seed = message::recv(channel, CORRELATION, BLOCK_BYTES)?;
        let seed = Block::from_bytes(seed.try_into().expect("as many bytes as were asked for"));
        let shape = garbler.shape.numbered(id.number());
        let next = |length| Ok(channel.recv(MATERIAL, length)?);
        let (labels, mut memory) = (garbler.active(seed), Depot::memory());
        let layer = EvaluatorLayer::receive(shape, session.hash, labels, None, &mut memory, next)?;
        let over = message::recv(channel, CORRELATION, garbler.packed())?;
        let over = unpack(&over, garbler.ring.bits(), garbler.units.len()).into();
        Ok(ServerReady { garbler, layer, random, over })
    }
}

impl<'p> ServerReady<'p> {
    /// Online: opens the server's share `u` of the layer's input behind its choices.
    pub(in crate::steps) fn online(
        self,
        channel: &mut Channel,
        u: &ServerShare,
    ) -> Result<ServerSent<'p>, Error> {
        let garbler = self.garbler;
        let inputs = garbler.compared.cut_all(u.of(&garbler.units).elements());
        let opened = garbler.turned(inputs, &self.random.choices);
        message::send(channel, HIDDEN, pack(&opened, garbler.compared.bits))?;
        Ok(ServerSent(self))
    }

    /// Bytes that the units occupy until they are used.
    pub(in crate::steps) fn stored_bytes(&self) -> usize {
        self.garbler.stored().server
    }

    pub(in crate::steps) fn save(&self, to: &mut Saving<'_>) -> Result<(), Error> {
        self.layer.save(to)?;
        to.flags(&self.random.choices)?;
        to.values(&self.random.strings)?;
        to.values(&self.over)
    }

    /// Reads what `save` wrote of `garbler`, the layer `id` of its session.
    pub(in crate::steps) fn load(
        garbler: &'p ClientGarbler,
        id: LayerId,
        from: &mut Loading<'_>,
    ) -> Result<Self, Error> {
        let layer = EvaluatorLayer::load(garbler.shape.numbered(id.number()), from)?;
        let choices = from.flags(garbler.transfers())?.into();
        let strings = from.values(garbler.transfers())?.into();
        let over = from.values(garbler.units.len())?.into();
        Ok(Self { garbler, layer, random: Random { choices, strings }, over })
    }
}

impl ServerSent<'_> {
    /// Online: puts the server's shares of the outputs in their places in `share`, from the labels that the client sends.
    pub(in crate::steps) fn finish(self, channel: &mut Channel, share: &mut [u64]) -> Result<(), Error> {
        let ServerReady { garbler, layer, random, over } = self.0;
        let mut strings: &[u8] = bytemuck::cast_slice(&random.strings);
        let mut units = garbler.units.iter().zip(over.iter());
        layer.evaluate(
            |length| {
                let mut piece = channel.recv(LABELS, length)?;
                let (own, later) = strings.split_at(length);
                strings = later;
                piece.iter_mut().zip(own).for_each(|(label, string)| *label ^= string);
                Ok(piece)
            },
            |shares| {
                for (own, (unit, over)) in shares.into_iter().zip(units.by_ref()) {
                    share[*unit as usize] = garbler.ring.add(own, *over);
                }
                Ok(())
            },
        )
    }
}
