//! The columns of a chunk of the OT extension, and how they become its rows, 128 x 128 bits at a time.
//! Source of the portable transposition: Warren, "Hacker's Delight" §7-3, the recursive swap of off-diagonal quarters, on
//! 128-bit words. On VAES-512 it is `simd/transpose.rs`.

use super::columns::{COLUMN, Column, fold, unmask};
use crate::block::{BLOCK_BYTES, Block, SECURITY_BITS};
use crate::cipher::Engine;
#[cfg(target_arch = "x86_64")]
use crate::simd::WideColumns;

/// Bits a side of a square.
const SIDE: usize = SECURITY_BITS;

/// The columns of one chunk.
pub(super) struct Matrix {
    columns: Box<[Column; SECURITY_BITS]>,
    #[cfg(target_arch = "x86_64")]
    wide: Option<WideColumns>,
}

impl Matrix {
    /// Columns of zeros, worked on by `engine`.
    pub(super) fn new(engine: Engine) -> Self {
        let columns = vec![Column([Block::ZERO; COLUMN + 4]); SECURITY_BITS].into_boxed_slice();
        #[cfg(not(target_arch = "x86_64"))]
        let _ = engine;
        Self {
            columns: columns.try_into().ok().expect("as many columns as were asked for"),
            #[cfg(target_arch = "x86_64")]
            wide: if engine == Engine::Vaes { WideColumns::new() } else { None },
        }
    }

    /// The first `length` blocks of column `i`.
    pub(super) fn column(&mut self, i: usize, length: usize) -> &mut [Block] {
        &mut self.columns[i].0[..length]
    }

    /// Adds `sum` to the beginning of column `i`, then `held` to `sum`.
    pub(super) fn fold(&mut self, i: usize, sum: &mut [Block], held: &[Block]) {
        let column = &mut self.columns[i].0[..sum.len()];
        #[cfg(target_arch = "x86_64")]
        if let Some(wide) = &self.wide {
            return wide.fold(column, sum, held);
        }
        fold(column, sum, held);
    }

    /// Adds the blocks `sent`, where `selected` has ones, to the beginning of column `i`.
    pub(super) fn unmask(&mut self, i: usize, sent: &[u8], selected: Block) {
        let column = &mut self.columns[i].0[..sent.len() / BLOCK_BYTES];
        #[cfg(target_arch = "x86_64")]
        if let Some(wide) = &self.wide {
            return wide.unmask(sent, selected, column);
        }
        unmask(sent, selected, column);
    }

    /// Appends the first `count` rows.
    pub(super) fn append_rows(&self, count: usize, rows: &mut Vec<Block>) {
        #[cfg(target_arch = "x86_64")]
        if let Some(wide) = &self.wide {
            return wide.append_rows(&self.columns, count, rows);
        }
        for (block, start) in (0..count).step_by(SIDE).enumerate() {
            let mut square: [Block; SIDE] = std::array::from_fn(|i| self.columns[i].0[block]);
            transpose(&mut square);
            rows.extend_from_slice(&square[..SIDE.min(count - start)]);
        }
    }
}

/// Transposes in place: bit `j` of word `i` and bit `i` of word `j` change places.
fn transpose(matrix: &mut [Block; SIDE]) {
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

    /// Rows go behind those that are there; a count may end anywhere in a square or in a kernel's group of squares.
    #[test]
    fn every_engine_has_the_same_rows() {
        let rows = |engine, count| {
            let mut matrix = Matrix::new(engine);
            let mut rng = ChaCha20Rng::seed_from_u64(4);
            for i in 0..SECURITY_BITS {
                matrix.column(i, COLUMN).fill_with(|| Block::random(&mut rng));
            }
            let mut rows = vec![Block(7); 3];
            matrix.append_rows(count, &mut rows);
            rows.into_iter().map(|row| row.0).collect::<Vec<_>>()
        };
        let all = rows(Engine::Portable, COLUMN * SIDE);
        for engine in Engine::available() {
            for count in [0, 1, 127, 128, 129, 511, 512, 513, 1023, 8191, 8192] {
                assert_eq!(rows(engine, count), all[..3 + count], "{count} rows on {}", engine.name());
            }
        }
    }

    #[test]
    fn every_engine_sums_alike() {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let mut random = |length| (0..length).map(|_| Block::random(&mut rng)).collect::<Vec<_>>();
        for length in [1, 2, 5, 63, 64] {
            let (column, held, out) = (random(length), random(length), random(length));
            let (selected, i) = (Block(u128::MAX << 60), 77);
            for engine in Engine::available() {
                let mut matrix = Matrix::new(engine);
                matrix.column(i, length).copy_from_slice(&column);
                let mut sum = out.clone();
                matrix.fold(i, &mut sum, &held);
                // An odd address: what is sent is bytes.
                let bytes = [&[0], bytemuck::cast_slice::<_, u8>(&out)].concat();
                matrix.unmask(i, &bytes[1..], selected);
                for j in 0..length {
                    assert_eq!(sum[j].0, out[j].0 ^ held[j].0);
                    let folded = column[j].0 ^ out[j].0;
                    assert_eq!(matrix.columns[i].0[j].0, folded ^ out[j].0 & selected.0);
                }
            }
        }
    }
}
