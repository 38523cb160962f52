//! Shares of a receiver's numbers times a sender's, modulo 2^k, from correlated OT: a transfer a bit of the receiver's.
//! Source: Gilboa (CRYPTO 1999). Semi-honest; what hides what is as in `product.rs`.
//!
//!   sender (values v)                                receiver (numbers c)
//!     | <---- correlated OT, choices: bits of c --------- |   k a number
//!     | ---- for bit i: corrections for v, k - i bits ---> |
//!     sum of -2^i h(q_i)                                  sum of 2^i (h(q_i ^ c_i D) + c_i C_i)
//!
//! A number may multiply several values in a row: its transfers serve all of them, each hashed for its own place.

use super::CotSender;
use crate::Error;
use crate::block::Block;
use crate::gc::SessionKey;
use crate::gc::transfer::{Lot, pads};
use crate::ot::product::{Place, correlate};
use crate::secret::Secret;
use crate::wire::{low, pack, packed_bytes, unpack};

/// Which numbers are multiplied, and where their strings belong.
#[derive(Clone, Copy)]
pub struct Scaling {
    /// Start of the hash.
    pub session: SessionKey,
    /// The layer's number in its session.
    pub layer: u32,
    /// The lot of a bit: whose numbers these are.
    pub lot: fn(u32) -> Lot,
    /// What is multiplied.
    pub shape: Shape,
}

/// How many numbers, and of which width.
#[derive(Clone, Copy)]
pub struct Shape {
    /// k.
    pub bits: u32,
    /// Numbers of the receiver.
    pub numbers: usize,
    /// Values in a row that one of them multiplies.
    pub each: usize,
}

impl Shape {
    /// Correlated OTs.
    pub const fn transfers(self) -> usize {
        self.numbers * self.bits as usize
    }

    /// Products.
    pub const fn values(self) -> usize {
        self.numbers * self.each
    }

    /// Bytes of the corrections, one message a bit.
    pub fn messages(self) -> impl Iterator<Item = usize> {
        (0..self.bits).map(move |bit| packed_bytes(self.values(), self.bits - bit))
    }

    /// The transfers' choices for `numbers`: the lowest bits of all, then the next.
    pub fn choices(self, numbers: &[u64]) -> Secret<bool> {
        (0..self.bits).flat_map(|bit| numbers.iter().map(move |number| number >> bit & 1 == 1)).collect()
    }

    /// Of one a transfer, those for a bit, one a value.
    fn spread<T: Copy>(self, all: &[T], bit: u32) -> impl Iterator<Item = T> {
        let of_bit = &all[bit as usize * self.numbers..][..self.numbers];
        of_bit.iter().flat_map(move |one| std::iter::repeat_n(*one, self.each))
    }
}

impl Scaling {
    fn place(&self, bit: u32) -> Place {
        Place { session: self.session, layer: self.layer, lot: (self.lot)(bit) }
    }

    /// Sender: sends the corrections for `values`, a message a bit; its shares of the products.
    pub fn correct(
        &self,
        ots: &CotSender,
        strings: &[Block],
        values: &[u64],
        mut send: impl FnMut(Vec<u8>) -> Result<(), Error>,
    ) -> Result<Secret<u64>, Error> {
        let mut sum: Secret<u64> = vec![0; self.shape.values()].into();
        for bit in 0..self.shape.bits {
            let strings: Secret<Block> = self.shape.spread(strings, bit).collect();
            let (corrections, shares) = correlate(self.place(bit), ots.delta(), &strings, values);
            self.add(&mut sum, &shares, bit);
            send(pack(&corrections, self.shape.bits - bit))?;
        }
        Ok(sum)
    }

    /// Receiver: its shares of the products, from the corrections, a message a bit of the length that is asked for.
    pub fn corrected(
        &self,
        strings: &[Block],
        choices: &[bool],
        mut receive: impl FnMut(usize) -> Result<Vec<u8>, Error>,
    ) -> Result<Secret<u64>, Error> {
        let mut sum: Secret<u64> = vec![0; self.shape.values()].into();
        for (bit, bytes) in (0..).zip(self.shape.messages()) {
            let strings: Secret<Block> = self.shape.spread(strings, bit).collect();
            let Place { session, layer, lot } = self.place(bit);
            let corrections = unpack(&receive(bytes)?, self.shape.bits - bit, self.shape.values());
            let mut shares = pads(session, (layer, lot), &strings);
            for ((share, correction), choice) in
                shares.iter_mut().zip(corrections).zip(self.shape.spread(choices, bit))
            {
                *share = share.wrapping_add(correction & u64::from(choice).wrapping_neg());
            }
            self.add(&mut sum, &shares, bit);
        }
        Ok(sum)
    }

    /// `sum + 2^bit shares`.
    fn add(&self, sum: &mut [u64], shares: &[u64], bit: u32) {
        let mask = low(self.shape.bits);
        sum.iter_mut().zip(shares).for_each(|(sum, share)| *sum = sum.wrapping_add(share << bit) & mask);
    }
}
