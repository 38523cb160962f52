//! What a shaped link really delivers on this machine, measured through the channel itself.

use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use crate::calibrate::{PING, answer_pings, far_end, median_round_trip};
use crate::{BytesPerSec, Channel, Error, FrameKind, HEADER_BYTES, Link, ReleaseError};

/// A link as measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probed {
    /// Bytes a second, one way, headers included.
    pub rate: BytesPerSec,
    /// Round trip of an empty frame: the median.
    pub rtt: Duration,
    /// How late frames were released.
    pub release: ReleaseError,
}

const BURST: FrameKind = FrameKind(2);
/// Empty frames to and fro; one where each takes longer than [`LONG_PING`].
const PINGS: usize = 5;
const LONG_PING: Duration = Duration::from_millis(500);
/// Largest frame of the burst.
const FRAME_BYTES: usize = 1 << 16;
/// How long the burst should last, and its most frames.
const BURST_SECONDS: f64 = 0.1;
const MOST_FRAMES: usize = 768;

impl Link {
    /// What a frame without content takes to and fro.
    pub fn empty_round_trip(&self) -> Duration {
        let sending = self.effective_rate().map_or(0.0, |rate| 2.0 * HEADER_BYTES as f64 / rate.0);
        self.rtt + Duration::from_secs_f64(sending)
    }
}

/// Sends a few empty frames to and fro and one burst of about 0.1 s one way.
///
/// # Errors
/// [`Error::Io`] and [`Error::Deadline`], where loopback does not work.
pub fn probe(link: &Link) -> Result<Probed, Error> {
    let io = |source| Error::Io { doing: "listening on loopback", source };
    let round_trip = link.empty_round_trip();
    let deadline = Duration::from_secs(10) + round_trip * 4;
    let pings = if round_trip > LONG_PING { 1 } else { PINGS };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(io)?;
    let mut near = Channel::connect(listener.local_addr().map_err(io)?, link, deadline)?;
    let mut far = Channel::accept(&listener, link, deadline)?;
    // A burst of less than a frame is a shorter frame, so that no link is probed for minutes.
    let (frames, length) = link.effective_rate().map_or((MOST_FRAMES, FRAME_BYTES), |rate| {
        let bytes = (rate.0 * BURST_SECONDS).ceil() as usize;
        (bytes.div_ceil(FRAME_BYTES).clamp(1, MOST_FRAMES), bytes.min(FRAME_BYTES))
    });
    thread::scope(|scope| {
        let echo = far_end(scope, move || -> Result<ReleaseError, Error> {
            answer_pings(&mut far, pings)?;
            for _ in 0..frames {
                far.recv(BURST, length)?;
            }
            far.send(PING, Vec::new())?;
            far.flush()?;
            Ok(far.release_error())
        })?;
        let rtt = median_round_trip(&mut near, pings)?;
        let start = Instant::now();
        for _ in 0..frames {
            near.send(BURST, vec![0; length])?;
        }
        near.recv(PING, 0)?;
        let transfer = start.elapsed().saturating_sub(rtt).max(Duration::from_nanos(1));
        let bytes = frames as u64 * (length as u64 + HEADER_BYTES);
        let release = echo.join().expect("the answering thread does not panic")?;
        Ok(Probed { rate: BytesPerSec(bytes as f64 / transfer.as_secs_f64()), rtt, release })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A slow link is far from any limit of the machine: rate and delay come out as asked for.
    #[test]
    fn a_slow_link_is_as_asked() {
        let link = Link::parse("rate=5MB/s,rtt=20ms").expect("the link is well formed");
        let probed = probe(&link).expect("loopback works");
        assert!(
            probed.rtt >= link.rtt && probed.rtt < link.rtt + Duration::from_millis(5),
            "{:?}",
            probed.rtt
        );
        assert!((probed.rate.0 / 5e6 - 1.0).abs() < 0.05, "{:?}", probed.rate);
    }

    /// Nor is a very slow one probed for long.
    #[test]
    fn the_slowest_links_are_probed_within_seconds() {
        let link = Link::parse("rate=20B/s,rtt=10ms").expect("the link is well formed");
        let began = Instant::now();
        let probed = probe(&link).expect("loopback works");
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert!(probed.rtt >= link.empty_round_trip(), "{:?}", probed.rtt);
        assert_eq!(link.empty_round_trip(), Duration::from_millis(510));
    }
}
