//! Correlated OT extension with a fixed offset: the sender gets `q_j`, the receiver `t_j = q_j ^ b_j Δ`.
//! Source: Ishai, Kilian, Nissim and Petrank (CRYPTO 2003), in the form of Asharov, Lindell, Schneider and Zohner (CCS 2013),
//! without its last step: the strings themselves are the wire labels of free XOR. Semi-honest, 127 secret bits of Δ (its bit 0 is
//! 1). Against the receiver: AES-128 counter mode is a PRG and the base OTs hide Δ. Against the sender: the PRG streams that Δ
//! does not select hide the choices.
//!
//!   receiver (choices b)                                      sender (offset Δ)
//!     | <====== base OTs: 128 seed pairs to the receiver, ====== |   once: 32 bytes to the sender, 4,096 to the receiver
//!     |         one seed of each, by the bits of Δ, to the sender
//!     | -- column i of a chunk: G(s_i0) ^ G(s_i1) ^ b ---------> |   each `extend`: 16 bytes a transfer, rounded up to 128
//!       column i of t: G(s_i0)         column i of q: G(s_iΔ_i) ^ Δ_i (column of the message)
//!
//! A chunk is one frame: up to `CHUNK` transfers, 128 columns one after another. The seeds' streams continue over calls.

use super::EXTENSION;
use super::base;
use super::columns::COLUMN;
use super::transpose::Matrix;
use crate::Error;
use crate::block::{BLOCK_BYTES, Block, Delta, SECURITY_BITS};
use crate::cipher::Engine;
use crate::prg::Prg;
use netem::Channel;
use rand::CryptoRng;

/// Transfers a frame: its 128 KiB and its columns stay in the second-level cache.
const CHUNK: usize = 8192;
const _: () = assert!(CHUNK == COLUMN * SECURITY_BITS);

/// Bytes of the set-up from the receiver (of the extension) to the sender, in one message.
pub const SETUP_BYTES_TO_SENDER: usize = base::SENDER_BYTES;

/// Bytes of the set-up from the sender (of the extension) to the receiver, in one message that answers the other.
pub const SETUP_BYTES_TO_RECEIVER: usize = base::receiver_bytes(SECURITY_BITS);

/// Bytes from receiver to sender for `extend` over `n` transfers; nothing travels back.
pub const fn extension_bytes(n: usize) -> usize {
    n.next_multiple_of(SECURITY_BITS) * BLOCK_BYTES
}

/// Transfers of each frame from receiver to sender for `extend` over `n` transfers.
pub fn extension_chunks(n: usize) -> impl Iterator<Item = usize> {
    (0..n).step_by(CHUNK).map(move |start| CHUNK.min(n - start))
}

/// The party that chooses the offset.
pub struct Sender {
    delta: Delta,
    engine: Engine,
    columns: Vec<Prg>,
}

