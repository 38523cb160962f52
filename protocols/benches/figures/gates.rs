//! Garbling and evaluating, per AND, on either engine. The layer is a batch of narrow ReLUs; its conversion to shares,
//! its label handling and its output buffers are in the time.

use crate::measure::{Effort, Failure, each, nanoseconds, tell};
use models::fixed::curve::Curve;
use protocols::Error;
use protocols::block::{Block, Delta};
use protocols::cipher::Engine;
use protocols::gc::SessionKey;
use protocols::gc::layer::{ClientLayer, Layer, garble_layer};
use protocols::gc::programs::narrow;
use protocols::store::Depot;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use std::hint::black_box;
use std::time::Instant;

const UNITS: usize = 16_384;
const BITS: usize = 13;
const RING_BITS: u32 = 23;

pub(crate) fn measure(effort: Effort) -> Result<(), Failure> {
    for (name, engine) in [("fastest", Engine::fastest()), ("portable", Engine::Portable)] {
        measure_on(effort, name, engine)?;
    }
    Ok(())
}

fn measure_on(effort: Effort, name: &str, engine: Engine) -> Result<(), Failure> {
    let runs = effort.kernel_runs();
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (delta, session) = (Delta::random(&mut rng), SessionKey::random(&mut rng).on(engine));
    let layer = Layer::new(narrow(&Curve::Relu, BITS), UNITS, RING_BITS, 0)?;
    let ands = layer.and_gates();
    let zero: Vec<Block> = (0..layer.client_wires()).map(|_| Block::random(&mut rng)).collect();
    let mut material = Vec::new();
    let garbled = garble_layer(layer.clone(), session, delta, &zero, None, &mut rng, keep(&mut material))?;
    let mut online = Vec::new();
    garbled.online(&[0; UNITS], &[], keep(&mut online))?;

    let drop_piece = |piece: Vec<u8>| {
        black_box(piece);
        Ok(())
    };
    let times = nanoseconds(runs, ands, || {
        let garbled = garble_layer(layer.clone(), session, delta, &zero, None, &mut rng, drop_piece);
        garbled.map(|held| drop(black_box(held))).expect("nothing is kept");
    });
    tell(&format!("garble an AND, {name} engine"), "ns", times);

    // Material is consumed by evaluation, so it is received anew, outside the time.
    let mut times = Vec::with_capacity(runs);
    for run in 0..=runs {
        let mut pieces = material.clone().into_iter();
        let ready =
            ClientLayer::receive(layer.clone(), session, zero.clone(), None, &mut Depot::memory(), |_| {
                take(&mut pieces)
            })?;
        let mut sent = online.clone().into_iter();
        let start = Instant::now();
        ready.evaluate(|_| take(&mut sent), |shares| Ok(drop(black_box(shares))))?;
        let time = each(start.elapsed(), ands);
        if run > 0 {
            times.push(time);
        }
    }
    tell(&format!("evaluate an AND, {name} engine"), "ns", times);
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
