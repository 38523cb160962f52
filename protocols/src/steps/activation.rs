//! An activation layer: kept units by circuit or by tables (`kept/`), linearized ones by truncation, all leaving behind a fresh mask.
//!
//!   client (v, r)                                 server (u)
//!     | <--- OTs with random choices, for products -- |   offline: offer
//!     | ---- kept: choices; products ---------------> |   offline: choose
//!     | <--- kept: tables --------------------------- |   offline: garble
//!     | <--- kept: labels; truncation: one bit ------ |   online
//!     | ---- (share - r), k bits a unit ------------> |   online: kept units while labels arrive, then the rest
//!
//! No circuit or label exists for a linearized unit; as many units are computed by circuit or tables as the mask keeps.

use super::kept::{self, Kept, Stored};
use super::truncation::{self, Truncation};
use crate::Error;
use crate::numbering::{ChannelStep, LayerId};
use crate::plan::{ActivationPlan, Plan};
use crate::saved::{Loading, Saving};
use crate::setup::{ClientSession, ServerSession};
use crate::store::Depot;
use crate::values::{ClientShare, ClientValues, ServerShare};
use crate::walk::{Party, Walk};
use models::fixed::Ring;
use models::fixed::steps::ValueId;
use netem::Channel;
use rand::{CryptoRng, RngCore};

/// An activation layer, with all that its parties need of the plan.
pub struct Activation {
    ring: Ring,
    /// Its place among the plan's steps.
    index: usize,
    plan: ActivationPlan,
    kept: Option<Kept>,
    linearized: Truncation,
}

impl Activation {
    /// Step `index` of `plan`.
    ///
    /// # Errors
    /// [`Error::Config`] where its kept units cannot be garbled.
    pub fn new(plan: &Plan, index: usize, step: &ActivationPlan) -> Result<Self, Error> {
        let kept = Kept::new(plan.ring, plan.ot, step)?;
        let linearized = Truncation::new(plan.ring, step.step.truncate, step.linearized());
        Ok(Self { ring: plan.ring, index, plan: step.clone(), kept, linearized })
    }

    /// The step as the channel books it.
    pub const fn channel_step(&self) -> ChannelStep {
        ChannelStep::of(self.index)
    }

    /// The value that it reads.
    pub const fn source(&self) -> ValueId {
        self.plan.step.source
    }

    /// The value that it makes.
    pub const fn output(&self) -> ValueId {
        ValueId::made_by(self.index)
    }

    /// Units of the layer.
    pub fn units(&self) -> usize {
        self.plan.step.shape.size()
    }

    /// Whether signs may be mistaken exactly where the step says so; a variant may compare all bits all the same.
    pub fn mistakes_as_told(&self) -> bool {
        self.plan.step.skipped <= 1 || self.kept.as_ref().is_none_or(Kept::skips)
    }

    /// Kept units.
    pub fn kept_units(&self) -> usize {
        self.plan.step.kept.len()
    }

    /// Inputs that left the bound that the step was compiled for.
    pub fn out_of_bounds(&self, inputs: &[u64]) -> usize {
        inputs.iter().filter(|x| !self.plan.step.keeps_bound(self.ring.signed(**x))).count()
    }

    /// The layer's output from both shares of its input, without any protocol: the step's meaning.
    pub fn ideal(&self, u: &ServerShare, v: &ClientShare) -> Vec<u64> {
        let (ring, f) = (self.ring, self.plan.step.truncate);
        let shares = u.elements().iter().zip(v.elements());
        let mut out: Vec<u64> = shares.map(|(u, v)| truncation::ideal(ring, f, *u, *v)).collect();
        if let Some(kept) = &self.kept {
            let made = kept.ideal(u.of(kept.units()).elements(), v.of(kept.units()).elements());
            kept.units().iter().zip(made).for_each(|(unit, made)| out[*unit as usize] = made);
        }
        out
    }
}

/// The client, with its strings of the server's offers.
pub struct ClientOffer<'p> {
    layer: &'p Activation,
    kept: Option<kept::ClientOffer<'p>>,
    linearized: truncation::ClientOffer<'p>,
}

/// The client after its choices, waiting for the material.
pub struct ClientChosen<'p> {
    layer: &'p Activation,
    kept: Option<kept::ClientChosen<'p>>,
    linearized: truncation::ClientReady<'p>,
}

/// The client's preprocessed layer. Consumed by `online`: a circuit evaluated on two inputs leaks its masks.
pub struct ClientReady<'p> {
    layer: &'p Activation,
    kept: Option<kept::ClientReady<'p>>,
    linearized: truncation::ClientReady<'p>,
}

