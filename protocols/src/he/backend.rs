//! The backends behind one face: each `match` hands on to the one that the plan names.
//!
//! All speak of the same ciphertexts, a polynomial pair modulo Q, and none decides what flooding, rounding or packing do.
//! A session has one backend, so requests, weights and keys of two never meet.

use super::answer::{AnswerWidths, Residues};
use super::params::{HeBackend, HeParameters};
#[cfg(feature = "seal")]
use super::seal;
use super::{fhe_rs, narrow};
use crate::Error;
use rand::{CryptoRng, RngCore};
use std::ops::Range;

/// The client's secret key.
pub(crate) enum Client {
    Narrow(narrow::Client),
    Fhe(fhe_rs::Client),
    #[cfg(feature = "seal")]
    Seal(seal::Client),
}

impl Client {
    /// A fresh key.
    pub(crate) fn generate<R: RngCore + CryptoRng>(he: &HeParameters, rng: &mut R) -> Result<Self, Error> {
        he.backend.check_built()?;
        he.check_security("he")?;
        Ok(match he.backend {
            HeBackend::Narrow => Self::Narrow(narrow::Client::generate(he, rng)?),
            HeBackend::Fhe => Self::Fhe(fhe_rs::Client::generate(he, rng)?),
            #[cfg(feature = "seal")]
            HeBackend::Seal => Self::Seal(seal::Client::generate(he, rng)?),
            #[cfg(not(feature = "seal"))]
            HeBackend::Seal => unreachable!("refused above"),
        })
    }

    /// The public key that the server re-randomises with; `HeParameters::public_key_bytes` long.
    pub(crate) fn public_key<R: RngCore + CryptoRng>(&self, rng: &mut R) -> Result<Vec<u8>, Error> {
        match self {
            Self::Narrow(client) => client.public_key(rng),
            Self::Fhe(client) => client.public_key(rng),
            #[cfg(feature = "seal")]
            Self::Seal(client) => client.public_key(rng),
        }
    }

    /// Encrypts N numbers of k bits; `HeParameters::request_bytes` long.
    pub(crate) fn encrypt<R: RngCore + CryptoRng>(
        &self,
        plain: &[u64],
        rng: &mut R,
    ) -> Result<Vec<u8>, Error> {
        match self {
            Self::Narrow(client) => client.encrypt(plain, rng),
            Self::Fhe(client) => client.encrypt(plain, rng),
            #[cfg(feature = "seal")]
            Self::Seal(client) => client.encrypt(plain, rng),
        }
    }

    /// Decrypts an answer modulo powers of two: N numbers of k bits, right where `first` was sent.
    pub(crate) fn decrypt(
        &self,
        first: &[u64],
        second: &[u64],
        widths: AnswerWidths,
    ) -> Result<Vec<u64>, Error> {
        match self {
            Self::Narrow(client) => client.decrypt(first, second, widths),
            Self::Fhe(client) => client.decrypt(first, second, widths),
            #[cfg(feature = "seal")]
            Self::Seal(client) => client.decrypt(first, second, widths),
        }
    }
}

/// Public parameters, made once a model.
pub(crate) enum Context {
    Narrow(narrow::Context),
    Fhe(fhe_rs::Context),
    #[cfg(feature = "seal")]
    Seal(seal::Context),
}

/// Weight polynomials that meet in one answer, in the order of its requests.
pub(crate) enum Weights {
    Narrow(Vec<narrow::Weight>),
    Fhe(Vec<fhe_rs::Weight>),
    #[cfg(feature = "seal")]
    Seal(Vec<seal::Weight>),
}

impl Context {
    /// What `he` names, after the security check.
    pub(crate) fn new(he: &HeParameters) -> Result<Self, Error> {
        he.backend.check_built()?;
        he.check_security("he")?;
        Ok(match he.backend {
            HeBackend::Narrow => Self::Narrow(narrow::Context::new(he)?),
            HeBackend::Fhe => Self::Fhe(fhe_rs::Context::new(he)?),
            #[cfg(feature = "seal")]
            HeBackend::Seal => Self::Seal(seal::Context::new(he)?),
            #[cfg(not(feature = "seal"))]
            HeBackend::Seal => unreachable!("refused above"),
        })
    }

