//! The homomorphic kernels of a linear segment, one party at a time: a request, an answer, its decryption, and the
//! weights' transform. The layer is a 3x3 convolution of 16 channels at 32x32, as in CIFAR ResNets.

use criterion::{Criterion, criterion_group, criterion_main};
use models::fixed::Ring;
use models::graph::{Shape, Window};
use protocols::he::client::ClientKey;
use protocols::he::noise::NoiseProof;
use protocols::he::packing::Packing;
use protocols::he::server::{PreparedWeights, ServerKey, weight_norms};
use protocols::he::{Exchange, HeParameters};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

const SHAPE: Shape = Shape::new(16, 32, 32);
const WINDOW: Window = Window::square(3, 1, 1);

fn segment(c: &mut Criterion) {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let ring = Ring::new(22).expect("a ring");
    let he = HeParameters { degree: 4096, modulus_bits: vec![50, 50], plain_bits: ring.bits() };
    let library = he.build().expect("secure parameters");
    let packing = Packing::choose(&he, SHAPE, WINDOW, SHAPE).expect("the layer fits");
    let kernel: Vec<i32> = (0..16 * 16 * 9).map(|_| rng.random_range(-128..=128)).collect();
    let values: Vec<i64> = (0..SHAPE.size()).map(|_| ring.signed(rng.random())).collect();
    let mask: Vec<u64> = (0..SHAPE.size()).map(|_| ring.reduce(rng.random())).collect();
    let proof = NoiseProof::derive(&he, weight_norms(&packing, &kernel), 1 << 17).expect("noise fits");
    let exchange = Exchange { packing: packing.clone(), proof };
    let client = ClientKey::generate(&he, &mut rng).expect("a key");
    let weights = PreparedWeights::new(&library, &packing, &kernel).expect("weights");
    let server = ServerKey::new(&he, &library, &client.public_key(&mut rng)).expect("a public key");
    let request = client.request(&packing, 0, &values, &mut rng).expect("a request");
    let requests: Vec<_> =
        packing.requests_of(0).map(|_| server.read_request(&request).expect("a ciphertext")).collect();
    let answer = server.answer(&exchange, &weights, 0, &requests, &mask, &mut rng).expect("an answer");
    let mut outputs = vec![0u64; SHAPE.size()];

    let mut group = c.benchmark_group("segment");
    group.sample_size(20);
    group.bench_function("request", |b| {
        b.iter(|| client.request(&packing, 0, &values, &mut rng).expect("a request"));
    });
    group.bench_function("read request", |b| b.iter(|| server.read_request(&request).expect("a ciphertext")));
    group.bench_function(format!("answer of {} products", requests.len()), |b| {
        b.iter(|| server.answer(&exchange, &weights, 0, &requests, &mask, &mut rng).expect("an answer"));
    });
    group.bench_function("answer of 1 product", |b| {
        b.iter(|| server.answer(&exchange, &weights, 0, &requests[..1], &mask, &mut rng).expect("an answer"));
    });
    group.bench_function("read answer", |b| {
        b.iter(|| client.read_answer(ring, &packing, 0, &answer, &mut outputs).expect("an answer"));
    });
    group.bench_function(
        format!("{} weight polynomials", packing.input_groups() * packing.output_groups()),
        |b| {
            b.iter(|| PreparedWeights::new(&library, &packing, &kernel).expect("weights"));
        },
    );
    group.finish();
}

criterion_group!(benches, segment);
criterion_main!(benches);
