//! The queues between the thread that uses a channel and the two threads that move its bytes.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::error::End;
use crate::frame::{Frame, WIRE_HEADER};

/// Bytes a sender may have queued before `send` waits.
const OUTBOX_BYTES: u64 = 64 << 20;

/// Bytes after which the writer takes no further frame into one batch.
const BATCH_BYTES: u64 = 1 << 20;
/// Frames in one batch: two slices each, within Linux's limit of 1024.
const BATCH_FRAMES: usize = 512;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no holder of a queue's lock panics")
}

/// Waits for a change until `until`; false where that time has come.
fn wait<'a, T>(changed: &Condvar, guard: MutexGuard<'a, T>, until: Instant) -> (MutexGuard<'a, T>, bool) {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return (guard, false);
    }
    let (guard, _) = changed.wait_timeout(guard, left).expect("no holder of a queue's lock panics");
    (guard, true)
}

/// Frames that have come. Unbounded: whoever fills it never waits, so two parties that both send much always
/// drain each other.
#[derive(Default)]
pub(crate) struct Inbox {
    state: Mutex<InboxState>,
    changed: Condvar,
}

#[derive(Default)]
struct InboxState {
    frames: VecDeque<Frame>,
    end: Option<End>,
}

impl Inbox {
    /// Adds frames in order; drops them if the inbox has ended.
    pub(crate) fn push(&self, frames: impl Iterator<Item = Frame>) {
        let mut state = lock(&self.state);
        if state.end.is_none() {
            state.frames.extend(frames);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// No frame follows. The first end stands.
    pub(crate) fn end(&self, end: End) {
        lock(&self.state).end.get_or_insert(end);
        self.changed.notify_all();
    }

    /// Whether it has been ended.
    pub(crate) fn has_ended(&self) -> bool {
        lock(&self.state).end.is_some()
    }

    /// Waits, `grace` at most, for the end.
    pub(crate) fn wait_for_end(&self, grace: Duration) {
        let until = Instant::now() + grace;
        let mut state = lock(&self.state);
        let mut in_time = true;
        while in_time && state.end.is_none() {
            (state, in_time) = wait(&self.changed, state, until);
        }
    }

    /// The next frame, as soon as there is one; what ended the inbox once it is empty; [`End::Stalled`] after
    /// `deadline`.
    pub(crate) fn pop(&self, deadline: Duration) -> Result<Frame, End> {
        let until = Instant::now() + deadline;
        let mut state = lock(&self.state);
        loop {
            if let Some(frame) = state.frames.pop_front() {
                return Ok(frame);
            }
            if let Some(end) = &state.end {
                return Err(end.clone());
            }
            let in_time;
            (state, in_time) = wait(&self.changed, state, until);
            if !in_time {
                return Err(End::Stalled);
            }
        }
    }
}

/// Frames that the writer thread has yet to write, bounded in bytes.
#[derive(Default)]
pub(crate) struct Outbox {
    state: Mutex<OutboxState>,
    /// There is work for the writer.
    work: Condvar,
    /// The writer has written something, or ended.
    moved: Condvar,
}

#[derive(Default)]
struct OutboxState {
    frames: VecDeque<Frame>,
    /// Wire bytes queued or being written.
    held: u64,
    closing: bool,
    end: Option<End>,
}

fn wire_bytes(frame: &Frame) -> u64 {
    (frame.payload.len() + WIRE_HEADER) as u64
}

impl Outbox {
    /// Waits until `bytes` more fit, or all before is written. [`End::Stalled`] when nothing was written for
    /// `deadline`.
    pub(crate) fn wait_for_room(&self, bytes: u64, deadline: Duration) -> Result<(), End> {
        let mut state = lock(&self.state);
        let (mut lowest, mut until) = (state.held, Instant::now() + deadline);
        loop {
            if let Some(end) = &state.end {
                return Err(end.clone());
            }
            if state.held == 0 || state.held + bytes <= OUTBOX_BYTES {
                return Ok(());
            }
            if state.held < lowest {
                (lowest, until) = (state.held, Instant::now() + deadline);
            }
            let in_time;
            (state, in_time) = wait(&self.moved, state, until);
            if !in_time {
                return Err(End::Stalled);
            }
        }
    }

    /// Queues the frames for the writer.
    pub(crate) fn push(&self, frames: impl Iterator<Item = Frame>) {
        let mut state = lock(&self.state);
        for frame in frames {
            state.held += wire_bytes(&frame);
            state.frames.push_back(frame);
        }
        drop(state);
        self.work.notify_one();
    }

    /// The writer's next batch; none once the outbox is closed and empty.
    pub(crate) fn next_batch(&self) -> Option<Vec<Frame>> {
        let mut state = lock(&self.state);
        while state.frames.is_empty() {
            if state.closing {
                return None;
            }
            state = self.work.wait(state).expect("no holder of a queue's lock panics");
        }
        let (mut count, mut bytes) = (0, 0);
        while count < state.frames.len().min(BATCH_FRAMES) && bytes < BATCH_BYTES {
            bytes += wire_bytes(&state.frames[count]);
            count += 1;
        }
        Some(state.frames.drain(..count).collect())
    }

    /// The writer has written so many bytes.
    pub(crate) fn wrote(&self, bytes: u64) {
        lock(&self.state).held -= bytes;
        self.moved.notify_all();
    }

    /// The writer has stopped.
    pub(crate) fn end(&self, end: End) {
        lock(&self.state).end.get_or_insert(end);
        self.moved.notify_all();
    }

    /// Lets the writer stop once it has written everything, and waits for that, `linger` at most; returns whether
    /// everything was written. The rest is dropped, so that the writer has nothing left to do.
    pub(crate) fn close(&self, linger: Duration) -> bool {
        let until = Instant::now() + linger;
        let mut state = lock(&self.state);
        state.closing = true;
        self.work.notify_one();
        let mut in_time = true;
        while in_time && state.end.is_none() {
            (state, in_time) = wait(&self.moved, state, until);
        }
        state.frames.clear();
        state.held == 0 && state.end.is_some()
    }
}
