//! A silent correlated OT on either side, whole batches over an in-process channel, on every engine; and what travels for it.

use crate::measure::{Effort, Failure, each, engines, tell};
use netem::Channel;
use protocols::block::{Block, Delta};
use protocols::cipher::Engine;
use protocols::ot::OtVariant;
use protocols::ot::extension::extension_bytes;
use protocols::ot::silent::{Batch, Receiver, Sender, Supply};
use rand::{CryptoRng, Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// As many as are asked for at once.
const TRANSFERS: usize = 1 << 18;
const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) fn measure(effort: Effort) -> Result<(), Failure> {
    for batches in Batch::ALL {
        let of = batches.name();
        for (name, engine) in engines() {
            let [sender, receiver] = measure_on(effort, batches, engine)?;
            let both = sender.iter().zip(&receiver).map(|(sender, receiver)| sender + receiver).collect();
            tell(&format!("silent OT, {of}, sender, {name}"), "ns", sender);
            tell(&format!("silent OT, {of}, receiver, {name}"), "ns", receiver);
            tell(&format!("silent OT, {of}, both sides, {name}"), "ns", both);
        }
        let mut supply = Supply::new(batches);
        let a_transfer = |bytes: usize| vec![bytes as f64 / batches.size() as f64];
        let stock = extension_bytes(OtVariant::default(), batches.stock());
        tell(
            &format!("silent OT, {of}, bytes of the first with its stock"),
            "B",
            a_transfer(stock + supply.take(batches.size()).bytes),
        );
        tell(
            &format!("silent OT, {of}, bytes of the next"),
            "B",
            a_transfer(supply.take(batches.size()).bytes),
        );
    }
    Ok(())
}

/// Nanoseconds a transfer of sender and receiver, a run each.
fn measure_on(effort: Effort, batches: Batch, engine: Engine) -> Result<[Vec<f64>; 2], Failure> {
    let (mut left, mut right) = Channel::pair(DEADLINE);
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let (mut sender, mut receiver) = dealt(batches, engine, &mut rng);
    let [mut of_sender, mut of_receiver] = [Vec::new(), Vec::new()];
    for run in 0..=effort.layer_runs() {
        let [mut sending, mut receiving] = [Duration::ZERO; 2];
        // A whole batch, so that what it makes for the next one counts.
        for start in (0..batches.size()).step_by(TRANSFERS) {
            let n = TRANSFERS.min(batches.size() - start);
            let began = Instant::now();
            black_box(sender.extend(&mut left, n)?);
            left.flush()?;
            sending += began.elapsed();
            let began = Instant::now();
            black_box(receiver.extend(&mut right, n)?);
            receiving += began.elapsed();
        }
        // The first run warms up.
        if run > 0 {
            of_sender.push(each(sending, batches.size()));
            of_receiver.push(each(receiving, batches.size()));
        }
    }
    Ok([of_sender, of_receiver])
}

/// Both parties, with a stock of random strings on no choices.
fn dealt(batches: Batch, engine: Engine, rng: &mut (impl CryptoRng + Rng)) -> (Sender, Receiver) {
    let delta = Delta::random(rng);
    let strings: Vec<Block> = (0..batches.stock()).map(|_| Block::random(rng)).collect();
    let choices = vec![0; strings.len().div_ceil(8)];
    let sender = Sender::on(engine, batches, delta, strings.clone().into(), rng);
    (sender, Receiver::on(engine, batches, strings.into(), &choices))
}