    /// The primes of Q.
    pub(crate) fn moduli(&self) -> &[u64] {
        match self {
            Self::Narrow(context) => context.moduli(),
            Self::Fhe(context) => context.moduli(),
            #[cfg(feature = "seal")]
            Self::Seal(context) => context.moduli(),
        }
    }

    /// Transforms small signed polynomials of N coefficients.
    pub(crate) fn weights(&self, polynomials: impl Iterator<Item = Vec<i64>>) -> Result<Weights, Error> {
        Ok(match self {
            Self::Narrow(context) => {
                Weights::Narrow(polynomials.map(|p| context.weight(&p)).collect::<Result<_, _>>()?)
            }
            Self::Fhe(context) => {
                Weights::Fhe(polynomials.map(|p| context.weight(&p)).collect::<Result<_, _>>()?)
            }
            #[cfg(feature = "seal")]
            Self::Seal(context) => {
                Weights::Seal(polynomials.map(|p| context.weight(&p)).collect::<Result<_, _>>()?)
            }
        })
    }
}

/// The server's view of a session: the client's public key.
pub(crate) enum Server {
    Narrow(narrow::Server),
    Fhe(fhe_rs::Server),
    #[cfg(feature = "seal")]
    Seal(seal::Server),
}

/// One ciphertext of the client.
pub(crate) enum Request {
    Narrow(narrow::Request),
    Fhe(fhe_rs::Request),
    #[cfg(feature = "seal")]
    Seal(seal::Request),
}

/// Ciphertexts of the client.
pub(crate) enum Requests {
    Narrow(Vec<narrow::Request>),
    Fhe(Vec<fhe_rs::Request>),
    #[cfg(feature = "seal")]
    Seal(Vec<seal::Request>),
}

impl Requests {
    /// Appends `request`.
    pub(crate) fn push(&mut self, request: Request) {
        match (self, request) {
            (Self::Narrow(requests), Request::Narrow(request)) => requests.push(request),
            (Self::Fhe(requests), Request::Fhe(request)) => requests.push(request),
            #[cfg(feature = "seal")]
            (Self::Seal(requests), Request::Seal(request)) => requests.push(request),
            (Self::Narrow(_) | Self::Fhe(_), _) => unreachable!("a session has one backend"),
            #[cfg(feature = "seal")]
            (Self::Seal(_), _) => unreachable!("a session has one backend"),
        }
    }
}

impl Server {
    /// Reads the client's public key.
    pub(crate) fn new(context: &Context, public_key: &[u8]) -> Result<Self, Error> {
        Ok(match context {
            Context::Narrow(context) => Self::Narrow(narrow::Server::new(context, public_key)?),
            Context::Fhe(context) => Self::Fhe(fhe_rs::Server::new(context, public_key)?),
            #[cfg(feature = "seal")]
            Context::Seal(context) => Self::Seal(seal::Server::new(context, public_key)?),
        })
    }

    /// No requests yet.
    pub(crate) const fn no_requests(&self) -> Requests {
        match self {
            Self::Narrow(_) => Requests::Narrow(Vec::new()),
            Self::Fhe(_) => Requests::Fhe(Vec::new()),
            #[cfg(feature = "seal")]
            Self::Seal(_) => Requests::Seal(Vec::new()),
        }
    }

    /// Reads one request, or the peer is at fault.
    pub(crate) fn request(&self, bytes: &[u8]) -> Result<Request, Error> {
        Ok(match self {
            Self::Narrow(server) => Request::Narrow(server.request(bytes)?),
            Self::Fhe(server) => Request::Fhe(server.request(bytes)?),
            #[cfg(feature = "seal")]
            Self::Seal(server) => Request::Seal(server.request(bytes)?),
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
            (Self::Narrow(server), Requests::Narrow(requests), Weights::Narrow(weights)) => {
                server.product(&requests[range], weights, rng)
            }
            (Self::Fhe(server), Requests::Fhe(requests), Weights::Fhe(weights)) => {
                server.product(&requests[range], weights, rng)
            }
            #[cfg(feature = "seal")]
            (Self::Seal(server), Requests::Seal(requests), Weights::Seal(weights)) => {
                server.product(&requests[range], weights, rng)
            }
            (Self::Narrow(_) | Self::Fhe(_), ..) => unreachable!("a session has one backend"),
            #[cfg(feature = "seal")]
            (Self::Seal(_), ..) => unreachable!("a session has one backend"),
        }
    }
}
