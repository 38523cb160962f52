//! The homomorphic kernels of a linear segment, N = 4096 and two primes of 50 bits, and the bare transforms that their
//! floors are counted in. The layer is a 3x3 convolution of 16 channels at 32x32.

use crate::measure::{Effort, Failure, nanoseconds, scaled, tell};
use models::fixed::Ring;
use models::graph::{Shape, Window};
use protocols::he::client::ClientKey;
use protocols::he::noise::NoiseProof;
use protocols::he::packing::Packing;
use protocols::he::server::{PreparedWeights, ServerKey, weight_norms};
use protocols::he::{Exchange, HeParameters};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use std::hint::black_box;
use tfhe_ntt::prime64;

const SHAPE: Shape = Shape::new(16, 32, 32);
const WINDOW: Window = Window::square(3, 1, 1);
const DEGREE: usize = 4096;

pub(crate) fn measure(effort: Effort) -> Result<(), Failure> {
    let runs = effort.kernel_runs();
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let ring = Ring::new(22).ok_or("no ring of 22 bits")?;
    let he = HeParameters { degree: DEGREE, modulus_bits: vec![50, 50], plain_bits: ring.bits() };
    let library = he.build()?;
    bare(effort, library.moduli()[0])?;
    let packing = Packing::choose(&he, SHAPE, WINDOW, SHAPE).ok_or("the layer does not fit")?;
    let kernel: Vec<i32> = (0..16 * 16 * 9).map(|_| rng.random_range(-128..=128)).collect();
    let values: Vec<i64> = (0..SHAPE.size()).map(|_| ring.signed(rng.random())).collect();
    let mask: Vec<u64> = (0..SHAPE.size()).map(|_| ring.reduce(rng.random())).collect();
    let proof =
        NoiseProof::derive(&he, weight_norms(&packing, &kernel), 1 << 17).ok_or("no room for noise")?;
    let exchange = Exchange { packing: packing.clone(), proof };
    let client = ClientKey::generate(&he, &mut rng)?;
    let weights = PreparedWeights::new(&library, &packing, &kernel)?;
    let server = ServerKey::new(&he, &library, &client.public_key(&mut rng))?;
    let request = client.request(&packing, 0, &values, &mut rng)?;
    let requests: Vec<_> =
        packing.requests_of(0).map(|_| server.read_request(&request)).collect::<Result<_, _>>()?;
    let answer = server.answer(&exchange, &weights, 0, &requests, &mask, &mut rng)?;
    let mut outputs = vec![0u64; SHAPE.size()];

    let micro = |figure: &str, nanoseconds: Vec<f64>| tell(figure, "us", scaled(nanoseconds, 1e-3));
    let times = nanoseconds(runs, 1, || {
        black_box(client.request(&packing, 0, &values, &mut rng).expect("a request"));
    });
    micro("HE request (client)", times);
    let times = nanoseconds(runs, 1, || {
        black_box(server.read_request(&request).expect("a ciphertext"));
    });
    micro("HE read a request (server)", times);
    let times = nanoseconds(runs, 1, || {
        client.read_answer(ring, &packing, 0, &answer, &mut outputs).expect("an answer");
    });
    micro("HE read an answer (client)", times);
    let polynomials = packing.input_groups() * packing.output_groups();
    let times = nanoseconds(runs, polynomials, || {
        black_box(PreparedWeights::new(&library, &packing, &kernel).expect("weights"));
    });
    micro("HE weight polynomial (server)", times);

    // An answer of all products and one of a single product, in turns, so that a drifting clock hits both alike.
    let many = requests.len();
    if many < 2 {
        return Err(
            "the layer's answers have one product each: a product cannot be told from the rest".into()
        );
    }
    let (mut products, mut answers) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        let mut time = |requests: &[_]| {
            nanoseconds(1, 1, || {
                let answer = server.answer(&exchange, &weights, 0, requests, &mask, &mut rng);
                black_box(answer.expect("an answer"));
            })[0]
        };
        let (one, all) = (time(&requests[..1]), time(&requests));
        let product = (all - one) / (many - 1) as f64;
        products.push(product);
        answers.push(one - product);
    }
    micro("HE product term (server)", products);
    micro("HE answer without products (server)", answers);
    Ok(())
}

/// One row of a polynomial, modulo one prime: a transform, and a product with accumulation.
fn bare(effort: Effort, prime: u64) -> Result<(), Failure> {
    const PASSES: usize = 64;
    let plan = prime64::Plan::try_new(DEGREE, prime).ok_or("no transform modulo the prime")?;
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let mut row = || (0..DEGREE).map(|_| rng.random_range(0..prime)).collect::<Vec<u64>>();
    let (mut sum, left, right) = (row(), row(), row());
    let times = nanoseconds(effort.kernel_runs(), PASSES, || {
        for _ in 0..PASSES {
            plan.fwd(black_box(&mut sum));
        }
    });
    tell("bare NTT of a row", "us", scaled(times, 1e-3));
    let times = nanoseconds(effort.kernel_runs(), PASSES, || {
        for _ in 0..PASSES {
            plan.mul_accumulate(black_box(&mut sum), &left, &right);
        }
    });
    tell("bare multiply-accumulate of a row", "us", scaled(times, 1e-3));
    Ok(())
}
