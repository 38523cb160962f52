//! The homomorphic kernels of a linear segment, one party at a time: a request, an answer, its decryption, and the
//! weights' transform. The layer is a 3x3 convolution of 16 channels at 32x32, as in CIFAR ResNets.

use criterion::{Criterion, criterion_group, criterion_main};
use models::fixed::Ring;
use models::graph::{Shape, Window};
use protocols::he::client::ClientKey;
use protocols::he::noise::NoiseProof;
use protocols::he::packing::{Convolution, DEFAULT_RATE, Packing};
use protocols::he::server::{HeContext, PreparedWeights, ServerKey, weight_norms};
use protocols::he::{Exchange, HeBackend, HeParameters};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

const SHAPE: Shape = Shape::new(16, 32, 32);
const WINDOW: Window = Window::square(3, 1, 1);

fn segment(c: &mut Criterion) {
    for backend in HeBackend::ALL {
        let portable = backend == HeBackend::Fhe;
        kernels(c, backend, &format!("{}{}", backend.name(), if portable { " (portable)" } else { "" }));
    }
}

fn kernels(c: &mut Criterion, backend: HeBackend, name: &str) {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let ring = Ring::new(22).expect("a ring");
    let he = HeParameters { backend, degree: 4096, modulus_bits: vec![50, 50], plain_bits: ring.bits() };
    let context = HeContext::new(&he).expect("secure parameters");
    let packing = Packing::choose(
        &he,
        &Convolution { input: SHAPE, window: WINDOW, out: SHAPE, groups: 1 },
        DEFAULT_RATE,
    )
    .expect("the layer fits");
    let kernel: Vec<i32> = (0..16 * 16 * 9).map(|_| rng.random_range(-128..=128)).collect();
    let values: Vec<i64> = (0..SHAPE.size()).map(|_| ring.signed(rng.random())).collect();
    let mask: Vec<u64> = (0..SHAPE.size()).map(|_| ring.reduce(rng.random())).collect();
    let outputs = packing.sent_coefficients() / packing.answer_count();
    let norms = weight_norms(&packing, &kernel);
    let proof = NoiseProof::derive(&he, norms, 1 << 17, outputs).expect("noise fits");
    let exchange = Exchange { packing: packing.clone(), proof };
    let client = ClientKey::generate(&he, &mut rng).expect("a key");
    let prepare = || {
        let mut memory = usize::MAX;
        PreparedWeights::new(&context, &packing, &kernel, &mut memory).expect("weights")
    };
    let weights = prepare();
    let public_key = client.public_key(&mut rng).expect("a public key");
    let server = ServerKey::new(&context, &public_key).expect("a public key");
    let request = client.request(&packing, 0, &values, &mut rng).expect("a request");
    let read =
        |count: usize| server.read_requests((0..count).map(|_| Ok(request.clone()))).expect("ciphertexts");
    let requests = read(packing.input_groups());
    let mut answers =
        server.answers(&exchange, &weights, &requests, (0..1, &mask), &mut rng).expect("answers");
    let answer = answers.swap_remove(0);

    let mut group = c.benchmark_group(format!("segment {name}"));
    group.sample_size(20);
    group.bench_function("request", |b| {
        b.iter(|| client.request(&packing, 0, &values, &mut rng).expect("a request"));
    });
    group.bench_function("read request", |b| b.iter(|| read(1)));
    let of_tile = format!("{} answers of {} products", packing.output_groups(), packing.input_groups());
    group.bench_function(of_tile, |b| {
        b.iter(|| server.answers(&exchange, &weights, &requests, (0..1, &mask), &mut rng).expect("answers"));
    });
    group.bench_function("read answer", |b| {
        b.iter(|| client.read_answer(&exchange, 0, &answer).expect("an answer"));
    });
    let polynomials = packing.input_groups() * packing.output_groups();
    group.bench_function(format!("{polynomials} weight polynomials"), |b| b.iter(prepare));
    group.finish();
}

criterion_group!(benches, segment);
criterion_main!(benches);
