//! Of a block of correlated OTs, in which one random choice is 1 and all others are 0: a tree of its strings.
//! Source: the half-tree of Guo, Yang, Wang, Zhang, Xie, Zhang and Zhao (EUROCRYPT 2023), section 4, on correlated OTs whose random
//! choices say where the 1 is. Semi-honest.
//!
//!   sender (Δ, q of a COT a level)                        receiver (t = q ^ b Δ, choices b)
//!     first level: q, q ^ Δ                                 first level: of these t, for b
//!     children of a node x: H(x), H(x) ^ x                  those of every node but the punctured one
//!     | -- per level below the first: 16 bytes ----------------> |
//!     |      q ^ sum of all first children                       sum of the children b: message ^ t
//!     leaves v_j                                            leaves v_j, and v_j ^ Δ where all bits of j are not b
//!
//! Every level's nodes sum to Δ, so that the one that the receiver lacks is at last the sum of all others, off by Δ. Bit 0 of a leaf
//! is the choice: the sender clears it, and Δ's is 1.
//!
//! Security: `H(x) = π(σ(x)) ^ σ(x)` has to be circular correlation robust, which it is in the ideal-cipher model with the bound of
//! `gc/hash.rs`: a tree has an AES-128 key of its own, used in fewer than 2^10 calls. A leaf's 127 other bits are as uniform as the
//! stock's. Against the sender: nothing travels to it.
//!
//! The receiver computes all of a level as the sender does, with the punctured node as zero, and goes over the level once more to put
//! in what it was told: neither branch nor address depends on a choice.

use crate::block::{BLOCK_BYTES, Block, Delta};
use crate::cipher::Cipher;
use crate::gc::hash::sigma;
use crate::secret::Secret;

/// Where the nodes of a tree are made, level by level. Bit i of a node's number is its place below level i.
pub(super) struct Tree {
    depth: usize,
    nodes: Secret<Block>,
    hashes: Secret<Block>,
}

impl Tree {
    pub(super) fn new(depth: usize) -> Self {
        let zeros = |count: usize| vec![Block::ZERO; count].into();
        Self { depth, nodes: zeros(1 << depth), hashes: zeros(1 << (depth - 1)) }
    }

    /// log2 of the most leaves that there is room for.
    pub(super) const fn depth(&self) -> usize {
        self.depth
    }

    /// Sender: the leaves, with bit 0 cleared, from a string of choice 0 a level; what travels is added to `message`.
    pub(super) fn grow(
        &mut self,
        hash: &Cipher,
        delta: Delta,
        strings: &[Block],
        message: &mut Vec<u8>,
    ) -> &[Block] {
        self.nodes[0] = strings[0];
        self.nodes[1] = strings[0] ^ delta.block();
        for (level, string) in (1..).zip(&strings[1..]) {
            let [firsts, _] = self.double(hash, 1 << level, None);
            message.extend_from_slice(&(firsts ^ *string).to_bytes());
        }
        let leaves = &mut self.nodes[..1 << strings.len()];
        leaves.iter_mut().for_each(|leaf| leaf.0 &= !1);
        leaves
    }

    /// Receiver: the leaves, with the choice as bit 0, from a chosen string a level and what was sent.
    pub(super) fn regrow(&mut self, hash: &Cipher, strings: &[Block], message: &[u8]) -> &[Block] {
        let mut choice = strings[0].colour_mask();
        self.nodes[..2].copy_from_slice(&at(choice, strings[0]));
        // The number of the node that is unknown: of each level the child that was not chosen.
        let mut punctured = u64::from(!strings[0].colour());
        for (level, (string, sent)) in
            (1..).zip(strings[1..].iter().zip(message.as_chunks::<BLOCK_BYTES>().0))
        {
            let width = 1 << level;
            let sums = self.double(hash, width, Some(punctured));
            choice = string.colour_mask();
            let sum = sums[0] ^ (sums[0] ^ sums[1]) & choice;
            let told = Block::from_bytes(*sent) ^ *string ^ sum;
            put(&mut self.nodes[..2 * width], punctured, at(choice, told));
            punctured |= u64::from(!string.colour()) << level;
        }
        let leaves = &mut self.nodes[..1 << strings.len()];
        let sum = leaves.iter().fold(Block::ZERO, |sum, leaf| sum ^ *leaf);
        for (number, leaf) in (0..).zip(leaves.iter_mut()) {
            let here = equal(number, punctured);
            leaf.0 = (leaf.0 & !1) ^ ((sum.0 | 1) & here.0);
        }
        leaves
    }

