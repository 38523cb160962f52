//! How a connection ends so that the peer receives what was written last.

use std::io::Read;
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// How long an end that has written its last goes on reading, at most, for the peer to end too. A socket closed with unread bytes in
/// it is reset, which takes with it what the peer's kernel has not yet received.
pub(crate) const GRACE: Duration = Duration::from_millis(100);

/// Ends a connection whose last bytes the peer is to receive: reads on until it ends too, for the grace at most.
pub(crate) fn part(mut socket: &TcpStream) {
    let until = Instant::now() + GRACE;
    // A connection that is gone already need not be shut down.
    let _ = socket.shutdown(Shutdown::Write);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || socket.set_read_timeout(Some(left)).is_err() {
            return;
        }
        if !matches!(socket.read(&mut [0; 4096]), Ok(1..)) {
            return;
        }
    }
}
