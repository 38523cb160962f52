//! AES-128 and whole chunks of garbled circuits on VAES and AVX-512, on VAES and AVX2, on AES-NI and AVX2, and on AES and NEON. On
//! x86-64 also packed integers (AVX-512 VBMI), bits transposed (AVX-512 and GFNI, AVX2) and products modulo primes (AVX-512 IFMA,
//! AVX2 and FMA).
//!
//! Each kernel has a portable twin and is tested equal to it. Whether the machine has the instructions is asked at run
//! time, when a key is expanded, a prime prepared or a matrix made: a [`Keys`], a [`KeyList`], a [`WideColumns`], an
//! [`Avx2Columns`], a [`WideSums`] or a [`DoubleSums`] is the proof.
#![expect(unsafe_code, reason = "calls of target-feature functions, each behind a run-time check")]

mod aes;
#[cfg(target_arch = "x86_64")]
mod doubles;
mod gates;
mod labels;
#[cfg(target_arch = "x86_64")]
mod packed;
#[cfg(target_arch = "x86_64")]
mod ring;
#[cfg(target_arch = "x86_64")]
mod transform;
#[cfg(target_arch = "x86_64")]
mod transpose;
mod vector;

pub(crate) use aes::{KeyList, Keys};
#[cfg(target_arch = "x86_64")]
pub(crate) use doubles::DoubleSums;
#[cfg(target_arch = "x86_64")]
pub(crate) use packed::{PackedFrom, PackedTo, PackedWidth};
#[cfg(target_arch = "x86_64")]
pub(crate) use ring::WideSums;
#[cfg(target_arch = "x86_64")]
pub(crate) use transform::DoubleTransform;
#[cfg(target_arch = "x86_64")]
pub(crate) use transpose::{Avx2Columns, WideColumns};
pub(crate) use vector::One;
#[cfg(target_arch = "x86_64")]
pub(crate) use vector::{Four, Two};
