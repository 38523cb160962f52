//! Circuits whose answers others have published, garbled and evaluated on every engine: AES-128 with the vectors of FIPS 197,
//! and sums and products of 64 bits, as in the usual collections of circuits for secure computation.

use super::circuit::{Builder, Circuit, Wire};
use super::evaluate::{ReadTables, evaluate};
use super::garble::{WriteTables, garble};
use super::hash::ChunkKeys;
use super::{LANES, Lanes, SessionKey, lanes};
use crate::block::{Block, Delta};
use crate::cipher::Engine;
use aes::Aes128;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// Bits of bytes, the lowest of each first.
fn bits(bytes: &[u8]) -> Vec<bool> {
    bytes.iter().flat_map(|byte| (0..8).map(move |i| byte >> i & 1 == 1)).collect()
}

fn bytes(bits: &[bool]) -> Vec<u8> {
    let byte = |bits: &[bool]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
    bits.chunks(8).map(byte).collect()
}

/// What comes out of the garbled circuit on `engine`, a lane an input; held against its clear meaning.
fn garbled(circuit: &Circuit, inputs: &[[Vec<bool>; 2]], engine: Engine) -> Vec<Vec<bool>> {
    let mut rng = ChaCha20Rng::seed_from_u64(31);
    assert_eq!(inputs.len(), LANES);
    let delta = Delta::random(&mut rng);
    let keys = ChunkKeys::new(SessionKey::random(&mut rng).on(engine), 4, 0);
    let mut zeros = vec![Lanes::ZERO; circuit.slots()];
    let wires = circuit.garbler_inputs() + circuit.evaluator_inputs();
    zeros[..wires].fill_with(|| lanes(|_| Block::random(&mut rng)));
    let mut labels = zeros.clone();
    for (wire, label) in labels[..wires].iter_mut().enumerate() {
        let zero = *label;
        *label = lanes(|lane| {
            let [garbler, evaluator] = &inputs[lane];
            let bit = garbler.iter().chain(evaluator).nth(wire).unwrap();
            if *bit { zero[lane] ^ delta.block() } else { zero[lane] }
        });
    }
    let mut tables = Vec::new();
    garble(circuit, keys, delta.block(), &mut zeros, WriteTables::new(&mut tables, LANES));
    evaluate(circuit, keys, &mut labels, ReadTables::new(&tables, LANES));
    let bit = |slot: usize, lane: usize| {
        let difference = zeros[slot][lane].0 ^ labels[slot][lane].0;
        assert!(difference == 0 || difference == delta.block().0, "no label of the wire");
        difference != 0
    };
    let outputs = |lane: usize| -> Vec<bool> {
        circuit.output_slots().iter().map(|slot| bit(usize::from(*slot), lane)).collect()
    };
    let found: Vec<_> = (0..LANES).map(outputs).collect();
    for ([garbler, evaluator], found) in inputs.iter().zip(&found) {
        assert_eq!(*found, circuit.evaluate(garbler, evaluator));
    }
    found
}

/// A circuit of bytes, while it is written.
struct Bytes {
    b: Builder,
    /// Any wire, to make constants of.
    any: Wire,
}

type Byte = [Wire; 8];

impl Bytes {
    fn constant(&mut self, byte: u8) -> Byte {
        let zero = self.b.xor(self.any, self.any);
        std::array::from_fn(|i| if byte >> i & 1 == 1 { self.b.not(zero) } else { zero })
    }

    fn xor(&mut self, x: Byte, y: Byte) -> Byte {
        std::array::from_fn(|i| self.b.xor(x[i], y[i]))
    }

    /// x times the polynomial X, modulo X^8 + X^4 + X^3 + X + 1.
    fn double(&mut self, x: Byte) -> Byte {
        let mut shifted: Byte = std::array::from_fn(|i| x[(i + 7) % 8]);
        for i in [1, 3, 4] {
            shifted[i] = self.b.xor(shifted[i], x[7]);
        }
        shifted
    }

    fn times(&mut self, x: Byte, y: Byte) -> Byte {
        let mut sum = self.constant(0);
        for i in (0..8).rev() {
            let doubled = self.double(sum);
            let product = x.map(|bit| self.b.and(bit, y[i]));
            sum = self.xor(doubled, product);
        }
        sum
    }

    /// x^2, which is linear: the sum of X^2i over the bits of x.
    fn square(&mut self, x: Byte) -> Byte {
        let mut sum = self.constant(0);
        for bit in x.into_iter().rev() {
            sum = self.double(sum);
            sum = self.double(sum);
            sum[0] = self.b.xor(sum[0], bit);
        }
        sum
    }

    /// FIPS 197, section 5.1.1: the inverse, which is x^254, and an affine map.
    fn sub(&mut self, x: Byte) -> Byte {
        let two = self.square(x);
        let three = self.times(two, x);
        let six = self.square(three);
        let twelve = self.square(six);
        let fifteen = self.times(twelve, three);
        let sixteenth = (0..4).fold(fifteen, |x, _| self.square(x));
        let all_but_two = self.times(sixteenth, twelve);
        let inverse = self.times(all_but_two, two);
        let constant = self.constant(0x63);
        let turned = |by: usize| -> Byte { std::array::from_fn(|i| inverse[(i + by) % 8]) };
        [4, 5, 6, 7].into_iter().fold(self.xor(inverse, constant), |sum, by| self.xor(sum, turned(by)))
    }
}

