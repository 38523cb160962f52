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
//! ciphertexts and no key switching, so [`Context`] holds SEAL's parameters twice: `data` has Q's primes and a special
//! one that nothing is ever published under (only the secret, which never leaves, has residues modulo it); `public` has
//! Q's primes alone and serves for public-key encryption at its key level. The level of Q is the same in both, because
//! SEAL names levels by a hash of their moduli. What is published is modulo Q; SEAL checks the 128-bit line for it.
//!
//! The public key is a symmetric encryption of zero modulo Q, and travels like a request ([`framing`]).
//!
//! Timing: SEAL branches on no residue in products and transforms, except where the compiler makes a branch of a
//! conditional subtraction. Its samplers, and its reading of trailing zeros after decryption, are not constant time.

mod client;
mod ffi;
mod framing;
mod server;
#[cfg(test)]
mod tests;

pub use client::Client;
pub use server::{Request, Server};

use super::params::{HeParameters, PRIME_SLACK};
use crate::Error;
use ffi::{Evaluator, Level, Line, Parameters, Plaintext};
use framing::Framing;
use std::sync::Arc;

/// A polynomial's residues: by prime, then by coefficient.
pub type Residues = Vec<Vec<u64>>;

/// Bits of the special prime. Any would do; this size is none that the compiler tries.
const SPECIAL_BITS: u32 = 30;

/// Both parties' public parameters, made once a model.
#[derive(Clone)]
pub struct Context(Arc<Shared>);

struct Shared {
    degree: usize,
    plain_bits: u32,
    moduli: Vec<u64>,
    /// Q's primes and a special one: requests, products, decryption.
    data: Parameters,
    /// Q's primes: public-key encryption.
    public: Parameters,
    /// The name of Q.
    level: Level,
    evaluator: Evaluator,
    framing: Framing,
}

/// A polynomial of weights in NTT form.
pub struct Weight(Plaintext);

impl Context {
    /// SEAL's tables for these parameters, after the security check.
    pub fn new(he: &HeParameters) -> Result<Self, Error> {
        he.check_security("he")?;
        let bits: Vec<u32> = he.modulus_bits.iter().copied().chain([SPECIAL_BITS]).collect();
        let primes = ffi::primes(he.degree, &bits)?;
        let moduli = primes[..he.modulus_bits.len()].to_vec();
        for (prime, bits) in moduli.iter().zip(&he.modulus_bits) {
            if (*prime as f64).log2() < f64::from(*bits) - PRIME_SLACK {
                let expected = format!("within {PRIME_SLACK} bits of 2^{bits}");
                return Err(Error::config("he", "prime", expected, prime.to_string()));
            }
        }
        let plain = 1 << he.plain_bits;
        let data = Parameters::new(he.degree, &primes, plain, Line::Unchecked)?;
        let public = Parameters::new(he.degree, &moduli, plain, Line::Kept)?;
        let level = data.data_level()?;
        if level != public.key_level()? {
            let found = "two names of the same moduli".into();
            return Err(Error::Seal { doing: "comparing levels", found });
        }
        let evaluator = Evaluator::new(&data)?;
        let framing = Framing::learn(&data, he.degree, &moduli, &he.modulus_bits)?;
        Ok(Self(Arc::new(Shared {
            degree: he.degree,
            plain_bits: he.plain_bits,
            moduli,
            data,
            public,
            level,
            evaluator,
            framing,
        })))
    }

    /// The primes of Q.
    pub fn moduli(&self) -> &[u64] {
        &self.0.moduli
    }

    /// A weight polynomial. SEAL lifts a coefficient modulo 2^k from 2^(k-1) on as negative, so signed coefficients are
    /// what they should be modulo every prime as long as they have k bits.
    pub fn weight(&self, coefficients: &[i64]) -> Result<Weight, Error> {
        let half = 1i64 << (self.0.plain_bits - 1);
        if coefficients.len() != self.0.degree {
            let found = coefficients.len().to_string();
            return Err(Error::config("he", "weight coefficients", self.0.degree.to_string(), found));
        }
        // No secret-dependent branch: every weight is looked at, and only whether one is too wide shows.
        if coefficients.iter().fold(false, |wide, w| wide | (*w < -half) | (*w >= half)) {
            let expected = format!("magnitudes below 2^{}", self.0.plain_bits - 1);
            return Err(Error::config("he", "weights", expected, "a larger one"));
        }
        let mask = (1u64 << self.0.plain_bits) - 1;
        let plain = Plaintext::new(coefficients.iter().map(|w| *w as u64 & mask).collect())?;
        Ok(Weight(self.0.evaluator.plain_to_ntt(&plain, self.0.level)?))
    }
}
