//! What steps and layers are called where a bare number would be mistaken for another.

use serde::{Deserialize, Serialize};

/// A step as the channel books it: set-up and the image, then the plan's steps, then the logits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChannelStep(u32);

impl ChannelStep {
    /// Set-up and the image.
    pub const INPUT: Self = Self(0);

    /// Step `index` of the plan, or the logits behind the last.
    pub const fn of(index: usize) -> Self {
        Self(index as u32 + 1)
    }

    /// The number that the channel books under.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The plan's step; `None` for set-up and the image.
    pub const fn index(self) -> Option<usize> {
        match self.0.checked_sub(1) {
            None => None,
            Some(index) => Some(index as usize),
        }
    }
}

impl From<u32> for ChannelStep {
    /// The step of this number.
    fn from(number: u32) -> Self {
        Self(number)
    }
}

/// A layer of a session. No two of a session share a number, since it enters the garbling hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LayerId(u32);

impl LayerId {
    /// The first of inference `inference` of a session, which has `steps` numbers an inference; `None` where numbers run out.
    pub(crate) fn first(inference: u32, steps: usize) -> Option<Self> {
        let steps = u32::try_from(steps).ok()?;
        inference.checked_add(1)?.checked_mul(steps)?;
        Some(Self(inference * steps))
    }

    /// That of plan step `index` of the inference whose first layer this is.
    pub(crate) const fn step(self, index: usize) -> Self {
        Self(self.0 + index as u32)
    }

    /// Its number.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The first of an inference of `steps` numbers, as it was written down; `None` where those are more than there are.
    pub(crate) fn from_number(number: u32, steps: usize) -> Option<Self> {
        let steps = u32::try_from(steps).ok()?;
        number.checked_add(steps).map(|_| Self(number))
    }
}
