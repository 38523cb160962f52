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

/// A plan's memory, summed over its steps.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// What one preprocessed inference occupies until it is used: labels, material and shares.
    pub stored: PerParty,
    /// Labels and material among the client's: what it can keep in a file.
    pub file: u64,
    /// What each party needs beside what it stores.
    working: PerParty,
}

impl Memory {
    /// The memory of `plan`.
    pub fn of(plan: &Plan) -> Self {
        let shares = |shape: Shape| 8 * shape.size() as u64;
        let mut memory = Self::default();
        memory.stored.client = shares(plan.input);
        let (mut weights, mut polynomials, mut largest) = (0, 0, 0);
        let (mut labels, mut window) = (0, 0);
        for step in &plan.steps {
            memory.stored.client += shares(step.shape());
            match step {
                PlannedStep::Linear(step) => {
                    memory.stored.server += shares(step.segment.shape);
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
                    let stored = activation::stored(plan, step);
                    memory.stored.client += stored.client as u64;
                    memory.stored.server += stored.server as u64;
                    memory.file += (stored.labels + stored.material) as u64;
                    labels += stored.labels as u64;
                    // As many units as a window holds, or the layer alone.
                    let units = step.step.kept.len().max(1);
                    window = window.max((stored.labels * WINDOW_UNITS.max(units) / units) as u64);
                }
            }
        }
        let both = BASE_BYTES + 2 * QUEUE_BYTES + largest + 2 * window.min(labels);
        memory.working = PerParty {
            client: both,
            server: both + weights * BYTES_A_WEIGHT + polynomials.min(WEIGHT_CACHE_BYTES as u64),
        };
        memory
    }

    /// Most resident memory of the parties, estimated from above; `in_file` where the client's store is a file. The
    /// server's grows with the weights, up to the bound of their transformed form, and neither's with the garbled material
    /// then.
    pub fn peak(&self, in_file: bool) -> PerParty {
        let kept = self.stored.client - if in_file { self.file } else { 0 };
        PerParty { client: self.working.client + kept, server: self.working.server + self.stored.server }
    }
}
