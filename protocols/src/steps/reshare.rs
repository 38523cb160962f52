//! A layer that keeps no unit and is not rescaled: its value goes on to the next segment, and online nothing travels.
//! Source: this project's own. Semi-honest.
//!
//!   client (v, r)                 server (u)
//!     | ---- v - r, k bits a unit ---> |   offline, with its choices
//!     keeps r                     computes u + (v - r)   |   online, nothing travels
//!
//! The client knows its share v = W r' - s of a segment's value as soon as it has decrypted the answer, but by then it has
//! asked for the next segment under a fresh mask r, as all requests leave in one flight. The difference moves the value
//! from one to the other. It tells the server nothing: r is uniform, used for this value alone, and otherwise seen only
//! encrypted. The value is exact, so its scale grows by the next weights' bits until a layer rescales it.

use crate::Error;
use crate::message::{self, MASKED};
use crate::numbering::ChannelStep;
use crate::plan::Plan;
use crate::saved::{Loading, Saving};
use crate::tally::Operations;
use crate::values::{ClientValues, Masked, ServerShare};
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
}

impl Reshare {
    /// Step `index` of `plan`.
    pub fn new(plan: &Plan, index: usize, step: &ReshareStep) -> Self {
        Self { ring: plan.ring, index, source: step.source, units: step.shape.size() }
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

    /// Offline: the client's share of the source behind the mask of the output.
    pub fn client(&self, channel: &mut Channel, values: &ClientValues) -> Result<(), Error> {
        let share = values.share(self.source);
        let masked = values.mask(self.output()).hide(self.ring, share.elements());
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
        let ring = self.reshare.ring;
        let parts = u.elements().iter().zip(self.masked.elements());
        ServerShare::new(parts.map(|(u, masked)| ring.add(*u, *masked)).collect())
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
