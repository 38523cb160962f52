//! Transposes a 128 x 128 bit matrix: columns of the OT extension to its rows.
//! Source: Warren, "Hacker's Delight" §7-3, the recursive swap of off-diagonal quarters, on 128-bit words.

use crate::block::Block;

/// Bits a side.
pub(super) const SIDE: usize = 128;

/// Transposes in place: bit `j` of word `i` and bit `i` of word `j` change places.
pub(super) fn transpose(matrix: &mut [Block; SIDE]) {
    // Quarters of 64 bits are whole halves of words.
    let (top, bottom) = matrix.split_at_mut(SIDE / 2);
    for (a, b) in top.iter_mut().zip(bottom) {
        let high = a.0 >> 64;
        a.0 = (a.0 as u64 as u128) | (b.0 << 64);
        b.0 = (b.0 >> 64 << 64) | high;
    }
    // Smaller quarters stay inside the 64-bit halves, where the compiler can use vector shifts.
    let words: &mut [u64] = bytemuck::cast_slice_mut(matrix);
    swap_quarters::<32>(words, 0x0000_0000_ffff_ffff);
    swap_quarters::<16>(words, 0x0000_ffff_0000_ffff);
    swap_quarters::<8>(words, 0x00ff_00ff_00ff_00ff);
    swap_quarters::<4>(words, 0x0f0f_0f0f_0f0f_0f0f);
    swap_quarters::<2>(words, 0x3333_3333_3333_3333);
    swap_quarters::<1>(words, 0x5555_5555_5555_5555);
}

/// Swaps the high `S` bits of each `2 S`-bit field of row `i` with the low ones of row `i + S`; `low` marks the low bits.
#[inline(always)]
fn swap_quarters<const S: usize>(words: &mut [u64], low: u64) {
    for rows in words.chunks_exact_mut(4 * S) {
        let (upper, lower) = rows.split_at_mut(2 * S);
        for (a, b) in upper.iter_mut().zip(lower) {
            let swapped = ((*a >> S) ^ *b) & low;
            *a ^= swapped << S;
            *b ^= swapped;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    #[test]
    fn every_bit_lands_at_its_mirror_image() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let matrix: [Block; SIDE] = std::array::from_fn(|_| Block::random(&mut rng));
        let mut transposed = matrix;
        transpose(&mut transposed);
        for (i, row) in matrix.iter().enumerate() {
            for (j, column) in transposed.iter().enumerate() {
                assert_eq!(row.0 >> j & 1, column.0 >> i & 1, "row {i}, column {j}");
            }
        }
    }
}
