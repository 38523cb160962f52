//! A backend without encryption, for tests of what is built on one: its ciphertexts carry their plaintexts, their products
//! are exact, and what the server does to an answer is done to these.

use super::ciphertext::{AnswerWidths, Residues};
use super::linnet;
use super::params::{Distributions, Facts, HeParameters, Rates};
use crate::Error;
use crate::wire::{low, pack, unpack};

pub(super) const FACTS: Facts = Facts {
    choices: &[(4096, &[50, 50])],
    distributions: Distributions {
        secret_proxy: 1.0,
        secret_bound: 1.0,
        error_proxy: 1.0,
        error_bound: 1.0,
        encoding: 1.0,
        lifts: false,
    },
    rates: Rates { product: 1.0, request: 1.0, answer: 1.0, weight: 1.0 },
    request_extra: 0,
    public_key_extra: 0,
};

/// The coefficients that are not zero, with their places.
pub(crate) type Sparse = Vec<(usize, u64)>;
pub(crate) type Weight = Sparse;
pub(crate) type Request = Sparse;

fn sparse(coefficients: impl Iterator<Item = u64>) -> Sparse {
    coefficients.enumerate().filter(|(_, x)| *x != 0).collect()
}

/// A weight polynomial.
pub(super) fn weight(coefficients: &[i64]) -> Weight {
    sparse(coefficients.iter().map(|w| *w as u64))
}

pub(crate) struct Client(HeParameters);

impl Client {
    pub(super) fn new(he: &HeParameters) -> Self {
        Self(he.clone())
    }

    pub(super) fn public_key(&self) -> Vec<u8> {
        vec![0; self.0.polynomial_bytes()]
    }

    /// The plaintext, as long as a ciphertext.
    pub(super) fn encrypt(&self, plain: &[u64]) -> Vec<u8> {
        let mut message = pack(plain, self.0.plain_bits);
        message.resize(self.0.polynomial_bytes(), 0);
        message
    }

    pub(super) fn decrypt(&self, first: &[u64], widths: AnswerWidths) -> Vec<u64> {
        let (k, below) = (self.0.plain_bits, widths.first - self.0.plain_bits);
        first.iter().map(|x| (x + (1 << (below - 1))) >> below & low(k)).collect()
    }
}

/// Parameters, with primes of a real backend.
pub(crate) struct Context {
    he: HeParameters,
    moduli: Vec<u64>,
}

impl Context {
    pub(super) fn new(he: &HeParameters) -> Result<Self, Error> {
        Ok(Self { he: he.clone(), moduli: linnet::Context::new(he)?.moduli().to_vec() })
    }

    pub(super) fn moduli(&self) -> &[u64] {
        &self.moduli
    }
}

pub(crate) struct Server {
    he: HeParameters,
    moduli: Vec<u64>,
}

impl Server {
    pub(super) fn new(context: &Context) -> Self {
        Self { he: context.he.clone(), moduli: context.moduli.clone() }
    }

    pub(super) fn request(&self, bytes: &[u8]) -> Request {
        sparse(unpack(bytes, self.he.plain_bits, self.he.degree).into_iter())
    }

    /// The sum of the products modulo 2^k, at the scale of Z_Q, and nothing in the second polynomial.
    pub(super) fn product(&self, requests: &[Request], weights: &[Weight]) -> [Residues; 2] {
        let degree = self.he.degree;
        let mut sum = vec![0u64; degree];
        for (request, weight) in requests.iter().zip(weights) {
            for (i, w) in weight {
                for (j, x) in request {
                    // x^N = -1.
                    let product = w.wrapping_mul(*x);
                    let (place, product) = if i + j < degree {
                        (i + j, product)
                    } else {
                        (i + j - degree, product.wrapping_neg())
                    };
                    sum[place] = sum[place].wrapping_add(product);
                }
            }
        }
        let scale = self.moduli.iter().map(|q| u128::from(*q)).product::<u128>() >> self.he.plain_bits;
        let scaled =
            |x: &u64, q: u64| (scale * u128::from(x & low(self.he.plain_bits)) % u128::from(q)) as u64;
        let first = self.moduli.iter().map(|q| sum.iter().map(|x| scaled(x, *q)).collect()).collect();
        [first, self.moduli.iter().map(|_| vec![0; degree]).collect()]
    }
}
