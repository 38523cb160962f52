//! BFV parameters, the 128-bit line, and what a backend's ciphertexts are like.

use super::answer::{AnswerWidths, answer_bytes};
use super::modular::Modulus;
use super::{fhe_rs, narrow, seal};
use crate::Error;
use serde::{Deserialize, Serialize};

/// By how many bits a prime may fall short of its nominal size: all of ours exceed 0.99 * 2^bits.
pub const PRIME_SLACK: f64 = 0.02;

/// Largest log2 Q with 128-bit classical security for a ring degree and ternary or wider secrets.
///
/// Source: HomomorphicEncryption.org security standard (2018), table 1, uniform ternary secret: the smaller line.
pub const fn security_line(degree: usize) -> Option<u32> {
    match degree {
        4096 => Some(109),
        8192 => Some(218),
        16384 => Some(438),
        _ => None,
    }
}

/// Who computes on ciphertexts. Both parties use the same one: their messages differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeBackend {
    /// This project's kernel, for primes below 2^51.
    Narrow,
    /// The library `fhe`.
    Fhe,
    /// Microsoft SEAL, in programs built with the feature `seal`.
    Seal,
}

impl HeBackend {
    /// Those that this program was built with.
    #[cfg(not(feature = "seal"))]
    pub const ALL: [Self; 2] = [Self::Narrow, Self::Fhe];

    /// Those that this program was built with.
    #[cfg(feature = "seal")]
    pub const ALL: [Self; 3] = [Self::Narrow, Self::Fhe, Self::Seal];

    /// The name used on the command line and in results.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Narrow => "narrow",
            Self::Fhe => "fhe",
            Self::Seal => "seal",
        }
    }

    /// Errors if this program was built without it.
    pub fn check_built(self) -> Result<(), Error> {
        if Self::ALL.contains(&self) {
            return Ok(());
        }
        let expected = format!("a program built with `--features {}`", self.name());
        Err(Error::config("he", format!("backend `{}`", self.name()), expected, "one built without"))
    }

    /// Degrees and primes that the compiler tries, cheapest first.
    const fn choices(self) -> &'static [(usize, &'static [u32])] {
        match self {
            Self::Narrow => narrow::CHOICES,
            Self::Fhe => fhe_rs::CHOICES,
            Self::Seal => seal::CHOICES,
        }
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

/// A choice of BFV ring; the plaintext modulus is 2^k.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// What the compiler tries, cheapest first.
    pub fn candidates(backend: HeBackend, plain_bits: u32) -> impl Iterator<Item = Self> {
        backend.choices().iter().map(move |(degree, bits)| Self {
            backend,
            degree: *degree,
            modulus_bits: bits.to_vec(),
            plain_bits,
        })
    }

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

    /// What the backend draws from.
    pub(crate) const fn distributions(&self) -> Distributions {
        match self.backend {
            HeBackend::Narrow => narrow::DISTRIBUTIONS,
            HeBackend::Fhe => fhe_rs::DISTRIBUTIONS,
            HeBackend::Seal => seal::DISTRIBUTIONS,
        }
    }

    /// What the backend's operations take with these parameters: in proportion to the numbers of a polynomial.
    pub(crate) fn rates(&self) -> Rates {
        let rates = match self.backend {
            HeBackend::Narrow => narrow::RATES,
            HeBackend::Fhe => fhe_rs::RATES,
            HeBackend::Seal => seal::RATES,
        };
        let size = self.polynomial_memory() as f64 / (2 * 4096 * size_of::<u64>()) as f64;
        Rates {
            product: rates.product * size,
            request: rates.request * size,
            answer: rates.answer * size,
            weight: rates.weight * size,
        }
    }

    /// Bytes of one polynomial modulo Q in memory.
    pub(crate) const fn polynomial_memory(&self) -> usize {
        self.modulus_bits.len() * self.degree * size_of::<u64>()
    }

    /// Bytes of one polynomial modulo Q, each row packed.
    pub(crate) fn polynomial_bytes(&self) -> usize {
        self.modulus_bits.iter().map(|b| (*b as usize * self.degree).div_ceil(8)).sum()
    }

    /// Bytes of a fresh symmetric ciphertext on the wire: one polynomial, and a seed for the other.
    pub fn request_bytes(&self) -> usize {
        self.polynomial_bytes()
            + match self.backend {
                HeBackend::Narrow => narrow::REQUEST_EXTRA,
                HeBackend::Fhe => fhe_rs::REQUEST_EXTRA,
                HeBackend::Seal => seal::REQUEST_EXTRA,
            }
    }

    /// Bytes of a public key on the wire.
    pub fn public_key_bytes(&self) -> usize {
        self.polynomial_bytes()
            + match self.backend {
                HeBackend::Narrow => narrow::REQUEST_EXTRA,
                HeBackend::Fhe => fhe_rs::PUBLIC_KEY_EXTRA,
                HeBackend::Seal => seal::REQUEST_EXTRA,
            }
    }

    /// Bytes of one answer that carries `outputs` coefficients: the whole second polynomial and those of the first.
    pub const fn answer_bytes(&self, widths: AnswerWidths, outputs: usize) -> usize {
        answer_bytes(self.degree, widths, outputs)
    }

    /// The same in bits, not rounded to bytes.
    pub(crate) const fn answer_bits(&self, widths: AnswerWidths, outputs: usize) -> usize {
        self.degree * widths.second as usize + outputs * widths.first as usize
    }
}

#[cfg(test)]
mod tests {
    use super::super::backend::{Client, Context};
    use super::*;

    #[test]
    fn candidates_keep_the_line_and_declare_their_bytes() {
        let mut rng = rand::rng();
        for backend in HeBackend::ALL {
            for he in HeParameters::candidates(backend, 25) {
                he.check_security("test").unwrap();
                let context = Context::new(&he).unwrap();
                let bits: u32 = context.moduli().iter().map(|q| 64 - q.leading_zeros()).sum();
                assert_eq!(bits, he.log_q());
                assert!(context.moduli().iter().all(|q| q % (2 * he.degree as u64) == 1));
                let client = Client::generate(&he, &mut rng).unwrap();
                let request = client.encrypt(&vec![3; he.degree], &mut rng).unwrap();
                assert_eq!(request.len(), he.request_bytes());
                assert_eq!(client.public_key(&mut rng).unwrap().len(), he.public_key_bytes());
            }
        }
    }

    #[test]
    fn parameters_off_the_line_are_refused_by_name() {
        for backend in HeBackend::ALL {
            let weak = HeParameters { backend, degree: 4096, modulus_bits: vec![60, 60], plain_bits: 20 };
            let message = weak.check_security("stem.conv").unwrap_err().to_string();
            assert!(
                message.contains("stem.conv") && message.contains("109") && message.contains("120"),
                "{message}"
            );
        }
    }

    /// Plans name a backend whether or not a program has it; keys and parameters are refused where it does not.
    #[cfg(not(feature = "seal"))]
    #[test]
    fn a_backend_that_was_not_built_is_refused_by_name() {
        let he = HeParameters::candidates(HeBackend::Seal, 25).next().unwrap();
        let refusals = [Context::new(&he).err(), Client::generate(&he, &mut rand::rng()).err()];
        for message in refusals.map(|error| error.unwrap().to_string()) {
            assert!(message.contains("`seal`") && message.contains("--features seal"), "{message}");
        }
    }
}
