//! A column of a chunk of the OT extension, what is added to one, and how columns become rows, as the compiler makes it for
//! whichever machine. Source of the transposition: Warren, "Hacker's Delight" §7-3, the recursive swap of off-diagonal quarters,
//! on 128-bit words.

use crate::block::{Block, SECURITY_BITS};

/// Blocks a column holds.
pub(crate) const COLUMN: usize = 64;

/// A column, and a cache line more: at a distance of 1 KiB all columns would compete for four sets of the first-level cache.
#[derive(Clone)]
#[repr(C, align(64))]
pub(crate) struct Column(pub(crate) [Block; COLUMN + 4]);

/// Adds `sum` to `column`, then `held` to `sum`. Words of 64 bits, for compilers do not put wider ones side by side.
#[inline(always)]
pub(crate) fn fold(column: &mut [Block], sum: &mut [Block], held: &[Block]) {
    let (column, sum): (&mut [u64], &mut [u64]) =
        (bytemuck::cast_slice_mut(column), bytemuck::cast_slice_mut(sum));
    for ((t, s), &h) in column.iter_mut().zip(sum).zip(bytemuck::cast_slice::<_, u64>(held)) {
        *t ^= *s;
        *s ^= h;
    }
}

/// Adds the blocks `sent`, where `selected` has ones, to `column`.
#[inline(always)]
pub(crate) fn unmask(sent: &[u8], selected: Block, column: &mut [Block]) {
    let selected: [u64; 2] = bytemuck::must_cast(selected);
    let column: &mut [[u64; 2]] = bytemuck::cast_slice_mut(column);
    for (q, u) in column.iter_mut().zip(sent.as_chunks::<8>().0.as_chunks::<2>().0) {
        for i in 0..2 {
            q[i] ^= u64::from_le_bytes(u[i]) & selected[i];
        }
    }
}

/// Transposes in place: bit `j` of word `i` and bit `i` of word `j` change places.
#[inline(always)]
pub(crate) fn transpose(matrix: &mut [Block; SECURITY_BITS]) {
    // Quarters of 64 bits are whole halves of words.
    let (top, bottom) = matrix.split_at_mut(SECURITY_BITS / 2);
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
