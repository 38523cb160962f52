//! Garbling and evaluating, per AND, on every engine, label handling and output buffers included.
//!
//! Bare gates are those of Delphi's circuit, whose outputs need no conversion, a piece at a time, so that tables are in the
//! second-level cache. Beside them stand whole layers of narrow ReLUs, whose evaluation reads its tables from memory.

use crate::measure::{Effort, Failure, each, engines, nanoseconds, tell};
use models::fixed::curve::Curve;
use protocols::Error;
use protocols::block::{Block, Delta};
use protocols::cipher::Engine;
use protocols::gc::SessionKey;
use protocols::gc::layer::{EvaluatorLayer, Layer, garble_layer};
use protocols::gc::programs::{Program, delphi, narrow};
use protocols::store::Depot;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use std::hint::black_box;
use std::time::Instant;

const RING_BITS: u32 = 23;
/// What Delphi's circuit drops.
const SHIFT: usize = 9;
/// Width of narrow ReLUs.
const BITS: usize = 13;
/// Units of Delphi's circuit whose tables take 240 KiB, as a piece does.
const PIECE: usize = 128;
/// Units of a layer.
const LAYER: usize = 16_384;

pub(crate) fn measure(effort: Effort) -> Result<(), Failure> {
    let bare = || delphi(&Curve::Relu, RING_BITS as usize, SHIFT);
    for (name, engine) in engines() {
        measure_on(effort, &format!("an AND, {name}"), engine, bare(), PIECE)?;
    }
    for (name, engine) in engines() {
        let of_layer = "an AND of 16,384 narrow ReLUs, with conversion";
        measure_on(effort, &format!("{of_layer}, {name}"), engine, narrow(&Curve::Relu, BITS), LAYER)?;
    }
    Ok(())
}

fn measure_on(
    effort: Effort,
    name: &str,
    engine: Engine,
    program: Program,
    units: usize,
) -> Result<(), Failure> {
    let runs = effort.kernel_runs();
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (delta, session) = (Delta::random(&mut rng), SessionKey::random(&mut rng).on(engine));
    let layer = Layer::new(program, units, RING_BITS, 0)?;
    let ands = layer.and_gates();
    let zero: Vec<Block> = (0..layer.evaluator_wires()).map(|_| Block::random(&mut rng)).collect();
    let mut material = Vec::new();
    // Zero labels are overwritten as they are used.
    let mut used = zero.clone();
    let garbled =
        garble_layer(layer.clone(), session, delta, &mut used, None, &mut rng, keep(&mut material))?;
    let mut online = Vec::new();
    garbled.online(&vec![0; units], &[], keep(&mut online))?;

    let drop_piece = |piece: Vec<u8>| {
        black_box(piece);
        Ok(())
    };
    let times = nanoseconds(runs, ands, || {
        let garbled = garble_layer(layer.clone(), session, delta, &mut used, None, &mut rng, drop_piece);
        garbled.map(|held| drop(black_box(held))).expect("nothing is kept");
    });
    tell(&format!("garble {name}"), "ns", times);

    // Material is consumed by evaluation, so it is received anew, outside the time.
    let mut times = Vec::with_capacity(runs);
    for run in 0..=runs {
        let mut pieces = material.clone().into_iter();
        let ready = EvaluatorLayer::receive(
            layer.clone(),
            session,
            zero.clone().into(),
            None,
            &mut Depot::memory(),
            |_| take(&mut pieces),
        )?;
        let mut sent = online.clone().into_iter();
        let start = Instant::now();
        ready.evaluate(
            |_| take(&mut sent),
            |shares| {
                black_box(shares);
                Ok(())
            },
        )?;
        let time = each(start.elapsed(), ands);
        if run > 0 {
            times.push(time);
        }
    }
    tell(&format!("evaluate {name}"), "ns", times);
    Ok(())
}

fn keep(pieces: &mut Vec<Vec<u8>>) -> impl FnMut(Vec<u8>) -> Result<(), Error> {
    |piece| {
        pieces.push(piece);
        Ok(())
    }
}

fn take(pieces: &mut std::vec::IntoIter<Vec<u8>>) -> Result<Vec<u8>, Error> {
    Ok(pieces.next().expect("all pieces are there"))
}
