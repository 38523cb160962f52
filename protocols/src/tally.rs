//! How a step declares what it costs: bytes, messages, flights and work, in the order in which the parties speak.

use crate::message;
use crate::numbering::ChannelStep;
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
    /// The step as the channel books it.
    pub step: ChannelStep,
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
    pub(crate) fn new() -> Self {
        let (client, server) = Default::default();
        Self { costs: Vec::new(), current: 0, client, server, posted: None }
    }

    /// Books what follows on a step of a phase; a new phase begins without messages.
    pub(crate) fn enter(&mut self, phase: Phase, step: ChannelStep) {
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
    pub(crate) fn posted(&mut self, messages: impl FnOnce(&mut Self)) -> u32 {
        self.posted = Some(0);
        messages(self);
        self.posted.take().expect("nothing else takes it")
    }

    /// The server reads what was posted.
    pub(crate) fn server_reads(&mut self, depth: u32) {
        self.server.received = self.server.received.max(depth);
    }

    /// A frame from the client.
    pub(crate) fn up(&mut self, bytes: usize) {
        self.up_frames(bytes, 1);
    }

    /// A frame from the server.
    pub(crate) fn down(&mut self, bytes: usize) {
        self.down_frames(bytes, 1);
    }

    /// A message of `bytes` from the client in the pieces that [`message::send`] cuts it into.
    pub(crate) fn up_message(&mut self, bytes: usize) {
        self.up_frames(bytes, message::pieces(bytes).count());
    }

    /// The same from the server.
    pub(crate) fn down_message(&mut self, bytes: usize) {
        self.down_frames(bytes, message::pieces(bytes).count());
    }

    /// `frames` frames from the client with `bytes` in all; nothing happens for none.
    pub(crate) fn up_frames(&mut self, bytes: usize, frames: usize) {
        self.message(Direction::Up, bytes, frames);
    }

    /// `frames` frames from the server with `bytes` in all.
    pub(crate) fn down_frames(&mut self, bytes: usize, frames: usize) {
        self.message(Direction::Down, bytes, frames);
    }

    /// Work of the current step.
    pub(crate) fn work(&mut self, operations: Operations) {
        self.costs[self.current].operations += operations;
    }

    /// What was booked, a row a phase and step, in the order in which they were entered.
    pub(crate) fn costs(self) -> Vec<StepCost> {
        self.costs
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
