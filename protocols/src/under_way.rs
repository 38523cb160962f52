//! The most that one party can have sent and the other not yet received: what a queue has to hold, and no more.
//!
//! A party sends on until its walk ([`crate::cost`]) needs a frame that the other has not sent. So before each frame that
//! the other receives it is known how far the one can have come.

use crate::cost;
use crate::prepared::PreparedPlan;
use crate::service::Request;
use crate::walk::{Act, Party};
use netem::{Channel, Doing, Phase};

/// Phases of inferences in an order in which each may follow each: parties do not wait for each other between phases.
const PHASES: [Phase; 7] = [
    Phase::Setup,
    Phase::Offline,
    Phase::Offline,
    Phase::Online,
    Phase::Online,
    Phase::Offline,
    Phase::Online,
];

/// Frames, and bytes of their payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct UnderWay {
    frames: u64,
    bytes: u64,
}

impl UnderWay {
    fn add(&mut self, bytes: u64) {
        self.frames += 1;
        self.bytes += bytes;
    }
}

/// Has the channel of a party refuse what the other cannot lawfully have under way. Told in a session's set-up, when nothing
/// but the other's hello can have come.
pub(crate) fn bound(channel: &mut Channel, plan: &PreparedPlan, receiver: Party) {
    let walks = [cost::client(plan), cost::server(plan)];
    let UnderWay { frames, bytes } = match receiver {
        Party::Client => most(&doings(&walks[1]), &doings(&walks[0])),
        Party::Server => most(&doings(&walks[0]), &doings(&walks[1])),
    };
    // Requests and what is reported between phases are no part of the walks.
    let (asides, aside) = match receiver {
        Party::Client => (1, netem::MAX_FRAME as u64),
        Party::Server => (PHASES.len() as u64, Request::TRAFFIC.bytes),
    };
    channel.expect_at_most(frames + asides, bytes + asides * aside);
}

/// What is done in all of [`PHASES`].
fn doings(walk: &[Act]) -> Vec<Doing> {
    let of_phase = |phase: Phase| walk.iter().filter(move |act| act.phase == phase).map(|act| act.doing);
    PHASES.into_iter().flat_map(of_phase).collect()
}

/// Of what `sender` sends to `receiver`, which both declare from beginning to end.
fn most(sender: &[Doing], receiver: &[Doing]) -> UnderWay {
    let (mut most, mut sent, mut received) = (UnderWay::default(), UnderWay::default(), UnderWay::default());
    let mut ahead = sender.iter().peekable();
    // How many frames the sender can have had from the receiver and not used.
    let mut answers = 0u64;
    for doing in receiver {
        match doing {
            Doing::Sent(_) => answers += 1,
            Doing::Received(bytes) => {
                while let Some(next) =
                    ahead.next_if(|next| answers > 0 || !matches!(next, Doing::Received(_)))
                {
                    match next {
                        Doing::Sent(bytes) => sent.add(*bytes),
                        Doing::Received(_) => answers -= 1,
                        Doing::Left => {}
                    }
                }
                most.frames = most.frames.max(sent.frames - received.frames);
                most.bytes = most.bytes.max(sent.bytes - received.bytes);
                received.add(*bytes);
            }
            Doing::Left => {}
        }
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(walk: &str) -> Vec<Doing> {
        let one = |word: &str| match word.split_at(1) {
            (">", bytes) => Doing::Sent(bytes.parse().unwrap()),
            ("<", bytes) => Doing::Received(bytes.parse().unwrap()),
            _ => Doing::Left,
        };
        walk.split_whitespace().map(one).collect()
    }

    #[test]
    fn a_sender_goes_on_until_it_needs_an_answer() {
        for (sender, receiver, frames, bytes) in [
            // All at once.
            (">5 >6 . >7", "<5 <6 <7", 3, 18),
            // Two, then an answer after the first, then two more: the second and all of the later ones.
            (">5 >6 <1 >7 >8", "<5 >1 <6 <7 <8", 3, 21),
            // The answer comes when both are there.
            (">5 >6 <1 >7", "<5 <6 >1 <7", 2, 11),
            // Question by question.
            (">9 <1 >4 <1 >2", "<9 >1 <4 >1 <2", 1, 9),
            // What the receiver sends on its own lets the sender go on.
            ("<1 >3 <1 >4", ">1 >1 <3 <4", 2, 7),
            ("<1", ">1", 0, 0),
        ] {
            assert_eq!(most(&parse(sender), &parse(receiver)), UnderWay { frames, bytes }, "{sender}");
        }
    }
}
