//! One-time masks from a seed an inference: the client's r, the server's s.
//!
//! A seed is 32 bytes of OS entropy, expanded by ChaCha20 with one stream a step, so that a verifier who is given both
//! seeds after a measured run can repeat every share.

use models::fixed::Ring;
use rand::{CryptoRng, RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// Secret until the harness collects it, after the measured time, to verify a run. Never revealed between real parties.
pub struct MaskSeed([u8; 32]);

impl MaskSeed {
    /// A fresh seed.
    pub fn random<R: CryptoRng + RngCore>(rng: &mut R) -> Self {
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        Self(seed)
    }

    /// The seed as collected by a verifier.
    pub const fn from_bytes(seed: [u8; 32]) -> Self {
        Self(seed)
    }

    /// Gives the seed away: whoever has it knows every mask of the inference.
    pub const fn reveal(&self) -> [u8; 32] {
        self.0
    }

    /// The mask of `value` (0 is the image, `i + 1` the output of step `i`), term `term` of a segment.
    pub(crate) fn mask(&self, ring: Ring, value: usize, term: usize, size: usize) -> Vec<u64> {
        let mut stream = ChaCha20Rng::from_seed(self.0);
        stream.set_stream((value as u64) << 16 | term as u64);
        (0..size).map(|_| ring.reduce(stream.next_u64())).collect()
    }
}
