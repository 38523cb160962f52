//! From Yao to arithmetic: a bit on an output wire times an integer, as additive shares in Z_2^k.
//! Source: the oblivious transfer that a wire's two labels already are: the evaluator holds one of two keys of the garbler's.
//! Semi-honest; the evaluator learns one hash of each pair, the other hides the garbler's share if the hash is correlation
//! robust. `K_c` is the wire's label of colour `c`, π the colour of its false label, `h` the low bits of the hash, `w` an integer
//! that the garbler knows by then.
//!
//!   garbler (K_0, K_1, π, w)                       evaluator (K_c, c = bit ^ π)
//!     | ---- C = h(K_0) - h(K_1) + (1 - 2π) w -----> |   as many bits a wire as the product has
//!     share: π w - h(K_0)                             share: h(K_c) + c C
//!
//! A product that is a multiple of 2^i is shared modulo 2^(k-i) and shifted: `k - i` bits travel.

use super::hash::{ChunkKeys, Hash, Hashes, OUTPUTS_PER_KEY, Use, prepare};
use super::{LANES, Lanes, lanes, xor};
use crate::block::Block;
#[cfg(target_arch = "x86_64")]
use crate::simd::{PackedFrom, PackedTo, PackedWidth};
use crate::wire::{BitReader, BitWriter, low};

/// The low halves of the hashes of both labels of a wire, by colour, and all ones where the false label has colour 1.
pub(crate) struct Pads {
    pub(crate) of_zero: [u64; LANES],
    pub(crate) of_one: [u64; LANES],
    pub(crate) colours: [u64; LANES],
}

/// An integer times 2^`shift`.
#[derive(Clone, Copy)]
pub(crate) struct Weight {
    pub(crate) value: u64,
    pub(crate) shift: u32,
}

/// Where a wire's ciphertexts go: `bits` bits each, for the first `active` lanes.
pub(super) struct CloseTo<'a, 'b> {
    pub(super) writer: &'a mut BitWriter<'b>,
    pub(super) bits: u32,
    pub(super) active: usize,
}

/// Where a wire's ciphertexts come from, likewise.
pub(super) struct OpenFrom<'a, 'b> {
    pub(super) reader: &'a mut BitReader<'b>,
    pub(super) bits: u32,
    pub(super) active: usize,
}

/// The `place`-th use of a chunk's key `key`.
#[derive(Clone, Copy)]
pub(crate) struct KeyUse {
    pub(crate) key: usize,
    pub(crate) place: u32,
}

/// What an engine does with the labels of an output wire.
pub(crate) trait OutputWires {
    /// Both pads, from the zero labels.
    fn pads(&self, at: KeyUse, zero: &Lanes, delta: Block) -> Pads;

    /// The ciphertexts of a wire that is worth `by`; `shares` gain the garbler's shares.
    fn weigh(&self, pads: &Pads, by: Weight, shares: &mut [u64; LANES]) -> [u64; LANES];

    /// `shares` gain the evaluator's shares, from its active labels and what was `sent`.
    fn open(&self, at: KeyUse, labels: &Lanes, sent: &[u64; LANES], shift: u32, shares: &mut [u64; LANES]);
}

/// The portable twin of those in `simd`.
impl OutputWires for Vec<Hash> {
    fn pads(&self, at: KeyUse, zero: &Lanes, delta: Block) -> Pads {
        let one = xor(zero, &lanes(|_| delta));
        let mut hashed = [prepare(zero, at.place), prepare(&one, at.place)];
        self[at.key].finish(&mut hashed);
        pads(zero, &hashed[0], &hashed[1])
    }

    fn weigh(&self, pads: &Pads, by: Weight, shares: &mut [u64; LANES]) -> [u64; LANES] {
        weigh(pads, by, shares)
    }

    fn open(&self, at: KeyUse, labels: &Lanes, sent: &[u64; LANES], shift: u32, shares: &mut [u64; LANES]) {
        let mut hashed = [prepare(labels, at.place)];
        self[at.key].finish(&mut hashed);
        open(&hashed[0], labels, sent, shift, shares);
    }
}

/// The hashes of a chunk's output wires.
pub(super) struct OutputHashes(Hashes);

impl OutputHashes {
    pub(super) fn new(keys: ChunkKeys, outputs: usize) -> Self {
        Self(keys.hashes(Use::Conversion, outputs.div_ceil(OUTPUTS_PER_KEY as usize)))
    }

    /// Both pads of output wire `wire`, from its zero labels.
    pub(super) fn pads(&self, wire: usize, zero: &Lanes, delta: Block) -> Pads {
        self.engine().pads(Self::at(wire), zero, delta)
    }

    /// Writes the ciphertexts of a wire that is worth `by`; `shares` gain the garbler's shares.
    pub(super) fn close(
        &self,
        wire: usize,
        zero: &Lanes,
        delta: Block,
        by: Weight,
        to: CloseTo<'_, '_>,
        shares: &mut [u64; LANES],
    ) {
        let CloseTo { writer, bits, active } = to;
        #[cfg(target_arch = "x86_64")]
        if let Hashes::Vaes(keys) = &self.0
            && active == LANES
            && let Some(width) = PackedWidth::of(bits)
            && let Some(bytes) = writer.push_packed(LANES, bits)
        {
            return keys.close_packed(Self::at(wire), zero, delta, by, PackedTo { bytes, width }, shares);
        }
        let pads = self.pads(wire, zero, delta);
        push_all(writer, &self.weigh(&pads, by, shares)[..active], bits);
    }

