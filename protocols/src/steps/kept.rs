//! Kept units under every variant: the client chooses labels, the server garbles, the client evaluates online.
//! Source: Delphi, section 4; what is garbled is the variant's: `narrow.rs`, `sign.rs`, `delphi.rs`. Semi-honest.
//!
//!   client (v)                                   server (u)
//!     | <--- sign: OT with random choices ---------- |   offline: offer
//!     | ---- correlated OT, choices; sign: products -> |   offline: choose
//!     | <--- material -------------------------------- |   offline: garble
//!     | <--- labels of u, late ciphertexts ----------- |   online
//!     | ---- (share - r), k bits a unit --------------> |   online, piece by piece while labels arrive

use super::{CORRELATION, MASKED, delphi, narrow, pieces, recv_pieces, send_pieces, sign};
use crate::Error;
use crate::block::{BLOCK_BYTES, Block};
use crate::gc::layer::{ClientJoint, ClientLayer, Layer, ServerJoint, ServerLayer, garble_layer};
use crate::gc::transfer::Lot;
use crate::gc::{LABELS, MATERIAL, SessionKey};
use crate::ot::iknp::{CotReceiver, CotSender, extension_bytes, extension_frames};
use crate::ot::product::{Offer, Place, correlate};
use crate::plan::cost::{Operations, Tally};
use crate::plan::{ActivationPlan, Plan, ReluVariant};
use crate::setup::{ClientSession, ServerSession};
use crate::store::Depot;
use crate::wire::{pack, packed_bytes, unpack};
use netem::Channel;
use rand::{CryptoRng, RngCore};
use std::cell::RefCell;

/// The client after `choose`, waiting for the material.
pub struct ClientChosen {
    labels: Vec<Block>,
    joint: Option<ClientJoint>,
}

/// The server after the client's choices, before it garbles.
pub struct ServerChosen {
    client_zero: Vec<Block>,
    joint: Option<ServerJoint>,
}

/// The server after it sent its labels.
pub struct ServerSent {
    /// A share a unit, or for `delphi` its permute bits.
    held: Vec<u64>,
    /// Units of each of the client's answers.
    answers: Vec<usize>,
}

/// The layer's garbled shape, or `None` where no unit is kept. `id` is unique in its session.
pub(super) fn layer(plan: &Plan, step: &ActivationPlan, id: u32) -> Result<Option<Layer>, Error> {
    let program = match plan.relu {
        ReluVariant::Narrow => narrow::program(step),
        ReluVariant::Sign => sign::program(step),
        ReluVariant::Delphi => delphi::program(plan.ring, step),
    };
    match step.step.kept.len() {
        0 => Ok(None),
        units => Layer::new(program, units, plan.ring.bits(), id).map(Some),
    }
}

/// Products of the client's values that a layer needs.
fn products(plan: &Plan, step: &ActivationPlan) -> usize {
    match plan.relu {
        ReluVariant::Sign => step.step.kept.len(),
        ReluVariant::Narrow | ReluVariant::Delphi => 0,
    }
}

fn place(session: SessionKey, layer: u32) -> Place {
    Place { session, layer, lot: Lot::Sign }
}

/// Offline, server to client: one OT a unit whose product is outside the circuit.
pub fn server_offer<R: RngCore + CryptoRng>(
    channel: &mut Channel,
    plan: &Plan,
    step: &ActivationPlan,
    ots: &mut CotReceiver,
    rng: &mut R,
) -> Result<Offer, Error> {
    Offer::send(channel, products(plan, step), ots, rng)
}

/// Offline, the client's reading of the offer.
pub fn client_accept(
    channel: &mut Channel,
    plan: &Plan,
    step: &ActivationPlan,
    ots: &mut CotSender,
) -> Result<Vec<Block>, Error> {
    ots.extend(channel, products(plan, step))
}

