//! What a comparison by tables sends: every bit as often set as not, whatever the shares are.

use super::{both, layer, ring};
use crate::message::{self, CORRELATION, MASKED};
use crate::numbering::LayerId;
use crate::ot::OtVariant;
use crate::plan::{ActivationPlan, ReluVariant};
use crate::setup::{ClientSession, ServerSession};
use crate::steps::kept::Kept;
use crate::store::Depot;
use crate::values::{ClientMask, ClientShare, ServerShare};
use crate::wire::{packed_bytes, unpack};
use models::fixed::curve::Curve;
use models::graph::Shape;
use netem::{Channel, FrameKind};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// Units of one piece, all with the same shares.
const UNITS: usize = 4096;

/// Widths of a unit's numbers at 10 compared bits in a ring of 18: corrections of a table of 5 bits, of two of 4 bits side by
/// side, of the top bit and of one product; what the server opens online; what the client answers.
const CORRECTIONS: [u32; 12] = [16, 16, 16, 16, 16, 16, 16, 16, 16, 9, 2, 1];
const OPENED: (FrameKind, [u32; 2]) = (FrameKind(0x37), [13, 18]);
const ANSWERED: [u32; 4] = [3, 18, 9, 18];

fn bytes(widths: &[u32]) -> usize {
    widths.iter().map(|width| packed_bytes(UNITS, *width)).sum()
}

/// Every bit of every number is set in half of the units, to five standard deviations.
fn check_balanced(what: &str, widths: &[u32], mut message: &[u8]) {
    assert_eq!(message.len(), bytes(widths), "{what}");
    for width in widths {
        let (numbers, later) = message.split_at(packed_bytes(UNITS, *width));
        let numbers = unpack(numbers, *width, UNITS);
        for bit in 0..*width {
            let set = numbers.iter().filter(|number| **number >> bit & 1 == 1).count();
            let (half, deviation) = (UNITS as f64 / 2.0, (UNITS as f64).sqrt() / 2.0);
            assert!(
                (set as f64 - half).abs() < 5.0 * deviation,
                "{what}: bit {bit} of {width} is set {set} times"
            );
        }
        message = later;
    }
}

/// Runs both parties up to the message that is looked at, with `u` and `v` at every unit.
fn check(step: &ActivationPlan, u: u64, v: u64) {
    let kept = Kept::new(ring(), OtVariant::default(), step).unwrap().expect("a unit is kept");
    let id = LayerId::first(0, 1).unwrap();
    let mut rng = ChaCha20Rng::seed_from_u64(31);
    let r = (0..UNITS).map(|_| rng.random::<u64>() & ring().mask()).collect();
    let (v, r) = (ClientShare::new(vec![v; UNITS]), ClientMask::new(r));
    let u = || ServerShare::new(vec![u; UNITS]);
    let choose = |channel: &mut Channel, session: &mut ClientSession| {
        let (mut rng, mut depot) = (ChaCha20Rng::seed_from_u64(4), Depot::memory());
        let offer = kept.client_accept(channel, session, id, &mut depot).unwrap();
        let chosen = offer.choose(channel, session, (&v, &r), (&mut rng, &mut depot)).unwrap();
        channel.flush().unwrap();
        chosen.receive(channel, session, &mut depot).unwrap()
    };
    let prepare = |channel: &mut Channel, session: &mut ServerSession<'_>| {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let offer = kept.server_offer(channel, session, id, &mut rng).unwrap();
        offer.chosen(channel, session).unwrap().garble(channel, session, &mut rng).unwrap()
    };
    // The corrections, as the server receives them.
    let (_, corrections) = both(
        |channel, session| drop(choose(channel, session)),
        |channel, session| {
            kept.server_offer(channel, session, id, &mut ChaCha20Rng::seed_from_u64(5)).unwrap();
            session.labels.extend(channel, UNITS).unwrap();
            message::recv(channel, CORRELATION, bytes(&CORRECTIONS)).unwrap()
        },
    );
    check_balanced("corrections", &CORRECTIONS, &corrections);
    // What the server opens, as the client receives it.
    let (opened, ()) = both(
        |channel, session| {
            choose(channel, session);
            channel.recv(OPENED.0, bytes(&OPENED.1)).unwrap()
        },
        |channel, session| {
            prepare(channel, session).online(channel, &u()).map(drop).unwrap();
            channel.flush().unwrap();
        },
    );
    check_balanced("opened", &OPENED.1, &opened);
    // The answer, as the server receives it.
    let ((), answered) = both(
        |channel, session| choose(channel, session).online(channel, &r).unwrap(),
        |channel, session| {
            prepare(channel, session).online(channel, &u()).map(drop).unwrap();
            channel.recv(MASKED, bytes(&ANSWERED)).unwrap()
        },
    );
    check_balanced("answered", &ANSWERED, &answered);
}

#[test]
fn every_bit_that_a_comparison_sends_is_balanced_whatever_the_shares() {
    let relu = ReluVariant::named("millionaire").expect("it has this name");
    let step = layer(relu, Shape::new(1, 64, 64), Curve::Relu, (0..UNITS as u32).collect());
    let mask = ring().mask();
    for (u, v) in [(0, 0), (mask, mask), (0, mask), (1 << 13, 77)] {
        check(&step, u, v);
    }
}
