//! The image enters: the server learns it behind the client's mask. Source: Delphi, section 4, online phase.
//!
//!   client (x, r)              server
//!     | ---- x - r, k bits a unit ---> |   online

use super::{MASKED, pieces, recv_pieces, send_pieces};
use crate::Error;
use crate::plan::Plan;
use crate::plan::cost::Tally;
use crate::wire::{pack, packed_bytes, unpack};
use netem::Channel;

/// Sends the image behind `mask`.
pub fn client(channel: &mut Channel, plan: &Plan, image: &[u64], mask: &[u64]) -> Result<(), Error> {
    let masked: Vec<u64> = image.iter().zip(mask).map(|(x, r)| plan.ring.sub(*x, *r)).collect();
    send_pieces(channel, MASKED, pack(&masked, plan.ring.bits()))
}

/// The server's share of the image.
pub fn server(channel: &mut Channel, plan: &Plan) -> Result<Vec<u64>, Error> {
    let bytes = recv_pieces(channel, MASKED, packed_bytes(plan.input.size(), plan.ring.bits()))?;
    Ok(unpack(&bytes, plan.ring.bits(), plan.input.size()))
}

/// What the image costs.
pub fn cost(plan: &Plan, tally: &mut Tally) {
    let bytes = packed_bytes(plan.input.size(), plan.ring.bits());
    tally.up_frames(bytes, pieces(bytes).count());
}
