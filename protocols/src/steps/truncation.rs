//! Linearized units: exact division by 2^f on shares, without a circuit.
//! Source: the wrap-bit truncation is this project's own; the product is by correlated OT. Semi-honest.
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
//!     | <---- correlated OT, random choices a ----- |   offline, 16 / k bytes a unit (`ot/extension.rs`)
//!     | ---- C = h(q) - h(q + D) + msb(v), f bits -> |   offline
//!     | <----------- d = msb(u) ^ a, 1 bit --------- |   online
//!
//! The client's pad is -h(q), the server's h(q) + a (C if a): they sum to a msb(v); d turns that into msb(u) msb(v).

use crate::Error;
use crate::block::Block;
use crate::gc::transfer::Lot;
use crate::message::{self, CORRECTION, CORRELATION};
use crate::numbering::LayerId;
use crate::ot::product::{Offer, Place, ReceiverShares, correlate};
use crate::saved::{Loading, Saving};
use crate::secret::Secret;
use crate::setup::{ClientSession, ServerSession};
use crate::tally::Operations;
use crate::values::{ClientMask, ClientShare, ServerShare};
use crate::walk::Walk;
use crate::wire::{pack, packed_bytes, unpack};
use models::fixed::Ring;
use netem::Channel;
use rand::{CryptoRng, RngCore};

/// The linearized units of an activation layer, of which there may be none.
pub struct Truncation {
    ring: Ring,
    /// f, the bits dropped.
    dropped: u32,
    /// Linearized units, by index in the layer, ascending.
    units: Vec<u32>,
}

/// What a party keeps of a unit, bytes: a share, its product and a number; or a choice, a product and a number.
pub(super) const STORED_BYTES: (usize, usize) = (8 + 8 + 4, 1 + 8 + 4);

impl Truncation {
    /// The division of `units` by 2^`dropped`.
    pub(super) const fn new(ring: Ring, dropped: u32, units: Vec<u32>) -> Self {
        Self { ring, dropped, units }
    }

    /// How many units there are.
    pub(super) const fn count(&self) -> usize {
        self.units.len()
    }

    fn place(session: crate::gc::SessionKey, id: LayerId) -> Place {
        Place { session, layer: id.number(), lot: Lot::Truncation }
    }
}

/// The client, with its strings of the server's offer.
pub(super) struct ClientOffer<'p> {
    truncation: &'p Truncation,
    id: LayerId,
    strings: Secret<Block>,
}

/// The client's half of the products, and its shares of the units. Consumed online.
pub(super) struct ClientReady<'p> {
    truncation: &'p Truncation,
    shares: ClientShare,
    pads: Secret<u64>,
}

impl Truncation {
    /// Offline, the client's reading of the offer.
    pub(super) fn client_accept<'p>(
        &'p self,
        channel: &mut Channel,
        session: &mut ClientSession,
        id: LayerId,
    ) -> Result<ClientOffer<'p>, Error> {
        Ok(ClientOffer {
            truncation: self,
            id,
            strings: session.products.extend_random(channel, self.count())?,
        })
    }
}

impl<'p> ClientOffer<'p> {
    /// Offline, client to server: the correlation, for its shares `v` of the layer's input.
    pub(super) fn choose(
        self,
        channel: &mut Channel,
        session: &ClientSession,
        v: &ClientShare,
    ) -> Result<ClientReady<'p>, Error> {
        let Self { truncation, id, strings } = self;
        let shares = v.of(&truncation.units);
        let tops: Secret<u64> = shares.elements().iter().map(|v| top_bit(truncation.ring, *v)).collect();
        let place = Truncation::place(session.hash, id);
        let (corrections, pads) = correlate(place, session.products.delta(), &strings, &tops);
        message::send(channel, CORRELATION, pack(&corrections, truncation.dropped))?;
        Ok(ClientReady { truncation, shares, pads: pads.into() })
    }
}

impl<'p> ClientReady<'p> {
    /// Online: the client's shares of the quotients, sent behind the mask `r` of the layer's output.
    pub(super) fn online(self, channel: &mut Channel, r: &ClientMask) -> Result<(), Error> {
        let Truncation { ring, dropped, units } = self.truncation;
        let bytes = message::recv(channel, CORRECTION, packed_bytes(units.len(), 1))?;
        let bits = unpack(&bytes, 1, units.len());
        let masks = r.of(units);
        let answers: Vec<u64> = (self.shares.elements().iter().zip(bits))
            .zip(self.pads.iter().zip(masks.elements()))
            .map(|((v, d), (pad, mask))| {
                let own = d & top_bit(*ring, *v);
                let product = (pad ^ d.wrapping_neg()).wrapping_add(d).wrapping_add(own);
                ring.sub(client_quotient(*ring, *dropped, *v, product), *mask)
            })
            .collect();
        message::send(channel, message::MASKED, pack(&answers, ring.bits()))
    }

    pub(super) fn save(&self, to: &mut Saving<'_>) -> Result<(), Error> {
        to.values(self.shares.elements())?;
        to.values(&self.pads)
    }

    pub(super) fn load(truncation: &'p Truncation, from: &mut Loading<'_>) -> Result<Self, Error> {
        let shares = ClientShare::new(from.values(truncation.count())?);
        Ok(Self { truncation, shares, pads: from.values(truncation.count())?.into() })
    }
}

