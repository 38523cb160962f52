//! The two parties on two hosts: the same protocol code and rows as `linnet run`, over a connection that is really there.
//!
//!   client                                   server
//!     | <========= TCP, TLS handshake =========> |
//!     | ------------ session id ---------------> |
//!     | <- offer: plan, what it is of, machine -- |
//!     | <=============== set-up ===============> |   measured from here
//!     | --- requests, phases as ever ----------> |
//!     | --- report? / <- the server's books ---- |   between phases, in none of them
//!
//! Each host measures by its own clock, and only durations travel.

mod keys;
mod query;
mod serve;

pub(crate) use keys::keys;
pub(crate) use query::query;
pub(crate) use serve::serve;

use crate::error::Error;
use models::data::Normalisation;
use netem::{Channel, FrameKind, MAX_FRAME};
use protocols::plan::Plan;
use results::{Machine, ModelRecord};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The client's session id.
const SESSION: FrameKind = FrameKind(0xf0);
/// The server's [`Offer`].
const OFFER: FrameKind = FrameKind(0xf1);
/// The server's books of the phase before.
const BOOKS: FrameKind = FrameKind(0xf2);

/// Bytes of a session id.
const SESSION_BYTES: usize = 16;

/// What a server offers. All of it is public to its clients.
#[derive(Serialize, Deserialize)]
struct Offer {
    /// Version of the server's program, and its revision where it is known.
    linnet: String,
    revision: Option<String>,
    plan: Plan,
    model: ModelRecord,
    normalisation: Normalisation,
    machine: Machine,
    threads: usize,
    /// Whether seeds of masks come with the books.
    reveals_masks: bool,
}

fn send<T: Serialize>(channel: &mut Channel, kind: FrameKind, message: &T) -> Result<(), Error> {
    channel.send(kind, serde_json::to_vec(message).expect("messages are plain data"))?;
    Ok(channel.flush()?)
}

fn receive<T: DeserializeOwned>(channel: &mut Channel, kind: FrameKind, what: &str) -> Result<T, Error> {
    let bytes = channel.recv_at_most(kind, MAX_FRAME)?;
    serde_json::from_slice(&bytes).map_err(|error| Error::Party {
        party: "server",
        what: format!("sent {what} that is none: {error}; is it of another version?"),
    })
}

/// A positive number of seconds.
fn patience(option: &'static str, seconds: f64) -> Result<Duration, Error> {
    let patience = Duration::try_from_secs_f64(seconds).ok().filter(|patience| !patience.is_zero());
    patience.ok_or_else(|| Error::Option {
        option,
        expected: "a positive number of seconds".into(),
        found: seconds.to_string(),
    })
}
