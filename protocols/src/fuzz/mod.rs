//! What a peer may send to either party and what a party's files may hold. What is of one part of the crate alone is in a
//! module `fuzz` there.

mod ciphers;
mod files;
mod messages;
mod network;
mod parties;

pub(crate) use messages::sent;

use std::time::Duration;

/// How long a party waits for what a peer has not sent, and never will.
pub(crate) const DEADLINE: Duration = Duration::from_millis(1);

pub(crate) fn target(name: &'static str) -> fuzzing::Target {
    fuzzing::Target::new(env!("CARGO_MANIFEST_DIR"), name)
}

/// Takes values off an input; zeros where it ends.
pub(crate) struct Taken<'a>(pub(crate) &'a [u8]);

impl Taken<'_> {
    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let (taken, rest) = self.0.split_at(self.0.len().min(N));
        array[..taken.len()].copy_from_slice(taken);
        self.0 = rest;
        array
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    pub(crate) fn word(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    pub(crate) fn wide(&mut self) -> u128 {
        u128::from_le_bytes(self.array())
    }

    pub(crate) fn ended(&self) -> bool {
        self.0.is_empty()
    }
}