impl Activation {
    /// Offline: the client's reading of the offers; `first` is the inference's first layer, `depot` where it keeps
    /// what takes room.
    pub fn client_accept<'p>(
        &'p self,
        channel: &mut Channel,
        session: &mut ClientSession,
        first: LayerId,
        depot: &mut Depot,
    ) -> Result<ClientOffer<'p>, Error> {
        let id = first.step(self.index);
        let linearized = self.linearized.client_accept(channel, session, id)?;
        let kept = self.kept.as_ref();
        let kept = kept.map(|kept| kept.client_accept(channel, session, id, depot)).transpose()?;
        Ok(ClientOffer { layer: self, kept, linearized })
    }
}

impl<'p> ClientOffer<'p> {
    /// The layer.
    pub const fn layer(&self) -> &'p Activation {
        self.layer
    }

    /// Offline: the client chooses labels and sends correlations.
    pub fn choose(
        self,
        channel: &mut Channel,
        session: &mut ClientSession,
        values: &ClientValues,
        (rng, depot): (&mut impl CryptoRng, &mut Depot),
    ) -> Result<ClientChosen<'p>, Error> {
        let Self { layer, kept, linearized } = self;
        let (v, r) = (values.share(layer.source()), values.mask(layer.output()));
        let kept = kept.map(|kept| kept.choose(channel, session, (v, r), (rng, depot))).transpose()?;
        let linearized = linearized.choose(channel, session, v)?;
        Ok(ClientChosen { layer, kept, linearized })
    }
}

impl<'p> ClientChosen<'p> {
    /// The layer.
    pub const fn layer(&self) -> &'p Activation {
        self.layer
    }

    /// Offline: the client receives the circuits, into `depot`.
    pub fn receive(
        self,
        channel: &mut Channel,
        session: &ClientSession,
        depot: &mut Depot,
    ) -> Result<ClientReady<'p>, Error> {
        let Self { layer, kept, linearized } = self;
        let kept = kept.map(|kept| kept.receive(channel, session, depot)).transpose()?;
        Ok(ClientReady { layer, kept, linearized })
    }
}

impl<'p> ClientReady<'p> {
    /// Online: sends the client's shares behind the mask of the layer's output: first the kept units', then the others'.
    pub fn online(self, channel: &mut Channel, values: &ClientValues) -> Result<(), Error> {
        let r = values.mask(self.layer.output());
        if let Some(kept) = self.kept {
            kept.online(channel, r)?;
        }
        self.linearized.online(channel, r)
    }

    /// Bytes that the layer occupies until it is used.
    pub fn stored_bytes(&self) -> usize {
        let kept = self.kept.as_ref().map_or(0, kept::ClientReady::stored_bytes);
        kept + truncation::STORED_BYTES.0 * self.layer.linearized.count()
    }

    /// Writes the layer down.
    pub(crate) fn save(&self, to: &mut Saving<'_>) -> Result<(), Error> {
        self.kept.iter().try_for_each(|kept| kept.save(to))?;
        self.linearized.save(to)
    }

    /// Reads what `save` wrote of `layer`; `first` is the inference's first layer.
    pub(crate) fn load(layer: &'p Activation, first: LayerId, from: &mut Loading<'_>) -> Result<Self, Error> {
        let id = first.step(layer.index);
        let kept = layer.kept.as_ref().map(|kept| kept.load_client(id, from)).transpose()?;
        let linearized = truncation::ClientReady::load(&layer.linearized, from)?;
        Ok(Self { layer, kept, linearized })
    }
}

/// The server's offers, before the client's choices.
pub struct ServerOffer<'p> {
    layer: &'p Activation,
    kept: Option<kept::ServerOffer<'p>>,
    linearized: truncation::ServerOffer<'p>,
}

/// The server's view of the client's choices, before it garbles.
pub struct ServerChosen<'p> {
    layer: &'p Activation,
    kept: Option<kept::ServerChosen<'p>>,
    linearized: truncation::ServerReady<'p>,
}

/// The server's preprocessed layer. Consumed by `online`.
pub struct ServerReady<'p> {
    layer: &'p Activation,
    kept: Option<kept::ServerReady<'p>>,
    linearized: truncation::ServerReady<'p>,
}

impl Activation {
    /// Offline: the server offers an OT for every product that the layer needs; `first` is the inference's first layer.
    pub fn server_offer<'p, R: CryptoRng + RngCore>(
        &'p self,
        channel: &mut Channel,
        session: &mut ServerSession<'_>,
        first: LayerId,
        rng: &mut R,
    ) -> Result<ServerOffer<'p>, Error> {
        let id = first.step(self.index);
        let linearized = self.linearized.server_offer(channel, session, id, rng)?;
        let kept = self.kept.as_ref().map(|kept| kept.server_offer(channel, session, id, rng)).transpose()?;
        Ok(ServerOffer { layer: self, kept, linearized })
    }
}

