//! AES-128 and whole chunks of garbled circuits on VAES and AVX-512, four blocks an instruction, AES-128 on AES-NI,
//! packed integers on AVX-512 VBMI, transposition of bits on AVX-512 and GFNI, and products modulo primes on AVX-512 IFMA.
//!
//! Each kernel has a portable twin and is tested equal to it. Whether the machine has the instructions is asked at run
//! time, when a key is expanded, a prime prepared or a matrix made: a [`VaesKeys`], a [`VaesKeyList`], an [`AesNiKeys`], a
//! [`WideColumns`] or a [`WideSums`] is the proof.
#![expect(unsafe_code, reason = "calls of target-feature functions, each behind a run-time check")]

mod aes;
mod gates;
mod packed;
mod ring;
mod transpose;

pub(crate) use aes::{AesNiKeys, VaesKeyList, VaesKeys};
pub(crate) use packed::{PackedFrom, PackedTo, PackedWidth};
pub(crate) use ring::WideSums;
pub(crate) use transpose::WideColumns;
