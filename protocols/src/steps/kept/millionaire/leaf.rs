//! The parts that a comparison is made of. Source: Garay, Schoenmakers and Villegas (PKC 2007) for comparing part by part.

use super::table::Level;
use super::tree::{MOST_LEAVES, Tree};

/// Bits of the longest table.
const MOST_LOG: u32 = 6;

/// Some bits of two numbers that are compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Leaf {
    /// Its lowest bit.
    pub(super) first: u32,
    /// How many there are.
    pub(super) bits: u32,
    /// Whether it is the lowest: then it tells greater or equal in one bit; the others tell greater, and equal.
    lowest: bool,
}

impl Leaf {
    /// log2 of its table's bits.
    const fn log(self) -> u32 {
        self.bits + !self.lowest as u32
    }

    /// The leaf's bits of a number.
    const fn of(self, number: u64) -> u64 {
        number >> self.first & ((1 << self.bits) - 1)
    }

    /// The table over the leaf's bits of a number x, for a threshold t: x > t, and x == t behind it; x >= t for the lowest.
    pub(super) const fn table(self, threshold: u64) -> u64 {
        let (t, entries) = (self.of(threshold), 1 << self.bits);
        let from = (u64::MAX >> (64 - entries)) & (u64::MAX << t);
        if self.lowest { from } else { from & !(1 << t) | 1 << (t + entries) }
    }

    /// Greater and equal, from (a share of) a table moved by some number, for the `x` that was moved by it too.
    pub(super) const fn at(self, table: u64, x: u64) -> [u64; 2] {
        let x = self.of(x);
        let equal = if self.lowest { 0 } else { table >> x >> (1 << self.bits) & 1 };
        [table >> x & 1, equal]
    }

    /// The levels that move its table, one a bit.
    pub(super) fn levels(self) -> impl Iterator<Item = Level> {
        (0..self.bits).map(move |bit| Level { bit, log: self.log() })
    }
}

/// How `bits` bits are best compared where a correlated OT takes `transfer` bits, the lowest leaf first; `None` where they are
/// too many.
pub(super) fn split(bits: u32, transfer: usize) -> Option<Vec<Leaf>> {
    let parts = |leaves: usize| -> Box<dyn Iterator<Item = Vec<u32>>> {
        match leaves {
            1 => Box::new(std::iter::once(vec![bits])),
            2 => Box::new((1..bits).map(move |low| vec![low, bits - low])),
            _ => Box::new((1..bits).flat_map(move |low| {
                (1..bits.saturating_sub(low)).map(move |middle| vec![low, middle, bits - low - middle])
            })),
        }
    };
    let placed = |parts: Vec<u32>| -> Vec<Leaf> {
        let mut first = 0;
        let place = |(i, bits): (usize, u32)| {
            let leaf = Leaf { first, bits, lowest: i == 0 };
            first += bits;
            leaf
        };
        parts.into_iter().enumerate().map(place).collect()
    };
    let fits = |leaves: &Vec<Leaf>| leaves.iter().all(|leaf| leaf.log() <= MOST_LOG);
    let all = (1..=MOST_LEAVES).flat_map(parts).map(placed).filter(fits);
    all.min_by_key(|leaves| cost(leaves, transfer))
}

/// Bits that travel for what depends on the leaves.
fn cost(leaves: &[Leaf], transfer: usize) -> usize {
    let tree = Tree::of(leaves.len());
    let tables: u32 = leaves.iter().flat_map(|leaf| leaf.levels()).map(Level::width).sum();
    let products: u32 = tree.halves().map(|(_, single, others)| single + others).sum();
    // The variables are opened by both; the server tells of the other terms' bits.
    (tables + products) as usize + tree.terms() * transfer + tree.variables() + tree.terms()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn widths(bits: u32, transfer: usize) -> Option<Vec<u32>> {
        split(bits, transfer).map(|leaves| leaves.iter().map(|leaf| leaf.bits).collect())
    }

    #[test]
    fn cheap_transfers_make_more_leaves() {
        for (bits, transfer, expected) in [
            (2, 32, Some(vec![2])),
            (4, 32, Some(vec![4])),
            (9, 32, Some(vec![5, 4])),
            (9, 1, Some(vec![3, 3, 3])),
            (12, 32, Some(vec![4, 4, 4])),
            (16, 32, Some(vec![6, 5, 5])),
            (17, 1, None),
        ] {
            assert_eq!(widths(bits, transfer), expected, "{bits} bits, {transfer} a transfer");
        }
    }

    /// Every pair of numbers of up to 8 bits, however they are split.
    #[test]
    fn leaves_and_their_tree_compare() {
        for bits in 1..=8u32 {
            for transfer in [0, 16, 1000] {
                let leaves = split(bits, transfer).unwrap();
                assert_eq!(leaves.iter().map(|leaf| leaf.bits).sum::<u32>(), bits);
                let mut numbers = (0..1u64 << bits).flat_map(|x| (0..1u64 << bits).map(move |t| (x, t)));
                assert!(numbers.all(|(x, t)| {
                    let told = |leaf: &Leaf| leaf.at(leaf.table(t), x);
                    let join = |c: Option<u64>, [g, e]: [u64; 2]| Some(c.map_or(g, |c| g | e & c));
                    leaves.iter().map(told).fold(None, join) == Some(u64::from(x >= t))
                }));
            }
        }
    }
}