impl<'p> ServerOffer<'p> {
    /// The layer.
    pub const fn layer(&self) -> &'p Activation {
        self.layer
    }

    /// Offline: the server's reading of the choices.
    pub fn chosen(
        self,
        channel: &mut Channel,
        session: &mut ServerSession<'_>,
    ) -> Result<ServerChosen<'p>, Error> {
        let Self { layer, kept, linearized } = self;
        let kept = kept.map(|kept| kept.chosen(channel, session)).transpose()?;
        Ok(ServerChosen { layer, kept, linearized: linearized.chosen(channel, session)? })
    }
}

impl<'p> ServerChosen<'p> {
    /// Offline: the server garbles the kept units.
    pub fn garble<R: CryptoRng + RngCore>(
        self,
        channel: &mut Channel,
        session: &ServerSession<'_>,
        rng: &mut R,
    ) -> Result<ServerReady<'p>, Error> {
        let Self { layer, kept, linearized } = self;
        let kept = kept.map(|kept| kept.garble(channel, session, rng)).transpose()?;
        Ok(ServerReady { layer, kept, linearized })
    }
}

impl<'p> ServerReady<'p> {
    /// The layer.
    pub const fn layer(&self) -> &'p Activation {
        self.layer
    }

    /// Online: the server's share of the layer's output; `u` is its share of the input.
    pub fn online(self, channel: &mut Channel, u: &ServerShare) -> Result<ServerShare, Error> {
        let kept = self.kept.map(|kept| kept.online(channel, u)).transpose()?;
        let linearized = self.linearized.online(channel, u)?;
        let mut share = vec![0; self.layer.units()];
        if let Some(kept) = kept {
            kept.finish(channel, &mut share)?;
        }
        linearized.finish(channel, &mut share)?;
        Ok(ServerShare::new(share))
    }

    /// Bytes that the layer occupies until it is used.
    pub fn stored_bytes(&self) -> usize {
        let kept = self.kept.as_ref().map_or(0, kept::ServerReady::stored_bytes);
        kept + truncation::STORED_BYTES.1 * self.layer.linearized.count()
    }

    /// Writes the layer down.
    pub(crate) fn save(&self, to: &mut Saving<'_>) -> Result<(), Error> {
        self.kept.iter().try_for_each(|kept| kept.save(to))?;
        self.linearized.save(to)
    }

    /// Reads what `save` wrote of `layer`; `first` is the inference's first layer.
    pub(crate) fn load(layer: &'p Activation, first: LayerId, from: &mut Loading<'_>) -> Result<Self, Error> {
        let id = first.step(layer.index);
        let kept = layer.kept.as_ref().map(|kept| kept.load_server(id, from)).transpose()?;
        let linearized = truncation::ServerReady::load(&layer.linearized, from)?;
        Ok(Self { layer, kept, linearized })
    }
}

impl Activation {
    /// What the layer occupies until it is used.
    pub fn stored(&self) -> Stored {
        let mut stored = self.kept.as_ref().map(Kept::stored).unwrap_or_default();
        stored.client += truncation::STORED_BYTES.0 * self.linearized.count();
        stored.server += truncation::STORED_BYTES.1 * self.linearized.count();
        stored
    }

    /// Offline, server to client.
    pub fn declare_offer(&self, walk: &mut Walk) {
        self.linearized.declare_offer(walk);
        self.kept.iter().for_each(|kept| kept.declare_offer(walk));
    }

    /// Offline, client to server.
    pub fn declare_choose(&self, walk: &mut Walk) {
        self.kept.iter().for_each(|kept| kept.declare_choose(walk));
        self.linearized.declare_choose(walk);
    }

    /// Offline, server to client.
    pub fn declare_garble(&self, walk: &mut Walk) {
        self.kept.iter().for_each(|kept| kept.declare_garble(walk));
    }

    /// Online, both directions. The client answers kept units as their labels come, the server reads answers when it has
    /// sent everything.
    pub fn declare_online(&self, walk: &mut Walk) {
        self.kept.iter().for_each(|kept| kept.declare_labels(walk));
        self.linearized.declare_bits(walk);
        if walk.is(Party::Server) {
            self.kept.iter().for_each(|kept| kept.declare_answers(walk));
        }
        self.linearized.declare_answers(walk);
    }
}