    /// Nodes of a level to those of the next one: first children, then second ones, and the sum of each. Those of the
    /// `punctured` node, which is zero, are zero too.
    fn double(&mut self, hash: &Cipher, width: usize, punctured: Option<u64>) -> [Block; 2] {
        let hashes = &mut self.hashes[..width];
        let (nodes, seconds) = self.nodes[..2 * width].split_at_mut(width);
        for (hash, node) in hashes.iter_mut().zip(nodes.iter()) {
            *hash = sigma(*node);
        }
        hash.encrypt(hashes);
        let mut sums = [Block::ZERO; 2];
        let mut finish = |node: &mut Block, second: &mut Block, first: Block| {
            *second = first ^ *node;
            *node = first;
            sums[0] ^= first;
            sums[1] ^= *second;
        };
        let all = nodes.iter_mut().zip(seconds).zip(hashes.iter());
        match punctured {
            None => all.for_each(|((node, second), hash)| finish(node, second, *hash ^ sigma(*node))),
            Some(punctured) => (0..).zip(all).for_each(|(number, ((node, second), hash))| {
                let first = *hash ^ sigma(*node);
                finish(node, second, first ^ first & equal(number, punctured));
            }),
        }
        sums
    }
}

/// Adds what was told to both children of the node `punctured`.
fn put(children: &mut [Block], punctured: u64, told: [Block; 2]) {
    let (firsts, seconds) = children.split_at_mut(children.len() / 2);
    for (number, (first, second)) in (0..).zip(firsts.iter_mut().zip(seconds)) {
        let here = equal(number, punctured);
        *first ^= told[0] & here;
        *second ^= told[1] & here;
    }
}

/// The block in the place that was chosen, by a mask, and zero in the other.
fn at(choice: Block, block: Block) -> [Block; 2] {
    [block ^ block & choice, block & choice]
}

/// All ones if two numbers below 2^63 are equal, else zero.
#[inline(always)]
fn equal(a: u64, b: u64) -> Block {
    Block::mask((a ^ b).wrapping_sub(1) >> 63 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cipher::Engine;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    #[test]
    fn leaves_are_shared_but_for_the_one_that_no_choice_leads_to() {
        let mut rng = ChaCha20Rng::seed_from_u64(4);
        let delta = Delta::random(&mut rng);
        let hash = Cipher::new(Engine::fastest(), Block::random(&mut rng));
        for depth in [2, 3, 6] {
            let q: Vec<Block> = (0..depth).map(|_| Block(Block::random(&mut rng).0 & !1)).collect();
            for choices in 0..1usize << depth {
                let chosen =
                    |(i, q): (usize, &Block)| *q ^ Block::mask(choices >> i & 1 == 1) & delta.block();
                let t: Vec<Block> = q.iter().enumerate().map(chosen).collect();
                let [mut senders, mut receivers] = [Tree::new(depth + 1), Tree::new(depth)];
                let mut message = Vec::new();
                let leaves = senders.grow(&hash, delta, &q, &mut message);
                assert_eq!((leaves.len(), message.len()), (1 << depth, (depth - 1) * BLOCK_BYTES));
                let known = receivers.regrow(&hash, &t, &message);
                assert_eq!(known.len(), leaves.len());
                for (j, (v, w)) in leaves.iter().zip(known).enumerate() {
                    let difference = if j ^ choices == (1 << depth) - 1 { delta.block().0 } else { 0 };
                    assert_eq!(v.0 ^ w.0, difference, "leaf {j} of depth {depth}");
                    assert!(!v.colour());
                }
            }
        }
    }

    #[test]
    fn numbers_are_equal_to_themselves_alone() {
        assert_eq!(equal(5, 5).0, u128::MAX);
        for (a, b) in [(0, 1), (4, 5), (1 << 40, 0), (5, 13)] {
            assert_eq!(equal(a, b).0, 0);
        }
    }
}
