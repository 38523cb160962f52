//! The plan's second reader: bytes, messages, flights and operations, before anything runs.
//!
//! The walk is that of the two party loops, so a measured run must agree exactly.

use super::{INPUT_STEP, Plan, PlannedStep, channel_step};
use crate::setup;
use crate::steps::{activation, input, linear, output};
use crate::window::Window;
use netem::Phase;
use serde::Serialize;
use std::ops::AddAssign;

/// Traffic in one direction. Bytes are payload; frame headers are counted by the channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Traffic {
    /// Payload bytes.
    pub bytes: u64,
    /// Frames.
    pub messages: u64,
    /// Links of the phase's longest chain of messages that are the sender's. Each costs one one-way delay.
    pub flights: u64,
}

/// Work, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Operations {
    /// AND gates garbled and evaluated.
    pub and_gates: u64,
    /// Circuits: one a kept unit.
    pub circuits: u64,
    /// Correlated OTs.
    pub correlated_ots: u64,
    /// Ciphertexts encrypted by the client.
    pub encryptions: u64,
    /// Ciphertext-by-plaintext products.
    pub products: u64,
    /// Ciphertexts decrypted by the client.
    pub decryptions: u64,
    /// Multiply-accumulates in the clear, by the server online.
    pub macs: u64,
}

impl AddAssign for Operations {
    fn add_assign(&mut self, other: Self) {
        self.and_gates += other.and_gates;
        self.circuits += other.circuits;
        self.correlated_ots += other.correlated_ots;
        self.encryptions += other.encryptions;
        self.products += other.products;
        self.decryptions += other.decryptions;
        self.macs += other.macs;
    }
}

/// What one step costs in one phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StepCost {
    /// Set-up, offline or online.
    #[serde(serialize_with = "phase_name")]
    pub phase: Phase,
    /// The channel's step number.
    pub step: u32,
    /// Client to server.
    pub up: Traffic,
    /// Server to client.
    pub down: Traffic,
    /// Work.
    pub operations: Operations,
}

fn phase_name<S: serde::Serializer>(phase: &Phase, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(phase)
}

/// Collects costs in the order in which the parties exchange messages.
pub struct Tally {
    costs: Vec<StepCost>,
    current: usize,
    client: Depths,
    server: Depths,
    /// Where messages are posted and not yet read: the deepest of them.
    posted: Option<u32>,
}

/// A party's deepest messages of the phase, counted as the channel counts them.
#[derive(Default)]
struct Depths {
    sent: u32,
    received: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

impl Tally {
    fn new() -> Self {
        let (client, server) = Default::default();
        Self { costs: Vec::new(), current: 0, client, server, posted: None }
    }

    /// Books what follows on a step of a phase; a new phase begins without messages.
    fn enter(&mut self, phase: Phase, step: u32) {
        if self.costs.get(self.current).is_some_and(|cost| cost.phase != phase) {
            (self.client, self.server) = Default::default();
        }
        self.current =
            self.costs.iter().position(|c| c.phase == phase && c.step == step).unwrap_or_else(|| {
                let (up, down) = Default::default();
                self.costs.push(StepCost { phase, step, up, down, operations: Operations::default() });
                self.costs.len() - 1
            });
    }

    /// Books messages of the client that the server reads later, and returns the depth of the deepest.
    fn posted(&mut self, messages: impl FnOnce(&mut Self)) -> u32 {
        self.posted = Some(0);
        messages(self);
        self.posted.take().expect("nothing else takes it")
    }

    /// The server reads what was posted.
    fn server_reads(&mut self, depth: u32) {
        self.server.received = self.server.received.max(depth);
    }

    /// A frame from the client.
    pub fn up(&mut self, bytes: usize) {
        self.up_frames(bytes, 1);
    }

    /// A frame from the server.
    pub fn down(&mut self, bytes: usize) {
        self.down_frames(bytes, 1);
    }

    /// `frames` frames from the client with `bytes` in all; nothing happens for none.
    pub fn up_frames(&mut self, bytes: usize, frames: usize) {
        self.message(Direction::Up, bytes, frames);
    }

