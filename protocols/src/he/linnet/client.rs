//! The client: key, encryption, exact decryption.

use super::super::ciphertext::{AnswerWidths, Second};
use super::super::lift::Lift;
use super::super::modular::{Factor, Modulus};
use super::super::params::HeParameters;
use super::ring::Ring;
use super::server::ring;
use super::{sample, wire};
use crate::Error;
use crate::block::Block;
use crate::prg::Prg;
use crate::secret::Secret;
use crate::wire::low;
use num_traits::{AsPrimitive, PrimInt, WrappingAdd, WrappingMul, WrappingSub};
use rand::{CryptoRng, RngCore};

/// Primes that products with the secret are computed in; they are never sent.
const EXACT_BITS: [u32; 2] = [50, 50];

/// The client's key, for one session.
pub(crate) struct Client {
    ring: Ring,
    plain: Lift,
    plain_bits: u32,
    /// -s, in NTT form.
    negated: Secret<u64>,
    /// For products over the integers.
    exact: Ring,
    /// s in NTT form, modulo the primes of `exact`.
    secret: Secret<u64>,
    /// The first prime of `exact`, inverted modulo the second.
    inverse: Factor,
}

impl Client {
    /// A fresh key.
    pub(crate) fn generate<R: RngCore + CryptoRng>(he: &HeParameters, rng: &mut R) -> Result<Self, Error> {
        let ring = ring(he)?;
        let exact = Ring::new(he.degree, &EXACT_BITS)?;
        let mut secret = Secret::from(sample::ternary(&mut Prg::new(Block::random(rng)), he.degree));
        let exact_secret = exact.transform(&secret);
        secret.iter_mut().for_each(|x| *x = -*x);
        let negated = ring.transform(&secret);
        let moduli: Vec<_> = ring.rows.iter().map(|row| row.modulus).collect();
        let [small, large] = [&exact.rows[0].modulus, &exact.rows[1].modulus];
        let inverse = large.factor(large.inverse(small.value()));
        Ok(Self {
            plain: Lift::new(&moduli, he.plain_bits),
            plain_bits: he.plain_bits,
            ring,
            negated: negated.into(),
            exact,
            secret: exact_secret.into(),
            inverse,
        })
    }

    /// The public key: an encryption of zero.
    pub(crate) fn public_key<R: RngCore + CryptoRng>(&self, rng: &mut R) -> Result<Vec<u8>, Error> {
        self.encrypt(&vec![0; self.ring.degree], rng)
    }

    /// A symmetric encryption, its uniform half as a seed.
    pub(crate) fn encrypt<R: RngCore + CryptoRng>(
        &self,
        plain: &[u64],
        rng: &mut R,
    ) -> Result<Vec<u8>, Error> {
        let degree = self.ring.degree;
        let seed = Block::random(rng);
        let mask = sample::uniform(&self.ring, seed);
        let errors = sample::errors(&mut Prg::new(Block::random(rng)), degree);
        let mut first = Vec::with_capacity(mask.len());
        for (prime, row) in self.ring.rows.iter().enumerate() {
            let start = prime * degree;
            first.extend(plain.iter().zip(&errors).map(|(plain, error)| {
                let encoded = self.plain.residue(prime, self.plain.remainder(*plain));
                row.modulus.add(encoded, row.modulus.signed(*error))
            }));
            let sum = &mut first[start..];
            row.forward(sum);
            let places = start..start + degree;
            row.multiply_add(sum, &mask[places.clone()], &self.negated[places]);
        }
        Ok(wire::encode(&self.ring, seed, &first))
    }

    /// Decrypts an answer: N numbers of k bits, right where `first` was sent.
    pub(crate) fn decrypt(
        &self,
        first: &[u64],
        second: &Second,
        widths: AnswerWidths,
    ) -> Result<Vec<u64>, Error> {
        Ok(match second {
            Second::Narrow(second) => self.decrypt_in(first, second, widths),
            Second::Wide(second) => self.decrypt_in(first, second, widths),
        })
    }

    fn decrypt_in<W: Word>(&self, first: &[u64], second: &[W], widths: AnswerWidths) -> Vec<u64> {
        let (up, down) = (widths.second - widths.first, widths.second - self.plain_bits);
        let half = W::one() << (down as usize - 1);
        let products = self.product_with_secret(second, widths.second).into_iter();
        let plain = products.zip(first).map(|(x, first)| {
            let phase = x.wrapping_add(&(W::widened(*first) << up as usize)).wrapping_add(&half);
            let plain: u64 = (phase >> down as usize).as_();
            plain & low(self.plain_bits)
        });
        plain.collect()
    }

