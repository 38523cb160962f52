//! The queues between the thread that uses a channel and the two threads that move its bytes.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::Bytes;
use crate::error::End;
use crate::frame::{Frame, WIRE_HEADER};

/// Bytes a sender may have queued before `send` waits.
const OUTBOX_BYTES: u64 = 64 << 20;

/// Bytes that may have come and not been received, where nobody has said how many the protocol can have.
const INBOX_BYTES: u64 = 64 << 20;

/// What a frame takes in memory beside its payload, at most.
const FRAME_BYTES: u64 = 64;

/// Bytes that the writer has to get rid of within a deadline, if it holds as many.
const PROGRESS_BYTES: u64 = 64 << 10;

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

/// Frames that have come. Whoever fills it never waits, so two parties that both send much always drain each other; it
/// ends where more comes than the protocol can have under way.
#[derive(Default)]
pub(crate) struct Inbox {
    state: Mutex<InboxState>,
    changed: Condvar,
}

struct InboxState {
    frames: VecDeque<Frame>,
    /// Of the frames.
    held: u64,
    /// Most bytes that it may hold.
    most: u64,
    end: Option<End>,
}

impl Default for InboxState {
    fn default() -> Self {
        Self { frames: VecDeque::new(), held: 0, most: INBOX_BYTES, end: None }
    }
}

/// Bytes of a frame in memory.
fn memory(frame: &Frame) -> u64 {
    frame.payload.len() as u64 + FRAME_BYTES
}

impl Inbox {
    /// Adds frames in order; drops them if the inbox has ended, or ends with them. What ended it is the error.
    pub(crate) fn push(&self, frames: impl Iterator<Item = Frame>) -> Result<(), End> {
        let mut state = lock(&self.state);
        for frame in frames {
            if state.end.is_some() {
                break;
            }
            state.held += memory(&frame);
            if state.held > state.most {
                let (expected, found) = (
                    format!("at most {} that were not yet received", Bytes(state.most)),
                    format!("{}, as many as the protocol never has under way", Bytes(state.held)),
                );
                // What nobody will make use of.
                state.frames.clear();
                state.end = Some(End::Malformed { expected, found });
            } else {
                state.frames.push_back(frame);
            }
        }
        let end = state.end.clone();
        drop(state);
        self.changed.notify_all();
        end.map_or(Ok(()), Err)
    }

    /// From now on `frames` frames of `bytes` bytes in all may have come and not been received.
    pub(crate) fn hold_at_most(&self, frames: u64, bytes: u64) {
        let mut state = lock(&self.state);
        state.most = bytes.saturating_add(frames.saturating_mul(FRAME_BYTES));
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
                state.held -= memory(&frame);
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
    /// Waits until `bytes` more fit, or all before is written. [`End::Stalled`] when less than [`PROGRESS_BYTES`] were
    /// written within `deadline`: a peer that takes a byte now and then does not hold this party up for ever.
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
            if state.held + PROGRESS_BYTES <= lowest {
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
