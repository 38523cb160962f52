//! What comparing a kept unit costs in bytes, by every way and extension of OTs, over the number of compared bits; what squaring
//! it costs, as a polynomial in its place would; and what a comparison key of function secret sharing would, derived in
//! `book/src/comparing-shares.md`.
//!
//! ```sh
//! cargo run --release -p protocols --example comparisons
//! ```

use models::fixed::curve::Curve;
use models::fixed::scales::{StepScale, StepScales};
use models::fixed::steps::{ActivationStep, ProductStep, Step, ValueId};
use models::fixed::{QuantModel, Ring};
use models::graph::{Activation, Shape};
use netem::Phase;
use protocols::compile::{Choices, compile};
use protocols::cost::predict;
use protocols::numbering::ChannelStep;
use protocols::ot::OtVariant;
use protocols::plan::ReluVariant;
use protocols::tally::StepCost;

/// Units of the layer: enough that nothing is rounded up that a unit would notice.
const SHAPE: Shape = Shape::new(16, 64, 64);

/// f: bits dropped behind the comparison.
const DROPPED: u32 = 9;

/// Bytes a unit offline and online of a layer that compares `n` bits, in the narrowest ring that holds it.
fn bytes(n: u32, relu: ReluVariant, ot: OtVariant) -> [f64; 2] {
    let step = Step::Activation(ActivationStep {
        name: "relu".to_owned(),
        source: ValueId::IMAGE,
        shape: SHAPE,
        activation: Activation::Relu,
        curve: Curve::Relu,
        truncate: DROPPED,
        bound_bits: n + DROPPED - 1,
        skipped: 0,
        measures: 0,
        kept: (0..SHAPE.size() as u32).collect(),
    });
    of_step(n, step, StepScale::Rescaled(0), Choices { relu, ot, ..Choices::default() })
}

/// The same of the units' squares.
fn square(n: u32, ot: OtVariant) -> [f64; 2] {
    let (name, left, right) = ("square".to_owned(), ValueId::IMAGE, ValueId::IMAGE);
    let step = Step::Product(ProductStep { name, left, right, shape: SHAPE, each: 1 });
    of_step(n, step, StepScale::Passed, Choices { ot, ..Choices::default() })
}

fn of_step(n: u32, step: Step, scale: StepScale, choices: Choices) -> [f64; 2] {
    let ring = Ring::new(n + DROPPED + 1).expect("a narrow ring");
    let scales = StepScales { image: 0, steps: vec![scale] };
    let model = QuantModel { ring, scales, input: SHAPE, steps: vec![step], weights: vec![None].into() };
    let (plan, _) = compile("layer", &model, &choices).expect("a layer that fits");
    let costs = predict(&plan);
    [Phase::Offline, Phase::Online].map(|phase| {
        // Silent OT makes what an inference takes before its first step.
        let of_layer = |cost: &&StepCost| {
            let made = phase == Phase::Offline && cost.step == ChannelStep::INPUT;
            cost.phase == phase && (made || cost.step == ChannelStep::of(0))
        };
        let bytes: u64 = costs.iter().filter(of_layer).map(|cost| cost.up.bytes + cost.down.bytes).sum();
        bytes as f64 / SHAPE.size() as f64
    })
}

/// Bytes offline of a comparison key made by both parties for n compared bits, where an OT takes `transfer` bytes, with the
/// best length of the leaves; and how many levels are made in turn.
fn key(n: u32, transfer: f64) -> (f64, u32) {
    let bits = n - 1;
    let of_leaf = |leaf: u32| {
        let levels = bits - leaf;
        let length = f64::from(leaf).exp2() / 8.0;
        let of_levels = f64::from(levels) * (2.0 * 16.0 + 2.0 * transfer + 0.25);
        let of_table = f64::from(leaf) * (length / 2.0 + transfer);
        (of_levels + of_table + 2.0 * length, levels)
    };
    (1..=bits.min(7)).map(of_leaf).min_by(|a, b| a.0.total_cmp(&b.0)).expect("some leaf")
}

fn main() {
    let ways: Vec<String> = ReluVariant::ALL.iter().map(|relu| format!("`{}`", relu.name())).collect();
    println!("| n | `--ot` | {} | a square | comparison key | its levels |", ways.join(" | "));
    println!("|---|---|{}---|---|---|", "---|".repeat(ways.len()));
    for n in [5, 7, 9, 11, 12, 13, 14, 15, 17] {
        for ot in OtVariant::ALL {
            let cell = |[offline, online]: [f64; 2]| format!("{offline:.0} + {online:.0}");
            let cells: Vec<String> = ReluVariant::ALL
                .map(|relu| bytes(n, relu, ot))
                .into_iter()
                .chain([square(n, ot)])
                .map(cell)
                .collect();
            let (key, levels) = key(n, ot.transfer_bits() as f64 / 8.0);
            println!("| {n} | `{}` | {} | {key:.0} | {levels} |", ot.name(), cells.join(" | "));
        }
    }
}