/// Offline, client to server: its labels, and the products' correlations. `shares` are the client's of the kept units,
/// `masks` their outputs' masks.
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
    strings: &[Block],
    shares: &[u64],
    masks: &[u64],
) -> Result<ClientChosen, Error> {
    let Some(layer) = layer(plan, step, id)? else {
        return Ok(ClientChosen { labels: Vec::new(), joint: None });
    };
    let inputs = match plan.relu {
        ReluVariant::Narrow | ReluVariant::Sign => {
            shares.iter().map(|v| narrow::compared(step, *v)).collect()
        }
        ReluVariant::Delphi => delphi::client_inputs(plan.ring, shares, masks),
    };
    let labels = session.labels.extend(channel, layer.client_wires(), &layer.choices(&inputs))?;
    let mut joint = None;
    if layer.has_joint() {
        let values: Vec<u64> = shares.iter().map(|v| sign::client_value(plan.ring, step, *v)).collect();
        let (corrections, shares) = correlate(place(session.hash, id), &session.truncation, strings, &values);
        send_pieces(channel, CORRELATION, pack(&corrections, plan.ring.bits()))?;
        joint = Some(ClientJoint { values, shares });
    }
    Ok(ClientChosen { labels, joint })
}

/// Offline, the server's reading of the choices: zero labels, and its shares of the products.
pub fn server_chosen(
    channel: &mut Channel,
    plan: &Plan,
    step: &ActivationPlan,
    session: &mut ServerSession,
    id: u32,
    offer: Offer,
) -> Result<ServerChosen, Error> {
    let Some(layer) = layer(plan, step, id)? else {
        return Ok(ServerChosen { client_zero: Vec::new(), joint: None });
    };
    let client_zero = session.labels.extend(channel, layer.client_wires())?;
    let mut joint = None;
    if layer.has_joint() {
        let (k, units) = (plan.ring.bits(), layer.units());
        let bytes = recv_pieces(channel, CORRELATION, packed_bytes(units, k))?;
        let own = offer.finish(place(session.hash, id), &unpack(&bytes, k, units));
        joint = Some(ServerJoint { choices: own.choices, shares: own.shares });
    }
    Ok(ServerChosen { client_zero, joint })
}

/// Offline: garbles and sends the layer.
pub fn server_garble(
    channel: &mut Channel,
    plan: &Plan,
    step: &ActivationPlan,
    session: &ServerSession,
    id: u32,
    chosen: &ServerChosen,
    rng: &mut impl CryptoRng,
) -> Result<Option<ServerLayer>, Error> {
    let (delta, joint) = (session.labels.delta(), chosen.joint.as_ref());
    layer(plan, step, id)?
        .map(|layer| {
            garble_layer(layer, session.hash, delta, &chosen.client_zero, joint, rng, |piece| {
                Ok(channel.send(MATERIAL, piece)?)
            })
        })
        .transpose()
}

/// Offline: receives the layer.
pub fn client_receive(
    channel: &mut Channel,
    plan: &Plan,
    step: &ActivationPlan,
    session: SessionKey,
    id: u32,
    chosen: ClientChosen,
    depot: &mut Depot,
) -> Result<Option<ClientLayer>, Error> {
    let ClientChosen { labels, joint } = chosen;
    layer(plan, step, id)?
        .map(|layer| {
            ClientLayer::receive(layer, session, labels, joint, depot, |length| {
                Ok(channel.recv(MATERIAL, length)?)
            })
        })
        .transpose()
}

/// Online: sends the labels of the server's shares. What [`server_finish`] needs, and the units of each answer.
pub fn server_online(
    channel: &mut Channel,
    plan: &Plan,
    step: &ActivationPlan,
    layer: ServerLayer,
    shares: &[u64],
) -> Result<ServerSent, Error> {
    let answers = layer.shape().online_units().collect();
    let send = |piece| Ok(channel.send(LABELS, piece)?);
    let held = match plan.relu {
        ReluVariant::Delphi => layer.online(shares, &[], send),
        ReluVariant::Narrow => {
            let compared: Vec<u64> = shares.iter().map(|u| narrow::compared(step, *u)).collect();
            layer.online(&compared, &[], send)
        }
        ReluVariant::Sign => {
            let compared: Vec<u64> = shares.iter().map(|u| narrow::compared(step, *u)).collect();
            let (values, tops): (Vec<u64>, Vec<u64>) =
                shares.iter().map(|u| sign::server_values(plan.ring, step, *u)).unzip();
            layer.online(&compared, &[&values, &tops], send)
        }
    };
    Ok(ServerSent { held: held?, answers })
}

