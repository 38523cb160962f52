//! How a step declares what it costs: what a party sends, receives and computes, in the order in which it does.
//!
//! A plan is walked once for each party, in the order of that party's loops. Both walks go through the same declarations,
//! so that a frame is declared once; together they say what travels ([`crate::cost`]) and how long it takes
//! ([`crate::timing`]).

use crate::message;
use crate::numbering::ChannelStep;
use crate::ot::{OtVariant, extension};
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

/// What a party does, in order.
pub struct Walk {
    party: Party,
    ot: OtVariant,
    at: (Phase, ChannelStep),
    work: Operations,
    acts: Vec<Act>,
}

impl Walk {
    /// A walk that begins with set-up, of a plan with this extension of OTs.
    pub(crate) fn new(party: Party, ot: OtVariant) -> Self {
        let at = (Phase::Setup, ChannelStep::INPUT);
        Self { party, ot, at, work: Operations::default(), acts: Vec::new() }
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
        self.transfers(Party::Client, transfers);
    }

    /// The same where the choices are the server's.
    pub(crate) fn down_transfers(&mut self, transfers: usize) {
        self.transfers(Party::Server, transfers);
    }

    fn transfers(&mut self, receiver: Party, transfers: usize) {
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
