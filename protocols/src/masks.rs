//! One-time masks from a seed an inference: the client's r, the server's s.
//!
//! A seed is 32 bytes of OS entropy, expanded by ChaCha20 with one stream a step, so that a verifier who is given both
//! seeds after a measured run can repeat every share.

use crate::values::{ClientMask, ServerMask};
use models::fixed::Ring;
use models::fixed::steps::ValueId;
use rand::{CryptoRng, RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;
use zeroize::ZeroizeOnDrop;

/// Secret until the harness collects it, after the measured time, to verify a run. Never revealed between real parties.
#[derive(ZeroizeOnDrop)]
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

    /// The client's mask of `value`, of `size` elements.
    pub(crate) fn client_mask(&self, ring: Ring, value: ValueId, size: usize) -> ClientMask {
        ClientMask::new(self.expand(ring, value, 0, size))
    }

    /// The server's mask of the product of term `term` of the segment that makes `value`.
    pub(crate) fn server_mask(&self, ring: Ring, value: ValueId, term: usize, size: usize) -> ServerMask {
        ServerMask::new(self.expand(ring, value, term, size))
    }

    fn expand(&self, ring: Ring, value: ValueId, term: usize, size: usize) -> Vec<u64> {
        let mut stream = ChaCha20Rng::from_seed(self.0);
        stream.set_stream(stream_of(value.index(), term));
        (0..size).map(|_| ring.reduce(stream.next_u64())).collect()
    }
}

/// The stream of a term of a value's segment: no two share one.
fn stream_of(value: usize, term: usize) -> u64 {
    let [value, term] = [value, term].map(|number| u32::try_from(number).expect("plans are far smaller"));
    u64::from(value) << 32 | u64::from(term)
}

#[cfg(test)]
mod tests {
    use super::stream_of;
    use std::collections::HashSet;

    #[test]
    fn no_two_products_have_one_mask() {
        let terms = [0, 1, (1 << 16) - 1, 1 << 16, (1 << 16) + 1, u32::MAX as usize];
        let pairs = terms.iter().flat_map(|value| terms.map(|term| stream_of(*value, term)));
        assert_eq!(pairs.collect::<HashSet<_>>().len(), terms.len() * terms.len());
    }
}
