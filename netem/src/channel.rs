//! The channel: frames in, frames out, everything counted.

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::clock::{nanoseconds, now_ns, wait_until};
use crate::error::End;
use crate::frame::{Frame, FrameKind, HOLD_BYTES, MAX_FRAME, WIRE_HEADER};
use crate::phase::Phase;
use crate::queue::Inbox;
use crate::release::{Lateness, ReleaseError};
use crate::shaper::Shaper;
use crate::tcp::{self, Tcp};
use crate::tls::Identity;
use crate::transcript::{Doing, Event, Recorder};
use crate::usage::{Meter, StepUsage};
use crate::{Error, Link};

/// A deadline that the operating system and the arithmetic of clocks accept.
fn bounded(deadline: Duration) -> Duration {
    deadline.clamp(Duration::from_millis(1), Duration::from_secs(366 * 24 * 3600))
}

/// One end of a connection to the other party. See the crate's page for what is counted, and how.
///
/// Every wait ends with [`Error::Deadline`] when nothing moved for the deadline: 1 ms at least, a year at
/// most. It has to cover the peer's longest computation between two messages.
///
/// Dropping a channel sends what it holds (for at most 5 s and the deadline), then closes it: the peer
/// receives what was sent, then [`Error::Closed`].
pub struct Channel {
    transport: Transport,
    inbox: Arc<Inbox>,
    /// None on an unshaped link.
    uplink: Option<Uplink>,
    deadline: Duration,
    /// Longest queue on the link that it adds to.
    queue: Option<Duration>,
    held: VecDeque<Frame>,
    held_bytes: u64,
    meter: Meter,
    lateness: Lateness,
    recorder: Recorder,
}

/// One direction of a shaped link, at its sender. The frames of all channels that share it queue behind each other.
#[derive(Clone, Debug)]
pub struct Uplink(Arc<Mutex<Shaper>>);

impl Uplink {
    /// Of a link that has carried nothing yet.
    pub fn new(link: &Link) -> Self {
        Self(Arc::new(Mutex::new(Shaper::new(link))))
    }

    fn shaper(&self) -> MutexGuard<'_, Shaper> {
        self.0.lock().expect("no holder of a shaper panics")
    }
}

enum Transport {
    /// The other end's inbox.
    Memory(Arc<Inbox>),
    Tcp(Tcp),
}

impl Channel {
    /// Two ends in one process, unshaped, without a socket or thread. Its queues are not bounded.
    pub fn pair(deadline: Duration) -> (Self, Self) {
        let deadline = bounded(deadline);
        let (left, right) = (Arc::<Inbox>::default(), Arc::<Inbox>::default());
        [&left, &right].into_iter().for_each(|inbox| inbox.hold_at_most(0, u64::MAX));
        (
            Self::new(Transport::Memory(Arc::clone(&right)), Arc::clone(&left), None, deadline),
            Self::new(Transport::Memory(left), right, None, deadline),
        )
    }

    /// [`Channel::pair`] for a caller that was given a link: only loopback will do.
    ///
    /// # Errors
    /// [`Error::Link`] for any shaped link.
    pub fn pair_over(link: &Link, deadline: Duration) -> Result<(Self, Self), Error> {
        if link.is_shaped() {
            return Err(Error::Link {
                expected: "loopback for an in-process pair, which emulates nothing".into(),
                found: link.to_string(),
            });
        }
        Ok(Self::pair(deadline))
    }

    /// Connects to a listening peer on this host. Both ends must name links of the same numbers, which the first
    /// `recv` checks.
    ///
    /// # Errors
    /// [`Error::Deadline`], [`Error::Io`] (such as when nobody listens; not retried), [`Error::Link`] (numbers that
    /// make no sense).
    pub fn connect(addr: SocketAddr, link: &Link, deadline: Duration) -> Result<Self, Error> {
        Self::connect_sharing(addr, link, &Uplink::new(link), deadline)
    }

