//! Silent correlated OT: of a few correlated OTs on random choices any number of them, for a fraction of a byte each.
//! Source: Ferret (Yang, Weng, Lan, Zhang and Wang, CCS 2020) with regular noise, on half-trees (`trees.rs`). Semi-honest, so without
//! its consistency checks. The sender gets `q_j`, the receiver random choices `b_j` and `t_j = q_j ^ b_j Δ`; bit 0 of `q_j` is 0, and of
//! `t_j` it is `b_j`.
//!
//!   sender (Δ, stock of q)                          receiver (stock of t = q ^ b Δ)
//!     | -- once: a public seed of 16 bytes -----------------> |
//!     | -- a tree a block of noise: 16 (depth - 1) bytes ---> |   per block, when it is needed, in one flight
//!     q_j = A q_secrets + leaves                      t_j = A t_secrets + leaves
//!
//! A batch consumes `k + t depth` correlated OTs: secrets for the code `A` (`code.rs`) to spread, and for each of `t` trees its depth.
//! The stock is consumed by a small set (`parameters.rs`), which makes what the first main set consumes; of every main set the last
//! blocks make what the next one does. Blocks are made and sent as they are asked for, so that no batch lies in memory and what is
//! not used costs nothing.
//!
//! Security: the receiver's choices `A b_secrets + e` look random to the sender by the hardness of LPN with regular noise and a
//! local code; `security.rs` counts what attacks cost. Where the noise is, are choices of correlated OTs as well, so that nothing
//! travels to the sender. Of a session's `m` batches each hides the secrets of the next one, which costs `log2 m` bits at most. Δ is
//! hidden from the receiver by the trees' hash. The seed, from which each tree has its key and each batch its code, is public, and the
//! sender's choice. Neither party branches or indexes by a secret.

mod code;
mod parameters;
#[cfg(test)]
mod security;
mod supply;
#[cfg(test)]
mod tests;
mod trees;

pub use parameters::Batch;
pub use supply::{Supply, Taken};

use super::SILENT;
use crate::Error;
use crate::block::{Block, Delta};
use crate::cipher::{Cipher, Engine};
use crate::secret::Secret;
use code::Code;
use netem::Channel;
use parameters::Set;
use rand::CryptoRng;
use supply::{Frame, tree_bytes};
use trees::Tree;
use zeroize::Zeroize;

/// The party that has the offset.
pub struct Sender {
    delta: Delta,
    made: Made,
}

