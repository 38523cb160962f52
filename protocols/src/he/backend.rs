//! The backends behind one face: each `match` hands on to the one that the plan names.
//!
//! All speak of the same ciphertexts, a polynomial pair modulo Q, and none decides what flooding, rounding or packing do.
//! A session has one backend, so requests, weights and keys of two never meet.

use super::ciphertext::{AnswerWidths, Residues, Second};
#[cfg(test)]
use super::ideal;
use super::params::{Distributions, Facts, HeBackend, HeParameters, Rates};
use super::{fhe_rs, linnet, seal};
use crate::Error;
use rand::{CryptoRng, RngCore};
use std::ops::Range;

impl HeBackend {
    /// What it states about itself, whether or not this program was built with it: plans name it all the same.
    const fn facts(self) -> &'static Facts {
        match self {
            Self::Linnet => &linnet::FACTS,
            Self::Fhe => &fhe_rs::FACTS,
            Self::Seal => &seal::FACTS,
            #[cfg(test)]
            Self::Ideal => &ideal::FACTS,
        }
    }
}

/// What depends on the backend.
impl HeParameters {
    /// What the compiler tries, cheapest first.
    pub fn candidates(backend: HeBackend, plain_bits: u32) -> impl Iterator<Item = Self> {
        backend.facts().choices.iter().map(move |(degree, bits)| Self {
            backend,
            degree: *degree,
            modulus_bits: bits.to_vec(),
            plain_bits,
        })
    }

    /// What secrets and errors are drawn from.
    pub(crate) const fn distributions(&self) -> Distributions {
        self.backend.facts().distributions
    }

    /// What operations take with these parameters: in proportion to the numbers of a polynomial.
    pub(crate) fn rates(&self) -> Rates {
        let Rates { product, request, answer, weight } = self.backend.facts().rates;
        let size = self.polynomial_memory() as f64 / (2 * 4096 * size_of::<u64>()) as f64;
        Rates {
            product: product * size,
            request: request * size,
            answer: answer * size,
            weight: weight * size,
        }
    }

    /// Bytes of a fresh symmetric ciphertext on the wire: one polynomial, and a seed for the other.
    pub fn request_bytes(&self) -> usize {
        self.polynomial_bytes() + self.backend.facts().request_extra
    }

    /// Bytes of a public key on the wire.
    pub fn public_key_bytes(&self) -> usize {
        self.polynomial_bytes() + self.backend.facts().public_key_extra
    }
}

/// The client's secret key.
pub(crate) enum Client {
    Linnet(linnet::Client),
    Fhe(fhe_rs::Client),
    #[cfg(feature = "seal")]
    Seal(seal::Client),
    #[cfg(test)]
    Ideal(ideal::Client),
}

impl Client {
    /// A fresh key.
    pub(crate) fn generate<R: RngCore + CryptoRng>(he: &HeParameters, rng: &mut R) -> Result<Self, Error> {
        he.backend.check_built()?;
        he.check_security("he")?;
        Ok(match he.backend {
            HeBackend::Linnet => Self::Linnet(linnet::Client::generate(he, rng)?),
            HeBackend::Fhe => Self::Fhe(fhe_rs::Client::generate(he, rng)?),
            #[cfg(feature = "seal")]
            HeBackend::Seal => Self::Seal(seal::Client::generate(he, rng)?),
            #[cfg(not(feature = "seal"))]
            HeBackend::Seal => unreachable!("refused above"),
            #[cfg(test)]
            HeBackend::Ideal => Self::Ideal(ideal::Client::new(he)),
        })
    }

    /// The public key that the server re-randomises with; `HeParameters::public_key_bytes` long.
    pub(crate) fn public_key<R: RngCore + CryptoRng>(&self, rng: &mut R) -> Result<Vec<u8>, Error> {
        match self {
            Self::Linnet(client) => client.public_key(rng),
            Self::Fhe(client) => client.public_key(rng),
            #[cfg(feature = "seal")]
            Self::Seal(client) => client.public_key(rng),
            #[cfg(test)]
            Self::Ideal(client) => Ok(client.public_key()),
        }
    }

