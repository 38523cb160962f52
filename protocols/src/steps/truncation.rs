//! Linearized units: exact division by 2^f on shares, without a circuit.
//! Source: the wrap-bit truncation is this project's own; the product is by correlated OT (IKNP). Semi-honest.
//!
//! The server adds 2^(k-2) to its share u, so x + 2^(k-2) lies in [0, 2^(k-1)) and u + v wraps past 2^k exactly when
//! msb(u) or msb(v) is set. Then, mod 2^k,
//!
//!   (u >> f) + (v >> f) - (msb(u) + msb(v) - msb(u) msb(v)) 2^(k-f) - 2^(k-2-f) + 1
//!
//! is x / 2^f rounded down or up, up with the probability of the dropped bits: unbiased to 2^-f and off by at most one
//! unit, always. Only the product of the two top bits needs a transfer, and only f bits of it, since it is worth
//! multiples of 2^(k-f):
//!
//!   client (v)                                 server (u)
//!     | <---- correlated OT, random choices a ----- |   offline, 16 bytes a unit
//!     | ---- C = h(q) - h(q + D) + msb(v), f bits -> |   offline
//!     | <----------- d = msb(u) ^ a, 1 bit --------- |   online
//!
//! The client's pad is -h(q), the server's h(q) + a (C if a): they sum to a msb(v); d turns that into msb(u) msb(v).

use super::{CORRECTION, CORRELATION, pieces, recv_pieces, send_pieces};
use crate::Error;
use crate::block::Block;
use crate::ot::iknp::CotSender;
use crate::ot::product::{Offer, Place, ReceiverShares, correlate};
use crate::plan::ActivationPlan;
use crate::plan::cost::Tally;
use crate::saved::{Loading, Saving};
use crate::wire::{pack, packed_bytes, unpack};
use models::fixed::Ring;
use netem::Channel;

/// The client's half of the products. Consumed online.
pub struct ClientPads {
    shares: Vec<u64>,
    pads: Vec<u64>,
}

impl ClientPads {
    pub(super) fn save(&self, to: &mut Saving<'_>) -> Result<(), Error> {
        to.values(&self.shares)?;
        to.values(&self.pads)
    }

    pub(super) fn load(units: usize, from: &mut Loading<'_>) -> Result<Self, Error> {
        Ok(Self { shares: from.values(units)?, pads: from.values(units)? })
    }
}

/// Offline, client to server: the correlation; `shares` are the client's of the linearized units.
pub fn client_choose(
    channel: &mut Channel,
    ring: Ring,
    step: &ActivationPlan,
    place: Place,
    ots: &CotSender,
    strings: &[Block],
    shares: Vec<u64>,
) -> Result<ClientPads, Error> {
    let tops: Vec<u64> = shares.iter().map(|v| top_bit(ring, *v)).collect();
    let (corrections, pads) = correlate(place, ots, strings, &tops);
    send_pieces(channel, CORRELATION, pack(&corrections, step.step.truncate))?;
    Ok(ClientPads { shares, pads })
}

/// Offline, the server's reading of the correlation.
pub fn server_finish(
    channel: &mut Channel,
    step: &ActivationPlan,
    place: Place,
    offer: Offer,
) -> Result<ReceiverShares, Error> {
    let (f, units) = (step.step.truncate, step.linearized_count());
    let bytes = recv_pieces(channel, CORRELATION, packed_bytes(units, f))?;
    Ok(offer.finish(place, &unpack(&bytes, f, units)))
}

