//! Garbling against the clear reader: gates, conversions, whole layers of every program over a channel, and every engine
//! against every other.

use super::circuit::Builder;
use super::convert::{CloseTo, OpenFrom, OutputHashes, Weight, push_all};
use super::evaluate::{ReadTables, evaluate};
use super::garble::{WriteTables, garble};
use super::hash::ChunkKeys;
use super::layer::{EvaluatorJoint, EvaluatorLayer, GarblerJoint, Layer, garble_layer};
use super::programs::{self, Output, Program};
use super::{LABELS, LANES, Lanes, MATERIAL, SessionKey, lanes};
use crate::Error;
use crate::block::{Block, Delta};
use crate::cipher::Engine;
use crate::store::Depot;
use crate::wire::{BitReader, BitWriter, low};
use models::fixed::curve::Curve;
use models::graph::Activation;
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
    // Nine ANDs of the same wires, so that keys change twice, an XOR and a NOT; and those of three wires.
    let (mut b, a, e) = Builder::new(1, 2);
    let mut outputs: Vec<_> = (0..9).map(|_| b.and(a[0], e[0])).collect();
    outputs.push(b.xor(a[0], e[0]));
    outputs.push(b.not(a[0]));
    outputs.push(b.xor3(a[0], e[0], e[1]));
    outputs.push(b.majority(a[0], e[0], e[1]));
    let circuit = b.finish(&outputs);
    for engine in Engine::available() {
        let delta = Delta::random(&mut rng);
        let keys = ChunkKeys::new(SessionKey::random(&mut rng).on(engine), 4, 0);
        let zero = [0; 3].map(|_| lanes(|_| Block::random(&mut rng)));
        let (a_bit, b_bit) = (|l: usize| l & 1 == 1, |l: usize| l >> 1 & 1 == 1);
        let c_bit = |l: usize| l >> 2 & 1 == 1;
        let mut zeros = vec![Lanes::ZERO; circuit.slots()];
        zeros[..3].copy_from_slice(&zero);
        let mut labels = zeros.clone();
        labels[0] = active(&zero[0], delta, a_bit);
        labels[1] = active(&zero[1], delta, b_bit);
        labels[2] = active(&zero[2], delta, c_bit);
        let mut tables = Vec::new();
        garble(&circuit, keys, delta.block(), &mut zeros, WriteTables::new(&mut tables, LANES));
        evaluate(&circuit, keys, &mut labels, ReadTables::new(&tables, LANES));
        let slots = circuit.output_slots();
        let value = |i: usize| {
            let slot = usize::from(slots[i]);
            decode(&zeros[slot], delta, &labels[slot])
        };
        for l in 0..LANES {
            assert!((0..9).all(|gate| value(gate)[l] == (a_bit(l) & b_bit(l))));
            assert_eq!((value(9)[l], value(10)[l]), (a_bit(l) ^ b_bit(l), !a_bit(l)));
            let set = usize::from(a_bit(l)) + usize::from(b_bit(l)) + usize::from(c_bit(l));
            assert_eq!((value(11)[l], value(12)[l]), (set % 2 == 1, set >= 2));
        }
        // The same inputs give another label at every gate: tweaks differ.
        let first = |gate: usize| zeros[usize::from(slots[gate])][0].0;
        assert!((1..9).all(|gate| first(gate) != first(gate - 1)));
    }
}

