//! The client's side: it garbles, and sends the labels of what the server opens.

use super::ClientGarbler;
use crate::Error;
use crate::block::{BLOCK_BYTES, Block};
use crate::gc::layer::{GarblerLayer, garble_layer};
use crate::gc::{LABELS, MATERIAL};
use crate::labels::Labels;
use crate::message::{self, CORRELATION, HIDDEN};
use crate::numbering::LayerId;
use crate::saved::{Loading, Saving};
use crate::secret::Secret;
use crate::setup::ClientSession;
use crate::store::Depot;
use crate::values::{ClientMask, ClientShare};
use crate::wire::{pack, unpack};
use netem::Channel;
use rand::CryptoRng;

/// The client, with its strings of the server's offer: those of choice 0, one a label of u.
pub(in crate::steps) struct ClientOffer<'p> {
    garbler: &'p ClientGarbler,
    id: LayerId,
    strings: Labels,
}

/// The client's preprocessed units. Consumed online: two active labels of one wire reveal Δ.
pub(in crate::steps) struct ClientReady<'p> {
    garbler: &'p ClientGarbler,
    layer: GarblerLayer,
    strings: Labels,
}

impl ClientGarbler {
    /// Offline, the client's reading of the offer.
    pub(in crate::steps) fn client_accept<'p>(
        &'p self,
        channel: &mut Channel,
        session: &mut ClientSession,
        id: LayerId,
        depot: &mut Depot,
    ) -> Result<ClientOffer<'p>, Error> {
        let strings = session.products.extend_random(channel, self.transfers())?;
        Ok(ClientOffer { garbler: self, id, strings: Labels::keep(strings, depot)? })
    }
}

impl<'p> ClientOffer<'p> {
    /// Offline, client to server: the material, for its shares `v` of the layer's input and the mask `r` of its output.
    pub(in crate::steps) fn choose(
        self,
        channel: &mut Channel,
        session: &ClientSession,
        (v, r): (&ClientShare, &ClientMask),
        rng: &mut impl CryptoRng,
    ) -> Result<ClientReady<'p>, Error> {
        let Self { garbler, id, strings } = self;
        let (v, r) = (v.of(&garbler.units), r.of(&garbler.units));
        let shape = garbler.shape.numbered(id.number());
        let (seed, delta) = (Block::random(rng), session.products.delta());
        message::send(channel, CORRELATION, seed.to_bytes().to_vec())?;
        // The labels that are active are the seed's, so the zero labels of set bits are Δ away.
        let mut zero = garbler.active(seed);
        let inputs = shape.choices(&garbler.compared.cut_all(v.elements()));
        for (wire, label) in zero.iter_mut().enumerate() {
            *label ^= delta.block() & Block::mask(inputs[wire / 8] >> (wire % 8) & 1 == 1);
        }
        let send = |piece| Ok(channel.send(MATERIAL, piece)?);
        let layer = garble_layer(shape, session.hash, delta, &mut zero, None, rng, send)?;
        let over = layer.early_shares().iter().zip(r.elements());
        let over: Vec<u64> = over.map(|(share, r)| share.wrapping_sub(*r)).collect();
        message::send(channel, CORRELATION, pack(&over, garbler.ring.bits()))?;
        Ok(ClientReady { garbler, layer, strings })
    }
}

impl ClientReady<'_> {
    /// Online: answers what the server opens.
    pub(in crate::steps) fn online(self, channel: &mut Channel) -> Result<(), Error> {
        let Self { garbler, layer, mut strings } = self;
        let opened = message::recv(channel, HIDDEN, garbler.opened())?;
        let opened = unpack(&opened, garbler.compared.bits, garbler.units.len());
        let mut hiding = strings.parts();
        let shares = layer.online(&opened, &[], |mut piece| {
            let strings = hiding.next(piece.len() / BLOCK_BYTES)?;
            for (byte, string) in piece.iter_mut().zip(bytemuck::cast_slice::<Block, u8>(&strings)) {
                *byte ^= string;
            }
            Ok(channel.send(LABELS, piece)?)
        })?;
        hiding.end();
        strings.used();
        // They are in what the server was told.
        drop(Secret::from(shares));
        Ok(())
    }

    /// Bytes that the units occupy until they are used.
    pub(in crate::steps) fn stored_bytes(&self) -> usize {
        self.garbler.stored().client
    }

    pub(in crate::steps) fn save(&self, to: &mut Saving<'_>) -> Result<(), Error> {
        self.layer.save(to)?;
        self.strings.save(to)
    }
}

impl<'p> ClientReady<'p> {
    /// Reads what `save` wrote of `garbler`, the layer `id` of its session.
    pub(in crate::steps) fn load(
        garbler: &'p ClientGarbler,
        id: LayerId,
        from: &mut Loading<'_>,
    ) -> Result<Self, Error> {
        let layer = GarblerLayer::load(garbler.shape.numbered(id.number()), from)?;
        let strings = Labels::load(garbler.transfers(), from)?;
        Ok(Self { garbler, layer, strings })
    }
}
