//! A session of two parties through somebody who sees, and may spoil, every frame or record.

use crate::fixtures::Fixture;
use netem::{Channel, Identity, Link};
use protocols::Error;
use protocols::client::{Client, ClientOutput};
use protocols::handshake::SessionId;
use protocols::server::{Model, Server, ServerOutput};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// Of a session that is not spoilt.
const PATIENCE: Duration = Duration::from_secs(60);
/// Of one that is.
pub(crate) const DEADLINE: Duration = Duration::from_millis(600);

/// Bytes of a channel's greeting, which goes before all frames.
const GREETING: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// The payload is a byte short, and the header says so.
    Truncate,
    /// A bit of the payload.
    Flip,
    /// Another kind of frame, or TLS record.
    Kind,
    /// The header announces a byte more than there is.
    Length,
    Duplicate,
    Drop,
    /// Comes after the one behind it.
    Swap,
    /// The number of messages before it. No TLS record has one.
    Depth,
    /// The connection ends in its place.
    Close,
}

impl Fault {
    pub(crate) const ALL: [Self; 9] = [
        Self::Truncate,
        Self::Flip,
        Self::Kind,
        Self::Length,
        Self::Duplicate,
        Self::Drop,
        Self::Swap,
        Self::Depth,
        Self::Close,
    ];
}

/// How the bytes on the wire are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// Frames of a plain channel.
    Plain,
    /// Records of TLS.
    Tls,
}

impl Wire {
    const fn greeting(self) -> usize {
        match self {
            Self::Plain => GREETING,
            Self::Tls => 0,
        }
    }

    pub(crate) const fn header(self) -> usize {
        match self {
            Self::Plain => 21,
            Self::Tls => 5,
        }
    }

    const fn kind_at(self) -> usize {
        match self {
            Self::Plain => 4,
            Self::Tls => 0,
        }
    }

    fn length(self, header: &[u8]) -> usize {
        match self {
            Self::Plain => u32::from_le_bytes(header[..4].try_into().unwrap()) as usize,
            Self::Tls => usize::from(u16::from_be_bytes(header[3..5].try_into().unwrap())),
        }
    }

    fn set_length(self, header: &mut [u8], length: usize) {
        match self {
            Self::Plain => header[..4].copy_from_slice(&(length as u32).to_le_bytes()),
            Self::Tls => header[3..5].copy_from_slice(&(length as u16).to_be_bytes()),
        }
    }

    /// A unit with this fault, as one or two; none where it cannot have it.
    fn spoil(self, fault: Fault, unit: &[u8]) -> Option<Vec<u8>> {
        let (head, mut unit) = (self.header(), unit.to_vec());
        let length = unit.len() - head;
        match fault {
            Fault::Truncate if length > 0 => {
                unit.pop();
                self.set_length(&mut unit, length - 1);
            }
            Fault::Flip if length > 0 => unit[head + length / 2] ^= 4,
            Fault::Kind => unit[self.kind_at()] ^= 1,
            Fault::Length => self.set_length(&mut unit, length + 1),
            Fault::Duplicate => unit = unit.repeat(2),
            Fault::Depth if self == Self::Plain => unit[13..17].copy_from_slice(&u32::MAX.to_le_bytes()),
            Fault::Drop => unit.clear(),
            Fault::Truncate | Fault::Flip | Fault::Depth | Fault::Swap | Fault::Close => return None,
        }
        Some(unit)
    }
}

/// What to do to which unit of one direction.
pub(crate) type Spoilt = Option<(usize, Fault)>;

