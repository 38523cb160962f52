//! What the steps of a run used, at one endpoint: bytes, messages and time per (phase, step).

use serde::{Deserialize, Serialize};

use crate::frame::HEADER_BYTES;
use crate::phase::Phase;

/// What one (phase, step) used at this endpoint: traffic and time.
///
/// Sent traffic counts for the step that is current at `send`, received traffic at `recv`. Bytes are
/// payload; headers, 5 bytes a message, are apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepUsage {
    /// The phase.
    pub phase: Phase,
    /// The step within the plan.
    pub step: u32,
    /// Payload bytes sent.
    pub bytes_out: u64,
    /// Payload bytes received.
    pub bytes_in: u64,
    /// Header bytes sent: 5 a message.
    pub header_out: u64,
    /// Header bytes received: 5 a message.
    pub header_in: u64,
    /// Messages (frames) sent.
    pub messages_out: u64,
    /// Messages (frames) received.
    pub messages_in: u64,
    /// How many times this endpoint sent what may depend on more of the peer's flights than it did before. A
    /// message is one deeper than the deepest received since the phase began (entering another phase or
    /// restarting the meter does the same), and a flight begins where an endpoint's messages get deeper. So
    /// messages that were under way at the same time are one flight, whatever came in meanwhile. A phase's
    /// rounds are the flights of both endpoints: the one-way delays on the critical path, as long as not both
    /// begin; two flights that cross are counted as two.
    pub flights_out: u64,
    /// Nanoseconds from entering to leaving, all visits together.
    pub wall_ns: u64,
    /// Nanoseconds of `wall_ns` spent waiting for the peer, the link or room in the queue.
    pub blocked_ns: u64,
}

impl StepUsage {
    /// A (phase, step) that has used nothing yet.
    pub fn new(phase: Phase, step: u32) -> Self {
        Self {
            phase,
            step,
            bytes_out: 0,
            bytes_in: 0,
            header_out: 0,
            header_in: 0,
            messages_out: 0,
            messages_in: 0,
            flights_out: 0,
            wall_ns: 0,
            blocked_ns: 0,
        }
    }

    /// Nanoseconds not blocked: `wall_ns - blocked_ns`.
    pub fn compute_ns(&self) -> u64 {
        self.wall_ns.saturating_sub(self.blocked_ns)
    }
}

/// Measures one endpoint: all rows since the meter was last restarted.
pub(crate) struct Meter {
    phase: Phase,
    step: u32,
    rows: Vec<StepUsage>,
    /// The current step's row. None until it is entered by name or has traffic: idle time before the first
    /// `enter` is no step's.
    current: Option<usize>,
    since_ns: u64,
    depths: Depths,
}

/// The deepest messages since the phase began, or the meter was restarted.
#[derive(Default)]
struct Depths {
    sent: u32,
    received: u32,
}

impl Meter {
    pub(crate) fn new(now_ns: u64) -> Self {
        Self {
            phase: Phase::Setup,
            step: 0,
            rows: Vec::new(),
            current: None,
            since_ns: now_ns,
            depths: Depths::default(),
        }
    }

    /// Counts the current row's traffic, and none of its time, for another phase and step, which begin now.
    pub(crate) fn begin_as(&mut self, phase: Phase, step: u32, now_ns: u64) {
        let row = self.row();
        (row.phase, row.step) = (phase, step);
        (row.wall_ns, row.blocked_ns) = (0, 0);
        (self.phase, self.step, self.since_ns) = (phase, step, now_ns);
    }

    /// The current phase and step.
    pub(crate) fn at(&self) -> (Phase, u32) {
        (self.phase, self.step)
    }

    pub(crate) fn enter(&mut self, phase: Phase, step: u32, now_ns: u64) {
        self.settle(now_ns);
        if phase != self.phase {
            self.depths = Depths::default();
        }
        (self.phase, self.step) = (phase, step);
        self.row();
    }

    /// The message's depth.
    pub(crate) fn sent(&mut self, payload: usize) -> u32 {
        let depth = self.depths.received.saturating_add(1);
        let flight = u64::from(depth > self.depths.sent);
        self.depths.sent = depth;
        let row = self.row();
        row.bytes_out += payload as u64;
        row.header_out += HEADER_BYTES;
        row.messages_out += 1;
        row.flights_out += flight;
        depth
    }

    pub(crate) fn received(&mut self, payload: usize, depth: u32) {
        self.depths.received = self.depths.received.max(depth);
        let row = self.row();
        row.bytes_in += payload as u64;
        row.header_in += HEADER_BYTES;
        row.messages_in += 1;
    }

    pub(crate) fn blocked(&mut self, ns: u64) {
        if ns > 0 {
            self.row().blocked_ns += ns;
        }
    }

