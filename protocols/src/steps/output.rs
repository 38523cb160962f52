//! The logits leave: the client alone learns them.
//!
//!   client (v)                 server (u)
//!     | <------- u, k bits a logit ----- |   online

use crate::Error;
use crate::message::{self, LOGITS};
use crate::plan::Plan;
use crate::values::{ClientShare, ServerShare, open};
use crate::walk::Walk;
use crate::wire::{pack, packed_bytes, unpack};
use netem::Channel;

/// The signed logits.
pub fn client(channel: &mut Channel, plan: &Plan, share: &ClientShare) -> Result<Vec<i64>, Error> {
    let (k, outputs) = (plan.ring.bits(), plan.outputs());
    let bytes = message::recv(channel, LOGITS, packed_bytes(outputs, k))?;
    let theirs = ServerShare::new(unpack(&bytes, k, outputs));
    Ok(open(plan.ring, &theirs, share).into_iter().map(|x| plan.ring.signed(x)).collect())
}

/// Sends the server's share.
pub fn server(channel: &mut Channel, plan: &Plan, share: &ServerShare) -> Result<(), Error> {
    message::send(channel, LOGITS, pack(share.elements(), plan.ring.bits()))?;
    Ok(channel.flush()?)
}

/// What the logits cost.
pub fn declare(plan: &Plan, walk: &mut Walk) {
    walk.down_message(packed_bytes(plan.outputs(), plan.ring.bits()));
}