    /// [`Channel::connect`] beside other channels of this process over the same link, which `uplink` is of.
    ///
    /// # Errors
    /// As [`Channel::connect`].
    pub fn connect_sharing(
        addr: SocketAddr,
        link: &Link,
        uplink: &Uplink,
        deadline: Duration,
    ) -> Result<Self, Error> {
        link.validate()?;
        let deadline = bounded(deadline);
        Self::over_tcp(tcp::connect(addr, deadline)?, link, uplink, deadline)
    }

    /// Takes one connection. The listener is non-blocking from then on.
    ///
    /// # Errors
    /// [`Error::Deadline`], [`Error::Io`], [`Error::Link`] (numbers that make no sense).
    pub fn accept(listener: &TcpListener, link: &Link, deadline: Duration) -> Result<Self, Error> {
        Self::accept_sharing(listener, link, &Uplink::new(link), deadline)
    }

    /// [`Channel::accept`] beside other channels of this process over the same link, which `uplink` is of.
    ///
    /// # Errors
    /// As [`Channel::accept`].
    pub fn accept_sharing(
        listener: &TcpListener,
        link: &Link,
        uplink: &Uplink,
        deadline: Duration,
    ) -> Result<Self, Error> {
        link.validate()?;
        let deadline = bounded(deadline);
        Self::over_tcp(tcp::accept(listener, deadline)?.0, link, uplink, deadline)
    }

    /// One end of a connection between two hosts, by TLS 1.3; nothing is emulated. An identity without certificates will do
    /// within this host alone. The whole handshake has one deadline.
    ///
    /// # Errors
    /// [`Error::Unnamed`]; [`Error::Deadline`]; [`Error::Closed`]; [`Error::Io`]; [`Error::Tls`], such as for a
    /// certificate that either end does not accept.
    pub fn between_hosts(stream: TcpStream, identity: &Identity, deadline: Duration) -> Result<Self, Error> {
        let deadline = bounded(deadline);
        let preparing = |source| Error::Io { doing: "preparing the connection", source };
        let peer = stream.peer_addr().map_err(preparing)?;
        if !(identity.has_name() || peer.ip().is_loopback()) {
            return Err(Error::Unnamed { peer });
        }
        stream.set_nodelay(true).map_err(preparing)?;
        let tls = identity.handshake(stream.try_clone().map_err(preparing)?, deadline)?;
        let inbox = Arc::<Inbox>::default();
        let tcp = Tcp::start(stream, Some(tls), &Link::loopback(), &inbox, deadline)?;
        Ok(Self::new(Transport::Tcp(tcp), inbox, None, deadline))
    }

    fn over_tcp(stream: TcpStream, link: &Link, uplink: &Uplink, deadline: Duration) -> Result<Self, Error> {
        let inbox = Arc::<Inbox>::default();
        let tcp = Tcp::start(stream, None, link, &inbox, deadline)?;
        let uplink = link.is_shaped().then(|| uplink.clone());
        Ok(Self::new(Transport::Tcp(tcp), inbox, uplink, deadline))
    }

    fn new(transport: Transport, inbox: Arc<Inbox>, uplink: Option<Uplink>, deadline: Duration) -> Self {
        Self {
            transport,
            inbox,
            uplink,
            deadline,
            queue: None,
            held: VecDeque::new(),
            held_bytes: 0,
            meter: Meter::new(now_ns()),
            lateness: Lateness::default(),
            recorder: Recorder::default(),
        }
    }

    /// Sets the deadline of every wait from now on.
    pub fn set_deadline(&mut self, deadline: Duration) {
        self.deadline = bounded(deadline);
    }

    /// From now on the peer may have `frames` frames of `bytes` bytes of payload in all under way to this end, or waiting
    /// here; with more the channel ends, as [`Error::Malformed`]. 64 MiB until this is called.
    pub fn expect_at_most(&mut self, frames: u64, bytes: u64) {
        self.inbox.hold_at_most(frames, bytes);
    }

    /// From now on, waits before it hands frames to a link that is busy for longer than `queue`. So the frames of other
    /// channels over the same [`Uplink`] wait for at most `queue` and one batch (64 KiB, or a frame) of this channel.
    pub fn queue_at_most(&mut self, queue: Duration) {
        self.queue = Some(queue);
    }