/// A majority is garbled as the five gates that it stands for: the same tables, the same labels.
#[test]
fn a_majority_is_an_and_between_xors() {
    let adder = |whole: bool| {
        let (mut b, x, y) = Builder::new(1, 2);
        let [x, y, c] = [x[0], y[0], y[1]];
        let (sum, carry) = if whole {
            (b.xor3(x, y, c), b.majority(x, y, c))
        } else {
            let (left, right) = (b.xor(x, c), b.xor(y, c));
            let both = b.and(left, right);
            (b.xor(left, y), b.xor(both, c))
        };
        b.finish(&[sum, carry])
    };
    let mut rng = ChaCha20Rng::seed_from_u64(23);
    let (delta, session) = (Delta::random(&mut rng), SessionKey::random(&mut rng));
    let zero = [0; 3].map(|_| lanes(|_| Block::random(&mut rng)));
    for engine in Engine::available() {
        let [whole, parts] = [true, false].map(|whole| {
            let circuit = adder(whole);
            let mut zeros = vec![Lanes::ZERO; circuit.slots()];
            zeros[..3].copy_from_slice(&zero);
            let (keys, mut tables) = (ChunkKeys::new(session.on(engine), 4, 0), Vec::new());
            garble(&circuit, keys, delta.block(), &mut zeros, WriteTables::new(&mut tables, LANES));
            let outputs: Vec<u128> = circuit
                .output_slots()
                .iter()
                .flat_map(|slot| zeros[usize::from(*slot)].iter().map(|label| label.0).collect::<Vec<_>>())
                .collect();
            (tables, outputs)
        });
        assert!(whole == parts, "{engine:?}");
    }
}

#[test]
fn shares_of_an_output_wire_add_to_its_weight() {
    let mut rng = ChaCha20Rng::seed_from_u64(21);
    for engine in Engine::available() {
        for (bits, shift) in [(1, 0), (8, 0), (22, 3), (41, 7), (57, 2), (58, 1), (64, 0)] {
            let delta = Delta::random(&mut rng);
            let keys = ChunkKeys::new(SessionKey::random(&mut rng).on(engine), 3, 1);
            let hashes = OutputHashes::new(keys, 20);
            let zero = lanes(|_| Block::random(&mut rng));
            let value: u64 = rng.random();
            let labels = active(&zero, delta, |l| l % 3 == 1);
            let (mut ours, mut theirs) = ([0; LANES], [0; LANES]);
            let by = Weight { value, shift };
            let mut packed = Vec::new();
            let mut writer = BitWriter::new(&mut packed);
            let to = CloseTo { writer: &mut writer, bits, active: LANES };
            hashes.close(13, &zero, delta.block(), by, to, &mut ours);
            writer.finish();
            // The ciphertexts as they are made where they travel later.
            let (mut sent, mut shares) = (Vec::new(), [0; LANES]);
            let mut writer = BitWriter::new(&mut sent);
            let pads = hashes.pads(13, &zero, delta.block());
            push_all(&mut writer, &hashes.weigh(&pads, by, &mut shares), bits);
            writer.finish();
            assert_eq!((&sent, shares), (&packed, ours));
            let from = OpenFrom { reader: &mut BitReader::new(&packed), bits, active: LANES };
            hashes.open(13, &labels, from, shift, &mut theirs);
            for l in 0..LANES {
                let expected = if l % 3 == 1 { value << shift } else { 0 };
                assert_eq!(ours[l].wrapping_add(theirs[l]) & low(bits), expected & low(bits));
            }
        }
    }
}

/// A unit's inputs and what the layer must make of them.
struct Case {
    garbler: u64,
    evaluator: u64,
    /// Values of late outputs: the server's, in order of the outputs.
    late: Vec<u64>,
    /// The client's value of a joint output.
    joint: u64,
}

impl Case {
    /// The sum of the outputs' worths, or the coloured bits.
    fn expected(&self, program: &Program, ring_bits: u32) -> u64 {
        let bits = |x: u64, n: usize| (0..n).map(|i| x >> i & 1 == 1).collect::<Vec<_>>();
        let circuit = &program.circuit;
        let garbler = bits(self.garbler, circuit.garbler_inputs());
        let outputs = circuit.evaluate(&garbler, &bits(self.evaluator, circuit.evaluator_inputs()));
        let mut late = self.late.iter();
        let worth = outputs.iter().zip(&program.outputs).enumerate().map(|(i, (bit, output))| {
            let worth = match output {
                Output::Weighted(weight) => *weight as u64,
                Output::Joint => late.next().unwrap().wrapping_add(self.joint),
                Output::Served { shift } => late.next().unwrap() << shift,
                Output::Coloured => 1 << i,
            };
            u64::from(*bit).wrapping_mul(worth)
        });
        worth.fold(0u64, |sum, worth| sum.wrapping_add(worth)) & low(ring_bits)
    }
}

