//! Garbling against the clear reader, gate by gate, exhaustively on small widths, and layer by layer over a channel.

use super::circuit::{Clear, Gates, narrow_relu};
use super::convert::{evaluate_outputs, garble_outputs, ring_mask};
use super::evaluate::Evaluator;
use super::garble::Garbler;
use super::hash::ChunkKeys;
use super::layer::{Material, ReluLayer, garble};
use super::{AND_BYTES, LABELS, LANES, Lanes, MATERIAL, SessionKey, lanes};
use crate::Error;
use crate::block::{Block, Delta};
use crate::cipher::Engine;
use netem::Channel;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// The labels of `bits`, one a lane.
fn active(zero: &Lanes, delta: Delta, bits: impl Fn(usize) -> bool) -> Lanes {
    lanes(|l| if bits(l) { zero[l] ^ delta.block() } else { zero[l] })
}

/// What the labels mean, lane by lane; fails on a label that is neither.
fn decode(zero: &Lanes, delta: Delta, labels: &Lanes) -> Vec<bool> {
    (0..LANES)
        .map(|l| {
            let difference = zero[l].0 ^ labels[l].0;
            assert!(difference == 0 || difference == delta.block().0, "lane {l} holds no label of the wire");
            difference != 0
        })
        .collect()
}

#[test]
fn gates_follow_their_truth_tables() {
    let mut rng = ChaCha20Rng::seed_from_u64(20);
    for round in 0..20 {
        let delta = Delta::random(&mut rng);
        let keys = ChunkKeys::new(SessionKey::random(&mut rng), round, 0);
        let (a0, b0) = (lanes(|_| Block::random(&mut rng)), lanes(|_| Block::random(&mut rng)));
        let (a_bit, b_bit) = (|l: usize| l & 1 == 1, |l: usize| l >> 1 & 1 == 1);
        let (a, b) = (active(&a0, delta, a_bit), active(&b0, delta, b_bit));
        let mut tables = Vec::new();
        // Nine ANDs, so that keys change twice.
        let mut garbler = Garbler::new(keys, delta, LANES, &mut tables);
        let zeros: Vec<Lanes> = (0..9).map(|_| garbler.and(&a0, &b0)).collect();
        let (xor, not) = (garbler.xor(&a0, &b0), garbler.not(&a0));
        assert_eq!(tables.len(), 9 * LANES * AND_BYTES);
        let mut evaluator = Evaluator::new(keys, LANES, &tables);
        for zero in &zeros {
            let labels = evaluator.and(&a, &b);
            assert!(
                decode(zero, delta, &labels).iter().enumerate().all(|(l, &bit)| bit == (a_bit(l) & b_bit(l)))
            );
        }
        let labels = evaluator.xor(&a, &b);
        assert!(
            decode(&xor, delta, &labels).iter().enumerate().all(|(l, &bit)| bit == (a_bit(l) ^ b_bit(l)))
        );
        let labels = evaluator.not(&a);
        assert!(decode(&not, delta, &labels).iter().enumerate().all(|(l, &bit)| bit != a_bit(l)));
        // The same inputs give another label at every gate: tweaks differ.
        assert!((1..9).all(|g| zeros[g][0].0 != zeros[g - 1][0].0));
    }
}

#[test]
fn shares_of_output_wires_add_to_their_value() {
    let mut rng = ChaCha20Rng::seed_from_u64(21);
    for (round, ring_bits) in [8, 22, 41, 64].into_iter().enumerate() {
        for outputs in [1, 2, 7, 8, ring_bits as usize] {
            for used in [1, 5, LANES] {
                let delta = Delta::random(&mut rng);
                let keys = ChunkKeys::new(SessionKey::random(&mut rng), round as u32, outputs as u32);
                let values: Vec<u64> =
                    (0..LANES).map(|_| rng.random::<u64>() & ring_mask(outputs as u32)).collect();
                let zeros: Vec<Lanes> = (0..outputs).map(|_| lanes(|_| Block::random(&mut rng))).collect();
                let labels: Vec<Lanes> = zeros
                    .iter()
                    .enumerate()
                    .map(|(i, z)| active(z, delta, |l| values[l] >> i & 1 == 1))
                    .collect();
                let mut ciphertexts = Vec::new();
                let ours = garble_outputs(keys, delta, ring_bits, &zeros, used, &mut ciphertexts);
                assert_eq!(ciphertexts.len(), (used * outputs * ring_bits as usize).div_ceil(8));
                let theirs = evaluate_outputs(keys, ring_bits, &labels, used, &ciphertexts);
                for l in 0..used {
                    assert!(ours[l] <= ring_mask(ring_bits) && theirs[l] <= ring_mask(ring_bits));
                    assert_eq!(ours[l].wrapping_add(theirs[l]) & ring_mask(ring_bits), values[l]);
                }
            }
        }
    }
}

