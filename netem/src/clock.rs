//! One clock for both processes of a host: `CLOCK_MONOTONIC`, which [`std::time::Instant`] reads but cannot
//! send.

use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Waits shorter than this are spun: a sleeping thread comes back up to about this much late.
const SPIN_NS: u64 = 120_000;

/// Nanoseconds of `CLOCK_MONOTONIC`: comparable between processes of one host, since its boot.
pub(crate) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    // Neither field is negative on this clock.
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// A duration in whole nanoseconds, at most `u64::MAX` (584 years).
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Returns at `at_ns`, never before it: sleeps most of the way, spins the rest. Returns the time it is then.
pub(crate) fn wait_until(at_ns: u64) -> u64 {
    loop {
        let now = now_ns();
        if now >= at_ns {
            return now;
        }
        let left = at_ns - now;
        if left > SPIN_NS {
            std::thread::sleep(Duration::from_nanos(left - SPIN_NS));
        } else {
            std::hint::spin_loop();
        }
    }
}
