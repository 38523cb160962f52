//! Shares of a receiver's random bit times a sender's value, from correlated OT.
//! Source: Gilboa (CRYPTO 1999) on the extension's strings. Semi-honest; the sender's value hides behind the hash of the string that the
//! receiver did not choose (`gc/transfer.rs`), the receiver's bit behind the extension.
//!
//!   sender (Δ, value v)                          receiver (bit ρ, random)
//!     | <---- correlated OT, choice ρ -------------- |   by extension or from a stock (`correlated.rs`)
//!     | ---- C = h(q) - h(q ^ Δ) + v, b bits ------> |
//!     share -h(q)                                     share h(q ^ ρ Δ) + ρ C
//!
//! modulo 2^b, where `b` is as many bits as the product has.

use super::{CotReceiver, Random};
use crate::Error;
use crate::block::{Block, Delta};
use crate::gc::SessionKey;
use crate::gc::transfer::{Lot, pads, pads_of_both};
use crate::secret::Secret;
use netem::Channel;
use rand::{CryptoRng, RngCore};

/// Which strings of a session these are; never the same twice.
#[derive(Clone, Copy)]
pub struct Place {
    /// Start of the hash.
    pub session: SessionKey,
    /// The layer's number in its session.
    pub layer: u32,
    /// The layer's transfers of one kind.
    pub lot: Lot,
}

/// The receiver's bits and strings, before the sender's message.
pub struct Offer {
    choices: Secret<bool>,
    strings: Secret<Block>,
}

/// The receiver's half. Consumed online: a choice used twice reveals its bit.
pub struct ReceiverShares {
    /// ρ, one a product.
    pub choices: Secret<bool>,
    /// Shares of ρ v; only their low bits count.
    pub shares: Secret<u64>,
}

impl Offer {
    /// Receiver: one OT a product, with random choices. Nothing travels for none.
    pub fn send<R: RngCore + CryptoRng>(
        channel: &mut Channel,
        products: usize,
        ots: &mut CotReceiver,
        rng: &mut R,
    ) -> Result<Self, Error> {
        let Random { choices, strings } = ots.extend_random(channel, products, rng)?;
        Ok(Self { choices, strings })
    }

    /// Receiver: its shares, from the sender's corrections.
    pub fn finish(self, place: Place, corrections: &[u64]) -> ReceiverShares {
        let shares = pads(place.session, (place.layer, place.lot), &self.strings)
            .into_iter()
            .zip(corrections)
            .zip(self.choices.iter())
            .map(|((h, c), choice)| h.wrapping_add(c & u64::from(*choice).wrapping_neg()))
            .collect();
        ReceiverShares { choices: self.choices, shares }
    }
}

/// Sender: the corrections C to be sent and its own shares, for one value a string.
pub fn correlate(place: Place, delta: Delta, strings: &[Block], values: &[u64]) -> (Vec<u64>, Vec<u64>) {
    assert_eq!(strings.len(), values.len(), "one value a string");
    let key = (place.layer, place.lot);
    let [h0, h1] = pads_of_both(place.session, key, strings, delta);
    let differences = h0.iter().zip(h1).map(|(h0, h1)| h0.wrapping_sub(h1));
    let corrections = differences.zip(values).map(|(difference, v)| difference.wrapping_add(*v)).collect();
    (corrections, h0.into_iter().map(u64::wrapping_neg).collect())
}