/// AES-128 of the evaluator's block under the garbler's key.
fn aes128() -> Circuit {
    let (b, key, block) = Builder::new(128, 128);
    let any = key[0];
    let mut of = Bytes { b, any };
    let cut =
        |wires: Vec<Wire>| -> Vec<Byte> { wires.chunks(8).map(|byte| byte.try_into().unwrap()).collect() };
    let (mut key, mut state) = (cut(key), cut(block));
    state = state.into_iter().zip(&key).map(|(x, k)| of.xor(x, *k)).collect();
    let mut round_constant = 1u8;
    for round in 1..=10 {
        // The next round's key.
        let constant = of.constant(round_constant);
        round_constant = (round_constant << 1) ^ ((round_constant >> 7) * 0x1b);
        for i in 0..16 {
            let before = match i {
                0..4 => {
                    let byte = of.sub(key[12 + (i + 1) % 4]);
                    if i == 0 { of.xor(byte, constant) } else { byte }
                }
                _ => key[i - 4],
            };
            key[i] = of.xor(key[i], before);
        }
        let subbed: Vec<Byte> = state.iter().map(|x| of.sub(*x)).collect();
        // Row r of column c comes from column c + r.
        let shifted: Vec<Byte> = (0..16).map(|i| subbed[(i + 4 * (i % 4)) % 16]).collect();
        let mixed: Vec<Byte> = match round {
            10 => shifted,
            _ => (0..16)
                .map(|i| {
                    let at = |row: usize| shifted[i / 4 * 4 + (i + row) % 4];
                    let ends = of.xor(at(0), at(1));
                    let doubled = of.double(ends);
                    let rest = of.xor(at(2), at(3));
                    let rest = of.xor(rest, at(1));
                    of.xor(doubled, rest)
                })
                .collect(),
        };
        state = mixed.into_iter().zip(&key).map(|(x, k)| of.xor(x, *k)).collect();
    }
    of.b.finish(&state.concat())
}

/// FIPS 197, appendices B and C.1, and random blocks beside them.
#[test]
fn garbled_aes_is_aes() {
    let circuit = aes128();
    let mut rng = ChaCha20Rng::seed_from_u64(32);
    let known: [[u128; 3]; 2] = [
        [
            0x2b7e151628aed2a6abf7158809cf4f3c,
            0x3243f6a8885a308d313198a2e0370734,
            0x3925841d02dc09fbdc118597196a0b32,
        ],
        [
            0x000102030405060708090a0b0c0d0e0f,
            0x00112233445566778899aabbccddeeff,
            0x69c4e0d86a7b0430d8cdb78070b4c55a,
        ],
    ];
    let mut all: Vec<[u128; 3]> = known.to_vec();
    all.resize_with(LANES, || {
        let (key, block): ([u8; 16], [u8; 16]) = (rng.random(), rng.random());
        let mut encrypted = Array::from(block);
        Aes128::new(&Array::from(key)).encrypt_block(&mut encrypted);
        [key, block, encrypted.into()].map(u128::from_be_bytes)
    });
    let inputs: Vec<_> =
        all.iter().map(|[key, block, _]| [key, block].map(|x| bits(&x.to_be_bytes()))).collect();
    for engine in Engine::available() {
        let found = garbled(&circuit, &inputs, engine);
        for ([_, _, expected], found) in all.iter().zip(found) {
            assert_eq!(bytes(&found), expected.to_be_bytes(), "{engine:?}");
        }
    }
}

/// The sum of two numbers of 64 bits, modulo 2^64, with an AND a bit.
fn sum(b: &mut Builder, x: &[Wire], y: &[Wire]) -> Vec<Wire> {
    let mut carry = b.xor(x[0], x[0]);
    let digit = |(x, y): (&Wire, &Wire)| {
        let digit = b.xor3(*x, *y, carry);
        carry = b.majority(*x, *y, carry);
        digit
    };
    x.iter().zip(y).map(digit).collect()
}

#[test]
fn garbled_sums_and_products_are_those_of_64_bits() {
    let (mut b, x, y) = Builder::new(64, 64);
    let mut outputs = sum(&mut b, &x, &y);
    let mut product: Vec<Wire> = x.iter().map(|bit| b.and(*bit, y[0])).collect();
    for i in 1..64 {
        let term: Vec<Wire> = x[..64 - i].iter().map(|bit| b.and(*bit, y[i])).collect();
        let added = sum(&mut b, &product[i..], &term);
        product.splice(i.., added);
    }
    outputs.extend(product);
    let circuit = b.finish(&outputs);
    let mut rng = ChaCha20Rng::seed_from_u64(33);
    let extremes = [0, 1, u64::MAX, 1 << 63, u64::MAX >> 1];
    let mut pairs: Vec<(u64, u64)> = extremes.iter().flat_map(|x| extremes.map(|y| (*x, y))).collect();
    pairs.resize_with(LANES, || (rng.random(), rng.random()));
    let inputs: Vec<_> = pairs.iter().map(|(x, y)| [x, y].map(|x| bits(&x.to_le_bytes()))).collect();
    for engine in Engine::available() {
        for ((x, y), found) in pairs.iter().zip(garbled(&circuit, &inputs, engine)) {
            let expected = [x.wrapping_add(*y).to_le_bytes(), x.wrapping_mul(*y).to_le_bytes()].concat();
            assert_eq!(bytes(&found), expected, "{x} and {y}");
        }
    }
}
