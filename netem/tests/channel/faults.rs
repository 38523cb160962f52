//! Each way a peer, a setting or the host can be wrong has its own error, in time.

use super::{DATA, listen, tcp};
use netem::{Channel, Error, Fault, FrameKind, Link, MAX_FRAME, Phase};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(200);
/// What a deadline may take longer on a busy machine.
const SLACK: Duration = Duration::from_secs(3);

/// A channel whose peer is a bare socket that has said these bytes.
fn against(said: &[u8], link: &Link, deadline: Duration) -> (Channel, TcpStream) {
    let (listener, addr) = listen();
    let mut peer = TcpStream::connect(addr).unwrap();
    peer.write_all(said).unwrap();
    (Channel::accept(&listener, link, deadline).unwrap(), peer)
}

/// Greeting: magic and version, rate, RTT in ns, window.
fn greeting(rate: f64, rtt_ns: u64) -> Vec<u8> {
    [b"linnet\0\x03".as_slice(), &rate.to_le_bytes(), &rtt_ns.to_le_bytes(), &[0; 8]].concat()
}

/// Header: length, kind, arrival, the depth of a first message, and its number.
fn header(length: u32, kind: u8, arrival_ns: u64) -> Vec<u8> {
    numbered(0, length, kind, arrival_ns)
}

fn numbered(number: u32, length: u32, kind: u8, arrival_ns: u64) -> Vec<u8> {
    let (depth, number) = (1u32.to_le_bytes(), number.to_le_bytes());
    [length.to_le_bytes().as_slice(), &[kind], &arrival_ns.to_le_bytes(), &depth, &number].concat()
}

/// Runs `wait`, which has to give up no earlier than the deadline and soon after it.
fn in_time<T>(wait: impl FnOnce() -> Result<T, Error>) -> Error {
    let start = Instant::now();
    let error = wait().err().unwrap();
    let took = start.elapsed();
    assert!(took >= SHORT && took < SHORT + SLACK, "{took:?}: {error}");
    assert!(matches!(error, Error::Deadline { deadline: SHORT, .. }), "{error}");
    assert_eq!(error.fault(), Fault::Peer);
    error
}

#[test]
fn a_peer_that_ends_is_closed_and_the_step_is_named() {
    for (mut client, mut server) in [Channel::pair(DEADLINE), tcp(&Link::loopback(), DEADLINE)] {
        server.send(DATA, vec![5; 9]).unwrap();
        drop(server);
        client.enter(Phase::Online, 4);
        // What it had sent still comes.
        assert_eq!(client.recv(DATA, 9).unwrap(), [5; 9]);
        let error = client.recv(DATA, 9).unwrap_err();
        assert!(matches!(error, Error::Closed { phase: Phase::Online, step: 4 }), "{error}");
        assert_eq!(error.to_string(), "peer: ended the connection; we were at online step 4");
        // Sending fails too, once the socket knows.
        let start = Instant::now();
        let error = loop {
            if let Err(error) = client.send(DATA, vec![0; 100_000]) {
                break error;
            }
            assert!(start.elapsed() < SLACK);
            thread::sleep(Duration::from_millis(1));
        };
        assert!(matches!(error, Error::Closed { .. }), "{error}");
    }
}

#[test]
fn a_peer_that_dies_within_a_frame_is_closed() {
    let said = [greeting(0.0, 0), header(100, 7, 0), vec![0; 10]].concat();
    let (mut channel, peer) = against(&said, &Link::loopback(), DEADLINE);
    drop(peer);
    assert!(matches!(channel.recv(DATA, 100), Err(Error::Closed { .. })));
}

#[test]
fn a_silent_peer_meets_the_deadline() {
    for (mut client, mut server) in [Channel::pair(SHORT), tcp(&Link::loopback(), SHORT)] {
        let error = in_time(|| client.recv(DATA, 1));
        assert!(error.to_string().contains("while waiting for a frame; we were at setup step 0"), "{error}");
        server.flush().unwrap();
    }
    // A frame that never gets whole is no progress either.
    let said = [greeting(0.0, 0), header(100, 7, 0), vec![0; 10]].concat();
    let (mut channel, _peer) = against(&said, &Link::loopback(), SHORT);
    in_time(|| channel.recv(DATA, 100));
}

#[test]
fn nobody_connects() {
    let (listener, addr) = listen();
    let error = in_time(|| Channel::accept(&listener, &Link::loopback(), SHORT).map(drop));
    assert!(error.to_string().contains("waiting for the peer to connect"), "{error}");
    drop(listener);
    let error = Channel::connect(addr, &Link::loopback(), SHORT).err().unwrap();
    assert!(matches!(error, Error::Io { .. }) && error.fault() == Fault::Io, "{error}");
}

