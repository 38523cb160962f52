//! Messages of the steps, cut into frames.

use crate::Error;
use netem::{Channel, FrameKind};

/// The client's ciphertexts.
pub(crate) const REQUEST: FrameKind = FrameKind(0x30);
/// The server's ciphertexts.
pub(crate) const ANSWER: FrameKind = FrameKind(0x31);
/// Corrections of products by correlated OT.
pub(crate) const CORRELATION: FrameKind = FrameKind(0x32);
/// The server's bits of truncations.
pub(crate) const CORRECTION: FrameKind = FrameKind(0x33);
/// Values behind the client's mask.
pub(crate) const MASKED: FrameKind = FrameKind(0x34);
/// Values behind the server's mask.
pub(crate) const HIDDEN: FrameKind = FrameKind(0x36);
/// The server's share of the logits.
pub(crate) const LOGITS: FrameKind = FrameKind(0x35);

/// Largest frame of a message that is cut into several.
const PIECE_BYTES: usize = 1 << 20;

/// Sends `bytes` in frames of at most [`PIECE_BYTES`]; nothing where there are none.
pub(crate) fn send(channel: &mut Channel, kind: FrameKind, bytes: Vec<u8>) -> Result<(), Error> {
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

/// Receives what [`send`] sent.
pub(crate) fn recv(channel: &mut Channel, kind: FrameKind, length: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::with_capacity(length);
    for piece in pieces(length) {
        bytes.extend(channel.recv(kind, piece)?);
    }
    Ok(bytes)
}

/// Lengths of the frames that [`send`] makes.
pub(crate) fn pieces(length: usize) -> impl Iterator<Item = usize> {
    (0..length).step_by(PIECE_BYTES).map(move |start| PIECE_BYTES.min(length - start))
}