    /// `numbers * s` over the integers, from `numbers` of `bits` bits read as signed; right in the low bits of a word.
    ///
    /// A coefficient has magnitude at most N 2^(bits-1). One prime tells it where that is below its half, else two do.
    fn product_with_secret<W: Word>(&self, numbers: &[W], bits: u32) -> Vec<W> {
        let degree = self.exact.degree;
        let sign = W::one() << (bits as usize - 1);
        let product = |row: usize| {
            let (modulus, secret) = (self.exact.rows[row].modulus, &self.secret[row * degree..][..degree]);
            // Moved to start from zero and back, so that any prime will do.
            let offset = sign.reduce(&modulus);
            let signed = |x: &W| modulus.sub((*x ^ sign).reduce(&modulus), offset);
            let mut product: Vec<u64> = numbers.iter().map(signed).collect();
            self.exact.rows[row].forward(&mut product);
            self.exact.rows[row].inverse_of_product(&mut product, secret);
            product
        };
        let first = product(0);
        let [small, large] = [&self.exact.rows[0].modulus, &self.exact.rows[1].modulus];
        let (q, centre) = (small.value(), |x: u64, q: u64| ((q / 2).wrapping_sub(x) as i64 >> 63) as u64 & q);
        if degree.ilog2() + bits <= q.ilog2() {
            return first.iter().map(|x| W::widened(*x).wrapping_sub(&W::widened(centre(*x, q)))).collect();
        }
        let word_of_q = W::widened(q);
        let whole = word_of_q.wrapping_mul(&W::widened(large.value()));
        let both = first.iter().zip(product(1)).map(|(x, y)| {
            // x + q * multiple, less the product of the primes where the multiple is in the upper half.
            let multiple = large.mul(large.sub(y, large.reduce(*x)), self.inverse);
            let above = (large.value() / 2).wrapping_sub(multiple) >> 63;
            let sum = W::widened(*x).wrapping_add(&word_of_q.wrapping_mul(&W::widened(multiple)));
            sum.wrapping_sub(&whole.wrapping_mul(&W::widened(above)))
        });
        both.collect()
    }
}

/// What an answer's second polynomial is multiplied in.
trait Word: PrimInt + WrappingAdd + WrappingSub + WrappingMul + AsPrimitive<u64> {
    /// The same number.
    fn widened(x: u64) -> Self;

    /// The residue.
    fn reduce(self, modulus: &Modulus) -> u64;
}

impl Word for u64 {
    #[inline(always)]
    fn widened(x: u64) -> Self {
        x
    }

    #[inline(always)]
    fn reduce(self, modulus: &Modulus) -> u64 {
        modulus.reduce(self)
    }
}

impl Word for u128 {
    #[inline(always)]
    fn widened(x: u64) -> Self {
        x.into()
    }