fn clear_relu(u: u64, v: u64, n: usize) -> u64 {
    let bits = |x: u64| (0..n).map(|i| x >> i & 1 == 1).collect::<Vec<_>>();
    let outputs = narrow_relu(&mut Clear, &bits(u), &bits(v));
    outputs.iter().rev().fold(0, |value, &bit| value << 1 | u64::from(bit))
}

/// Garbles and evaluates a layer over a channel, with labels dealt instead of transferred; checks values and bytes.
fn check(inputs: &[(u64, u64)], bits: usize, ring_bits: u32, seed: u64) {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let delta = Delta::random(&mut rng);
    let session = SessionKey::random(&mut rng);
    let layer = ReluLayer::new(inputs.len(), bits, ring_bits, 9).unwrap();
    let (mut client, mut server) = Channel::pair(Duration::from_secs(20));
    let zero: Vec<Block> = (0..layer.input_wires()).map(|_| Block::random(&mut rng)).collect();
    let held: Vec<Block> = zero
        .iter()
        .enumerate()
        .map(|(at, &zero)| zero ^ (Block::mask(inputs[at / bits].1 >> (at % bits) & 1 == 1) & delta.block()))
        .collect();

    let garbled =
        garble(layer, session, delta, &zero, &mut rng, |piece| Ok(server.send(MATERIAL, piece)?)).unwrap();
    server.flush().unwrap();
    let material =
        Material::receive(layer, session, held, |length| Ok(client.recv(MATERIAL, length)?)).unwrap();
    let received = |client: &Channel| client.spent().iter().map(|s| s.bytes_in).sum::<u64>() as usize;
    let n = inputs.len();
    let declared = n * (2 * bits - 2) * 32 + (n * (bits - 1) * ring_bits as usize).div_ceil(8);
    assert_eq!((received(&client), layer.material_bytes()), (declared, declared));

    let values: Vec<u64> = inputs.iter().map(|&(u, _)| u).collect();
    garbled.inputs.select(&values, |piece| Ok(server.send(LABELS, piece)?)).unwrap();
    server.flush().unwrap();
    let shares = material.evaluate(|length| Ok(client.recv(LABELS, length)?)).unwrap();
    assert_eq!((received(&client) - declared, layer.label_bytes()), (16 * bits * n, 16 * bits * n));

    assert_eq!((shares.len(), garbled.shares.len()), (n, n));
    for ((&(u, v), ours), theirs) in inputs.iter().zip(&garbled.shares).zip(&shares) {
        let sum = ours.wrapping_add(*theirs) & ring_mask(ring_bits);
        assert_eq!(sum, clear_relu(u, v, bits), "{bits} bits, {u} + {v} + 1");
    }
}

#[test]
fn layers_of_all_sizes_equal_the_clear_circuit() {
    let mut rng = ChaCha20Rng::seed_from_u64(22);
    for units in [0, 1, 15, 16, 17, 31, 32, 33, 100] {
        for (bits, ring_bits) in [(13, 22), (2, 8), (16, 41), (11, 23)] {
            let inputs: Vec<(u64, u64)> = (0..units).map(|_| (rng.random(), rng.random())).collect();
            check(&inputs, bits, ring_bits, units as u64);
        }
    }
}

