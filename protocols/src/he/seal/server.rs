//! The server's half: requests, products, fresh encryptions of zero.

use super::ffi::{Ciphertext, Encryptor};
use super::{Context, Weight};
use crate::Error;
use crate::he::ciphertext::Residues;
use rand::{CryptoRng, RngCore};

/// The client's public key.
pub(crate) struct Server {
    context: Context,
    encryptor: Encryptor,
}

/// A client's ciphertext, checked, in NTT form.
pub(crate) struct Request(Ciphertext);

impl Server {
    /// Reads the client's public key.
    pub(crate) fn new(context: &Context, public_key: &[u8]) -> Result<Self, Error> {
        let key = read(context, "HE public key", public_key)?;
        let encryptor = Encryptor::public(&context.0.public, &key)?;
        Ok(Self { context: context.clone(), encryptor })
    }

    /// Reads one request.
    pub(crate) fn request(&self, bytes: &[u8]) -> Result<Request, Error> {
        Ok(Request(read(&self.context, "HE request", bytes)?))
    }

    /// The sum of the requests' products with their weights and of a fresh public-key encryption of zero, in coefficient
    /// form; the randomness is SEAL's.
    pub(crate) fn product<R: RngCore + CryptoRng>(
        &self,
        requests: &[Request],
        weights: &[Weight],
        _rng: &mut R,
    ) -> Result<[Residues; 2], Error> {
        if requests.len() != weights.len() || requests.is_empty() {
            let expected = format!("one weight polynomial for each of {} requests", requests.len());
            return Err(Error::config("he", "product", expected, weights.len().to_string()));
        }
        let shared = &self.context.0;
        let mut sum = Ciphertext::empty()?;
        let mut term = Ciphertext::empty()?;
        for (index, (request, weight)) in requests.iter().zip(weights).enumerate() {
            if index == 0 {
                shared.evaluator.multiply(&request.0, &weight.0, &mut sum)?;
            } else {
                shared.evaluator.multiply(&request.0, &weight.0, &mut term)?;
                shared.evaluator.add(&mut sum, &term)?;
            }
        }
        let mut sum = shared.evaluator.to_coefficients(&sum)?;
        shared.evaluator.add(&mut sum, &self.encryptor.zero_public(shared.level)?)?;
        shared.framing.residues(&sum.save()?)
    }
}

/// A seeded ciphertext off the wire, in NTT form.
fn read(context: &Context, what: &str, bytes: &[u8]) -> Result<Ciphertext, Error> {
    let shared = &context.0;
    let ciphertext = Ciphertext::load(&shared.data, shared.framing.saved(what, bytes)?)
        .map_err(|e| Error::peer(what, "a ciphertext modulo Q", e.to_string()))?;
    shared.evaluator.to_ntt(&ciphertext)
}
