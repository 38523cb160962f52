//! Correlated OT by a trusted third party, without a protocol: for tests of what is built on it.

use crate::block::{Block, Delta};
use crate::secret::Secret;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use std::sync::mpsc;

/// Strings of choice 0 on their way to the sender.
type Strings = Vec<Block>;

/// The party that has the offset.
pub struct Sender {
    delta: Delta,
    from_dealer: mpsc::Receiver<Strings>,
}

/// The party that chooses.
pub struct Receiver {
    delta: Delta,
    rng: ChaCha20Rng,
    to_sender: mpsc::Sender<Strings>,
}

/// Both ends; what is dealt is drawn from `seed`.
pub(crate) fn pair(seed: u64) -> (Sender, Receiver) {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let delta = Delta::random(&mut rng);
    let (to_sender, from_dealer) = mpsc::channel();
    (Sender { delta, from_dealer }, Receiver { delta, rng, to_sender })
}

impl Sender {
    pub(super) fn delta(&self) -> Delta {
        self.delta
    }

    pub(super) fn extend(&mut self, n: usize) -> Secret<Block> {
        let strings = self.from_dealer.recv().expect("the receiver extends too");
        assert_eq!(strings.len(), n, "both extend alike");
        strings.into()
    }
}

impl Receiver {
    pub(super) fn extend(&mut self, n: usize, choices: &[u8]) -> Secret<Block> {
        assert_eq!(choices.len(), n.div_ceil(8), "a bit a transfer");
        let zero: Strings = (0..n).map(|_| Block(self.rng.random())).collect();
        let chosen = zero
            .iter()
            .enumerate()
            .map(|(j, q)| *q ^ Block::mask(choices[j / 8] >> (j % 8) & 1 == 1) & self.delta.block());
        let chosen = chosen.collect();
        self.to_sender.send(zero).expect("the sender is there");
        chosen
    }
}
