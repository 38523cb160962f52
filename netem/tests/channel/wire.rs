//! The counters are those of the bytes on the wire: of the sockets in the kernel, and of whoever passes them on.

use super::hosts::{DEADLINE, keys_with};
use super::{DATA, listen};
use netem::{Channel, HEADER_BYTES, Identity, Link, Phase, StepUsage};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, sockopt};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A channel's greeting, which is not counted.
const GREETING: u64 = 32;
/// A frame's header, of which [`HEADER_BYTES`] count.
const WIRE_HEADER: u64 = 21;

/// Sends and receives frames of any sizes from none to 300 kB, over steps of all phases, in both directions at once.
pub(super) fn converse(left: &mut Channel, right: &mut Channel, seed: u64) {
    let sizes = |salt: u64| {
        let mut state = seed ^ salt;
        (0..150).map(move |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let most = [1, 30, 70_000, 300_000][(state >> 60) as usize % 4];
            (state >> 33) as usize % most
        })
    };
    let party = |channel: &mut Channel, own: u64, other: u64| {
        for (index, (ours, theirs)) in sizes(own).zip(sizes(other)).enumerate() {
            let phase = [Phase::Setup, Phase::Offline, Phase::Online][index / 50];
            channel.enter(phase, index as u32 % 7);
            channel.send(DATA, vec![3; ours]).unwrap();
            if index % 3 > 0 {
                channel.send(DATA, vec![4; theirs]).unwrap();
            }
            channel.recv(DATA, theirs).unwrap();
            if index % 3 > 0 {
                channel.recv(DATA, ours).unwrap();
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| party(left, 1, 2));
        party(right, 2, 1);
    });
}

/// Bytes that this end has sent and received according to its counters, with all that is documented as not counted.
pub(super) fn counted(channel: &Channel) -> [u64; 2] {
    let usage = channel.usage();
    let sum = |of: fn(&StepUsage) -> [u64; 3]| {
        let [bytes, header, messages] =
            usage.iter().map(of).fold([0; 3], |sum, row| [0, 1, 2].map(|at| sum[at] + row[at]));
        assert_eq!(header, messages * HEADER_BYTES);
        GREETING + bytes + header + messages * (WIRE_HEADER - HEADER_BYTES)
    };
    [
        sum(|row| [row.bytes_out, row.header_out, row.messages_out]),
        sum(|row| [row.bytes_in, row.header_in, row.messages_in]),
    ]
}

/// What the kernel says of the TCP sockets at or to a port: bytes sent (once) and received, by the socket's own port.
/// Source: `linux/inet_diag.h`, `linux/tcp.h`.
fn sockets(port: u16) -> Result<Vec<(u16, [u64; 2])>, String> {
    const REQUEST: u16 = 20;
    const DONE: u16 = 3;
    const TCP_INFO: u16 = 2;
    const ESTABLISHED: u32 = 1 << 1;
    let failed = |errno: rustix::io::Errno| format!("the kernel's socket diagnostics: {errno}");
    let flags = SocketFlags::CLOEXEC;
    let kernel =
        rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(netlink::SOCK_DIAG))
            .map_err(failed)?;
    sockopt::set_socket_timeout(&kernel, sockopt::Timeout::Recv, Some(Duration::from_secs(5)))
        .map_err(failed)?;
    // Length, type, a request for all, number, port. Then: IPv4, TCP, with TCP_INFO, states; no socket in particular.
    let mut request = Vec::new();
    request.extend(72_u32.to_ne_bytes());
    request.extend(REQUEST.to_ne_bytes());
    request.extend(0x301_u16.to_ne_bytes());
    request.extend([0; 8]);
    request.extend([2, 6, 1 << (TCP_INFO - 1), 0]);
    request.extend(ESTABLISHED.to_ne_bytes());
    request.resize(72, 0);
    rustix::net::send(&kernel, &request, SendFlags::empty()).map_err(failed)?;
    let (mut found, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
    loop {
        let (_, count) =
            rustix::net::recv(&kernel, buffer.as_mut_slice(), RecvFlags::empty()).map_err(failed)?;
        let mut rest = &buffer[..count];
        while rest.len() >= 16 {
            let length = u32::from_ne_bytes(rest[..4].try_into().unwrap()) as usize;
            let (message, behind) = (&rest[16..length], &rest[length.next_multiple_of(4).min(rest.len())..]);
            match u16::from_ne_bytes([rest[4], rest[5]]) {
                DONE => return Ok(found),
                REQUEST => {
                    let port_at = |at: usize| u16::from_be_bytes([message[at], message[at + 1]]);
                    if port_at(4) == port || port_at(6) == port {
                        let info = attribute(&message[72..], TCP_INFO).ok_or("no TCP_INFO")?;
                        let number = |at: usize| {
                            info.get(at..at + 8)
                                .map(|bytes| u64::from_ne_bytes(bytes.try_into().unwrap()))
                                .ok_or("a TCP_INFO without bytes sent")
                        };
                        // Less what was sent again.
                        found.push((port_at(4), [number(200)? - number(208)?, number(128)?]));
                    }
                }
                other => return Err(format!("the kernel's socket diagnostics: message {other}")),
            }
            rest = behind;
        }
    }
}

