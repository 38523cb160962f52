//! What a client that is not driven from outside tells the server: what comes next, and with which item.
//!
//!   client                                        server
//!     | --- offline ITEM, then its first message --> |
//!     | --- online ITEM, then its first message ---> |
//!
//! A request travels with the client's first message, so it costs bytes and no round.

use crate::Error;
use crate::numbering::ChannelStep;
use crate::tally::Traffic;
use netem::{Channel, FrameKind, Phase};
use rand::RngCore;
use serde::{Deserialize, Serialize};
use std::fmt;

const REQUEST: FrameKind = FrameKind(0x03);
const OFFLINE: u8 = 1;
const ONLINE: u8 = 2;
const END: u8 = 3;
const REPORT: u8 = 4;

/// Bytes of the name of an item.
pub const ITEM_BYTES: usize = 16;

/// Payload bytes of a request.
pub const REQUEST_BYTES: usize = 1 + ITEM_BYTES;

/// Names one preprocessed inference at both parties. The client draws it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ItemId(pub [u8; ITEM_BYTES]);

impl ItemId {
    /// A fresh name.
    pub fn random(rng: &mut impl RngCore) -> Self {
        let mut bytes = [0; ITEM_BYTES];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// The name that [`fmt::Display`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 2 * ITEM_BYTES || !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let mut bytes = [0; ITEM_BYTES];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What comes next in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Preprocess one inference, to be known by this name.
    Offline(ItemId),
    /// Use the one of this name.
    Online(ItemId),
    /// Tell what the phase before cost; between phases, and in none of them.
    Report,
    /// Nothing.
    End,
}

impl Request {
    /// What it adds to the traffic of its phase, up.
    pub const TRAFFIC: Traffic = Traffic { bytes: REQUEST_BYTES as u64, messages: 1, flights: 0 };

    /// The client's half; the phase asked for begins with it.
    pub fn send(self, channel: &mut Channel) -> Result<(), Error> {
        let (code, item, phase) = match self {
            Self::Offline(item) => (OFFLINE, item, Phase::Offline),
            Self::Online(item) => (ONLINE, item, Phase::Online),
            Self::Report => (REPORT, ItemId([0; ITEM_BYTES]), Phase::Setup),
            Self::End => (END, ItemId([0; ITEM_BYTES]), Phase::Setup),
        };
        channel.enter(phase, ChannelStep::INPUT.number());
        Ok(channel.send(REQUEST, [&[code][..], &item.0].concat())?)
    }

    /// The server's half. The phase asked for begins when the request is there, and the request is booked on it.
    pub fn receive(channel: &mut Channel) -> Result<Self, Error> {
        channel.enter(Phase::Setup, ChannelStep::INPUT.number());
        let bytes = channel.recv(REQUEST, REQUEST_BYTES)?;
        let item = ItemId(bytes[1..].try_into().expect("the channel delivers exactly the asked length"));
        let (request, phase) = match bytes[0] {
            OFFLINE => (Self::Offline(item), Phase::Offline),
            ONLINE => (Self::Online(item), Phase::Online),
            REPORT => (Self::Report, Phase::Setup),
            END => (Self::End, Phase::Setup),
            other => {
                let expected = "1 (offline), 2 (online), 3 (end) or 4 (report)";
                return Err(Error::peer("request", expected, other.to_string()));
            }
        };
        channel.begin_as(phase, ChannelStep::INPUT.number());
        Ok(request)
    }
}
