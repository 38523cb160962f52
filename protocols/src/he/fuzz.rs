//! Keys, requests and answers of every backend that this program has, and the kernel that sums products.
//!
//! A whole ciphertext is longer than what a fuzzer changes well, so inputs are changes of a right one: places, and bytes
//! that are put there; then perhaps a length.

use super::answer::unpack;
use super::backend::{Client, Context, Server};
use super::ciphertext::{AnswerWidths, Residues};
use super::linnet::accumulate;
use super::modular::Modulus;
use super::packing::Place;
use super::term::Term;
use super::{HeBackend, HeParameters};
use crate::Error;
use crate::fuzz::{Taken, target};
use crate::wire::low;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

/// Bits of the plaintext.
const PLAIN: u32 = 22;

/// What a ciphertext's worth of numbers takes, in every form that reading it passes through.
const A_CIPHERTEXT: u64 = 4 << 20;

/// `right`, changed.
fn changed(right: &[u8], mut changes: Taken<'_>) -> Vec<u8> {
    let mut bytes = right.to_vec();
    let length = changes.byte();
    while !changes.ended() {
        let at = u32::from_le_bytes(changes.array()) as usize % bytes.len();
        bytes[at] = changes.byte();
    }
    match length {
        0 => {}
        1..128 => bytes.truncate(bytes.len() - usize::from(length).min(bytes.len())),
        128.. => bytes.extend(std::iter::repeat_n(length, usize::from(length))),
    }
    bytes
}

fn parameters(backend: HeBackend) -> HeParameters {
    HeParameters::candidates(backend, PLAIN).next().unwrap()
}

/// What is made of the changed key has to be of use, or the peer's fault.
fn key(backend: HeBackend, name: &'static str) {
    let he = parameters(backend);
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let context = Context::new(&he).unwrap();
    let client = Client::generate(&he, &mut rng).unwrap();
    let right = client.public_key(&mut rng).unwrap();
    let request = client.encrypt(&vec![1; he.degree], &mut rng).unwrap();
    let weights = context.weights([vec![1; he.degree]].into_iter()).unwrap();
    target(name).seeds([[]]).allows(64, A_CIPHERTEXT).run(|bytes| {
        let server = match Server::new(&context, &changed(&right, Taken(bytes))) {
            Ok(server) => server,
            Err(error) => {
                assert!(matches!(error, Error::Peer { .. }), "{error}");
                return false;
            }
        };
        let mut requests = server.no_requests();
        requests.push(server.request(&request).unwrap());
        let product = server.product(&requests, 0..1, &weights, &mut rng).unwrap();
        reduced(&context, &product);
        true
    });
}

fn request(backend: HeBackend, name: &'static str) {
    let he = parameters(backend);
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let context = Context::new(&he).unwrap();
    let client = Client::generate(&he, &mut rng).unwrap();
    let server = Server::new(&context, &client.public_key(&mut rng).unwrap()).unwrap();
    let right = client.encrypt(&vec![1; he.degree], &mut rng).unwrap();
    let weights = context.weights([vec![-1; he.degree]].into_iter()).unwrap();
    target(name).seeds([[]]).allows(64, A_CIPHERTEXT).run(|bytes| {
        let request = match server.request(&changed(&right, Taken(bytes))) {
            Ok(request) => request,
            Err(error) => {
                assert!(matches!(error, Error::Peer { .. }), "{error}");
                return false;
            }
        };
        let mut requests = server.no_requests();
        requests.push(request);
        let product = server.product(&requests, 0..1, &weights, &mut rng).unwrap();
        reduced(&context, &product);
        true
    });
}

/// Whatever a peer sent, products are reduced: what follows counts on it.
fn reduced(context: &Context, product: &[Residues; 2]) {
    for polynomial in product {
        for (row, q) in polynomial.iter().zip(context.moduli()) {
            assert!(row.iter().all(|x| x < q));
        }
    }
}

/// Any answer of the right length decrypts to something.
fn answer(backend: HeBackend, name: &'static str) {
    let he = parameters(backend);
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let client = Client::generate(&he, &mut rng).unwrap();
    let widths = AnswerWidths::usual(PLAIN);
    let places: Vec<Place> =
        (0..he.degree).step_by(9).map(|c| Place { coefficient: c, index: c / 9 }).collect();
    let right = vec![0x5a; widths.answer_bytes(he.degree, places.len())];
    target(name).seeds([[]]).allows(64, A_CIPHERTEXT).run(|bytes| {
        let mut answer = changed(&right, Taken(bytes));
        // The channel sees to the length.
        answer.resize(right.len(), 0);
        let (first, second) = unpack(&answer, he.degree, widths, &places);
        let plain = client.decrypt(&first, &second, widths).unwrap();
        plain.len() == he.degree && plain.iter().all(|x| *x <= low(PLAIN))
    });
}

#[test]
fn linnet_key() {
    key(HeBackend::Linnet, "linnet_key");
}

#[test]
fn linnet_request() {
    request(HeBackend::Linnet, "linnet_request");
}

#[test]
fn linnet_answer() {
    answer(HeBackend::Linnet, "linnet_answer");
}

#[test]
fn fhe_key() {
    key(HeBackend::Fhe, "fhe_key");
}

#[test]
fn fhe_request() {
    request(HeBackend::Fhe, "fhe_request");
}

#[test]
fn fhe_answer() {
    answer(HeBackend::Fhe, "fhe_answer");
}

#[cfg(feature = "seal")]
#[test]
fn seal_key() {
    key(HeBackend::Seal, "seal_key");
}

#[cfg(feature = "seal")]
#[test]
fn seal_request() {
    request(HeBackend::Seal, "seal_request");
}

#[cfg(feature = "seal")]
#[test]
fn seal_answer() {
    answer(HeBackend::Seal, "seal_answer");
}

/// Sums of products modulo a prime: by the kernel where there is one, and by the definition.
#[test]
fn ring_products() {
    const PRIMES: [u64; 3] = [1_125_899_906_826_241, 68_719_403_009, 1_099_511_480_321];
    target("ring_products").seeds([[0x5a; 300], [0xff; 300]]).run(|bytes| {
        let mut taken = Taken(bytes);
        let prime = PRIMES[usize::from(taken.byte()) % PRIMES.len()];
        let (terms, length) = (usize::from(taken.byte()) % 40, 64);
        let words: Vec<u64> = (0..8).map(|_| taken.word()).collect();
        // The largest residue is the likeliest to overflow.
        let residue =
            |term: usize, row: usize, at: usize| match words[(term + row) % 8].rotate_left(at as u32) {
                word if word & 3 == 3 => prime - 1,
                word => word % prime,
            };
        let row =
            |term: usize, row: usize| (0..length).map(|at| residue(term, row, at)).collect::<Vec<u64>>();
        let rows: Vec<[Vec<u64>; 3]> =
            (0..terms).map(|term| [row(term, 0), row(term, 1), row(term, 2)]).collect();
        let terms: Vec<Term<'_>> =
            rows.iter().map(|[weight, first, second]| Term { weight, ciphertext: [first, second] }).collect();
        let mut sums = [row(5, 1), row(6, 2)];
        accumulate(&Modulus::new(prime), &terms, &mut sums);
        for (half, sum) in sums.iter().enumerate() {
            for (at, found) in sum.iter().enumerate() {
                let product =
                    |term: &Term<'_>| u128::from(term.weight[at]) * u128::from(term.ciphertext[half][at]);
                let expected = terms.iter().map(product).sum::<u128>() % u128::from(prime);
                assert_eq!(u128::from(*found), expected);
            }
        }
        true
    });
}
