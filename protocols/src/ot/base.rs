//! Base oblivious transfers on Ristretto: the sender gets pairs of keys, the receiver one key of each pair.
//! Source: Chou and Orlandi, "The simplest protocol for oblivious transfer" (Latincrypt 2015), figure 1.
//! Semi-honest, under gap Diffie-Hellman in the random-oracle model (SHA-256). `n` transfers.
//!
//!   sender                                    receiver
//!     | ------- A = aG ------------------------> |   32 bytes
//!     | <------ R_i = r_i G + c_i A ------------ |   32 n bytes, one message
//!     k_i0 = H(i, A, R_i, a R_i)                 k_i = H(i, A, R_i, r_i A)
//!     k_i1 = H(i, A, R_i, a (R_i - A))
//!
//! The receiver computes both candidates for `R_i` and selects by mask: no branch on a choice.

use super::{BASE_RECEIVER, BASE_SENDER};
use crate::Error;
use crate::block::{BLOCK_BYTES, Block};
use curve25519_dalek::RistrettoPoint;
use curve25519_dalek::constants::RISTRETTO_BASEPOINT_TABLE;
use curve25519_dalek::ristretto::CompressedRistretto;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;
use netem::Channel;
use rand::CryptoRng;
use sha2::{Digest, Sha256};

/// Bytes of a compressed point.
const POINT_BYTES: usize = 32;

/// Bytes from sender to receiver, in one message.
pub const SENDER_BYTES: usize = POINT_BYTES;

/// Bytes from receiver to sender for `n` transfers, in one message.
pub const fn receiver_bytes(n: usize) -> usize {
    n * POINT_BYTES
}

/// The sender, whose point is on its way.
pub struct Opened {
    secret: Scalar,
    point: RistrettoPoint,
    sent: CompressedRistretto,
}

/// The sender: sends its point.
pub fn open(channel: &mut Channel, rng: &mut (impl CryptoRng + ?Sized)) -> Result<Opened, Error> {
    let secret = random_scalar(rng);
    let point = &secret * RISTRETTO_BASEPOINT_TABLE;
    let sent = point.compress();
    channel.send(BASE_SENDER, sent.as_bytes().to_vec())?;
    Ok(Opened { secret, point, sent })
}

impl Opened {
    /// Takes the points of `n` transfers: the pair of random keys of each.
    pub fn finish(self, channel: &mut Channel, n: usize) -> Result<Vec<(Block, Block)>, Error> {
        let Self { secret, point, sent } = self;
        let received = channel.recv(BASE_RECEIVER, receiver_bytes(n))?;
        // a (R - A) = a R - a A: one product a transfer.
        let own = secret * point;
        let mut pairs = Vec::with_capacity(n);
        for (index, bytes) in received.chunks_exact(POINT_BYTES).enumerate() {
            let (wire, theirs) = decode("base OT receiver's point", bytes)?;
            let shared = secret * theirs;
            pairs.push((key(index, &sent, &wire, &shared), key(index, &sent, &wire, &(shared - own))));
        }
        Ok(pairs)
    }
}

