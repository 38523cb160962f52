//! Encryption, products and decryption against the definition, and damaged messages.

use super::ffi::{self, Line, Parameters};
use super::*;
use crate::Error;
use crate::he::ciphertext::Residues;
use crate::he::params::{HeBackend, HeParameters};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng, rng};

fn parameters(degree: usize, modulus_bits: &[u32], plain_bits: u32) -> HeParameters {
    HeParameters { backend: HeBackend::Seal, degree, modulus_bits: modulus_bits.to_vec(), plain_bits }
}

/// A few signed weights, so that the product by definition is quick; the first of them negative.
fn sparse_weights(degree: usize, magnitude: i64, rng: &mut StdRng) -> Vec<i64> {
    let mut weights = vec![0; degree];
    for _ in 0..40 {
        weights[rng.random_range(0..degree)] = rng.random_range(-magnitude..=magnitude);
    }
    weights[rng.random_range(0..degree)] = -magnitude;
    weights
}

/// Adds values * weights modulo X^N + 1 to `sum`.
fn accumulate_negacyclic(sum: &mut [u64], values: &[u64], weights: &[i64]) {
    let degree = values.len();
    for (shift, weight) in weights.iter().enumerate().filter(|(_, w)| **w != 0) {
        for (index, value) in values.iter().enumerate() {
            let product = value.wrapping_mul(*weight as u64);
            let to = &mut sum[(index + shift) % degree];
            *to = if index + shift < degree { to.wrapping_add(product) } else { to.wrapping_sub(product) };
        }
    }
}

/// The right values and the ciphertext of a sum of `terms` products.
fn product(
    he: &HeParameters,
    client: &Client,
    terms: usize,
    magnitude: i64,
    rng: &mut StdRng,
) -> (Vec<u64>, [Residues; 2]) {
    let mask = (1u64 << he.plain_bits) - 1;
    let context = Context::new(he).unwrap();
    let server = Server::new(&context, &client.public_key(rng).unwrap()).unwrap();
    let mut expected = vec![0u64; he.degree];
    let (mut requests, mut weights) = (Vec::new(), Vec::new());
    for _ in 0..terms {
        let values: Vec<u64> = (0..he.degree).map(|_| rng.random::<u64>() & mask).collect();
        let polynomial = sparse_weights(he.degree, magnitude, rng);
        accumulate_negacyclic(&mut expected, &values, &polynomial);
        requests.push(server.request(&client.encrypt(&values, rng).unwrap()).unwrap());
        weights.push(context.weight(&polynomial).unwrap());
    }
    expected.iter_mut().for_each(|x| *x &= mask);
    (expected, server.product(&requests, &weights, rng).unwrap())
}

#[test]
fn products_decrypt_to_the_negacyclic_product() {
    let mut rng = StdRng::seed_from_u64(1);
    for (degree, bits, plain_bits, terms) in
        [(4096, &[54, 54][..], 25, 5), (4096, &[50, 50], 22, 1), (8192, &[54, 54, 54], 30, 2)]
    {
        let he = parameters(degree, bits, plain_bits);
        let client = Client::generate(&he, &mut rng).unwrap();
        let (expected, residues) = product(&he, &client, terms, 300, &mut rng);
        assert_eq!(residues[0].len(), bits.len());
        assert_eq!(client.decrypt_residues([&residues[0], &residues[1]]).unwrap(), expected);
    }
}

