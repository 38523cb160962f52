//! The server's half: weights in NTT form, products, re-randomisation, flooding.

use super::Exchange;
use super::noise::WeightNorms;
use super::packing::Packing;
use super::params::HeParameters;
use crate::Error;
use crate::wire;
use fhe::bfv::{BfvParameters, Ciphertext, Encoding, Plaintext, PublicKey};
use fhe_math::rq::dot_product;
use fhe_math::rq::traits::TryConvertFrom;
use fhe_math::rq::{Poly, Representation};
use fhe_traits::{DeserializeParametrized, FheEncoder, FheEncrypter};
use ndarray::Array2;
use rand::{CryptoRng, Rng, RngCore};
use std::sync::Arc;

/// The weight polynomials of one convolution, in NTT form, made once per model.
pub struct PreparedWeights {
    /// By output group, then input group.
    polys: Vec<Vec<Poly>>,
}

/// Norms that bound the noise of every answer of a convolution.
pub fn weight_norms(packing: &Packing, kernel: &[i32]) -> WeightNorms {
    let mut norms = WeightNorms { squared: 0.0, absolute: 0.0 };
    for output_group in 0..packing.output_groups() {
        let (mut squared, mut absolute) = (0.0, 0.0);
        for input_group in 0..packing.input_groups() {
            for place in packing.weights(input_group, output_group) {
                let w = f64::from(kernel[place.index]);
                squared += w * w;
                absolute += w.abs();
            }
        }
        norms.squared = norms.squared.max(squared);
        norms.absolute = norms.absolute.max(absolute);
    }
    norms
}

impl PreparedWeights {
    /// Lays out and transforms `kernel`.
    pub fn new(library: &Arc<BfvParameters>, packing: &Packing, kernel: &[i32]) -> Result<Self, Error> {
        let context = library.context_at_level(0)?;
        let mut polys = Vec::with_capacity(packing.output_groups());
        for output_group in 0..packing.output_groups() {
            let mut row = Vec::with_capacity(packing.input_groups());
            for input_group in 0..packing.input_groups() {
                let mut coefficients = vec![0i64; library.degree()];
                for place in packing.weights(input_group, output_group) {
                    coefficients[place.coefficient] = i64::from(kernel[place.index]);
                }
                // Signed on purpose: the library's own plaintexts would lift -3 to t - 3 and drown in noise.
                let mut poly = Poly::try_convert_from(
                    coefficients.as_slice(),
                    context,
                    false,
                    Representation::PowerBasis,
                )
                .map_err(fhe::Error::from)?;
                poly.change_representation(Representation::Ntt);
                row.push(poly);
            }
            polys.push(row);
        }
        Ok(Self { polys })
    }
}

/// Bytes that the library puts before the ciphertext that a public key is.
const PUBLIC_KEY_FRAMING: usize = 4;

