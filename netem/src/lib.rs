//! The channel between two parties: the only way bytes travel, and the one place where they are counted,
//! shaped and timed.
//!
//! # What is counted
//!
//! A [`Channel`] carries *frames*: a [`FrameKind`] and up to [`MAX_FRAME`] bytes of payload. Each end keeps
//! a meter, with one [`StepUsage`] per (phase, step) that [`Channel::enter`] has named:
//!
//! - *payload bytes* and *messages* (frames), per direction;
//! - *header bytes*: 5 a frame, a length of 4 and a kind of 1. A frame's size is payload + 5;
//! - *flights*: how often this end sent what may depend on more of the other end's flights than before. A phase's
//!   rounds are both ends' flights together, the longest chain of messages that waited for each other;
//! - *wall time*, and of it *blocked* time: waiting for a frame, for the link, for room in the sender's
//!   queue. The rest is compute. A wait counts for the step that waits.
//!
//! The emulation's own bytes, a stamp of 16 bytes a frame (arrival, depth and number) and one greeting of 32 bytes an end,
//! travel on the real socket but not on the emulated link: they are neither counted nor charged to its rate. A frame that
//! was lost, doubled or swapped on the way is found by its number.
//!
//! # When bytes leave
//!
//! Frames are held until they make 64 KiB together and leave at the latest at the next `flush`, `recv`,
//! `enter` or drop, so no end ever waits for an answer to something it still holds. A frame counts as sent
//! when it leaves. Over TCP a writer and a reader thread then move the bytes. The reader drains its
//! socket whatever the other thread does, so two ends that both send much cannot deadlock; the sender's queue is bounded (64 MiB), and
//! `send` waits for room. The receiver's is bounded by what the protocol can have under way
//! ([`Channel::expect_at_most`]): a peer that sends more is refused.
//!
//! # How a link is emulated
//!
//! [`Shaper`] stamps each frame with the time its last byte arrives: `free = max(sent, free) + size/rate; arrival =
//! free + RTT/2`. The other end's `recv` hands it over no earlier. Frames in flight overlap, so the delay never takes
//! from the bandwidth. Channels of one process that share an [`Uplink`] queue behind each other on it, first come,
//! first served. Whatever the peer has sent and this end has not yet received is in the emulated network.
//! [`Channel::release_error`] says how late frames really were. [`calibrate`] measures the loopback underneath, and
//! [`Link::check`] refuses a link that is faster. Stamps are `CLOCK_MONOTONIC`: both processes have to be on one host.
//! [`Channel::between_hosts`] connects two, by TLS, and emulates nothing; what it counts is the same.
//!
//! ```
//! use netem::{Channel, FrameKind, Phase};
//! use std::time::Duration;
//!
//! let (mut client, mut server) = Channel::pair(Duration::from_secs(1));
//! client.enter(Phase::Online, 0);
//! client.send(FrameKind(1), vec![1, 2, 3])?;
//! client.flush()?;
//! assert_eq!(server.recv(FrameKind(1), 3)?, [1, 2, 3]);
//! let usage = client.usage();
//! assert_eq!((usage[0].bytes_out, usage[0].header_out, usage[0].flights_out), (3, 5, 1));
//! # Ok::<(), netem::Error>(())
//! ```

mod calibrate;
mod channel;
mod clock;
mod error;
mod frame;
#[cfg(test)]
mod fuzz;
mod link;
mod parting;
mod phase;
mod probe;
mod queue;
mod release;
mod replay;
mod shaper;
mod tcp;
mod tls;
mod transcript;
mod units;
mod usage;

pub use calibrate::calibrate;
pub use channel::{Channel, Uplink};
pub use error::{Error, Fault};
pub use frame::{FrameKind, HEADER_BYTES, MAX_FRAME};
pub use link::{Link, Loopback};
pub use phase::Phase;
pub use probe::{Probed, probe};
pub use release::ReleaseError;
pub use replay::{Predicted, replay};
pub use shaper::Shaper;
pub use tcp::next_connection;
pub use tls::{Identity, SERVER_NAME};
pub use transcript::{Doing, Event, hold};
pub use units::{Bytes, BytesPerSec, parse_delay};
pub use usage::StepUsage;
