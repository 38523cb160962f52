//! BFV parameters, the 128-bit line, and which facts a backend states about itself.

use super::ciphertext::AnswerWidths;
use super::modular::Modulus;
use crate::Error;
use serde::{Deserialize, Serialize};

/// By how many bits a prime may fall short of its nominal size: all of ours exceed 0.99 * 2^bits.
pub const PRIME_SLACK: f64 = 0.02;

/// Largest log2 Q with 128-bit classical security for a ring degree, a uniform ternary or wider secret and errors of standard
/// deviation 3.19 or more.
///
/// Two tables are published, and the smaller number counts: 109, 218 and 438 by the HomomorphicEncryption.org security
/// standard (2018, table 1); 106, 214 and 430 by the *Security Guidelines for Implementing Homomorphic Encryption* (Bossuat et
/// al., IACR Communications in Cryptology 1(4), 2025, table 5.2), which are the lattice estimator's figures for primal, dual
/// and hybrid attacks at MATZOV's cost of lattice reduction.
pub const fn security_line(degree: usize) -> Option<u32> {
    match degree {
        4096 => Some(106),
        8192 => Some(214),
        16384 => Some(430),
        _ => None,
    }
}

/// Who computes on ciphertexts. Both parties use the same one: their messages differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeBackend {
    /// This project's kernel, for primes below 2^51.
    Linnet,
    /// The library `fhe`.
    Fhe,
    /// Microsoft SEAL, in programs built with the feature `seal`.
    Seal,
    /// No encryption, in tests of what is built on it.
    #[cfg(test)]
    Ideal,
}

impl HeBackend {
    /// Those that this program was built with.
    #[cfg(not(feature = "seal"))]
    pub const ALL: [Self; 2] = [Self::Linnet, Self::Fhe];

    /// Those that this program was built with.
    #[cfg(feature = "seal")]
    pub const ALL: [Self; 3] = [Self::Linnet, Self::Fhe, Self::Seal];

    /// The name used on the command line and in results.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Linnet => "linnet",
            Self::Fhe => "fhe",
            Self::Seal => "seal",
            #[cfg(test)]
            Self::Ideal => "ideal",
        }
    }

    /// Errors if this program was built without it.
    pub fn check_built(self) -> Result<(), Error> {
        #[cfg(test)]
        if self == Self::Ideal {
            return Ok(());
        }
        if Self::ALL.contains(&self) {
            return Ok(());
        }
        let expected = format!("a program built with `--features {}`", self.name());
        Err(Error::config("he", format!("backend `{}`", self.name()), expected, "one built without"))
    }
}

/// What a backend draws its secrets and errors from, for the noise proof.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distributions {
    /// Sub-Gaussian variance proxy of a coefficient of the secret key and of encryption randomness.
    pub secret_proxy: f64,
    /// Their largest magnitude.
    pub secret_bound: f64,
    /// Sub-Gaussian variance proxy of an error's coefficient.
    pub error_proxy: f64,
    /// Its largest magnitude.
    pub error_bound: f64,
    /// The largest error of encoding a plaintext.
    pub encoding: f64,
    /// Whether decryption lifts an answer back to Q.
    pub lifts: bool,
}

/// Microseconds that operations take at N = 4096 and two primes, both parties together: what packings are ranked by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rates {
    /// A product of a ciphertext and a weight polynomial, accumulated.
    pub(crate) product: f64,
    /// A request: encrypted, packed, read.
    pub(crate) request: f64,
    /// An answer without its products: re-randomised, transformed back, flooded, packed, decrypted.
    pub(crate) answer: f64,
    /// A weight polynomial: laid out and transformed.
    pub(crate) weight: f64,
}

/// What a backend states about itself; [`super::backend`] finds it by the backend's name.
pub(crate) struct Facts {
    /// Degrees and primes that the compiler tries, cheapest first.
    pub(crate) choices: &'static [(usize, &'static [u32])],
    /// What secrets and errors are drawn from.
    pub(crate) distributions: Distributions,
    /// What operations take.
    pub(crate) rates: Rates,
    /// Bytes of a request beyond its polynomial.
    pub(crate) request_extra: usize,
    /// Bytes of a public key beyond its polynomial.
    pub(crate) public_key_extra: usize,
}

/// A choice of BFV ring; the plaintext modulus is 2^k.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HeParameters {
    /// Who computes.
    pub backend: HeBackend,
    /// N, the number of coefficients.
    pub degree: usize,
    /// Bits of every prime of Q.
    pub modulus_bits: Vec<u32>,
    /// k, the plaintext modulus is 2^k.
    pub plain_bits: u32,
}

impl HeParameters {
    /// log2 of Q, rounded up.
    pub fn log_q(&self) -> u32 {
        self.modulus_bits.iter().sum()
    }

    /// Errors unless the parameters keep 128 bits of security.
    pub fn check_security(&self, step: &str) -> Result<(), Error> {
        match security_line(self.degree) {
            Some(line) if self.log_q() <= line => Ok(()),
            Some(line) => Err(Error::config(
                step,
                format!("log2 Q for N = {}", self.degree),
                format!("at most {line} (128-bit security)"),
                self.log_q().to_string(),
            )),
            None => Err(Error::config(step, "ring degree", "4096, 8192 or 16384", self.degree.to_string())),
        }
    }

    /// The primes that a backend found, if the noise proof covers them.
    pub(crate) fn check_primes(&self, primes: &[u64]) -> Result<Vec<Modulus>, Error> {
        if primes.len() != self.modulus_bits.len() {
            let (expected, found) = (self.modulus_bits.len().to_string(), primes.len().to_string());
            return Err(Error::config("he", "primes", expected, found));
        }
        for (prime, bits) in primes.iter().zip(&self.modulus_bits) {
            let size = (*prime as f64).log2();
            if size > f64::from(*bits) || size < f64::from(*bits) - PRIME_SLACK {
                let expected = format!("within {PRIME_SLACK} bits below 2^{bits}");
                return Err(Error::config("he", "prime", expected, prime.to_string()));
            }
        }
        Ok(primes.iter().map(|prime| Modulus::new(*prime)).collect())
    }

    /// Bytes of one polynomial modulo Q in memory.
    pub(crate) const fn polynomial_memory(&self) -> usize {
        self.modulus_bits.len() * self.degree * size_of::<u64>()
    }

    /// Bytes of one polynomial modulo Q, each row packed.
    pub(crate) fn polynomial_bytes(&self) -> usize {
        self.modulus_bits.iter().map(|b| (*b as usize * self.degree).div_ceil(8)).sum()
    }

    /// Bytes of one answer that carries `outputs` coefficients: the whole second polynomial and those of the first.
    pub const fn answer_bytes(&self, widths: AnswerWidths, outputs: usize) -> usize {
        widths.answer_bytes(self.degree, outputs)
    }

    /// The same in bits, not rounded to bytes.
    pub(crate) const fn answer_bits(&self, widths: AnswerWidths, outputs: usize) -> usize {
        widths.answer_bits(self.degree, outputs)
    }
}
