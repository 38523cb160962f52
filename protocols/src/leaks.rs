//! Whether the time of what touches a secret depends on it: reported, not gated, since a shared machine's noise says little.
//!
//! ```sh
//! cargo test --release -p protocols leaks -- --ignored --nocapture
//! ```
//!
//! Source: Reparaz, Balasch and Verbauwhede, "Dude, is my code constant time?" (DATE 2017). Each operation runs on a fixed
//! secret and on random ones in random order; the slowest tenth is left out, and Welch's t compares the means. Beyond 4.5 it
//! says that they differ; below, that no difference was found.

use crate::block::{Block, Delta};
use crate::gc::layer::{Layer, garble_layer};
use crate::gc::{SessionKey, programs};
use crate::he::backend::{Client, Context, Server};
use crate::he::ciphertext::{AnswerWidths, Second};
use crate::he::{HeBackend, HeParameters};
use crate::ot::{OtVariant, base, extension};
use crate::wire::low;
use models::fixed::curve::Curve;
use netem::Channel;
use rand::Rng;
use std::hint::black_box;
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(20);

/// Mean and variance of the mean.
fn mean(times: &[f64]) -> (f64, f64) {
    let n = times.len() as f64;
    let mean = times.iter().sum::<f64>() / n;
    let variance = times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, variance / n)
}

/// Welch's t of `count` runs on what `secret` makes, of the fixed class or the random one; `run` says how long it took.
fn welch<S>(count: usize, mut secret: impl FnMut(bool) -> S, mut run: impl FnMut(S) -> Duration) -> f64 {
    let mut rng = rand::rng();
    let mut times: Vec<(f64, bool)> = (0..count)
        .map(|_| {
            let fixed = rng.random();
            (run(secret(fixed)).as_nanos() as f64, fixed)
        })
        .collect();
    times.sort_by(|left, right| left.0.total_cmp(&right.0));
    times.truncate(count - count / 10);
    let class = |wanted: bool| -> Vec<f64> {
        times.iter().filter(|(_, fixed)| *fixed == wanted).map(|(time, _)| *time).collect()
    };
    let [(fixed, of_fixed), (random, of_random)] = [true, false].map(|wanted| mean(&class(wanted)));
    (fixed - random) / (of_fixed + of_random).sqrt()
}

fn report(what: &str, count: usize, t: f64) {
    let verdict = if t.abs() > 4.5 { "times differ" } else { "no difference found" };
    println!("{what:40} {count:6} runs   t = {t:6.2}   {verdict}");
}

fn timed<T>(run: impl FnOnce() -> T) -> Duration {
    let began = Instant::now();
    black_box(run());
    began.elapsed()
}

/// Values that are all zero, or random.
fn values(count: usize, bits: u32) -> impl FnMut(bool) -> Vec<u64> {
    move |fixed| {
        let mut rng = rand::rng();
        (0..count).map(|_| if fixed { 0 } else { rng.random::<u64>() & low(bits) }).collect()
    }
}

#[test]
#[ignore = "a report on a quiet machine"]
fn labels_are_selected_in_a_time_of_their_own() {
    const UNITS: usize = 640;
    let mut rng = rand::rng();
    let layer = Layer::new(programs::narrow(&Curve::Relu, 13), UNITS, 22, 9).unwrap();
    let (delta, session) = (Delta::random(&mut rng), SessionKey::random(&mut rng));
    let count = 4000;
    let t = welch(count, values(UNITS, 13), |shares| {
        let mut zero: Vec<Block> = (0..layer.evaluator_wires()).map(|_| Block::random(&mut rng)).collect();
        let server =
            garble_layer(layer.clone(), session, delta, &mut zero, None, &mut rng, |_| Ok(())).unwrap();
        let take = |piece| {
            black_box::<Vec<u8>>(piece);
            Ok(())
        };
        timed(|| server.online(&shares, &[], take).unwrap())
    });
    report("server's labels, by its share", count, t);
}

#[test]
#[ignore = "a report on a quiet machine"]
fn choices_of_transfers_take_a_time_of_their_own() {
    let mut rng = rand::rng();
    let sender = {
        let (mut left, mut right) = Channel::pair(DEADLINE);
        base::open(&mut left, &mut rng).unwrap();
        left.flush().unwrap();
        right.recv(super::ot::BASE_SENDER, base::SENDER_BYTES).unwrap()
    };
    let (n, count) = (16, 4000);
    let bits = |fixed: bool| -> Vec<bool> { (0..n).map(|_| !fixed && rand::rng().random()).collect() };
    let t = welch(count, bits, |choices| {
        let (mut left, mut right) = Channel::pair(DEADLINE);
        left.send(super::ot::BASE_SENDER, sender.clone()).unwrap();
        left.flush().unwrap();
        let mut rng = rand::rng();
        timed(|| base::receiver(&mut right, &choices, &mut rng).unwrap())
    });
    report("base OT, by the receiver's choices", count, t);

    let (mut left, mut right) = Channel::pair(DEADLINE);
    let delta = Delta::random(&mut rng);
    let (_sender, mut receiver) = std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let answered =
                extension::answer(OtVariant::default(), &mut left, delta, &mut rand::rng()).unwrap();
            answered.finish(&mut left).unwrap()
        });
        let opened = extension::open(OtVariant::default(), &mut right, &mut rand::rng()).unwrap();
        let receiver = opened.receive(&mut right).unwrap().finish(&mut right).unwrap();
        right.flush().unwrap();
        (sender.join().unwrap(), receiver)
    });
    let (n, count) = (4096, 4000);
    let t = welch(count, values(n / 64, 64), |choices| {
        let choices: Vec<u8> = choices.iter().flat_map(|word| word.to_le_bytes()).collect();
        timed(|| receiver.extend(&mut right, n, &choices).unwrap())
    });
    report("OT extension, by the receiver's choices", count, t);
}

#[test]
#[ignore = "a report on a quiet machine"]
fn masks_are_encrypted_and_answers_decrypted_in_a_time_of_their_own() {
    let mut rng = rand::rng();
    for backend in HeBackend::ALL {
        let he = HeParameters::candidates(backend, 22).next().unwrap();
        let client = Client::generate(&he, &mut rng).unwrap();
        let count = 3000;
        let mut of_encryption = rand::rng();
        let t = welch(count, values(he.degree, 22), |plain| {
            timed(|| client.encrypt(&plain, &mut of_encryption).unwrap())
        });
        report(&format!("{}: encryption, by the mask", backend.name()), count, t);
        // What decrypts to zeros or to anything: the first polynomial decides.
        let context = Context::new(&he).unwrap();
        drop(Server::new(&context, &client.public_key(&mut rng).unwrap()).unwrap());
        let widths = AnswerWidths { first: 26, second: 34 };
        let second: Vec<u64> = (0..he.degree).map(|_| rng.random::<u64>() & low(34)).collect();
        let zero = client.decrypt(&vec![0; he.degree], &Second::Narrow(second.clone()), widths).unwrap();
        let to_zero: Vec<u64> = zero.iter().map(|x| x.wrapping_neg() << 4 & low(26)).collect();
        let mut random = values(he.degree, 26);
        let first = |fixed: bool| if fixed { to_zero.clone() } else { random(false) };
        let t = welch(count, first, |first| {
            let second = Second::Narrow(second.clone());
            timed(|| client.decrypt(&first, &second, widths).unwrap())
        });
        report(&format!("{}: decryption, by the plaintext", backend.name()), count, t);
    }
}
