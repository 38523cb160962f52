//! The homomorphic kernels of a linear segment, N = 4096 and two primes of 50 bits, and the bare transforms that their
//! floors are counted in: those of the backend `linnet`, and the same of the backends on libraries, of which `fhe` is
//! portable. The layer is a 3x3 convolution of 16 channels at 32x32.

use crate::measure::{Effort, Failure, nanoseconds, scaled, tell};
use models::fixed::Ring;
use models::graph::{Shape, Window};
use protocols::he::client::ClientKey;
use protocols::he::noise::NoiseProof;
use protocols::he::packing::{Convolution, DEFAULT_RATE, Packing};
use protocols::he::server::{HeContext, PreparedWeights, ServerKey, weight_norms};
use protocols::he::{Exchange, HeBackend, HeParameters, Transform};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use std::hint::black_box;
use tfhe_ntt::prime64;

const SHAPE: Shape = Shape::new(16, 32, 32);
const WINDOW: Window = Window::square(3, 1, 1);
const DEGREE: usize = 4096;

/// A prime of 50 bits, 1 mod 2N, as the transforms are used with.
const PRIME: u64 = (1 << 50) - 16_383;

pub(crate) fn measure(effort: Effort) -> Result<(), Failure> {
    bare(effort)?;
    measure_on(effort, HeBackend::Linnet, "")
}

pub(crate) fn measure_libraries(effort: Effort) -> Result<(), Failure> {
    for backend in HeBackend::ALL.into_iter().filter(|backend| *backend != HeBackend::Linnet) {
        measure_on(effort, backend, &format!(", {}", backend.name()))?;
    }
    Ok(())
}

/// Every figure's name ends with `suffix`.
fn measure_on(effort: Effort, backend: HeBackend, suffix: &str) -> Result<(), Failure> {
    let runs = effort.kernel_runs();
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let ring = Ring::new(22).ok_or("no ring of 22 bits")?;
    let he = HeParameters { backend, degree: DEGREE, modulus_bits: vec![50, 50], plain_bits: ring.bits() };
    let context = HeContext::new(&he)?;
    let packing = Packing::choose(&he, &convolution(SHAPE), DEFAULT_RATE).ok_or("the layer does not fit")?;
    let kernel: Vec<i32> = (0..16 * 16 * 9).map(|_| rng.random_range(-128..=128)).collect();
    let values: Vec<i64> = (0..SHAPE.size()).map(|_| ring.signed(rng.random())).collect();
    let mask: Vec<u64> = (0..SHAPE.size()).map(|_| ring.reduce(rng.random())).collect();
    let outputs = packing.sent_coefficients() / packing.answer_count();
    let norms = weight_norms(&packing, &kernel);
    let proof = NoiseProof::derive(&he, norms, 1 << 17, outputs).ok_or("no room for noise")?;
    let exchange = Exchange { packing: packing.clone(), proof };
    let client = ClientKey::generate(&he, &mut rng)?;
    let prepare = |packing: &Packing| {
        let mut memory = usize::MAX;
        PreparedWeights::new(&context, packing, &kernel, &mut memory)
    };
    let weights = prepare(&packing)?;
    let public_key = client.public_key(&mut rng)?;
    let server = ServerKey::new(&context, &public_key)?;
    let request = client.request(&packing, 0, &values, &mut rng)?;
    let read = |count: usize| server.read_requests((0..count).map(|_| Ok(request.clone())));
    let requests = read(packing.input_groups())?;
    let answers = server.answers(&exchange, &weights, &requests, (0..1, &mask), &mut rng)?;
    let answer = answers.first().ok_or("a tile without answers")?;

    let micro = |figure: &str, nanoseconds: Vec<f64>| {
        tell(&format!("{figure}{suffix}"), "us", scaled(nanoseconds, 1e-3));
    };
    let times = nanoseconds(runs, 1, || {
        black_box(client.request(&packing, 0, &values, &mut rng).expect("a request"));
    });
    micro("HE request (client)", times);
    let times = nanoseconds(runs, 1, || {
        black_box(read(1).expect("a ciphertext"));
    });
    micro("HE read a request (server)", times);
    let times = nanoseconds(runs, 1, || {
        black_box(client.read_answer(&exchange, 0, answer).expect("an answer"));
    });
    micro("HE read an answer (client)", times);
    let polynomials = packing.input_groups() * packing.output_groups();
    let times = nanoseconds(runs, polynomials, || {
        black_box(prepare(&packing).expect("weights"));
    });
    micro("HE weight polynomial (server)", times);

    // The same layer with one input channel, whose answers have one product each, and with all, in turns, so that a
    // drifting clock hits both alike.
    let many = packing.input_groups();
    if many < 2 {
        return Err(
            "the layer's answers have one product each: a product cannot be told from the rest".into()
        );
    }
    let mut single = Packing::choose(&he, &convolution(Shape::new(packing.cw, 32, 32)), DEFAULT_RATE)
        .ok_or("one group of input channels does not fit")?;
    (single.tile, single.cw, single.mw) = (packing.tile, packing.cw, packing.mw);
    let (one_weight, one_request) = (prepare(&single)?, read(1)?);
    let one = Exchange { packing: single, proof };
    let groups = packing.output_groups() as f64;
    let (mut products, mut answers) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        let mut time = |exchange, weights, requests| {
            nanoseconds(1, 1, || {
                let answers = server.answers(exchange, weights, requests, (0..1, &mask), &mut rng);
                black_box(answers.expect("answers"));
            })[0]
        };
        let (one, all) = (time(&one, &one_weight, &one_request), time(&exchange, &weights, &requests));
        let product = (all - one) / (many - 1) as f64 / groups;
        products.push(product);
        answers.push(one / groups - product);
    }
    micro("HE product term (server)", products);
    micro("HE answer without products (server)", answers);
    Ok(())
}

/// One row of a polynomial, modulo one prime: a transform, and a product with accumulation.
fn bare(effort: Effort) -> Result<(), Failure> {
    const PASSES: usize = 64;
    let plan = prime64::Plan::try_new(DEGREE, PRIME).ok_or("no transform modulo the prime")?;
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let mut row = || (0..DEGREE).map(|_| rng.random_range(0..PRIME)).collect::<Vec<u64>>();
    let (mut sum, left, right) = (row(), row(), row());
    let times = nanoseconds(effort.kernel_runs(), PASSES, || {
        for _ in 0..PASSES {
            plan.fwd(black_box(&mut sum));
        }
    });
    tell("bare NTT of a row", "us", scaled(times, 1e-3));
    let ours = Transform::new(DEGREE, PRIME)?;
    let times = nanoseconds(effort.kernel_runs(), PASSES, || {
        for _ in 0..PASSES {
            ours.forward(black_box(&mut sum));
        }
    });
    tell("NTT of a row", "us", scaled(times, 1e-3));
    let times = nanoseconds(effort.kernel_runs(), PASSES, || {
        for _ in 0..PASSES {
            ours.inverse(black_box(&mut sum));
        }
    });
    tell("NTT of a row, back", "us", scaled(times, 1e-3));
    let times = nanoseconds(effort.kernel_runs(), PASSES, || {
        for _ in 0..PASSES {
            plan.mul_accumulate(black_box(&mut sum), &left, &right);
        }
    });
    tell("bare multiply-accumulate of a row", "us", scaled(times, 1e-3));
    Ok(())
}

/// The layer on an input of this shape.
const fn convolution(input: Shape) -> Convolution {
    Convolution { input, window: WINDOW, out: SHAPE, groups: 1 }
}
