//! The server: weights to NTT form, requests off the wire, re-randomised sums of products.

use super::super::ciphertext::Residues;
use super::super::params::HeParameters;
use super::accumulate::accumulate;
use super::facts::MOST_PRIME_BITS;
use super::ring::Ring;
use super::term::Term;
use super::{sample, wire};
use crate::Error;
use crate::block::Block;
use crate::prg::Prg;
use rand::{CryptoRng, RngCore};
use std::ops::Range;
use std::sync::Arc;

/// The ring of `he`, with primes that the noise proof covers.
pub(super) fn ring(he: &HeParameters) -> Result<Ring, Error> {
    if let Some(bits) = he.modulus_bits.iter().find(|bits| **bits > MOST_PRIME_BITS) {
        let expected = format!("at most {MOST_PRIME_BITS} bits for the backend `linnet`");
        return Err(Error::config("he", "primes of Q", expected, bits.to_string()));
    }
    let ring = Ring::new(he.degree, &he.modulus_bits)?;
    he.check_primes(ring.primes())?;
    Ok(ring)
}

/// Transforms, made once a model.
pub(crate) struct Context {
    ring: Arc<Ring>,
}

/// A weight polynomial in NTT form.
pub(crate) struct Weight(Vec<u64>);

impl Context {
    /// Those of `he`.
    pub(crate) fn new(he: &HeParameters) -> Result<Self, Error> {
        Ok(Self { ring: Arc::new(ring(he)?) })
    }

    /// The primes of Q.
    pub(crate) fn moduli(&self) -> &[u64] {
        self.ring.primes()
    }

    /// Transforms a polynomial of small signed weights.
    pub(crate) fn weight(&self, coefficients: &[i64]) -> Result<Weight, Error> {
        Ok(Weight(self.ring.transform(coefficients)))
    }
}

/// A ciphertext of the client: both polynomials in NTT form.
pub(crate) struct Request([Vec<u64>; 2]);

/// The product of one row.
fn term<'a>(Request(ciphertext): &'a Request, Weight(weight): &'a Weight, places: Range<usize>) -> Term<'a> {
    let [first, second] = ciphertext;
    let (weight, first) = (&weight[places.clone()], &first[places.clone()]);
    Term { weight, ciphertext: [first, &second[places]] }
}

/// The client's public key.
pub(crate) struct Server {
    ring: Arc<Ring>,
    public: Request,
}

impl Server {
    /// Reads the client's public key.
    pub(crate) fn new(context: &Context, bytes: &[u8]) -> Result<Self, Error> {
        let public = Request(wire::decode(&context.ring, bytes)?);
        Ok(Self { ring: context.ring.clone(), public })
    }

    /// Reads one request.
    pub(crate) fn request(&self, bytes: &[u8]) -> Result<Request, Error> {
        wire::decode(&self.ring, bytes).map(Request)
    }

    /// The re-randomised sum of products, in coefficient form.
    pub(crate) fn product<R: RngCore + CryptoRng>(
        &self,
        requests: &[Request],
        weights: &[Weight],
        rng: &mut R,
    ) -> Result<[Residues; 2], Error> {
        let degree = self.ring.degree;
        let mut prg = Prg::new(Block::random(rng));
        let fresh = Weight(self.ring.transform(&sample::ternary(&mut prg, degree)));
        let errors = [sample::errors(&mut prg, degree), sample::errors(&mut prg, degree)];
        let pairs = || requests.iter().zip(weights).chain([(&self.public, &fresh)]);
        let mut products = [Residues::new(), Residues::new()];
        for (prime, row) in self.ring.rows.iter().enumerate() {
            let places = prime * degree..(prime + 1) * degree;
            let terms: Vec<Term<'_>> =
                pairs().map(|(request, weight)| term(request, weight, places.clone())).collect();
            let mut sums = [vec![0; degree], vec![0; degree]];
            accumulate(&row.modulus, &terms, &mut sums);
            for ((mut sum, errors), product) in sums.into_iter().zip(&errors).zip(&mut products) {
                row.inverse(&mut sum);
                for (x, error) in sum.iter_mut().zip(errors) {
                    *x = row.modulus.add(*x, row.modulus.signed(*error));
                }
                product.push(sum);
            }
        }
        Ok(products)
    }
}
