//! A whole party against a peer whose messages were changed: each has the kind and the length that it should have, or the
//! channel refuses it, and holds what it should not.
//!
//! One inference is run once, with what travels recorded on the way. A party of the same randomness then sees the peer's
//! messages again, changed as an input says: which, where, to what.

use super::network::{Special, network};
use super::{Taken, target};
use crate::Error;
use crate::client::Client;
use crate::handshake::SessionId;
use crate::prepared::PreparedPlan;
use crate::server::{Model, Server};
use netem::{Channel, FrameKind, Link};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

const SESSION: SessionId = SessionId([1; 16]);

/// Bytes of netem's greeting and of a frame's header; a header begins with the payload's length and the kind.
const GREETING: usize = 32;
const HEADER: usize = 21;

/// A frame's kind and payload.
type Message = (FrameKind, Vec<u8>);

fn run_client(channel: &mut Channel, plan: &PreparedPlan, image: &[f32]) -> Result<usize, Error> {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut client = Client::connect(channel, plan, SESSION, &mut rng)?;
    let ready = client.offline(channel, &mut rng)?;
    Ok(ready.online(channel, image)?.logits.len())
}

fn run_server(channel: &mut Channel, model: &Model<'_>) -> Result<usize, Error> {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let mut server = Server::accept(channel, model, SESSION, &mut rng)?;
    let ready = server.offline(channel, &mut rng)?;
    Ok(ready.online(channel)?.shares.len())
}

/// Copies what comes, and keeps it.
fn relay(mut from: TcpStream, mut to: TcpStream) -> Vec<u8> {
    let (mut kept, mut piece) = (Vec::new(), [0; 1 << 16]);
    loop {
        match from.read(&mut piece) {
            Ok(0) | Err(_) => {
                let _ = to.shutdown(std::net::Shutdown::Write);
                return kept;
            }
            Ok(count) => {
                kept.extend_from_slice(&piece[..count]);
                to.write_all(&piece[..count]).unwrap();
            }
        }
    }
}

fn messages(stream: &[u8]) -> Vec<Message> {
    let (mut rest, mut messages) = (&stream[GREETING..], Vec::new());
    while let Some((header, behind)) = rest.split_first_chunk::<HEADER>() {
        let length = u32::from_le_bytes(*header.first_chunk().unwrap()) as usize;
        messages.push((FrameKind(header[4]), behind[..length].to_vec()));
        rest = &behind[length..];
    }
    messages
}

/// What the client sends in one inference, and what the server does.
fn recorded(plan: &PreparedPlan, model: &Model<'_>, image: &[f32]) -> [Vec<Message>; 2] {
    let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
    let (outer, inner, link) = (listen(), listen(), Link::loopback());
    let (to_relay, to_server) = (outer.local_addr().unwrap(), inner.local_addr().unwrap());
    let patience = Duration::from_secs(60);
    thread::scope(|scope| {
        scope.spawn(|| run_server(&mut Channel::accept(&inner, &link, patience).unwrap(), model).unwrap());
        scope.spawn(|| {
            run_client(&mut Channel::connect(to_relay, &link, patience).unwrap(), plan, image).unwrap()
        });
        let client = outer.accept().unwrap().0;
        let server = TcpStream::connect(to_server).unwrap();
        let (client_too, server_too) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let up = scope.spawn(move || relay(client, server_too));
        let down = relay(server, client_too);
        [messages(&up.join().unwrap()), messages(&down)]
    })
}

/// The end of a channel at which all of `messages` wait, changed: a message, a place in it, a byte, until there are no
/// more. Some changes are of a message's length or kind, or leave it out.
fn peer(messages: &[Message], bytes: &[u8]) -> (Channel, Channel) {
    let (mut peer, ours) = Channel::pair(super::DEADLINE);
    let mut messages: Vec<Option<Message>> = messages.iter().cloned().map(Some).collect();
    let mut changes = Taken(bytes);
    while !changes.ended() {
        let which = usize::from(changes.byte()) % messages.len();
        let what = changes.byte();
        let at = usize::from(u16::from_le_bytes(changes.array()));
        let Some((kind, payload)) = &mut messages[which] else { continue };
        match what {
            255 => messages[which] = None,
            254 => kind.0 ^= at as u8,
            253 => payload.truncate(at),
            252 => payload.extend([0; 3]),
            _ => {
                if let Some(byte) = payload.get_mut(at) {
                    *byte ^= what;
                }
            }
        }
    }
    for (kind, payload) in messages.into_iter().flatten() {
        peer.send(kind, payload).unwrap();
    }
    peer.flush().unwrap();
    (ours, peer)
}

/// What an inference of a small network holds at a time.
const AN_INFERENCE: u64 = 64 << 20;

#[test]
fn client() {
    let (plan, secrets, image) = network(Special::all().nth(1).unwrap());
    let model = Model::prepare(&plan, &secrets).unwrap();
    let [_, down] = recorded(&plan, &model, &image);
    target("client").seeds([[]]).allows(64, AN_INFERENCE).run(|bytes| {
        let (mut ours, _peer) = peer(&down, bytes);
        run_client(&mut ours, &plan, &image).is_ok_and(|logits| logits == 3)
    });
}

#[test]
fn server() {
    let (plan, secrets, image) = network(Special::all().nth(1).unwrap());
    let model = Model::prepare(&plan, &secrets).unwrap();
    let [up, _] = recorded(&plan, &model, &image);
    target("server").seeds([[]]).allows(64, AN_INFERENCE).run(|bytes| {
        let (mut ours, _peer) = peer(&up, bytes);
        run_server(&mut ours, &model).is_ok()
    });
}
