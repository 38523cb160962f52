//! A layer that keeps no unit and is not rescaled by a protocol: its value goes on to the next segment, and online nothing
//! travels. Source: this project's own; truncation of shares alone: SecureML, section 4.1. Semi-honest.
//!
//!   client (v, r)                         server (u)
//!     | ---- floor(v / 2^f) - r, k bits a unit ---> |   offline, with its choices
//!     keeps r                             computes ceil(u / 2^f) + what came   |   online, nothing travels
//!
//! The client knows its share v = W r' - s of a segment's value (its mask r', of a product's) as soon as it has decrypted the answer, but by then it has
//! asked for the next segment under a fresh mask r, as all requests leave in one flight. The difference moves the value
//! from one to the other. It tells the server nothing: r is uniform, used for this value alone, and otherwise seen only
//! encrypted.
//!
//! With f = 0 the value is exact, so its scale grows by the next weights' bits until it is divided. With f > 0 each party
//! divides its share, read as a signed number. Unless u + v leaves the ring's range, the result is x / 2^f rounded up with
//! the probability of the dropped bits, and down otherwise, as v is uniform. Where it does, which happens for at most |x| + 1 of the 2^k
//! values of v, the unit is spoiled; how rare that has to be is for the compiler to see to
//! ([`models::fixed::quantise::SPOILED_BITS`]). It is a question of right answers, not of privacy: nothing more is sent.

use crate::Error;
use crate::message::{self, MASKED};
use crate::numbering::ChannelStep;
use crate::plan::Plan;
use crate::saved::{Loading, Saving};
use crate::secret::Secret;
use crate::tally::Operations;
use crate::values::{ClientShare, ClientValues, Masked, ServerShare};
use crate::walk::Walk;
use crate::wire::{pack, packed_bytes, unpack};
use models::fixed::Ring;
use models::fixed::steps::{ReshareStep, ValueId};
use netem::Channel;

/// A value that is passed on, with all that its parties need of the plan.
pub struct Reshare {
    ring: Ring,
    /// Its place among the plan's steps.
    index: usize,
    source: ValueId,
    units: usize,
    /// f: bits that each party drops.
    truncate: u32,
}

impl Reshare {
    /// Step `index` of `plan`.
    pub fn new(plan: &Plan, index: usize, step: &ReshareStep) -> Self {
        let ReshareStep { source, shape, truncate, .. } = step;
        Self { ring: plan.ring, index, source: *source, units: shape.size(), truncate: *truncate }
    }

    /// The step as the channel books it.
    pub const fn channel_step(&self) -> ChannelStep {
        ChannelStep::of(self.index)
    }

    /// The value that it reads.
    pub const fn source(&self) -> ValueId {
        self.source
    }

    /// The value that it makes.
    pub const fn output(&self) -> ValueId {
        ValueId::made_by(self.index)
    }

    /// Units of the value.
    pub const fn units(&self) -> usize {
        self.units
    }

    /// What the client makes of its share, and what it is: of the output.
    fn client_part(&self, v: u64) -> u64 {
        self.ring.from_signed(self.ring.signed(v) >> self.truncate)
    }

    /// The same of the server's.
    fn server_part(&self, u: u64) -> u64 {
        let up = (1 << self.truncate) - 1;
        self.ring.from_signed((self.ring.signed(u) + up) >> self.truncate)
    }

    /// The outputs that the shares of all units make, without any protocol: the step's meaning.
    pub fn ideal(&self, u: &ServerShare, v: &ClientShare) -> Vec<u64> {
        let pairs = u.elements().iter().zip(v.elements());
        pairs.map(|(u, v)| self.ring.add(self.server_part(*u), self.client_part(*v))).collect()
    }

    /// Units whose shares leave the ring's range, so that truncating them alone spoils the value.
    pub fn spoiled(&self, u: &ServerShare, v: &ClientShare) -> usize {
        if self.truncate == 0 {
            return 0;
        }
        let range = |sum: i64| self.ring.signed(self.ring.from_signed(sum)) == sum;
        let sums =
            u.elements().iter().zip(v.elements()).map(|(u, v)| self.ring.signed(*u) + self.ring.signed(*v));
        sums.filter(|sum| !range(*sum)).count()
    }

    /// Offline: what the client makes of its share of the source behind the mask of the output.
    pub fn client(&self, channel: &mut Channel, values: &ClientValues) -> Result<(), Error> {
        let share = values.share(self.source).elements();
        let part: Secret<u64> = share.iter().map(|v| self.client_part(*v)).collect();
        let masked = values.mask(self.output()).hide(self.ring, &part);
        message::send(channel, MASKED, pack(masked.elements(), self.ring.bits()))
    }