/// More than a piece of either message, whose cuts fall on different units.
#[test]
fn a_layer_of_several_pieces_equals_the_clear_circuit() {
    let mut rng = ChaCha20Rng::seed_from_u64(23);
    let inputs: Vec<(u64, u64)> = (0..6001).map(|_| (rng.random(), rng.random())).collect();
    let layer = ReluLayer::new(inputs.len(), 14, 25, 9).unwrap();
    assert!(layer.material_pieces().count() > 2 && layer.label_pieces().count() > 1);
    assert_eq!(layer.material_pieces().sum::<usize>(), layer.material_bytes());
    assert_eq!(layer.label_pieces().sum::<usize>(), layer.label_bytes());
    check(&inputs, 14, 25, 23);
}

#[test]
fn every_input_of_small_widths_is_right() {
    for n in 3..=5 {
        let inputs: Vec<(u64, u64)> = (0..1 << n).flat_map(|u| (0..1 << n).map(move |v| (u, v))).collect();
        check(&inputs, n, 8, n as u64);
    }
}

/// Every engine garbles the same bytes and evaluates them to the same shares.
#[test]
fn engines_agree_to_the_bit() {
    let layer = ReluLayer::new(75, 13, 23, 6).unwrap();
    let runs = [Engine::Fastest, Engine::Portable].map(|engine| {
        let mut rng = ChaCha20Rng::seed_from_u64(9);
        let (delta, session) = (Delta::random(&mut rng), SessionKey::random(&mut rng).on(engine));
        let zero: Vec<Block> = (0..layer.input_wires()).map(|_| Block::random(&mut rng)).collect();
        let mut material = Vec::new();
        let keep = |piece| {
            material.push(piece);
            Ok(())
        };
        let garbled = garble(layer, session, delta, &zero, &mut rng, keep).unwrap();
        let mut labels = Vec::new();
        let values: Vec<u64> = (0..75).map(|i| i * 97).collect();
        let keep = |piece| {
            labels.push(piece);
            Ok(())
        };
        garbled.inputs.select(&values, keep).unwrap();
        let mut pieces = material.clone().into_iter();
        let ready = Material::receive(layer, session, zero, |_| Ok(pieces.next().unwrap())).unwrap();
        let mut sent = labels.into_iter();
        (material, garbled.shares, ready.evaluate(|_| Ok(sent.next().unwrap())).unwrap())
    });
    assert!(runs[0] == runs[1]);
}

#[test]
fn widths_that_do_not_fit_are_refused() {
    for (bits, ring_bits) in [(1, 8), (65, 64), (10, 8), (4, 65), (4, 0)] {
        assert!(matches!(ReluLayer::new(1, bits, ring_bits, 0), Err(Error::Config { .. })));
    }
    assert!(ReluLayer::new(1, 9, 8, 0).is_ok());
}

#[test]
fn a_short_piece_is_the_peers_fault() {
    let layer = ReluLayer::new(1, 4, 8, 0).unwrap();
    let labels = vec![Block::ZERO; layer.input_wires()];
    let received = Material::receive(layer, SessionKey::from_bytes([0; 16]), labels, |n| Ok(vec![0; n - 1]));
    assert!(matches!(received, Err(Error::Peer { .. })));
}

/// Regression value of this implementation, made by this test: it pins gate order, tweaks, table layout and packing, so
/// that a faster kernel must produce the same bytes.
#[test]
fn the_bytes_of_a_garbled_layer_are_fixed() {
    let mut rng = ChaCha20Rng::seed_from_u64(24);
    let delta = Delta::random(&mut rng);
    let session = SessionKey::random(&mut rng);
    let layer = ReluLayer::new(LANES + 3, 6, 22, 1).unwrap();
    let zero: Vec<Block> = (0..layer.input_wires()).map(|_| Block::random(&mut rng)).collect();
    let mut digest = Sha256::new();
    let garbled = garble(layer, session, delta, &zero, &mut rng, |piece| {
        digest.update(piece);
        Ok(())
    })
    .unwrap();
    garbled.shares.iter().for_each(|share| digest.update(share.to_le_bytes()));
    let found: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(found, "3c6b03c9e1cab4f5898fe9b8791792c269ca73d7b358f6f2b689708358dc42a3");
}
