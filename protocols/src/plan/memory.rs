//! The plan's memory: what a preprocessed inference occupies, exactly, and how much each party may need, estimated.

use super::{Plan, PlannedStep};
use crate::he::server::WEIGHT_CACHE_BYTES;
use crate::steps::activation;
use crate::window::WINDOW_UNITS;
use models::fixed::steps::TermOp;
use models::graph::Shape;
use serde::Serialize;

/// Bytes for each party.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PerParty {
    /// The client's.
    pub client: u64,
    /// The server's.
    pub server: u64,
}

/// What the process is before it has done anything, its threads' stacks and the allocator's rounding: generous.
const BASE_BYTES: u64 = 96 << 20;

/// What a channel's queues may hold: the sender's bound, on either side.
const QUEUE_BYTES: u64 = 64 << 20;

/// What the server makes of a weight: the integer as read and as parsed, and the online convolution's form of it.
const BYTES_A_WEIGHT: u64 = 4 + 4 + 16;

/// What one preprocessed inference occupies until it is used: labels, material and shares.
pub fn stored(plan: &Plan) -> PerParty {
    let shares = |shape: Shape| 8 * shape.size() as u64;
    let mut sum = PerParty { client: shares(plan.input), server: 0 };
    for step in &plan.steps {
        sum.client += shares(step.shape());
        match step {
            PlannedStep::Linear(_) => sum.server += shares(step.shape()),
            PlannedStep::Activation(step) => {
                let (client, server) = activation::stored(plan, step);
                sum.client += client as u64;
                sum.server += server as u64;
            }
        }
    }
    sum
}

/// Bytes of labels and material: what the client can keep in a file.
pub fn file(plan: &Plan) -> u64 {
    let steps = plan.steps.iter().map(|step| match step {
        PlannedStep::Linear(_) => 0,
        PlannedStep::Activation(step) => activation::fileable(plan, step) as u64,
    });
    steps.sum()
}

/// Most resident memory of the parties, estimated from above; `in_file` where the client's store is a file. The server's
/// grows with the weights, up to the bound of their transformed form, and neither's with the garbled material then.
pub fn peak(plan: &Plan, in_file: bool) -> PerParty {
    let stored = stored(plan);
    let (mut weights, mut polynomials, mut largest, mut choices) = (0, 0, 0, 0);
    for step in &plan.steps {
        match step {
            PlannedStep::Linear(step) => {
                for (term, exchange) in step.segment.terms.iter().zip(&step.exchanges) {
                    if let (TermOp::Conv { out, window }, Some(exchange)) = (term.op, exchange) {
                        weights += (out * term.shape.c * window.kernel.0 * window.kernel.1) as u64;
                        let packing = &exchange.packing;
                        let count = packing.input_groups() * packing.output_groups();
                        polynomials += (count * plan.he.polynomial_memory()) as u64;
                        let messages = packing.request_count() + packing.answer_count();
                        largest = largest.max((2 * messages * plan.he.polynomial_memory()) as u64);
                    }
                }
            }
            PlannedStep::Activation(step) => {
                let units = step.step.kept.len().max(1);
                let labels = activation::labels(plan, step) as u64;
                // As many units as a window holds, or the layer alone.
                choices = choices.max(labels * WINDOW_UNITS.max(units) as u64 / units as u64);
            }
        }
    }
    let all_labels: u64 = plan
        .steps
        .iter()
        .map(|step| match step {
            PlannedStep::Linear(_) => 0,
            PlannedStep::Activation(step) => activation::labels(plan, step) as u64,
        })
        .sum();
    let working = BASE_BYTES + 2 * QUEUE_BYTES + largest + 2 * choices.min(all_labels);
    PerParty {
        client: working + stored.client - if in_file { file(plan) } else { 0 },
        server: working
            + stored.server
            + weights * BYTES_A_WEIGHT
            + polynomials.min(WEIGHT_CACHE_BYTES as u64),
    }
}
