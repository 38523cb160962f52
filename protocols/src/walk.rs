//! How a step declares what it costs: what a party sends, receives and computes, in the order in which it does.
//!
//! A plan is walked once for each party, in the order of that party's loops. Both walks go through the same declarations,
//! so that a frame is declared once; together they say what travels ([`crate::cost`]) and how long it takes
//! ([`crate::timing`]).

use crate::message;
use crate::numbering::ChannelStep;
use crate::ot::silent::{Supply, Taken};
use crate::ot::{OtVariant, batches, extension, turning_bytes};
use crate::tally::Operations;
use netem::{Doing, Phase};

/// Whose walk it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// The client.
    Client,
    /// The server.
    Server,
}

/// One thing that a party does, and its work before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Act {
    /// The phase it belongs to.
    pub phase: Phase,
    /// The step as the channel books it.
    pub step: ChannelStep,
    /// Work between the act before, or the end of its wait, and this.
    pub work: Operations,
    /// What is done; bytes are payload.
    pub doing: Doing,
}

/// Correlated OTs of an inference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Transfers {
    /// Whose choices are the client's.
    pub up: usize,
    /// Whose choices are the server's.
    pub down: usize,
}

/// What a party does, in order.
pub struct Walk {
    party: Party,
    ot: OtVariant,
    /// What silent OT has made, for the client's choices and for the server's.
    supplies: [Supply; 2],
    /// Transfers so far.
    transfers: Transfers,
    at: (Phase, ChannelStep),
    work: Operations,
    acts: Vec<Act>,
}

impl Walk {
    /// A walk that begins with set-up, of a plan with this extension of OTs.
    pub(crate) fn new(party: Party, ot: OtVariant) -> Self {
        Self::of(party, ot, Transfers::default())
    }

    /// The same for inferences that take so many transfers.
    pub(crate) fn of(party: Party, ot: OtVariant, transfers: Transfers) -> Self {
        let supplies = [transfers.up, transfers.down].map(|transfers| Supply::new(batches(transfers)));
        let (at, transfers) = ((Phase::Setup, ChannelStep::INPUT), Transfers::default());
        Self { party, ot, supplies, transfers, at, work: Operations::default(), acts: Vec::new() }
    }

    /// The transfers that were declared.
    pub(crate) const fn transfers(&self) -> Transfers {
        self.transfers
    }

    /// Whether it is this party's.
    pub(crate) fn is(&self, party: Party) -> bool {
        self.party == party
    }

    /// What follows belongs to a step of a phase.
    pub(crate) fn enter(&mut self, phase: Phase, step: ChannelStep) {
        if !self.acts.is_empty() || self.work != Operations::default() {
            self.act(Doing::Left);
        }
        self.at = (phase, step);
    }

    /// A frame from the client.
    pub(crate) fn up(&mut self, bytes: usize) {
        self.frame(Party::Client, bytes);
    }

    /// A frame from the server.
    pub(crate) fn down(&mut self, bytes: usize) {
        self.frame(Party::Server, bytes);
    }

    /// A message of `bytes` from the client in the pieces that [`message::send`] cuts it into.
    pub(crate) fn up_message(&mut self, bytes: usize) {
        message::pieces(bytes).for_each(|piece| self.up(piece));
    }

    /// The same from the server.
    pub(crate) fn down_message(&mut self, bytes: usize) {
        message::pieces(bytes).for_each(|piece| self.down(piece));
    }

    /// An extension by `transfers` correlated OTs whose choices are the client's.
    pub(crate) fn up_transfers(&mut self, transfers: usize) {
        self.transfer(Party::Client, transfers, false);
    }

    /// The same where the choices are the server's.
    pub(crate) fn down_transfers(&mut self, transfers: usize) {
        self.transfer(Party::Server, transfers, false);
    }

    /// As [`Walk::up_transfers`] with random choices.
    pub(crate) fn up_random_transfers(&mut self, transfers: usize) {
        self.transfer(Party::Client, transfers, true);
    }

    /// As [`Walk::down_transfers`] with random choices.
    pub(crate) fn down_random_transfers(&mut self, transfers: usize) {
        self.transfer(Party::Server, transfers, true);
    }

    /// What silent OT sends for an inference of so many transfers with the choices of `receiver`, or with none in set-up.
    pub(crate) fn supply(&mut self, receiver: Party, transfers: usize) {
        if !self.ot.is_silent() {
            return;
        }
        let sender = if receiver == Party::Client { Party::Server } else { Party::Client };
        let index = usize::from(receiver == Party::Server);
        let taken: Vec<Taken> = self.supplies[index].take_whole(transfers).collect();
        for Taken { bytes, made, frames: _ } in taken {
            let work = Operations { silent_ots: made as u64, ..Operations::default() };
            if self.is(sender) {
                self.work += work;
            }
            self.frame(sender, bytes);
            if self.is(receiver) {
                self.work += work;
            }
        }
    }

    /// What makes the stock of silent OT, for the choices of `receiver`.
    pub(crate) fn stock(&mut self, receiver: Party) {
        if self.ot.is_silent() {
            let index = usize::from(receiver == Party::Server);
            self.extend(receiver, self.supplies[index].stock());
        }
    }

    fn transfer(&mut self, receiver: Party, transfers: usize, random: bool) {
        let count = if receiver == Party::Client { &mut self.transfers.up } else { &mut self.transfers.down };
        *count += transfers;
        match (self.ot.is_silent(), random) {
            (false, _) => self.extend(receiver, transfers),
            (true, true) => {}
            (true, false) => {
                message::pieces(turning_bytes(transfers)).for_each(|piece| self.frame(receiver, piece))
            }
        }
    }

    fn extend(&mut self, receiver: Party, transfers: usize) {
        for transfers in extension::extension_chunks(transfers) {
            let work = Operations {
                correlated_ots: transfers as u64,
                ot_blocks: extension::stream_blocks(self.ot, transfers) as u64,
                ..Operations::default()
            };
            // The receiver of the transfers sends, and has worked by then; the other works on what came.
            if self.is(receiver) {
                self.work += work;
            }
            self.frame(receiver, extension::extension_bytes(self.ot, transfers));
            if !self.is(receiver) {
                self.work += work;
            }
        }
    }

    /// Work of the client.
    pub(crate) fn client(&mut self, work: Operations) {
        if self.is(Party::Client) {
            self.work += work;
        }
    }

    /// Work of the server.
    pub(crate) fn server(&mut self, work: Operations) {
        if self.is(Party::Server) {
            self.work += work;
        }
    }

    /// Work of both.
    pub(crate) fn both(&mut self, work: Operations) {
        self.work += work;
    }

    /// Everything that was declared.
    pub(crate) fn acts(mut self) -> Vec<Act> {
        self.act(Doing::Left);
        self.acts
    }

    fn frame(&mut self, sender: Party, bytes: usize) {
        let bytes = bytes as u64;
        self.act(if self.is(sender) { Doing::Sent(bytes) } else { Doing::Received(bytes) });
    }

    fn act(&mut self, doing: Doing) {
        let (phase, step) = self.at;
        self.acts.push(Act { phase, step, work: std::mem::take(&mut self.work), doing });
    }
}
