//! Who is let in: connections wait at the door until they have shown who they are, and only so many; then they are sessions,
//! and only so many.

use std::collections::VecDeque;
use std::net::{Shutdown, TcpStream};
use std::sync::{Mutex, MutexGuard};

/// Connections that have not yet shown who they are. Where more come, those that have taken longest are closed: a client with
/// keys is through in a moment.
const MOST_WAITING: usize = 64;

/// File descriptors of a connection, at most. Those that wait take no more than half of all.
const DESCRIPTORS: usize = 6;

/// How many may wait where a process may have so many file descriptors.
fn most_waiting(descriptors: usize) -> usize {
    (descriptors / (2 * DESCRIPTORS)).clamp(1, MOST_WAITING)
}

/// The file descriptors that this process may have; the usual number where that is not told.
fn descriptors() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(1024)
}

/// What stands before the sessions of a server.
pub(super) struct Door {
    most_sessions: usize,
    most_waiting: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By number of the connection, longest first.
    waiting: VecDeque<(u64, TcpStream)>,
    /// Sessions that are under way, and that were let in so far.
    sessions: usize,
    let_in: usize,
}

/// A session's place; it is free again when this is dropped.
pub(super) struct Place<'a>(&'a Door);

impl Door {
    pub(super) fn new(most_sessions: usize) -> Self {
        Self { most_sessions, most_waiting: most_waiting(descriptors()), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the door's lock panics")
    }

    /// A connection waits from now on. The longest waiting is closed where there are too many.
    pub(super) fn wait(&self, number: u64, stream: TcpStream) {
        let mut state = self.state();
        state.waiting.push_back((number, stream));
        if state.waiting.len() > self.most_waiting {
            Self::close_longest(&mut state);
        }
    }

    /// Closes the connection that has waited longest, if any does.
    pub(super) fn make_room(&self) {
        Self::close_longest(&mut self.state());
    }

    fn close_longest(state: &mut State) {
        if let Some((_, longest)) = state.waiting.pop_front() {
            // One that is gone already need not be shut down.
            let _ = longest.shutdown(Shutdown::Both);
        }
    }

    /// A connection does not wait any more, whether let in or not.
    pub(super) fn leave(&self, number: u64) {
        self.state().waiting.retain(|(waiting, _)| *waiting != number);
    }

    /// Lets a connection in that has shown who it is; or why not.
    pub(super) fn enter(&self, number: u64) -> Result<Place<'_>, String> {
        self.leave(number);
        let mut state = self.state();
        if state.sessions >= self.most_sessions {
            return Err(format!(
                "{} sessions are under way, as many as are served at a time",
                state.sessions
            ));
        }
        state.sessions += 1;
        state.let_in += 1;
        Ok(Place(self))
    }

    /// Sessions so far, ended or not.
    pub(super) fn let_in(&self) -> usize {
        self.state().let_in
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.state().sessions -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::{Ipv4Addr, TcpListener};

    #[test]
    fn the_longest_waiting_goes_first() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert_eq!([96, 1024, 1 << 20].map(most_waiting), [8, 64, 64]);
        let door = Door { most_waiting: MOST_WAITING, ..Door::new(1) };
        let mut clients: Vec<TcpStream> = (0..=MOST_WAITING as u64 + 1)
            .map(|number| {
                let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
                door.wait(number, listener.accept().unwrap().0);
                // The first one has shown who it is in time.
                if number == 0 {
                    door.leave(0);
                }
                client
            })
            .collect();
        assert_eq!(clients[1].read(&mut [0]).unwrap(), 0, "closed");
        for open in [2, MOST_WAITING] {
            clients[open].set_nonblocking(true).unwrap();
            let nothing = clients[open].read(&mut [0]).unwrap_err();
            assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock, "{open} waits");
        }
    }

    #[test]
    fn places_are_free_again() {
        let door = Door::new(2);
        let (first, _second) = (door.enter(0).unwrap(), door.enter(1).unwrap());
        let refused = door.enter(2).err().unwrap();
        assert!(refused.contains("2 sessions are under way"), "{refused}");
        drop(first);
        let _third = door.enter(3).unwrap();
        assert_eq!(door.let_in(), 3);
    }
}