/// The netlink attribute of that type.
fn attribute(mut rest: &[u8], wanted: u16) -> Option<&[u8]> {
    while rest.len() >= 4 {
        let length = usize::from(u16::from_ne_bytes([rest[0], rest[1]]));
        if u16::from_ne_bytes([rest[2], rest[3]]) == wanted {
            return rest.get(4..length);
        }
        rest = &rest[length.max(4).next_multiple_of(4).min(rest.len())..];
    }
    None
}

#[test]
fn the_counters_are_those_of_the_sockets() {
    for seed in 0..3 {
        let (listener, address) = listen();
        let mut client = Channel::connect(address, &Link::loopback(), DEADLINE).unwrap();
        let mut server = Channel::accept(&listener, &Link::loopback(), DEADLINE).unwrap();
        converse(&mut client, &mut server, seed);
        let sockets = match sockets(address.port()) {
            Ok(sockets) => sockets,
            Err(why) => return eprintln!("skipped: {why}"),
        };
        assert_eq!(sockets.len(), 2, "{sockets:?}");
        for (port, bytes) in sockets {
            assert_eq!(bytes, counted(if port == address.port() { &server } else { &client }), "{seed}");
        }
    }
}

/// Somebody who passes bytes on and counts those of each direction: up and down.
struct Relay {
    address: SocketAddr,
    seen: [Arc<Seen>; 2],
}

/// Of one direction.
#[derive(Default)]
struct Seen {
    bytes: AtomicU64,
    /// The bytes themselves, of which TLS records are made.
    all: Mutex<Vec<u8>>,
}

impl Relay {
    /// To whom listens at `to`, for one connection.
    fn to(to: SocketAddr) -> Self {
        let (listener, address) = listen();
        let seen: [Arc<Seen>; 2] = Default::default();
        let [up, down] = seen.clone();
        thread::spawn(move || {
            let client = listener.accept().unwrap().0;
            let server = TcpStream::connect(to).unwrap();
            [&client, &server].into_iter().for_each(|end| end.set_nodelay(true).unwrap());
            let (from_server, to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || pass(from_server, to_client, &down));
            pass(client, server, &up);
        });
        Self { address, seen }
    }

    fn bytes(&self) -> [u64; 2] {
        [0, 1].map(|direction: usize| self.seen[direction].bytes.load(Ordering::SeqCst))
    }
}