/// Everything that went over the wire, and both parties' results.
#[derive(PartialEq)]
struct Ran {
    material: Vec<Vec<u8>>,
    online: Vec<Vec<u8>>,
    server: Vec<u64>,
    client: Vec<u64>,
}

/// Garbles and evaluates a layer, with labels and products dealt instead of transferred.
fn run(layer: &Layer, program: &Program, cases: &[Case], engine: Engine, seed: u64) -> Ran {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let (delta, session) = (Delta::random(&mut rng), SessionKey::random(&mut rng).on(engine));
    let zero: Vec<Block> = (0..layer.evaluator_wires()).map(|_| Block::random(&mut rng)).collect();
    let inputs: Vec<u64> = cases.iter().map(|case| case.evaluator).collect();
    let choices = layer.choices(&inputs);
    let chosen = |at: usize| choices[at / 8] >> (at % 8) & 1 == 1;
    let held = zero.iter().enumerate().map(|(at, zero)| *zero ^ (Block::mask(chosen(at)) & delta.block()));
    let (mut server_joint, mut client_joint) = (None, None);
    if layer.has_joint() {
        let choices: Vec<bool> = cases.iter().map(|_| rng.random()).collect();
        let ours: Vec<u64> = cases.iter().map(|_| rng.random()).collect();
        let product = |case: &Case, choice: bool| if choice { case.joint } else { 0 };
        let products = cases.iter().zip(&choices).map(|(case, choice)| product(case, *choice));
        let shares = products.zip(&ours).map(|(product, own)| product.wrapping_sub(*own)).collect();
        let values = cases.iter().map(|case| case.joint).collect();
        server_joint = Some(GarblerJoint { choices: choices.into(), shares: ours.into() });
        client_joint = Some(EvaluatorJoint { values, shares });
    }
    let (mut material, mut online) = (Vec::new(), Vec::new());
    let keep = |piece| {
        material.push(piece);
        Ok(())
    };
    let server =
        garble_layer(layer.clone(), session, delta, &mut zero.clone(), server_joint.as_ref(), &mut rng, keep)
            .unwrap();
    let mut pieces = material.clone().into_iter();
    let next = |_| Ok(pieces.next().unwrap());
    let client = EvaluatorLayer::receive(
        layer.clone(),
        session,
        held.collect(),
        client_joint,
        &mut Depot::memory(),
        next,
    )
    .unwrap();
    let garbler: Vec<u64> = cases.iter().map(|case| case.garbler).collect();
    let lates = program.outputs.iter().filter(|o| matches!(o, Output::Joint | Output::Served { .. })).count();
    let late: Vec<Vec<u64>> = (0..lates).map(|i| cases.iter().map(|case| case.late[i]).collect()).collect();
    let late: Vec<&[u64]> = late.iter().map(Vec::as_slice).collect();
    let keep = |piece| {
        online.push(piece);
        Ok(())
    };
    let server = server.online(&garbler, &late, keep).unwrap();
    let mut pieces = online.clone().into_iter();
    let mut shares = Vec::new();
    let take = |piece: Vec<u64>| {
        shares.extend(piece);
        Ok(())
    };
    client.evaluate(|_| Ok(pieces.next().unwrap()), take).unwrap();
    Ran { material, online, server, client: shares }
}

