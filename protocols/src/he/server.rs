//! The server's half: weights in NTT form, products, re-randomisation, flooding.

use super::Exchange;
use super::answer::Switch;
use super::backend::{Context, Request, Requests, Server, Weights};
use super::ciphertext::Residues;
use super::noise::{NoiseProof, WeightNorms};
use super::packing::Packing;
use super::params::HeParameters;
use crate::Error;
use crate::parallel::in_order;
use rand::{CryptoRng, RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;
use std::ops::Range;

/// Requests of a segment that a server holds at a time, bytes; at least those of one tile.
const REQUEST_BYTES: usize = 256 << 20;

/// Norms that bound the noise of every answer of a convolution.
pub fn weight_norms(packing: &Packing, kernel: &[i32]) -> WeightNorms {
    let mut norms = WeightNorms { squared: 0.0, absolute: 0.0 };
    for group in 0..packing.output_groups() {
        let (mut squared, mut absolute) = (0i64, 0i64);
        for weight in &kernel[packing.kernel_of(group)] {
            let weight = i64::from(*weight);
            squared += weight * weight;
            absolute += weight.abs();
        }
        norms.squared = norms.squared.max(squared as f64);
        norms.absolute = norms.absolute.max(absolute as f64);
    }
    norms
}

/// The noise proof of one exchange of the step called `step`, or a refusal that names it. `coefficients` are sent over a
/// whole inference.
pub fn prove(
    he: &HeParameters,
    step: &str,
    packing: &Packing,
    kernel: &[i32],
    coefficients: usize,
) -> Result<NoiseProof, Error> {
    let outputs = packing.sent_coefficients() / packing.answer_count();
    NoiseProof::derive(he, weight_norms(packing, kernel), coefficients, outputs).ok_or_else(|| {
        Error::config(
            step,
            "HE noise",
            "flooding and decryption that fit the modulus",
            format!("none at N = {}, log2 Q = {}, k = {}", he.degree, he.log_q(), he.plain_bits),
        )
    })
}

/// What is the same in all sessions of a model: parameters, made once a model.
pub struct HeContext {
    he: HeParameters,
    context: Context,
}

impl HeContext {
    /// The context of `he`, after the security check.
    pub fn new(he: &HeParameters) -> Result<Self, Error> {
        Ok(Self { he: he.clone(), context: Context::new(he)? })
    }
}

/// How many rows of weight polynomials, one an output group, `memory` has room for, bytes, from which it takes them.
pub fn kept_rows(he: &HeParameters, packing: &Packing, memory: &mut usize) -> usize {
    let row_bytes = packing.input_groups() * he.polynomial_memory();
    let kept = (*memory / row_bytes).min(packing.output_groups());
    *memory -= kept * row_bytes;
    kept
}

/// The weight polynomials of one convolution, as far as they are kept.
pub struct PreparedWeights<'a> {
    kernel: &'a [i32],
    /// By output group; `None` where memory was short.
    rows: Vec<Option<Weights>>,
}

impl<'a> PreparedWeights<'a> {
    /// Lays out and transforms `kernel`, keeping no more than `memory` bytes, from which it takes what it uses.
    pub fn new(
        context: &HeContext,
        packing: &Packing,
        kernel: &'a [i32],
        memory: &mut usize,
    ) -> Result<Self, Error> {
        let kept = kept_rows(&context.he, packing, memory);
        let mut rows = Vec::with_capacity(packing.output_groups());
        let transform = |group| transform(context, packing, kernel, group);
        in_order(0..kept, transform, |row| {
            rows.push(Some(row));
            Ok(())
        })?;
        rows.resize_with(packing.output_groups(), || None);
        Ok(Self { kernel, rows })
    }
}

/// The weight polynomials of output group `group`.
fn transform(context: &HeContext, packing: &Packing, kernel: &[i32], group: usize) -> Result<Weights, Error> {
    context.context.weights((0..packing.input_groups()).map(|input_group| {
        let mut coefficients = vec![0i64; context.he.degree];
        for place in packing.weights(input_group, group) {
            coefficients[place.coefficient] = i64::from(kernel[place.index]);
        }
        coefficients
    }))
}

/// The server's view of a session: the client's public key.
pub struct ServerKey<'a> {
    context: &'a HeContext,
    switch: Switch,
    server: Server,
}

/// Requests of one or more tiles.
pub struct TileRequests(Requests);

impl<'a> ServerKey<'a> {
    /// Reads the client's public key.
    pub fn new(context: &'a HeContext, bytes: &[u8]) -> Result<Self, Error> {
        let moduli = context.he.check_primes(context.context.moduli())?;
        Ok(Self { context, switch: Switch::new(&moduli), server: Server::new(&context.context, bytes)? })
    }

