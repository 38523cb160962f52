//! An activation layer: kept units by circuit, linearized ones by truncation, all leaving behind a fresh mask.
//!
//!   client (v, r)                                 server (u)
//!     | <--- truncation: OT with random choices ----- |   offline: offer
//!     | ---- narrow: choices; truncation: products -> |   offline: choose
//!     | <--- narrow: tables ------------------------- |   offline: garble
//!     | <--- narrow: labels; truncation: one bit ---- |   online
//!     | ---- (share - r), k bits a unit ------------> |   online
//!
//! No circuit, label or OT of `narrow` exists for a linearized unit; the number of circuits is the sum of the mask.

use super::{MASKED, narrow, pieces, recv_pieces, send_pieces, truncation};
use crate::Error;
use crate::block::Block;
use crate::gc::layer::{Garbled, Material};
use crate::ot::iknp::CotSender;
use crate::plan::cost::Tally;
use crate::plan::{ActivationPlan, Plan};
use crate::setup::{ClientSession, ServerSession};
use crate::wire::{pack, packed_bytes, unpack};
use models::fixed::Ring;
use netem::Channel;
use rand::{CryptoRng, RngCore};

/// The client after `choose`, waiting for tables.
pub struct ClientChosen {
    labels: Vec<Block>,
    pads: truncation::ClientPads,
}

/// The client's preprocessed layer. Consumed by `client_online`: a circuit evaluated on two inputs leaks its masks.
pub struct ClientReady {
    material: Option<Material>,
    pads: truncation::ClientPads,
    linearized: Vec<u32>,
}

/// The server's preprocessed layer. Consumed by `server_online`.
pub struct ServerReady {
    garbled: Option<Garbled>,
    pads: truncation::ServerPads,
    linearized: Vec<u32>,
}

/// Offline: the server offers an OT for every linearized unit.
pub fn server_offer<R: CryptoRng + RngCore>(
    channel: &mut Channel,
    step: &ActivationPlan,
    session: &mut ServerSession,
    rng: &mut R,
) -> Result<truncation::ServerOffer, Error> {
    truncation::server_offer(channel, step.linearized_count(), &mut session.truncation, rng)
}

/// Offline: the client's reading of the offer.
pub fn client_accept(
    channel: &mut Channel,
    step: &ActivationPlan,
    ots: &mut CotSender,
) -> Result<Vec<Block>, Error> {
    truncation::client_accept(channel, step.linearized_count(), ots)
}

/// Offline: the client chooses labels and sends correlations for its shares `v`.
pub fn client_choose(
    channel: &mut Channel,
    ring: Ring,
    step: &ActivationPlan,
    session: &mut ClientSession,
    id: u32,
    strings: &[Block],
    v: &[u64],
) -> Result<ClientChosen, Error> {
    let labels = narrow::client_choose(channel, step, &mut session.labels, &gather(v, &step.step.kept))?;
    let shares = gather(v, &step.linearized());
    let key = (session.hash, id);
    let pads = truncation::client_choose(channel, ring, step, key, &session.truncation, strings, shares)?;
    Ok(ClientChosen { labels, pads })
}

/// The server's view of the client's choices, before it garbles.
pub struct ServerChosen {
    client_zero: Vec<Block>,
    pads: truncation::ServerPads,
}

/// Offline: the server's reading of the choices.
pub fn server_chosen(
    channel: &mut Channel,
    step: &ActivationPlan,
    session: &mut ServerSession,
    id: u32,
    offer: truncation::ServerOffer,
) -> Result<ServerChosen, Error> {
    let client_zero = narrow::server_labels(channel, step, &mut session.labels)?;
    let pads = truncation::server_finish(channel, step, (session.hash, id), offer)?;
    Ok(ServerChosen { client_zero, pads })
}

/// Offline: the server garbles the kept units.
pub fn server_garble<R: CryptoRng + RngCore>(
    channel: &mut Channel,
    ring: Ring,
    step: &ActivationPlan,
    session: &ServerSession,
    id: u32,
    chosen: ServerChosen,
    rng: &mut R,
) -> Result<ServerReady, Error> {
    let key = (session.hash, id);
    let garbled = narrow::server_garble(channel, ring, step, key, &session.labels, &chosen.client_zero, rng)?;
    Ok(ServerReady { garbled, pads: chosen.pads, linearized: step.linearized() })
}