impl Sender {
    /// With the stock's strings of choice 0, [`Batch::stock`] of them.
    pub fn new(
        batches: Batch,
        delta: Delta,
        stock: Secret<Block>,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Self {
        Self::on(Engine::fastest(), batches, delta, stock, rng)
    }

    /// The same on `engine`, which the peer need not share.
    pub fn on(
        engine: Engine,
        batches: Batch,
        delta: Delta,
        mut stock: Secret<Block>,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Self {
        stock.iter_mut().for_each(|q| q.0 &= !1);
        Self { delta, made: Made::new(batches, stock, Keys { seed: Block::random(rng), engine }) }
    }

    /// The offset of every transfer.
    pub fn delta(&self) -> Delta {
        self.delta
    }

    /// `n` further transfers: the strings `q_j` of choice 0.
    pub fn extend(&mut self, channel: &mut Channel, n: usize) -> Result<Secret<Block>, Error> {
        let mut supply = self.made.supply;
        let frames: Vec<Frame> = supply.frames(n).collect();
        self.make(channel, n, (supply, &frames))
    }

    /// All `n` transfers of an inference, and what the next one begins with; without any, what the first one does.
    pub fn extend_whole(&mut self, channel: &mut Channel, n: usize) -> Result<Secret<Block>, Error> {
        let mut supply = self.made.supply;
        let frames: Vec<Frame> = supply.whole(n).collect();
        self.make(channel, n, (supply, &frames))
    }

    fn make(
        &mut self,
        channel: &mut Channel,
        n: usize,
        (supply, frames): (Supply, &[Frame]),
    ) -> Result<Secret<Block>, Error> {
        let Self { delta, made } = self;
        let mut rows = made.left(n);
        for frame in frames {
            let mut message = Vec::with_capacity(frame.bytes());
            if frame.has_seed() {
                message.extend_from_slice(&made.keys.seed.to_bytes());
            }
            made.rows(frame, &mut rows, |tree, hash, strings| tree.grow(hash, *delta, strings, &mut message));
            channel.send(SILENT, message)?;
        }
        Ok(made.cut(supply, rows, n))
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.delta.wipe();
    }
}

/// The party that gets random choices.
pub struct Receiver {
    made: Made,
}

/// What the receiver gets.
pub struct Chosen {
    /// The strings `t_j = q_j ^ b_j Δ`.
    pub strings: Secret<Block>,
    /// The choices b, the first lowest in its byte.
    pub choices: Secret<u8>,
}

impl Receiver {
    /// With the stock's chosen strings, [`Batch::stock`] of them, and their choices, random bits, the first lowest in its byte.
    pub fn new(batches: Batch, stock: Secret<Block>, choices: &[u8]) -> Self {
        Self::on(Engine::fastest(), batches, stock, choices)
    }

    /// The same on `engine`, which the peer need not share.
    pub fn on(engine: Engine, batches: Batch, mut stock: Secret<Block>, choices: &[u8]) -> Self {
        assert_eq!(choices.len(), stock.len().div_ceil(8), "a bit a transfer");
        for (strings, choices) in stock.chunks_mut(8).zip(choices) {
            for (i, t) in strings.iter_mut().enumerate() {
                t.0 = t.0 & !1 | u128::from(choices >> i & 1);
            }
        }
        Self { made: Made::new(batches, stock, Keys { seed: Block::ZERO, engine }) }
    }

    /// `n` further transfers.
    pub fn extend(&mut self, channel: &mut Channel, n: usize) -> Result<Chosen, Error> {
        let mut supply = self.made.supply;
        let frames: Vec<Frame> = supply.frames(n).collect();
        self.make(channel, n, (supply, &frames))
    }

    /// As [`Sender::extend_whole`].
    pub fn extend_whole(&mut self, channel: &mut Channel, n: usize) -> Result<Chosen, Error> {
        let mut supply = self.made.supply;
        let frames: Vec<Frame> = supply.whole(n).collect();
        self.make(channel, n, (supply, &frames))
    }

    fn make(
        &mut self,
        channel: &mut Channel,
        n: usize,
        (supply, frames): (Supply, &[Frame]),
    ) -> Result<Chosen, Error> {
        let made = &mut self.made;
        let mut rows = made.left(n);
        for frame in frames {
            let message = channel.recv(SILENT, frame.bytes())?;
            let (seed, trees) = message.split_at(message.len() - frame.trees * tree_bytes(&frame.set));
            if frame.has_seed() {
                made.keys.seed = Block::from_bytes(seed.try_into().expect("the message has its length"));
            }
            let mut trees = trees.chunks_exact(tree_bytes(&frame.set));
            made.rows(frame, &mut rows, |tree, hash, strings| {
                tree.regrow(hash, strings, trees.next().expect("the message has its length"))
            });
        }
        let strings = made.cut(supply, rows, n);
        let pack =
            |strings: &[Block]| (0..).zip(strings).fold(0, |byte, (i, t)| byte | u8::from(t.colour()) << i);
        let choices = strings.chunks(8).map(pack).collect();
        Ok(Chosen { strings, choices })
    }
}

/// Where the public keys of hashes and codes come from.
#[derive(Clone, Copy)]
struct Keys {
    seed: Block,
    engine: Engine,
}

impl Keys {
    /// Of the hash of a tree.
    fn hash(&self, batch: u32, tree: usize) -> Cipher {
        self.cipher(u128::from(batch) << 64 | tree as u128)
    }

    /// Of a batch's code.
    fn places(&self, batch: u32) -> Cipher {
        self.cipher(1 << 96 | u128::from(batch) << 64)
    }

    fn cipher(&self, tweak: u128) -> Cipher {
        Cipher::new(self.engine, self.seed ^ Block(tweak))
    }
}

/// What a party has made, of which it does all but the trees as the other one.
struct Made {
    supply: Supply,
    keys: Keys,
    tree: Tree,
    /// The batch's own.
    code: Option<Code>,
    /// What its trees consume, a string a level.
    noise: Secret<Block>,
    /// What the next batch consumes, as far as it was made.
    reserve: Secret<Block>,
    /// Made and not taken.
    left: Secret<Block>,
}

impl Made {
    fn new(batches: Batch, stock: Secret<Block>, keys: Keys) -> Self {
        assert_eq!(stock.len(), batches.stock(), "as many as the first set consumes");
        let none = || Vec::new().into();
        let tree = Tree::new(batches.main().depth);
        let supply = Supply::new(batches);
        Self { supply, keys, tree, code: None, noise: none(), reserve: stock, left: none() }
    }

    /// What is left of an earlier call, with room for `n`.
    fn left(&mut self, n: usize) -> Vec<Block> {
        let mut rows = Vec::with_capacity(self.left.len().max(n) + (1 << self.tree.depth()));
        rows.extend_from_slice(&self.left);
        rows
    }

    /// Appends what a frame makes, or keeps it for the next batch. Of each tree `leaves` are made from a string a level.
    fn rows(
        &mut self,
        frame: &Frame,
        rows: &mut Vec<Block>,
        mut leaves: impl for<'a> FnMut(&'a mut Tree, &Cipher, &[Block]) -> &'a [Block],
    ) {
        let Frame { set, batch, from, trees, reserved } = *frame;
        if from == 0 {
            self.begin(&set, batch);
        }
        let Self { keys, tree, code, noise, reserve, .. } = self;
        let code = code.as_mut().expect("a batch has begun");
        let mut kept = std::mem::replace(reserve, Vec::new().into()).reveal();
        let rows = if reserved {
            // Once for all, so that nothing is copied and left behind.
            kept.reserve_exact((set.blocks - from) * set.block());
            &mut kept
        } else {
            rows
        };
        for number in from..from + trees {
            let strings = &noise[number * set.depth..][..set.depth];
            let leaves = leaves(tree, &keys.hash(batch, number), strings);
            code.spread(number * set.block(), leaves, rows);
        }
        *reserve = kept.into();
    }

    /// Consumes what was reserved.
    fn begin(&mut self, set: &Set, batch: u32) {
        let reserve = std::mem::replace(&mut self.reserve, Vec::new().into());
        self.code = Some(Code::new(self.keys.places(batch), &reserve[..set.secrets]));
        self.noise = reserve[set.secrets..set.consumed()].to_vec().into();
    }

    /// The first `n`; of the others those are left that the supply has yet.
    fn cut(&mut self, supply: Supply, mut rows: Vec<Block>, n: usize) -> Secret<Block> {
        self.left = rows[n..][..supply.left()].to_vec().into();
        rows[n..].zeroize();
        rows.truncate(n);
        self.supply = supply;
        rows.into()
    }
}