    /// Flushes, then counts what follows for this phase and step. Entering one again adds to it. A failure to
    /// flush is returned by the next `send`, `recv` or `flush`, which try again.
    pub fn enter(&mut self, phase: Phase, step: u32) {
        let _ = self.flush();
        let now_ns = now_ns();
        self.recorder.left(self.meter.at(), now_ns);
        self.meter.enter(phase, step, now_ns);
    }

    /// Counts the current step's traffic, but none of its time, for this phase and step, which begin now: for an end
    /// that learns from a message which phase the message belongs to. The current step may have no other traffic.
    pub fn begin_as(&mut self, phase: Phase, step: u32) {
        let now_ns = now_ns();
        self.recorder.begin_as((phase, step), now_ns);
        self.meter.begin_as(phase, step, now_ns);
    }

    /// Sends one frame. Small frames may be held until the next `flush`, `recv`, `enter` or drop.
    ///
    /// # Errors
    /// [`Error::TooLong`] above [`MAX_FRAME`]; [`Error::Closed`], [`Error::Deadline`], [`Error::Io`],
    /// possibly about an earlier frame.
    pub fn send(&mut self, kind: FrameKind, payload: Vec<u8>) -> Result<(), Error> {
        if payload.len() > MAX_FRAME {
            return Err(Error::TooLong { max: MAX_FRAME, found: payload.len() });
        }
        let depth = self.meter.sent(payload.len());
        self.held_bytes += (payload.len() + WIRE_HEADER) as u64;
        self.held.push_back(Frame { kind, arrival_ns: 0, depth, payload });
        if self.held_bytes >= HOLD_BYTES { self.flush() } else { Ok(()) }
    }

    /// Receives one frame of this kind and of exactly `len` bytes. Flushes first.
    ///
    /// # Errors
    /// [`Error::Malformed`] for another kind or length; [`Error::Closed`], [`Error::Deadline`],
    /// [`Error::Io`]; [`Error::Link`] where the peer emulates another link.
    pub fn recv(&mut self, kind: FrameKind, len: usize) -> Result<Vec<u8>, Error> {
        self.next(kind, |found| found == len, || format!("{len} bytes"))
    }

    /// Receives one frame of this kind and of at most `cap` bytes. Flushes first.
    ///
    /// # Errors
    /// As [`Channel::recv`].
    pub fn recv_at_most(&mut self, kind: FrameKind, cap: usize) -> Result<Vec<u8>, Error> {
        self.next(kind, |found| found <= cap, || format!("at most {cap} bytes"))
    }

    fn next(
        &mut self,
        kind: FrameKind,
        fits: impl FnOnce(usize) -> bool,
        wanted: impl FnOnce() -> String,
    ) -> Result<Vec<u8>, Error> {
        self.flush()?;
        let called_ns = now_ns();
        let frame = self.inbox.pop(self.deadline).and_then(|frame| self.release(frame, called_ns));
        let ended_ns = now_ns();
        self.meter.blocked(ended_ns.saturating_sub(called_ns));
        let frame = frame.map_err(|end| self.error(end, "waiting for a frame"))?;
        self.recorder.note(self.meter.at(), Doing::Received(frame.size()), called_ns, ended_ns);
        if frame.kind != kind || !fits(frame.payload.len()) {
            return Err(Error::Malformed {
                expected: format!("{} with {}", kind, wanted()),
                found: format!("{} with {} bytes", frame.kind, frame.payload.len()),
            });
        }
        self.meter.received(frame.payload.len(), frame.depth);
        Ok(frame.payload)
    }

