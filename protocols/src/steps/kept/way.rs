//! What the parties hold of kept units between their messages, by circuit, by tables, or by a circuit of the client's.

use super::client_garbler::{self, ClientGarbler};
use super::garbled::{self, Garbled};
use super::millionaire::{self, Millionaire};
use crate::Error;
use crate::numbering::LayerId;
use crate::saved::{Loading, Saving};
use crate::setup::{ClientSession, ServerSession};
use crate::store::Depot;
use crate::values::{ClientMask, ClientShare, ServerShare};
use netem::Channel;
use rand::{CryptoRng, RngCore};

/// One of them.
pub(in crate::steps) enum Way<G, T, C> {
    /// By circuit.
    Garbled(G),
    /// By tables.
    Tables(T),
    /// By a circuit that the client garbles.
    OfClient(C),
}

/// The client, with its strings of the server's offer.
pub(in crate::steps) type ClientOffer<'p> =
    Way<garbled::ClientOffer<'p>, millionaire::ClientOffer<'p>, client_garbler::ClientOffer<'p>>;

/// The client after its choices.
pub(in crate::steps) type ClientChosen<'p> =
    Way<garbled::ClientChosen<'p>, millionaire::ClientReady<'p>, client_garbler::ClientReady<'p>>;

/// The client's preprocessed units. Consumed online: what serves two inputs leaks masks.
pub(in crate::steps) type ClientReady<'p> =
    Way<garbled::ClientReady<'p>, millionaire::ClientReady<'p>, client_garbler::ClientReady<'p>>;

/// The server's offer, before the client's choices.
pub(in crate::steps) type ServerOffer<'p> =
    Way<garbled::ServerOffer<'p>, millionaire::ServerOffer<'p>, client_garbler::ServerOffer<'p>>;

/// The server's view of the client's choices.
pub(in crate::steps) type ServerChosen<'p> =
    Way<garbled::ServerChosen<'p>, millionaire::ServerReady<'p>, client_garbler::ServerReady<'p>>;

/// The server's preprocessed units. Consumed online.
pub(in crate::steps) type ServerReady<'p> =
    Way<garbled::ServerReady<'p>, millionaire::ServerReady<'p>, client_garbler::ServerReady<'p>>;

/// The server after it sent what the client needs.
pub(in crate::steps) type ServerSent<'p> =
    Way<garbled::ServerSent<'p>, millionaire::ServerSent<'p>, client_garbler::ServerSent<'p>>;

/// What computes kept units.
pub(super) type Computed = Way<Garbled, Millionaire, ClientGarbler>;

impl Computed {
    /// Offline, the client's reading of the offer; what takes room goes to `depot`, as it does where the client chooses.
    pub(in crate::steps) fn client_accept<'p>(
        &'p self,
        channel: &mut Channel,
        session: &mut ClientSession,
        id: LayerId,
        depot: &mut Depot,
    ) -> Result<ClientOffer<'p>, Error> {
        Ok(match self {
            Way::Garbled(garbled) => Way::Garbled(garbled.client_accept(channel, session, id)?),
            Way::Tables(tables) => Way::Tables(tables.client_accept(channel, session, id, depot)?),
            Way::OfClient(garbler) => Way::OfClient(garbler.client_accept(channel, session, id, depot)?),
        })
    }

    /// Offline, server to client: its OTs.
    pub(in crate::steps) fn server_offer<'p, R: RngCore + CryptoRng>(
        &'p self,
        channel: &mut Channel,
        session: &mut ServerSession<'_>,
        id: LayerId,
        rng: &mut R,
    ) -> Result<ServerOffer<'p>, Error> {
        Ok(match self {
            Way::Garbled(garbled) => Way::Garbled(garbled.server_offer(channel, session, id, rng)?),
            Way::Tables(tables) => Way::Tables(tables.server_offer(channel, session, id, rng)?),
            Way::OfClient(garbler) => Way::OfClient(garbler.server_offer(channel, session, id, rng)?),
        })
    }
}

impl<'p> ClientOffer<'p> {
    /// Offline, client to server: its choices and corrections, for its shares `v` of the layer's input and the mask `r` of its
    /// output.
    pub(in crate::steps) fn choose(
        self,
        channel: &mut Channel,
        session: &mut ClientSession,
        (v, r): (&ClientShare, &ClientMask),
        (rng, depot): (&mut impl CryptoRng, &mut Depot),
    ) -> Result<ClientChosen<'p>, Error> {
        Ok(match self {
            Self::Garbled(offer) => Way::Garbled(offer.choose(channel, session, v, r)?),
            Self::Tables(offer) => Way::Tables(offer.choose(channel, session, v, (rng, depot))?),
            Self::OfClient(offer) => Way::OfClient(offer.choose(channel, session, (v, r), rng)?),
        })
    }
}

impl<'p> ClientChosen<'p> {
    /// Offline: receives the material, into `depot`.
    pub(in crate::steps) fn receive(
        self,
        channel: &mut Channel,
        session: &ClientSession,
        depot: &mut Depot,
    ) -> Result<ClientReady<'p>, Error> {
        Ok(match self {
            Self::Garbled(chosen) => Way::Garbled(chosen.receive(channel, session, depot)?),
            Self::Tables(ready) => Way::Tables(ready),
            Self::OfClient(ready) => Way::OfClient(ready),
        })
    }
}

