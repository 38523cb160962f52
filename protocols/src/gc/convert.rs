//! From Yao to arithmetic: every output wire of weight 2^i becomes additive shares of its bit times 2^i in Z_2^k.
//! Source: the oblivious transfer that a wire's two labels already are: the evaluator holds one of two keys of the garbler's.
//! Semi-honest; the evaluator learns one hash of each pair, the other hides the garbler's share if the hash is correlation
//! robust. `K_c` is the wire's label of colour `c`, π the colour of its false label, `h` the low k bits of the hash.
//!
//!   garbler (K_0, K_1, π)                          evaluator (K_c, c = bit ^ π)
//!     | ---- C = h(K_0) - h(K_1) + (1 - 2π) 2^i ---> |   k bits a wire
//!     share: π 2^i - h(K_0)                           share: h(K_c) + c C
//!
//! The shares of a unit are summed over its output wires. Ciphertexts are packed without gaps, wire by wire over a chunk's active
//! lanes, lowest bit first; a chunk's last byte is filled with zeros.

use super::hash::{ChunkKeys, OUTPUTS_PER_KEY, Use, prepare, sigma};
use super::{LANES, Lanes, xor};
use crate::block::{Block, Delta};

/// The low `bits` bits, `1 <= bits <= 64`.
pub(super) const fn ring_mask(bits: u32) -> u64 {
    u64::MAX >> (64 - bits)
}

/// Garbles the output wires of one chunk, appending to `ciphertexts`; the garbler's share of every lane.
pub(super) fn garble_outputs(
    keys: ChunkKeys,
    delta: Delta,
    ring_bits: u32,
    wires: &[Lanes],
    active: usize,
    ciphertexts: &mut Vec<u8>,
) -> [u64; LANES] {
    let mut shares = [0u64; LANES];
    let mut writer = BitWriter { out: ciphertexts, pending: 0, length: 0 };
    let twin = [sigma(delta.block()); LANES];
    let group = OUTPUTS_PER_KEY as usize;
    for (g, wires) in wires.chunks(group).enumerate() {
        let hash = keys.hash(Use::Conversion, g as u32);
        for (place, falses) in wires.iter().enumerate() {
            let weight = 1u64 << (g * group + place);
            let first = prepare(falses, place as u32);
            let mut h = [first, xor(&first, &twin)];
            hash.finish(&mut h);
            for lane in 0..LANES {
                // π = 1: the false label has colour 1, so its hash is h(K_1).
                let flipped = falses[lane].colour_mask().0 as u64;
                let (of_false, of_true) = (h[0][lane].0 as u64, h[1][lane].0 as u64);
                let swap = flipped & (of_false ^ of_true);
                let (h0, h1) = (of_false ^ swap, of_true ^ swap);
                // (1 - 2π) 2^i, and π 2^i.
                let signed = (weight ^ flipped).wrapping_sub(flipped);
                shares[lane] = shares[lane].wrapping_add(flipped & weight).wrapping_sub(h0);
                if lane < active {
                    let ciphertext = h0.wrapping_sub(h1).wrapping_add(signed);
                    writer.push(ciphertext & ring_mask(ring_bits), ring_bits);
                }
            }
        }
    }
    writer.finish();
    shares.map(|share| share & ring_mask(ring_bits))
}

/// Evaluates the output wires of one chunk; the evaluator's share of every lane (of no meaning beyond the active ones).
pub(super) fn evaluate_outputs(
    keys: ChunkKeys,
    ring_bits: u32,
    wires: &[Lanes],
    active: usize,
    ciphertexts: &[u8],
) -> [u64; LANES] {
    let mut shares = [0u64; LANES];
    let mut reader = BitReader { bytes: ciphertexts, pending: 0, length: 0 };
    let group = OUTPUTS_PER_KEY as usize;
    for (g, wires) in wires.chunks(group).enumerate() {
        let hash = keys.hash(Use::Conversion, g as u32);
        // Two wires a call fill the widest batch; an odd last wire is hashed beside an unused one.
        for (pair, wires) in wires.chunks(2).enumerate() {
            let mut h = [[Block::ZERO; LANES]; 2];
            for (place, (prepared, labels)) in h.iter_mut().zip(wires).enumerate() {
                *prepared = prepare(labels, (2 * pair + place) as u32);
            }
            hash.finish(&mut h);
            for (hashed, labels) in h.iter().zip(wires) {
                for lane in 0..active {
                    let ciphertext = reader.pull(ring_bits) & labels[lane].colour_mask().0 as u64;
                    shares[lane] = shares[lane].wrapping_add(hashed[lane].0 as u64).wrapping_add(ciphertext);
                }
            }
        }
    }
    shares.map(|share| share & ring_mask(ring_bits))
}

/// Appends fields of up to 64 bits, lowest bit first.
struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    pending: u128,
    length: u32,
}

impl BitWriter<'_> {
    /// Appends the low `bits` bits of `value`, which has no others.
    #[inline(always)]
    fn push(&mut self, value: u64, bits: u32) {
        self.pending |= u128::from(value) << self.length;
        self.length += bits;
        if self.length >= 64 {
            self.out.extend_from_slice(&(self.pending as u64).to_le_bytes());
            self.pending >>= 64;
            self.length -= 64;
        }
    }

    /// Writes what is left, up to the next whole byte.
    fn finish(self) {
        let left = self.length.div_ceil(8) as usize;
        self.out.extend_from_slice(&(self.pending as u64).to_le_bytes()[..left]);
    }
}

/// Reads fields of up to 64 bits, lowest bit first.
struct BitReader<'a> {
    bytes: &'a [u8],
    pending: u128,
    length: u32,
}

impl BitReader<'_> {
    /// The next `bits` bits.
    #[inline(always)]
    fn pull(&mut self, bits: u32) -> u64 {
        if self.length < bits {
            let mut word = [0; 8];
            let taken = self.bytes.len().min(word.len());
            let (head, rest) = self.bytes.split_at(taken);
            word[..taken].copy_from_slice(head);
            self.bytes = rest;
            self.pending |= u128::from(u64::from_le_bytes(word)) << self.length;
            self.length += 64;
        }
        let value = self.pending as u64 & ring_mask(bits);
        self.pending >>= bits;
        self.length -= bits;
        value
    }
}
