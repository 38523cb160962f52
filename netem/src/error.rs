//! What can go wrong on a channel, and who has to mend it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::Phase;

/// Who has to change something for the error to go away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The other party: it ended, fell silent or broke the protocol.
    Peer,
    /// What this party was told to do: its link, its frame size.
    Config,
    /// The operating system.
    Io,
}

/// Why a channel could not do what it was asked. After any error but [`Error::TooLong`] the channel is of no
/// further use: drop it, and the peer gets [`Error::Closed`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The peer dropped its end, or its process died.
    #[error("peer: ended the connection; we were at {phase} step {step}")]
    Closed {
        /// Where this end was.
        phase: Phase,
        /// Where this end was.
        step: u32,
    },
    /// Nothing moved for as long as the channel's deadline.
    #[error("peer: no progress for {deadline:?} while {waiting_for}; we were at {phase} step {step}")]
    Deadline {
        /// What did not happen.
        waiting_for: &'static str,
        /// The time that was given.
        deadline: Duration,
        /// Where this end was.
        phase: Phase,
        /// Where this end was.
        step: u32,
    },
    /// The peer sent something else than it had to.
    #[error("peer: malformed traffic: expected {expected}, found {found}")]
    Malformed {
        /// What the protocol asks for.
        expected: String,
        /// What came.
        found: String,
    },
    /// The caller's frame is longer than [`MAX_FRAME`](crate::MAX_FRAME).
    #[error("config: expected a payload of at most {max} bytes, found {found}")]
    TooLong {
        /// The cap.
        max: usize,
        /// The payload's length.
        found: usize,
    },
    /// A link that is not understood, cannot be emulated here, or is not the peer's.
    #[error("config: link: expected {expected}, found {found}")]
    Link {
        /// What would have been accepted.
        expected: String,
        /// What was given.
        found: String,
    },
    /// Keys or certificates that are not what they have to be.
    #[error("config: {}: expected {expected}, found {found}", path.display())]
    Keys {
        /// The file or folder.
        path: PathBuf,
        /// What it has to be.
        expected: &'static str,
        /// What is wrong with it.
        found: String,
    },
    /// A connection beyond this host without certificates.
    #[error("config: expected certificates (TLS) for a connection beyond this host, found none with {peer}")]
    Unnamed {
        /// The other end.
        peer: SocketAddr,
    },
    /// The other end is not, or is no longer, a party to TLS that this end trusts; or says so of this one, by an alert.
    #[error("peer: TLS: {found}")]
    Tls {
        /// What is wrong, in the words of rustls.
        found: String,
    },
    /// The operating system refused.
    #[error("io: {doing}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: io::Error,
    },
}

impl Error {
    /// Who is wrong.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Closed { .. } | Self::Deadline { .. } | Self::Malformed { .. } | Self::Tls { .. } => {
                Fault::Peer
            }
            Self::TooLong { .. } | Self::Link { .. } | Self::Keys { .. } | Self::Unnamed { .. } => {
                Fault::Config
            }
            Self::Io { .. } => Fault::Io,
        }
    }
}

/// Why one direction of a transport ended; its queue keeps it and returns it as an [`Error`] to the next caller.
#[derive(Clone, Debug)]
pub(crate) enum End {
    Closed,
    Stalled,
    Malformed { expected: String, found: String },
    Link { expected: String, found: String },
    Tls { found: String },
    Io { doing: &'static str, kind: io::ErrorKind, text: String },
}

impl End {
    /// What an IO error on an established connection means.
    pub(crate) fn of(doing: &'static str, source: &io::Error) -> Self {
        use io::ErrorKind::{
            BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, TimedOut, UnexpectedEof,
            WouldBlock, WriteZero,
        };
        if let Some(error) = source.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>()) {
            return Self::Tls { found: error.to_string() };
        }
        match source.kind() {
            BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | UnexpectedEof | WriteZero => {
                Self::Closed
            }
            TimedOut | WouldBlock => Self::Stalled,
            kind => Self::Io { doing, kind, text: source.to_string() },
        }
    }

    /// The error for a caller that is at `phase`, `step`.
    pub(crate) fn at(self, phase: Phase, step: u32, waiting_for: &'static str, deadline: Duration) -> Error {
        match self {
            Self::Closed => Error::Closed { phase, step },
            Self::Stalled => Error::Deadline { waiting_for, deadline, phase, step },
            Self::Malformed { expected, found } => Error::Malformed { expected, found },
            Self::Link { expected, found } => Error::Link { expected, found },
            Self::Tls { found } => Error::Tls { found },
            Self::Io { doing, kind, text } => Error::Io { doing, source: io::Error::new(kind, text) },
        }
    }
}
