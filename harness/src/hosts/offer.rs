//! What a server offers, and how the hosts tell each other what is no part of the protocol.

use crate::error::Error;
use models::data::Normalisation;
use netem::{Channel, FrameKind, MAX_FRAME};
use protocols::plan::Plan;
use results::{Machine, ModelRecord};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The client's session id.
pub(super) const SESSION: FrameKind = FrameKind(0xf0);
/// The server's [`Offer`].
pub(super) const OFFER: FrameKind = FrameKind(0xf1);
/// What the server measured of the phase before.
pub(super) const REPORT: FrameKind = FrameKind(0xf2);

/// Bytes of a session id.
pub(super) const SESSION_BYTES: usize = 16;

/// What a server offers. All of it is public to its clients.
#[derive(Serialize, Deserialize)]
pub(super) struct Offer {
    /// Version of the server's program, and its revision where it is known.
    pub(super) linnet: String,
    pub(super) revision: Option<String>,
    pub(super) plan: Plan,
    pub(super) model: ModelRecord,
    pub(super) normalisation: Normalisation,
    pub(super) machine: Machine,
    pub(super) threads: usize,
    /// Whether seeds of masks come with the reports.
    pub(super) reveals_masks: bool,
}

pub(super) fn send<T: Serialize>(channel: &mut Channel, kind: FrameKind, message: &T) -> Result<(), Error> {
    channel.send(kind, serde_json::to_vec(message).expect("messages are plain data"))?;
    Ok(channel.flush()?)
}

pub(super) fn receive<T: DeserializeOwned>(
    channel: &mut Channel,
    kind: FrameKind,
    what: &str,
) -> Result<T, Error> {
    let bytes = channel.recv_at_most(kind, MAX_FRAME)?;
    serde_json::from_slice(&bytes).map_err(|error| Error::Party {
        party: "server",
        what: format!("sent {what} that is none: {error}; is it of another version?"),
    })
}
