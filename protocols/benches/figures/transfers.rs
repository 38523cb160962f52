//! A correlated OT on either side, over an in-process channel, on the fastest engine and on the portable one.

use crate::measure::{Effort, Failure, each, tell};
use netem::Channel;
use protocols::block::Delta;
use protocols::cipher::Engine;
use protocols::ot::iknp::{Receiver, Sender};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use std::hint::black_box;
use std::time::{Duration, Instant};

const TRANSFERS: usize = 1 << 18;
const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) fn measure(effort: Effort) -> Result<(), Failure> {
    let [receiving, sending, both] = measure_on(effort, Engine::fastest())?;
    tell("correlated OT, receiver", "ns", receiving);
    tell("correlated OT, sender", "ns", sending);
    tell("correlated OT, both sides", "ns", both);
    let [_, _, both] = measure_on(effort, Engine::Portable)?;
    tell("correlated OT, both sides, portable engine", "ns", both);
    Ok(())
}

/// Nanoseconds a transfer of receiver, sender and both, a run each.
fn measure_on(effort: Effort, engine: Engine) -> Result<[Vec<f64>; 3], Failure> {
    let (mut left, mut right) = Channel::pair(DEADLINE);
    let (sender, receiver) = std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut rng = ChaCha20Rng::seed_from_u64(3);
            let sender = Sender::setup_on(engine, &mut left, Delta::random(&mut rng), &mut rng)?;
            left.flush()?;
            Ok::<_, protocols::Error>(sender)
        });
        let mut rng = ChaCha20Rng::seed_from_u64(4);
        let receiver = Receiver::setup_on(engine, &mut right, &mut rng);
        (sender.join().expect("set-up does not panic"), receiver)
    });
    let (mut sender, mut receiver) = (sender?, receiver?);
    let choices: Vec<u8> = (0..TRANSFERS / 8).map(|i| i as u8).collect();
    let (mut receiving, mut sending, mut both) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..=effort.kernel_runs() {
        let start = Instant::now();
        black_box(receiver.extend(&mut right, TRANSFERS, &choices)?);
        right.flush()?;
        let sent = Instant::now();
        black_box(sender.extend(&mut left, TRANSFERS)?);
        let (first, second) = (each(sent - start, TRANSFERS), each(sent.elapsed(), TRANSFERS));
        // The first run warms up.
        if run > 0 {
            receiving.push(first);
            sending.push(second);
            both.push(first + second);
        }
    }
    Ok([receiving, sending, both])
}
