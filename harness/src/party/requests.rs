//! The server's end of a session in which the client asks for what comes next.

use crate::error::Error;
use netem::Channel;
use protocols::service::{ItemId, Request};
use std::time::Duration;

/// How a server does what its client asks for.
pub(crate) trait Answers {
    /// Preprocesses an item.
    fn offline(&mut self, channel: &mut Channel, item: ItemId) -> Result<(), Error>;
    /// Uses it.
    fn online(&mut self, channel: &mut Channel, item: ItemId) -> Result<(), Error>;
    /// Tells what was measured of the phase before.
    fn report(&mut self, channel: &mut Channel) -> Result<(), Error>;
}

/// Answers requests until the client asks for nothing more. It waits for a request no longer than `idle`, and within a
/// phase no longer than `deadline`.
pub(crate) fn answer(
    channel: &mut Channel,
    idle: Duration,
    deadline: Duration,
    answers: &mut impl Answers,
) -> Result<(), Error> {
    loop {
        channel.set_deadline(idle);
        let request = Request::receive(channel)?;
        channel.set_deadline(deadline);
        match request {
            Request::Offline(item) => answers.offline(channel, item)?,
            Request::Online(item) => answers.online(channel, item)?,
            Request::Report => answers.report(channel)?,
            Request::End => return Ok(()),
        }
    }
}
