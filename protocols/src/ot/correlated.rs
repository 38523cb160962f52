//! Correlated OT as the steps see it: by whichever protocol a session has.
//!
//! By extension, transfers are made as they are asked for. Of silent OT a whole inference's are made when it begins
//! ([`CotSender::begin`]), on random choices, and taken in turn: a choice that is not random costs a bit to the sender then.

use super::EXTENSION;
use super::extension;
use super::silent::{self, Batch};
use crate::Error;
use crate::block::{Block, Delta};
use crate::message;
use crate::secret::Secret;
use crate::wire::pack_bits;
use netem::Channel;
use rand::{CryptoRng, Rng};

/// The party that has the offset.
pub enum CotSender {
    /// By extension of base OTs.
    Extended(extension::Sender),
    /// By silent OT, with what is made and not yet taken.
    Silent(Box<silent::Sender>, Stock),
    /// By the tests' trusted third party.
    #[cfg(test)]
    Ideal(super::ideal::Sender),
}

/// The party that chooses a bit a transfer.
pub enum CotReceiver {
    /// By extension of base OTs.
    Extended(extension::Receiver),
    /// By silent OT, with what is made and not yet taken.
    Silent(Box<silent::Receiver>, Stock),
    /// By the tests' trusted third party.
    #[cfg(test)]
    Ideal(Box<super::ideal::Receiver>),
}

/// Strings that are taken in turn. Of a receiver's the lowest bit is the choice.
pub struct Stock {
    strings: Secret<Block>,
    taken: usize,
}

impl Stock {
    const fn of(strings: Secret<Block>) -> Self {
        Self { strings, taken: 0 }
    }

    /// The next `n`; what was taken is zero.
    fn take(&mut self, n: usize) -> Secret<Block> {
        let next = &mut self.strings[self.taken..][..n];
        self.taken += n;
        next.iter_mut().map(std::mem::take).collect()
    }
}

/// Bytes by which a receiver turns `n` random choices into its own.
pub(crate) const fn turning_bytes(n: usize) -> usize {
    n.div_ceil(8)
}

/// Batches for so many transfers an inference.
pub(crate) const fn batches(transfers: usize) -> Batch {
    if transfers > 2 * Batch::Million.size() { Batch::TenMillions } else { Batch::Million }
}

/// What a receiver chose at random, and the strings that it got.
pub struct Random {
    /// One a transfer.
    pub choices: Secret<bool>,
    /// One a transfer.
    pub strings: Secret<Block>,
}

impl CotSender {
    /// Silent OT in place of `sender`, which makes its stock, for inferences of `transfers`.
    pub(crate) fn silence(
        mut sender: extension::Sender,
        channel: &mut Channel,
        transfers: usize,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Self, Error> {
        let batches = batches(transfers);
        let stock = sender.extend(channel, batches.stock())?.into();
        let mut sender = silent::Sender::new(batches, sender.delta(), stock, rng);
        let none = sender.extend_whole(channel, 0)?;
        Ok(Self::Silent(Box::new(sender), Stock::of(none)))
    }

    /// The offset of every transfer.
    pub fn delta(&self) -> Delta {
        match self {
            Self::Extended(sender) => sender.delta(),
            Self::Silent(sender, _) => sender.delta(),
            #[cfg(test)]
            Self::Ideal(sender) => sender.delta(),
        }
    }

    /// Begins an inference of `transfers`.
    pub(crate) fn begin(&mut self, channel: &mut Channel, transfers: usize) -> Result<(), Error> {
        if let Self::Silent(sender, stock) = self {
            *stock = Stock::of(sender.extend_whole(channel, transfers)?);
        }
        Ok(())
    }

    /// `n` further transfers, whose choices are the receiver's: the strings of choice 0.
    pub fn extend(&mut self, channel: &mut Channel, n: usize) -> Result<Secret<Block>, Error> {
        match self {
            Self::Extended(sender) => sender.extend(channel, n).map(Secret::from),
            Self::Silent(sender, stock) => {
                let turned = message::recv(channel, EXTENSION, turning_bytes(n))?;
                let mut strings = stock.take(n);
                for (strings, turned) in strings.chunks_mut(8).zip(turned) {
                    for (i, string) in strings.iter_mut().enumerate() {
                        *string ^= sender.delta().block() & Block::mask(turned >> i & 1 == 1);
                    }
                }
                Ok(strings)
            }
            #[cfg(test)]
            Self::Ideal(sender) => {
                channel.flush()?;
                Ok(sender.extend(n))
            }
        }
    }

    /// `n` further transfers, whose choices are random.
    pub fn extend_random(&mut self, channel: &mut Channel, n: usize) -> Result<Secret<Block>, Error> {
        match self {
            Self::Silent(_, stock) => Ok(stock.take(n)),
            _ => self.extend(channel, n),
        }
    }
}

impl CotReceiver {
    /// As [`CotSender::silence`]; in two parts, since the strings of the stock are sent before the first batch can be received.
    pub(crate) fn stock(
        receiver: &mut extension::Receiver,
        channel: &mut Channel,
        transfers: usize,
        rng: &mut impl CryptoRng,
    ) -> Result<silent::Receiver, Error> {
        let batches = batches(transfers);
        let choices: Secret<u8> = (0..batches.stock().div_ceil(8)).map(|_| rng.random()).collect();
        let stock = receiver.extend(channel, batches.stock(), &choices)?.into();
        Ok(silent::Receiver::new(batches, stock, &choices))
    }

    /// The second part.
    pub(crate) fn silence(mut receiver: silent::Receiver, channel: &mut Channel) -> Result<Self, Error> {
        let none = receiver.extend_whole(channel, 0)?.strings;
        Ok(Self::Silent(Box::new(receiver), Stock::of(none)))
    }

    /// Begins an inference of `transfers`.
    pub(crate) fn begin(&mut self, channel: &mut Channel, transfers: usize) -> Result<(), Error> {
        if let Self::Silent(receiver, stock) = self {
            *stock = Stock::of(receiver.extend_whole(channel, transfers)?.strings);
        }
        Ok(())
    }

    /// `n` further transfers: the chosen strings; `choices` holds the bits, the first lowest in its byte.
    pub fn extend(
        &mut self,
        channel: &mut Channel,
        n: usize,
        choices: &[u8],
    ) -> Result<Secret<Block>, Error> {
        match self {
            Self::Extended(receiver) => receiver.extend(channel, n, choices).map(Secret::from),
            Self::Silent(_, stock) => {
                assert_eq!(choices.len(), turning_bytes(n), "a bit a transfer");
                let strings = stock.take(n);
                let own: Secret<bool> = strings.iter().map(|string| string.colour()).collect();
                let turned =
                    pack_bits(&own).iter().zip(choices).map(|(own, choices)| own ^ choices).collect();
                message::send(channel, EXTENSION, turned)?;
                Ok(strings)
            }
            #[cfg(test)]
            Self::Ideal(receiver) => {
                channel.flush()?;
                Ok(receiver.extend(n, choices))
            }
        }
    }

    /// `n` further transfers with random choices.
    pub fn extend_random(
        &mut self,
        channel: &mut Channel,
        n: usize,
        rng: &mut impl CryptoRng,
    ) -> Result<Random, Error> {
        if let Self::Silent(_, stock) = self {
            let strings = stock.take(n);
            return Ok(Random { choices: strings.iter().map(|string| string.colour()).collect(), strings });
        }
        let choices: Secret<bool> = (0..n).map(|_| rng.random()).collect();
        let strings = self.extend(channel, n, &pack_bits(&choices))?;
        Ok(Random { choices, strings })
    }
}
