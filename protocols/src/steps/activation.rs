//! An activation layer: kept units by circuit, linearized ones by truncation, all leaving behind a fresh mask.
//!
//!   client (v, r)                                 server (u)
//!     | <--- OTs with random choices, for products -- |   offline: offer
//!     | ---- kept: choices; products ---------------> |   offline: choose
//!     | <--- kept: tables --------------------------- |   offline: garble
//!     | <--- kept: labels; truncation: one bit ------ |   online
//!     | ---- (share - r), k bits a unit ------------> |   online: kept units while labels arrive, then the rest
//!
//! No circuit or label exists for a linearized unit; the number of circuits is the sum of the mask.

use super::{MASKED, kept, pieces, recv_pieces, send_pieces, truncation};
use crate::Error;
use crate::block::Block;
use crate::gc::layer::{ClientLayer, ServerLayer};
use crate::gc::transfer::Lot;
use crate::ot::iknp::{CotSender, extension_bytes, extension_frames};
use crate::ot::product::{Offer, Place, ReceiverShares};
use crate::plan::cost::{Operations, Tally};
use crate::plan::{ActivationPlan, Plan};
use crate::saved::{Loading, Saving};
use crate::setup::{ClientSession, ServerSession};
use crate::store::Depot;
use crate::wire::{pack, packed_bytes, unpack};
use netem::Channel;
use rand::{CryptoRng, RngCore};

/// The server's offers, before the client's choices.
pub struct ServerOffer {
    truncation: Offer,
    kept: Offer,
}

/// The client's strings of the server's offers.
pub struct ClientOffer {
    truncation: Vec<Block>,
    kept: Vec<Block>,
}

/// The client after `choose`, waiting for the material.
pub struct ClientChosen {
    kept: kept::ClientChosen,
    pads: truncation::ClientPads,
}

/// The server's view of the client's choices, before it garbles.
pub struct ServerChosen {
    kept: kept::ServerChosen,
    pads: ReceiverShares,
}

/// The client's preprocessed layer. Consumed by `client_online`: a circuit evaluated on two inputs leaks its masks.
pub struct ClientReady {
    kept: Option<ClientLayer>,
    pads: truncation::ClientPads,
    linearized: Vec<u32>,
}

/// The server's preprocessed layer. Consumed by `server_online`.
pub struct ServerReady {
    kept: Option<ServerLayer>,
    pads: ReceiverShares,
    linearized: Vec<u32>,
}

/// What a party keeps of a linearized unit: a share, its product and a number; or a choice, a product and a number.
const LINEARIZED_BYTES: (usize, usize) = (8 + 8 + 4, 1 + 8 + 4);

/// What the layer occupies until it is used.
pub fn stored(plan: &Plan, step: &ActivationPlan) -> kept::Stored {
    let (mut stored, linearized) = (kept::stored(plan, step), step.linearized_count());
    stored.client += LINEARIZED_BYTES.0 * linearized;
    stored.server += LINEARIZED_BYTES.1 * linearized;
    stored
}

impl ClientReady {
    /// Bytes that the layer occupies until it is used.
    pub fn stored_bytes(&self) -> usize {
        let kept = self.kept.as_ref().map_or(0, ClientLayer::stored_bytes);
        kept + LINEARIZED_BYTES.0 * self.linearized.len()
    }
}

impl ClientReady {
    /// Writes the layer down.
    pub(crate) fn save(&self, to: &mut Saving<'_>) -> Result<(), Error> {
        self.kept.iter().try_for_each(|kept| kept.save(to))?;
        self.pads.save(to)
    }

    /// Reads what `save` wrote; `id` is the layer's in its session.
    pub(crate) fn load(
        plan: &Plan,
        step: &ActivationPlan,
        id: u32,
        from: &mut Loading<'_>,
    ) -> Result<Self, Error> {
        let kept = kept::layer(plan, step, id)?.map(|layer| ClientLayer::load(layer, from)).transpose()?;
        let pads = truncation::ClientPads::load(step.linearized_count(), from)?;
        Ok(Self { kept, pads, linearized: step.linearized() })
    }
}

impl ServerReady {
    /// Writes the layer down.
    pub(crate) fn save(&self, to: &mut Saving<'_>) -> Result<(), Error> {
        self.kept.iter().try_for_each(|kept| kept.save(to))?;
        to.flags(&self.pads.choices)?;
        to.values(&self.pads.shares)
    }