    /// How many tiles' requests are held at a time.
    pub fn tiles_at_once(&self, packing: &Packing) -> usize {
        (REQUEST_BYTES / (2 * packing.requests_a_tile() * self.context.he.polynomial_memory())).max(1)
    }

    /// Reads requests, as `messages` brings them.
    pub fn read_requests(
        &self,
        messages: impl Iterator<Item = Result<Vec<u8>, Error>>,
    ) -> Result<TileRequests, Error> {
        let mut requests = self.server.no_requests();
        let read = |bytes: Result<Vec<u8>, Error>| self.server.request(&bytes?);
        in_order(messages, read, |request: Request| {
            requests.push(request);
            Ok(())
        })?;
        Ok(TileRequests(requests))
    }

    /// The answers of `tiles`, in order: products of their requests with the weights, re-randomised, flooded, rounded,
    /// minus `mask`, which is the whole output tensor of k-bit values.
    ///
    /// Output group by output group, so that weights that are not kept are transformed once for all of `tiles`.
    pub fn answers<R: RngCore + CryptoRng>(
        &self,
        exchange: &Exchange,
        weights: &PreparedWeights<'_>,
        requests: &TileRequests,
        (tiles, mask): (Range<usize>, &[u64]),
        rng: &mut R,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let groups = exchange.packing.output_groups();
        let mut answers = vec![Vec::new(); tiles.len() * groups];
        let items = (0..groups).map(|group| {
            let mut seed = [0; 32];
            rng.fill_bytes(&mut seed);
            (group, ChaCha20Rng::from_seed(seed))
        });
        let of_group = |(group, mut rng): (usize, ChaCha20Rng)| {
            let fresh;
            let row = match &weights.rows[group] {
                Some(row) => row,
                None => {
                    fresh = transform(self.context, &exchange.packing, weights.kernel, group)?;
                    &fresh
                }
            };
            let answer = |tile| {
                let of_tile = exchange.packing.requests_of(tile - tiles.start, group);
                let product = self.server.product(&requests.0, of_tile, row, &mut rng)?;
                Ok(self.finish(product, exchange, tile * groups + group, mask, &mut rng))
            };
            Ok((group, tiles.clone().map(answer).collect::<Result<Vec<_>, Error>>()?))
        };
        in_order(items, of_group, |(group, of_group)| {
            for (tile, answer) in of_group.into_iter().enumerate() {
                answers[tile * groups + group] = answer;
            }
            Ok(())
        })?;
        Ok(answers)
    }

    /// What becomes of a product before it is answer number `answer`.
    fn finish<R: RngCore + CryptoRng>(
        &self,
        mut product: [Residues; 2],
        Exchange { packing, proof }: &Exchange,
        answer: usize,
        mask: &[u64],
        rng: &mut R,
    ) -> Vec<u8> {
        let places = packing.outputs(answer);
        self.switch.flood(&mut product[0], &places, proof.flood_bits, rng);
        let masked = (places.as_slice(), mask, self.context.he.plain_bits);
        self.switch.pack(&product, proof.widths, masked)
    }
}

#[cfg(test)]
mod tests {
    use super::super::client::ClientKey;
    use super::super::packing::{Convolution, DEFAULT_RATE, WEIGHT_CACHE_BYTES};
    use super::super::params::HeBackend;
    use super::*;
    use models::convolve::convolve;
    use models::fixed::Ring;
    use models::graph::{Shape, Window};
    use rand::Rng;
    use std::num::Wrapping;

    const LAYERS: [(Shape, Window, usize, usize); 8] = [
        (Shape::new(3, 32, 32), Window::square(3, 1, 1), 8, 1),
        (Shape::new(8, 16, 16), Window::square(3, 2, 1), 16, 1),
        (Shape::new(16, 8, 8), Window::square(1, 2, 0), 32, 1),
        (Shape::new(64, 1, 1), Window::square(1, 1, 0), 10, 1),
        (Shape::new(1, 80, 70), Window::square(5, 1, 2), 1, 1),
        (Shape::new(30, 7, 7), Window::square(3, 1, 1), 30, 30),
        (Shape::new(12, 14, 14), Window::square(3, 2, 1), 24, 6),
        (Shape::new(6, 64, 64), Window::square(3, 1, 1), 4, 2),
    ];