/// The noise of a product is what small signed weights make of it, not weights lifted modulo 2^k: an answer moved to
/// within 2^40 of the edge of decryption still decrypts, and one moved past it does not.
#[test]
fn weights_are_lifted_as_signed() {
    let mut rng = StdRng::seed_from_u64(2);
    let he = parameters(4096, &[54, 54], 48);
    let client = Client::generate(&he, &mut rng).unwrap();
    let (expected, residues) = product(&he, &client, 2, 300, &mut rng);
    let moduli = Context::new(&he).unwrap().moduli().to_vec();
    let edge = moduli.iter().map(|q| u128::from(*q)).product::<u128>() >> (he.plain_bits + 1);
    let mask = (1u64 << he.plain_bits) - 1;
    for (offset, negative, error) in [
        (edge - (1 << 40), false, 0),
        (edge - (1 << 40), true, 0),
        (edge + (1 << 40), false, 1),
        (edge + (1 << 40), true, mask),
    ] {
        let mut moved = residues[0].clone();
        for (row, q) in moved.iter_mut().zip(&moduli) {
            let offset = (offset % u128::from(*q)) as u64;
            let offset = if negative { q - offset } else { offset };
            row.iter_mut().for_each(|x| *x = (*x + offset) % q);
        }
        let expected: Vec<u64> = expected.iter().map(|x| (x + error) & mask).collect();
        assert_eq!(client.decrypt_residues([&moved, &residues[1]]).unwrap(), expected);
    }
}

/// Errors are what the noise proof takes them for. With Q only 63 times 2^k, moving an encryption of zero by d makes
/// exactly those coefficients decrypt wrong whose error is beyond the edge then.
#[test]
fn errors_are_as_declared() {
    let he = parameters(4096, &[30, 30], 54);
    let client = Client::generate(&he, &mut rng()).unwrap();
    let shared = &client.context.0;
    let moduli = client.context.moduli();
    let edge = (moduli.iter().map(|q| u128::from(*q)).product::<u128>() >> (he.plain_bits + 1)) as u64;
    let largest = FACTS.distributions.error_bound as u64;
    assert!(edge > largest + 1);
    // wrong[j]: coefficients whose error has magnitude above j.
    let mut wrong = vec![0usize; largest as usize + 1];
    let samples = 8;
    for _ in 0..samples {
        let zero = client.encryptor.zero_symmetric(false).unwrap().save().unwrap();
        let [first, second] = shared.framing.residues(&zero).unwrap();
        for (above, wrong) in wrong.iter_mut().enumerate() {
            for up in [true, false] {
                let mut moved = first.clone();
                for (row, q) in moved.iter_mut().zip(moduli) {
                    let offset = edge - above as u64;
                    let offset = if up { offset } else { q - offset };
                    row.iter_mut().for_each(|x| *x = (*x + offset) % q);
                }
                let values = client.decrypt_residues([&moved, &second]).unwrap();
                *wrong += values.iter().filter(|x| **x != 0).count();
            }
        }
    }
    assert_eq!(wrong[largest as usize], 0, "an error above {largest}");
    // E e^2 = sum of (2j + 1) P(|e| > j), which for a normal variable rounded towards zero is about 8.0.
    let count = (samples * he.degree) as f64;
    let variance: f64 = wrong.iter().enumerate().map(|(j, n)| (2 * j + 1) as f64 * *n as f64 / count).sum();
    assert!((7.6..8.4).contains(&variance), "variance {variance}");
}

#[test]
fn weights_of_zero_are_as_good_as_any() {
    let mut rng = rng();
    let he = parameters(4096, &[50, 50], 22);
    let client = Client::generate(&he, &mut rng).unwrap();
    let context = Context::new(&he).unwrap();
    let server = Server::new(&context, &client.public_key(&mut rng).unwrap()).unwrap();
    let request = server.request(&client.encrypt(&vec![5; he.degree], &mut rng).unwrap()).unwrap();
    let weight = context.weight(&vec![0; he.degree]).unwrap();
    let residues = server.product(&[request], &[weight], &mut rng).unwrap();
    assert_eq!(client.decrypt_residues([&residues[0], &residues[1]]).unwrap(), vec![0; he.degree]);
    // Re-randomised: the second polynomial is not that of a product with zero.
    assert!(residues[1].iter().all(|row| row.iter().filter(|x| **x == 0).count() < 3));
}