/// Online, server to client: one bit a unit. Returns the server's shares of the quotients; `shares` are its u.
pub fn server_online(
    channel: &mut Channel,
    ring: Ring,
    step: &ActivationPlan,
    own: ReceiverShares,
    shares: &[u64],
) -> Result<Vec<u64>, Error> {
    let lifted: Vec<u64> = shares.iter().map(|u| lift(ring, *u)).collect();
    let bits: Vec<u64> =
        lifted.iter().zip(&own.choices).map(|(u, a)| top_bit(ring, *u) ^ u64::from(*a)).collect();
    let quotients = lifted
        .iter()
        .zip(&bits)
        .zip(&own.shares)
        .map(|((u, d), pad)| {
            // d = 1 negates the share of a*msb(v): the client adds msb(v).
            let product = (pad ^ d.wrapping_neg()).wrapping_add(*d);
            server_quotient(ring, step.step.truncate, *u, product)
        })
        .collect();
    send_pieces(channel, CORRECTION, pack(&bits, 1))?;
    Ok(quotients)
}

/// Online, the client's shares of the quotients.
pub fn client_online(
    channel: &mut Channel,
    ring: Ring,
    step: &ActivationPlan,
    own: ClientPads,
) -> Result<Vec<u64>, Error> {
    let bytes = recv_pieces(channel, CORRECTION, packed_bytes(own.shares.len(), 1))?;
    let bits = unpack(&bytes, 1, own.shares.len());
    Ok(own
        .shares
        .iter()
        .zip(bits)
        .zip(&own.pads)
        .map(|((v, d), pad)| {
            let product = (pad ^ d.wrapping_neg()).wrapping_add(d).wrapping_add(d & top_bit(ring, *v));
            client_quotient(ring, step.step.truncate, *v, product)
        })
        .collect())
}

/// The quotient that the two shares make, without any of the above: the step's meaning.
pub fn ideal(ring: Ring, f: u32, u: u64, v: u64) -> u64 {
    let u = lift(ring, u);
    let product = top_bit(ring, u) & top_bit(ring, v);
    ring.add(server_quotient(ring, f, u, 0), client_quotient(ring, f, v, product))
}

/// u + 2^(k-2).
fn lift(ring: Ring, u: u64) -> u64 {
    ring.add(u, 1 << (ring.bits() - 2))
}

fn top_bit(ring: Ring, x: u64) -> u64 {
    x >> (ring.bits() - 1)
}

/// The server's terms; `u` is lifted, `product` its share of msb(u) msb(v).
fn server_quotient(ring: Ring, f: u32, u: u64, product: u64) -> u64 {
    let k = ring.bits();
    let wrap = product.wrapping_sub(top_bit(ring, u)) << (k - f);
    ring.reduce((u >> f).wrapping_add(wrap).wrapping_sub(1 << (k - 2 - f)).wrapping_add(1))
}

/// The client's terms.
fn client_quotient(ring: Ring, f: u32, v: u64, product: u64) -> u64 {
    let wrap = product.wrapping_sub(top_bit(ring, v)) << (ring.bits() - f);
    ring.reduce((v >> f).wrapping_add(wrap))
}

/// Offline, client to server.
pub fn cost_choose(step: &ActivationPlan, tally: &mut Tally) {
    let bytes = packed_bytes(step.linearized_count(), step.step.truncate);
    tally.up_frames(bytes, pieces(bytes).count());
}

/// Online, server to client.
pub fn cost_online(step: &ActivationPlan, tally: &mut Tally) {
    let bytes = packed_bytes(step.linearized_count(), 1);
    tally.down_frames(bytes, pieces(bytes).count());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every x in range, every share: within one unit of the quotient, and up exactly as often as the dropped bits say.
    #[test]
    fn exhaustive_at_small_width() {
        let (k, f) = (9, 3);
        let ring = Ring::new(k).unwrap();
        for x in -(1i64 << (k - 2))..(1 << (k - 2)) {
            let mut ups = 0;
            for v in 0..1u64 << k {
                let u = ring.sub(ring.from_signed(x), v);
                let y = ring.signed(ideal(ring, f, u, v));
                assert!(y == x >> f || y == (x >> f) + 1, "{x} >> {f} gave {y}");
                ups += i64::from(y == (x >> f) + 1);
            }
            // (dropped + 1) of 2^f shares round up.
            assert_eq!(ups, ((x & 7) + 1) << (k - f));
        }
    }
}
