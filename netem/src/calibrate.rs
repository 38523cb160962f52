//! What this machine's loopback can do, measured through the channel itself.

use std::net::{Ipv4Addr, TcpListener};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use crate::{BytesPerSec, Channel, Error, FrameKind, Link, Loopback};

const DEADLINE: Duration = Duration::from_secs(10);
/// An empty frame, to and fro.
pub(crate) const PING: FrameKind = FrameKind(1);
const BURST: FrameKind = FrameKind(2);

const PINGS: usize = 400;
const BURSTS: usize = 4;
const BURST_FRAMES: usize = 48;
const FRAME_BYTES: usize = 1 << 20;

/// Measures a TCP pair over loopback: round trips one after another, then bursts of 1 MiB frames one way.
/// Takes a few tenths of a second.
///
/// # Errors
/// [`Error::Io`] and [`Error::Deadline`], where loopback does not work.
pub fn calibrate() -> Result<Loopback, Error> {
    let io = |source| Error::Io { doing: "listening on loopback", source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(io)?;
    let addr = listener.local_addr().map_err(io)?;
    let mut near = Channel::connect(addr, &Link::loopback(), DEADLINE)?;
    let mut far = Channel::accept(&listener, &Link::loopback(), DEADLINE)?;
    thread::scope(|scope| {
        let echo = far_end(scope, move || answer(&mut far))?;
        let measured = measure(&mut near);
        drop(near);
        echo.join().expect("the answering thread does not panic")?;
        measured
    })
}

/// A thread of `scope` for the other end.
pub(crate) fn far_end<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>, Error> {
    let io = |source| Error::Io { doing: "starting a thread", source };
    thread::Builder::new().spawn_scoped(scope, work).map_err(io)
}

/// The median time from an empty frame to its answer by [`answer_pings`].
pub(crate) fn median_round_trip(near: &mut Channel, pings: usize) -> Result<Duration, Error> {
    let mut round_trips = Vec::with_capacity(pings);
    for _ in 0..pings {
        let start = Instant::now();
        near.send(PING, Vec::new())?;
        near.recv(PING, 0)?;
        round_trips.push(start.elapsed());
    }
    round_trips.sort_unstable();
    Ok(round_trips[pings / 2])
}

/// Answers every empty frame at once.
pub(crate) fn answer_pings(far: &mut Channel, pings: usize) -> Result<(), Error> {
    for _ in 0..pings {
        far.recv(PING, 0)?;
        far.send(PING, Vec::new())?;
    }
    Ok(())
}

fn answer(far: &mut Channel) -> Result<(), Error> {
    answer_pings(far, PINGS)?;
    for _ in 0..BURSTS {
        for _ in 0..BURST_FRAMES {
            far.recv(BURST, FRAME_BYTES)?;
        }
        far.send(PING, Vec::new())?;
    }
    far.flush()
}

fn measure(near: &mut Channel) -> Result<Loopback, Error> {
    let rtt = median_round_trip(near, PINGS)?;
    let mut best = Duration::MAX;
    for _ in 0..BURSTS {
        let start = Instant::now();
        for _ in 0..BURST_FRAMES {
            near.send(BURST, vec![0; FRAME_BYTES])?;
        }
        near.recv(PING, 0)?;
        best = best.min(start.elapsed());
    }
    let rate = BytesPerSec((BURST_FRAMES * FRAME_BYTES) as f64 / best.as_secs_f64());
    Ok(Loopback { rate, rtt })
}
