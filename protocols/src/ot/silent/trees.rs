//! Of a block of correlated OTs, in which one random choice is 1 and all others are 0: a tree of its strings.
//! Source: the half-tree of Guo, Yang, Wang, Zhang, Xie, Zhang and Liu (EUROCRYPT 2023), on correlated OTs whose random
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
//! The receiver computes all of a level as the sender does, with zero for the punctured node, and then goes over it with a mask a
//! node, to take out what became of the zero and put in what it was told: neither branch nor address depends on a choice.

use crate::block::{BLOCK_BYTES, Block, Delta};
use crate::cipher::Cipher;
use crate::gc::hash::sigma;
use crate::secret::Secret;

/// Where the nodes of a tree are made, level by level. Bit i of a node's number is its place below level i.
pub(super) struct Tree {
    depth: usize,
    nodes: Secret<Block>,
    hashes: Secret<Block>,
    /// Of a receiver's nodes: all ones where the level is punctured, else zero.
    punctured: Secret<Block>,
}

impl Tree {
    /// Room for `depth` levels.
    pub(super) fn new(depth: usize) -> Self {
        let zeros = |count: usize| vec![Block::ZERO; count].into();
        Self {
            depth,
            nodes: zeros(1 << depth),
            hashes: zeros(1 << (depth - 1)),
            punctured: zeros(1 << depth),
        }
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
        self.nodes[..2].copy_from_slice(&[strings[0], strings[0] ^ delta.block()]);
        for (level, string) in (1..).zip(&strings[1..]) {
            let [firsts, _] = self.double(hash, 1 << level);
            message.extend_from_slice(&(firsts ^ *string).to_bytes());
        }
        let leaves = &mut self.nodes[..1 << strings.len()];
        leaves.iter_mut().for_each(|leaf| leaf.0 &= !1);
        leaves
    }

    /// Receiver: the leaves, with the choice as bit 0, from a chosen string a level and what was sent.
    pub(super) fn regrow(&mut self, hash: &Cipher, strings: &[Block], message: &[u8]) -> &[Block] {
        // Both children of zero, whose hash is its ciphertext.
        let mut nothing = [Block::ZERO];
        hash.encrypt(&mut nothing);
        let [nothing] = nothing;
        let choice = strings[0].colour_mask();
        self.nodes[..2].copy_from_slice(&chosen(choice, strings[0]));
        self.punctured[..2].copy_from_slice(&not_chosen(choice, Block(u128::MAX)));
        for (level, (string, sent)) in
            (1..).zip(strings[1..].iter().zip(message.as_chunks::<BLOCK_BYTES>().0))
        {
            let width = 1 << level;
            let sums = self.double(hash, width);
            let choice = string.colour_mask();
            let sum = sums[0] ^ (sums[0] ^ sums[1]) & choice;
            let told = Block::from_bytes(*sent) ^ *string ^ sum ^ nothing;
            self.put(width, choice, chosen(choice, told).map(|child| child ^ nothing));
        }
        let leaves = &mut self.nodes[..1 << strings.len()];
        let sum = leaves.iter().fold(Block::ZERO, |sum, leaf| sum ^ *leaf);
        for (leaf, here) in leaves.iter_mut().zip(self.punctured.iter()) {
            leaf.0 = leaf.0 & !1 ^ (sum.0 | 1) & here.0;
        }
        leaves
    }

    /// Nodes of a level to those of the next one: first children, then second ones, and the sum of each.
    fn double(&mut self, hash: &Cipher, width: usize) -> [Block; 2] {
        let hashes = &mut self.hashes[..width];
        let (nodes, seconds) = self.nodes[..2 * width].split_at_mut(width);
        for (hash, node) in hashes.iter_mut().zip(nodes.iter()) {
            *hash = sigma(*node);
        }
        hash.encrypt(hashes);
        let mut sums = [Block::ZERO; 2];
        for ((node, second), hash) in nodes.iter_mut().zip(seconds).zip(hashes.iter()) {
            let first = *hash ^ sigma(*node);
            *second = first ^ *node;
            *node = first;
            sums = [sums[0] ^ first, sums[1] ^ *second];
        }
        sums
    }

    /// Adds to the children of the punctured node of a level of `width`; that which was not chosen is punctured.
    fn put(&mut self, width: usize, choice: Block, [of_first, of_second]: [Block; 2]) {
        let (firsts, seconds) = self.nodes[..2 * width].split_at_mut(width);
        let (here, behind) = self.punctured[..2 * width].split_at_mut(width);
        for ((first, second), (here, behind)) in
            firsts.iter_mut().zip(seconds).zip(here.iter_mut().zip(behind))
        {
            *first ^= of_first & *here;
            *second ^= of_second & *here;
            [*here, *behind] = not_chosen(choice, *here);
        }
    }
}

/// The block as the child that was chosen, by a mask, and zero as the other.
#[inline(always)]
fn chosen(choice: Block, block: Block) -> [Block; 2] {
    [block ^ block & choice, block & choice]
}

/// The block as the child that was not chosen.
#[inline(always)]
fn not_chosen(choice: Block, block: Block) -> [Block; 2] {
    let [first, second] = chosen(choice, block);
    [second, first]
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
}
