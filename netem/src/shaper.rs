//! When a frame's last byte arrives: `free = max(sent, free) + size/rate; arrival = free + RTT/2`.
//!
//! Pure arithmetic in nanoseconds. The link is a pipe: the delay never takes from the bandwidth.

use crate::Link;
use crate::clock::nanoseconds;

const NS_PER_SEC: u64 = 1_000_000_000;

/// One direction of a shaped link, at its sender.
#[derive(Clone, Debug)]
pub struct Shaper {
    /// Bytes a second; none: no time to transmit.
    rate: Option<u64>,
    /// RTT/2, rounded down.
    delay_ns: u64,
    /// When the link is done with all it was given, rounded down ...
    free_ns: u64,
    /// ... and what rounding left, in units of 1/rate ns, so that no rate is ever lost to small frames.
    free_rest: u64,
}

impl Shaper {
    /// A link that has carried nothing yet. Its rate is rounded to a whole number of bytes a second, one at
    /// least.
    pub fn new(link: &Link) -> Self {
        Self {
            rate: link.effective_rate().map(|rate| (rate.0.round() as u64).max(1)),
            delay_ns: nanoseconds(link.rtt) / 2,
            free_ns: 0,
            free_rest: 0,
        }
    }

    /// Arrival, in ns, of a frame of `size` bytes (payload and counted header) handed over at `sent_ns`.
    /// Frames are to be given in the order they are sent.
    pub fn arrival(&mut self, sent_ns: u64, size: u64) -> u64 {
        if sent_ns > self.free_ns {
            self.free_ns = sent_ns;
            self.free_rest = 0;
        }
        if let Some(rate) = self.rate {
            let work = u128::from(size) * u128::from(NS_PER_SEC) + u128::from(self.free_rest);
            let ns = u64::try_from(work / u128::from(rate)).unwrap_or(u64::MAX);
            self.free_ns = self.free_ns.saturating_add(ns);
            self.free_rest = (work % u128::from(rate)) as u64;
        }
        self.free_ns.saturating_add(self.delay_ns)
    }

    /// When the link is done with all it was given.
    pub(crate) fn free_ns(&self) -> u64 {
        self.free_ns
    }

    /// Time, in ns rounded down, from a frame's first byte to its last on an idle link.
    pub fn transmission_ns(&self, size: u64) -> u64 {
        self.rate.map_or(0, |rate| {
            u64::try_from(u128::from(size) * u128::from(NS_PER_SEC) / u128::from(rate)).unwrap_or(u64::MAX)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands frames `(sent, size)` to the link and compares the arrivals.
    fn check(link: &str, frames: &[(u64, u64)], arrivals: &[u64]) {
        let mut shaper = Shaper::new(&Link::parse(link).unwrap());
        let found: Vec<u64> = frames.iter().map(|&(sent, size)| shaper.arrival(sent, size)).collect();
        assert_eq!(found, arrivals, "{link}");
    }

    #[test]
    fn back_to_back_frames_share_the_rate_and_not_the_delay() {
        // 100 MB/s: 10 ns a byte; RTT 2 ms: 1 ms one way.
        check(
            "rate=100MB/s,rtt=2ms",
            &[(0, 1000), (0, 1000), (0, 500), (100, 5)],
            &[1_010_000, 1_020_000, 1_025_000, 1_025_050],
        );
    }

    #[test]
    fn an_idle_link_starts_at_the_sending_and_saves_nothing_up() {
        check(
            "rate=1GB/s,rtt=10us",
            &[(1_000, 100), (50_000, 100), (50_050, 100), (50_200, 7), (50_207, 1)],
            &[6_100, 55_100, 55_200, 55_207, 55_208],
        );
    }

    #[test]
    fn fractions_of_a_nanosecond_add_up() {
        // 3 GB/s: a byte is a third of a nanosecond; three are one, and 3000 are exactly 1 us.
        let frames: Vec<(u64, u64)> = (0..3000).map(|_| (0, 1)).collect();
        let mut arrivals: Vec<u64> = (1..=3000).map(|byte| byte / 3).collect();
        check("rate=3GB/s", &frames, &arrivals);
        assert_eq!(arrivals.pop(), Some(1000));
        // Idle time takes the fraction with it: 1/3 + (idle) + 1/3 + 1/3 + 1/3.
        check("rate=3GB/s", &[(0, 1), (5, 1), (5, 1), (5, 1)], &[0, 5, 5, 6]);
    }

    #[test]
    fn delay_alone_and_window_alone() {
        check("rtt=7us", &[(0, 1 << 24), (1, 1), (1, 0)], &[3_500, 3_501, 3_501]);
        // 64 KiB a 65.536 ms: 1 MB/s, less than the rate: 1000 ns a byte.
        check("rate=100MB/s,rtt=65.536ms,window=64KiB", &[(0, 10), (0, 10)], &[32_778_000, 32_788_000]);
        // A window of 10 MB a ms is 10 GB/s, more than the rate: 10 ns a byte.
        check("rate=100MB/s,rtt=1ms,window=10MB", &[(0, 10)], &[500_100]);
    }

    #[test]
    fn absurd_sizes_saturate() {
        check("rate=1B/s,rtt=1ms", &[(u64::MAX - 5, u64::MAX)], &[u64::MAX]);
    }
}
