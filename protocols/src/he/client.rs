//! The client's half: encrypt masks, decrypt the server's answers.

use super::Exchange;
use super::answer;
use super::backend::Client;
use super::packing::Packing;
use super::params::HeParameters;
use crate::Error;
use rand::{CryptoRng, RngCore};

/// The client's key, for one session.
pub struct ClientKey {
    he: HeParameters,
    client: Client,
}

impl ClientKey {
    /// A fresh key.
    pub fn generate<R: RngCore + CryptoRng>(he: &HeParameters, rng: &mut R) -> Result<Self, Error> {
        Ok(Self { he: he.clone(), client: Client::generate(he, rng)? })
    }

    /// The public key that the server re-randomises with; `HeParameters::public_key_bytes` long.
    pub fn public_key<R: RngCore + CryptoRng>(&self, rng: &mut R) -> Result<Vec<u8>, Error> {
        self.client.public_key(rng)
    }

    /// One request: `values` (signed, one tensor) where `packing` puts them, encrypted.
    pub fn request<R: RngCore + CryptoRng>(
        &self,
        packing: &Packing,
        request: usize,
        values: &[i64],
        rng: &mut R,
    ) -> Result<Vec<u8>, Error> {
        let mask = (1u64 << self.he.plain_bits) - 1;
        let mut coefficients = vec![0u64; self.he.degree];
        for place in packing.inputs(request) {
            coefficients[place.coefficient] = values[place.index] as u64 & mask;
        }
        self.client.encrypt(&coefficients, rng)
    }

    /// Decrypts answer `answer`: the index in the output tensor and the value, modulo 2^k, of all that it carries.
    pub fn read_answer(
        &self,
        Exchange { packing, proof }: &Exchange,
        answer: usize,
        bytes: &[u8],
    ) -> Result<Vec<(usize, u64)>, Error> {
        let places = packing.outputs(answer);
        let (first, second) = answer::unpack(bytes, self.he.degree, proof.widths, &places);
        let plain = self.client.decrypt(&first, &second, proof.widths)?;
        Ok(places.iter().map(|place| (place.index, plain[place.coefficient])).collect())
    }
}
