//! Garbled circuits against their meaning, on every engine, and what a client does with material that nobody garbled.

use super::circuit::{Builder, Circuit, Wire};
use super::evaluate::{ReadTables, evaluate};
use super::garble::{WriteTables, garble};
use super::hash::ChunkKeys;
use super::layer::{EvaluatorJoint, EvaluatorLayer, Layer};
use super::{LANES, Lanes, SessionKey, lanes, programs};
use crate::block::{Block, Delta};
use crate::cipher::Engine;
use crate::fuzz::{Taken, target};
use crate::store::Depot;
use crate::wire::low;
use models::fixed::curve::Curve;
use models::graph::Activation;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

/// Most gates of a circuit.
const GATES: usize = 200;

/// A circuit as an input describes it: inputs of both parties, then three bytes a gate; the last wires are the outputs.
fn circuit(taken: &mut Taken<'_>) -> Circuit {
    let (garbler, evaluator) = (usize::from(taken.byte()) % 9, usize::from(taken.byte()) % 9);
    let (mut builder, mut wires, theirs) = Builder::new(garbler.max(1), evaluator);
    wires.extend(theirs);
    let outputs = usize::from(taken.byte()) % 9 + 1;
    for _ in 0..GATES {
        if taken.ended() {
            break;
        }
        let [kind, a, b] = taken.array();
        // Near wires, so that slots are used again; far ones too.
        let wire = |back: u8| wires[wires.len() - 1 - usize::from(back) % wires.len()];
        let (a, b, c) = (wire(a), wire(b), wire(kind / 6));
        wires.push(match kind % 6 {
            0 => builder.xor(a, b),
            1 => builder.not(a),
            2 => builder.or(a, b),
            3 => builder.xor3(a, b, c),
            4 => builder.majority(a, b, c),
            _ => builder.and(a, b),
        });
    }
    let outputs: Vec<Wire> = wires.iter().rev().take(outputs).copied().collect();
    builder.finish(&outputs)
}

/// Every lane has inputs of its own; what the labels of outputs mean is what the circuit computes in the clear, and every
/// engine makes the same tables.
#[test]
fn circuits() {
    let seed = |kind: u8| [&[4, 4, 2][..], &[kind, 1, 3, kind, 0, 5, 3, 2, 2].repeat(9)].concat();
    target("circuits").seeds((0..12).map(seed)).allows(64, 4 << 20).run(|bytes| {
        let mut taken = Taken(bytes);
        let circuit = circuit(&mut taken);
        let mut rng = ChaCha20Rng::seed_from_u64(bytes.len() as u64);
        let (delta, session) = (Delta::random(&mut rng), SessionKey::random(&mut rng));
        let inputs = circuit.garbler_inputs() + circuit.evaluator_inputs();
        let word = bytes
            .iter()
            .fold(1u64, |word, byte| word.wrapping_mul(0x9e37_79b9).wrapping_add(u64::from(*byte)));
        let bit = |input: usize, lane: usize| word.rotate_left((input * 7 + lane) as u32) & 1 == 1;
        let zero: Vec<Lanes> = (0..inputs).map(|_| lanes(|_| Block::random(&mut rng))).collect();
        let mut first: Option<Vec<u8>> = None;
        for engine in Engine::available() {
            let keys = ChunkKeys::new(session.on(engine), 4, 0);
            let mut zeros = vec![Lanes::ZERO; circuit.slots()];
            zeros[..inputs].copy_from_slice(&zero);
            let mut labels = zeros.clone();
            for (input, zero) in zero.iter().enumerate() {
                labels[input] = lanes(|l| zero[l] ^ (Block::mask(bit(input, l)) & delta.block()));
            }
            let mut tables = Vec::new();
            garble(&circuit, keys, delta.block(), &mut zeros, WriteTables::new(&mut tables, LANES));
            evaluate(&circuit, keys, &mut labels, ReadTables::new(&tables, LANES));
            for lane in 0..LANES {
                let bits: Vec<bool> = (0..inputs).map(|input| bit(input, lane)).collect();
                let (garbler, evaluator) = bits.split_at(circuit.garbler_inputs());
                let expected = circuit.evaluate(garbler, evaluator);
                for (slot, expected) in circuit.output_slots().iter().zip(expected) {
                    let slot = usize::from(*slot);
                    let difference = zeros[slot][lane].0 ^ labels[slot][lane].0;
                    assert_eq!(
                        difference,
                        if expected { delta.block().0 } else { 0 },
                        "{engine:?}, lane {lane}"
                    );
                }
            }
            assert!(*first.get_or_insert_with(|| tables.clone()) == tables, "{engine:?}");
        }
        true
    });
}

/// Material and labels are the peer's: whatever they are, the client gets shares, the same on every engine.
#[test]
fn material() {
    let [dented, mirrored] = [Activation::Silu, Activation::Sigmoid].map(|of| Curve::tabulated(of, 3, 0.1));
    let (curves, ring_bits) = ([Curve::Relu, Curve::Clamp { top: 6 }, dented, mirrored], 22);
    let programs: Vec<_> =
        curves.iter().flat_map(|curve| [programs::narrow(curve, 11), programs::sign(curve, 11)]).collect();
    target("material").seeds([[0; 900], [0xa5; 900]]).allows(64, 4 << 20).run(|bytes| {
        let mut taken = Taken(bytes);
        let program = &programs[usize::from(taken.byte()) % programs.len()];
        let units = usize::from(taken.byte()) % 70;
        let layer = Layer::new(program.clone(), units, ring_bits, 1).unwrap();
        let session = SessionKey::from_bytes(taken.array());
        let turn = usize::from(taken.byte());
        let sent = taken.0;
        // The channel sees to lengths.
        let piece = |length: usize| {
            Ok((0..length)
                .map(|at| sent.get((at + turn) % sent.len().max(1)).map_or(0, |byte| byte ^ at as u8))
                .collect())
        };
        let made = |engine| {
            let labels: Vec<Block> =
                (0..layer.evaluator_wires()).map(|at| Block(at as u128 * 0x1357_9bdf)).collect();
            let joint = layer
                .has_joint()
                .then(|| EvaluatorJoint { values: vec![7; units].into(), shares: vec![9; units].into() });
            let (session, depot) = (session.on(engine), &mut Depot::memory());
            let client =
                EvaluatorLayer::receive(layer.clone(), session, labels.into(), joint, depot, piece).unwrap();
            let mut shares = Vec::new();
            let take = |piece: Vec<u64>| {
                shares.extend(piece);
                Ok(())
            };
            client.evaluate(piece, take).unwrap();
            shares
        };
        let portable = made(Engine::Portable);
        assert!(portable.len() == units && portable.iter().all(|share| *share <= low(ring_bits)));
        assert!(Engine::available().into_iter().all(|engine| made(engine) == portable));
        true
    });
}
