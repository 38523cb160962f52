//! Somebody in the middle: every frame of a session, spoilt in every way, in either direction, plain and by TLS.
//!
//! Whatever happens to a frame, both parties end in time, without a panic, and with the answer or a typed error. By TLS an
//! answer is then right. A plain channel, which is for one host alone, finds all but changes inside a payload; those the
//! harness finds, by the clear replay that every measured answer is held against.

use crate::fixtures::{Fixture, random};
use crate::protocol::small;
use crate::relay::{DEADLINE, Ended, Fault, Keys, Wire, session};
use models::fixed::scales::Scales;
use models::graph::Activation;
use netem::Identity;
use protocols::Error;
use protocols::clear::replay;
use protocols::plan::ReluVariant;
use protocols::server::Model;
use std::collections::BTreeMap;
use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// What a party may take beyond its deadline.
const SLACK: Duration = Duration::from_secs(5);
/// Sessions under way at a time: most of them wait.
const SESSIONS: usize = 4;
/// A short run tries one case in so many, of every fault as many.
const SHORT: usize = 7;

/// Panics of threads that move bytes, which nobody else hears of.
static PANICS: AtomicUsize = AtomicUsize::new(0);

/// Whether both parties have an answer, and it is what the clear replay says.
fn is_right(fixture: &Fixture, ended: &Ended) -> bool {
    let (Ok(client), Ok(server)) = (&ended.client, &ended.server) else { return false };
    let image = fixture.plan.quantise_image(&fixture.images[0]);
    client.logits == replay(&fixture.plan, &fixture.secrets, &image, &client.seed, &server.seed).logits
}

/// Whether an error says that the peer, or what lies between, is at fault.
fn blames_the_peer(error: &Error) -> bool {
    match error {
        Error::Channel(error) => error.fault() == netem::Fault::Peer,
        Error::Peer { .. } => true,
        _ => false,
    }
}

/// What came of a session with this fault, in a word. Panics where it is not what was promised.
fn judge(fixture: &Fixture, wire: Wire, fault: Fault, ended: &Ended, case: &str) -> &'static str {
    assert!(ended.took < DEADLINE + SLACK, "{case}: ended after {:?}", ended.took);
    let errors = [ended.client.as_ref().err(), ended.server.as_ref().err()];
    for error in errors.into_iter().flatten() {
        assert!(blames_the_peer(error), "{case}: {error}");
        assert!(!error.to_string().contains("panicked"), "{case}: {error}");
    }
    match errors {
        [None, None] if is_right(fixture, ended) => "right",
        // Whoever holds the answer against the replay sees it.
        [None, None] if wire == Wire::Plain && fault == Fault::Flip => "wrong, as the replay shows",
        [None, None] => panic!("{case}: a wrong answer that nobody was told of"),
        // One party alone has ended well: the other was told.
        _ => "refused",
    }
}

/// All faults of all units over all variants, or one case in `every`; then an honest session.
fn spoil(wire: Wire, every: usize) -> BTreeMap<(Fault, &'static str), usize> {
    let told = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        told(panic);
    }));
    let fixtures = ReluVariant::ALL
        .map(|relu| random(small(Activation::Relu), 0.7, Scales { fa: 5, fw: 5 }, 3).with(relu));
    let models: Vec<Model<'_>> =
        fixtures.iter().map(|fixture| Model::prepare(&fixture.plan, &fixture.secrets).unwrap()).collect();
    let keys = Keys(Identity::unnamed_client().unwrap(), Identity::unnamed_server().unwrap());
    let mut cases = Vec::new();
    for (variant, (fixture, model)) in fixtures.iter().zip(&models).enumerate() {
        let honest = session(fixture, model, wire, &keys, [None, None]);
        assert!(is_right(fixture, &honest), "{:?}", honest.client.err());
        for (direction, units) in honest.units.into_iter().enumerate() {
            let faults = (0..units.len()).flat_map(|unit| Fault::ALL.map(|fault| (unit, fault)));
            cases.extend(faults.map(|(unit, fault)| (variant, direction, unit, fault)));
        }
    }
    let cases: Vec<_> = cases.into_iter().step_by(every).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut told = BTreeMap::new();
        while let Some(&(variant, direction, unit, fault)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut spoilt = [None, None];
            spoilt[direction] = Some((unit, fault));
            let (fixture, model) = (&fixtures[variant], &models[variant]);
            let ended = session(fixture, model, wire, &keys, spoilt);
            let way = ["up", "down"][direction];
            let case = format!("{wire:?}, {:?}: {fault:?} of unit {unit} {way}", ReluVariant::ALL[variant]);
            *told.entry((fault, judge(fixture, wire, fault, &ended, &case))).or_insert(0) += 1;
        }
        told
    };
    let mut all = BTreeMap::new();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..SESSIONS).map(|_| scope.spawn(work)).collect();
        for (key, count) in workers.into_iter().flat_map(|worker| worker.join().unwrap()) {
            *all.entry(key).or_insert(0) += count;
        }
    });
    // What was done to others harms no later session.
    for (fixture, model) in fixtures.iter().zip(&models) {
        assert!(is_right(fixture, &session(fixture, model, wire, &keys, [None, None])));
    }
    assert_eq!(PANICS.load(Ordering::Relaxed), 0, "panics");
    eprintln!("{wire:?}, {} cases", cases.len());
    all.iter().for_each(|((fault, told), count)| eprintln!("{count:5} x {fault:?}: {told}"));
    all
}

/// Every fault is refused somewhere, but for those that a plain channel cannot see, no TLS record has, or do nothing: of an
/// encrypted record the type inside counts.
fn check(wire: Wire, told: &BTreeMap<(Fault, &'static str), usize>) {
    for fault in Fault::ALL {
        let unseen = match wire {
            Wire::Plain => matches!(fault, Fault::Depth | Fault::Flip),
            Wire::Tls => matches!(fault, Fault::Depth | Fault::Kind),
        };
        let refused = told.get(&(fault, "refused")).copied().unwrap_or(0);
        assert!(refused > 0 || unseen, "{fault:?} was never refused: {told:?}");
    }
}

#[test]
fn a_spoilt_frame_is_refused_or_found_by_the_replay() {
    check(Wire::Plain, &spoil(Wire::Plain, SHORT));
}

#[test]
fn a_spoilt_record_is_refused() {
    check(Wire::Tls, &spoil(Wire::Tls, SHORT));
}

#[test]
#[ignore = "takes minutes"]
fn every_spoilt_frame_is_refused_or_found_by_the_replay() {
    check(Wire::Plain, &spoil(Wire::Plain, 1));
}

#[test]
#[ignore = "takes minutes"]
fn every_spoilt_record_is_refused() {
    check(Wire::Tls, &spoil(Wire::Tls, 1));
}