    /// The rows in order of first entry, the current one's time up to now.
    pub(crate) fn rows(&self, now_ns: u64) -> Vec<StepUsage> {
        let mut rows = self.rows.clone();
        if let Some(current) = self.current {
            rows[current].wall_ns += now_ns.saturating_sub(self.since_ns);
        }
        rows
    }

    /// The rows; begins anew at the current step, with no message before.
    pub(crate) fn take(&mut self, now_ns: u64) -> Vec<StepUsage> {
        self.settle(now_ns);
        self.depths = Depths::default();
        std::mem::take(&mut self.rows)
    }

    /// Closes the current row's visit.
    fn settle(&mut self, now_ns: u64) {
        if let Some(current) = self.current.take() {
            self.rows[current].wall_ns += now_ns.saturating_sub(self.since_ns);
        }
        self.since_ns = now_ns;
    }

    /// The current step's row, opened where need be.
    fn row(&mut self) -> &mut StepUsage {
        let (phase, step) = (self.phase, self.step);
        let index = self.current.unwrap_or_else(|| {
            self.rows.iter().position(|row| (row.phase, row.step) == (phase, step)).unwrap_or_else(|| {
                self.rows.push(StepUsage::new(phase, step));
                self.rows.len() - 1
            })
        });
        self.current = Some(index);
        &mut self.rows[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_to_the_step_it_was_spent_in() {
        let mut meter = Meter::new(100);
        meter.enter(Phase::Offline, 0, 1_000);
        meter.blocked(30);
        meter.enter(Phase::Offline, 1, 1_100);
        meter.enter(Phase::Offline, 0, 1_150);
        let rows = meter.rows(1_160);
        let times: Vec<_> = rows.iter().map(|r| (r.step, r.wall_ns, r.blocked_ns, r.compute_ns())).collect();
        assert_eq!(times, [(0, 110, 30, 80), (1, 50, 0, 50)]);
    }

    /// Whatever an end does, each nanosecond is one row's, except those before an entry that follows a restart, or is the
    /// first, without traffic before it.
    #[test]
    fn the_rows_times_and_what_is_idle_make_up_the_whole() {
        let phases = [Phase::Setup, Phase::Offline, Phase::Online];
        let mut state = 1_u64;
        let mut random = move |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for _ in 0..200 {
            let (mut now, mut idle, mut idle_since, mut booked) = (1_000, 0, Some(1_000), 0);
            let mut meter = Meter::new(now);
            for _ in 0..100 {
                now += random(1_000);
                match random(8) {
                    0..4 => {
                        idle += idle_since.take().map_or(0, |since| now - since);
                        meter.enter(phases[random(3) as usize], random(4) as u32, now);
                    }
                    4 => {
                        booked += meter.take(now).iter().map(|row| row.wall_ns).sum::<u64>();
                        idle += idle_since.replace(now).map_or(0, |since| now - since);
                    }
                    // Traffic before that entry makes the time a row's.
                    5 => {
                        meter.sent(9);
                        idle_since = None;
                    }
                    6 => {
                        meter.received(9, 1);
                        idle_since = None;
                    }
                    _ => drop(meter.rows(now)),
                }
            }
            now += 1;
            idle += idle_since.map_or(0, |since| now - since);
            booked += meter.take(now).iter().map(|row| row.wall_ns).sum::<u64>();
            assert_eq!(booked + idle, now - 1_000);
        }
    }

    #[test]
    fn what_was_waited_for_is_counted_where_it_belongs_without_the_wait() {
        let mut meter = Meter::new(0);
        meter.enter(Phase::Online, 0, 10);
        meter.received(17, 1);
        meter.blocked(900);
        meter.begin_as(Phase::Offline, 0, 1_000);
        meter.enter(Phase::Offline, 1, 1_030);
        assert_eq!(meter.sent(5), 2, "an answer to what came");
        let rows = meter.take(1_050);
        let found: Vec<_> =
            rows.iter().map(|r| (r.phase, r.step, r.wall_ns, r.blocked_ns, r.bytes_in)).collect();
        assert_eq!(found, [(Phase::Offline, 0, 30, 0, 17), (Phase::Offline, 1, 20, 0, 0)]);
    }

    #[test]
    fn idle_time_before_the_first_entry_makes_no_row() {
        let mut meter = Meter::new(0);
        assert_eq!(meter.rows(50), []);
        meter.enter(Phase::Online, 3, 60);
        assert_eq!(meter.take(70), [StepUsage { wall_ns: 10, ..StepUsage::new(Phase::Online, 3) }]);
        // Restarted: still at online 3, but unlisted until something happens there.
        assert_eq!((meter.at(), meter.rows(90)), ((Phase::Online, 3), vec![]));
        meter.sent(7);
        let row = &meter.take(100)[0];
        assert_eq!((row.wall_ns, row.bytes_out, row.header_out, row.flights_out), (30, 7, 5, 1));
    }
}
