//! The columns of a chunk of the OT extension, and how they become its rows, 128 x 128 bits at a time.
//! The portable kernels are in `columns.rs`; `simd/transpose.rs` has those of engines.

use super::columns::{COLUMN, Column, fold, transpose, unmask};
use crate::block::{BLOCK_BYTES, Block, SECURITY_BITS};
use crate::cipher::Engine;
#[cfg(target_arch = "x86_64")]
use crate::simd::{Avx2Columns, WideColumns};

/// Bits a side of a square.
const SIDE: usize = SECURITY_BITS;

/// The columns of one chunk.
pub(super) struct Matrix {
    columns: Box<[Column; SECURITY_BITS]>,
    kernels: Kernels,
}

/// What works on columns.
enum Kernels {
    #[cfg(target_arch = "x86_64")]
    Wide(WideColumns),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2Columns),
    Portable,
}

impl Kernels {
    /// Those of `engine`, as far as the machine has them.
    fn of(engine: Engine) -> Self {
        #[cfg(target_arch = "x86_64")]
        let there = match engine {
            Engine::Vaes => WideColumns::new().map(Self::Wide),
            Engine::Vaes256 | Engine::AesNi => Avx2Columns::new().map(Self::Avx2),
            Engine::Neon | Engine::Portable => None,
        };
        #[cfg(not(target_arch = "x86_64"))]
        let (there, _) = (None, engine);
        there.unwrap_or(Self::Portable)
    }
}

impl Matrix {
    /// Columns of zeros, worked on by `engine`.
    pub(super) fn new(engine: Engine) -> Self {
        let columns = vec![Column([Block::ZERO; COLUMN + 4]); SECURITY_BITS].into_boxed_slice();
        let columns = columns.try_into().ok().expect("as many columns as were asked for");
        Self { columns, kernels: Kernels::of(engine) }
    }

    /// The first `length` blocks of column `i`.
    pub(super) fn column(&mut self, i: usize, length: usize) -> &mut [Block] {
        &mut self.columns[i].0[..length]
    }

    /// Adds `sum` to the beginning of column `i`, then `held` to `sum`.
    pub(super) fn fold(&mut self, i: usize, sum: &mut [Block], held: &[Block]) {
        let column = &mut self.columns[i].0[..sum.len()];
        match &self.kernels {
            #[cfg(target_arch = "x86_64")]
            Kernels::Wide(wide) => wide.fold(column, sum, held),
            #[cfg(target_arch = "x86_64")]
            Kernels::Avx2(avx2) => avx2.fold(column, sum, held),
            Kernels::Portable => fold(column, sum, held),
        }
    }

    /// Adds the blocks `sent`, where `selected` has ones, to the beginning of column `i`.
    pub(super) fn unmask(&mut self, i: usize, sent: &[u8], selected: Block) {
        let column = &mut self.columns[i].0[..sent.len() / BLOCK_BYTES];
        match &self.kernels {
            #[cfg(target_arch = "x86_64")]
            Kernels::Wide(wide) => wide.unmask(sent, selected, column),
            #[cfg(target_arch = "x86_64")]
            Kernels::Avx2(avx2) => avx2.unmask(sent, selected, column),
            Kernels::Portable => unmask(sent, selected, column),
        }
    }

    /// Appends the first `count` rows.
    pub(super) fn append_rows(&self, count: usize, rows: &mut Vec<Block>) {
        #[cfg(target_arch = "x86_64")]
        if let Kernels::Wide(wide) = &self.kernels {
            return wide.append_rows(&self.columns, count, rows);
        }
        for (block, start) in (0..count).step_by(SIDE).enumerate() {
            let mut square = [Block::ZERO; SIDE];
            for (row, column) in square.iter_mut().zip(self.columns.iter()) {
                *row = column.0[block];
            }
            match &self.kernels {
                #[cfg(target_arch = "x86_64")]
                Kernels::Avx2(avx2) => avx2.transpose(&mut square),
                _ => transpose(&mut square),
            }
            rows.extend_from_slice(&square[..SIDE.min(count - start)]);
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
