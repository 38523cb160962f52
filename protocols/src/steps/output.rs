//! The logits leave: the client alone learns them.
//!
//!   client (v)                 server (u)
//!     | <------- u, k bits a logit ----- |   online

use super::{LOGITS, pieces, recv_pieces, send_pieces};
use crate::Error;
use crate::plan::Plan;
use crate::plan::cost::Tally;
use crate::wire::{pack, packed_bytes, unpack};
use netem::Channel;

/// The signed logits; `share` is the client's.
pub fn client(channel: &mut Channel, plan: &Plan, share: &[u64]) -> Result<Vec<i64>, Error> {
    let bytes = recv_pieces(channel, LOGITS, packed_bytes(share.len(), plan.ring.bits()))?;
    let theirs = unpack(&bytes, plan.ring.bits(), share.len());
    Ok(share.iter().zip(theirs).map(|(v, u)| plan.ring.signed(plan.ring.add(*v, u))).collect())
}

/// Sends the server's share.
pub fn server(channel: &mut Channel, plan: &Plan, share: &[u64]) -> Result<(), Error> {
    send_pieces(channel, LOGITS, pack(share, plan.ring.bits()))?;
    Ok(channel.flush()?)
}

/// What the logits cost.
pub fn cost(plan: &Plan, tally: &mut Tally) {
    let bytes = packed_bytes(plan.outputs(), plan.ring.bits());
    tally.down_frames(bytes, pieces(bytes).count());
}
