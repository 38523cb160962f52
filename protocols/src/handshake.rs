//! Both parties say who they are and what they believe, and compare, before any secret-dependent byte.
//!
//!   client                              server
//!     | --- version, role, session, plan --> |
//!     | <-- version, role, session, plan --- |

use crate::Error;
use crate::plan::{PROTOCOL_VERSION, Plan};
use crate::walk::Walk;
use netem::{Channel, FrameKind};

const HELLO: FrameKind = FrameKind(0x01);
const CLIENT: u8 = 1;
const SERVER: u8 = 2;
const HELLO_BYTES: usize = 4 + 1 + 16 + 32;

/// Names one session; both parties are told the same by whoever starts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionId(pub [u8; 16]);

/// The client's half.
pub fn client(channel: &mut Channel, plan: &Plan, session: SessionId) -> Result<(), Error> {
    channel.send(HELLO, hello(plan, session, CLIENT))?;
    let theirs = channel.recv(HELLO, HELLO_BYTES)?;
    compare(&hello(plan, session, SERVER), &theirs)
}

/// The server's half. It answers before it compares, so that both sides can name a mismatch.
pub fn server(channel: &mut Channel, plan: &Plan, session: SessionId) -> Result<(), Error> {
    let theirs = channel.recv(HELLO, HELLO_BYTES)?;
    channel.send(HELLO, hello(plan, session, SERVER))?;
    channel.flush()?;
    compare(&hello(plan, session, CLIENT), &theirs)
}

/// What the handshake sends.
pub fn declare(walk: &mut Walk) {
    walk.up(HELLO_BYTES);
    walk.down(HELLO_BYTES);
}

fn hello(plan: &Plan, session: SessionId, role: u8) -> Vec<u8> {
    [&PROTOCOL_VERSION.to_le_bytes()[..], &[role], &session.0, &plan.digest_bytes()].concat()
}

fn compare(expected: &[u8], found: &[u8]) -> Result<(), Error> {
    for (what, range) in
        [("protocol version", 0..4), ("role", 4..5), ("session", 5..21), ("plan digest", 21..53)]
    {
        if expected[range.clone()] != found[range.clone()] {
            return Err(Error::peer(what, hex(&expected[range.clone()]), hex(&found[range])));
        }
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