    /// Offline: the server's reading of it.
    pub fn server(&self, channel: &mut Channel) -> Result<ServerReady<'_>, Error> {
        let bits = self.ring.bits();
        let bytes = message::recv(channel, MASKED, packed_bytes(self.units, bits))?;
        Ok(ServerReady { reshare: self, masked: Masked::received(unpack(&bytes, bits, self.units)) })
    }
}

/// What the server keeps of the client's share until it has its own. Consumed by `online`.
pub struct ServerReady<'p> {
    reshare: &'p Reshare,
    masked: Masked,
}

impl<'p> ServerReady<'p> {
    /// The step.
    pub const fn reshare(&self) -> &'p Reshare {
        self.reshare
    }

    /// Online: the server's share of the output; `u` is its share of the source.
    pub fn online(self, u: &ServerShare) -> ServerShare {
        let reshare = self.reshare;
        let parts = u.elements().iter().zip(self.masked.elements());
        let sum = |(u, masked): (&u64, &u64)| reshare.ring.add(reshare.server_part(*u), *masked);
        ServerShare::new(parts.map(sum).collect())
    }

    /// Bytes that the step occupies until it is used.
    pub const fn stored_bytes(&self) -> usize {
        self.reshare.stored_bytes()
    }

    /// Writes it down.
    pub(crate) fn save(&self, to: &mut Saving<'_>) -> Result<(), Error> {
        to.values(self.masked.elements())
    }

    /// Reads what `save` wrote of `reshare`.
    pub(crate) fn load(reshare: &'p Reshare, from: &mut Loading<'_>) -> Result<Self, Error> {
        Ok(Self { reshare, masked: Masked::received(from.values(reshare.units)?) })
    }
}

impl Reshare {
    /// Bytes that it occupies at the server until it is used.
    pub const fn stored_bytes(&self) -> usize {
        8 * self.units
    }

    /// Offline, client to server.
    pub fn declare_offline(&self, walk: &mut Walk) {
        walk.client(self.work());
        walk.up_message(packed_bytes(self.units, self.ring.bits()));
        walk.server(self.work());
    }

    /// Online: nothing travels.
    pub fn declare_online(&self, walk: &mut Walk) {
        walk.server(self.work());
    }

    fn work(&self) -> Operations {
        Operations { elements: self.units as u64, ..Operations::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reshare(bits: u32, truncate: u32) -> Reshare {
        Reshare { ring: Ring::new(bits).unwrap(), index: 1, source: ValueId::IMAGE, units: 1, truncate }
    }

    /// In a small ring, for every value and every share: rounded up as often as the dropped bits say, but for shares that
    /// leave the ring's range, of which there are as many as the value is large.
    #[test]
    fn shares_are_divided_without_a_bias() {
        let (reshare, f) = (reshare(10, 3), 3);
        let ring = reshare.ring;
        for x in -100i64..100 {
            let (mut up, mut spoiled) = (0, 0);
            for v in 0..1u64 << ring.bits() {
                let u = ServerShare::new(vec![ring.sub(ring.from_signed(x), v)]);
                let v = ClientShare::new(vec![v]);
                let found = ring.signed(reshare.ideal(&u, &v)[0]);
                match reshare.spoiled(&u, &v) {
                    0 => {
                        assert!(found == x >> f || found == (x >> f) + 1, "{x}: {found}");
                        up += found - (x >> f);
                    }
                    _ => {
                        spoiled += 1;
                        let off = ring.signed(ring.from_signed(found - (x >> f))).unsigned_abs();
                        assert!(off.abs_diff(1 << (ring.bits() - f)) <= 1, "{x}: {found} is off by {off}");
                    }
                }
            }
            assert_eq!(spoiled, if x < 0 { -x - 1 } else { x + 1 }, "{x}");
            let whole = 1i64 << ring.bits();
            let expected = (x & 7) * (whole >> f);
            assert!((up - expected).abs() <= spoiled, "{x}: {up} of {whole} up");
        }
    }

    #[test]
    fn nothing_dropped_is_exact() {
        let reshare = reshare(10, 0);
        let ring = reshare.ring;
        for x in 0..1 << 10 {
            for v in [0, 1, 511, 512, 1023] {
                let (u, v) = (ServerShare::new(vec![ring.sub(x, v)]), ClientShare::new(vec![v]));
                assert_eq!((reshare.ideal(&u, &v)[0], reshare.spoiled(&u, &v)), (x, 0));
            }
        }
    }
}