    /// `frames` frames from the server with `bytes` in all.
    pub fn down_frames(&mut self, bytes: usize, frames: usize) {
        self.message(Direction::Down, bytes, frames);
    }

    /// Work of the current step.
    pub fn work(&mut self, operations: Operations) {
        self.costs[self.current].operations += operations;
    }

    fn message(&mut self, direction: Direction, bytes: usize, frames: usize) {
        if frames == 0 {
            return;
        }
        let (sender, receiver) = match direction {
            Direction::Up => (&mut self.client, &mut self.server),
            Direction::Down => (&mut self.server, &mut self.client),
        };
        let depth = sender.received + 1;
        let flight = u64::from(depth > sender.sent);
        sender.sent = depth;
        match &mut self.posted {
            None => receiver.received = receiver.received.max(depth),
            Some(deepest) => *deepest = depth.max(*deepest),
        }
        let cost = &mut self.costs[self.current];
        let traffic = match direction {
            Direction::Up => &mut cost.up,
            Direction::Down => &mut cost.down,
        };
        traffic.bytes += bytes as u64;
        traffic.messages += frames as u64;
        traffic.flights += flight;
    }
}

/// The cost of set-up and of one inference, per phase and step.
pub fn predict(plan: &Plan) -> Vec<StepCost> {
    let mut tally = Tally::new();
    tally.enter(Phase::Setup, INPUT_STEP);
    setup::cost(plan, &mut tally);
    offline(plan, &mut tally);
    online(plan, &mut tally);
    tally.costs
}

fn offline(plan: &Plan, tally: &mut Tally) {
    let each = |tally: &mut Tally, visit: &mut dyn FnMut(&PlannedStep, &mut Tally)| {
        for (index, step) in plan.steps.iter().enumerate() {
            tally.enter(Phase::Offline, channel_step(index));
            visit(step, tally);
        }
    };
    each(tally, &mut |step, tally| match step {
        PlannedStep::Linear(step) => linear::cost_requests(plan, step, tally),
        PlannedStep::Activation(_) => {}
    });
    each(tally, &mut |step, tally| match step {
        PlannedStep::Linear(step) => linear::cost_answers(plan, step, tally),
        PlannedStep::Activation(step) => activation::cost_offer(plan, step, tally),
    });
    // The client's order: the server reads choices one layer at a time, so its material is as deep as the choices are.
    let garble = |tally: &mut Tally, index: usize, choices: u32| {
        tally.enter(Phase::Offline, channel_step(index));
        tally.server_reads(choices);
        if let PlannedStep::Activation(step) = &plan.steps[index] {
            activation::cost_garble(plan, step, tally);
        }
    };
    let mut window = Window::new();
    for (index, step) in plan.steps.iter().enumerate() {
        if let PlannedStep::Activation(step) = step {
            let units = step.step.kept.len();
            while let Some((earlier, choices)) = window.before(units) {
                garble(tally, earlier, choices);
            }
            tally.enter(Phase::Offline, channel_step(index));
            let choices = tally.posted(|tally| activation::cost_choose(plan, step, tally));
            window.chosen(index, units, choices);
        }
    }
    while let Some((index, choices)) = window.next() {
        garble(tally, index, choices);
    }
}

fn online(plan: &Plan, tally: &mut Tally) {
    tally.enter(Phase::Online, INPUT_STEP);
    input::cost(plan, tally);
    for (index, step) in plan.steps.iter().enumerate() {
        tally.enter(Phase::Online, channel_step(index));
        match step {
            PlannedStep::Linear(step) => linear::cost_online(step, tally),
            PlannedStep::Activation(step) => activation::cost_online(plan, step, tally),
        }
    }
    tally.enter(Phase::Online, plan.output_step());
    output::cost(plan, tally);
}

/// Sums of one phase.
pub fn total(costs: &[StepCost], phase: Phase) -> StepCost {
    let mut sum = StepCost {
        phase,
        step: 0,
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

/// Payload bytes of one inference, offline and online, both directions.
pub fn inference_bytes(costs: &[StepCost]) -> u64 {
    [Phase::Offline, Phase::Online]
        .iter()
        .map(|phase| total(costs, *phase))
        .map(|c| c.up.bytes + c.down.bytes)
        .sum()
}
