//! Microsoft SEAL 4.0 as a backend, through the crate `seal_fhe`, behind the Cargo feature `seal`. That crate is under
//! AGPL-3.0, and so is a program built with the feature; SEAL itself is under the MIT licence.
//!
//! SEAL's secrets are uniform ternary; its errors are normal with sigma = 3.2, clipped at 19.2 and rounded towards zero
//! (the crate builds it with `SEAL_USE_GAUSSIAN_NOISE`), so magnitudes are at most 19 and the distribution is
//! sub-Gaussian with proxy 3.2^2: clipping and rounding a symmetric variable towards zero only shrinks it. The u of a
//! public-key encryption is ternary.
//!
//! All randomness of keys and encryptions is SEAL's own: every encryption seeds a Blake2xb generator with 64 bytes of
//! `/dev/urandom`. The generators that callers pass are not used.
//!
//! **Two parameter sets.** Where there are several primes SEAL makes keys modulo all of them and keeps the last, the
//! "special" one for key switching, from the ciphertexts that it computes with. Our Q needs all its primes for
//! ciphertexts and no key switching, so the context holds SEAL's parameters twice: `data` has Q's primes and a special
//! one that nothing is ever published under (only the secret, which never leaves, has residues modulo it); `public` has
//! Q's primes alone and serves for public-key encryption at its key level. The level of Q is the same in both, because
//! SEAL names levels by a hash of their moduli. What is published is modulo Q; SEAL checks the 128-bit line for it.
//!
//! The public key is a symmetric encryption of zero modulo Q, and travels like a request (`framing.rs`).
//!
//! An answer may have a weight polynomial of zeros, whose product SEAL calls transparent; it is re-randomised before it
//! leaves, so the crate's feature `transparent-ciphertexts` lets it pass without a branch on the weights.
//!
//! Timing: SEAL's products and transforms reduce with conditional subtractions that a compiler may turn into branches.
//! These, its samplers and its decryption have not been audited.

#[cfg(feature = "seal")]
mod client;
#[cfg(feature = "seal")]
mod context;
mod facts;
#[cfg(feature = "seal")]
mod ffi;
#[cfg(feature = "seal")]
mod framing;
#[cfg(feature = "seal")]
mod server;
#[cfg(feature = "seal")]
#[cfg(test)]
mod tests;

#[cfg(feature = "seal")]
pub(crate) use client::Client;
#[cfg(feature = "seal")]
pub(crate) use context::{Context, Weight};
pub(crate) use facts::FACTS;
#[cfg(feature = "seal")]
pub(crate) use server::{Request, Server};