    /// Masks in, mask-free outputs out, by one backend; `memory` for weights.
    fn outputs(
        he: &HeParameters,
        exchange: &Exchange,
        (kernel, values, mask): (&[i32], &[i64], &[u64]),
        mut memory: usize,
    ) -> Vec<u64> {
        let mut rng = rand::rng();
        let packing = &exchange.packing;
        let client = ClientKey::generate(he, &mut rng).unwrap();
        let context = HeContext::new(he).unwrap();
        let weights = PreparedWeights::new(&context, packing, kernel, &mut memory).unwrap();
        let server = ServerKey::new(&context, &client.public_key(&mut rng).unwrap()).unwrap();
        let mut messages = Vec::new();
        for r in 0..packing.request_count() {
            messages.push(client.request(packing, r, values, &mut rng));
            assert_eq!(messages[r].as_ref().unwrap().len(), he.request_bytes());
        }
        let requests = server.read_requests(messages.into_iter()).unwrap();
        let tiles = 0..packing.tile_count();
        let answers = server.answers(exchange, &weights, &requests, (tiles, mask), &mut rng).unwrap();
        let mut outputs = vec![0u64; mask.len()];
        for (answer, bytes) in answers.iter().enumerate() {
            let expected = he.answer_bytes(exchange.proof.widths, packing.outputs(answer).len());
            assert_eq!(bytes.len(), expected);
            for (index, value) in client.read_answer(exchange, answer, bytes).unwrap() {
                outputs[index] = value;
            }
        }
        outputs
    }

    /// Strides, tiles, single pixels: every backend decrypts to the convolution minus the mask, exactly.
    #[test]
    fn answers_are_the_convolution_minus_the_mask() {
        let mut rng = rand::rng();
        for (bits, (input, window, channels, groups)) in
            [22, 25, 25, 30, 22, 22, 25, 22].into_iter().zip(LAYERS)
        {
            let ring = Ring::new(bits).unwrap();
            let (h, w) = window.output(input).unwrap();
            let out = Shape::new(channels, h, w);
            let kernel: Vec<i32> = (0..channels * input.c / groups * window.kernel.0 * window.kernel.1)
                .map(|_| rng.random_range(-300..=300))
                .collect();
            let values: Vec<i64> = (0..input.size()).map(|_| ring.signed(rng.random())).collect();
            let mask: Vec<u64> = (0..out.size()).map(|_| ring.reduce(rng.random())).collect();
            let wide: Vec<_> = values.iter().map(|x| Wrapping(*x)).collect();
            let wide_kernel: Vec<_> = kernel.iter().map(|w| Wrapping(i64::from(*w))).collect();
            let product = convolve(&wide, input, &window, channels, &wide_kernel);
            let expected: Vec<u64> =
                product.iter().zip(&mask).map(|(y, s)| ring.sub(ring.from_signed(y.0), *s)).collect();
            for backend in HeBackend::ALL {
                let fitting = HeParameters::candidates(backend, bits).find_map(|he| {
                    let packing =
                        Packing::choose(&he, &Convolution { input, window, out, groups }, DEFAULT_RATE)?;
                    let outputs = packing.sent_coefficients() / packing.answer_count();
                    let norms = weight_norms(&packing, &kernel);
                    let proof = NoiseProof::derive(&he, norms, 1 << 17, outputs)?;
                    Some((he, Exchange { packing, proof }))
                });
                let (he, exchange) = fitting.expect("some candidate has room");
                for memory in [0, WEIGHT_CACHE_BYTES] {
                    let found = outputs(&he, &exchange, (&kernel, &values, &mask), memory);
                    assert_eq!(found, expected, "{backend:?} at {input}");
                }
            }
        }
    }

    /// The norms read the kernel as the packing lays it out.
    #[test]
    fn norms_are_those_of_the_polynomials() {
        let (input, window, groups) = (Shape::new(3, 32, 32), Window::square(3, 2, 1), 1);
        let out = Shape::new(8, 16, 16);
        let he = HeParameters::candidates(HeBackend::Linnet, 22).next().unwrap();
        let packing =
            Packing::choose(&he, &Convolution { input, window, out, groups }, DEFAULT_RATE).unwrap();
        let mut rng = rand::rng();
        let kernel: Vec<i32> = (0..8 * 3 * 9).map(|_| rng.random_range(-300..=300)).collect();
        let (mut squared, mut absolute) = (0i64, 0i64);
        for group in 0..packing.output_groups() {
            let places = (0..packing.input_groups()).flat_map(|input| packing.weights(input, group));
            let weights: Vec<i64> = places.map(|place| i64::from(kernel[place.index])).collect();
            squared = squared.max(weights.iter().map(|w| w * w).sum());
            absolute = absolute.max(weights.iter().map(|w| w.abs()).sum());
        }
        let norms = weight_norms(&packing, &kernel);
        assert_eq!((norms.squared, norms.absolute), (squared as f64, absolute as f64));
    }
}
