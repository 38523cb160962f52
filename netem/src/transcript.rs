//! What one end did, in order: how long it computed, then which frame it sent or received. Its waits are left out, so
//! that those of another link can be put in their place ([`crate::replay()`]).

use serde::{Deserialize, Serialize};

use crate::Phase;
use crate::frame::{HEADER_BYTES, HOLD_BYTES, WIRE_HEADER};

/// What an end did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    /// Handed a frame of so many bytes, its counted header included, to the link.
    Sent(u64),
    /// Asked for the next frame, which had so many bytes, its counted header included.
    Received(u64),
    /// Went on to the next step, or ended the phase.
    Left,
}

/// One thing that an end did, and the computing before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The phase it belongs to.
    pub phase: Phase,
    /// The step it belongs to.
    pub step: u32,
    /// Nanoseconds of computing between the end of the event before (or of its wait) and this.
    pub compute_ns: u64,
    /// What was done.
    pub doing: Doing,
}

/// Makes events that send frames as they are made into those of a channel, which holds small frames back until there is
/// enough, or it asks for one itself, or goes on to another step: the computing before any of the frames held is then done
/// before the first leaves.
pub fn hold(events: &mut [Event]) {
    let (mut first, mut held) = (None, 0);
    for index in 0..events.len() {
        let computed = events[index].compute_ns;
        let leaves = match events[index].doing {
            Doing::Sent(bytes) => {
                held += bytes - HEADER_BYTES + WIRE_HEADER as u64;
                first.get_or_insert(index);
                held >= HOLD_BYTES
            }
            Doing::Received(_) | Doing::Left => true,
        };
        if let Some(first) = first {
            events[index].compute_ns = 0;
            events[first].compute_ns = events[first].compute_ns.saturating_add(computed);
        }
        if leaves {
            (first, held) = (None, 0);
        }
    }
}

/// Records events while it is switched on.
#[derive(Default)]
pub(crate) struct Recorder {
    on: bool,
    /// No step was entered since the events were taken: the time that passes belongs to no step.
    idle: bool,
    since_ns: u64,
    events: Vec<Event>,
}

impl Recorder {
    /// Records from the next step on, or no longer.
    pub(crate) fn switch(&mut self, on: bool) {
        *self = Self { on, idle: true, ..Self::default() };
    }

    /// Moves the events of the current step to this one, which begins now and gets none of their time.
    pub(crate) fn begin_as(&mut self, (phase, step): (Phase, u32), now_ns: u64) {
        let current =
            self.events.iter().rposition(|event| event.doing == Doing::Left).map_or(0, |left| left + 1);
        for event in &mut self.events[current..] {
            *event = Event { phase, step, compute_ns: 0, doing: event.doing };
        }
        (self.idle, self.since_ns) = (false, now_ns);
    }

    /// Notes what was begun at `began_ns` and had, after any waiting, ended at `ended_ns`.
    pub(crate) fn note(&mut self, at: (Phase, u32), doing: Doing, began_ns: u64, ended_ns: u64) {
        if self.on && !self.idle {
            let compute_ns = began_ns.saturating_sub(self.since_ns);
            self.since_ns = ended_ns;
            self.events.push(Event { phase: at.0, step: at.1, compute_ns, doing });
        }
    }

    /// Notes that the step `at` is left for another.
    pub(crate) fn left(&mut self, at: (Phase, u32), now_ns: u64) {
        self.note(at, Doing::Left, now_ns, now_ns);
        (self.idle, self.since_ns) = (false, now_ns);
    }

    /// The events since the last call, up to now.
    pub(crate) fn take(&mut self, at: (Phase, u32), now_ns: u64) -> Vec<Event> {
        self.note(at, Doing::Left, now_ns, now_ns);
        self.idle = true;
        std::mem::take(&mut self.events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_frames_leave_together() {
        let event = |compute_ns, doing| Event { phase: Phase::Online, step: 0, compute_ns, doing };
        let small = Doing::Sent(1000);
        let mut events = [
            event(1, small),
            event(2, small),
            event(4, Doing::Received(9)),
            event(8, Doing::Sent(HOLD_BYTES)),
            event(16, small),
            event(32, Doing::Left),
            event(64, Doing::Left),
        ];
        hold(&mut events);
        assert_eq!(events.map(|event| event.compute_ns), [7, 0, 0, 8, 48, 0, 64]);
    }
}
