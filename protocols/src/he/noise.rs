//! The proof, per linear segment, that flooding hides and decryption succeeds.
//!
//! Noise of a re-randomised answer before flooding, at any coefficient (e, s, u, e', e'': centred binomials of variance
//! 10, sub-Gaussian with proxy 10 by Hoeffding, magnitudes at most 20; W: the weight polynomials of one answer):
//!
//!   sum W*e            at most  tau * sqrt(10) * ||W||_2      client's encryption error
//!   sum W*rho          at most  ||W||_1                       rounding of the encoding, 0 <= rho <= 1
//!   e_pk*u + s*e''     at most  tau * sqrt(10) * 2 * 20 * sqrt(N)      re-randomisation
//!   e' + encoding      at most  21
//!
//! tau is chosen so that all coefficients of an inference keep their bound except with probability 2^-42. Flooding adds
//! a uniform integer of [-2^F, 2^F) with 2^F >= bound * coefficients * 2^41. Answers under two sets of weights differ in
//! noise by at most twice the bound, so their distance over a whole inference is at most 2^-41 + 2 * 2^-42 = 2^-40; n
//! inferences of a session add up. Decryption modulo q (the first prime, after dividing by P = Q/q) is right while
//! 2^k * ((bound + 2^F)/P + (1 + 20 N)/2 + 1) < q/2.

use super::params::{ERROR_VARIANCE, HeParameters, PRIME_SLACK};
use serde::{Deserialize, Serialize};

/// Statistical security of flooding over a whole inference, bits.
pub const STATISTICAL_BITS: u32 = 40;

/// The largest magnitude of a secret or error coefficient.
const ERROR_BOUND: f64 = 2.0 * ERROR_VARIANCE as f64;

/// Norms of the weight polynomials of one segment: the largest over its answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightNorms {
    /// Sum of squares of all weights that meet in an answer.
    pub squared: f64,
    /// Sum of magnitudes.
    pub absolute: f64,
}

/// The noise budget of one segment. All values are log2, rounded up (the margin down).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoiseProof {
    /// Noise before flooding.
    pub noise_bits: u32,
    /// F: the flooding is uniform in [-2^F, 2^F).
    pub flood_bits: u32,
    /// log2 of q/2 over 2^k times the noise at decryption: how much room is left.
    pub margin_bits: u32,
}

impl NoiseProof {
    /// The proof for a segment, or `None` where `he` has no room. `coefficients`: sent over a whole inference.
    pub fn derive(he: &HeParameters, norms: WeightNorms, coefficients: usize) -> Option<Self> {
        let degree = he.degree as f64;
        let tau = tail(coefficients);
        let sigma = (ERROR_VARIANCE as f64).sqrt();
        let noise = tau * sigma * (norms.squared.sqrt() + 2.0 * ERROR_BOUND * degree.sqrt())
            + norms.absolute
            + ERROR_BOUND
            + 1.0;
        let noise_bits = noise.log2().ceil() as u32;
        let hidden = f64::from(STATISTICAL_BITS + 1) + (coefficients as f64).log2();
        let flood_bits = (noise.log2() + hidden).ceil() as u32;
        let log_q = f64::from(he.log_q()) - PRIME_SLACK * he.modulus_bits.len() as f64;
        let log_answer = f64::from(he.answer_bits()) - PRIME_SLACK;
        let dropped = log_q - f64::from(he.answer_bits());
        let flooded = noise + f64::from(flood_bits).exp2();
        let switched = flooded * (-dropped).exp2() + (1.0 + ERROR_BOUND * degree) / 2.0 + 1.0;
        let plain = f64::from(he.plain_bits);
        let room = (log_answer - 1.0) - (plain + switched.log2());
        let fresh = (log_q - 1.0) - (plain + flooded.log2());
        (room.min(fresh) >= 0.0).then(|| Self { noise_bits, flood_bits, margin_bits: room.min(fresh) as u32 })
    }
}

/// tau with 2 exp(-tau^2 / 2) * (3 * coefficients) <= 2^-42: three sums a coefficient.
fn tail(coefficients: usize) -> f64 {
    let log = (f64::from(STATISTICAL_BITS) + 3.0) * std::f64::consts::LN_2 + (3.0 * coefficients as f64).ln();
    (2.0 * log).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budget_by_hand() {
        // ||W||_2 = 2^10, ||W||_1 = 2^14, 2^16 coefficients: tau^2 = 2 (43 ln 2 + ln 196608) = 84.0, tau = 9.17;
        // noise = 9.17 * 3.162 * (1024 + 2560) + 16384 + 21 = 120,300 < 2^17; F = 17 + 41 + 16 = 74.
        let he = HeParameters { degree: 4096, modulus_bits: vec![54, 54], plain_bits: 25 };
        let norms = WeightNorms { squared: 1024.0 * 1024.0, absolute: 16384.0 };
        let proof = NoiseProof::derive(&he, norms, 1 << 16).unwrap();
        assert_eq!((proof.noise_bits, proof.flood_bits), (17, 74));
        // At decryption: 2^74 / 2^53.96 + 40961.5 + 1 = 2^20.1; 52.98 - 25 - 20.1 = 7.9.
        assert_eq!(proof.margin_bits, 7);
    }

    #[test]
    fn no_room_is_no_proof() {
        let he = HeParameters { degree: 4096, modulus_bits: vec![50, 50], plain_bits: 40 };
        assert!(NoiseProof::derive(&he, WeightNorms { squared: 1e6, absolute: 1e4 }, 1 << 16).is_none());
    }
}