/// A ciphertext off the wire: two reduced polynomials modulo all of Q, in NTT form, or the peer is at fault.
///
/// The library takes level, representation and count from the message; none of them is the peer's to choose. Its
/// variable-time shortcuts are switched off, since secret weights are multiplied next.
fn decode(library: &Arc<BfvParameters>, bytes: &[u8]) -> Result<Ciphertext, Error> {
    let fault = |found: String| Error::peer("HE ciphertext", "two polynomials modulo Q in NTT form", found);
    let mut ciphertext = Ciphertext::from_bytes(bytes, library).map_err(|e| fault(e.to_string()))?;
    let context = library.context_at_level(0)?;
    if ciphertext.len() != 2 {
        return Err(fault(format!("{} polynomials", ciphertext.len())));
    }
    for poly in ciphertext.iter_mut() {
        if poly.ctx() != context || poly.representation() != &Representation::Ntt {
            return Err(fault(format!("{:?} of another level or form", poly.representation())));
        }
        let rows = poly.coefficients();
        let reduced = |(row, q): (ndarray::ArrayView1<'_, u64>, &u64)| row.iter().all(|x| x < q);
        if !rows.outer_iter().zip(library.moduli()).all(reduced) {
            return Err(fault("a coefficient that is not reduced".into()));
        }
        poly.disallow_variable_time_computations();
    }
    Ok(ciphertext)
}

/// The server's view of a session: the client's public key.
pub struct ServerKey {
    he: HeParameters,
    library: Arc<BfvParameters>,
    public: PublicKey,
}

impl ServerKey {
    /// Reads the client's public key.
    pub fn new(he: &HeParameters, library: &Arc<BfvParameters>, bytes: &[u8]) -> Result<Self, Error> {
        // The library frames a key as a ciphertext behind four bytes, and shows only the latter.
        let (_, ciphertext) = bytes.split_at(bytes.len().min(PUBLIC_KEY_FRAMING));
        decode(library, ciphertext)?;
        let public = PublicKey::from_bytes(bytes, library)
            .map_err(|e| Error::peer("HE public key", "a key of the plan's parameters", e.to_string()))?;
        Ok(Self { he: he.clone(), library: library.clone(), public })
    }

    /// Reads one request.
    pub fn read_request(&self, bytes: &[u8]) -> Result<Ciphertext, Error> {
        decode(&self.library, bytes)
    }

    /// One answer: the product of its requests with the weights, minus `mask`, re-randomised and flooded.
    ///
    /// `requests` are those of `Packing::requests_of`; `mask` is the whole output tensor of k-bit values.
    pub fn answer<R: RngCore + CryptoRng>(
        &self,
        Exchange { packing, proof }: &Exchange,
        weights: &PreparedWeights,
        answer: usize,
        requests: &[Ciphertext],
        mask: &[u64],
        rng: &mut R,
    ) -> Result<Vec<u8>, Error> {
        let places = packing.outputs(answer);
        let plain_mask = (1u64 << self.he.plain_bits) - 1;
        let mut coefficients = vec![0u64; self.he.degree];
        for place in &places {
            coefficients[place.coefficient] = mask[place.index].wrapping_neg() & plain_mask;
        }
        let plain = Plaintext::try_encode(coefficients.as_slice(), Encoding::poly(), &self.library)?;
        let fresh = self.public.try_encrypt(&plain, rng)?;
        let (mut first, mut second) = (fresh[0].clone(), fresh[1].clone());
        // What follows depends on weights and masks.
        first.disallow_variable_time_computations();
        second.disallow_variable_time_computations();
        let row = weights.polys[packing.output_group_of(answer)].iter();
        first += &dot_product(requests.iter().map(|request| &request[0]), row.clone())
            .map_err(fhe::Error::from)?;
        second += &dot_product(requests.iter().map(|request| &request[1]), row).map_err(fhe::Error::from)?;
        first.change_representation(Representation::PowerBasis);
        second.change_representation(Representation::PowerBasis);
        first += &self.flood(proof.flood_bits, rng)?;
        let target = self.library.context_at_level(self.library.max_level())?;
        first.switch_down_to(target).map_err(fhe::Error::from)?;
        second.switch_down_to(target).map_err(fhe::Error::from)?;
        let first = first.coefficients();
        let mut numbers = second.coefficients().iter().copied().collect::<Vec<u64>>();
        numbers.extend(places.iter().map(|place| first[[0, place.coefficient]]));
        Ok(wire::pack(&numbers, self.he.answer_bits()))
    }

    /// A polynomial of independent uniform integers of [-2^bits, 2^bits).
    fn flood<R: RngCore + CryptoRng>(&self, bits: u32, rng: &mut R) -> Result<Poly, Error> {
        let context = self.library.context_at_level(0)?;
        let moduli = context.moduli_operators();
        let offsets: Vec<u64> = moduli.iter().map(|q| q.reduce_u128(1 << bits)).collect();
        let mut rows = Array2::zeros((moduli.len(), self.he.degree));
        let span = (1u128 << (bits + 1)) - 1;
        for coefficient in 0..self.he.degree {
            let x = rng.random::<u128>() & span;
            for (row, (q, offset)) in moduli.iter().zip(&offsets).enumerate() {
                rows[[row, coefficient]] = q.sub(q.reduce_u128(x), *offset);
            }
        }
        Poly::try_convert_from(rows, context, false, Representation::PowerBasis)
            .map_err(|e| Error::from(fhe::Error::from(e)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::client::ClientKey;
    use super::super::noise::NoiseProof;
    use super::*;
    use models::convolve::convolve;
    use models::fixed::Ring;
    use models::graph::{Shape, Window};

    /// Every single-byte change of the framing is refused or harmless, never a panic.
    #[test]
    fn damaged_ciphertexts_are_the_peers_fault() {
        let mut rng = rand::rng();
        let he = HeParameters { degree: 4096, modulus_bits: vec![50, 50], plain_bits: 22 };
        let library = he.build().unwrap();
        let client = ClientKey::generate(&he, &mut rng).unwrap();
        let window = Window::square(1, 1, 0);
        let shape = Shape::new(1, 8, 8);
        let packing = Packing::choose(&he, shape, window, shape).unwrap();
        let public = client.public_key(&mut rng);
        let server = ServerKey::new(&he, &library, &public).unwrap();
        let request = client.request(&packing, 0, &[1; 64], &mut rng).unwrap();
        let mut refused = 0;
        for at in (0..24).chain(request.len() - 40..request.len()) {
            for flip in [1, 3, 0x80] {
                let mut damaged = request.clone();
                damaged[at] ^= flip;
                refused += usize::from(server.read_request(&damaged).is_err());
                let mut damaged = public.clone();
                damaged[at] ^= flip;
                let _ = ServerKey::new(&he, &library, &damaged);
            }
        }
        assert!(refused >= 20, "only {refused} refused");
        let mut form = request.clone();
        form[5] ^= 3; // the representation: NTT becomes power basis
        assert!(matches!(server.read_request(&form), Err(Error::Peer { .. })));
    }

    #[test]
    fn answers_are_the_convolution_minus_the_mask() {
        let mut rng = rand::rng();
        for (input, window, channels) in [
            (Shape::new(3, 32, 32), Window::square(3, 1, 1), 8),
            (Shape::new(8, 16, 16), Window::square(3, 2, 1), 16),
            (Shape::new(16, 8, 8), Window::square(1, 2, 0), 32),
            (Shape::new(64, 1, 1), Window::square(1, 1, 0), 10),
        ] {
            let ring = Ring::new(25).unwrap();
            let (h, w) = window.output(input).unwrap();
            let out = Shape::new(channels, h, w);
            let he = HeParameters { degree: 4096, modulus_bits: vec![54, 54], plain_bits: ring.bits() };
            let packing = Packing::choose(&he, input, window, out).unwrap();
            let kernel: Vec<i32> = (0..channels * input.c * window.kernel.0 * window.kernel.1)
                .map(|_| rng.random_range(-300..=300))
                .collect();
            let values: Vec<i64> = (0..input.size()).map(|_| ring.signed(rng.random())).collect();
            let mask: Vec<u64> = (0..out.size()).map(|_| ring.reduce(rng.random())).collect();
            let proof = NoiseProof::derive(&he, weight_norms(&packing, &kernel), 1 << 17).unwrap();

            let exchange = Exchange { packing: packing.clone(), proof };
            let client = ClientKey::generate(&he, &mut rng).unwrap();
            let library = he.build().unwrap();
            let weights = PreparedWeights::new(&library, &packing, &kernel).unwrap();
            let server = ServerKey::new(&he, &library, &client.public_key(&mut rng)).unwrap();
            let requests: Vec<Ciphertext> = (0..packing.request_count())
                .map(|r| {
                    let bytes = client.request(&packing, r, &values, &mut rng).unwrap();
                    assert_eq!(bytes.len(), he.request_bytes());
                    server.read_request(&bytes).unwrap()
                })
                .collect();
            let mut outputs = vec![0u64; out.size()];
            for answer in 0..packing.answer_count() {
                let bytes = server
                    .answer(
                        &exchange,
                        &weights,
                        answer,
                        &requests[packing.requests_of(answer)],
                        &mask,
                        &mut rng,
                    )
                    .unwrap();
                assert_eq!(bytes.len(), he.answer_bytes(packing.outputs(answer).len()));
                client.read_answer(ring, &packing, answer, &bytes, &mut outputs).unwrap();
            }
            let wide: Vec<std::num::Wrapping<i64>> = values.iter().map(|x| std::num::Wrapping(*x)).collect();
            let kernel: Vec<_> = kernel.iter().map(|w| std::num::Wrapping(i64::from(*w))).collect();
            let expected = convolve(&wide, input, &window, channels, &kernel);
            for ((y, s), e) in outputs.iter().zip(&mask).zip(expected) {
                assert_eq!(ring.add(*y, *s), ring.from_signed(e.0));
            }
        }
    }
}
