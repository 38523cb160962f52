//! How long two ends would take over a link, from what they did over another.
//!
//! Both ends' events are run again in order on a simulated clock: computing takes as long as it took, a frame arrives
//! when the link's [`Shaper`] says, and an end that asks for a frame before that waits. What the two ends do does not
//! depend on time, so their events are the same over every link. That computing takes the same time is an assumption;
//! it holds as long as the two ends compete for cores no more over one link than over the other.

use crate::shaper::Shaper;
use crate::transcript::{Doing, Event};
use crate::{Error, Link, Phase};
use std::collections::VecDeque;

/// Predicted time of one end in one step of one phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Predicted {
    /// The phase.
    pub phase: Phase,
    /// The step.
    pub step: u32,
    /// Nanoseconds in the step, all visits together.
    pub wall_ns: u64,
    /// Nanoseconds of `wall_ns` spent waiting for the link.
    pub blocked_ns: u64,
}

/// Replays both ends' events of one phase, which begins for both at the same time, over `link`. Returns what each end
/// spends by step, in order of first entry. Times come from a file: those that no clock can have end at the largest.
///
/// # Errors
/// [`Error::Malformed`] where the transcripts do not belong together: an end receives a frame that the other has not
/// sent, or of another size.
pub fn replay(ends: [&[Event]; 2], link: &Link) -> Result<[Vec<Predicted>; 2], Error> {
    let mut ends = ends.map(|events| Replayed::of(events, link));
    loop {
        let [left, right] = &mut ends;
        let moved = left.advance(&mut right.arriving)? | right.advance(&mut left.arriving)?;
        match (left.events.is_empty() && right.events.is_empty(), moved) {
            (true, _) => return Ok(ends.map(|end| end.steps)),
            (false, true) => {}
            (false, false) => {
                let found = "an end that waits for a frame which the other never sends".into();
                return Err(Error::Malformed { expected: "two transcripts of one phase".into(), found });
            }
        }
    }
}

/// One end on the simulated clock.
struct Replayed<'a> {
    events: &'a [Event],
    now_ns: u64,
    shaper: Shaper,
    /// Frames on their way to this end: when they arrive, and their bytes.
    arriving: VecDeque<(u64, u64)>,
    steps: Vec<Predicted>,
}

impl<'a> Replayed<'a> {
    fn of(events: &'a [Event], link: &Link) -> Self {
        Self { events, now_ns: 0, shaper: Shaper::new(link), arriving: VecDeque::new(), steps: Vec::new() }
    }

    /// Goes as far as it can without the other end; returns whether it moved at all.
    fn advance(&mut self, peer: &mut VecDeque<(u64, u64)>) -> Result<bool, Error> {
        let mut moved = false;
        while let Some((event, rest)) = self.events.split_first() {
            let asked_ns = self.now_ns.saturating_add(event.compute_ns);
            let mut ended_ns = asked_ns;
            match event.doing {
                Doing::Sent(bytes) => peer.push_back((self.shaper.arrival(asked_ns, bytes), bytes)),
                Doing::Left => {}
                Doing::Received(bytes) => match self.arriving.pop_front() {
                    None => return Ok(moved),
                    Some((_, sent)) if sent != bytes => {
                        return Err(Error::Malformed {
                            expected: format!(
                                "a frame of {bytes} bytes in {} step {}",
                                event.phase, event.step
                            ),
                            found: format!("{sent} bytes in the other end's transcript"),
                        });
                    }
                    Some((arrival_ns, _)) => ended_ns = asked_ns.max(arrival_ns),
                },
            }
            self.add(event, ended_ns - self.now_ns, ended_ns - asked_ns);
            self.now_ns = ended_ns;
            self.events = rest;
            moved = true;
        }
        Ok(moved)
    }

    /// Adds an event's times to its step.
    fn add(&mut self, event: &Event, wall_ns: u64, blocked_ns: u64) {
        let (phase, step) = (event.phase, event.step);
        let row = match self.steps.iter_mut().find(|row| (row.phase, row.step) == (phase, step)) {
            Some(row) => row,
            None => self.steps.push_mut(Predicted { phase, step, wall_ns: 0, blocked_ns: 0 }),
        };
        row.wall_ns = row.wall_ns.saturating_add(wall_ns);
        row.blocked_ns = row.blocked_ns.saturating_add(blocked_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(step: u32, compute_ns: u64, doing: Doing) -> Event {
        Event { phase: Phase::Online, step, compute_ns, doing }
    }

    /// A question and its answer: the asker waits two delays, two transmissions and what the other computes.
    #[test]
    fn a_round_trip_by_hand() {
        let link = Link::parse("rate=100MB/s,rtt=2ms").unwrap();
        let asker = [
            event(0, 100, Doing::Sent(1000)),
            event(0, 50, Doing::Left),
            event(1, 7, Doing::Received(500)),
            event(1, 30, Doing::Left),
        ];
        let answerer =
            [event(0, 10, Doing::Received(1000)), event(0, 400, Doing::Sent(500)), event(0, 0, Doing::Left)];
        let [asked, answered] = replay([&asker, &answerer], &link).unwrap();
        // 100 + 10,000 of transmission + a delay; 400; 5,000 and a delay.
        let (there, back) = (1_010_100, 1_010_100 + 400 + 1_005_000);
        let row = |step, wall_ns, blocked_ns| Predicted { phase: Phase::Online, step, wall_ns, blocked_ns };
        assert_eq!(answered, [row(0, there + 400, there - 10)]);
        assert_eq!(asked, [row(0, 150, 0), row(1, back - 150 + 30, back - 157)]);
    }

    #[test]
    fn without_a_delay_or_rate_only_the_others_computing_is_waited_for() {
        let asker = [event(0, 5, Doing::Received(8)), event(0, 1, Doing::Left)];
        let answerer = [event(0, 90, Doing::Sent(8)), event(0, 0, Doing::Left)];
        let [asked, _] = replay([&asker, &answerer], &Link::loopback()).unwrap();
        assert_eq!((asked[0].wall_ns, asked[0].blocked_ns), (91, 85));
    }

    #[test]
    fn transcripts_that_do_not_belong_together_are_refused() {
        let asks = [event(0, 5, Doing::Received(8))];
        for (other, expected) in
            [(vec![], "never sends"), (vec![event(0, 1, Doing::Sent(9))], "9 bytes in the other end's")]
        {
            let error = replay([&asks, &other], &Link::loopback()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
