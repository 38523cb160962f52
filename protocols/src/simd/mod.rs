//! AES-128 and whole chunks of garbled circuits on VAES and AVX-512, on VAES and AVX2, and on AES-NI and AVX2; packed integers
//! on AVX-512 VBMI; bits transposed on AVX-512 and GFNI, and on AVX2; products modulo primes on AVX-512 IFMA, and on AVX2 and FMA.
//!
//! Each kernel has a portable twin and is tested equal to it. Whether the machine has the instructions is asked at run
//! time, when a key is expanded, a prime prepared or a matrix made: a [`Keys`], a [`KeyList`], a [`WideColumns`], an
//! [`Avx2Columns`], a [`WideSums`] or a [`DoubleSums`] is the proof.
#![expect(unsafe_code, reason = "calls of target-feature functions, each behind a run-time check")]

mod aes;
mod doubles;
mod gates;
mod labels;
mod packed;
mod ring;
mod transpose;
mod vector;

pub(crate) use aes::{KeyList, Keys};
pub(crate) use doubles::DoubleSums;
pub(crate) use packed::{PackedFrom, PackedTo, PackedWidth};
pub(crate) use ring::WideSums;
pub(crate) use transpose::{Avx2Columns, WideColumns};
pub(crate) use vector::{Four, One, Two};
