//! The plan's second reader: bytes, messages, flights and operations, before anything runs.
//!
//! The walks are those of the two party loops, so a measured run must agree exactly.

use crate::numbering::ChannelStep;
use crate::prepared::{PreparedPlan, Step};
use crate::setup;
use crate::steps::{input, output};
use crate::tally::{StepCost, tally};
use crate::walk::{Act, Party, Transfers, Walk};
use crate::window::Window;
use netem::Phase;

/// The cost of set-up and of one inference, per phase and step.
pub fn predict(plan: &PreparedPlan) -> Vec<StepCost> {
    tally(&client(plan), &server(plan))
}

/// Correlated OTs that are made at the beginning of an inference: all of them by silent OT, otherwise none.
pub(crate) fn made(plan: &PreparedPlan) -> Transfers {
    if plan.ot.is_silent() { transfers(plan) } else { Transfers::default() }
}

/// Correlated OTs of one inference.
pub(crate) fn transfers(plan: &PreparedPlan) -> Transfers {
    let mut walk = Walk::new(Party::Server, plan.ot);
    for step in &plan.prepared {
        match step {
            Step::Linear(_) | Step::Reshare(_) => {}
            Step::Activation(layer) => {
                layer.declare_offer(&mut walk);
                layer.declare_choose(&mut walk);
            }
            Step::Product(product) => {
                product.declare_offer(&mut walk);
                product.declare_choose(&mut walk);
            }
        }
    }
    walk.transfers()
}

/// What the client does of set-up and one inference.
pub fn client(plan: &PreparedPlan) -> Vec<Act> {
    let transfers = made(plan);
    let mut walk = Walk::of(Party::Client, plan.ot, transfers);
    setup::declare(plan, &mut walk);
    if plan.ot.is_silent() {
        walk.enter(Phase::Offline, ChannelStep::INPUT);
        walk.supply(Party::Server, transfers.down);
    }
    for step in &plan.prepared {
        if let Step::Linear(linear) = step {
            walk.enter(Phase::Offline, step.channel_step());
            linear.declare_requests(&mut walk);
        }
    }
    if plan.ot.is_silent() {
        walk.enter(Phase::Offline, ChannelStep::INPUT);
        walk.supply(Party::Client, transfers.up);
    }
    for step in &plan.prepared {
        walk.enter(Phase::Offline, step.channel_step());
        match step {
            Step::Linear(linear) => linear.declare_answers(&mut walk),
            Step::Activation(layer) => layer.declare_offer(&mut walk),
            Step::Product(product) => product.declare_offer(&mut walk),
            Step::Reshare(_) => {}
        }
    }
    let receive = |walk: &mut Walk, chosen: &Step| {
        walk.enter(Phase::Offline, chosen.channel_step());
        match chosen {
            Step::Activation(layer) => layer.declare_garble(walk),
            Step::Product(product) => product.declare_garble(walk),
            Step::Linear(_) | Step::Reshare(_) => {}
        }
    };
    let mut window = Window::new();
    // The step's turn to choose for so many units: what the window has no room beside is received first.
    let mut choose = |walk: &mut Walk, step, units| {
        while let Some(earlier) = window.before(units) {
            receive(walk, earlier);
        }
        window.chosen(units, step);
        walk.enter(Phase::Offline, step.channel_step());
    };
    for step in &plan.prepared {
        match step {
            Step::Linear(_) => {}
            Step::Reshare(reshare) => {
                walk.enter(Phase::Offline, step.channel_step());
                reshare.declare_offline(&mut walk);
            }
            Step::Activation(layer) => {
                choose(&mut walk, step, layer.kept_units());
                layer.declare_choose(&mut walk);
            }
            Step::Product(product) => {
                choose(&mut walk, step, product.units());
                product.declare_choose(&mut walk);
            }
        }
    }
    while let Some(chosen) = window.next() {
        receive(&mut walk, chosen);
    }
    online(plan, &mut walk);
    walk.acts()
}

/// What the server does of set-up and one inference.
pub fn server(plan: &PreparedPlan) -> Vec<Act> {
    let transfers = made(plan);
    let mut walk = Walk::of(Party::Server, plan.ot, transfers);
    setup::declare(plan, &mut walk);
    if plan.ot.is_silent() {
        walk.enter(Phase::Offline, ChannelStep::INPUT);
        walk.supply(Party::Server, transfers.down);
        walk.supply(Party::Client, transfers.up);
    }
    for step in &plan.prepared {
        match step {
            Step::Linear(linear) => {
                walk.enter(Phase::Offline, step.channel_step());
                linear.declare_requests(&mut walk);
                linear.declare_answers(&mut walk);
            }
            Step::Activation(layer) => {
                walk.enter(Phase::Offline, step.channel_step());
                layer.declare_offer(&mut walk);
            }
            Step::Product(product) => {
                walk.enter(Phase::Offline, step.channel_step());
                product.declare_offer(&mut walk);
            }
            Step::Reshare(_) => {}
        }
    }
    for step in &plan.prepared {
        walk.enter(Phase::Offline, step.channel_step());
        match step {
            Step::Linear(_) => {}
            Step::Activation(layer) => {
                layer.declare_choose(&mut walk);
                layer.declare_garble(&mut walk);
            }
            Step::Product(product) => {
                product.declare_choose(&mut walk);
                product.declare_garble(&mut walk);
            }
            Step::Reshare(reshare) => reshare.declare_offline(&mut walk),
        }
    }
    online(plan, &mut walk);
    walk.acts()
}

fn online(plan: &PreparedPlan, walk: &mut Walk) {
    walk.enter(Phase::Online, ChannelStep::INPUT);
    input::declare(plan, walk);
    for step in &plan.prepared {
        walk.enter(Phase::Online, step.channel_step());
        match step {
            Step::Linear(linear) => linear.declare_online(walk),
            Step::Activation(layer) => layer.declare_online(walk),
            Step::Product(product) => product.declare_online(walk),
            Step::Reshare(reshare) => reshare.declare_online(walk),
        }
    }
    walk.enter(Phase::Online, plan.output_step());
    output::declare(plan, walk);
}

/// Sums of one phase.
pub fn total(costs: &[StepCost], phase: Phase) -> StepCost {
    let mut sum = StepCost::new(phase, ChannelStep::INPUT);
    for cost in costs.iter().filter(|c| c.phase == phase) {
        for (to, from) in [(&mut sum.up, cost.up), (&mut sum.down, cost.down)] {
            to.bytes += from.bytes;
            to.messages += from.messages;
            to.flights += from.flights;
        }
        sum.operations += cost.operations;
    }
    sum
}

/// Payload bytes of one inference, offline and online, both directions.
pub fn inference_bytes(costs: &[StepCost]) -> u64 {
    [Phase::Offline, Phase::Online]
        .iter()
        .map(|phase| total(costs, *phase))
        .map(|c| c.up.bytes + c.down.bytes)
        .sum()
}
