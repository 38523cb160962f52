//! What a frame looks like on the wire.
//!
//! ```text
//! length u32 | kind u8 | arrival u64 | depth u32 | number u32 | payload      little-endian
//! ```
//!
//! Length and kind are protocol: 5 bytes a frame, counted and charged to the rate. The arrival stamp belongs
//! to the emulation, the depth to the counting of rounds, the number (of the frame in its direction, from 0) to the
//! detection of frames that were lost, doubled or swapped on the way, as does the greeting before the first frame:
//! neither counted nor charged.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::{self, IoSlice, Read, Write};

use crate::clock::nanoseconds;
use crate::error::End;
use crate::{Bytes, BytesPerSec, Link};

/// Longest payload of one frame: 16 MiB. Longer messages travel as several.
pub const MAX_FRAME: usize = 16 << 20;

/// Header bytes of a frame that count as traffic: length and kind.
pub const HEADER_BYTES: u64 = 5;

/// Header bytes of a frame on the real socket: these, the arrival stamp, the depth and the number.
pub(crate) const WIRE_HEADER: usize = 21;

/// A channel holds small frames until they are this many bytes, or it is flushed.
pub(crate) const HOLD_BYTES: u64 = 64 << 10;

/// The type of a frame's payload; its meaning is the protocol's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FrameKind(pub u8);

impl fmt::Display for FrameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kind {}", self.0)
    }
}

/// A typed payload on its way. It cannot be printed, since payloads may be secret; errors name its kind and length
/// alone.
pub(crate) struct Frame {
    pub(crate) kind: FrameKind,
    /// When the emulated link delivers the last byte; 0 where nothing is emulated.
    pub(crate) arrival_ns: u64,
    /// Messages of the phase in the longest chain that ends with this one, each sent after the one before was received.
    pub(crate) depth: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// Bytes that the emulated link carries.
    pub(crate) fn size(&self) -> u64 {
        self.payload.len() as u64 + HEADER_BYTES
    }

    /// Of the frame with that number.
    fn header(&self, number: u32) -> [u8; WIRE_HEADER] {
        let length = u32::try_from(self.payload.len()).expect("payloads are capped at MAX_FRAME");
        let mut header = [0; WIRE_HEADER];
        header[..4].copy_from_slice(&length.to_le_bytes());
        header[4] = self.kind.0;
        header[5..13].copy_from_slice(&self.arrival_ns.to_le_bytes());
        header[13..17].copy_from_slice(&self.depth.to_le_bytes());
        header[17..].copy_from_slice(&number.to_le_bytes());
        header
    }
}

/// Writes the frames, numbered from `next` on, with as few system calls as there can be and without copying a payload; `wrote`
/// is called with the bytes of each call.
pub(crate) fn write_frames(
    writer: &mut impl Write,
    frames: &[Frame],
    next: &mut u32,
    mut wrote: impl FnMut(u64),
) -> io::Result<()> {
    let mut numbered = |frame: &Frame| {
        let header = frame.header(*next);
        *next = next.wrapping_add(1);
        header
    };
    let headers: Vec<[u8; WIRE_HEADER]> = frames.iter().map(&mut numbered).collect();
    let mut slices: Vec<IoSlice<'_>> = headers
        .iter()
        .zip(frames)
        .flat_map(|(header, frame)| [IoSlice::new(header), IoSlice::new(&frame.payload)])
        .filter(|slice| !slice.is_empty())
        .collect();
    let mut left = &mut slices[..];
    while !left.is_empty() {
        match writer.write_vectored(left) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                IoSlice::advance_slices(&mut left, count);
                wrote(count as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether these bytes begin with a whole frame, so that reading it neither waits nor fails.
pub(crate) fn starts_with_frame(bytes: &[u8]) -> bool {
    bytes.first_chunk().is_some_and(|length| {
        let length = u32::from_le_bytes(*length) as usize;
        length <= MAX_FRAME && bytes.len() >= WIRE_HEADER + length
    })
}

/// Reads the frame of number `next`, and counts it. An end of the stream, between or within frames, is [`End::Closed`].
pub(crate) fn read_frame(reader: &mut impl Read, next: &mut u32) -> Result<Frame, End> {
    let mut header = [0; WIRE_HEADER];
    reader.read_exact(&mut header).map_err(|error| End::of("reading a frame header", &error))?;
    let (length, rest) = header.split_at(4);
    let length = u32::from_le_bytes(length.try_into().expect("split at 4")) as usize;
    if length > MAX_FRAME {
        return Err(End::Malformed {
            expected: format!("a frame of at most {MAX_FRAME} bytes"),
            found: format!("a length of {length} bytes with {}", FrameKind(rest[0])),
        });
    }
    let arrival_ns = u64::from_le_bytes(rest[1..9].try_into().expect("the header is 21 bytes"));
    let depth = u32::from_le_bytes(rest[9..13].try_into().expect("the header is 21 bytes"));
    let number = u32::from_le_bytes(rest[13..].try_into().expect("the header is 21 bytes"));
    if number != *next {
        return Err(End::Malformed {
            expected: format!("frame {next} of its direction"),
            found: format!("frame {number}, with {}", FrameKind(rest[0])),
        });
    }
    *next = next.wrapping_add(1);
    let mut payload = Vec::with_capacity(length);
    let count = reader
        .take(length as u64)
        .read_to_end(&mut payload)
        .map_err(|error| End::of("reading a payload", &error))?;
    if count < length {
        return Err(End::Closed);
    }
    Ok(Frame { kind: FrameKind(rest[0]), arrival_ns, depth, payload })
}

const MAGIC: [u8; 8] = *b"linnet\0\x03";

/// Bytes of the greeting: magic and version, rate, RTT, window.
pub(crate) const GREETING: usize = 32;

/// What each end sends first: the protocol version and the link it emulates, which has to be the same at both.
pub(crate) fn greeting(link: &Link) -> [u8; GREETING] {
    let mut bytes = [0; GREETING];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..16].copy_from_slice(&link.rate.map_or(0.0, |rate| rate.0).to_le_bytes());
    bytes[16..24].copy_from_slice(&nanoseconds(link.rtt).to_le_bytes());
    bytes[24..].copy_from_slice(&link.tcp_window.map_or(0, |window| window.0).to_le_bytes());
    bytes
}

/// Reads the peer's greeting and compares it with ours.
pub(crate) fn read_greeting(reader: &mut impl Read, link: &Link) -> Result<(), End> {
    let mut bytes = [0; GREETING];
    reader.read_exact(&mut bytes).map_err(|error| End::of("reading the greeting", &error))?;
    if bytes[..8] != MAGIC {
        return Err(End::Malformed {
            expected: format!("the greeting {:02x?}", MAGIC),
            found: format!("{:02x?}", &bytes[..8]),
        });
    }
    if bytes != greeting(link) {
        let field = |at: usize| -> [u8; 8] { bytes[at..at + 8].try_into().expect("eight bytes") };
        let theirs = Link {
            name: "the peer's".into(),
            rate: Some(f64::from_le_bytes(field(8))).filter(|rate| *rate != 0.0).map(BytesPerSec),
            rtt: std::time::Duration::from_nanos(u64::from_le_bytes(field(16))),
            tcp_window: Some(u64::from_le_bytes(field(24))).filter(|window| *window != 0).map(Bytes),
        };
        return Err(End::Link { expected: format!("{link} at both ends"), found: theirs.to_string() });
    }
    Ok(())
}
