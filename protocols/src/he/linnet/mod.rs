//! This project's own backend: BFV in a form as narrow as the protocol needs, on the transforms of `tfhe-ntt` and, on AVX2, its own.
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

mod accumulate;
mod client;
mod facts;
mod ring;
mod sample;
mod server;
pub(crate) mod term;
mod transform;
mod wire;

#[cfg(test)]
pub(super) use accumulate::accumulate;
pub(crate) use client::Client;
pub(crate) use facts::FACTS;
pub(crate) use server::{Context, Request, Server, Weight};
pub use transform::Transform;
