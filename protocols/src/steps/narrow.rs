//! Kept units: ReLU of the quotient on shares, one garbled circuit a unit that compares only the bits that matter.
//! Source: half-gates (ZRE15), Delphi's offline/online split; narrowing and the arithmetic output are this project's.
//! Semi-honest; the server garbles, the client evaluates. n = m + 1 - f bits for values |x| < 2^m - 2^f.
//!
//! Both shares are reduced mod 2^(m+1) and lose their low f bits: U, V. U + V + 1 mod 2^n is x / 2^f rounded down or up
//! (up with the probability of the dropped bits), so its sign is right and max(., 0) is ReLU, off by at most one unit.
//!
//!   client (v)                                   server (u)
//!     | ---- correlated OT, choices V, 16 n bytes -> |   offline
//!     | <---- tables, arithmetic ciphertexts ------- |   offline
//!     | <---- labels of U, 16 n bytes -------------- |   online

use crate::Error;
use crate::block::Block;
use crate::gc::SessionKey;
use crate::gc::circuit::narrow_relu_ands;
use crate::gc::layer::{Garbled, Material, ReluLayer, ServerInputs, garble};
use crate::gc::{LABELS, MATERIAL};
use crate::ot::iknp::{CotReceiver, CotSender, extension_bytes, extension_frames};
use crate::plan::cost::{Operations, Tally};
use crate::plan::{ActivationPlan, Plan};
use models::fixed::Ring;
use netem::Channel;
use rand::CryptoRng;

/// The layer's garbled shape, or `None` where no unit is kept. `id` is unique in its session.
fn layer(ring: Ring, step: &ActivationPlan, id: u32) -> Result<Option<ReluLayer>, Error> {
    match step.step.kept.len() {
        0 => Ok(None),
        units => ReluLayer::new(units, step.compared_bits as usize, ring.bits(), id).map(Some),
    }
}

/// The n bits of a share that are compared.
pub(super) fn compared(step: &ActivationPlan, share: u64) -> u64 {
    (share >> step.step.truncate) & ((1 << step.compared_bits) - 1)
}

/// Offline, client to server: the labels of its shares.
pub fn client_choose(
    channel: &mut Channel,
    step: &ActivationPlan,
    ots: &mut CotReceiver,
    shares: &[u64],
) -> Result<Vec<Block>, Error> {
    if shares.is_empty() {
        return Ok(Vec::new());
    }
    let choices: Vec<bool> = shares
        .iter()
        .flat_map(|v| (0..step.compared_bits).map(move |i| compared(step, *v) >> i & 1 == 1))
        .collect();
    ots.extend(channel, &choices)
}

/// Offline: garbles and sends the layer; the client's choices come first.
pub fn server_garble(
    channel: &mut Channel,
    ring: Ring,
    step: &ActivationPlan,
    (session, id): (SessionKey, u32),
    ots: &CotSender,
    client_zero: &[Block],
    rng: &mut impl CryptoRng,
) -> Result<Option<Garbled>, Error> {
    layer(ring, step, id)?
        .map(|layer| {
            garble(layer, session, ots.delta(), client_zero, rng, |piece| Ok(channel.send(MATERIAL, piece)?))
        })
        .transpose()
}

/// Offline, the server's reading of the client's choices: zero labels.
pub fn server_labels(
    channel: &mut Channel,
    step: &ActivationPlan,
    ots: &mut CotSender,
) -> Result<Vec<Block>, Error> {
    let wires = step.step.kept.len() * step.compared_bits as usize;
    if wires == 0 { Ok(Vec::new()) } else { ots.extend(channel, wires) }
}

/// Offline: receives the layer.
pub fn client_receive(
    channel: &mut Channel,
    ring: Ring,
    step: &ActivationPlan,
    (session, id): (SessionKey, u32),
    labels: Vec<Block>,
) -> Result<Option<Material>, Error> {
    layer(ring, step, id)?
        .map(|layer| Material::receive(layer, session, labels, |length| Ok(channel.recv(MATERIAL, length)?)))
        .transpose()
}

/// Online: sends the labels of the server's shares.
pub fn server_online(
    channel: &mut Channel,
    step: &ActivationPlan,
    inputs: ServerInputs,
    shares: &[u64],
) -> Result<(), Error> {
    let compared: Vec<u64> = shares.iter().map(|u| compared(step, *u)).collect();
    inputs.select(&compared, |piece| Ok(channel.send(LABELS, piece)?))
}

/// Online: the client's shares of the outputs.
pub fn client_online(channel: &mut Channel, material: Material) -> Result<Vec<u64>, Error> {
    material.evaluate(|length| Ok(channel.recv(LABELS, length)?))
}

/// The output that the shares make, without any of the above: the step's meaning.
pub fn ideal(step: &ActivationPlan, u: u64, v: u64) -> u64 {
    let n = step.compared_bits;
    let sum = compared(step, u).wrapping_add(compared(step, v)).wrapping_add(1) & ((1 << n) - 1);
    if sum >> (n - 1) == 1 { 0 } else { sum }
}

/// Offline, client to server.
pub fn cost_choose(step: &ActivationPlan, tally: &mut Tally) {
    let wires = step.step.kept.len() * step.compared_bits as usize;
    tally.up_frames(extension_bytes(wires), extension_frames(wires));
    tally.work(Operations { correlated_ots: wires as u64, ..Operations::default() });
}

/// Offline, server to client.
pub fn cost_garble(plan: &Plan, step: &ActivationPlan, tally: &mut Tally) {
    if let Ok(Some(layer)) = layer(plan.ring, step, 0) {
        layer.material_pieces().for_each(|piece| tally.down(piece));
        let circuits = layer.units() as u64;
        let and_gates = circuits * narrow_relu_ands(step.compared_bits as usize) as u64;
        tally.work(Operations { circuits, and_gates, ..Operations::default() });
    }
}

/// Online, server to client.
pub fn cost_online(plan: &Plan, step: &ActivationPlan, tally: &mut Tally) {
    if let Ok(Some(layer)) = layer(plan.ring, step, 0) {
        layer.label_pieces().for_each(|piece| tally.down(piece));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use models::fixed::steps::ActivationStep;
    use models::graph::{Activation, Shape};

    /// Every x inside the bound, every share: ReLU of the quotient within one unit.
    #[test]
    fn exhaustive_at_small_width() {
        let (k, m, f) = (9, 6, 3);
        let ring = Ring::new(k).unwrap();
        let step = ActivationPlan {
            step: ActivationStep {
                name: "relu".into(),
                source: 1,
                shape: Shape::new(1, 1, 1),
                activation: Activation::Relu,
                truncate: f,
                bound_bits: m,
                measures: 1,
                kept: vec![0],
            },
            compared_bits: m + 1 - f,
        };
        for x in (-(1i64 << m) + (1 << f) + 1)..((1 << m) - (1 << f)) {
            assert!(step.step.keeps_bound(x));
            for v in 0..1u64 << k {
                let u = ring.sub(ring.from_signed(x), v);
                let y = ideal(&step, u, v) as i64;
                let down = (x >> f).max(0);
                assert!(y == down || y == ((x >> f) + 1).max(0), "relu({x}) >> {f} gave {y}");
            }
        }
    }
}
