//! Both parties' public parameters, and weights.

use super::ffi::{self, Evaluator, Level, Line, Parameters, Plaintext};
use super::framing::Framing;
use crate::Error;
use crate::he::modular::Modulus;
use crate::he::params::HeParameters;
use std::sync::Arc;

/// Bits of the special prime. Any would do; this size is none that the compiler tries.
const SPECIAL_BITS: u32 = 30;

/// Both parties' public parameters, made once a model.
#[derive(Clone)]
pub(crate) struct Context(pub(super) Arc<Shared>);

pub(super) struct Shared {
    pub(super) degree: usize,
    plain_bits: u32,
    moduli: Vec<u64>,
    /// The same, for arithmetic of our own.
    pub(super) reducers: Vec<Modulus>,
    /// Q's primes and a special one: requests, products, decryption.
    pub(super) data: Parameters,
    /// Q's primes: public-key encryption.
    pub(super) public: Parameters,
    /// The name of Q.
    pub(super) level: Level,
    pub(super) evaluator: Evaluator,
    pub(super) framing: Framing,
}

/// A polynomial of weights in NTT form.
pub(crate) struct Weight(pub(super) Plaintext);

impl Context {
    /// SEAL's tables for these parameters.
    pub(crate) fn new(he: &HeParameters) -> Result<Self, Error> {
        let bits: Vec<u32> = he.modulus_bits.iter().copied().chain([SPECIAL_BITS]).collect();
        let primes = ffi::primes(he.degree, &bits)?;
        let moduli = primes[..he.modulus_bits.len()].to_vec();
        let reducers = he.check_primes(&moduli)?;
        let plain = 1 << he.plain_bits;
        let data = Parameters::new(he.degree, &primes, plain, Line::Unchecked)?;
        let public = Parameters::new(he.degree, &moduli, plain, Line::Kept)?;
        let level = data.data_level()?;
        if level != public.key_level()? {
            let found = "two names of the same moduli".into();
            return Err(Error::Seal { doing: "comparing levels", found });
        }
        let evaluator = Evaluator::new(&data)?;
        let framing = Framing::learn(&data, he.degree, &moduli, &he.modulus_bits)?;
        Ok(Self(Arc::new(Shared {
            degree: he.degree,
            plain_bits: he.plain_bits,
            moduli,
            reducers,
            data,
            public,
            level,
            evaluator,
            framing,
        })))
    }

    /// The primes of Q.
    pub(crate) fn moduli(&self) -> &[u64] {
        &self.0.moduli
    }

    /// A weight polynomial. SEAL lifts a coefficient modulo 2^k from 2^(k-1) on as negative, so signed coefficients are
    /// what they should be modulo every prime as long as they have k bits.
    pub(crate) fn weight(&self, coefficients: &[i64]) -> Result<Weight, Error> {
        let half = 1i64 << (self.0.plain_bits - 1);
        if coefficients.len() != self.0.degree {
            let found = coefficients.len().to_string();
            return Err(Error::config("he", "weight coefficients", self.0.degree.to_string(), found));
        }
        // No secret-dependent branch: every weight is looked at, and only whether one is too wide shows.
        if coefficients.iter().fold(false, |wide, w| wide | (*w < -half) | (*w >= half)) {
            let expected = format!("magnitudes below 2^{}", self.0.plain_bits - 1);
            return Err(Error::config("he", "weights", expected, "a larger one"));
        }
        let mask = (1u64 << self.0.plain_bits) - 1;
        let plain = Plaintext::new(coefficients.iter().map(|w| *w as u64 & mask).collect())?;
        Ok(Weight(self.0.evaluator.plain_to_ntt(&plain, self.0.level)?))
    }
}
