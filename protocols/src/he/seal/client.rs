//! The client's key: encryption, decryption, the public key.

use super::Context;
use super::ffi::{Ciphertext, Decryptor, Encryptor, Plaintext, SecretKey};
use crate::Error;
use crate::he::ciphertext::{AnswerWidths, Residues, Second};
use crate::he::lift::Lift;
use crate::he::params::HeParameters;
use rand::{CryptoRng, RngCore};

/// A secret key of one session.
pub(crate) struct Client {
    pub(super) context: Context,
    pub(super) encryptor: Encryptor,
    decryptor: Decryptor,
}

impl Client {
    /// A fresh key; the randomness is SEAL's.
    pub(crate) fn generate<R: RngCore + CryptoRng>(he: &HeParameters, _rng: &mut R) -> Result<Self, Error> {
        let context = Context::new(he)?;
        let secret = SecretKey::generate(&context.0.data)?;
        let encryptor = Encryptor::symmetric(&context.0.data, &secret)?;
        let decryptor = Decryptor::new(&context.0.data, &secret)?;
        Ok(Self { context, encryptor, decryptor })
    }

    /// The public key, as it travels; the randomness is SEAL's.
    pub(crate) fn public_key<R: RngCore + CryptoRng>(&self, _rng: &mut R) -> Result<Vec<u8>, Error> {
        self.context.0.framing.message(&self.encryptor.zero_symmetric(true)?.save()?)
    }

    /// A request for N values below 2^k, as it travels; the randomness is SEAL's.
    pub(crate) fn encrypt<R: RngCore + CryptoRng>(
        &self,
        plain: &[u64],
        _rng: &mut R,
    ) -> Result<Vec<u8>, Error> {
        let ciphertext = self.encryptor.encrypt_seeded(&Plaintext::new(plain.to_vec())?)?;
        self.context.0.framing.message(&ciphertext.save()?)
    }

    /// Decrypts an answer after lifting it back to Q.
    pub(crate) fn decrypt(
        &self,
        first: &[u64],
        second: &Second,
        widths: AnswerWidths,
    ) -> Result<Vec<u64>, Error> {
        let lifted = |numbers: &[u64], bits: u32| -> Residues {
            let reducers = &self.context.0.reducers;
            let lift = Lift::new(reducers, bits);
            (0..reducers.len())
                .map(|prime| numbers.iter().map(|x| lift.residue(prime, lift.remainder(*x))).collect())
                .collect()
        };
        self.decrypt_residues([&lifted(first, widths.first), &lifted(second.narrow(), widths.second)])
    }

    /// The N values of k bits of a ciphertext modulo Q.
    pub(super) fn decrypt_residues(&self, polynomials: [&Residues; 2]) -> Result<Vec<u64>, Error> {
        let shared = &self.context.0;
        let ciphertext = Ciphertext::load(&shared.data, shared.framing.whole(polynomials))?;
        self.decryptor.decrypt(&ciphertext)?.coefficients(shared.degree)
    }
}