#[test]
fn a_peer_that_stops_reading_stops_the_sender_at_the_deadline() {
    let (mut channel, peer) = against(&greeting(0.0, 0), &Link::loopback(), SHORT);
    let start = Instant::now();
    let error = (0..200).find_map(|_| channel.send(DATA, vec![0; 1 << 20]).err()).unwrap();
    assert!(matches!(error, Error::Deadline { .. }), "{error}");
    assert!(error.to_string().contains("waiting for the peer to take what was sent"), "{error}");
    assert!(start.elapsed() < SHORT + SLACK);
    // The wait was counted as one.
    let row = &channel.usage()[0];
    assert!(row.blocked_ns >= SHORT.as_nanos() as u64 / 2 && row.blocked_ns <= row.wall_ns, "{row:?}");
    let start = Instant::now();
    drop(channel);
    assert!(start.elapsed() < SHORT + SLACK);
    drop(peer);
}

#[test]
fn dropping_against_a_peer_that_does_not_read_ends() {
    let (mut channel, peer) = against(&greeting(0.0, 0), &Link::loopback(), SHORT);
    for _ in 0..40 {
        channel.send(DATA, vec![0; 1 << 20]).unwrap();
    }
    let start = Instant::now();
    drop(channel);
    assert!(start.elapsed() < SHORT + SLACK);
    drop(peer);
}

#[test]
fn dropping_sends_what_is_queued_even_while_the_peer_sends() {
    let (mut client, mut server) = tcp(&Link::loopback(), DEADLINE);
    thread::scope(|scope| {
        scope.spawn(move || {
            for _ in 0..50 {
                server.send(DATA, vec![1; 1_000_000]).unwrap();
            }
        });
        // Fails at some point, when the server is gone.
        while client.send(DATA, vec![2; 1_000_000]).is_ok() && client.usage()[0].messages_out < 60 {}
        for _ in 0..50 {
            assert_eq!(client.recv_at_most(DATA, 1_000_000).map(|frame| frame.len()).unwrap(), 1_000_000);
        }
        assert!(matches!(client.recv(DATA, 1), Err(Error::Closed { .. })));
    });
}

#[test]
fn another_kind_or_length_is_malformed_and_both_are_named() {
    for (mut client, mut server) in [Channel::pair(DEADLINE), tcp(&Link::loopback(), DEADLINE)] {
        let mut refused = |ask: &dyn Fn(&mut Channel) -> Result<Vec<u8>, Error>| {
            client.send(DATA, vec![0; 12]).unwrap();
            client.flush().unwrap();
            let error = ask(&mut server).unwrap_err();
            assert!(matches!(error, Error::Malformed { .. }) && error.fault() == Fault::Peer, "{error}");
            error.to_string()
        };
        let found = "found kind 7 with 12 bytes";
        let said = |expected: &str| format!("peer: malformed traffic: expected {expected}, {found}");
        assert_eq!(refused(&|s| s.recv(FrameKind(8), 12)), said("kind 8 with 12 bytes"));
        assert_eq!(refused(&|s| s.recv(DATA, 13)), said("kind 7 with 13 bytes"));
        assert_eq!(refused(&|s| s.recv_at_most(DATA, 11)), said("kind 7 with at most 11 bytes"));
    }
}

#[test]
fn garbage_and_oversized_frames_are_malformed() {
    let (mut channel, _peer) = against(&[0xaa; 100], &Link::loopback(), DEADLINE);
    let error = channel.recv(DATA, 1).unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }) && error.to_string().contains("aa, aa"), "{error}");

    let said = [greeting(0.0, 0), header(u32::MAX, 7, 0)].concat();
    let (mut channel, _peer) = against(&said, &Link::loopback(), DEADLINE);
    let error = channel.recv(DATA, 1).unwrap_err().to_string();
    assert_eq!(
        error,
        "peer: malformed traffic: expected a frame of at most 16777216 bytes, \
         found a length of 4294967295 bytes with kind 7"
    );
}

#[test]
fn a_payload_above_the_cap_is_refused_and_harms_nothing() {
    let (mut client, mut server) = Channel::pair(DEADLINE);
    let error = client.send(DATA, vec![0; MAX_FRAME + 1]).unwrap_err();
    assert!(matches!(error, Error::TooLong { max: MAX_FRAME, .. }) && error.fault() == Fault::Config);
    client.send(DATA, vec![4; MAX_FRAME]).unwrap();
    assert_eq!(server.recv(DATA, MAX_FRAME).unwrap().len(), MAX_FRAME);
    assert_eq!(client.usage()[0].messages_out, 1);
}

#[test]
fn ends_that_name_different_links_find_out() {
    let (listener, addr) = listen();
    let mut client = Channel::connect(addr, &Link::parse("lan").unwrap(), DEADLINE).unwrap();
    let mut server = Channel::accept(&listener, &Link::parse("wan").unwrap(), DEADLINE).unwrap();
    for (channel, said) in [(&mut client, "(44 MB/s, RTT 40 ms)"), (&mut server, "(384 MB/s, RTT 0.3 ms)")] {
        let error = channel.recv(DATA, 1).unwrap_err();
        assert!(matches!(error, Error::Link { .. }) && error.fault() == Fault::Config, "{error}");
        assert!(error.to_string().ends_with(said), "{error}");
    }
}

