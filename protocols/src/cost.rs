//! The plan's second reader: bytes, messages, flights and operations, before anything runs.
//!
//! The walk is that of the two party loops, so a measured run must agree exactly.

use crate::numbering::ChannelStep;
use crate::prepared::{PreparedPlan, Step};
use crate::setup;
use crate::steps::activation::Activation;
use crate::steps::{input, output};
use crate::tally::{Operations, StepCost, Tally, Traffic};
use crate::window::Window;
use netem::Phase;
use serde::{Deserialize, Serialize};

/// The cost of set-up and of one inference, per phase and step.
pub fn predict(plan: &PreparedPlan) -> Vec<StepCost> {
    let mut tally = Tally::new();
    tally.enter(Phase::Setup, ChannelStep::INPUT);
    setup::cost(plan, &mut tally);
    offline(plan, &mut tally);
    online(plan, &mut tally);
    tally.costs()
}

fn offline(plan: &PreparedPlan, tally: &mut Tally) {
    for step in &plan.prepared {
        tally.enter(Phase::Offline, step.channel_step());
        match step {
            Step::Linear(linear) => linear.cost_requests(tally),
            Step::Activation(_) | Step::Reshare(_) => {}
        }
    }
    for step in &plan.prepared {
        tally.enter(Phase::Offline, step.channel_step());
        match step {
            Step::Linear(linear) => linear.cost_answers(tally),
            Step::Activation(layer) => layer.cost_offer(tally),
            Step::Reshare(_) => {}
        }
    }
    // The client's order: the server reads choices one layer at a time, so its material is as deep as the choices are.
    let garble = |tally: &mut Tally, (layer, choices): (&Activation, u32)| {
        tally.enter(Phase::Offline, layer.channel_step());
        tally.server_reads(choices);
        layer.cost_garble(tally);
    };
    let mut window = Window::new();
    for step in &plan.prepared {
        let layer = match step {
            Step::Linear(_) => continue,
            Step::Reshare(reshare) => {
                tally.enter(Phase::Offline, reshare.channel_step());
                // The server sends nothing between reading it and reading the next layer's choices, which are as deep.
                tally.posted(|tally| reshare.cost(tally));
                continue;
            }
            Step::Activation(layer) => &**layer,
        };
        while let Some(earlier) = window.before(layer.kept_units()) {
            garble(tally, earlier);
        }
        tally.enter(Phase::Offline, layer.channel_step());
        let choices = tally.posted(|tally| layer.cost_choose(tally));
        window.chosen(layer.kept_units(), (layer, choices));
    }
    while let Some(chosen) = window.next() {
        garble(tally, chosen);
    }
}

fn online(plan: &PreparedPlan, tally: &mut Tally) {
    tally.enter(Phase::Online, ChannelStep::INPUT);
    input::cost(plan, tally);
    for step in &plan.prepared {
        tally.enter(Phase::Online, step.channel_step());
        match step {
            Step::Linear(linear) => linear.cost_online(tally),
            Step::Activation(layer) => layer.cost_online(tally),
            Step::Reshare(_) => {}
        }
    }
    tally.enter(Phase::Online, plan.output_step());
    output::cost(plan, tally);
}

/// Sums of one phase.
pub fn total(costs: &[StepCost], phase: Phase) -> StepCost {
    let mut sum = StepCost {
        phase,
        step: ChannelStep::INPUT,
        up: Traffic::default(),
        down: Traffic::default(),
        operations: Operations::default(),
    };
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

/// A link as a price: seconds a byte and a one-way delay.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// Bytes a second in either direction.
    pub bytes_per_second: f64,
    /// One way.
    pub delay_s: f64,
}

impl Pace {
    /// Seconds that a phase takes on the link, computing apart: every byte and the delays of its longest chain of messages.
    pub fn seconds(&self, cost: &StepCost) -> f64 {
        (cost.up.bytes + cost.down.bytes) as f64 / self.bytes_per_second
            + (cost.up.flights + cost.down.flights) as f64 * self.delay_s
    }
}

/// Payload bytes of one inference, offline and online, both directions.
pub fn inference_bytes(costs: &[StepCost]) -> u64 {
    [Phase::Offline, Phase::Online]
        .iter()
        .map(|phase| total(costs, *phase))
        .map(|c| c.up.bytes + c.down.bytes)
        .sum()
}
