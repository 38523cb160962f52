//! What this backend states about itself.

use super::super::params::{Distributions, Facts, Rates};
use super::sample::ERROR_COINS;
use super::wire::REQUEST_EXTRA;

/// The widest prime: that is as far as `tfhe-ntt` transforms, and [`super::accumulate`] multiplies, with 52-bit
/// instructions.
pub(super) const MOST_PRIME_BITS: u32 = 51;

/// About this backend. Encoding rounds to the nearest. Operations take, both parties together and one thread with AVX-512
/// IFMA, what `cargo xtask bench` measures; a product is bound by memory, since its weight comes from beyond the
/// second-level cache.
pub(crate) const FACTS: Facts = Facts {
    choices: &[
        (4096, &[50, 50]),
        (4096, &[51, 51]),
        (4096, &[35, 35, 35]),
        (8192, &[37, 37, 37]),
        (8192, &[40, 40, 40]),
        (8192, &[43, 43, 43]),
        (8192, &[46, 46, 46]),
        (8192, &[50, 50, 50]),
        (8192, &[50, 50, 50, 50]),
    ],
    distributions: Distributions {
        secret_proxy: 2.0 / 3.0,
        secret_bound: 1.0,
        error_proxy: ERROR_COINS as f64 / 2.0,
        error_bound: ERROR_COINS as f64,
        encoding: 0.5,
        lifts: false,
    },
    rates: Rates { product: 5.0, request: 130.0, answer: 180.0, weight: 18.0 },
    request_extra: REQUEST_EXTRA,
    public_key_extra: REQUEST_EXTRA,
};
