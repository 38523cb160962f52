//! Kept units: a curve of the rounded quotient, by circuit (`garbled/`, or `client_garbler/`) or by tables (`millionaire/`).
//! What each costs and which messages it sends stands on top of its files. Semi-honest.

mod client_garbler;
mod compared;
mod delphi;
mod garbled;
mod millionaire;
mod narrow;
mod sign;
mod stored;
mod way;

pub use stored::Stored;
pub(super) use way::{ClientChosen, ClientOffer, ClientReady, ServerChosen, ServerOffer, ServerReady};

use crate::Error;
use crate::numbering::LayerId;
use crate::ot::OtVariant;
use crate::plan::{ActivationPlan, ReluVariant};
use crate::saved::Loading;
use crate::setup::{ClientSession, ServerSession};
use crate::store::Depot;
use crate::walk::Walk;
use client_garbler::ClientGarbler;
use garbled::{Garbled, Variant};
use millionaire::Millionaire;
use models::fixed::Ring;
use models::fixed::curve::Curve;
use netem::Channel;
use rand::{CryptoRng, RngCore};
use way::{Computed, Way};

/// The kept units of an activation layer, of which there is at least one.
pub struct Kept {
    ring: Ring,
    curve: Curve,
    /// By index in the layer, ascending.
    units: Vec<u32>,
    way: Computed,
}

/// The way that `step` names.
fn named(ring: Ring, ot: OtVariant, step: &ActivationPlan) -> Result<Computed, Error> {
    let variant: Box<dyn Variant> = match step.relu {
        ReluVariant::Narrow => Box::new(narrow::Narrow::new(step)),
        ReluVariant::Sign => Box::new(sign::Sign::new(ring, step)),
        ReluVariant::Delphi => Box::new(delphi::Delphi::new(ring, step)),
        ReluVariant::ClientGarbler => return Ok(Way::OfClient(ClientGarbler::new(ring, step)?)),
        ReluVariant::Millionaire => match Millionaire::new(ring, ot, step) {
            Some(millionaire) => return Ok(Way::Tables(millionaire)),
            None => Box::new(sign::Sign::new(ring, step)),
        },
    };
    Ok(Way::Garbled(Garbled::new(ring, variant, step.step.kept.clone())?))
}

impl Kept {
    /// The kept units of `step`, of a plan with this ring and extension of OTs; `None` where it has none.
    ///
    /// # Errors
    /// [`Error::Config`] where they cannot be garbled.
    pub(super) fn new(ring: Ring, ot: OtVariant, step: &ActivationPlan) -> Result<Option<Self>, Error> {
        let units = step.step.kept.clone();
        if units.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self { ring, curve: step.step.curve.clone(), units, way: named(ring, ot, step)? }))
    }

    /// Whether signs are decided without the bits that the step says are skipped.
    pub(super) fn skips(&self) -> bool {
        match &self.way {
            Way::Garbled(garbled) => garbled.skips(),
            Way::Tables(_) => true,
            Way::OfClient(_) => false,
        }
    }

    /// Kept units, by index in the layer, ascending.
    pub(super) fn units(&self) -> &[u32] {
        &self.units
    }

    /// The outputs that the shares of all units of the layer make, without any protocol: the step's meaning.
    pub(super) fn ideal(&self, u: &[u64], v: &[u64]) -> Vec<u64> {
        let output = |(u, v): (&u64, &u64)| match &self.way {
            Way::Garbled(garbled) => garbled.output(&self.curve, *u, *v),
            Way::Tables(millionaire) => millionaire.output(*u, *v),
            Way::OfClient(garbler) => garbler.output(*u, *v),
        };
        u.iter().zip(v).map(|shares| self.ring.from_signed(output(shares))).collect()
    }
}

impl Kept {
    /// Bytes that client and server keep, and the client's labels and material among them.
    pub(super) fn stored(&self) -> Stored {
        match &self.way {
            Way::Garbled(garbled) => garbled.stored(),
            Way::Tables(millionaire) => millionaire.stored(),
            Way::OfClient(garbler) => garbler.stored(),
        }
    }

    /// Offline, server to client.
    pub(super) fn declare_offer(&self, walk: &mut Walk) {
        match &self.way {
            Way::Garbled(garbled) => garbled.declare_offer(walk),
            Way::Tables(millionaire) => millionaire.declare_offer(walk),
            Way::OfClient(garbler) => garbler.declare_offer(walk),
        }
    }

    /// Offline, client to server.
    pub(super) fn declare_choose(&self, walk: &mut Walk) {
        match &self.way {
            Way::Garbled(garbled) => garbled.declare_choose(walk),
            Way::Tables(millionaire) => millionaire.declare_choose(walk),
            Way::OfClient(garbler) => garbler.declare_choose(walk),
        }
    }

    /// Offline, server to client.
    pub(super) fn declare_garble(&self, walk: &mut Walk) {
        match &self.way {
            Way::Garbled(garbled) => garbled.declare_garble(walk),
            Way::Tables(_) | Way::OfClient(_) => {}
        }
    }

    /// Online, server to client, and the client's answers to each piece.
    pub(super) fn declare_labels(&self, walk: &mut Walk) {
        match &self.way {
            Way::Garbled(garbled) => garbled.declare_labels(walk),
            Way::Tables(millionaire) => millionaire.declare_online(walk),
            Way::OfClient(garbler) => garbler.declare_online(walk),
        }
    }

    /// Online, client to server: the server's reading of the answers.
    pub(super) fn declare_answers(&self, walk: &mut Walk) {
        match &self.way {
            Way::Garbled(garbled) => garbled.declare_answers(walk),
            Way::Tables(millionaire) => millionaire.declare_answers(walk),
            Way::OfClient(garbler) => garbler.declare_answers(walk),
        }
    }
}

impl Kept {
    /// Offline, the client's reading of the offer.
    pub(super) fn client_accept<'p>(
        &'p self,
        channel: &mut Channel,
        session: &mut ClientSession,
        id: LayerId,
        depot: &mut Depot,
    ) -> Result<ClientOffer<'p>, Error> {
        self.way.client_accept(channel, session, id, depot)
    }

    /// Offline, server to client: its OTs.
    pub(super) fn server_offer<'p, R: RngCore + CryptoRng>(
        &'p self,
        channel: &mut Channel,
        session: &mut ServerSession<'_>,
        id: LayerId,
        rng: &mut R,
    ) -> Result<ServerOffer<'p>, Error> {
        self.way.server_offer(channel, session, id, rng)
    }

    /// Reads what the client's units saved, of the layer `id` of its session.
    pub(super) fn load_client<'p>(
        &'p self,
        id: LayerId,
        from: &mut Loading<'_>,
    ) -> Result<ClientReady<'p>, Error> {
        ClientReady::load(&self.way, id, from)
    }

    /// Reads what the server's units saved, of the layer `id` of its session.
    pub(super) fn load_server<'p>(
        &'p self,
        id: LayerId,
        from: &mut Loading<'_>,
    ) -> Result<ServerReady<'p>, Error> {
        ServerReady::load(&self.way, id, from)
    }
}