/// Offline: the client receives the circuits.
pub fn client_receive(
    channel: &mut Channel,
    ring: Ring,
    step: &ActivationPlan,
    session: &ClientSession,
    id: u32,
    chosen: ClientChosen,
) -> Result<ClientReady, Error> {
    let material = narrow::client_receive(channel, ring, step, (session.hash, id), chosen.labels)?;
    Ok(ClientReady { material, pads: chosen.pads, linearized: step.linearized() })
}

/// Online: the client's shares, sent behind `mask`.
pub fn client_online(
    channel: &mut Channel,
    ring: Ring,
    step: &ActivationPlan,
    ready: ClientReady,
    mask: &[u64],
) -> Result<(), Error> {
    let mut share = vec![0u64; step.step.shape.size()];
    if let Some(material) = ready.material {
        scatter(&mut share, &step.step.kept, &narrow::client_online(channel, material)?);
    }
    let quotients = truncation::client_online(channel, ring, step, ready.pads)?;
    scatter(&mut share, &ready.linearized, &quotients);
    let masked: Vec<u64> = share.iter().zip(mask).map(|(y, r)| ring.sub(*y, *r)).collect();
    send_pieces(channel, MASKED, pack(&masked, ring.bits()))
}

/// Online: the server's share of the layer's output; `u` is its share of the input.
pub fn server_online(
    channel: &mut Channel,
    ring: Ring,
    step: &ActivationPlan,
    ready: ServerReady,
    u: &[u64],
) -> Result<Vec<u64>, Error> {
    let mut share = vec![0u64; step.step.shape.size()];
    if let Some(Garbled { inputs, shares }) = ready.garbled {
        narrow::server_online(channel, step, inputs, &gather(u, &step.step.kept))?;
        scatter(&mut share, &step.step.kept, &shares);
    }
    let shares = gather(u, &ready.linearized);
    let quotients = truncation::server_online(channel, ring, step, ready.pads, &shares)?;
    scatter(&mut share, &ready.linearized, &quotients);
    let bytes = recv_pieces(channel, MASKED, packed_bytes(share.len(), ring.bits()))?;
    let masked = unpack(&bytes, ring.bits(), share.len());
    Ok(share.iter().zip(masked).map(|(g, e)| ring.add(*g, e)).collect())
}

/// The layer's output from both shares, without any protocol: the step's meaning.
pub fn ideal(ring: Ring, step: &ActivationPlan, u: &[u64], v: &[u64]) -> Vec<u64> {
    let f = step.step.truncate;
    let mut out: Vec<u64> = u.iter().zip(v).map(|(u, v)| truncation::ideal(ring, f, *u, *v)).collect();
    for unit in step.step.kept.iter().map(|unit| *unit as usize) {
        out[unit] = narrow::ideal(step, u[unit], v[unit]);
    }
    out
}

fn gather(values: &[u64], units: &[u32]) -> Vec<u64> {
    units.iter().map(|unit| values[*unit as usize]).collect()
}

fn scatter(values: &mut [u64], units: &[u32], from: &[u64]) {
    units.iter().zip(from).for_each(|(unit, x)| values[*unit as usize] = *x);
}

/// Offline, server to client.
pub fn cost_offer(step: &ActivationPlan, tally: &mut Tally) {
    truncation::cost_offer(step, tally);
}

/// Offline, client to server.
pub fn cost_choose(step: &ActivationPlan, tally: &mut Tally) {
    narrow::cost_choose(step, tally);
    truncation::cost_choose(step, tally);
}

/// Offline, server to client.
pub fn cost_garble(plan: &Plan, step: &ActivationPlan, tally: &mut Tally) {
    narrow::cost_garble(plan, step, tally);
}

/// Online, both directions.
pub fn cost_online(plan: &Plan, step: &ActivationPlan, tally: &mut Tally) {
    narrow::cost_online(plan, step, tally);
    truncation::cost_online(step, tally);
    let bytes = packed_bytes(step.step.shape.size(), plan.ring.bits());
    tally.up_frames(bytes, pieces(bytes).count());
}
