//! Plans whose layers compute their kept units in different ways.

use crate::fixtures::{Fixture, random};
use crate::protocol::{check_run, small};
use models::fixed::scales::Scales;
use models::graph::Activation;
use netem::Link;
use protocols::compile::{Choices, Packings, alternatives, compile, compile_again, mix};
use protocols::cost::{inference_bytes, predict};
use protocols::plan::{Plan, PlannedStep, ReluVariant};
use protocols::prepared::PreparedPlan;
use protocols::timing::{Rates, times};

fn fixture(activation: Activation) -> Fixture {
    random(small(activation), 0.7, Scales { fa: 5, fw: 6 }, 29)
}

/// The plan with the variants `relus` at its activation layers, in order.
fn with(plan: &Plan, relus: &[ReluVariant]) -> PreparedPlan {
    let mut plan = plan.clone();
    let layers = plan.steps.iter_mut().filter_map(|step| match step {
        PlannedStep::Activation(layer) => Some(layer),
        PlannedStep::Linear(_) | PlannedStep::Product(_) | PlannedStep::Reshare(_) => None,
    });
    layers.zip(relus).for_each(|(layer, relu)| layer.relu = *relu);
    PreparedPlan::new(plan).unwrap()
}

/// Every choice at the two layers of a small network.
fn pairs() -> impl Iterator<Item = [ReluVariant; 2]> {
    ReluVariant::ALL.into_iter().flat_map(|one| ReluVariant::ALL.map(|other| [one, other]))
}

/// Bit for bit the clear replay and every byte as predicted, whatever variants stand beside each other.
#[test]
fn layers_of_one_plan_may_be_computed_in_different_ways() {
    for activation in [Activation::Relu, Activation::Silu, Activation::Sigmoid] {
        let fixture = fixture(activation);
        for relus in pairs() {
            check_run(&with(&fixture.plan, &relus), &fixture.secrets, &fixture.images[..1]);
        }
    }
}

/// Packings that were chosen for other links and rings change nothing.
#[test]
fn packings_are_those_that_would_be_chosen_anew() {
    let fixture = fixture(Activation::Relu);
    let packings = Packings::default();
    let mut plans = Vec::new();
    for bytes_per_second in [None, Some(1e5), Some(1e10), Some(1e5)] {
        let choices = Choices { bytes_per_second, ..Choices::default() };
        let (anew, _) = compile("small", &fixture.model, &choices).unwrap();
        let (again, _) = compile_again("small", &fixture.model, &choices, &packings).unwrap();
        assert_eq!(Plan::clone(&again), Plan::clone(&anew), "{bytes_per_second:?}");
        plans.push(Plan::clone(&again));
    }
    assert_eq!(plans[1], plans[3]);
}

/// Whatever is to be small and from whichever plan it starts, what is chosen is the best of all choices.
#[test]
fn the_cheapest_ways_are_chosen() {
    let fixture = fixture(Activation::Relu);
    let rates = Rates::reference();
    let slow = Link::parse("rate=1MB/s,rtt=1ms").unwrap();
    let fast = Link::parse("rate=10GB/s,rtt=1us").unwrap();
    let bytes = |plan: &PreparedPlan| inference_bytes(&predict(plan)) as f64;
    let total = |plan: &PreparedPlan| times(plan, &rates, &slow).total_s();
    let online = |plan: &PreparedPlan| times(plan, &rates, &slow).online_s;
    let computing = |plan: &PreparedPlan| times(plan, &rates, &fast).total_s();
    let preparing = |plan: &PreparedPlan| times(plan, &rates, &fast).offline_s;
    let costs: [&dyn Fn(&PreparedPlan) -> f64; 5] = [&bytes, &total, &online, &computing, &preparing];
    let mut chosen = Vec::new();
    for cost in costs {
        let best = pairs().map(|relus| cost(&with(&fixture.plan, &relus))).min_by(f64::total_cmp).unwrap();
        for relus in pairs() {
            let mixed = mix(with(&fixture.plan, &relus), cost).unwrap();
            assert_eq!(cost(&mixed), best, "from {relus:?}");
            chosen.push(mixed.variants());
            // Nothing else at a single layer is cheaper; and both others are told of at both layers.
            let others = alternatives(&mixed, cost).unwrap();
            assert_eq!(others.len(), 2 * (ReluVariant::ALL.len() - 1));
            assert!(others.iter().all(|other| other.dearer >= 0.0), "{others:?}");
        }
    }
    chosen.dedup();
    assert!(chosen.len() > 1, "what is to be small makes no difference: {chosen:?}");
}