#[test]
fn an_in_process_pair_refuses_a_link() {
    assert!(Channel::pair_over(&Link::loopback(), DEADLINE).is_ok());
    for link in Link::named().filter(Link::is_shaped) {
        let error = Channel::pair_over(&link, DEADLINE).err().unwrap();
        assert!(matches!(error, Error::Link { .. }) && error.to_string().contains(&link.name), "{error}");
    }
}

#[test]
fn a_stamp_beyond_the_deadline_does_not_hold_the_receiver() {
    let link = Link::parse("rate=1MB/s,rtt=1ms").unwrap();
    let said = [greeting(1e6, 1_000_000), header(1, 7, u64::MAX), vec![0]].concat();
    let (mut channel, _peer) = against(&said, &link, SHORT);
    in_time(|| channel.recv(DATA, 1));
}

#[test]
fn a_slow_link_is_not_a_silent_peer() {
    // 0.6 s of transmission against a deadline of 0.2 s.
    let (mut client, mut server) = tcp(&Link::parse("rate=1MB/s,rtt=1ms").unwrap(), SHORT);
    let start = Instant::now();
    client.send(DATA, vec![0; 600_000]).unwrap();
    server.recv(DATA, 600_000).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(600));
}

#[test]
fn a_bare_socket_sees_the_wire_format() {
    let (mut channel, mut peer) = against(&greeting(0.0, 0), &Link::loopback(), DEADLINE);
    channel.send(DATA, vec![9, 8, 7]).unwrap();
    drop(channel);
    let mut seen = Vec::new();
    peer.read_to_end(&mut seen).unwrap();
    assert_eq!(seen, [greeting(0.0, 0), header(3, 7, 0), vec![9, 8, 7]].concat());
}

#[test]
fn lost_doubled_and_swapped_frames_are_found() {
    let frame = |number: u32| [numbered(number, 1, 7, 0), vec![number as u8]].concat();
    for (numbers, good, found) in [
        (vec![0, 2], 1, "expected frame 1 of its direction, found frame 2, with kind 7"),
        (vec![0, 0], 1, "expected frame 1 of its direction, found frame 0, with kind 7"),
        (vec![1, 0], 0, "expected frame 0 of its direction, found frame 1, with kind 7"),
    ] {
        let frames: Vec<u8> = numbers.iter().flat_map(|number| frame(*number)).collect();
        let said = [greeting(0.0, 0), frames].concat();
        let (mut channel, _peer) = against(&said, &Link::loopback(), DEADLINE);
        // What came before is good.
        (0..good).for_each(|number| assert_eq!(channel.recv(DATA, 1).unwrap(), [number]));
        let error = channel.recv(DATA, 1).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }) && error.to_string().ends_with(found), "{error}");
    }
}

/// Whoever sends on and on meets a bound, by bytes or by frames, and this party's memory does not grow.
#[test]
fn more_than_can_be_under_way_is_refused() {
    for (frames, bytes, sent) in [(4, 4_000_000, 1_000_000), (1000, 0, 0)] {
        let (mut client, mut server) = tcp(&Link::loopback(), DEADLINE);
        server.expect_at_most(frames, bytes);
        let flooding = thread::spawn(move || (0..).find_map(|_| client.send(DATA, vec![0; sent]).err()));
        thread::sleep(SHORT);
        let error = server.recv(DATA, sent).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }) && error.fault() == Fault::Peer, "{error}");
        assert!(error.to_string().contains("that were not yet received"), "{error}");
        // Whoever waits for room to send is told the same.
        let error = (0..).find_map(|_| server.send(DATA, vec![0; 1 << 20]).err()).unwrap();
        assert!(matches!(error, Error::Malformed { .. }), "{error}");
        drop(server);
        let refused = flooding.join().unwrap();
        assert!(matches!(refused, Some(Error::Closed { .. })), "{refused:?}");
    }
    // As much as was announced is taken, before anything is received.
    let (mut client, mut server) = tcp(&Link::loopback(), DEADLINE);
    server.expect_at_most(100, 100_000_000);
    (0..100).for_each(|_| client.send(DATA, vec![3; 1_000_000]).unwrap());
    client.flush().unwrap();
    (0..100).for_each(|_| assert_eq!(server.recv(DATA, 1_000_000).unwrap().len(), 1_000_000));
}

/// A peer that takes a byte now and then is no progress: the sender gives up as if it took nothing.
#[test]
fn a_peer_that_reads_a_byte_at_a_time_meets_the_deadline() {
    let (mut channel, mut peer) = against(&greeting(0.0, 0), &Link::loopback(), SHORT);
    let (done, ended) = std::sync::mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            while ended
                .recv_timeout(SHORT / 10)
                .is_err_and(|error| error == std::sync::mpsc::RecvTimeoutError::Timeout)
            {
                let _ = peer.read_exact(&mut [0; 4096]);
            }
        });
        let start = Instant::now();
        let error = (0..200).find_map(|_| channel.send(DATA, vec![0; 1 << 20]).err()).unwrap();
        assert!(matches!(error, Error::Deadline { .. }), "{error}");
        assert!(start.elapsed() < 3 * SHORT + SLACK, "{:?}", start.elapsed());
        drop(done);
    });
}