/// Passes on what comes, spoilt; the units as they came.
fn pass(wire: Wire, mut from: TcpStream, mut to: TcpStream, spoilt: Spoilt) -> Vec<Vec<u8>> {
    let mut units: Vec<Vec<u8>> = Vec::new();
    let mut go = || -> io::Result<()> {
        let mut greeting = vec![0; wire.greeting()];
        from.read_exact(&mut greeting)?;
        to.write_all(&greeting)?;
        let mut late = Vec::new();
        loop {
            let mut unit = vec![0; wire.header()];
            if let Err(end) = from.read_exact(&mut unit) {
                to.write_all(&late)?;
                return Err(end);
            }
            let length = wire.length(&unit);
            unit.resize(wire.header() + length, 0);
            from.read_exact(&mut unit[wire.header()..])?;
            units.push(unit.clone());
            match spoilt.filter(|(at, _)| *at + 1 == units.len()).map(|(_, fault)| fault) {
                Some(Fault::Close) => return Ok(()),
                Some(Fault::Swap) => late = unit,
                Some(fault) => to.write_all(&wire.spoil(fault, &unit).unwrap_or(unit))?,
                None => {
                    to.write_all(&unit)?;
                    to.write_all(&std::mem::take(&mut late))?;
                }
            }
        }
    };
    match go() {
        Ok(()) => [&from, &to].into_iter().for_each(|end| drop(end.shutdown(Shutdown::Both))),
        Err(_) => drop(to.shutdown(Shutdown::Write)),
    }
    units
}

/// How a session ended: at the client, at the server, and the units up and down.
pub(crate) struct Ended {
    pub(crate) client: Result<ClientOutput, Error>,
    pub(crate) server: Result<ServerOutput, Error>,
    /// As they came, headers and all.
    pub(crate) units: [Vec<Vec<u8>>; 2],
    pub(crate) took: Duration,
}

/// Keys without names.
pub(crate) struct Keys(pub(crate) Identity, pub(crate) Identity);

/// One inference through the middle.
pub(crate) fn session(
    fixture: &Fixture,
    model: &Model<'_>,
    wire: Wire,
    keys: &Keys,
    spoilt: [Spoilt; 2],
) -> Ended {
    let deadline = if spoilt == [None, None] { PATIENCE } else { DEADLINE };
    let listen = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (middle, server) = (listen(), listen());
    let [to_middle, to_server] = [&middle, &server].map(|listener| listener.local_addr().unwrap());
    let id = SessionId([9; 16]);
    let began = Instant::now();
    thread::scope(|scope| {
        let client = scope.spawn(|| {
            let mut channel = match wire {
                Wire::Plain => Channel::connect(to_middle, &Link::loopback(), deadline)?,
                Wire::Tls => {
                    Channel::between_hosts(TcpStream::connect(to_middle).unwrap(), &keys.0, deadline)?
                }
            };
            let mut rng = rand::rng();
            let mut client = Client::connect(&mut channel, &fixture.plan, id, &mut rng)?;
            let ready = client.offline(&mut channel, &mut rng)?;
            ready.online(&mut channel, &fixture.images[0])
        });
        let server = scope.spawn(move || {
            let mut channel = match wire {
                Wire::Plain => Channel::accept(&server, &Link::loopback(), deadline)?,
                Wire::Tls => Channel::between_hosts(server.accept().unwrap().0, &keys.1, deadline)?,
            };
            let mut rng = rand::rng();
            let mut server = Server::accept(&mut channel, model, id, &mut rng)?;
            let ready = server.offline(&mut channel, &mut rng)?;
            ready.online(&mut channel)
        });
        let near = middle.accept().unwrap().0;
        let far = TcpStream::connect(to_server).unwrap();
        let clone = |stream: &TcpStream| stream.try_clone().unwrap();
        let up = [clone(&near), clone(&far)];
        let up = scope.spawn(move || {
            let [from, to] = up;
            pass(wire, from, to, spoilt[0])
        });
        let down = scope.spawn(move || pass(wire, far, near, spoilt[1]));
        let (client, server) = (client.join().unwrap(), server.join().unwrap());
        let took = began.elapsed();
        Ended { client, server, units: [up.join().unwrap(), down.join().unwrap()], took }
    })
}