/// Every engine, the same bytes; every unit right; every byte as declared.
fn check(program: &Program, ring_bits: u32, cases: &[Case], seed: u64) {
    let layer = Layer::new(program.clone(), cases.len(), ring_bits, 9).unwrap();
    let runs: Vec<Ran> =
        Engine::available().into_iter().map(|engine| run(&layer, program, cases, engine, seed)).collect();
    assert!(runs.iter().all(|ran| *ran == runs[0]), "engines disagree");
    let ran = &runs[0];
    let lengths = |pieces: &[Vec<u8>]| pieces.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(lengths(&ran.material), layer.material_pieces().collect::<Vec<_>>());
    assert_eq!(lengths(&ran.online), layer.online_pieces().collect::<Vec<_>>());
    assert_eq!(lengths(&ran.material).iter().sum::<usize>(), layer.material_bytes());
    assert_eq!(lengths(&ran.online).iter().sum::<usize>(), layer.online_bytes());
    assert_eq!((ran.server.len(), ran.client.len()), (cases.len(), cases.len()));
    for ((case, ours), theirs) in cases.iter().zip(&ran.server).zip(&ran.client) {
        let found = match program.outputs[0] {
            Output::Coloured => ours ^ theirs,
            Output::Weighted(_) | Output::Joint | Output::Served { .. } => {
                ours.wrapping_add(*theirs) & low(ring_bits)
            }
        };
        assert_eq!(found, case.expected(program, ring_bits), "{} and {}", case.garbler, case.evaluator);
    }
}

fn random_cases(units: usize, rng: &mut ChaCha20Rng) -> Vec<Case> {
    let mut case = || Case {
        garbler: rng.random(),
        evaluator: rng.random(),
        late: vec![rng.random(), rng.random_range(0..2)],
        joint: rng.random(),
    };
    (0..units).map(|_| case()).collect()
}

fn every_program(n: usize) -> Vec<Program> {
    let [dented, mirrored] = [Activation::Silu, Activation::Sigmoid].map(|of| Curve::tabulated(of, 3, 0.1));
    let curves = [Curve::Relu, Curve::Clamp { top: 6 }, dented, mirrored];
    let programs =
        |curve: &Curve| [programs::narrow(curve, n), programs::sign(curve, n), programs::delphi(curve, n, 2)];
    curves.iter().flat_map(programs).collect()
}

#[test]
fn layers_of_all_sizes_equal_the_clear_circuit() {
    let mut rng = ChaCha20Rng::seed_from_u64(22);
    for units in [0, 1, 15, 31, 32, 33, 100] {
        for (bits, ring_bits) in [(13, 22), (11, 23), (16, 41)] {
            for program in every_program(bits) {
                // The delphi circuit has one output a bit of its ring.
                let ring_bits = if program.outputs[0] == Output::Coloured { bits as u32 } else { ring_bits };
                check(&program, ring_bits, &random_cases(units, &mut rng), units as u64);
            }
        }
    }
}

/// More than a piece of either message, whose cuts fall on different units.
#[test]
fn a_layer_of_several_pieces_equals_the_clear_circuit() {
    let mut rng = ChaCha20Rng::seed_from_u64(23);
    let program = programs::sign(&Curve::Relu, 14);
    let layer = Layer::new(program.clone(), 6001, 25, 9).unwrap();
    assert!(layer.material_pieces().count() > 2 && layer.online_pieces().count() > 2);
    check(&program, 25, &random_cases(6001, &mut rng), 23);
}

#[test]
fn every_input_of_a_small_width_is_right() {
    let mut rng = ChaCha20Rng::seed_from_u64(25);
    for program in every_program(4) {
        let ring_bits = if program.outputs[0] == Output::Coloured { 4 } else { 9 };
        let wires = program.circuit.evaluator_inputs();
        let pairs = (0..1u64 << 4).flat_map(|u| (0..1u64 << wires).map(move |v| (u, v)));
        let cases: Vec<Case> = pairs
            .zip(random_cases(1 << (4 + wires), &mut rng))
            .map(|((garbler, evaluator), case)| Case { garbler, evaluator, ..case })
            .collect();
        check(&program, ring_bits, &cases, 3);
    }
}