impl<'p> ClientReady<'p> {
    /// Online: answers what the server sends, behind the mask `r` of the layer's output.
    pub(in crate::steps) fn online(self, channel: &mut Channel, r: &ClientMask) -> Result<(), Error> {
        match self {
            Self::Garbled(ready) => ready.online(channel, r),
            Self::Tables(ready) => ready.online(channel, r),
            Self::OfClient(ready) => ready.online(channel),
        }
    }

    /// Bytes that the units occupy until they are used.
    pub(in crate::steps) fn stored_bytes(&self) -> usize {
        match self {
            Self::Garbled(ready) => ready.stored_bytes(),
            Self::Tables(ready) => ready.stored_bytes(),
            Self::OfClient(ready) => ready.stored_bytes(),
        }
    }

    pub(in crate::steps) fn save(&self, to: &mut Saving<'_>) -> Result<(), Error> {
        match self {
            Self::Garbled(ready) => ready.save(to),
            Self::Tables(ready) => ready.save(to),
            Self::OfClient(ready) => ready.save(to),
        }
    }

    /// Reads what `save` wrote of `way`, the layer `id` of its session.
    pub(in crate::steps) fn load(
        way: &'p Computed,
        id: LayerId,
        from: &mut Loading<'_>,
    ) -> Result<Self, Error> {
        Ok(match way {
            Way::Garbled(garbled) => Way::Garbled(garbled::ClientReady::load(garbled, id, from)?),
            Way::Tables(tables) => Way::Tables(millionaire::ClientReady::load(tables, id, from)?),
            Way::OfClient(garbler) => Way::OfClient(client_garbler::ClientReady::load(garbler, id, from)?),
        })
    }
}

impl<'p> ServerOffer<'p> {
    /// Offline, the server's reading of the client's choices.
    pub(in crate::steps) fn chosen(
        self,
        channel: &mut Channel,
        session: &mut ServerSession<'_>,
    ) -> Result<ServerChosen<'p>, Error> {
        Ok(match self {
            Self::Garbled(offer) => Way::Garbled(offer.chosen(channel, session)?),
            Self::Tables(offer) => Way::Tables(offer.chosen(channel, session)?),
            Self::OfClient(offer) => Way::OfClient(offer.chosen(channel, session)?),
        })
    }
}

impl<'p> ServerChosen<'p> {
    /// Offline: garbles and sends what is garbled.
    pub(in crate::steps) fn garble(
        self,
        channel: &mut Channel,
        session: &ServerSession<'_>,
        rng: &mut impl CryptoRng,
    ) -> Result<ServerReady<'p>, Error> {
        Ok(match self {
            Self::Garbled(chosen) => Way::Garbled(chosen.garble(channel, session, rng)?),
            Self::Tables(ready) => Way::Tables(ready),
            Self::OfClient(ready) => Way::OfClient(ready),
        })
    }
}

impl<'p> ServerReady<'p> {
    /// Online: sends what the client needs, for the server's share `u` of the layer's input.
    pub(in crate::steps) fn online(
        self,
        channel: &mut Channel,
        u: &ServerShare,
    ) -> Result<ServerSent<'p>, Error> {
        Ok(match self {
            Self::Garbled(ready) => Way::Garbled(ready.online(channel, u)?),
            Self::Tables(ready) => Way::Tables(ready.online(channel, u)?),
            Self::OfClient(ready) => Way::OfClient(ready.online(channel, u)?),
        })
    }

    /// Bytes that the units occupy until they are used.
    pub(in crate::steps) fn stored_bytes(&self) -> usize {
        match self {
            Self::Garbled(ready) => ready.stored_bytes(),
            Self::Tables(ready) => ready.stored_bytes(),
            Self::OfClient(ready) => ready.stored_bytes(),
        }
    }

    pub(in crate::steps) fn save(&self, to: &mut Saving<'_>) -> Result<(), Error> {
        match self {
            Self::Garbled(ready) => ready.save(to),
            Self::Tables(ready) => ready.save(to),
            Self::OfClient(ready) => ready.save(to),
        }
    }

    /// Reads what `save` wrote of `way`, the layer `id` of its session.
    pub(in crate::steps) fn load(
        way: &'p Computed,
        id: LayerId,
        from: &mut Loading<'_>,
    ) -> Result<Self, Error> {
        Ok(match way {
            Way::Garbled(garbled) => Way::Garbled(garbled::ServerReady::load(garbled, id, from)?),
            Way::Tables(tables) => Way::Tables(millionaire::ServerReady::load(tables, id, from)?),
            Way::OfClient(garbler) => Way::OfClient(client_garbler::ServerReady::load(garbler, id, from)?),
        })
    }
}

impl ServerSent<'_> {
    /// Online: puts the server's shares of the outputs in their places in `share`, from what the client sends.
    pub(in crate::steps) fn finish(self, channel: &mut Channel, share: &mut [u64]) -> Result<(), Error> {
        match self {
            Self::Garbled(sent) => sent.finish(channel, share),
            Self::Tables(sent) => sent.finish(channel, share),
            Self::OfClient(sent) => sent.finish(channel, share),
        }
    }
}
