//! Segments that became one: the parties against the plan's other readers, and what it saves.

use crate::fixtures::{Fixture, masked};
use crate::passing::{delays, grown};
use crate::protocol::check_run;
use models::fixed::QuantModel;
use models::fixed::evaluate::{Rounding, evaluate};
use models::fixed::fit::Passing;
use models::fixed::lower::Lowered;
use models::fixed::merge::{cheapest, cheapest_as_usual};
use models::fixed::scales::Scales;
use models::fixed::search::Pinned;
use models::fixed::steps::Step;
use models::graph::{Activation, Graph, Node, Op, Shape, Window};
use models::real;
use protocols::compile::{Choices, compile};
use protocols::cost::{inference_bytes, predict};
use protocols::plan::PlannedStep;
use protocols::secrets::ServerSecrets;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;
use std::sync::Arc;

const SCALES: Scales = Scales { fa: 5, fw: 6 };

/// A stem that keeps units, a bottleneck that keeps none beside its projection, and a block of branches.
fn bottlenecks() -> Graph {
    let mut nodes = vec![Node { name: "x".into(), op: Op::Input, inputs: vec![] }];
    let mut add = |name: &str, op: Op, inputs: &[usize]| {
        nodes.push(Node { name: name.into(), op, inputs: inputs.to_vec() });
        nodes.len() - 1
    };
    let conv = |out, window| Op::Conv { out, window, bias: true, groups: 1 };
    let (point, wide) = (Window::square(1, 1, 0), Window::square(3, 1, 1));
    let (norm, act) = (|| Op::BatchNorm { eps: 1e-5 }, || Op::Act { activation: Activation::Relu });
    let stem = add("stem", conv(8, wide), &[0]);
    let stem = add("stem.relu", act(), &[stem]);
    let mut x = add("narrow", conv(6, point), &[stem]);
    x = add("narrow.bn", norm(), &[x]);
    x = add("narrow.relu", act(), &[x]);
    x = add("middle", conv(6, Window::square(3, 2, 1)), &[x]);
    x = add("middle.relu", act(), &[x]);
    x = add("widen", conv(12, point), &[x]);
    let projection = add("projection", conv(12, Window::square(1, 2, 0)), &[stem]);
    x = add("block", Op::Add, &[x, projection]);
    let block = add("block.relu", act(), &[x]);
    let one = add("one", conv(12, wide), &[block]);
    let two = add("two", conv(12, point), &[block]);
    let three = add("three", norm(), &[block]);
    x = add("branches", Op::Add, &[one, two, three]);
    x = add("branches.relu", act(), &[x]);
    x = add("pool", Op::average(Window::square(4, 4, 0)), &[x]);
    add("fc", Op::Linear { out: 10, bias: true }, &[x]);
    Graph::new(Shape::new(3, 16, 16), nodes).unwrap()
}

/// Units are kept in the stem, behind the bottleneck and behind the branches.
fn fixture(scales: Scales) -> Fixture {
    let mut keep = [0.5, 0.0, 0.0, 0.3, 0.3].into_iter();
    masked(bottlenecks(), |_| keep.next().unwrap(), scales, 21)
}

fn bytes(fixture: &Fixture) -> u64 {
    inference_bytes(&predict(&fixture.plan))
}

fn names(fixture: &Fixture) -> Vec<&str> {
    let linear = |step: &&PlannedStep| matches!(step, PlannedStep::Linear(_));
    fixture.plan.steps.iter().filter(linear).map(PlannedStep::name).collect()
}

/// The network with everything merged that can be, as that makes fewer steps and terms.
fn all(lowered: Lowered) -> Lowered {
    let of = |step: &Step| match step {
        Step::Linear(segment) => 1 + segment.terms.len(),
        Step::Activation(_) | Step::Product(_) | Step::Reshare(_) => 1,
    };
    cheapest(lowered, |lowered| Some(lowered.steps.iter().map(of).sum::<usize>() as f64))
}