    /// `shares` gain the evaluator's shares of output wire `wire`, from its active labels and its ciphertexts, which come
    /// next.
    pub(super) fn open(
        &self,
        wire: usize,
        labels: &Lanes,
        from: OpenFrom<'_, '_>,
        shift: u32,
        shares: &mut [u64; LANES],
    ) {
        let OpenFrom { reader, bits, active } = from;
        #[cfg(target_arch = "x86_64")]
        if let Hashes::Vaes(keys) = &self.0
            && active == LANES
            && let Some(width) = PackedWidth::of(bits)
            && let Some(bytes) = reader.pull_packed(LANES, bits)
        {
            return keys.open_packed(Self::at(wire), labels, PackedFrom { bytes, width }, shift, shares);
        }
        self.engine().open(Self::at(wire), labels, &pull_all(reader, active, bits), shift, shares);
    }

    /// The ciphertexts of a wire that is worth `by`; `shares` gain the garbler's shares.
    pub(super) fn weigh(&self, pads: &Pads, by: Weight, shares: &mut [u64; LANES]) -> [u64; LANES] {
        self.engine().weigh(pads, by, shares)
    }

    fn engine(&self) -> &dyn OutputWires {
        match &self.0 {
            #[cfg(target_arch = "x86_64")]
            Hashes::Vaes(keys) => keys,
            #[cfg(target_arch = "x86_64")]
            Hashes::Vaes256(keys) => keys,
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            Hashes::One(keys) => keys,
            Hashes::Other(hashes) => hashes,
        }
    }

    fn at(wire: usize) -> KeyUse {
        KeyUse { key: wire / OUTPUTS_PER_KEY as usize, place: wire as u32 % OUTPUTS_PER_KEY }
    }
}

/// What the hashes of the false and the true labels of a wire are by colour.
#[inline(always)]
pub(crate) fn pads(zero: &Lanes, of_false: &Lanes, of_true: &Lanes) -> Pads {
    let mut out = Pads { of_zero: [0; LANES], of_one: [0; LANES], colours: [0; LANES] };
    for lane in 0..LANES {
        // π = 1: the false label has colour 1.
        let flipped = zero[lane].colour_mask().0 as u64;
        let (of_false, of_true) = (of_false[lane].0 as u64, of_true[lane].0 as u64);
        let swap = flipped & (of_false ^ of_true);
        out.of_zero[lane] = of_false ^ swap;
        out.of_one[lane] = of_true ^ swap;
        out.colours[lane] = flipped;
    }
    out
}

/// The ciphertexts of a public weight, lane by lane.
#[inline(always)]
pub(crate) fn weigh(pads: &Pads, by: Weight, shares: &mut [u64; LANES]) -> [u64; LANES] {
    let mut out = [0; LANES];
    for lane in 0..LANES {
        let (h0, flipped) = (pads.of_zero[lane], pads.colours[lane]);
        // (1 - 2π) w, and π w.
        let signed = (by.value ^ flipped).wrapping_sub(flipped);
        out[lane] = h0.wrapping_sub(pads.of_one[lane]).wrapping_add(signed);
        let share = (flipped & by.value).wrapping_sub(h0) << by.shift;
        shares[lane] = shares[lane].wrapping_add(share);
    }
    out
}

/// The evaluator's shares gain `h(K_c) + c C`, shifted.
#[inline(always)]
pub(crate) fn open(pad: &Lanes, labels: &Lanes, sent: &[u64; LANES], shift: u32, shares: &mut [u64; LANES]) {
    for lane in 0..LANES {
        let chosen = sent[lane] & labels[lane].colour_mask().0 as u64;
        shares[lane] = shares[lane].wrapping_add((pad[lane].0 as u64).wrapping_add(chosen) << shift);
    }
}

/// Writes the low `bits` bits of every value; two at a time where they fit a word.
pub(super) fn push_all(writer: &mut BitWriter<'_>, values: &[u64], bits: u32) {
    let mask = low(bits);
    let (pairs, rest) = values.as_chunks::<2>();
    if 2 * bits <= 64 {
        for [first, second] in pairs {
            writer.push(first & mask | (second & mask) << bits, 2 * bits);
        }
    } else {
        pairs.as_flattened().iter().for_each(|value| writer.push(value & mask, bits));
    }
    rest.iter().for_each(|value| writer.push(value & mask, bits));
}

/// Reads what [`push_all`] wrote.
fn pull_all(reader: &mut BitReader<'_>, count: usize, bits: u32) -> [u64; LANES] {
    if count == LANES {
        return reader.pull_each(bits);
    }
    let mut out = [0; LANES];
    out[..count].fill_with(|| reader.pull(bits));
    out
}