    /// Encrypts N numbers of k bits; `HeParameters::request_bytes` long.
    pub(crate) fn encrypt<R: RngCore + CryptoRng>(
        &self,
        plain: &[u64],
        rng: &mut R,
    ) -> Result<Vec<u8>, Error> {
        match self {
            Self::Linnet(client) => client.encrypt(plain, rng),
            Self::Fhe(client) => client.encrypt(plain, rng),
            #[cfg(feature = "seal")]
            Self::Seal(client) => client.encrypt(plain, rng),
            #[cfg(test)]
            Self::Ideal(client) => Ok(client.encrypt(plain)),
        }
    }

    /// Decrypts an answer modulo powers of two: N numbers of k bits, right where `first` was sent.
    pub(crate) fn decrypt(
        &self,
        first: &[u64],
        second: &Second,
        widths: AnswerWidths,
    ) -> Result<Vec<u64>, Error> {
        match self {
            Self::Linnet(client) => client.decrypt(first, second, widths),
            Self::Fhe(client) => client.decrypt(first, second, widths),
            #[cfg(feature = "seal")]
            Self::Seal(client) => client.decrypt(first, second, widths),
            #[cfg(test)]
            Self::Ideal(client) => Ok(client.decrypt(first, widths)),
        }
    }
}

/// Public parameters, made once a model.
pub(crate) enum Context {
    Linnet(linnet::Context),
    Fhe(fhe_rs::Context),
    #[cfg(feature = "seal")]
    Seal(seal::Context),
    #[cfg(test)]
    Ideal(ideal::Context),
}

/// Weight polynomials that meet in one answer, in the order of its requests.
pub(crate) enum Weights {
    Linnet(Vec<linnet::Weight>),
    Fhe(Vec<fhe_rs::Weight>),
    #[cfg(feature = "seal")]
    Seal(Vec<seal::Weight>),
    #[cfg(test)]
    Ideal(Vec<ideal::Weight>),
}

impl Context {
    /// What `he` names, after the security check.
    pub(crate) fn new(he: &HeParameters) -> Result<Self, Error> {
        he.backend.check_built()?;
        he.check_security("he")?;
        Ok(match he.backend {
            HeBackend::Linnet => Self::Linnet(linnet::Context::new(he)?),
            HeBackend::Fhe => Self::Fhe(fhe_rs::Context::new(he)?),
            #[cfg(feature = "seal")]
            HeBackend::Seal => Self::Seal(seal::Context::new(he)?),
            #[cfg(not(feature = "seal"))]
            HeBackend::Seal => unreachable!("refused above"),
            #[cfg(test)]
            HeBackend::Ideal => Self::Ideal(ideal::Context::new(he)?),
        })
    }

    /// The primes of Q.
    pub(crate) fn moduli(&self) -> &[u64] {
        match self {
            Self::Linnet(context) => context.moduli(),
            Self::Fhe(context) => context.moduli(),
            #[cfg(feature = "seal")]
            Self::Seal(context) => context.moduli(),
            #[cfg(test)]
            Self::Ideal(context) => context.moduli(),
        }
    }

    /// Transforms small signed polynomials of N coefficients.
    pub(crate) fn weights(&self, polynomials: impl Iterator<Item = Vec<i64>>) -> Result<Weights, Error> {
        Ok(match self {
            Self::Linnet(context) => {
                Weights::Linnet(polynomials.map(|p| context.weight(&p)).collect::<Result<_, _>>()?)
            }
            Self::Fhe(context) => {
                Weights::Fhe(polynomials.map(|p| context.weight(&p)).collect::<Result<_, _>>()?)
            }
            #[cfg(feature = "seal")]
            Self::Seal(context) => {
                Weights::Seal(polynomials.map(|p| context.weight(&p)).collect::<Result<_, _>>()?)
            }
            #[cfg(test)]
            Self::Ideal(_) => Weights::Ideal(polynomials.map(|p| ideal::weight(&p)).collect()),
        })
    }
}

/// The server's view of a session: the client's public key.
pub(crate) enum Server {
    Linnet(linnet::Server),
    Fhe(fhe_rs::Server),
    #[cfg(feature = "seal")]
    Seal(seal::Server),
    #[cfg(test)]
    Ideal(ideal::Server),
}

/// One ciphertext of the client.
pub(crate) enum Request {
    Linnet(linnet::Request),
    Fhe(fhe_rs::Request),
    #[cfg(feature = "seal")]
    Seal(seal::Request),
    #[cfg(test)]
    Ideal(ideal::Request),
}