    /// Waits for the emulated link to deliver the frame. A slow link's trickle is progress, a first byte that
    /// is further away than the deadline is not.
    fn release(&mut self, frame: Frame, called_ns: u64) -> Result<Frame, End> {
        let Some(uplink) = &self.uplink else { return Ok(frame) };
        let transmission_ns = uplink.shaper().transmission_ns(frame.size());
        let first_byte_ns = frame.arrival_ns.saturating_sub(transmission_ns);
        let patience_ns = called_ns.saturating_add(nanoseconds(self.deadline));
        if first_byte_ns > patience_ns {
            wait_until(patience_ns);
            return Err(End::Stalled);
        }
        let released_ns = wait_until(frame.arrival_ns);
        self.lateness.record(released_ns - frame.arrival_ns.max(called_ns));
        Ok(frame)
    }

    /// Hands everything held to the writer; does not wait for it to be written. The frames count as sent now.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Deadline`] (the queue is full and does not move), [`Error::Io`].
    pub fn flush(&mut self) -> Result<(), Error> {
        if self.held.is_empty() {
            return Ok(());
        }
        let called_ns = now_ns();
        if let (Some(queue), Some(uplink)) = (self.queue, &self.uplink) {
            wait_until(uplink.shaper().free_ns().saturating_sub(nanoseconds(queue)));
        }
        let handed_over = match &self.transport {
            Transport::Memory(peer) if peer.has_ended() => Err(End::Closed),
            Transport::Memory(_) => Ok(()),
            Transport::Tcp(tcp) => tcp.outbox().wait_for_room(self.held_bytes, self.deadline),
        };
        let sent_ns = now_ns();
        self.meter.blocked(sent_ns.saturating_sub(called_ns));
        handed_over.map_err(|end| self.error(end, "waiting for the peer to take what was sent"))?;
        let mut began_ns = called_ns;
        for frame in &self.held {
            self.recorder.note(self.meter.at(), Doing::Sent(frame.size()), began_ns, sent_ns);
            began_ns = sent_ns;
        }
        self.queue_held(sent_ns);
        Ok(())
    }

    /// Stamps what is held and hands it over, room or not.
    fn queue_held(&mut self, sent_ns: u64) {
        let mut shaper = self.uplink.as_ref().map(Uplink::shaper);
        let stamped = self.held.drain(..).map(|mut frame| {
            if let Some(shaper) = &mut shaper {
                frame.arrival_ns = shaper.arrival(sent_ns, frame.size());
            }
            frame
        });
        match &self.transport {
            Transport::Memory(peer) => {
                // Whether it was taken is told by the next flush.
                let _ = peer.push(stamped);
            }
            Transport::Tcp(tcp) => tcp.outbox().push(stamped),
        }
        self.held_bytes = 0;
    }

    /// What was used since the channel began or the usage was taken: one entry per (phase, step), in order
    /// of first entry, the current one's time up to now. Time before the first `enter` is listed, as setup
    /// step 0, only if there was traffic in it.
    pub fn usage(&self) -> Vec<StepUsage> {
        self.meter.rows(now_ns())
    }

    /// [`Channel::usage`], and restarts the meter at the current phase and step; it is listed again once it is entered, from
    /// then on, or has traffic, from now on. Apart from the time before such an entry, the rows' wall times make up the whole.
    pub fn take_usage(&mut self) -> Vec<StepUsage> {
        self.meter.take(now_ns())
    }

    /// Starts to record what this end does from the next [`Channel::enter`] on, or stops.
    pub fn record(&mut self, on: bool) {
        self.recorder.switch(on);
    }

    /// The events recorded since they were last taken; recording goes on with the next [`Channel::enter`].
    pub fn take_transcript(&mut self) -> Vec<Event> {
        self.recorder.take(self.meter.at(), now_ns())
    }

    /// How late this end released frames of a shaped link, over the channel's whole life.
    pub fn release_error(&self) -> ReleaseError {
        self.lateness.summary()
    }

    fn error(&self, end: End, waiting_for: &'static str) -> Error {
        let (phase, step) = self.meter.at();
        end.at(phase, step, waiting_for, self.deadline)
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.queue_held(now_ns());
        if let Transport::Memory(peer) = &self.transport {
            peer.end(End::Closed);
            // The peer's sends are refused from now on.
            self.inbox.end(End::Closed);
        }
    }
}
