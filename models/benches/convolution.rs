//! The exact ring convolution at ResNet's shapes, one thread, against the plain sum of products and against the
//! machine's limit: a large square matrix product, which runs at the rate of its fused multiply-add units.
//! Elements are multiply-accumulates.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use models::convolve::convolve;
use models::fixed::Ring;
use models::fixed::exact::Convolution;
use models::graph::{Shape, Window};
use models::matmul;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;
use std::hint::black_box;
use std::num::Wrapping;
use std::time::Duration;

/// Input and output channels; all windows are 3x3 with padding 1.
const LAYERS: [(Shape, usize); 4] = [
    (Shape::new(64, 32, 32), 64),
    (Shape::new(128, 16, 16), 128),
    (Shape::new(256, 14, 14), 256),
    (Shape::new(512, 4, 4), 512),
];
const WINDOW: Window = Window::square(3, 1, 1);
/// Side of the square product that stands for the machine's peak.
const SIDE: usize = 1024;

fn exact_ring_convolution(c: &mut Criterion) {
    let mut rng = ChaCha12Rng::seed_from_u64(1);
    let mut group = c.benchmark_group("exact ring convolution");
    group.sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));

    // A 1x1 convolution of SIDE channels at SIDE positions is a bare square matrix product.
    let (square, point) = (Shape::new(SIDE, SIDE, 1), Window::square(1, 1, 0));
    let values: Vec<f64> = (0..2 * SIDE * SIDE).map(|_| f64::from(rng.random_range(-100..100))).collect();
    let (input, kernel) = values.split_at(SIDE * SIDE);
    group.throughput(Throughput::Elements((SIDE * SIDE * SIDE) as u64));
    group.bench_function(format!("peak: {SIDE}x{SIDE}x{SIDE} product"), |b| {
        b.iter(|| matmul::convolve(black_box(input), square, &point, SIDE, kernel));
    });

    let ring = Ring::new(25).expect("a ring");
    for (shape, out) in LAYERS {
        let input: Vec<i64> = (0..shape.size()).map(|_| ring.signed(rng.random())).collect();
        let kernel: Vec<i32> = (0..out * shape.c * 9).map(|_| rng.random_range(-255..=255)).collect();
        let convolution = Convolution::new(ring, shape, WINDOW, out, &kernel);
        let mut sum = vec![0u64; out * shape.area()];
        group.throughput(Throughput::Elements((out * shape.c * 9 * shape.area()) as u64));
        group.bench_function(format!("{shape} to {out}"), |b| {
            b.iter(|| convolution.add_to(black_box(&input), &mut sum));
        });
        let input: Vec<Wrapping<i64>> = input.into_iter().map(Wrapping).collect();
        let kernel: Vec<Wrapping<i64>> = kernel.into_iter().map(|w| Wrapping(i64::from(w))).collect();
        group.bench_function(format!("{shape} to {out}, portable: the plain sum"), |b| {
            b.iter(|| convolve(black_box(&input), shape, &WINDOW, out, &kernel));
        });
    }
    group.finish();
}

criterion_group!(benches, exact_ring_convolution);
criterion_main!(benches);
