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

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use std::time::Duration;

    const PATIENCE: Duration = Duration::from_secs(10);
    const SESSION: SessionId = SessionId([3; 16]);

    type Half = fn(&mut Channel, &Plan, SessionId) -> Result<(), Error>;

    /// What an end says of the other, and how many messages it has sent by then.
    type Said = (Result<(), Error>, u64);

    fn says(half: Half, mut channel: Channel, name: &str, session: SessionId) -> Said {
        let result = half(&mut channel, &Plan::without_steps(name), session);
        let sent = channel.usage().iter().map(|row| row.messages_out).sum();
        (result, sent)
    }

    /// Two ends, each with its half, its plan's name and its session.
    fn meet(ends: [(Half, &str, SessionId); 2], patience: Duration) -> [Said; 2] {
        let (left, right) = Channel::pair(patience);
        let [(mine, my_plan, my_session), (theirs, their_plan, their_session)] = ends;
        thread::scope(|scope| {
            let other = scope.spawn(|| says(theirs, right, their_plan, their_session));
            [says(mine, left, my_plan, my_session), other.join().unwrap()]
        })
    }

    /// Both have sent their hello and nothing else, and name what differs.
    fn refused(found: [Said; 2], differs: &str) {
        for (result, sent) in found {
            match result {
                Err(Error::Peer { what, expected, found }) => {
                    assert_eq!((what.as_str(), sent), (differs, 1));
                    assert_ne!(expected, found);
                }
                other => panic!("expected a refusal of the {differs}, found {other:?}"),
            }
        }
    }

    #[test]
    fn parties_that_agree_go_on_after_a_hello_each() {
        let found = meet([(client, "a", SESSION), (server, "a", SESSION)], PATIENCE);
        assert!(found.iter().all(|(result, sent)| result.is_ok() && *sent == 1), "{found:?}");
    }

    #[test]
    fn another_session_is_refused_by_both_parties() {
        let other = SessionId([4; 16]);
        refused(meet([(client, "a", SESSION), (server, "a", other)], PATIENCE), "session");
    }

    #[test]
    fn another_plan_is_refused_by_both_parties() {
        refused(meet([(client, "a", SESSION), (server, "b", SESSION)], PATIENCE), "plan digest");
    }

    #[test]
    fn two_clients_refuse_each_other() {
        refused(meet([(client, "a", SESSION), (client, "a", SESSION)], PATIENCE), "role");
    }

    /// A server speaks second, so that two of them have nothing to refuse.
    #[test]
    fn two_servers_say_nothing_until_the_deadline() {
        let found = meet([(server, "a", SESSION), (server, "a", SESSION)], Duration::from_millis(100));
        for (result, sent) in found {
            // The first to give up ends the connection.
            let deadline_or_closed = matches!(
                result,
                Err(Error::Channel(netem::Error::Deadline { .. } | netem::Error::Closed { .. }))
            );
            assert!(deadline_or_closed && sent == 0, "{result:?}");
        }
    }

    /// Any bit of either hello changed on the way, and so any other version too: the end that gets it says which field it is
    /// of, and sends nothing else.
    #[test]
    fn each_bit_of_a_hello_counts_for_its_field() {
        let fields = [("protocol version", 4), ("role", 1), ("session", 16), ("plan digest", 32)];
        let differs: Vec<&str> = fields.iter().flat_map(|(what, bytes)| vec![*what; *bytes]).collect();
        assert_eq!(differs.len(), HELLO_BYTES);
        for bit in 0..8 * HELLO_BYTES {
            let (left, mut to_left) = Channel::pair(PATIENCE);
            let (mut to_right, right) = Channel::pair(PATIENCE);
            let found = thread::scope(|scope| {
                let one = scope.spawn(|| says(client, left, "a", SESSION));
                let other = scope.spawn(|| says(server, right, "a", SESSION));
                let change = |mut hello: Vec<u8>| {
                    hello[bit / 8] ^= 1 << (bit % 8);
                    hello
                };
                to_right.send(HELLO, change(to_left.recv(HELLO, HELLO_BYTES).unwrap())).unwrap();
                to_left.send(HELLO, change(to_right.recv(HELLO, HELLO_BYTES).unwrap())).unwrap();
                to_left.flush().unwrap();
                let found = [one.join().unwrap(), other.join().unwrap()];
                // Neither has anything to add.
                for channel in [&mut to_left, &mut to_right] {
                    let end = channel.recv_at_most(HELLO, netem::MAX_FRAME);
                    assert!(matches!(end, Err(netem::Error::Closed { .. })), "{end:?}");
                }
                found
            });
            refused(found, differs[bit / 8]);
        }
    }
}