    /// Reads what `save` wrote; `id` is the layer's in its session.
    pub(crate) fn load(
        plan: &Plan,
        step: &ActivationPlan,
        id: u32,
        from: &mut Loading<'_>,
    ) -> Result<Self, Error> {
        let kept = kept::layer(plan, step, id)?.map(|layer| ServerLayer::load(layer, from)).transpose()?;
        let units = step.linearized_count();
        let pads = ReceiverShares { choices: from.flags(units)?, shares: from.values(units)? };
        Ok(Self { kept, pads, linearized: step.linearized() })
    }

    /// Bytes that the layer occupies until it is used.
    pub fn stored_bytes(&self) -> usize {
        let kept = self.kept.as_ref().map_or(0, ServerLayer::stored_bytes);
        kept + LINEARIZED_BYTES.1 * self.linearized.len()
    }
}

/// Offline: the server offers an OT for every product that the layer needs.
pub fn server_offer<R: CryptoRng + RngCore>(
    channel: &mut Channel,
    plan: &Plan,
    step: &ActivationPlan,
    session: &mut ServerSession,
    rng: &mut R,
) -> Result<ServerOffer, Error> {
    let truncation = Offer::send(channel, step.linearized_count(), &mut session.truncation, rng)?;
    let kept = kept::server_offer(channel, plan, step, &mut session.truncation, rng)?;
    Ok(ServerOffer { truncation, kept })
}

/// Offline: the client's reading of the offer.
pub fn client_accept(
    channel: &mut Channel,
    plan: &Plan,
    step: &ActivationPlan,
    ots: &mut CotSender,
) -> Result<ClientOffer, Error> {
    let truncation = ots.extend(channel, step.linearized_count())?;
    Ok(ClientOffer { truncation, kept: kept::client_accept(channel, plan, step, ots)? })
}

/// Offline: the client chooses labels and sends correlations for its shares `v`; `masks` are those of the output.
#[expect(
    clippy::too_many_arguments,
    reason = "what a layer is, what the session has, and the client's two vectors"
)]
pub fn client_choose(
    channel: &mut Channel,
    plan: &Plan,
    step: &ActivationPlan,
    session: &mut ClientSession,
    id: u32,
    offer: &ClientOffer,
    v: &[u64],
    masks: &[u64],
) -> Result<ClientChosen, Error> {
    let (shares, masks) = (gather(v, &step.step.kept), gather(masks, &step.step.kept));
    let kept = kept::client_choose(channel, plan, step, session, id, &offer.kept, &shares, &masks)?;
    let (place, shares) = (place(session.hash, id), gather(v, &step.linearized()));
    let strings = &offer.truncation;
    let pads =
        truncation::client_choose(channel, plan.ring, step, place, &session.truncation, strings, shares)?;
    Ok(ClientChosen { kept, pads })
}

/// Offline: the server's reading of the choices.
pub fn server_chosen(
    channel: &mut Channel,
    plan: &Plan,
    step: &ActivationPlan,
    session: &mut ServerSession,
    id: u32,
    offer: ServerOffer,
) -> Result<ServerChosen, Error> {
    let kept = kept::server_chosen(channel, plan, step, session, id, offer.kept)?;
    let pads = truncation::server_finish(channel, step, place(session.hash, id), offer.truncation)?;
    Ok(ServerChosen { kept, pads })
}

fn place(session: crate::gc::SessionKey, layer: u32) -> Place {
    Place { session, layer, lot: Lot::Truncation }
}

/// Offline: the server garbles the kept units.
pub fn server_garble<R: CryptoRng + RngCore>(
    channel: &mut Channel,
    plan: &Plan,
    step: &ActivationPlan,
    session: &ServerSession,
    id: u32,
    chosen: ServerChosen,
    rng: &mut R,
) -> Result<ServerReady, Error> {
    let kept = kept::server_garble(channel, plan, step, session, id, &chosen.kept, rng)?;
    Ok(ServerReady { kept, pads: chosen.pads, linearized: step.linearized() })
}

