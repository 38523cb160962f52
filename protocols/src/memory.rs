//! The plan's memory: what a preprocessed inference occupies, exactly, and how much each party may need, estimated.

use crate::block::BLOCK_BYTES;
use crate::cost::made;
use crate::he::packing::WEIGHT_CACHE_BYTES;
use crate::prepared::{PreparedPlan, Step};
use crate::window::WINDOW_UNITS;
use models::fixed::steps::TermOp;
use serde::Serialize;

/// Bytes for each party.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PerParty {
    /// The client's.
    pub client: u64,
    /// The server's.
    pub server: u64,
}

/// What the process is before it has done anything (about 15 MB), its threads' stacks and the allocator's rounding.
const BASE_BYTES: u64 = 64 << 20;

/// What a channel may have yet to send: the sender's bound. What has come and is not yet read is bounded by the protocol
/// ([`crate::under_way`]); all of it is in memory where the peer is faster or the emulated link slower than this party.
const OUTBOX_BYTES: u64 = 64 << 20;

/// What the server makes of a weight: the integer as read and as parsed, and the online convolution's form of it.
const BYTES_A_WEIGHT: u64 = 4 + 4 + 16;

/// A plan's memory, summed over its steps.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// What one preprocessed inference occupies until it is used: labels, material and shares.
    pub stored: PerParty,
    /// Labels and material among the client's: what it can keep in a file.
    pub file: u64,
    /// What layers occupy more before they are chosen, when all are offered; the client's lies in the file too.
    offered: PerParty,
    /// Of these, what is in memory on its way into the file: a window's labels and material, and labels as bytes.
    window: u64,
    /// What each party needs beside what it stores.
    working: PerParty,
}

impl Memory {
    /// The memory of `plan`.
    pub fn of(plan: &PreparedPlan) -> Self {
        let shares = |units: usize| 8 * units as u64;
        let mut memory = Self::default();
        memory.stored.client = shares(plan.input.size());
        let (mut requests, mut answers, mut segment) = (0, 0, 0);
        let (mut weights, mut polynomials, mut choices, mut products) = (0, 0, 0, 0);
        for step in &plan.prepared {
            memory.stored.client += shares(step.units());
            match step {
                Step::Linear(linear) => {
                    memory.stored.server += shares(linear.units());
                    for (term, exchange) in linear.exchanges() {
                        weights += match term.op {
                            TermOp::Conv { out, window, groups } => {
                                (out * term.shape.c / groups * window.kernel.0 * window.kernel.1) as u64
                            }
                            TermOp::Times { .. } => 0,
                        };
                        let packing = &exchange.packing;
                        let count = packing.weight_polynomials();
                        polynomials += (count * plan.he.polynomial_memory()) as u64;
                        let (asked, answered) = (packing.request_count(), packing.answer_count());
                        requests += (asked * plan.he.request_bytes()) as u64;
                        answers +=
                            (0..answered).map(|i| linear.answer_bytes(exchange, i) as u64).sum::<u64>();
                        segment = segment.max((2 * (asked + answered) * plan.he.polynomial_memory()) as u64);
                    }
                }
                Step::Activation(layer) => {
                    let stored = layer.stored();
                    memory.stored.client += stored.client as u64;
                    memory.stored.server += stored.server as u64;
                    memory.file += (stored.labels + stored.material + stored.tables) as u64;
                    let more = |offered: usize, stored: usize| offered.saturating_sub(stored) as u64;
                    memory.offered.client += more(stored.offered[0], stored.client);
                    memory.offered.server += more(stored.offered[1], stored.server);
                    // As many units as a window holds, or the layer alone.
                    let units = layer.kept_units().max(1);
                    let of_window = |bytes: usize| (bytes * WINDOW_UNITS.max(units) / units) as u64;
                    memory.window = memory.window.max(of_window(2 * stored.labels + stored.material));
                    choices = choices.max(of_window(stored.labels));
                }
                Step::Product(product) => {
                    let (client, server) = product.stored_bytes();
                    memory.stored.client += client as u64;
                    memory.stored.server += server as u64;
                    products += product.working_bytes() as u64;
                }
                Step::Reshare(reshare) => memory.stored.server += reshare.stored_bytes() as u64,
            }
        }
        memory.window = memory.window.min(memory.file);
        let transfers = made(plan);
        let made = ((transfers.up + transfers.down) * BLOCK_BYTES) as u64;
        let both = BASE_BYTES + OUTBOX_BYTES + made;
        memory.working = PerParty {
            client: both + answers + products,
            // Requests that have come; later choices that have, and the labels that they become.
            server: both
                + products
                + requests.max(2 * choices.min(memory.file))
                + segment
                + weights * BYTES_A_WEIGHT
                + polynomials.min(WEIGHT_CACHE_BYTES as u64),
        };
        memory
    }

    /// Most resident memory of the parties, estimated from above; `in_file` where the client's store is a file. The
    /// server's grows with the weights, up to the bound of their transformed form, and neither's with the garbled material
    /// then.
    pub fn peak(&self, in_file: bool) -> PerParty {
        let (spared, offered) = if in_file { (self.file - self.window, 0) } else { (0, self.offered.client) };
        PerParty {
            client: self.working.client + self.stored.client + offered - spared,
            server: self.working.server + self.stored.server + self.offered.server,
        }
    }
}
