//! What a plan costs, counted: bytes, messages, flights and work, by phase and step.

use crate::numbering::ChannelStep;
use crate::walk::Act;
use netem::{Doing, Phase};
use serde::Serialize;
use std::collections::VecDeque;
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

/// Defines [`Operations`] and what goes through its fields.
macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Work, counted.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
        pub struct Operations {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Operations {
            /// How many kinds there are.
            pub const KINDS: usize = [$(stringify!($name)),*].len();

            /// Their names, in the order of [`Operations::counts`].
            pub const NAMES: [&'static str; Self::KINDS] = [$(stringify!($name)),*];

            /// How many there are of each kind.
            pub const fn counts(&self) -> [u64; Self::KINDS] {
                [$(self.$name),*]
            }

            /// Of each kind the larger count.
            pub(crate) fn larger(&self, other: &Self) -> Self {
                Self { $($name: self.$name.max(other.$name)),* }
            }
        }

        impl AddAssign for Operations {
            fn add_assign(&mut self, other: Self) {
                $(self.$name += other.$name;)*
            }
        }
    };
}

operations! {
    /// AND gates, garbled by the server and evaluated by the client.
    and_gates,
    /// Circuits: one a kept unit.
    circuits,
    /// Outputs of circuits that become shares.
    conversions,
    /// Labels of the server's inputs, chosen by it online.
    labels,
    /// Levels of one-time tables: each a correlated OT whose strings are hashed, and a correction.
    table_levels,
    /// Kept units that are compared by tables, online.
    comparisons,
    /// Correlated OTs.
    correlated_ots,
    /// Cipher blocks that they are summed from.
    ot_blocks,
    /// Correlated OTs that silent OT makes of its stock.
    silent_ots,
    /// Ciphertexts encrypted by the client and read by the server.
    encryptions,
    /// Ciphertext-by-plaintext products, the server's.
    products,
    /// Weight polynomials that the server transforms anew, as its memory does not hold them.
    transforms,
    /// Ciphertexts that the server makes answers of and the client decrypts.
    decryptions,
    /// Values that answers carry, flooded, masked and packed by the server and read by the client.
    answered,
    /// Multiply-accumulates in the clear, by the server online.
    macs,
    /// Values laid out in columns for them.
    gathered,
    /// Elements of the ring that are masked, divided, packed or unpacked.
    elements,
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
    /// Work; what both parties do is counted once.
    pub operations: Operations,
}

impl StepCost {
    /// A step that costs nothing yet.
    pub fn new(phase: Phase, step: ChannelStep) -> Self {
        let (up, down, operations) = Default::default();
        Self { phase, step, up, down, operations }
    }
}

fn phase_name<S: serde::Serializer>(phase: &Phase, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(phase)
}

/// What both parties' walks cost, a row a phase and step, in the order in which the client enters them.
///
/// # Panics
/// Panics where the walks do not belong together: a party would wait for a frame that the other never sends.
pub(crate) fn tally(client: &[Act], server: &[Act]) -> Vec<StepCost> {
    let mut rows = Rows::default();
    for act in client.iter().chain(server) {
        rows.of(act);
    }
    let mut ends = [End::of(client, true), End::of(server, false)];
    loop {
        let [client, server] = &mut ends;
        let moved =
            client.advance(&mut server.arriving, &mut rows) | server.advance(&mut client.arriving, &mut rows);
        if ends.iter().all(|end| end.acts.is_empty()) {
            break;
        }
        assert!(moved, "a party waits for a frame that the other never sends");
    }
    let [of_client, of_server] = ends.map(|end| end.work);
    for (row, (client, server)) in rows.0.iter_mut().zip(of_client.into_iter().zip(of_server)) {
        row.operations = client.larger(&server);
    }
    rows.0
}

#[derive(Default)]
struct Rows(Vec<StepCost>);

impl Rows {
    /// The place of the act's row.
    fn of(&mut self, act: &Act) -> usize {
        let found = self.0.iter().rposition(|row| row.phase == act.phase && row.step == act.step);
        found.unwrap_or_else(|| {
            self.0.push(StepCost::new(act.phase, act.step));
            self.0.len() - 1
        })
    }
}

/// A party going through its walk, its messages' depths counted as the channel counts them.
struct End<'a> {
    acts: &'a [Act],
    client: bool,
    phase: Phase,
    sent: u32,
    received: u32,
    /// Frames on their way to it: bytes and depths.
    arriving: VecDeque<(u64, u32)>,
    /// Its work, by row.
    work: Vec<Operations>,
}

impl<'a> End<'a> {
    fn of(acts: &'a [Act], client: bool) -> Self {
        let (arriving, work) = Default::default();
        Self { acts, client, phase: Phase::Setup, sent: 0, received: 0, arriving, work }
    }

    /// Goes as far as it can without the other; returns whether it moved at all.
    fn advance(&mut self, peer: &mut VecDeque<(u64, u32)>, rows: &mut Rows) -> bool {
        let mut moved = false;
        while let Some((act, rest)) = self.acts.split_first() {
            if act.phase != self.phase {
                (self.phase, self.sent, self.received) = (act.phase, 0, 0);
            }
            let row = rows.of(act);
            match act.doing {
                Doing::Left => {}
                Doing::Received(bytes) => {
                    let Some((sent, depth)) = self.arriving.pop_front() else { return moved };
                    assert_eq!(
                        sent, bytes,
                        "a frame of another size was sent in {} {:?}",
                        act.phase, act.step
                    );
                    self.received = self.received.max(depth);
                }
                Doing::Sent(bytes) => {
                    let depth = self.received + 1;
                    let cost = &mut rows.0[row];
                    let traffic = if self.client { &mut cost.up } else { &mut cost.down };
                    traffic.bytes += bytes;
                    traffic.messages += 1;
                    traffic.flights += u64::from(depth > self.sent);
                    self.sent = depth;
                    peer.push_back((bytes, depth));
                }
            }
            self.work.resize(rows.0.len(), Operations::default());
            self.work[row] += act.work;
            (self.acts, moved) = (rest, true);
        }
        moved
    }
}