/// Counts what comes before it is passed on.
fn pass(mut from: TcpStream, mut to: TcpStream, seen: &Seen) {
    let mut buffer = vec![0; 10_007];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        seen.bytes.fetch_add(count as u64, Ordering::SeqCst);
        seen.all.lock().unwrap().extend(&buffer[..count]);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

#[test]
fn the_counters_are_those_of_a_relay_between_the_ends() {
    for seed in 0..3 {
        let (listener, address) = listen();
        let relay = Relay::to(address);
        let mut client = Channel::connect(relay.address, &Link::loopback(), DEADLINE).unwrap();
        let mut server = Channel::accept(&listener, &Link::loopback(), DEADLINE).unwrap();
        converse(&mut client, &mut server, seed);
        let [up, down] = relay.bytes();
        assert_eq!(([up, down], [down, up]), (counted(&client), counted(&server)), "{seed}");
    }
}

/// One direction of a TLS connection: bytes on the wire, encrypted records, and bytes inside these.
#[derive(Clone, Copy, Debug)]
struct Records {
    wire: u64,
    records: u64,
    inside: u64,
}

/// A record's header, the type inside, and the tag. Source: RFC 8446, section 5.2; rustls does not pad.
const RECORD: u64 = 5 + 1 + 16;
/// The most that fits into one.
const RECORD_INSIDE: u64 = 1 << 14;

fn records(seen: &Seen) -> Records {
    const ENCRYPTED: u8 = 23;
    let all = seen.all.lock().unwrap();
    let mut found = Records { wire: all.len() as u64, records: 0, inside: 0 };
    let mut rest = &all[..];
    while !rest.is_empty() {
        let length = usize::from(u16::from_be_bytes([rest[3], rest[4]]));
        if rest[0] == ENCRYPTED {
            found.records += 1;
            found.inside += 5 + length as u64 - RECORD;
        }
        rest = &rest[5 + length..];
    }
    found
}

/// What a relay sees of a conversation by TLS, and what either end has counted of it.
fn by_tls(
    identities: [&Identity; 2],
    converse: impl FnOnce(&mut Channel, &mut Channel),
) -> ([Records; 2], [u64; 2]) {
    let (listener, address): (TcpListener, _) = listen();
    let relay = Relay::to(address);
    let (mut client, mut server) = thread::scope(|scope| {
        let accepting = scope
            .spawn(|| Channel::between_hosts(listener.accept().unwrap().0, identities[1], DEADLINE).unwrap());
        let stream = TcpStream::connect(relay.address).unwrap();
        let client = Channel::between_hosts(stream, identities[0], DEADLINE).unwrap();
        (client, accepting.join().unwrap())
    });
    converse(&mut client, &mut server);
    let [up, down] = counted(&client);
    assert_eq!(counted(&server), [down, up]);
    ([0, 1].map(|direction: usize| records(&relay.seen[direction])), [up, down])
}

/// A frame without bytes in each direction.
fn greet(client: &mut Channel, server: &mut Channel) {
    client.send(DATA, vec![]).unwrap();
    client.flush().unwrap();
    server.recv(DATA, 0).unwrap();
    server.send(DATA, vec![]).unwrap();
    server.flush().unwrap();
    client.recv(DATA, 0).unwrap();
}

/// The same handshake twice, once with little behind it: what differs is what was counted, and TLS's own bytes a record.
#[test]
fn by_tls_the_counters_are_those_of_what_is_encrypted() {
    /// Of a signature by ECDSA in DER, the one thing of a handshake inside the records whose length varies.
    const SIGNATURE: u64 = 72;
    let temp = tempfile::tempdir().unwrap();
    keys_with(temp.path(), |_, _| ());
    for (named, server) in
        [(true, Identity::server(temp.path()).unwrap()), (false, Identity::unnamed_server().unwrap())]
    {
        // Each time a client that this server does not know: another handshake with the same would be a short one.
        let client =
            || if named { Identity::client(temp.path()) } else { Identity::unnamed_client() }.unwrap();
        let (before, of_before) = by_tls([&client(), &server], greet);
        for seed in 0..3 {
            let (seen, counted) =
                by_tls([&client(), &server], |client, server| converse(client, server, seed));
            for direction in 0..2 {
                let (seen, before) = (seen[direction], before[direction]);
                let more = counted[direction] - of_before[direction];
                let inside = seen.inside - before.inside;
                assert!(inside.abs_diff(more) <= SIGNATURE, "{seen:?} {before:?} {more}");
                // Both hellos are as long as before.
                let overhead = seen.wire - before.wire - inside;
                assert_eq!(overhead, (seen.records - before.records) * RECORD);
                assert!(seen.records - before.records >= more / RECORD_INSIDE, "{seen:?} {before:?}");
            }
        }
    }
}