#[test]
fn too_wide_or_too_few_weights_are_refused() {
    let he = parameters(4096, &[50, 50], 22);
    let context = Context::new(&he).unwrap();
    let mut weights = vec![0; he.degree];
    for (weight, fits) in
        [(-(1 << 21), true), ((1 << 21) - 1, true), (1 << 21, false), (-(1 << 21) - 1, false)]
    {
        weights[17] = weight;
        assert_eq!(context.weight(&weights).is_ok(), fits, "{weight}");
    }
    assert!(context.weight(&weights[1..]).is_err());
}

#[test]
fn damaged_messages_are_the_peers_fault() {
    let mut rng = rng();
    let he = parameters(4096, &[50, 50], 22);
    let client = Client::generate(&he, &mut rng).unwrap();
    let context = Context::new(&he).unwrap();
    let public = client.public_key(&mut rng).unwrap();
    let server = Server::new(&context, &public).unwrap();
    let request = client.encrypt(&vec![1; he.degree], &mut rng).unwrap();
    assert_eq!((request.len(), public.len()), (he.request_bytes(), he.public_key_bytes()));
    for damage in [
        |bytes: &mut Vec<u8>| bytes.truncate(bytes.len() - 1),
        |bytes: &mut Vec<u8>| bytes.push(0),
        Vec::clear,
        // The first residue of the first and the last residue of the last prime become 2^50 - 1.
        |bytes: &mut Vec<u8>| bytes[..8].fill(0xff),
        |bytes: &mut Vec<u8>| {
            let end = bytes.len() - 64;
            bytes[end - 7..end].fill(0xff);
        },
    ] {
        let (mut damaged, mut key) = (request.clone(), public.clone());
        damage(&mut damaged);
        damage(&mut key);
        assert!(matches!(server.request(&damaged), Err(Error::Peer { .. })));
        assert!(matches!(Server::new(&context, &key), Err(Error::Peer { .. })));
    }
    // Any reduced residues and any seed are a ciphertext.
    let end = request.len();
    for at in [0, 30_000, end - 64, end - 1] {
        let mut other = request.clone();
        other[at] ^= 1;
        assert!(server.request(&other).is_ok());
    }
}

#[test]
fn encryptions_and_keys_are_fresh() {
    let mut rng = rng();
    let he = parameters(4096, &[50, 50], 22);
    let client = Client::generate(&he, &mut rng).unwrap();
    let other = Client::generate(&he, &mut rng).unwrap();
    let values = vec![3; he.degree];
    let mut seen: Vec<Vec<u8>> = (0..3).map(|_| client.encrypt(&values, &mut rng).unwrap()).collect();
    seen.extend((0..3).map(|_| client.public_key(&mut rng).unwrap()));
    for (index, message) in seen.iter().enumerate() {
        let (residues, seed) = message.split_at(message.len() - 64);
        for earlier in &seen[..index] {
            assert_ne!(&earlier[..residues.len()], residues);
            assert_ne!(&earlier[residues.len()..], seed);
        }
    }
    // Another client's key reads something else.
    let (expected, residues) = product(&he, &client, 1, 3, &mut StdRng::seed_from_u64(3));
    assert_ne!(other.decrypt_residues([&residues[0], &residues[1]]).unwrap(), expected);
}

#[test]
fn parameters_off_the_line_or_unusable_are_refused() {
    for he in [parameters(4096, &[60, 60], 20), parameters(4096, &[12, 50], 20)] {
        assert!(matches!(Context::new(&he), Err(Error::Config { .. } | Error::Seal { .. })), "{he:?}");
    }
    // SEAL holds Q against the line itself.
    let primes = ffi::primes(4096, &[60, 60]).unwrap();
    let Err(Error::Seal { found, .. }) = Parameters::new(4096, &primes, 1 << 20, Line::Kept) else {
        panic!("SEAL let 120 bits pass");
    };
    assert!(found.contains("security"), "{found}");
}
