//! One party's compute at a time: nanoseconds an AND to garble and to evaluate, and a correlated OT on either side.
//!
//! The layers are ResNet-sized narrow ReLUs: the figures include the conversion to shares, label handling and output buffers.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use models::fixed::curve::Curve;
use netem::Channel;
use protocols::block::{Block, Delta};
use protocols::cipher::Engine;
use protocols::gc::SessionKey;
use protocols::gc::layer::{EvaluatorLayer, Layer, garble_layer};
use protocols::gc::programs::narrow;
use protocols::ot::{OtVariant, extension};
use protocols::store::Depot;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use std::hint::black_box;
use std::time::{Duration, Instant};

const UNITS: usize = 16_384;
const BITS: usize = 13;
const RING_BITS: u32 = 23;
const TRANSFERS: usize = 1 << 18;
const DEADLINE: Duration = Duration::from_secs(60);

/// Both kernels of a layer, per AND, on every engine of this machine.
fn gates(c: &mut Criterion) {
    // glibc gives large buffers back to the system until one of this size was freed; fresh pages are no kernel's cost.
    drop(black_box(vec![1u8; 31 << 20]));
    for engine in Engine::available() {
        gates_on(c, engine);
    }
}

fn layer() -> Layer {
    Layer::new(narrow(&Curve::Relu, BITS), UNITS, RING_BITS, 0).expect("a valid layer")
}

fn gates_on(c: &mut Criterion, engine: Engine) {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (delta, session) = (Delta::random(&mut rng), SessionKey::random(&mut rng).on(engine));
    let zero: Vec<Block> = (0..layer().evaluator_wires()).map(|_| Block::random(&mut rng)).collect();
    let mut material = Vec::new();
    let keep = |piece| {
        material.push(piece);
        Ok(())
    };
    // Zero labels are overwritten as they are used.
    let mut used = zero.clone();
    let garbled =
        garble_layer(layer(), session, delta, &mut used, None, &mut rng, keep).expect("memory takes all");
    let mut online = Vec::new();
    let keep = |piece| {
        online.push(piece);
        Ok(())
    };
    garbled.online(&[0; UNITS], &[], keep).expect("memory takes all pieces");

    let mut group = c.benchmark_group("gate");
    group.throughput(Throughput::Elements(layer().and_gates() as u64)).sample_size(20);
    group.bench_function(format!("garble, {}", engine.name()), |b| {
        b.iter(|| {
            let emit = |piece| {
                black_box(piece);
                Ok(())
            };
            garble_layer(layer(), session, delta, &mut used, None, &mut rng, emit)
                .map(|_| ())
                .expect("all is taken");
        });
    });
    group.bench_function(format!("evaluate, {}", engine.name()), |b| {
        let ready = || {
            let mut pieces = material.clone().into_iter();
            let next = |_| Ok(pieces.next().expect("all pieces are there"));
            let held = EvaluatorLayer::receive(
                layer(),
                session,
                zero.clone().into(),
                None,
                &mut Depot::memory(),
                next,
            );
            (held.expect("all pieces are there"), online.clone().into_iter())
        };
        let evaluate = |(held, mut online): (EvaluatorLayer, std::vec::IntoIter<Vec<u8>>)| {
            let next = |_| Ok(online.next().expect("all pieces are there"));
            let take = |shares| {
                black_box(shares);
                Ok(())
            };
            held.evaluate(next, take).expect("all pieces fit");
        };
        b.iter_batched(ready, evaluate, BatchSize::PerIteration);
    });
    group.finish();
}

/// The online selection of labels, per label.
fn selection(c: &mut Criterion) {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let (delta, session) = (Delta::random(&mut rng), SessionKey::random(&mut rng));
    let mut zero = vec![Block::ZERO; layer().evaluator_wires()];
    let values: Vec<u64> = (0..UNITS as u64).collect();
    let mut group = c.benchmark_group("label");
    group.throughput(Throughput::Elements((UNITS * BITS) as u64)).sample_size(10);
    group.bench_function("select", |b| {
        let ready = || {
            garble_layer(layer(), session, delta, &mut zero, None, &mut rng, |_| Ok(()))
                .expect("nothing is kept")
        };
        let emit = |piece| {
            black_box(piece);
            Ok(())
        };
        b.iter_batched(ready, |held| held.online(&values, &[], emit), BatchSize::PerIteration);
    });
    group.finish();
}

/// Each side of the OT extension, per transfer, over an in-process channel, on every engine of this machine.
fn transfers(c: &mut Criterion) {
    for variant in OtVariant::ALL.into_iter().filter(|variant| !variant.is_silent()) {
        for engine in Engine::available() {
            transfers_on(c, variant, engine);
        }
    }
}

fn transfers_on(c: &mut Criterion, variant: OtVariant, engine: Engine) {
    let (mut left, mut right) = Channel::pair(DEADLINE);
    let (mut sender, mut receiver) = std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut rng = ChaCha20Rng::seed_from_u64(3);
            let answered = extension::answer(variant, &mut left, Delta::random(&mut rng), &mut rng);
            let sender = answered.expect("set-up").finish_on(engine, &mut left).expect("set-up");
            left.flush().expect("the peer is there");
            sender
        });
        let mut rng = ChaCha20Rng::seed_from_u64(4);
        let opened = extension::open(variant, &mut right, &mut rng).expect("set-up");
        let receiver =
            opened.receive(&mut right).expect("set-up").finish_on(engine, &mut right).expect("set-up");
        right.flush().expect("the peer is there");
        (sender.join().expect("no panic"), receiver)
    });
    let choices: Vec<u8> = (0..TRANSFERS / 8).map(|i| i as u8).collect();
    // Both sides of every round have to run; each function times its own.
    let mut round = || {
        let start = Instant::now();
        let strings = receiver.extend(&mut right, TRANSFERS, &choices).expect("memory takes all frames");
        right.flush().expect("the peer is there");
        let sent = Instant::now();
        black_box((strings, sender.extend(&mut left, TRANSFERS).expect("all frames are there")));
        (sent - start, sent.elapsed())
    };
    let mut group = c.benchmark_group("correlated OT");
    group.throughput(Throughput::Elements(TRANSFERS as u64)).sample_size(20);
    group.bench_function(format!("{}, receiver, {}", variant.name(), engine.name()), |b| {
        b.iter_custom(|n| (0..n).map(|_| round().0).sum());
    });
    group.bench_function(format!("{}, sender, {}", variant.name(), engine.name()), |b| {
        b.iter_custom(|n| (0..n).map(|_| round().1).sum());
    });
    group.finish();
}

criterion_group!(kernels, gates, selection, transfers);
criterion_main!(kernels);
