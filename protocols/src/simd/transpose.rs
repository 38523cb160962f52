//! Columns of bits to rows, 128 x 512 bits at a time, on AVX-512 and GFNI. The twins are in `ot/transpose.rs`; on AVX2 they are
//! compiled anew.
//!
//! Row `8 b + k` is bit `k` of byte `b`, `b < 64`, of a line of every column. First, of eight columns at a time, bytes are
//! interleaved until a word has byte `b` of all eight, which is 8 x 8 bits, and these are transposed: byte `k` is now
//! eight columns' bits of row `8 b + k`. Then bytes of sixteen such words are interleaved until they are rows. In each
//! half, every level trades one bit of the place in a register, named below, for one of the column's number.

use crate::block::{Block, SECURITY_BITS};
use crate::instructions::Instructions;
use crate::ot::columns::{Column, fold, transpose, unmask};
use bytemuck::must_cast;
use std::arch::x86_64::*;

/// The kernels on columns. Exists only on a machine with AVX-512 (F and BW) and GFNI.
pub(crate) struct WideColumns(());

/// The twins, compiled for AVX2. Exists only on a machine that has it.
pub(crate) struct Avx2Columns(());

/// Rows of a group: a cache line of every column.
const GROUP: usize = 512;

/// Blocks of a column in a group.
const LINE: usize = GROUP / SECURITY_BITS;

/// Words of eight columns' bits, by bits 2 to 4 of `b`, and by the columns.
type Words = [[__m512i; SECURITY_BITS / 8]; 8];

/// Places in two registers of sixteen pieces: the pieces whose number has bit 2 clear, or set, from both in turn.
const HALVES: [[u32; 16]; 2] = [
    [0, 16, 1, 17, 2, 18, 3, 19, 8, 24, 9, 25, 10, 26, 11, 27],
    [4, 20, 5, 21, 6, 22, 7, 23, 12, 28, 13, 29, 14, 30, 15, 31],
];

/// Places in two registers of eight pieces: the first four, or the last four, from both in turn.
const QUARTETS: [[u64; 8]; 2] = [[0, 8, 1, 9, 2, 10, 3, 11], [4, 12, 5, 13, 6, 14, 7, 15]];

impl WideColumns {
    /// The proof, or `None` where the machine lacks an instruction.
    pub(crate) fn new() -> Option<Self> {
        let there = Instructions::All.allowed()
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("gfni");
        there.then_some(Self(()))
    }

    /// `ot/columns.rs`'s `fold`, for this machine.
    pub(crate) fn fold(&self, column: &mut [Block], sum: &mut [Block], held: &[Block]) {
        // SAFETY: a `WideColumns` exists only where the features were found.
        unsafe { fold_wide(column, sum, held) }
    }

    /// `ot/columns.rs`'s `unmask`, for this machine.
    pub(crate) fn unmask(&self, sent: &[u8], selected: Block, column: &mut [Block]) {
        // SAFETY: a `WideColumns` exists only where the features were found.
        unsafe { unmask_wide(sent, selected, column) }
    }

    /// Appends the first `count` rows.
    pub(crate) fn append_rows(&self, columns: &[Column; SECURITY_BITS], count: usize, rows: &mut Vec<Block>) {
        // SAFETY: a `WideColumns` exists only where the features were found.
        unsafe { append_rows(columns, count, rows) }
    }
}

impl Avx2Columns {
    /// The proof, or `None` where the machine lacks an instruction.
    pub(crate) fn new() -> Option<Self> {
        (Instructions::Avx2.allowed() && is_x86_feature_detected!("avx2")).then_some(Self(()))
    }

    /// `ot/columns.rs`'s `fold`.
    pub(crate) fn fold(&self, column: &mut [Block], sum: &mut [Block], held: &[Block]) {
        #[target_feature(enable = "avx2")]
        fn compiled(column: &mut [Block], sum: &mut [Block], held: &[Block]) {
            fold(column, sum, held);
        }
        // SAFETY: an `Avx2Columns` exists only where the feature was found.
        unsafe { compiled(column, sum, held) }
    }

    /// `ot/columns.rs`'s `unmask`.
    pub(crate) fn unmask(&self, sent: &[u8], selected: Block, column: &mut [Block]) {
        #[target_feature(enable = "avx2")]
        fn compiled(sent: &[u8], selected: Block, column: &mut [Block]) {
            unmask(sent, selected, column);
        }
        // SAFETY: an `Avx2Columns` exists only where the feature was found.
        unsafe { compiled(sent, selected, column) }
    }

