//! Messages of set-up and of requests, and integers as they travel.

use super::{DEADLINE, Taken, target};
use crate::handshake::{self, SessionId};
use crate::service::{ItemId, Request};
use crate::wire::{BitReader, BitWriter, low, pack, packed_bytes, unpack};
use netem::{Channel, FrameKind};

/// A channel whose peer has sent one frame.
pub(crate) fn sent(kind: FrameKind, bytes: &[u8]) -> (Channel, Channel) {
    let (mut peer, ours) = Channel::pair(DEADLINE);
    peer.send(kind, bytes.to_vec()).unwrap();
    peer.flush().unwrap();
    (ours, peer)
}

/// Either party takes the one right message.
#[test]
fn hello() {
    let (plan, ..) = super::network::network(super::network::Special::all().next().unwrap());
    let session = SessionId([7; 16]);
    let (mut client, mut server) = Channel::pair(DEADLINE);
    let _ = handshake::client(&mut client, &plan, session);
    let right = server.recv(FrameKind(1), 53).unwrap();
    target("hello").seeds([right.clone()]).run(|bytes| {
        let (mut ours, _peer) = sent(FrameKind(1), bytes);
        let taken = handshake::server(&mut ours, &plan, session).is_ok();
        assert_eq!(taken, bytes == right);
        let (mut ours, _peer) = sent(FrameKind(1), bytes);
        assert!(handshake::client(&mut ours, &plan, session).is_err() || bytes[4] == 2);
        taken
    });
}

/// What is taken is sent again as it came.
#[test]
fn request() {
    let seeds = (1..=4).map(|code| [&[code][..], &[code; 16]].concat());
    target("request").seeds(seeds).run(|bytes| {
        let (mut ours, mut peer) = sent(FrameKind(3), bytes);
        let Ok(request) = Request::receive(&mut ours) else { return false };
        request.send(&mut ours).unwrap();
        ours.flush().unwrap();
        let again = peer.recv(FrameKind(3), bytes.len()).unwrap();
        assert_eq!(again[0], bytes[0]);
        if let Request::Offline(item) | Request::Online(item) = request {
            assert_eq!((&again[1..], &item.0[..]), (&bytes[1..], &bytes[1..]));
        }
        true
    });
}

#[test]
fn item_name() {
    target("item_name").seeds([ItemId([0xa5; 16]).to_string()]).run(|bytes| {
        let Some(item) = std::str::from_utf8(bytes).ok().and_then(ItemId::parse) else { return false };
        assert!(item.to_string().eq_ignore_ascii_case(std::str::from_utf8(bytes).unwrap()));
        true
    });
}

/// A width, a count, then packed integers of that width, and fields of mixed widths after them.
#[test]
fn packed_integers() {
    target("packed_integers").seeds(["\x0d\x09what is packed is unpacked", "\x40\x03", "\x01\x1f"]).run(
        |bytes| {
            let mut taken = Taken(bytes);
            let (bits, count) = (u32::from(taken.byte()) % 64 + 1, usize::from(taken.byte()));
            let values = unpack(taken.0, bits, count);
            assert!(values.iter().all(|value| *value <= low(bits)));
            let packed = pack(&values, bits);
            assert_eq!((packed.len(), unpack(&packed, bits, count)), (packed_bytes(count, bits), values));
            let fields: Vec<(u128, u32)> = std::iter::from_fn(|| {
                (!taken.ended()).then(|| {
                    let bits = u32::from(taken.byte()) % 128 + 1;
                    (taken.wide() >> (128 - bits), bits)
                })
            })
            .collect();
            let mut written = Vec::new();
            let mut writer = BitWriter::new(&mut written);
            fields.iter().for_each(|(value, bits)| writer.push_wide(*value, *bits));
            writer.finish();
            let mut reader = BitReader::new(&written);
            assert!(fields.iter().all(|(value, bits)| reader.pull_wide(*bits) == *value));
            true
        },
    );
}