#[test]
fn threads_change_nothing() {
    let mut rng = ChaCha20Rng::seed_from_u64(26);
    let program = programs::narrow(&Curve::Relu, 12);
    let layer = Layer::new(program.clone(), 3001, 21, 9).unwrap();
    let cases = random_cases(3001, &mut rng);
    let alone = run(&layer, &program, &cases, Engine::fastest(), 5);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    assert!(pool.install(|| run(&layer, &program, &cases, Engine::fastest(), 5)) == alone);
}

#[test]
fn pieces_travel_as_frames_of_their_kind() {
    let mut rng = ChaCha20Rng::seed_from_u64(27);
    let program = programs::narrow(&Curve::Relu, 5);
    let layer = Layer::new(program, 40, 9, 9).unwrap();
    let (mut client, mut server) = Channel::pair(Duration::from_secs(20));
    let (delta, session) = (Delta::random(&mut rng), SessionKey::random(&mut rng));
    let zero = vec![Block::ZERO; layer.evaluator_wires()];
    let garbled = garble_layer(layer.clone(), session, delta, &mut zero.clone(), None, &mut rng, |piece| {
        Ok(server.send(MATERIAL, piece)?)
    })
    .unwrap();
    server.flush().unwrap();
    let held = EvaluatorLayer::receive(layer, session, zero.into(), None, &mut Depot::memory(), |length| {
        Ok(client.recv(MATERIAL, length)?)
    })
    .unwrap();
    let ours = garbled.online(&[3; 40], &[], |piece| Ok(server.send(LABELS, piece)?)).unwrap();
    server.flush().unwrap();
    let mut theirs = Vec::new();
    let take = |piece: Vec<u64>| {
        theirs.extend(piece);
        Ok(())
    };
    held.evaluate(|length| Ok(client.recv(LABELS, length)?), take).unwrap();
    assert_eq!(theirs.len(), 40);
    assert!(ours.iter().zip(&theirs).all(|(a, b)| a.wrapping_add(*b) & low(9) == 4), "3 + 0 + 1");
}

#[test]
fn widths_that_do_not_fit_are_refused() {
    let program = programs::narrow(&Curve::Relu, 10);
    for ring_bits in [0, 8, 65] {
        assert!(matches!(Layer::new(program.clone(), 1, ring_bits, 0), Err(Error::Config { .. })));
    }
    assert!(Layer::new(program, 1, 9, 0).is_ok());
}

#[test]
fn a_short_piece_is_the_peers_fault() {
    let layer = Layer::new(programs::narrow(&Curve::Relu, 4), 1, 8, 0).unwrap();
    let labels = vec![Block::ZERO; layer.evaluator_wires()];
    let session = SessionKey::from_bytes([0; 16]);
    let received = EvaluatorLayer::receive(layer, session, labels.into(), None, &mut Depot::memory(), |n| {
        Ok(vec![0; n - 1])
    });
    assert!(matches!(received, Err(Error::Peer { .. })));
}

/// Regression values of this implementation, made by this test (`tests/vectors/garbled_layers.txt`): they pin gate order,
/// tweaks, table layout and packing, so that a faster kernel must produce the same bytes.
#[test]
fn the_bytes_of_garbled_layers_are_fixed() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/garbled_layers.txt");
    let mut found = String::new();
    let names = ["narrow", "sign", "delphi"];
    for (index, program) in every_program(7).iter().enumerate() {
        let mut rng = ChaCha20Rng::seed_from_u64(24);
        let layer = Layer::new(program.clone(), LANES + 3, 22, 1).unwrap();
        let ran = run(&layer, program, &random_cases(LANES + 3, &mut rng), Engine::fastest(), 24);
        let mut digest = Sha256::new();
        ran.material.iter().chain(&ran.online).for_each(|piece| digest.update(piece));
        ran.server.iter().chain(&ran.client).for_each(|share| digest.update(share.to_le_bytes()));
        let hex: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let curve = ["relu", "clamp", "silu", "sigmoid"][index / 3];
        found += &format!("{} {curve} {hex}\n", names[index % 3]);
    }
    assert_eq!(found, std::fs::read_to_string(&path).unwrap_or_default(), "{}", path.display());
}
