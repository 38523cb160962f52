//! The client's half: encrypt masks, decrypt the server's answers.

use super::packing::Packing;
use super::params::HeParameters;
use crate::Error;
use crate::wire;
use fhe::bfv::{BfvParameters, Ciphertext, Encoding, Plaintext, PublicKey, SecretKey};
use fhe_math::rq::traits::TryConvertFrom;
use fhe_math::rq::{Poly, Representation};
use fhe_traits::{FheDecoder, FheDecrypter, FheEncoder, FheEncrypter, Serialize};
use models::fixed::Ring;
use ndarray::Array2;
use rand::{CryptoRng, RngCore};
use std::sync::Arc;

/// The client's key, for one session.
pub struct ClientKey {
    he: HeParameters,
    library: Arc<BfvParameters>,
    secret: SecretKey,
}

impl ClientKey {
    /// A fresh key.
    pub fn generate<R: RngCore + CryptoRng>(he: &HeParameters, rng: &mut R) -> Result<Self, Error> {
        let library = he.build()?;
        let secret = SecretKey::random(&library, rng);
        Ok(Self { he: he.clone(), library, secret })
    }

    /// The public key that the server re-randomises with; `HeParameters::public_key_bytes` long.
    pub fn public_key<R: RngCore + CryptoRng>(&self, rng: &mut R) -> Vec<u8> {
        PublicKey::new(&self.secret, rng).to_bytes()
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
        let plain = Plaintext::try_encode(coefficients.as_slice(), Encoding::poly(), &self.library)?;
        let ciphertext: Ciphertext = self.secret.try_encrypt(&plain, rng)?;
        Ok(ciphertext.to_bytes())
    }

    /// Decrypts one answer and writes its values to their places in `outputs`.
    pub fn read_answer(
        &self,
        ring: Ring,
        packing: &Packing,
        answer: usize,
        bytes: &[u8],
        outputs: &mut [u64],
    ) -> Result<(), Error> {
        let places = packing.outputs(answer);
        let level = self.library.max_level();
        let context = self.library.context_at_level(level)?;
        let modulus = self.library.moduli()[0];
        let numbers = wire::unpack(bytes, self.he.answer_bits(), self.he.degree + places.len());
        if let Some(bad) = numbers.iter().find(|x| **x >= modulus) {
            return Err(Error::peer("HE answer", format!("coefficients below {modulus}"), bad.to_string()));
        }
        let mut first = vec![0u64; self.he.degree];
        for (place, x) in places.iter().zip(&numbers[self.he.degree..]) {
            first[place.coefficient] = *x;
        }
        let polynomial = |coefficients: Vec<u64>| -> Result<Poly, Error> {
            let rows = Array2::from_shape_vec((1, self.he.degree), coefficients)
                .expect("a polynomial has one coefficient per degree");
            let mut poly = Poly::try_convert_from(rows, context, false, Representation::PowerBasis)
                .map_err(fhe::Error::from)?;
            poly.change_representation(Representation::Ntt);
            Ok(poly)
        };
        let polys = vec![polynomial(first)?, polynomial(numbers[..self.he.degree].to_vec())?];
        let plain = self.secret.try_decrypt(&Ciphertext::new(polys, &self.library)?)?;
        let decoded = Vec::<u64>::try_decode(&plain, Encoding::poly_at_level(level))?;
        for place in places {
            outputs[place.index] = ring.reduce(decoded[place.coefficient]);
        }
        Ok(())
    }
}