    #[inline(always)]
    fn reduce(self, modulus: &Modulus) -> u64 {
        modulus.reduce_wide(self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::answer::Switch;
    use super::super::super::noise::{NoiseProof, WeightNorms};
    use super::super::super::packing::Place;
    use super::super::super::params::HeBackend;
    use super::super::{Context, Server};
    use super::*;
    use rand::Rng;

    /// Against the definition, for widths of one prime and of two, in words of either size.
    #[test]
    fn the_product_with_the_secret_is_exact() {
        let mut rng = rand::rng();
        let he = HeParameters {
            backend: HeBackend::Linnet,
            degree: 4096,
            modulus_bits: vec![50, 50],
            plain_bits: 22,
        };
        let client = Client::generate(&he, &mut rng).unwrap();
        let one = {
            let mut one = vec![0u64; 4096];
            one[0] = 1;
            one
        };
        // s itself, as signed numbers.
        let secret: Vec<i64> = client.product_with_secret(&one, 30).iter().map(|x| *x as i64).collect();
        assert!(secret.iter().all(|x| (-1..=1).contains(x)) && secret.contains(&-1));
        for bits in [30, 37, 38, 39, 58, 62, 64, 65, 76] {
            let numbers: Vec<u128> = (0..4096).map(|_| rng.random::<u128>() >> (128 - bits)).collect();
            let product = client.product_with_secret(&numbers, bits);
            for at in [0, 1, 2047, 4095] {
                let terms = (0..4096usize).map(|i| {
                    let signed = (numbers[i] << (128 - bits)) as i128 >> (128 - bits);
                    let (place, sign) = if i <= at { (at - i, 1) } else { (4096 + at - i, -1) };
                    sign * signed * i128::from(secret[place])
                });
                assert_eq!(product[at] as i128, terms.sum::<i128>(), "{bits} bits at {at}");
            }
            if bits <= 62 {
                let narrow: Vec<u64> = numbers.iter().map(|x| *x as u64).collect();
                let low: Vec<u64> = product.iter().map(|x| *x as u64).collect();
                assert_eq!(client.product_with_secret(&narrow, bits), low, "{bits} bits");
            }
        }
    }

    /// Bits of a plaintext, so few that there is room to flood 2^20 coefficients.
    const PLAIN: u32 = 16;

    /// What decryption sees beyond the plaintext, over the coefficients of `answers` products of encryptions of one mask with
    /// `weights`, flooded by 2^`flood_bits`.
    fn noise(weights: &[i64], flood_bits: u32, answers: usize) -> Vec<i128> {
        let mut rng = rand::rng();
        let he = HeParameters::candidates(HeBackend::Linnet, PLAIN).next().unwrap();
        let (context, client) = (Context::new(&he).unwrap(), Client::generate(&he, &mut rng).unwrap());
        let server = Server::new(&context, &client.public_key(&mut rng).unwrap()).unwrap();
        let moduli: [Modulus; 2] = std::array::from_fn(|i| Modulus::new(context.moduli()[i]));
        let switch = Switch::new(&moduli);
        let places: Vec<_> = (0..he.degree).map(|i| Place { coefficient: i, index: i }).collect();
        let weight = context.weight(weights).unwrap();
        let [small, large] = moduli.map(|modulus| modulus.value());
        let inverse = moduli[1].factor(moduli[1].inverse(small));
        let q = u128::from(small) * u128::from(large);
        let answer = |_| {
            let plain: Vec<u64> = (0..he.degree as u64).map(|i| (i * 977) & low(PLAIN)).collect();
            let request = server.request(&client.encrypt(&plain, &mut rng).unwrap()).unwrap();
            let mut product = server.product(&[request], std::slice::from_ref(&weight), &mut rng).unwrap();
            switch.flood(&mut product[0], &places, flood_bits, &mut rng);
            // The phase c0 + c1 s = c0 - c1 (-s), a prime at a time.
            let [first, second] = product;
            let phases: Vec<Vec<u64>> = (0..2)
                .map(|prime| {
                    let (row, modulus) = (&client.ring.rows[prime], moduli[prime]);
                    let mut product = second[prime].clone();
                    row.forward(&mut product);
                    row.inverse_of_product(&mut product, &client.negated[prime * he.degree..][..he.degree]);
                    first[prime].iter().zip(product).map(|(c, x)| modulus.sub(*c, x)).collect()
                })
                .collect();
            let whole = phases[0].iter().zip(&phases[1]).map(|(x, y)| {
                let multiple = moduli[1].mul(moduli[1].sub(*y, moduli[1].reduce(*x)), inverse);
                u128::from(*x) + u128::from(small) * u128::from(multiple)
            });
            // Less the nearest multiple of Q / 2^PLAIN.
            let beyond = |phase: u128| {
                let plain = ((phase << PLAIN) + q / 2) / q;
                phase as i128 - ((plain * q + (1 << (PLAIN - 1))) >> PLAIN) as i128
            };
            whole.map(beyond).collect::<Vec<_>>()
        };
        (0..answers).flat_map(answer).collect()
    }

    /// Kolmogorov's and Smirnov's distance of two samples of one size, in the units in which it is below 3.3 for equal
    /// distributions except once in 10^9.
    fn distance(mut left: Vec<i128>, mut right: Vec<i128>) -> f64 {
        left.sort_unstable();
        right.sort_unstable();
        let (mut i, mut j, mut widest) = (0, 0, 0);
        while i < left.len() && j < right.len() {
            let at = left[i].min(right[j]);
            i += left[i..].iter().take_while(|x| **x == at).count();
            j += right[j..].iter().take_while(|x| **x == at).count();
            widest = widest.max(i.abs_diff(j));
        }
        widest as f64 / left.len() as f64 * (left.len() as f64 / 2.0).sqrt()
    }

    /// Over 10^6 coefficients each, under weights as different as the noise proof allows: what decryption sees does not tell
    /// them apart. With flooding of no more than the noise itself it does, in a fiftieth of them.
    #[test]
    fn flooding_hides_the_weights() {
        let [small, large] = [1, 512].map(|weight| {
            let mut weights = vec![0; 4096];
            weights[..16].fill(weight);
            weights
        });
        let norms = WeightNorms { squared: 16.0 * 512.0 * 512.0, absolute: 16.0 * 512.0 };
        let he = HeParameters::candidates(HeBackend::Linnet, PLAIN).next().unwrap();
        let flood_bits = NoiseProof::derive(&he, norms, 1 << 20, 4096).unwrap().flood_bits;
        let hidden = distance(noise(&small, flood_bits, 250), noise(&large, flood_bits, 250));
        assert!(hidden < 3.3, "{hidden}");
        let told = distance(noise(&small, 12, 5), noise(&large, 12, 5));
        eprintln!("distances: {hidden:.2} flooded by 2^{flood_bits}, {told:.2} by 2^12");
        assert!(told > 10.0, "{told}");
    }
}
