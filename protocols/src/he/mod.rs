//! The homomorphic part of a linear segment: BFV with coefficient packing, no rotations.
//!
//! Source: Cheetah (Huang et al. 2022) for the packing, Delphi (Mishra et al. 2020) for the offline use. The client
//! encrypts its mask, the server multiplies by its weights and returns the product minus a fresh mask.
//!
//! Security, semi-honest, 128 bits: the client's messages hide its mask under RLWE ([`params`] checks the modulus
//! against the stricter of two published tables). The server adds an encryption of zero under the client's public key,
//! which hides the second polynomial, and floods the noise of the first ([`noise`]), so that the answer's distribution
//! depends on the weights by at most 2^-40 over a whole inference, beyond the product minus the mask that it is meant to
//! tell. What then happens to the answer is a function of that and of the mask ([`answer`]). Coefficients that carry no
//! output are not sent.
//!
//! Ciphertexts are computed on by a backend: `linnet`, this project's own, the library `fhe` (`fhe_rs`), or SEAL
//! (`seal`, where it was built). Which one is in the plan; all decrypt to the same values, exactly.

pub mod answer;
pub mod ciphertext;
pub mod client;
pub mod noise;
pub mod packing;
pub mod params;
pub mod server;

pub(crate) mod backend;
mod fhe_rs;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod ideal;
mod lift;
mod linnet;
mod modular;
mod seal;

pub use linnet::Transform;
pub(crate) use linnet::term;

pub use params::{HeBackend, HeParameters};

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
