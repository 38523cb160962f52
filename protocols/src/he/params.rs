//! BFV parameters and the 128-bit line.

use crate::Error;
use fhe::bfv::{BfvParameters, BfvParametersBuilder};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Variance of the centred binomial that secrets and errors come from; magnitudes are at most twice this.
pub const ERROR_VARIANCE: usize = 10;

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

/// A choice of BFV ring; the plaintext modulus is 2^k.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeParameters {
    /// N, the number of coefficients.
    pub degree: usize,
    /// Bits of every prime of Q; answers travel modulo the first one alone.
    pub modulus_bits: Vec<u32>,
    /// k, the plaintext modulus is 2^k.
    pub plain_bits: u32,
}

impl HeParameters {
    /// What the compiler tries, cheapest first.
    pub fn candidates(plain_bits: u32) -> impl Iterator<Item = Self> {
        let choices: [(usize, &[u32]); 4] =
            [(4096, &[50, 50]), (4096, &[54, 54]), (8192, &[54, 54, 54]), (8192, &[54, 54, 54, 54])];
        choices.into_iter().map(move |(degree, bits)| Self {
            degree,
            modulus_bits: bits.to_vec(),
            plain_bits,
        })
    }

    /// log2 of Q, rounded up.
    pub fn log_q(&self) -> u32 {
        self.modulus_bits.iter().sum()
    }

    /// Bits of the modulus that answers travel in.
    pub fn answer_bits(&self) -> u32 {
        self.modulus_bits[0]
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

    /// The library's parameters, after the security check.
    pub fn build(&self) -> Result<Arc<BfvParameters>, Error> {
        self.check_security("he")?;
        let sizes: Vec<usize> = self.modulus_bits.iter().map(|b| *b as usize).collect();
        let library = BfvParametersBuilder::new()
            .set_degree(self.degree)
            .set_plaintext_modulus(1 << self.plain_bits)
            .set_moduli_sizes(&sizes)
            .set_variance(ERROR_VARIANCE)
            .build_arc()?;
        for (prime, bits) in library.moduli().iter().zip(&self.modulus_bits) {
            if (*prime as f64).log2() < f64::from(*bits) - PRIME_SLACK {
                let expected = format!("within {PRIME_SLACK} bits of 2^{bits}");
                return Err(Error::config("he", "prime", expected, prime.to_string()));
            }
        }
        Ok(library)
    }

    /// Bytes of one polynomial modulo Q, packed.
    fn polynomial_bytes(&self) -> usize {
        self.modulus_bits.iter().map(|b| (*b as usize * self.degree).div_ceil(8)).sum()
    }

    /// Bytes of a fresh symmetric ciphertext on the wire: one polynomial, a 32-byte seed for the other, and 17 bytes
    /// of the library's protobuf framing.
    pub fn request_bytes(&self) -> usize {
        self.polynomial_bytes() + 32 + 17
    }

    /// Bytes of a public key on the wire: as a request, framed once more.
    pub fn public_key_bytes(&self) -> usize {
        self.polynomial_bytes() + 32 + 19
    }

    /// Bytes of one answer that carries `outputs` coefficients: the whole second polynomial and those of the first.
    pub fn answer_bytes(&self, outputs: usize) -> usize {
        ((self.degree + outputs) * self.answer_bits() as usize).div_ceil(8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fhe::bfv::{Ciphertext, Encoding, Plaintext, PublicKey, SecretKey};
    use fhe_traits::{FheEncoder, FheEncrypter, Serialize};

    #[test]
    fn candidates_keep_the_line_and_declare_their_bytes() {
        for parameters in HeParameters::candidates(25) {
            let library = parameters.build().unwrap();
            let bits: u32 = library.moduli().iter().map(|q| 64 - q.leading_zeros()).sum();
            assert_eq!(bits, parameters.log_q());
            let mut rng = rand::rng();
            let key = SecretKey::random(&library, &mut rng);
            let zero = Plaintext::try_encode(&[0u64; 4], Encoding::poly(), &library).unwrap();
            let request: Ciphertext = key.try_encrypt(&zero, &mut rng).unwrap();
            assert_eq!(request.to_bytes().len(), parameters.request_bytes());
            assert_eq!(PublicKey::new(&key, &mut rng).to_bytes().len(), parameters.public_key_bytes());
        }
    }

    #[test]
    fn parameters_off_the_line_are_refused_by_name() {
        let weak = HeParameters { degree: 4096, modulus_bits: vec![60, 60], plain_bits: 20 };
        let message = weak.check_security("stem.conv").unwrap_err().to_string();
        assert!(
            message.contains("stem.conv") && message.contains("109") && message.contains("120"),
            "{message}"
        );
    }
}
