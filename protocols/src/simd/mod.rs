//! AES-128 and whole chunks of garbled circuits on VAES and AVX-512, four blocks an instruction, and AES-128 on AES-NI.
//!
//! Each kernel has a portable twin and is tested equal to it. Whether the machine has the instructions is asked at run
//! time, when a key is expanded: a [`VaesKeys`] or an [`AesNiKeys`] is the proof.
#![expect(unsafe_code, reason = "calls of target-feature functions, each behind a run-time check")]

mod aes;
mod gates;

pub(crate) use aes::{AesNiKeys, VaesKeys};
