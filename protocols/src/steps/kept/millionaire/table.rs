//! One-time truth tables: a table that the client knows, shared so that only the server knows how its entries were moved.
//! Source: Ishai, Kushilevitz, Meldgaard, Orlandi and Paskin-Cherniavsky (TCC 2013) for the tables; making one from a
//! correlated OT a bit of the index, each correction half as long as the table, is this project's own. Semi-honest.
//!
//! A table of up to 64 bits lies in a word, the entry of index x at bit x; behind the highest index there may be a second
//! table over the same indices. The parties hold it as C ^ S. One level moves it by the server's random bit a at bit j of the
//! index, T'[x] = T[x ^ a 2^j]:
//!
//!   client (C, q, Δ)                                          server (S, a, t = q ^ a Δ)
//!     | -- Y = h(q) ^ h(q ^ Δ) ^ (C[x] ^ C[x ^ 2^j]), ----------> |   half as many bits as the table: x with bit j clear,
//!     C' = C ^ h(q) at x and x ^ 2^j                              S' = S moved, ^ h(t) ^ a Y at x and x ^ 2^j
//!                                                                    since the sum is the same at both
//!
//! After a level a bit of the index the table is moved by a number that the client does not know, and the client's share is
//! all that hides it from the server: Y is hidden by the string that the server did not choose. [`halve`] and [`halved`] do the
//! same where only the entry at the server's bits is wanted, so that what is not chosen is dropped at once.

use crate::wire::low;

/// Bits whose index has bit `j` clear, by `j`.
const CLEAR: [u64; 6] = [
    0x5555_5555_5555_5555,
    0x3333_3333_3333_3333,
    0x0f0f_0f0f_0f0f_0f0f,
    0x00ff_00ff_00ff_00ff,
    0x0000_ffff_0000_ffff,
    0x0000_0000_ffff_ffff,
];

/// A level: the bit of the index, and log2 of the table's length.
#[derive(Clone, Copy)]
pub(super) struct Level {
    /// j.
    pub(super) bit: u32,
    /// log2 of the table's bits, more than `bit` and at most 6.
    pub(super) log: u32,
}

impl Level {
    /// Bits of a correction.
    pub(super) const fn width(self) -> u32 {
        1 << (self.log - 1)
    }

    /// Indices with the bit clear.
    const fn clear(self) -> u64 {
        CLEAR[self.bit as usize] & (u64::MAX >> (64 - (1 << self.log)))
    }

    /// What has bits at [`Level::clear`] alone, without the gaps.
    fn gathered(self, mut bits: u64) -> u64 {
        for j in self.bit..self.log - 1 {
            bits = (bits | bits >> (1 << j)) & CLEAR[j as usize + 1];
        }
        bits
    }

    /// The reverse of [`Level::gathered`].
    fn spread(self, mut bits: u64) -> u64 {
        for j in (self.bit..self.log - 1).rev() {
            bits = (bits | bits << (1 << j)) & CLEAR[j as usize];
        }
        bits
    }

    /// `half`, and the same where the bit is set.
    const fn both(self, half: u64) -> u64 {
        half | half << (1 << self.bit)
    }

    /// Client: moves `table` and returns the correction, by the hash of the string of choice 0 and the sum of both.
    pub(super) fn moved(self, table: &mut u64, h: u64, both: u64) -> u64 {
        let difference = *table ^ *table >> (1 << self.bit);
        *table ^= self.both(self.spread(h & low(self.width())));
        self.gathered(difference & self.clear()) ^ both & low(self.width())
    }

    /// Server: moves its share by its bit, by the hash of its string and the correction.
    pub(super) fn follow(self, table: &mut u64, choice: bool, h: u64, correction: u64) {
        let (clear, chosen) = (self.clear(), u64::from(choice).wrapping_neg());
        let difference = (*table ^ *table >> (1 << self.bit)) & clear & chosen;
        let sum = self.spread((h ^ correction & chosen) & low(self.width()));
        *table ^= self.both(difference ^ sum);
    }
}

/// Client: keeps of a table of `2 half` bits those that the server's bit chooses, and returns the correction, of `half` bits.
pub(super) fn halve(table: &mut u64, half: u32, h: u64, both: u64) -> u64 {
    let low = low(half);
    let correction = (*table ^ *table >> half ^ both) & low;
    *table = (*table ^ h) & low;
    correction
}

/// Server: the same of its share.
pub(super) fn halved(table: &mut u64, half: u32, choice: bool, h: u64, correction: u64) {
    let chosen = u64::from(choice).wrapping_neg();
    let kept = *table ^ (*table ^ *table >> half) & chosen;
    *table = (kept ^ h ^ correction & chosen) & low(half);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// All levels of a table of any length: shares of the table moved by the server's bits; corrections as short as said.
        #[test]
        fn levels_move_a_table_by_the_bits(
            (log, index) in (1u32..=6).prop_flat_map(|log| (Just(log), 1..=log)),
            table: u64,
            by: u64,
            hashes in prop::array::uniform6(any::<[u64; 2]>()),
        ) {
            let length = u64::MAX >> (64 - (1 << log));
            let (mut client, mut server) = (table & length, 0);
            for bit in 0..index {
                let level = Level { bit, log };
                let [h0, h1] = hashes[bit as usize];
                let choice = by >> bit & 1 == 1;
                let correction = level.moved(&mut client, h0, h0 ^ h1);
                prop_assert!(correction >> (level.width() - 1) <= 1);
                level.follow(&mut server, choice, if choice { h1 } else { h0 }, correction);
            }
            let by = by & low(index);
            for x in 0..1u64 << log {
                prop_assert_eq!((client ^ server) >> x & 1, table >> (x ^ by) & 1);
            }
            prop_assert_eq!((client | server) & !length, 0);
        }

        #[test]
        fn halving_keeps_the_chosen_entry(table: u64, at in 0u32..16, hashes in prop::array::uniform4(any::<[u64; 2]>())) {
            let (mut client, mut server) = (table, 0);
            for (bit, [h0, h1]) in (0..4).rev().zip(hashes) {
                let choice = at >> bit & 1 == 1;
                let correction = halve(&mut client, 4 << bit, h0, h0 ^ h1);
                halved(&mut server, 4 << bit, choice, if choice { h1 } else { h0 }, correction);
            }
            prop_assert_eq!(client ^ server, table >> (4 * at) & 15);
        }
    }
}
