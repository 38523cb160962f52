//! What a peer may send before its messages reach a protocol, and what else this crate reads.

use crate::error::End;
use crate::frame::{Frame, FrameKind, MAX_FRAME, greeting, read_frame, read_greeting, write_frames};
use crate::queue::Inbox;
use crate::tcp::read_all;
use crate::{Bytes, BytesPerSec, Doing, Event, Identity, Link, Phase, parse_delay, replay};
use std::time::Duration;

/// What a header may ask for before its payload has come, and what reading it takes.
const A_FRAME: u64 = MAX_FRAME as u64 + (1 << 20);

fn target(name: &'static str) -> fuzzing::Target {
    fuzzing::Target::new(env!("CARGO_MANIFEST_DIR"), name)
}

fn written(frames: &[Frame]) -> Vec<u8> {
    let mut written = Vec::new();
    write_frames(&mut written, frames, &mut 0, |_| {}).unwrap();
    written
}

fn frames(payloads: &[&[u8]]) -> Vec<u8> {
    let frame =
        |payload: &&[u8]| Frame { kind: FrameKind(7), arrival_ns: 9, depth: 2, payload: payload.to_vec() };
    written(&payloads.iter().map(frame).collect::<Vec<_>>())
}

/// What is read is what is written.
#[test]
fn frame() {
    let seeds = [frames(&[]), frames(&[b"one"]), frames(&[b"", b"two", &[3; 300]])];
    target("frame").seeds(seeds).allows(8, A_FRAME).run(|bytes| {
        let (mut rest, mut number, mut read) = (bytes, 0, Vec::new());
        while !rest.is_empty() {
            let Ok(frame) = read_frame(&mut rest, &mut number) else { return false };
            read.push(frame);
        }
        assert!(written(&read) == bytes);
        true
    });
}

/// The first byte chooses this end's link. What is refused is told, with numbers that the peer chose.
#[test]
fn peer_greeting() {
    let links: Vec<Link> = Link::named().collect();
    let seeds = links.iter().enumerate().map(|(index, link)| [&[index as u8], &greeting(link)[..]].concat());
    target("peer_greeting").seeds(seeds).run(|bytes| {
        let Some((choice, mut bytes)) = bytes.split_first() else { return false };
        let link = &links[usize::from(*choice) % links.len()];
        let sent = bytes;
        match read_greeting(&mut bytes, link) {
            Ok(()) => {
                assert!(sent.starts_with(&greeting(link)));
                true
            }
            Err(end) => {
                assert!(!end.at(Phase::Setup, 0, "a greeting", Duration::ZERO).to_string().is_empty());
                false
            }
        }
    });
}

/// A whole connection, as the thread that reads it sees it: whatever comes, the inbox holds no more than it may.
#[test]
fn connection() {
    const MOST: u64 = 1 << 16;
    let link = Link::loopback();
    let said = |frames: &[u8]| [&greeting(&link)[..], frames].concat();
    let seeds = [said(&[]), said(&frames(&[b"one", b"two"])), said(&frames(&[&[0; 4000][..]; 15]))];
    target("connection").seeds(seeds).allows(8, A_FRAME + MOST).run(|bytes| {
        let inbox = Inbox::default();
        inbox.hold_at_most(8, MOST);
        inbox.end(read_all(bytes, &link, &inbox));
        let (mut held, mut end) = (0, None);
        while end.is_none() {
            match inbox.pop(Duration::ZERO) {
                Ok(frame) => held += frame.payload.len() as u64,
                Err(ended) => end = Some(ended),
            }
        }
        assert!(held <= MOST + 8 * 64);
        matches!(end, Some(End::Closed | End::Malformed { .. }))
    });
}

/// A link reads back from its own name, and its numbers can be computed with.
#[test]
fn link() {
    let seeds = ["lan", "rate=100MB/s,rtt=10ms", "rtt=0.5 s, window=64KiB", "rate=1 Gbit/s"];
    target("link").seeds(seeds).run(|bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return false };
        let Ok(link) = Link::parse(text) else { return false };
        assert_eq!(Link::parse(&link.name).ok().as_ref(), Some(&link), "{}", link.name);
        let mut shaper = crate::Shaper::new(&link);
        assert!(shaper.arrival(1, 1 << 40) <= shaper.arrival(2, 1), "{link}");
        true
    });
}

/// As they are written in arguments and files.
#[test]
fn quantities() {
    target("quantities").seeds(["64KiB", "1.5MB", "384MB/s", "1 Gbit/s", "40ms", "300us"]).run(|bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return false };
        let size = Bytes::parse(text).is_ok_and(|size| !size.to_string().is_empty());
        let rate = BytesPerSec::parse(text).is_ok_and(|rate| !rate.to_string().is_empty());
        size | rate | parse_delay(text).is_ok()
    });
}

/// The events of both ends, 17 bytes each; numbers come from a file.
#[test]
fn replayed() {
    let events = |sent: u64| {
        let mut bytes = Vec::new();
        for (what, number) in [(0, sent), (1, 500), (3, sent), (4, 500)] {
            bytes.push(what);
            bytes.extend(7u64.to_le_bytes());
            bytes.extend(number.to_le_bytes());
        }
        bytes
    };
    let link = Link::parse("wan").unwrap();
    target("replayed").seeds([events(1000), events(9)]).allows(64, 1 << 12).run(|bytes| {
        let mut ends = [Vec::new(), Vec::new()];
        for event in bytes.chunks_exact(17) {
            let number = |at: usize| u64::from_le_bytes(event[at..at + 8].try_into().unwrap());
            // Who, and what: the asker's are 0 to 2, the answerer's 3 to 5.
            let what = event[0] % 6;
            let doing = match (what % 3, what < 3) {
                (0, true) | (1, false) => Doing::Sent(number(9)),
                (1, true) | (0, false) => Doing::Received(number(9)),
                _ => Doing::Left,
            };
            let step = u32::from(event[0] / 6);
            ends[usize::from(what / 3)].push(Event {
                phase: Phase::Online,
                step,
                compute_ns: number(1),
                doing,
            });
        }
        let Ok(steps) = replay([&ends[0], &ends[1]], &link) else { return false };
        assert!(steps.iter().flatten().all(|step| step.blocked_ns <= step.wall_ns));
        true
    });
}

/// Files of keys, cut where a line of four dashes is: an authority, a certificate, a key.
#[test]
fn keys() {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["linnet-server".to_owned()]).unwrap();
    let certificate = certificate.self_signed(&key).unwrap().pem();
    let seed = format!("{certificate}----\n{certificate}----\n{}", key.serialize_pem());
    let folder = tempfile::tempdir().unwrap();
    target("keys").seeds([seed]).run(|bytes| {
        let text = String::from_utf8_lossy(bytes);
        let mut files = text.split("\n----\n");
        for name in ["ca.pem", "server.pem", "server.key"] {
            std::fs::write(folder.path().join(name), files.next().unwrap_or_default()).unwrap();
        }
        Identity::server(folder.path()).is_ok()
    });
}