/// The receiver of `choices.len()` transfers: of each pair the key chosen, the second if `true`.
pub fn receiver(
    channel: &mut Channel,
    choices: &[bool],
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Vec<Block>, Error> {
    let bytes = channel.recv(BASE_SENDER, SENDER_BYTES)?;
    let (sent, theirs) = decode("base OT sender's point", &bytes)?;
    if theirs.is_identity() {
        return Err(Error::peer("base OT sender's point", "a generator", "the identity"));
    }
    let mut message = Vec::with_capacity(receiver_bytes(choices.len()));
    let mut keys = Vec::with_capacity(choices.len());
    for (index, &choice) in choices.iter().enumerate() {
        let r = random_scalar(rng);
        let first = &r * RISTRETTO_BASEPOINT_TABLE;
        let wire = select(choice, first.compress(), (first + theirs).compress());
        message.extend_from_slice(wire.as_bytes());
        keys.push(key(index, &sent, &wire, &(r * theirs)));
    }
    channel.send(BASE_RECEIVER, message)?;
    Ok(keys)
}

/// A uniform scalar. The curve crate speaks an older `rand`, so its 64 bytes are drawn here.
fn random_scalar(rng: &mut (impl CryptoRng + ?Sized)) -> Scalar {
    let mut wide = [0; 64];
    rng.fill_bytes(&mut wide);
    Scalar::from_bytes_mod_order_wide(&wide)
}

/// `second` if `choice`, else `first`, by mask.
fn select(choice: bool, first: CompressedRistretto, second: CompressedRistretto) -> CompressedRistretto {
    let mask = u8::from(choice).wrapping_neg();
    CompressedRistretto(std::array::from_fn(|i| first.0[i] ^ mask & (first.0[i] ^ second.0[i])))
}

/// A point off the wire, beside its encoding.
fn decode(what: &str, bytes: &[u8]) -> Result<(CompressedRistretto, RistrettoPoint), Error> {
    let malformed = || Error::peer(what, "a canonical Ristretto encoding", "other bytes");
    let wire = CompressedRistretto::from_slice(bytes).map_err(|_| malformed())?;
    let point = wire.decompress().ok_or_else(malformed)?;
    Ok((wire, point))
}

/// The first 16 bytes of SHA-256 over the transfer's index, both messages and the shared point.
fn key(
    index: usize,
    sent: &CompressedRistretto,
    received: &CompressedRistretto,
    shared: &RistrettoPoint,
) -> Block {
    let digest = Sha256::new()
        .chain_update(b"linnet base OT")
        .chain_update((index as u64).to_le_bytes())
        .chain_update(sent.as_bytes())
        .chain_update(received.as_bytes())
        .chain_update(shared.compress().as_bytes())
        .finalize();
    let mut bytes = [0; BLOCK_BYTES];
    bytes.copy_from_slice(&digest[..BLOCK_BYTES]);
    Block::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;
    use std::thread;
    use std::time::Duration;

    const DEADLINE: Duration = Duration::from_secs(20);

    #[test]
    fn the_receiver_gets_the_key_chosen_and_not_the_other() {
        let choices: Vec<bool> = (0..40).map(|i| i * i % 7 < 3).collect();
        let (mut left, mut right) = Channel::pair(DEADLINE);
        let (pairs, keys) = thread::scope(|scope| {
            let n = choices.len();
            let pairs = scope.spawn(move || {
                let opened = open(&mut left, &mut ChaCha20Rng::seed_from_u64(1)).unwrap();
                opened.finish(&mut left, n).unwrap()
            });
            let keys = receiver(&mut right, &choices, &mut ChaCha20Rng::seed_from_u64(2)).unwrap();
            right.flush().unwrap();
            (pairs.join().unwrap(), keys)
        });
        assert_eq!((pairs.len(), keys.len()), (choices.len(), choices.len()));
        for ((pair, key), choice) in pairs.iter().zip(&keys).zip(choices) {
            let (chosen, other) = if choice { (pair.1, pair.0) } else { (pair.0, pair.1) };
            assert_eq!(chosen.0, key.0);
            assert_ne!(other.0, key.0);
        }
        let spent = right.usage();
        let sums = spent.iter().fold((0, 0), |s, row| (s.0 + row.bytes_in, s.1 + row.bytes_out));
        assert_eq!(sums, (SENDER_BYTES as u64, receiver_bytes(40) as u64));
    }

    #[test]
    fn a_malformed_point_is_the_peers_fault() {
        // All ones is no canonical encoding; the identity encodes as zeros.
        for (bytes, expected) in [([0xff; POINT_BYTES], "encoding"), ([0; POINT_BYTES], "generator")] {
            let (mut left, mut right) = Channel::pair(DEADLINE);
            left.send(BASE_SENDER, bytes.to_vec()).unwrap();
            left.flush().unwrap();
            let error = receiver(&mut right, &[true], &mut ChaCha20Rng::seed_from_u64(3)).err().unwrap();
            assert!(matches!(&error, Error::Peer { expected: e, .. } if e.contains(expected)), "{error}");
        }
        let (mut left, mut right) = Channel::pair(DEADLINE);
        left.send(BASE_RECEIVER, vec![0xff; receiver_bytes(2)]).unwrap();
        left.flush().unwrap();
        let opened = open(&mut right, &mut ChaCha20Rng::seed_from_u64(4)).unwrap();
        let error = opened.finish(&mut right, 2).err().unwrap();
        assert!(matches!(error, Error::Peer { .. }), "{error}");
    }
}
