//! One party's compute at a time: nanoseconds an AND to garble and to evaluate, and a correlated OT on either side.
//!
//! The layers are ResNet-sized narrow ReLUs: the figures include the conversion to shares, label handling and output buffers.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use netem::Channel;
use protocols::block::{Block, Delta};
use protocols::cipher::Engine;
use protocols::gc::SessionKey;
use protocols::gc::circuit::narrow_relu_ands;
use protocols::gc::layer::{Material, ReluLayer, garble};
use protocols::ot::iknp::{CotReceiver, CotSender};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use std::hint::black_box;
use std::time::{Duration, Instant};

const UNITS: usize = 16_384;
const BITS: usize = 13;
const RING_BITS: u32 = 23;
const TRANSFERS: usize = 1 << 18;
const DEADLINE: Duration = Duration::from_secs(60);

/// Both kernels of a layer, per AND, on every engine.
fn gates(c: &mut Criterion) {
    for (name, engine) in [("fastest", Engine::Fastest), ("portable", Engine::Portable)] {
        gates_on(c, name, engine);
    }
}

fn gates_on(c: &mut Criterion, name: &str, engine: Engine) {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (delta, session) = (Delta::random(&mut rng), SessionKey::random(&mut rng).on(engine));
    let layer = ReluLayer::new(UNITS, BITS, RING_BITS, 0).expect("a valid layer");
    let zero: Vec<Block> = (0..layer.input_wires()).map(|_| Block::random(&mut rng)).collect();
    let mut material = Vec::new();
    let garbled = garble(layer, session, delta, &zero, &mut rng, |piece| {
        material.push(piece);
        Ok(())
    })
    .expect("memory takes all pieces");
    let mut labels = Vec::new();
    let send = |piece| {
        labels.push(piece);
        Ok(())
    };
    garbled.inputs.select(&[0; UNITS], send).expect("memory takes all pieces");

    let mut group = c.benchmark_group("gate");
    group.throughput(Throughput::Elements((UNITS * narrow_relu_ands(BITS)) as u64)).sample_size(20);
    group.bench_function(format!("garble, {name}"), |b| {
        b.iter(|| {
            let emit = |piece| {
                black_box(piece);
                Ok(())
            };
            garble(layer, session, delta, &zero, &mut rng, emit).expect("memory takes all pieces").shares
        });
    });
    group.bench_function(format!("evaluate, {name}"), |b| {
        let ready = || {
            let mut pieces = material.clone().into_iter();
            let next = |_| Ok(pieces.next().expect("all pieces are there"));
            let material =
                Material::receive(layer, session, zero.clone(), next).expect("all pieces are there");
            (material, labels.clone().into_iter())
        };
        let evaluate = |(material, mut labels): (Material, std::vec::IntoIter<Vec<u8>>)| {
            material.evaluate(|_| Ok(labels.next().expect("all pieces are there"))).expect("all pieces fit")
        };
        b.iter_batched(ready, evaluate, BatchSize::PerIteration);
    });
    group.finish();
}

/// The online selection of labels, per label.
fn selection(c: &mut Criterion) {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let (delta, session) = (Delta::random(&mut rng), SessionKey::random(&mut rng));
    let layer = ReluLayer::new(UNITS, BITS, RING_BITS, 0).expect("a valid layer");
    let zero = vec![Block::ZERO; layer.input_wires()];
    let values: Vec<u64> = (0..UNITS as u64).collect();
    let mut group = c.benchmark_group("label");
    group.throughput(Throughput::Elements(layer.input_wires() as u64)).sample_size(10);
    group.bench_function("select", |b| {
        let ready =
            || garble(layer, session, delta, &zero, &mut rng, |_| Ok(())).expect("nothing is kept").inputs;
        let emit = |piece| {
            black_box(piece);
            Ok(())
        };
        b.iter_batched(ready, |inputs| inputs.select(&values, emit), BatchSize::PerIteration);
    });
    group.finish();
}

/// Each side of the OT extension, per transfer, over an in-process channel.
fn transfers(c: &mut Criterion) {
    let (mut left, mut right) = Channel::pair(DEADLINE);
    let (mut sender, mut receiver) = std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut rng = ChaCha20Rng::seed_from_u64(3);
            let sender = CotSender::setup(&mut left, Delta::random(&mut rng), &mut rng).expect("set-up");
            left.flush().expect("the peer is there");
            sender
        });
        let receiver = CotReceiver::setup(&mut right, &mut ChaCha20Rng::seed_from_u64(4)).expect("set-up");
        (sender.join().expect("no panic"), receiver)
    });
    let choices: Vec<bool> = (0..TRANSFERS).map(|i| i % 3 == 0).collect();
    // Both sides of every round have to run; each function times its own.
    let mut round = || {
        let start = Instant::now();
        let strings = receiver.extend(&mut right, &choices).expect("memory takes all frames");
        right.flush().expect("the peer is there");
        let sent = Instant::now();
        black_box((strings, sender.extend(&mut left, TRANSFERS).expect("all frames are there")));
        (sent - start, sent.elapsed())
    };
    let mut group = c.benchmark_group("correlated OT");
    group.throughput(Throughput::Elements(TRANSFERS as u64)).sample_size(20);
    group.bench_function("receiver", |b| b.iter_custom(|n| (0..n).map(|_| round().0).sum()));
    group.bench_function("sender", |b| b.iter_custom(|n| (0..n).map(|_| round().1).sum()));
    group.finish();
}

criterion_group!(kernels, gates, selection, transfers);
criterion_main!(kernels);
