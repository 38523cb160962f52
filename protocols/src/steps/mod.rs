//! The steps of a plan, one file each: messages, client, server, cost.

pub mod activation;
pub mod delphi;
pub mod input;
pub mod kept;
pub mod linear;
pub mod narrow;
pub mod output;
pub mod sign;
pub mod truncation;

use crate::Error;
use netem::{Channel, FrameKind};

const REQUEST: FrameKind = FrameKind(0x30);
const ANSWER: FrameKind = FrameKind(0x31);
const CORRELATION: FrameKind = FrameKind(0x32);
const CORRECTION: FrameKind = FrameKind(0x33);
const MASKED: FrameKind = FrameKind(0x34);
const LOGITS: FrameKind = FrameKind(0x35);

/// Largest frame of a message that is cut into several.
const PIECE_BYTES: usize = 1 << 20;

/// Sends `bytes` in frames of at most [`PIECE_BYTES`]; nothing where there is nothing to say.
fn send_pieces(channel: &mut Channel, kind: FrameKind, bytes: Vec<u8>) -> Result<(), Error> {
    if bytes.len() <= PIECE_BYTES {
        if !bytes.is_empty() {
            channel.send(kind, bytes)?;
        }
        return Ok(());
    }
    for piece in bytes.chunks(PIECE_BYTES) {
        channel.send(kind, piece.to_vec())?;
    }
    Ok(())
}

/// Receives what [`send_pieces`] sent.
fn recv_pieces(channel: &mut Channel, kind: FrameKind, length: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::with_capacity(length);
    for piece in pieces(length) {
        bytes.extend(channel.recv(kind, piece)?);
    }
    Ok(bytes)
}

/// Lengths of the frames that [`send_pieces`] makes.
fn pieces(length: usize) -> impl Iterator<Item = usize> {
    (0..length).step_by(PIECE_BYTES).map(move |start| PIECE_BYTES.min(length - start))
}