impl Sender {
    /// Runs the base OTs with the peer's [`Receiver::setup`].
    pub fn setup(
        channel: &mut Channel,
        delta: Delta,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Self, Error> {
        Self::setup_on(Engine::fastest(), channel, delta, rng)
    }

    /// The same for extensions on `engine`, which the peer need not share.
    pub fn setup_on(
        engine: Engine,
        channel: &mut Channel,
        delta: Delta,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Self, Error> {
        let choices: [bool; SECURITY_BITS] = std::array::from_fn(|i| delta.block().0 >> i & 1 == 1);
        let seeds = base::receiver(channel, &choices, rng)?;
        Ok(Self { delta, engine, columns: seeds.into_iter().map(|seed| Prg::on(engine, seed)).collect() })
    }

    /// The offset of every transfer.
    pub fn delta(&self) -> Delta {
        self.delta
    }

    /// `n` further transfers: the strings `q_j` of choice 0.
    pub fn extend(&mut self, channel: &mut Channel, n: usize) -> Result<Vec<Block>, Error> {
        let mut rows = Vec::with_capacity(n);
        let mut matrix = Matrix::new(self.engine);
        for start in (0..n).step_by(CHUNK) {
            let count = CHUNK.min(n - start);
            let length = count.div_ceil(SECURITY_BITS);
            let message = channel.recv(EXTENSION, extension_bytes(count))?;
            let columns = self.columns.iter_mut().zip(message.chunks_exact(length * BLOCK_BYTES));
            for (i, (prg, sent)) in columns.enumerate() {
                prg.fill(matrix.column(i, length));
                matrix.unmask(i, sent, Block::mask(self.delta.block().0 >> i & 1 == 1));
            }
            matrix.append_rows(count, &mut rows);
        }
        Ok(rows)
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.delta.wipe();
    }
}

/// The party that chooses a bit a transfer.
pub struct Receiver {
    engine: Engine,
    columns: Vec<(Prg, Prg)>,
}

impl Receiver {
    /// Runs the base OTs with the peer's [`Sender::setup`].
    pub fn setup(channel: &mut Channel, rng: &mut (impl CryptoRng + ?Sized)) -> Result<Self, Error> {
        Self::setup_on(Engine::fastest(), channel, rng)
    }

    /// The same for extensions on `engine`, which the peer need not share.
    pub fn setup_on(
        engine: Engine,
        channel: &mut Channel,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Self, Error> {
        let seeds = base::sender(channel, SECURITY_BITS, rng)?;
        let streams = seeds.into_iter().map(|(s0, s1)| (Prg::on(engine, s0), Prg::on(engine, s1)));
        Ok(Self { engine, columns: streams.collect() })
    }

    /// `n` further transfers: the strings `t_j = q_j ^ b_j Δ`; `choices` holds the bits b, the first lowest in its byte.
    pub fn extend(&mut self, channel: &mut Channel, n: usize, choices: &[u8]) -> Result<Vec<Block>, Error> {
        assert_eq!(choices.len(), n.div_ceil(8), "a bit a transfer");
        let mut rows = Vec::with_capacity(n);
        let mut matrix = Matrix::new(self.engine);
        let mut packed = [Block::ZERO; COLUMN];
        let mut other = [Block::ZERO; COLUMN];
        for (start, chosen) in (0..n).step_by(CHUNK).zip(choices.chunks(CHUNK / 8)) {
            let count = CHUNK.min(n - start);
            let length = count.div_ceil(SECURITY_BITS);
            packed[length - 1] = Block::ZERO;
            bytemuck::cast_slice_mut(&mut packed)[..chosen.len()].copy_from_slice(chosen);
            let mut message = Vec::with_capacity(extension_bytes(count));
            for (i, (first, second)) in self.columns.iter_mut().enumerate() {
                let masked = &mut other[..length];
                first.fill(matrix.column(i, length));
                second.fill(masked);
                matrix.mask(i, &packed[..length], masked);
                message.extend_from_slice(bytemuck::cast_slice(masked));
            }
            channel.send(EXTENSION, message)?;
            matrix.append_rows(count, &mut rows);
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pack_bits;
    use netem::StepUsage;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha20Rng;
    use std::thread;
    use std::time::Duration;

    fn total(channel: &Channel, of: impl Fn(&StepUsage) -> u64) -> usize {
        channel.usage().iter().map(of).sum::<u64>() as usize
    }

    /// Runs sender and receiver, each on its engine, over `batches` of choices; checks every string and byte. Returns `t`.
    fn check([of_sender, of_receiver]: [Engine; 2], batches: &[Vec<bool>]) -> Vec<Vec<Block>> {
        let (mut left, mut right) = Channel::pair(Duration::from_secs(20));
        let delta = Delta::random(&mut ChaCha20Rng::seed_from_u64(5));
        let (q, t) = thread::scope(|scope| {
            let q = scope.spawn(|| {
                let mut rng = ChaCha20Rng::seed_from_u64(6);
                let mut sender = Sender::setup_on(of_sender, &mut left, delta, &mut rng).unwrap();
                let extend = |b: &Vec<bool>| sender.extend(&mut left, b.len()).unwrap();
                batches.iter().map(extend).collect::<Vec<_>>()
            });
            let mut rng = ChaCha20Rng::seed_from_u64(7);
            let mut receiver = Receiver::setup_on(of_receiver, &mut right, &mut rng).unwrap();
            let extend = |b: &Vec<bool>| receiver.extend(&mut right, b.len(), &pack_bits(b)).unwrap();
            let t = batches.iter().map(extend).collect::<Vec<_>>();
            right.flush().unwrap();
            (q.join().unwrap(), t)
        });
        let mut seen = std::collections::HashSet::new();
        for ((q, t), choices) in q.iter().zip(&t).zip(batches) {
            assert_eq!((q.len(), t.len()), (choices.len(), choices.len()));
            for ((q, t), &choice) in q.iter().zip(t).zip(choices) {
                assert_eq!(t.0, q.0 ^ if choice { delta.block().0 } else { 0 });
                assert!(seen.insert(q.0), "a string came twice");
            }
        }
        let to_sender: usize = batches.iter().map(|b| extension_bytes(b.len())).sum();
        assert_eq!(total(&left, |s| s.bytes_in), SETUP_BYTES_TO_SENDER + to_sender);
        assert_eq!(total(&left, |s| s.bytes_out), SETUP_BYTES_TO_RECEIVER);
        let frames: usize = batches.iter().map(|b| extension_chunks(b.len()).count()).sum();
        assert_eq!((total(&left, |s| s.messages_in), total(&left, |s| s.messages_out)), (1 + frames, 1));
        t
    }

    #[test]
    fn strings_differ_by_the_offset_where_chosen_over_several_extensions_and_alike_on_every_engine() {
        let mut rng = ChaCha20Rng::seed_from_u64(8);
        let sizes = [1, 127, 128, 129, 0, 1000, 100_000, CHUNK, CHUNK + 1, 3];
        let batches = sizes.map(|n| (0..n).map(|_| rng.random()).collect());
        // With the receiver's strings and Δ the sender's are given; a portable peer holds the bytes on the wire equal.
        let strings = Engine::available().into_iter().flat_map(|engine| {
            [[engine, Engine::Portable], [Engine::Portable, engine]].map(|engines| {
                let strings = check(engines, &batches).concat();
                strings.into_iter().map(|t| t.0).collect()
            })
        });
        let strings: Vec<Vec<u128>> = strings.collect();
        assert!(strings.iter().all(|others| *others == strings[0]));
    }

    #[test]
    fn the_bytes_are_those_declared() {
        assert_eq!([0, 1, 128, 129].map(extension_bytes), [0, 2048, 2048, 4096]);
        assert_eq!((SETUP_BYTES_TO_SENDER, SETUP_BYTES_TO_RECEIVER), (32, 4096));
    }
}
