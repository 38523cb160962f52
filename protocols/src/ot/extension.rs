//! Correlated OT extension with a fixed offset: the sender gets `q_j`, the receiver `t_j = q_j ^ b_j Δ`.
//! Source: Roy, "SoftSpokenOT" (CRYPTO 2022), figures 2 and 7, without its last step: the strings themselves are the wire labels
//! of free XOR. With k = 1 it is Ishai, Kilian, Nissim and Petrank (CRYPTO 2003), in the form of Asharov, Lindell, Schneider and
//! Zohner (CCS 2013). Semi-honest, 127 secret bits of Δ (its bit 0 is 1). Against the receiver: AES-128 counter mode is a PRG and
//! the base OTs hide Δ. Against the sender: of every group the stream that Δ punctures hides the choices.
//!
//!   receiver (choices b)                                        sender (offset Δ, in groups of k bits)
//!     | <====== base OTs: 128 key pairs to the receiver, ======== |   once: 32 bytes to the sender, 4,096 to the receiver
//!     |         one key of each, by the bits of Δ, to the sender
//!     | -- a tree of 2^k keys a group (`tree.rs`) --------------> |   once: 32 (k - 1) bytes a group, none for k = 1
//!     | -- column of a group: sum of G(s_x) over all x, ^ b ----> |   each `extend`: 16 / k bytes a transfer, up to 128 of them
//!       column i of t: sum of G(s_x)    column i of q: sum of G(s_x)
//!       over x with bit i               over x ^ Δ with bit i, ^ Δ_i (column of the message)
//!
//! A chunk is one frame: up to `CHUNK` transfers, the groups' columns one after another. The keys' streams continue over calls.

use super::columns::COLUMN;
use super::transpose::Matrix;
use super::tree;
use super::{EXTENSION, OtVariant, TREES, base};
use crate::Error;
use crate::block::{BLOCK_BYTES, Block, Delta, SECURITY_BITS};
use crate::cipher::Engine;
use crate::prg::Prg;
use crate::secret::Secret;
use netem::Channel;
use rand::CryptoRng;

/// Transfers a frame: their columns stay in the second-level cache.
const CHUNK: usize = 8192;
const _: () = assert!(CHUNK == COLUMN * SECURITY_BITS);

/// Bytes of the first message of the set-up, from the receiver (of the extension) to the sender.
pub const OPENING_BYTES: usize = base::SENDER_BYTES;

/// Bytes of the sender's answer to it.
pub const ANSWER_BYTES: usize = base::receiver_bytes(SECURITY_BITS);

/// Bytes of the receiver's last message of the set-up. Where there are none there is no message.
pub const fn tree_bytes(variant: OtVariant) -> usize {
    variant.groups() * tree::correction_bytes(variant.depth())
}

/// Bytes from receiver to sender for `extend` over `n` transfers; nothing travels back.
pub const fn extension_bytes(variant: OtVariant, n: usize) -> usize {
    n.div_ceil(SECURITY_BITS) * BLOCK_BYTES * variant.groups()
}

/// Transfers of each frame from receiver to sender for `extend` over `n` transfers.
pub fn extension_chunks(n: usize) -> impl Iterator<Item = usize> {
    (0..n).step_by(CHUNK).map(move |start| CHUNK.min(n - start))
}

/// Cipher blocks that a party makes for a frame of `n` transfers.
pub(crate) const fn stream_blocks(variant: OtVariant, n: usize) -> usize {
    n.div_ceil(SECURITY_BITS) * variant.groups() * variant.keys()
}

/// The party that chooses the offset, before it has the trees.
pub struct Answered {
    variant: OtVariant,
    delta: Delta,
    keys: Secret<Block>,
}

/// The party that chooses the offset.
pub struct Sender {
    variant: OtVariant,
    delta: Delta,
    /// Of every group, one a distance from the offset's bits, from 1 on.
    streams: Vec<Prg>,
    chunk: Chunk,
}

