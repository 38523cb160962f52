//! The counters are those of the packets: what a capture on the loopback interface finds.

use super::hosts::DEADLINE;
use super::listen;
use super::wire::{converse, counted};
use netem::{Channel, Link};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, eth, sockopt};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Room for packets that are not looked at yet.
const ROOM: usize = 256 << 20;

/// A raw socket that sees every IPv4 packet that arrives. The kernel gives one to the superuser alone.
fn raw() -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::PACKET, SocketType::DGRAM, flags, Some(eth::IP))?;
    sockopt::set_socket_recv_buffer_size_force(&socket, ROOM)?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(Duration::from_millis(20)))?;
    Ok(socket)
}

/// By the sending port, the payloads of TCP at or to `port`, as first place in the stream and length. Until `done`, and nothing
/// more is there. Source of the headers: RFC 791 and RFC 9293.
fn capture(socket: &OwnedFd, port: u16, done: &AtomicBool) -> BTreeMap<u16, Vec<[u32; 2]>> {
    const TCP: u8 = 6;
    let (mut found, mut packet) = (BTreeMap::<u16, Vec<_>>::new(), [0; 128]);
    loop {
        let last = done.load(Ordering::SeqCst);
        let count = match rustix::net::recv(socket, packet.as_mut_slice(), RecvFlags::empty()) {
            Ok((_, count)) => count,
            Err(Errno::AGAIN) if last => return found,
            Err(Errno::AGAIN | Errno::INTR) => continue,
            Err(errno) => panic!("receiving packets: {errno}"),
        };
        let bytes = &packet[..count];
        let short = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        let header = 4 * usize::from(bytes[0] & 15);
        if bytes[9] != TCP || (short(header) != port && short(header + 2) != port) {
            continue;
        }
        let sequence = u32::from_be_bytes(bytes[header + 4..header + 8].try_into().unwrap());
        let payload = u32::from(short(2)) - header as u32 - 4 * u32::from(bytes[header + 12] >> 4);
        if payload > 0 {
            found.entry(short(header)).or_default().push([sequence, payload]);
        }
    }
}

/// Bytes of a stream, each once however often it was sent. Places are from where the first packet began, since they wrap.
fn once(packets: &[[u32; 2]]) -> u64 {
    let origin = packets[0][0];
    let mut spans: Vec<[u64; 2]> =
        packets.iter().map(|[place, length]| [place.wrapping_sub(origin), *length].map(u64::from)).collect();
    spans.sort_unstable();
    let (mut sum, mut end) = (0, 0);
    for [begin, length] in spans {
        sum += (begin + length).saturating_sub(begin.max(end));
        end = end.max(begin + length);
    }
    sum
}

#[test]
fn the_counters_are_those_of_captured_packets() {
    let socket = match raw() {
        Ok(socket) => socket,
        Err(errno) => return eprintln!("skipped: a raw socket: {errno}"),
    };
    for seed in 0..3 {
        let (listener, address) = listen();
        let done = AtomicBool::new(false);
        let (packets, of_client, of_server) = thread::scope(|scope| {
            let capturing = scope.spawn(|| capture(&socket, address.port(), &done));
            let mut client = Channel::connect(address, &Link::loopback(), DEADLINE).unwrap();
            let mut server = Channel::accept(&listener, &Link::loopback(), DEADLINE).unwrap();
            converse(&mut client, &mut server, seed);
            done.store(true, Ordering::SeqCst);
            (capturing.join().unwrap(), counted(&client), counted(&server))
        });
        assert_eq!(packets.len(), 2);
        for (port, packets) in packets {
            let [out, _] = if port == address.port() { of_server } else { of_client };
            assert_eq!(once(&packets), out, "{seed}, {} packets", packets.len());
        }
    }
}

#[test]
fn bytes_that_were_sent_again_count_once() {
    assert_eq!(once(&[[u32::MAX, 10], [9, 5], [u32::MAX, 10], [4, 6], [20, 2]]), 17);
}
