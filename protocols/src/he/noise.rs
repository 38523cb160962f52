//! The proof, per linear segment, that flooding hides and decryption succeeds.
//!
//! **Before flooding.** Secrets s, u and errors e, e_pk, e', e'' of a backend are independent, bounded and sub-Gaussian
//! ([`Distributions`]): V_s and V_e are their variance proxies, B_s and B_e the largest magnitudes. (A centred binomial of
//! 2n coins has magnitudes up to n and, by Hoeffding, proxy n/2, its variance. A uniform ternary number has proxy 2/3, its
//! variance: 1/3 + 2/3 cosh(x) <= exp(x^2/3), term by term of the series, since 2/3 * 3^n n! <= (2n)! for n >= 1.) W are
//! the weight polynomials of one answer. At any coefficient, each sum fixing what is bounded and drawing what is not:
//!
//!   sum W*e        at most  tau * sqrt(V_e) * ||W||_2              the client's encryption errors
//!   sum W*rho      at most  encoding * ||W||_1                     rounding of the encoding, |rho| <= encoding
//!   e_pk*u         at most  tau * sqrt(V_e) * B_s * sqrt(N)        re-randomisation, for any u
//!   s*e''          at most  tau * sqrt(V_e) * B_s * sqrt(N)        re-randomisation, for any s
//!   e'             at most  B_e
//!
//! **Flooding** adds a uniform integer of [-2^F, 2^F) with 2^F >= bound * coefficients * 2^41. Answers under two sets of
//! weights differ in noise by at most twice the bound, so their distance over a whole inference is at most
//! 2^-41 + 2 * 2^-42 = 2^-40, where 2^-42 is what tau leaves to all coefficients together; n inferences of a session add
//! up.
//!
//! **Decryption.** The answer is rounded to c0' modulo 2^p0 and c1' modulo 2^p1 ([`super::answer`]). In units of the whole
//! ring, the error of c0' 2^-p0 + c1' 2^-p1 * s is
//!
//!   (noise + 2^F + lift)/Q  +  (1/2) 2^-p0  +  (delta*s) 2^-p1,     delta_i in [-1/2, 1/2] the rounding of c1
//!
//! and decryption is right while it is below 2^-(k+1). c1 is pseudorandom given s (it is masked by u times the uniform
//! half of the public key), so delta, a function of c1, is as if independent of s: fixing delta, delta*s is sub-Gaussian
//! with proxy V_s ||delta||^2 <= V_s N/4, hence at most tau * sqrt(V_s N/4). A backend that cannot decrypt modulo 2^p1
//! lifts c0' and c1' back to Q; rounding again costs it lift = (1 + B_s N)/2, others nothing. p0 and p1 are what costs the
//! fewest bits.
//!
//! **tau** is chosen so that the four sums keep their bounds at all coefficients of an inference except with probability
//! 2^-42. The client learns the noise bound and F as powers of two and what follows from these and public numbers, p0 and
//! p1 included, and nothing finer.

use super::answer::MOST_FLOOD;
use super::ciphertext::AnswerWidths;
use super::params::{Distributions, HeParameters, PRIME_SLACK};
use serde::{Deserialize, Serialize};

/// Statistical security of flooding over a whole inference, bits.
pub const STATISTICAL_BITS: u32 = 40;

/// Allowance for what the fixed-point rounding of an answer is short by, in units of the rounded number: far above it.
const FIXED_POINT: f64 = 1e-9;

/// Norms of the weight polynomials of one segment: the largest over its answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightNorms {
    /// Sum of squares of all weights that meet in an answer.
    pub squared: f64,
    /// Sum of magnitudes.
    pub absolute: f64,
}

/// The noise budget of one segment and the widths that its answers travel in.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoiseProof {
    /// log2 of the noise before flooding, rounded up.
    pub noise_bits: u32,
    /// F: the flooding is uniform in [-2^F, 2^F).
    pub flood_bits: u32,
    /// log2 of Q/2 over 2^k times the flooded noise, rounded down: how much room rounding has.
    pub margin_bits: u32,
    /// p0 and p1.
    pub widths: AnswerWidths,
}

impl NoiseProof {
    /// The proof for a segment, or `None` where `he` has no room. `coefficients` are sent over a whole inference,
    /// `outputs` by one answer of the segment.
    pub fn derive(
        he: &HeParameters,
        norms: WeightNorms,
        coefficients: usize,
        outputs: usize,
    ) -> Option<Self> {
        let degree = he.degree as f64;
        let tau = tail(coefficients);
        let Distributions { secret_proxy, secret_bound, error_proxy, error_bound, encoding, lifts } =
            he.distributions();
        let noise = tau * error_proxy.sqrt() * (norms.squared.sqrt() + 2.0 * secret_bound * degree.sqrt())
            + encoding * norms.absolute
            + error_bound;
        let noise_bits = noise.log2().ceil() as u32;
        let hidden = f64::from(STATISTICAL_BITS + 1) + (coefficients as f64).log2();
        let flood_bits = (noise.log2() + hidden).ceil() as u32;
        let lift = if lifts { (1.0 + secret_bound * degree) / 2.0 } else { 0.0 };
        let flooded = f64::from(noise_bits).exp2() + f64::from(flood_bits).exp2() + lift;
        let log_q = f64::from(he.log_q()) - PRIME_SLACK * he.modulus_bits.len() as f64;
        let margin = log_q - 1.0 - f64::from(he.plain_bits) - flooded.log2();
        if margin < 0.0 || flood_bits > MOST_FLOOD {
            return None;
        }
        let room = (-f64::from(he.plain_bits + 1)).exp2() - (flooded.log2() - log_q).exp2();
        let rounding = tau * (secret_proxy * degree / 4.0).sqrt();
        let widths = narrowest(he, room, rounding, outputs)?;
        Some(Self { noise_bits, flood_bits, margin_bits: margin as u32, widths })
    }
}

