//! Correlated OT as the steps see it: by whichever protocol a session has.

use super::extension;
use crate::Error;
use crate::block::{Block, Delta};
use crate::secret::Secret;
use netem::Channel;

/// The party that has the offset.
pub enum CotSender {
    /// By extension of base OTs.
    Extended(extension::Sender),
    /// By the tests' trusted third party.
    #[cfg(test)]
    Ideal(super::ideal::Sender),
}

/// The party that chooses a bit a transfer.
pub enum CotReceiver {
    /// By extension of base OTs.
    Extended(extension::Receiver),
    /// By the tests' trusted third party.
    #[cfg(test)]
    Ideal(Box<super::ideal::Receiver>),
}

impl CotSender {
    /// The offset of every transfer.
    pub fn delta(&self) -> Delta {
        match self {
            Self::Extended(sender) => sender.delta(),
            #[cfg(test)]
            Self::Ideal(sender) => sender.delta(),
        }
    }

    /// `n` further transfers: the strings of choice 0.
    pub fn extend(&mut self, channel: &mut Channel, n: usize) -> Result<Secret<Block>, Error> {
        match self {
            Self::Extended(sender) => sender.extend(channel, n).map(Secret::from),
            #[cfg(test)]
            Self::Ideal(sender) => {
                channel.flush()?;
                Ok(sender.extend(n))
            }
        }
    }
}

impl CotReceiver {
    /// `n` further transfers: the chosen strings; `choices` holds the bits, the first lowest in its byte.
    pub fn extend(
        &mut self,
        channel: &mut Channel,
        n: usize,
        choices: &[u8],
    ) -> Result<Secret<Block>, Error> {
        match self {
            Self::Extended(receiver) => receiver.extend(channel, n, choices).map(Secret::from),
            #[cfg(test)]
            Self::Ideal(receiver) => {
                channel.flush()?;
                Ok(receiver.extend(n, choices))
            }
        }
    }
}