/// By predicted bytes, as `linnet` does it: fewer of them, no more delays, and the parties do what the plan says.
#[test]
fn bottlenecks_and_branches_cost_fewer_bytes_as_one() {
    let plain = fixture(SCALES);
    let calibration = plain.calibration.clone();
    let pinned = Pinned { fa: Some(SCALES.fa), fw: Some(SCALES.fw), ring_bits: None };
    let cost = |model: &QuantModel| {
        let (plan, _) = compile("random", model, &Choices::default()).ok()?;
        Some(inference_bytes(&predict(&plan)) as f64)
    };
    let merged = fixture(SCALES)
        .merged(|lowered| cheapest_as_usual(lowered, &calibration, pinned, Passing::Exact, cost));
    assert_eq!(names(&plain), ["stem", "narrow.bn", "middle", "block", "branches", "fc"]);
    assert_eq!(names(&merged), ["stem", "narrow.bn+middle+block.sum", "branches.sum", "fc"]);
    let (plain, merged) = (plain.fitted(36).unwrap(), merged.fitted(36).unwrap());
    let costs = [&plain, &merged].map(|fixture| (bytes(fixture), delays(fixture)));
    eprintln!("bytes and online delays, unmerged and merged: {costs:?}");
    assert!(costs[1].0 < costs[0].0 && costs[1].1 <= costs[0].1, "{costs:?}");
    for fixture in [plain, merged] {
        check_run(&fixture.plan, &fixture.secrets, &fixture.images[..2]);
    }
}

/// Segments whose bias is one a unit are the server's secrets like others; other sizes are refused.
#[test]
fn biases_of_units_are_read_back() {
    let merged = fixture(SCALES).merged(all);
    let mut secrets = ServerSecrets::from_bytes(&merged.secrets.to_bytes(), &merged.plan).unwrap();
    let block = merged.plan.steps.iter().position(|step| step.name().starts_with("narrow")).unwrap();
    let weights = Arc::make_mut(&mut secrets.weights)[block].as_mut().unwrap();
    assert_eq!(weights.bias.len(), merged.plan.steps[block].shape().size());
    weights.bias.pop();
    assert!(ServerSecrets::from_bytes(&secrets.to_bytes(), &merged.plan).is_err());
}

/// At fine scales what is merged means what the reals say.
#[test]
fn fine_scales_approach_the_reals() {
    let merged = fixture(Scales { fa: 13, fw: 13 }).merged(all);
    let scale = f64::from(merged.plan.output_scale()).exp2();
    for image in &merged.images {
        let real = real::logits(&merged.graph, &merged.parameters, &merged.masks, image);
        let fixed = evaluate(&merged.model, merged.plan.quantise_image(image), &mut Rounding::Nearest);
        assert_eq!(fixed.out_of_bounds, 0);
        for (fixed, real) in fixed.logits.iter().zip(real) {
            // Each of 3 roundings moves a value by at most 2^-14, each weight by 2^-14; layers amplify by less than 8.
            assert!((*fixed as f64 / scale - f64::from(real)).abs() < 0.02, "{fixed} for {real}");
        }
    }
}

/// Random networks with all merged that can be: bit for bit the clear replay with the server's share of every value, every
/// byte and delay as declared.
#[test]
fn random_networks_merged() {
    let (mut networks, mut products, mut sums) = (0, 0, 0);
    for seed in 200..260 {
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        let graph = grown(&mut rng);
        let keep = |rng: &mut ChaCha12Rng| if rng.random_bool(0.7) { 0.0 } else { 0.5 };
        let merged = masked(graph, keep, Scales { fa: 4, fw: 4 }, seed).merged(all);
        let names = names(&merged);
        let found = (
            names.iter().map(|name| name.matches('+').count()).sum::<usize>(),
            names.iter().filter(|name| name.ends_with(".sum")).count(),
        );
        if found == (0, 0) {
            continue;
        }
        let Some(fixture) = merged.fitted(rng.random_range(20..40)) else { continue };
        (networks, products, sums) = (networks + 1, products + found.0, sums + found.1);
        check_run(&fixture.plan, &fixture.secrets, &fixture.images[..1]);
    }
    assert!(networks >= 15 && products >= 20 && sums >= 5, "{networks} networks, {products}, {sums}");
}
