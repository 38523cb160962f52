//! The image enters: the server learns it behind the client's mask. Source: Delphi, section 4, online phase.
//!
//!   client (x, r)              server
//!     | ---- x - r, k bits a unit ---> |   online

use crate::Error;
use crate::message::{self, MASKED};
use crate::plan::Plan;
use crate::tally::Operations;
use crate::values::{ClientMask, Masked};
use crate::walk::Walk;
use crate::wire::{pack, packed_bytes, unpack};
use netem::Channel;

/// Sends the image behind `mask`.
pub fn client(channel: &mut Channel, plan: &Plan, image: &[u64], mask: &ClientMask) -> Result<(), Error> {
    let masked = mask.hide(plan.ring, image);
    message::send(channel, MASKED, pack(masked.elements(), plan.ring.bits()))
}

/// The image behind the client's mask.
pub fn server(channel: &mut Channel, plan: &Plan) -> Result<Masked, Error> {
    let bytes = message::recv(channel, MASKED, packed_bytes(plan.input.size(), plan.ring.bits()))?;
    Ok(Masked::received(unpack(&bytes, plan.ring.bits(), plan.input.size())))
}

/// What the image costs.
pub fn declare(plan: &Plan, walk: &mut Walk) {
    let work = Operations { elements: plan.input.size() as u64, ..Operations::default() };
    walk.client(work);
    walk.up_message(packed_bytes(plan.input.size(), plan.ring.bits()));
    walk.server(work);
}