/// The server's offer, before the client's correlation.
pub(super) struct ServerOffer<'p> {
    truncation: &'p Truncation,
    id: LayerId,
    offer: Offer,
}

/// The server's half of the products. Consumed online.
pub(super) struct ServerReady<'p> {
    truncation: &'p Truncation,
    own: ReceiverShares,
}

/// The server after it sent its bits: its shares of the quotients.
pub(super) struct ServerSent<'p> {
    truncation: &'p Truncation,
    quotients: Secret<u64>,
}

impl Truncation {
    /// Offline, server to client: one OT a unit.
    pub(super) fn server_offer<'p, R: RngCore + CryptoRng>(
        &'p self,
        channel: &mut Channel,
        session: &mut ServerSession<'_>,
        id: LayerId,
        rng: &mut R,
    ) -> Result<ServerOffer<'p>, Error> {
        let offer = Offer::send(channel, self.count(), &mut session.products, rng)?;
        Ok(ServerOffer { truncation: self, id, offer })
    }
}

impl<'p> ServerOffer<'p> {
    /// Offline, the server's reading of the correlation.
    pub(super) fn chosen(
        self,
        channel: &mut Channel,
        session: &ServerSession<'_>,
    ) -> Result<ServerReady<'p>, Error> {
        let Self { truncation, id, offer } = self;
        let (f, units) = (truncation.dropped, truncation.count());
        let bytes = message::recv(channel, CORRELATION, packed_bytes(units, f))?;
        let own = offer.finish(Truncation::place(session.hash, id), &unpack(&bytes, f, units));
        Ok(ServerReady { truncation, own })
    }
}

impl<'p> ServerReady<'p> {
    /// Online, server to client: one bit a unit, for its share `u` of the layer's input.
    pub(super) fn online(self, channel: &mut Channel, u: &ServerShare) -> Result<ServerSent<'p>, Error> {
        let Self { truncation, own } = self;
        let Truncation { ring, dropped, units } = truncation;
        let lifted: Secret<u64> = u.of(units).elements().iter().map(|u| lift(*ring, *u)).collect();
        let chosen = lifted.iter().zip(own.choices.iter());
        let bits: Vec<u64> = chosen.map(|(u, a)| top_bit(*ring, *u) ^ u64::from(*a)).collect();
        let quotients = (lifted.iter().zip(&bits))
            .zip(own.shares.iter())
            .map(|((u, d), pad)| {
                // d = 1 negates the share of a*msb(v): the client adds msb(v).
                let product = (pad ^ d.wrapping_neg()).wrapping_add(*d);
                server_quotient(*ring, *dropped, *u, product)
            })
            .collect();
        message::send(channel, CORRECTION, pack(&bits, 1))?;
        Ok(ServerSent { truncation, quotients })
    }

    pub(super) fn save(&self, to: &mut Saving<'_>) -> Result<(), Error> {
        to.flags(&self.own.choices)?;
        to.values(&self.own.shares)
    }

    pub(super) fn load(truncation: &'p Truncation, from: &mut Loading<'_>) -> Result<Self, Error> {
        let choices = from.flags(truncation.count())?.into();
        let own = ReceiverShares { choices, shares: from.values(truncation.count())?.into() };
        Ok(Self { truncation, own })
    }
}

impl ServerSent<'_> {
    /// Online: puts the server's shares of the quotients in their places in `share`, from what the client sends.
    pub(super) fn finish(self, channel: &mut Channel, share: &mut [u64]) -> Result<(), Error> {
        let Truncation { ring, dropped: _, units } = self.truncation;
        let bytes = message::recv(channel, message::MASKED, packed_bytes(units.len(), ring.bits()))?;
        let masked = unpack(&bytes, ring.bits(), units.len());
        for ((unit, quotient), masked) in units.iter().zip(self.quotients.iter()).zip(masked) {
            share[*unit as usize] = ring.add(*quotient, masked);
        }
        Ok(())
    }
}

/// The quotient that the two shares make, without any of the above: the step's meaning.
pub(super) fn ideal(ring: Ring, f: u32, u: u64, v: u64) -> u64 {
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

impl Truncation {
    fn work(&self) -> Operations {
        Operations { elements: self.count() as u64, ..Operations::default() }
    }

    /// Offline, server to client.
    pub(super) fn declare_offer(&self, walk: &mut Walk) {
        walk.down_random_transfers(self.count());
    }

    /// Offline, client to server.
    pub(super) fn declare_choose(&self, walk: &mut Walk) {
        walk.client(self.work());
        walk.up_message(packed_bytes(self.count(), self.dropped));
        walk.server(self.work());
    }

    /// Online, server to client.
    pub(super) fn declare_bits(&self, walk: &mut Walk) {
        walk.server(self.work());
        walk.down_message(packed_bytes(self.count(), 1));
    }

    /// Online, client to server.
    pub(super) fn declare_answers(&self, walk: &mut Walk) {
        walk.client(self.work());
        walk.up_message(packed_bytes(self.count(), self.ring.bits()));
        walk.server(self.work());
    }
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
