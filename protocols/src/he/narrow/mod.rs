//! This project's own backend: BFV in a form as narrow as the protocol needs, on the transforms of `tfhe-ntt`.
//!
//! Everything that travels or is multiplied is in NTT form, a row a prime, in bit-reversed order of the primitive 2N-th
//! root's odd powers ([`ring`] pins it down). A request is a seed and one polynomial; an answer's products are accumulated
//! unreduced ([`accumulate`]), with the re-randomisation as one more product: a fresh ternary u times the public key.
//! Decryption is exact modulo 2^p1: the secret is so small that its product with the answer's second polynomial fits one
//! or two primes over the integers.
//!
//! Security rests on RLWE with uniform ternary secrets (key and u) and centred binomial errors of variance 10 (standard
//! deviation 3.16, where the tables of HomomorphicEncryption.org have 3.19), at or below their line for log2 Q. The
//! uniform half of a request is expanded from a public seed by AES-128 in counter mode, as FrodoKEM expands its matrix.
//!
//! Nothing here branches on, or indexes by, a secret: sampling of secrets and errors takes a fixed number of words, and
//! reductions are arithmetic.

pub(crate) mod accumulate;
mod client;
mod ring;
mod sample;
mod server;
mod wire;

pub(crate) use client::Client;
pub(crate) use server::{Context, Request, Server, Weight};
pub(crate) use wire::REQUEST_EXTRA;

use super::params::{Distributions, Rates};

/// Coins of one sign in a centred binomial error: its variance is half of that.
const ERROR_COINS: u32 = 20;

/// What secrets and errors are drawn from; encoding rounds to the nearest.
pub(crate) const DISTRIBUTIONS: Distributions = Distributions {
    secret_proxy: 2.0 / 3.0,
    secret_bound: 1.0,
    error_proxy: ERROR_COINS as f64 / 2.0,
    error_bound: ERROR_COINS as f64,
    encoding: 0.5,
    lifts: false,
};

/// Degrees and primes, cheapest first. Primes of 51 bits are the widest that `tfhe-ntt` transforms, and
/// [`accumulate`] multiplies, with 52-bit instructions.
pub(crate) const CHOICES: &[(usize, &[u32])] = &[
    (4096, &[50, 50]),
    (4096, &[51, 51]),
    (4096, &[36, 36, 36]),
    (8192, &[50, 50, 50]),
    (8192, &[50, 50, 50, 50]),
];

/// The widest prime.
const MOST_PRIME_BITS: u32 = 51;

/// What operations take, both parties together, one thread with AVX-512 IFMA, as `cargo xtask bench` measures them. A
/// product is bound by memory: its weight comes from beyond the second-level cache.
pub(crate) const RATES: Rates = Rates { product: 5.0, request: 130.0, answer: 180.0, weight: 18.0 };
