//! The homomorphic part of a linear segment: BFV with coefficient packing, no rotations.
//!
//! Source: Cheetah (Huang et al. 2022) for the packing, Delphi (Mishra et al. 2020) for the offline use. The client
//! encrypts its mask, the server multiplies by its weights and returns the product minus a fresh mask.
//!
//! Security, semi-honest, 128 bits: the client's messages hide its mask under RLWE ([`params`] checks the modulus
//! against the HomomorphicEncryption.org table). The server's answer is re-randomised with a public-key encryption of
//! its mask, which hides the second polynomial, and its noise is flooded ([`noise`]), so that the answer's
//! distribution depends on the weights by at most 2^-40 over a whole inference. Coefficients that carry no output are
//! not sent.

pub mod client;
pub mod noise;
pub mod packing;
pub mod params;
#[cfg(feature = "seal")]
pub mod seal;
pub mod server;

pub use params::HeParameters;

use noise::NoiseProof;
use packing::Packing;
use serde::{Deserialize, Serialize};

/// One homomorphic exchange: a convolution's masks up, its products down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// Where values sit in polynomials.
    pub packing: Packing,
    /// Why flooding hides and decryption succeeds.
    pub proof: NoiseProof,
}