/// Ciphertexts of the client.
pub(crate) enum Requests {
    Linnet(Vec<linnet::Request>),
    Fhe(Vec<fhe_rs::Request>),
    #[cfg(feature = "seal")]
    Seal(Vec<seal::Request>),
    #[cfg(test)]
    Ideal(Vec<ideal::Request>),
}

impl Requests {
    /// Appends `request`.
    pub(crate) fn push(&mut self, request: Request) {
        match (self, request) {
            (Self::Linnet(requests), Request::Linnet(request)) => requests.push(request),
            (Self::Fhe(requests), Request::Fhe(request)) => requests.push(request),
            #[cfg(feature = "seal")]
            (Self::Seal(requests), Request::Seal(request)) => requests.push(request),
            #[cfg(test)]
            (Self::Ideal(requests), Request::Ideal(request)) => requests.push(request),
            (Self::Linnet(_) | Self::Fhe(_), _) => unreachable!("a session has one backend"),
            #[cfg(feature = "seal")]
            (Self::Seal(_), _) => unreachable!("a session has one backend"),
            #[cfg(test)]
            (Self::Ideal(_), _) => unreachable!("a session has one backend"),
        }
    }
}

impl Server {
    /// Reads the client's public key.
    pub(crate) fn new(context: &Context, public_key: &[u8]) -> Result<Self, Error> {
        Ok(match context {
            Context::Linnet(context) => Self::Linnet(linnet::Server::new(context, public_key)?),
            Context::Fhe(context) => Self::Fhe(fhe_rs::Server::new(context, public_key)?),
            #[cfg(feature = "seal")]
            Context::Seal(context) => Self::Seal(seal::Server::new(context, public_key)?),
            #[cfg(test)]
            Context::Ideal(context) => Self::Ideal(ideal::Server::new(context)),
        })
    }

    /// No requests yet.
    pub(crate) const fn no_requests(&self) -> Requests {
        match self {
            Self::Linnet(_) => Requests::Linnet(Vec::new()),
            Self::Fhe(_) => Requests::Fhe(Vec::new()),
            #[cfg(feature = "seal")]
            Self::Seal(_) => Requests::Seal(Vec::new()),
            #[cfg(test)]
            Self::Ideal(_) => Requests::Ideal(Vec::new()),
        }
    }

    /// Reads one request, or the peer is at fault.
    pub(crate) fn request(&self, bytes: &[u8]) -> Result<Request, Error> {
        Ok(match self {
            Self::Linnet(server) => Request::Linnet(server.request(bytes)?),
            Self::Fhe(server) => Request::Fhe(server.request(bytes)?),
            #[cfg(feature = "seal")]
            Self::Seal(server) => Request::Seal(server.request(bytes)?),
            #[cfg(test)]
            Self::Ideal(server) => Request::Ideal(server.request(bytes)),
        })
    }

    /// The sum of the products of `requests[range]` with `weights`, plus a fresh encryption of zero under the public key.
    pub(crate) fn product<R: RngCore + CryptoRng>(
        &self,
        requests: &Requests,
        range: Range<usize>,
        weights: &Weights,
        rng: &mut R,
    ) -> Result<[Residues; 2], Error> {
        match (self, requests, weights) {
            (Self::Linnet(server), Requests::Linnet(requests), Weights::Linnet(weights)) => {
                server.product(&requests[range], weights, rng)
            }
            (Self::Fhe(server), Requests::Fhe(requests), Weights::Fhe(weights)) => {
                server.product(&requests[range], weights, rng)
            }
            #[cfg(feature = "seal")]
            (Self::Seal(server), Requests::Seal(requests), Weights::Seal(weights)) => {
                server.product(&requests[range], weights, rng)
            }
            #[cfg(test)]
            (Self::Ideal(server), Requests::Ideal(requests), Weights::Ideal(weights)) => {
                Ok(server.product(&requests[range], weights))
            }
            (Self::Linnet(_) | Self::Fhe(_), ..) => unreachable!("a session has one backend"),
            #[cfg(feature = "seal")]
            (Self::Seal(_), ..) => unreachable!("a session has one backend"),
            #[cfg(test)]
            (Self::Ideal(_), ..) => unreachable!("a session has one backend"),
        }
    }
}

#[cfg(test)]
mod tests {
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
                message.contains("stem.conv") && message.contains("106") && message.contains("120"),
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
