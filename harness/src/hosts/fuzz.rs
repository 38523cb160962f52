//! What a server on another host says beside the protocol: its answer to a client, and its reports.

use super::offer::{Answer, OFFER, Offer, REPORT, receive};
use crate::measure::room;
use crate::party::{Done, Outcome};
use models::data::Normalisation;
use models::fixed::Ring;
use models::fixed::curve::Curve;
use models::fixed::steps::{ActivationStep, ValueId};
use models::graph::{Activation, Shape};
use netem::{Channel, Doing, Event, FrameKind, Phase, ReleaseError};
use protocols::he::{HeBackend, HeParameters};
use protocols::ot::OtVariant;
use protocols::plan::{ActivationPlan, PROTOCOL_VERSION, Plan, PlannedStep, ReluVariant};
use protocols::prepared::PreparedPlan;
use results::{Machine, ModelRecord};
use serde::de::DeserializeOwned;
use std::time::Duration;

fn target(name: &'static str) -> fuzzing::Target {
    fuzzing::Target::new(env!("CARGO_MANIFEST_DIR"), name)
}

/// What is received where the server has sent these bytes.
fn received<T: DeserializeOwned>(kind: FrameKind, bytes: &[u8]) -> Option<T> {
    let (mut server, mut client) = Channel::pair(Duration::from_millis(1));
    server.send(kind, bytes.to_vec()).unwrap();
    server.flush().unwrap();
    receive(&mut client, kind, "a message").ok()
}

fn offer_of_a_layer() -> Offer {
    let (ring, shape) = (Ring::new(22).unwrap(), Shape::new(1, 2, 2));
    let step = ActivationStep {
        name: "act".into(),
        source: ValueId::IMAGE,
        shape,
        activation: Activation::Relu,
        curve: Curve::Relu,
        truncate: 3,
        bound_bits: 12,
        skipped: 0,
        measures: 0,
        kept: vec![0, 3],
    };
    let layer = ActivationPlan { step, compared_bits: 10, relu: ReluVariant::default() };
    let plan = Plan {
        version: PROTOCOL_VERSION,
        name: "layer".into(),
        ring,
        image_scale: 6,
        input: shape,
        ot: OtVariant::default(),
        he: HeParameters::candidates(HeBackend::Linnet, 22).next().unwrap(),
        steps: vec![PlannedStep::Activation(layer)],
    };
    Offer {
        linnet: "0.1.0".into(),
        revision: Some("abc".into()),
        plan,
        model: ModelRecord { name: "layer".into(), ..ModelRecord::default() },
        normalisation: Normalisation { mean: vec![0.5], std: vec![0.25] },
        machine: Machine { features: vec!["aes".into()], ..Machine::default() },
        threads: 1,
        reveals_masks: false,
    }
}

/// What the client relies on is checked before it is: then images can be normalised, and memory asked for.
#[test]
fn offer() {
    let seed = serde_json::to_vec(&Answer::Offer(Box::new(offer_of_a_layer()))).unwrap();
    target("offer").seeds([seed]).allows(64, 16 << 20).run(|bytes| {
        let Some(Answer::Offer(offer)) = received(OFFER, bytes) else { return false };
        if offer.check().is_err() || room::check_offered(&offer.plan).is_err() {
            return false;
        }
        // What fits this machine may still be more than a fuzzer should hold.
        if room::units(&offer.plan) > 1 << 18 {
            return false;
        }
        let Ok(plan) = PreparedPlan::new(offer.plan.clone()) else { return false };
        // It may be of a network that is too large for this machine.
        let _ = room::check_client(&plan);
        if plan.input.size() < 1 << 16 {
            let image = offer.normalisation.apply(&vec![7; plan.input.size()][..], plan.input);
            assert!(image.iter().all(|x| x.is_finite()));
        }
        true
    });
}

/// What a server has measured; seeds and shares where it reveals them.
#[test]
fn done() {
    let (mut server, _client) = Channel::pair(Duration::from_millis(1));
    server.enter(Phase::Online, 2);
    server.send(OFFER, vec![1; 9]).unwrap();
    let outcome =
        Outcome { seed: Some([7; 32].into()), logits: Some(vec![1, -2]), shares: Some(vec![vec![3]]) };
    let mut done = Done::of(&mut server, Some(9), Some(outcome));
    done.release = ReleaseError { count: 1, ..ReleaseError::default() };
    done.transcript = vec![Event { phase: Phase::Online, step: 2, compute_ns: 5, doing: Doing::Sent(14) }];
    target("done").seeds([serde_json::to_vec(&done).unwrap()]).run(|bytes| {
        let Some(done) = received::<Done>(REPORT, bytes) else { return false };
        let _ = done.usage.iter().map(|usage| usage.compute_ns()).max();
        let again = received::<Done>(REPORT, &serde_json::to_vec(&done).unwrap()).unwrap();
        assert!(again.usage == done.usage && again.transcript == done.transcript);
        true
    });
}
