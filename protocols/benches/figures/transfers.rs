//! A correlated OT on either side, over an in-process channel, by every extension, on every engine.

use crate::measure::{Effort, Failure, each, engines, tell};
use netem::Channel;
use protocols::block::Delta;
use protocols::cipher::Engine;
use protocols::ot::{OtVariant, extension};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use std::hint::black_box;
use std::time::{Duration, Instant};

const TRANSFERS: usize = 1 << 18;
const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) fn measure(effort: Effort) -> Result<(), Failure> {
    for variant in OtVariant::ALL.into_iter().filter(|variant| !variant.is_silent()) {
        for (name, engine) in engines() {
            let of = variant.name();
            let both = measure_on(effort, variant, engine)?;
            tell(&format!("correlated OT, {of}, both sides, {name}"), "ns", both);
        }
    }
    Ok(())
}

/// Nanoseconds a transfer, a run each.
fn measure_on(effort: Effort, variant: OtVariant, engine: Engine) -> Result<Vec<f64>, Failure> {
    let (mut left, mut right) = Channel::pair(DEADLINE);
    let (sender, receiver) = std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut rng = ChaCha20Rng::seed_from_u64(3);
            let answered = extension::answer(variant, &mut left, Delta::random(&mut rng), &mut rng)?;
            let sender = answered.finish_on(engine, &mut left)?;
            left.flush()?;
            Ok::<_, protocols::Error>(sender)
        });
        let mut rng = ChaCha20Rng::seed_from_u64(4);
        let opened = extension::open(variant, &mut right, &mut rng);
        let receiver = opened.and_then(|opened| opened.receive(&mut right)?.finish_on(engine, &mut right));
        let flushed = right.flush();
        (
            sender.join().expect("set-up does not panic"),
            receiver.and_then(|receiver| Ok(flushed.map(|()| receiver)?)),
        )
    });
    let (mut sender, mut receiver) = (sender?, receiver?);
    let choices: Vec<u8> = (0..TRANSFERS / 8).map(|i| i as u8).collect();
    let mut both = Vec::new();
    for run in 0..=effort.kernel_runs() {
        let start = Instant::now();
        black_box(receiver.extend(&mut right, TRANSFERS, &choices)?);
        right.flush()?;
        black_box(sender.extend(&mut left, TRANSFERS)?);
        let time = each(start.elapsed(), TRANSFERS);
        // The first run warms up.
        if run > 0 {
            both.push(time);
        }
    }
    Ok(both)
}
