//! What this backend states about itself, in programs that were built without it too: a plan may name it.

use super::super::params::{Distributions, Facts, Rates};

/// Standard deviation of SEAL's errors.
const SIGMA: f64 = 3.2;

/// Bytes of the seed of SEAL's random generator.
pub(super) const SEED_BYTES: usize = 64;

/// About this backend. Encoding rounds to the nearest, and decryption is modulo Q alone. Operations take what is said here
/// with both parties together and one thread.
pub(crate) const FACTS: Facts = Facts {
    choices: &[(4096, &[50, 50]), (4096, &[53, 53]), (8192, &[54, 54, 54]), (8192, &[53, 53, 53, 53])],
    distributions: Distributions {
        secret_proxy: 2.0 / 3.0,
        secret_bound: 1.0,
        error_proxy: SIGMA * SIGMA,
        error_bound: 19.0,
        encoding: 0.5,
        lifts: true,
    },
    rates: Rates { product: 65.0, request: 950.0, answer: 1000.0, weight: 90.0 },
    request_extra: SEED_BYTES,
    public_key_extra: SEED_BYTES,
};