/// Online: evaluates the layer and sends the outputs' shares behind `masks`, a mask a unit. For `delphi` what is evaluated
/// is behind the mask already, and behind the server's permute bits.
pub fn client_online(
    channel: &mut Channel,
    plan: &Plan,
    layer: ClientLayer,
    masks: &[u64],
) -> Result<(), Error> {
    // Labels arrive and answers leave in turns.
    let channel = RefCell::new(channel);
    let mut masks = masks.iter();
    layer.evaluate(
        |length| Ok(channel.borrow_mut().recv(LABELS, length)?),
        |mut piece| {
            if plan.relu != ReluVariant::Delphi {
                piece.iter_mut().zip(&mut masks).for_each(|(made, mask)| *made = plan.ring.sub(*made, *mask));
            }
            Ok(channel.borrow_mut().send(MASKED, pack(&piece, plan.ring.bits()))?)
        },
    )
}

/// Online: the server's shares of the layer's outputs, from what it held and what the client sends.
pub fn server_finish(channel: &mut Channel, plan: &Plan, sent: ServerSent) -> Result<Vec<u64>, Error> {
    let ServerSent { mut held, answers } = sent;
    let mut rest = held.as_mut_slice();
    for units in answers {
        let bytes = channel.recv(MASKED, packed_bytes(units, plan.ring.bits()))?;
        let (piece, later) = rest.split_at_mut(units);
        for (held, masked) in piece.iter_mut().zip(unpack(&bytes, plan.ring.bits(), units)) {
            *held = match plan.relu {
                ReluVariant::Narrow | ReluVariant::Sign => plan.ring.add(*held, masked),
                ReluVariant::Delphi => *held ^ masked,
            };
        }
        rest = later;
    }
    Ok(held)
}

/// The output that the shares make, without any of the above: the step's meaning.
pub fn ideal(plan: &Plan, step: &ActivationPlan, u: u64, v: u64) -> u64 {
    let quotient = match plan.relu {
        ReluVariant::Narrow | ReluVariant::Sign => narrow::quotient(step, u, v),
        ReluVariant::Delphi => delphi::quotient(plan.ring, step, u, v),
    };
    plan.ring.from_signed(step.step.curve.apply(quotient))
}

/// Bytes that client and server keep of the layer, and the client's labels and material among them.
pub fn stored(plan: &Plan, step: &ActivationPlan) -> Stored {
    let Ok(Some(layer)) = layer(plan, step, 0) else { return Stored::default() };
    Stored {
        client: layer.client_stored_bytes(),
        server: layer.server_stored_bytes(),
        labels: layer.client_wires() * BLOCK_BYTES,
        material: layer.material_bytes(),
    }
}

/// What a layer occupies, bytes.
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

/// Offline, server to client.
pub fn cost_offer(plan: &Plan, step: &ActivationPlan, tally: &mut Tally) {
    let products = products(plan, step);
    tally.down_frames(extension_bytes(products), extension_frames(products));
    tally.work(Operations { correlated_ots: products as u64, ..Operations::default() });
}

/// Offline, client to server.
pub fn cost_choose(plan: &Plan, step: &ActivationPlan, tally: &mut Tally) {
    if let Ok(Some(layer)) = layer(plan, step, 0) {
        let wires = layer.client_wires();
        tally.up_frames(extension_bytes(wires), extension_frames(wires));
        tally.work(Operations { correlated_ots: wires as u64, ..Operations::default() });
        let bytes = packed_bytes(products(plan, step), plan.ring.bits());
        tally.up_frames(bytes, pieces(bytes).count());
    }
}

/// Offline, server to client.
pub fn cost_garble(plan: &Plan, step: &ActivationPlan, tally: &mut Tally) {
    if let Ok(Some(layer)) = layer(plan, step, 0) {
        layer.material_pieces().for_each(|piece| tally.down(piece));
        let (circuits, and_gates) = (layer.units() as u64, layer.and_gates() as u64);
        tally.work(Operations { circuits, and_gates, ..Operations::default() });
    }
}

/// Online, server to client.
pub fn cost_labels(plan: &Plan, step: &ActivationPlan, tally: &mut Tally) {
    if let Ok(Some(layer)) = layer(plan, step, 0) {
        layer.online_pieces().for_each(|piece| tally.down(piece));
    }
}

/// Online, client to server.
pub fn cost_answers(plan: &Plan, step: &ActivationPlan, tally: &mut Tally) {
    if let Ok(Some(layer)) = layer(plan, step, 0) {
        layer.online_units().for_each(|units| tally.up(packed_bytes(units, plan.ring.bits())));
    }
}