/// The widths of the fewest bits an answer whose roundings stay within `room`.
fn narrowest(he: &HeParameters, room: f64, rounding: f64, outputs: usize) -> Option<AnswerWidths> {
    let error = |size: f64, bits: u32| (size + FIXED_POINT) * (-f64::from(bits)).exp2();
    let [first, second] = AnswerWidths::most(he.distributions().lifts).map(|most| he.plain_bits + 1..=most);
    second
        .filter_map(|second| {
            let left = room - error(rounding, second);
            let first = first.clone().find(|first| *first <= second && error(0.5, *first) <= left)?;
            Some(AnswerWidths { first, second })
        })
        .min_by_key(|widths| he.answer_bits(*widths, outputs))
}

/// tau with 2 exp(-tau^2 / 2) * (4 * coefficients) <= 2^-42: four sums a coefficient.
fn tail(coefficients: usize) -> f64 {
    let log = (f64::from(STATISTICAL_BITS) + 3.0) * std::f64::consts::LN_2 + (4.0 * coefficients as f64).ln();
    (2.0 * log).sqrt()
}

#[cfg(test)]
mod tests {
    use super::super::params::HeBackend;
    use super::*;

    fn parameters(backend: HeBackend, bits: u32, plain_bits: u32) -> HeParameters {
        HeParameters { backend, degree: 4096, modulus_bits: vec![bits; 2], plain_bits }
    }

    const NORMS: WeightNorms = WeightNorms { squared: 1024.0 * 1024.0, absolute: 16384.0 };

    #[test]
    fn budgets_by_hand() {
        // ||W||_2 = 2^10, ||W||_1 = 2^14, 2^16 coefficients: tau^2 = 2 (43 ln 2 + ln 2^18) = 84.56, tau = 9.196.
        // Wide secrets: noise = 9.196 * 3.162 * (1024 + 2560) + 16384 + 20 = 120,624 < 2^17; F = 16.88 + 41 + 16 -> 74;
        // margin 107.96 - 1 - 25 - 74 = 7.96.
        let wide = NoiseProof::derive(&parameters(HeBackend::Fhe, 54, 25), NORMS, 1 << 16, 1024).unwrap();
        assert_eq!((wide.noise_bits, wide.flood_bits, wide.margin_bits), (17, 74, 7));
        // delta*s = 9.196 * sqrt(10 * 1024) = 930.6 = 2^9.86, room 2^-26 (1 - 2^-7.96): p1 = 26 + 10 leaves
        // 0.996 - 0.909 = 0.087 = 2^-3.5, so p0 = 26 - 1 + 4; p1 = 37 would leave more than p0 saves.
        assert_eq!(wide.widths, AnswerWidths { first: 29, second: 36 });
        // Ternary secrets: noise = 9.196 * 3.240 * (1024 + 128) + 8192 + 21 = 42,541 = 2^15.38; F = 72.38 -> 73;
        // margin 99.96 - 1 - 22 - 73 = 3.96; delta*s = 9.196 * sqrt(2/3 * 1024) = 240.3 = 2^7.91, room
        // 2^-23 (1 - 0.064): p1 = 23 + 8 has none left (0.9386 < 0.936 fails), 23 + 9 leaves 0.467, so p0 = 24 + 1.
        let ternary =
            NoiseProof::derive(&parameters(HeBackend::Linnet, 50, 22), NORMS, 1 << 16, 1024).unwrap();
        assert_eq!((ternary.noise_bits, ternary.flood_bits, ternary.margin_bits), (16, 73, 3));
        assert_eq!(ternary.widths, AnswerWidths { first: 24, second: 32 });
    }

    #[test]
    fn no_room_is_no_proof() {
        for backend in HeBackend::ALL {
            let norms = WeightNorms { squared: 1e6, absolute: 1e4 };
            assert!(NoiseProof::derive(&parameters(backend, 50, 40), norms, 1 << 16, 1024).is_none());
        }
    }

    /// Widths grow where rounding has less room, and always leave decryption right.
    #[test]
    fn widths_leave_decryption_right() {
        for plain_bits in 20..28 {
            let he = parameters(HeBackend::Linnet, 51, plain_bits);
            let Some(proof) = NoiseProof::derive(&he, NORMS, 1 << 20, 3000) else { continue };
            let rounding = tail(1 << 20) * (4096.0f64 / 6.0).sqrt();
            let AnswerWidths { first, second } = proof.widths;
            let error = (f64::from(proof.flood_bits) - 101.96).exp2()
                + (f64::from(proof.noise_bits) - 101.96).exp2()
                + 0.5 * (-f64::from(first)).exp2()
                + rounding * (-f64::from(second)).exp2();
            let limit = (-f64::from(plain_bits + 1)).exp2();
            assert!(error < limit, "k = {plain_bits}");
            assert!(error * 2.0 + 600.0 * (-f64::from(second)).exp2() > limit, "k = {plain_bits}: wasteful");
        }
    }
}
