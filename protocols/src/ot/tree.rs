//! Keys of a group of the OT extension: 2^k of them, of which the other party learns all but that of its k choices.
//! Source: the tree of Goldreich, Goldwasser and Micali (J. ACM 1986), punctured by OT as in Boyle et al. (CCS 2019) and Roy
//! (CRYPTO 2022), figure 8. Semi-honest; AES-128 in counter mode doubles the nodes.
//!
//!   holder (pairs of base OTs)                              puncturer (choices Δ, a base OT's key each)
//!     | ---- per level below the first, for b = 0, 1: --------> |   32 bytes a level
//!     |      key_b ^ sum of the level's nodes of bit not b
//!     leaf x for all x                                          leaf y ^ Δ as number y, for all y but 0
//!
//! The first level's two nodes are the base OT's keys themselves. What the puncturer has is numbered by its distance from Δ, so
//! that it never branches or indexes by a choice: where a bit of Δ is set, nodes change places by mask.

use crate::block::{BLOCK_BYTES, Block};
use crate::prg::Prg;
use crate::secret::Secret;

/// Bytes that travel for a tree of `depth` levels.
pub(super) const fn correction_bytes(depth: usize) -> usize {
    (depth - 1) * 2 * BLOCK_BYTES
}

/// Holder: the leaves of a tree that has a level a pair, bit 0 of their numbers first; what travels is added to `corrections`.
pub(super) fn leaves(pairs: &[(Block, Block)], corrections: &mut Vec<u8>) -> Secret<Block> {
    let mut nodes: Secret<Block> = vec![pairs[0].1, pairs[0].0].into();
    for (first, second) in &pairs[1..] {
        nodes = doubled(&nodes, Block::ZERO);
        let (of_0, of_1) = nodes.split_at(nodes.len() / 2);
        corrections.extend_from_slice(&(*first ^ sum(of_1)).to_bytes());
        corrections.extend_from_slice(&(*second ^ sum(of_0)).to_bytes());
    }
    nodes
}

/// Puncturer: the leaves by the distance of their numbers from its choices, bit 0 first; leaf 0 is none.
pub(super) fn punctured(choices: &[bool], keys: &[Block], corrections: &[u8]) -> Secret<Block> {
    let mut nodes: Secret<Block> = vec![Block::ZERO, keys[0]].into();
    let corrections = corrections.as_chunks().0.as_chunks::<2>().0;
    for ((choice, key), bytes) in choices[1..].iter().zip(&keys[1..]).zip(corrections) {
        let (chosen, level) = (Block::mask(*choice), nodes.len());
        nodes = doubled(&nodes, chosen);
        let [first, second] = bytes.map(Block::from_bytes);
        let all = *key ^ first ^ (first ^ second) & chosen;
        nodes[0] = Block::ZERO;
        nodes[level] = Block::ZERO;
        nodes[level] = all ^ sum(&nodes[level..]);
    }
    nodes
}

/// The children of a level's nodes: the first of each, then the second; the other way round where `swapped` has ones.
fn doubled(nodes: &[Block], swapped: Block) -> Secret<Block> {
    let mut children: Secret<Block> = vec![Block::ZERO; 2 * nodes.len()].into();
    let (firsts, seconds) = children.split_at_mut(nodes.len());
    for ((node, first), second) in nodes.iter().zip(firsts).zip(seconds) {
        let mut pair = [Block::ZERO; 2];
        Prg::new(*node).fill(&mut pair);
        let changed = (pair[0] ^ pair[1]) & swapped;
        (*first, *second) = (pair[0] ^ changed, pair[1] ^ changed);
    }
    children
}

fn sum(nodes: &[Block]) -> Block {
    nodes.iter().fold(Block::ZERO, |sum, node| sum ^ *node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    /// For all choices: every leaf but one is the holder's, and that one is not to be had from what is known.
    #[test]
    fn all_leaves_but_the_chosen_one_are_shared() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        for depth in [1, 2, 4, 8] {
            let mut random = || Block::random(&mut rng);
            let pairs: Vec<(Block, Block)> = (0..depth).map(|_| (random(), random())).collect();
            let mut corrections = Vec::new();
            let leaves = leaves(&pairs, &mut corrections);
            assert_eq!((leaves.len(), corrections.len()), (1 << depth, correction_bytes(depth)));
            for delta in 0..1usize << depth {
                let choices: Vec<bool> = (0..depth).map(|bit| delta >> bit & 1 == 1).collect();
                let of_choice =
                    |(pair, choice): (&(Block, Block), &bool)| if *choice { pair.1 } else { pair.0 };
                let keys: Vec<Block> = pairs.iter().zip(&choices).map(of_choice).collect();
                let known = punctured(&choices, &keys, &corrections);
                assert_eq!(known[0].0, 0);
                for (y, leaf) in known.iter().enumerate().skip(1) {
                    assert_eq!(leaf.0, leaves[y ^ delta].0, "leaf {y} of depth {depth}");
                    assert_ne!(leaf.0, leaves[delta].0);
                }
            }
        }
    }
}