    /// `ot/columns.rs`'s `transpose`.
    pub(crate) fn transpose(&self, square: &mut [Block; SECURITY_BITS]) {
        #[target_feature(enable = "avx2")]
        fn compiled(square: &mut [Block; SECURITY_BITS]) {
            transpose(square);
        }
        // SAFETY: an `Avx2Columns` exists only where the feature was found.
        unsafe { compiled(square) }
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
fn fold_wide(column: &mut [Block], sum: &mut [Block], held: &[Block]) {
    fold(column, sum, held);
}

#[target_feature(enable = "avx512f,avx512bw")]
fn unmask_wide(sent: &[u8], selected: Block, column: &mut [Block]) {
    unmask(sent, selected, column);
}

#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn append_rows(columns: &[Column; SECURITY_BITS], count: usize, rows: &mut Vec<Block>) {
    rows.reserve(count);
    let mut words = [[_mm512_setzero_si512(); SECURITY_BITS / 8]; 8];
    for (group, start) in (0..count).step_by(GROUP).enumerate() {
        read_group(columns, group, &mut words);
        if count - start >= GROUP {
            let end = rows.len();
            let free = &mut rows.spare_capacity_mut()[..GROUP];
            // SAFETY: `free` has `GROUP` places, all of which are written, and then belong to `rows`.
            unsafe {
                write_group(&words, free.as_mut_ptr().cast());
                rows.set_len(end + GROUP);
            }
        } else {
            let mut last = [Block::ZERO; GROUP];
            // SAFETY: `last` has `GROUP` places.
            unsafe { write_group(&words, last.as_mut_ptr()) }
            rows.extend_from_slice(&last[..count - start]);
        }
    }
}

/// The first half, of the `group`-th line of every column.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,gfni")]
fn read_group(columns: &[Column; SECURITY_BITS], group: usize, words: &mut Words) {
    // A product of a matrix with unit vectors is its columns. In the instruction's order the last byte is the first row.
    let units = _mm512_set1_epi64(0x8040_2010_0804_0201_u64 as i64);
    let halves: [__m512i; 2] = must_cast(HALVES);
    for (strip, columns) in columns.as_chunks::<8>().0.iter().enumerate() {
        let mut x = [_mm512_setzero_si512(); 8];
        for (x, column) in x.iter_mut().rev().zip(columns) {
            *x = must_cast(column.0.as_chunks::<LINE>().0[group]);
        }
        // Bit 3 of `b`, then its bit 2, then its bit 4.
        let mut by_3 = [[_mm512_setzero_si512(); 4]; 2];
        for i in 0..4 {
            [by_3[0][i], by_3[1][i]] = interleave_bytes(x[2 * i], x[2 * i + 1]);
        }
        for (bit_3, x) in by_3.into_iter().enumerate() {
            let mut by_2 = [[_mm512_setzero_si512(); 2]; 2];
            for i in 0..2 {
                [by_2[0][i], by_2[1][i]] = interleave_pairs(x[2 * i], x[2 * i + 1]);
            }
            for (bit_2, [first, second]) in by_2.into_iter().enumerate() {
                for (bit_4, half) in halves.into_iter().enumerate() {
                    let eight = _mm512_permutex2var_epi32(first, half, second);
                    words[bit_2 + 2 * bit_3 + 4 * bit_4][strip] =
                        _mm512_gf2p8affine_epi64_epi8::<0>(units, eight);
                }
            }
        }
    }
}

/// The second half.
///
/// # Safety
/// `rows` is valid for writes of `GROUP` blocks.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn write_group(words: &Words, rows: *mut Block) {
    let (halves, quartets): ([__m512i; 2], [__m512i; 2]) = (must_cast(HALVES), must_cast(QUARTETS));
    for (middle, words) in words.iter().enumerate() {
        let mut by_0 = [[_mm512_setzero_si512(); 8]; 2];
        for i in 0..8 {
            [by_0[0][i], by_0[1][i]] = interleave_bytes(words[2 * i], words[2 * i + 1]);
        }
        for (bit_0, x) in by_0.into_iter().enumerate() {
            // Bit 2 of `k`.
            let mut by_k = [[_mm512_setzero_si512(); 4]; 2];
            for i in 0..4 {
                [by_k[0][i], by_k[1][i]] = interleave_pairs(x[2 * i], x[2 * i + 1]);
            }
            for (k, [a, b, c, d]) in by_k.into_iter().enumerate() {
                for (bit_1, half) in halves.into_iter().enumerate() {
                    let low = _mm512_permutex2var_epi32(a, half, b);
                    let high = _mm512_permutex2var_epi32(c, half, d);
                    for (bit_5, quartet) in quartets.into_iter().enumerate() {
                        let four = _mm512_permutex2var_epi64(low, quartet, high);
                        let row = 8 * (bit_0 + 2 * bit_1 + 4 * middle + 32 * bit_5) + 4 * k;
                        // SAFETY: `row` is at most `GROUP - 4`.
                        unsafe { _mm512_storeu_si512(rows.add(row).cast(), four) }
                    }
                }
            }
        }
    }
}

/// Bytes of both in turn: those of every lane's lower half, and of its upper half.
#[inline]
#[target_feature(enable = "avx512bw")]
fn interleave_bytes(first: __m512i, second: __m512i) -> [__m512i; 2] {
    [_mm512_unpacklo_epi8(first, second), _mm512_unpackhi_epi8(first, second)]
}

/// Pairs of bytes of both in turn: those of every lane's lower half, and of its upper half.
#[inline]
#[target_feature(enable = "avx512bw")]
fn interleave_pairs(first: __m512i, second: __m512i) -> [__m512i; 2] {
    [_mm512_unpacklo_epi16(first, second), _mm512_unpackhi_epi16(first, second)]
}
