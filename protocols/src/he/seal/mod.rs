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
#[cfg(feature = "seal")]
pub(crate) use server::{Request, Server};

use super::params::{Distributions, Rates};

/// SEAL's standard deviation of errors.
const SIGMA: f64 = 3.2;

/// What secrets and errors are drawn from; encoding rounds to the nearest, and decryption is modulo Q alone.
pub(crate) const DISTRIBUTIONS: Distributions = Distributions {
    secret_proxy: 2.0 / 3.0,
    secret_bound: 1.0,
    error_proxy: SIGMA * SIGMA,
    error_bound: 19.0,
    encoding: 0.5,
    lifts: true,
};

/// Degrees and primes, cheapest first.
pub(crate) const CHOICES: &[(usize, &[u32])] =
    &[(4096, &[50, 50]), (4096, &[54, 54]), (8192, &[54, 54, 54]), (8192, &[54, 54, 54, 54])];

/// What operations take, both parties together, one thread.
pub(crate) const RATES: Rates = Rates { product: 65.0, request: 950.0, answer: 1000.0, weight: 90.0 };

/// Bytes of the seed of SEAL's random generator.
const SEED_BYTES: usize = 64;

/// Bytes of a request, or of a public key, beyond its polynomial: the seed.
pub(crate) const REQUEST_EXTRA: usize = SEED_BYTES;