/// Runs the base OTs with the peer's [`Opened`], as who will have the offset.
pub fn answer(
    variant: OtVariant,
    channel: &mut Channel,
    delta: Delta,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Answered, Error> {
    let keys = base::receiver(channel, &bits(delta), rng)?.into();
    Ok(Answered { variant, delta, keys })
}

impl Answered {
    /// Takes the peer's trees.
    pub fn finish(self, channel: &mut Channel) -> Result<Sender, Error> {
        self.finish_on(Engine::fastest(), channel)
    }

    /// The same for extensions on `engine`, which the peer need not share.
    pub fn finish_on(self, engine: Engine, channel: &mut Channel) -> Result<Sender, Error> {
        let Self { variant, delta, keys } = self;
        let corrections = match tree_bytes(variant) {
            0 => Vec::new(),
            bytes => channel.recv(TREES, bytes)?,
        };
        let each = tree::correction_bytes(variant.depth());
        let mut streams = Vec::with_capacity(variant.groups() * (variant.keys() - 1));
        let choices = bits(delta);
        let groups = keys.chunks_exact(variant.depth()).zip(choices.chunks_exact(variant.depth()));
        for (group, (keys, choices)) in groups.enumerate() {
            let leaves = tree::punctured(choices, keys, &corrections[group * each..][..each]);
            streams.extend(leaves[1..].iter().map(|leaf| Prg::on(engine, *leaf)));
        }
        Ok(Sender { variant, delta, streams, chunk: Chunk::new(engine, variant) })
    }
}

impl Sender {
    /// The offset of every transfer.
    pub fn delta(&self) -> Delta {
        self.delta
    }

    /// `n` further transfers: the strings `q_j` of choice 0.
    pub fn extend(&mut self, channel: &mut Channel, n: usize) -> Result<Vec<Block>, Error> {
        let Self { variant, delta, streams, chunk } = self;
        let mut rows = Vec::with_capacity(n);
        for count in extension_chunks(n) {
            let length = count.div_ceil(SECURITY_BITS);
            let message = channel.recv(EXTENSION, extension_bytes(*variant, count))?;
            let columns = message.chunks_exact(length * BLOCK_BYTES);
            let groups = streams.chunks_exact_mut(variant.keys() - 1).zip(columns);
            for (first, (streams, sent)) in (0..SECURITY_BITS).step_by(variant.depth()).zip(groups) {
                chunk.sum(first, length, streams.iter_mut().zip(1..));
                for i in first..first + variant.depth() {
                    chunk.matrix.unmask(i, sent, Block::mask(delta.block().0 >> i & 1 == 1));
                }
            }
            chunk.matrix.append_rows(count, &mut rows);
        }
        Ok(rows)
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.delta.wipe();
    }
}

/// The party that chooses a bit a transfer, before it has the sender's answer.
pub struct Opened {
    variant: OtVariant,
    keys: base::Opened,
}

/// The party that chooses a bit a transfer.
pub struct Receiver {
    variant: OtVariant,
    /// Of every group, one a key.
    streams: Vec<Prg>,
    chunk: Chunk,
}

/// Begins the base OTs with the peer's [`answer`], as who will choose.
pub fn open(
    variant: OtVariant,
    channel: &mut Channel,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Opened, Error> {
    Ok(Opened { variant, keys: base::open(channel, rng)? })
}

/// The party that chooses a bit a transfer, before it has sent the trees.
pub struct Keyed {
    variant: OtVariant,
    pairs: Vec<(Block, Block)>,
}

impl Opened {
    /// Takes the answer.
    pub fn receive(self, channel: &mut Channel) -> Result<Keyed, Error> {
        Ok(Keyed { variant: self.variant, pairs: self.keys.finish(channel, SECURITY_BITS)? })
    }
}

impl Keyed {
    /// Sends the trees.
    pub fn finish(self, channel: &mut Channel) -> Result<Receiver, Error> {
        self.finish_on(Engine::fastest(), channel)
    }

    /// The same for extensions on `engine`, which the peer need not share.
    pub fn finish_on(self, engine: Engine, channel: &mut Channel) -> Result<Receiver, Error> {
        let Self { variant, pairs } = self;
        let mut streams = Vec::with_capacity(variant.groups() * variant.keys());
        let mut corrections = Vec::with_capacity(tree_bytes(variant));
        for pairs in pairs.chunks_exact(variant.depth()) {
            let leaves = tree::leaves(pairs, &mut corrections);
            streams.extend(leaves.iter().map(|leaf| Prg::on(engine, *leaf)));
        }
        if !corrections.is_empty() {
            channel.send(TREES, corrections)?;
        }
        Ok(Receiver { variant, streams, chunk: Chunk::new(engine, variant) })
    }
}

impl Receiver {
    /// `n` further transfers: the strings `t_j = q_j ^ b_j Δ`; `choices` holds the bits b, the first lowest in its byte.
    pub fn extend(&mut self, channel: &mut Channel, n: usize, choices: &[u8]) -> Result<Vec<Block>, Error> {
        assert_eq!(choices.len(), n.div_ceil(8), "a bit a transfer");
        let Self { variant, streams, chunk } = self;
        let mut rows = Vec::with_capacity(n);
        let mut packed = [Block::ZERO; COLUMN];
        for (count, chosen) in extension_chunks(n).zip(choices.chunks(CHUNK / 8)) {
            let length = count.div_ceil(SECURITY_BITS);
            packed[length - 1] = Block::ZERO;
            bytemuck::cast_slice_mut(&mut packed)[..chosen.len()].copy_from_slice(chosen);
            let mut message = Vec::with_capacity(extension_bytes(*variant, count));
            let groups = streams.chunks_exact_mut(variant.keys());
            for (first, streams) in (0..SECURITY_BITS).step_by(variant.depth()).zip(groups) {
                let sum = chunk.sum(first, length, streams.iter_mut().zip(0..));
                sum.iter_mut().zip(&packed).for_each(|(sum, b)| *sum ^= *b);
                message.extend_from_slice(bytemuck::cast_slice(sum));
            }
            channel.send(EXTENSION, message)?;
            chunk.matrix.append_rows(count, &mut rows);
        }
        Ok(rows)
    }
}

/// The choices of the base OTs.
fn bits(delta: Delta) -> [bool; SECURITY_BITS] {
    std::array::from_fn(|i| delta.block().0 >> i & 1 == 1)
}

/// What a chunk is computed in.
struct Chunk {
    matrix: Matrix,
    /// Sums of streams over 2^i numbers that differ in their lowest i bits, by i.
    sums: Vec<[Block; COLUMN]>,
}

impl Chunk {
    fn new(engine: Engine, variant: OtVariant) -> Self {
        Self { matrix: Matrix::new(engine), sums: vec![[Block::ZERO; COLUMN]; variant.depth() + 1] }
    }

    /// The next `length` blocks of a group's numbered streams, ascending to the last; a stream 0 that is left out counts for
    /// nothing. Column `first + i` gets the sum of those whose number has bit `i`; the sum of all is returned.
    fn sum<'a>(
        &mut self,
        first: usize,
        length: usize,
        streams: impl Iterator<Item = (&'a mut Prg, usize)>,
    ) -> &mut [Block] {
        let Self { matrix, sums } = self;
        let depth = sums.len() - 1;
        (first..first + depth).for_each(|i| matrix.column(i, length).fill(Block::ZERO));
        sums[0][..length].fill(Block::ZERO);
        for (stream, number) in streams {
            // As a counter carries: the number ends subtrees of as many heights as it has ones at its end.
            let carried = number.trailing_ones() as usize;
            let (held, sum) = sums.split_at_mut(carried);
            let sum = &mut sum[0][..length];
            stream.fill(sum);
            for (i, held) in held.iter().enumerate() {
                matrix.fold(first + i, sum, &held[..length]);
            }
        }
        &mut sums[depth][..length]
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

    /// Those that extend base OTs.
    const EXTENSIONS: [OtVariant; 4] =
        [OtVariant::Iknp, OtVariant::Softspoken2, OtVariant::Softspoken4, OtVariant::Softspoken8];

    fn total(channel: &Channel, of: impl Fn(&StepUsage) -> u64) -> usize {
        channel.usage().iter().map(of).sum::<u64>() as usize
    }

    /// Runs sender and receiver, each on its engine, over `batches` of choices; checks every string and byte. Returns `t`.
    fn check(
        variant: OtVariant,
        [of_sender, of_receiver]: [Engine; 2],
        batches: &[Vec<bool>],
    ) -> Vec<Vec<Block>> {
        let (mut left, mut right) = Channel::pair(Duration::from_secs(20));
        let delta = Delta::random(&mut ChaCha20Rng::seed_from_u64(5));
        let (q, t) = thread::scope(|scope| {
            let q = scope.spawn(|| {
                let mut rng = ChaCha20Rng::seed_from_u64(6);
                let answered = answer(variant, &mut left, delta, &mut rng).unwrap();
                let mut sender = answered.finish_on(of_sender, &mut left).unwrap();
                let extend = |b: &Vec<bool>| sender.extend(&mut left, b.len()).unwrap();
                batches.iter().map(extend).collect::<Vec<_>>()
            });
            let mut rng = ChaCha20Rng::seed_from_u64(7);
            let opened = open(variant, &mut right, &mut rng).unwrap();
            let keyed = opened.receive(&mut right).unwrap();
            let mut receiver = keyed.finish_on(of_receiver, &mut right).unwrap();
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
        let to_sender: usize = batches.iter().map(|b| extension_bytes(variant, b.len())).sum();
        assert_eq!(total(&left, |s| s.bytes_in), OPENING_BYTES + tree_bytes(variant) + to_sender);
        assert_eq!(total(&left, |s| s.bytes_out), ANSWER_BYTES);
        let frames: usize = batches.iter().map(|b| extension_chunks(b.len()).count()).sum();
        let of_setup = 1 + usize::from(tree_bytes(variant) > 0);
        assert_eq!(
            (total(&left, |s| s.messages_in), total(&left, |s| s.messages_out)),
            (of_setup + frames, 1)
        );
        t
    }

    #[test]
    fn strings_differ_by_the_offset_where_chosen_over_several_extensions_and_alike_on_every_engine() {
        let mut rng = ChaCha20Rng::seed_from_u64(8);
        let sizes = [1, 127, 128, 129, 0, 1000, 100_000, CHUNK, CHUNK + 1, 3];
        let batches = sizes.map(|n| (0..n).map(|_| rng.random()).collect());
        for variant in EXTENSIONS {
            // With the receiver's strings and Δ the sender's are given; a portable peer holds the bytes on the wire equal.
            let strings = Engine::available().into_iter().flat_map(|engine| {
                [[engine, Engine::Portable], [Engine::Portable, engine]].map(|engines| {
                    let strings = check(variant, engines, &batches).concat();
                    strings.into_iter().map(|t| t.0).collect()
                })
            });
            let strings: Vec<Vec<u128>> = strings.collect();
            assert!(strings.iter().all(|others| *others == strings[0]), "{}", variant.name());
        }
    }

    #[test]
    fn the_bytes_are_those_declared() {
        let bytes = |n| EXTENSIONS.map(|variant| extension_bytes(variant, n));
        assert_eq!(
            [0, 1, 128, 129].map(bytes),
            [[0; 4], [2048, 1024, 512, 256], [2048, 1024, 512, 256], [4096, 2048, 1024, 512]]
        );
        assert_eq!((OPENING_BYTES, ANSWER_BYTES), (32, 4096));
        assert_eq!(EXTENSIONS.map(tree_bytes), [0, 2048, 3072, 3584]);
        assert_eq!(EXTENSIONS.map(|variant| stream_blocks(variant, 128)), [256, 256, 512, 4096]);
    }
}
