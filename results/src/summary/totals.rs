//! What each phase of each repeat took: wall times, bytes and flights summed over its steps.

use crate::Error;
use crate::schema::{Party, Phase, StepRow};
use std::collections::HashMap;

/// A cell's id, whether the repeat warms up, and its number.
pub(super) type RepeatKey<'a> = (&'a str, bool, u32);

/// The totals of every repeat that has rows.
pub(super) fn by_repeat(steps: &[StepRow]) -> HashMap<RepeatKey<'_>, RepeatTotal> {
    let mut totals: HashMap<RepeatKey<'_>, RepeatTotal> = HashMap::new();
    for step in steps {
        totals.entry((&step.cell, step.warmup, step.repeat)).or_default().add(step);
    }
    totals
}

/// What one phase of one repeat took one party, summed over its steps.
#[derive(Clone, Copy, Default)]
struct PartyTotal {
    wall_ns: u64,
    sent: u64,
    received: u64,
    flights: u64,
}

/// What one phase of one repeat took both parties; a party without rows is `None`.
#[derive(Clone, Copy, Default)]
pub(super) struct PhaseTotal {
    client: Option<PartyTotal>,
    server: Option<PartyTotal>,
}

/// What one repeat took, by phase.
#[derive(Clone, Copy, Default)]
pub(super) struct RepeatTotal {
    setup: PhaseTotal,
    offline: PhaseTotal,
    online: PhaseTotal,
}

impl RepeatTotal {
    fn add(&mut self, row: &StepRow) {
        let phase = match row.phase {
            Phase::Setup => &mut self.setup,
            Phase::Offline => &mut self.offline,
            Phase::Online => &mut self.online,
        };
        let party = match row.party {
            Party::Client => &mut phase.client,
            Party::Server => &mut phase.server,
        };
        let total = party.get_or_insert_default();
        total.wall_ns = total.wall_ns.saturating_add(row.wall_ns);
        total.sent = total.sent.saturating_add(row.bytes_out).saturating_add(row.header_out);
        total.received = total.received.saturating_add(row.bytes_in).saturating_add(row.header_in);
        total.flights = total.flights.saturating_add(row.flights_out);
    }

    pub(super) fn phase(&self, phase: Phase) -> &PhaseTotal {
        match phase {
            Phase::Setup => &self.setup,
            Phase::Offline => &self.offline,
            Phase::Online => &self.online,
        }
    }
}

impl PhaseTotal {
    pub(super) fn is_empty(&self) -> bool {
        self.client.is_none() && self.server.is_none()
    }

    pub(super) fn time_ns(&self, phase: Phase) -> Option<u64> {
        let client = self.client.map(|total| total.wall_ns);
        let server = self.server.map(|total| total.wall_ns);
        match phase {
            Phase::Setup | Phase::Offline => client.max(server),
            Phase::Online => client,
        }
    }

    pub(super) fn up(&self) -> Option<u64> {
        self.client.map(|total| total.sent).or(self.server.map(|total| total.received))
    }

    pub(super) fn down(&self) -> Option<u64> {
        self.client.map(|total| total.received).or(self.server.map(|total| total.sent))
    }

    pub(super) fn rounds(&self) -> Option<u64> {
        Some(self.client?.flights.saturating_add(self.server?.flights))
    }

    /// What one party sent is what the other received.
    pub(super) fn check(&self, cell: &str, repeat: u32, phase: Phase) -> Result<(), Error> {
        let (Some(client), Some(server)) = (self.client, self.server) else { return Ok(()) };
        for (direction, sent, received) in [
            ("client to server", client.sent, server.received),
            ("server to client", server.sent, client.received),
        ] {
            if sent != received {
                return Err(Error::Parties {
                    cell: cell.to_owned(),
                    repeat,
                    phase,
                    direction,
                    sent,
                    received,
                });
            }
        }
        Ok(())
    }
}