/// Offline: the client receives the circuits, into `depot`.
pub fn client_receive(
    channel: &mut Channel,
    plan: &Plan,
    step: &ActivationPlan,
    session: &ClientSession,
    id: u32,
    chosen: ClientChosen,
    depot: &mut Depot,
) -> Result<ClientReady, Error> {
    let kept = kept::client_receive(channel, plan, step, session.hash, id, chosen.kept, depot)?;
    Ok(ClientReady { kept, pads: chosen.pads, linearized: step.linearized() })
}

/// Online: the client's shares, sent behind `mask`: first the kept units', then the others'.
pub fn client_online(
    channel: &mut Channel,
    plan: &Plan,
    step: &ActivationPlan,
    ready: ClientReady,
    mask: &[u64],
) -> Result<(), Error> {
    if let Some(layer) = ready.kept {
        kept::client_online(channel, plan, layer, &gather(mask, &step.step.kept))?;
    }
    let mut quotients = truncation::client_online(channel, plan.ring, step, ready.pads)?;
    for (quotient, unit) in quotients.iter_mut().zip(&ready.linearized) {
        *quotient = plan.ring.sub(*quotient, mask[*unit as usize]);
    }
    send_pieces(channel, MASKED, pack(&quotients, plan.ring.bits()))
}

/// Online: the server's share of the layer's output; `u` is its share of the input.
pub fn server_online(
    channel: &mut Channel,
    plan: &Plan,
    step: &ActivationPlan,
    ready: ServerReady,
    u: &[u64],
) -> Result<Vec<u64>, Error> {
    let ring = plan.ring;
    let of_kept = |layer| kept::server_online(channel, plan, step, layer, &gather(u, &step.step.kept));
    let sent = ready.kept.map(of_kept).transpose()?;
    let shares = gather(u, &ready.linearized);
    let quotients = truncation::server_online(channel, ring, step, ready.pads, &shares)?;
    let mut share = vec![0u64; step.step.shape.size()];
    if let Some(sent) = sent {
        let finished = kept::server_finish(channel, plan, sent)?;
        step.step.kept.iter().zip(finished).for_each(|(unit, finished)| share[*unit as usize] = finished);
    }
    let units = ready.linearized.len();
    let bytes = recv_pieces(channel, MASKED, packed_bytes(units, ring.bits()))?;
    let masked = unpack(&bytes, ring.bits(), units);
    for ((unit, quotient), masked) in ready.linearized.iter().zip(quotients).zip(masked) {
        share[*unit as usize] = ring.add(quotient, masked);
    }
    Ok(share)
}

/// The layer's output from both shares, without any protocol: the step's meaning.
pub fn ideal(plan: &Plan, step: &ActivationPlan, u: &[u64], v: &[u64]) -> Vec<u64> {
    let (ring, f) = (plan.ring, step.step.truncate);
    let mut out: Vec<u64> = u.iter().zip(v).map(|(u, v)| truncation::ideal(ring, f, *u, *v)).collect();
    for unit in step.step.kept.iter().map(|unit| *unit as usize) {
        out[unit] = kept::ideal(plan, step, u[unit], v[unit]);
    }
    out
}

fn gather(values: &[u64], units: &[u32]) -> Vec<u64> {
    units.iter().map(|unit| values[*unit as usize]).collect()
}

/// Offline, server to client.
pub fn cost_offer(plan: &Plan, step: &ActivationPlan, tally: &mut Tally) {
    let units = step.linearized_count();
    tally.down_frames(extension_bytes(units), extension_frames(units));
    tally.work(Operations { correlated_ots: units as u64, ..Operations::default() });
    kept::cost_offer(plan, step, tally);
}

/// Offline, client to server.
pub fn cost_choose(plan: &Plan, step: &ActivationPlan, tally: &mut Tally) {
    kept::cost_choose(plan, step, tally);
    truncation::cost_choose(step, tally);
}

/// Offline, server to client.
pub fn cost_garble(plan: &Plan, step: &ActivationPlan, tally: &mut Tally) {
    kept::cost_garble(plan, step, tally);
}

/// Online, both directions.
pub fn cost_online(plan: &Plan, step: &ActivationPlan, tally: &mut Tally) {
    kept::cost_labels(plan, step, tally);
    truncation::cost_online(step, tally);
    kept::cost_answers(plan, step, tally);
    let bytes = packed_bytes(step.linearized_count(), plan.ring.bits());
    tally.up_frames(bytes, pieces(bytes).count());
}
