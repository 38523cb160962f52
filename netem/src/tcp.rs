//! TCP, with a thread a direction.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::error::End;
use crate::frame::{greeting, read_frame, read_greeting, starts_with_frame, write_frames};
use crate::parting::GRACE;
use crate::queue::{Inbox, Outbox};
use crate::tls::Tls;
use crate::{Error, Link, Phase};

/// Small frames are read this many bytes at a time.
const READ_BUFFER: usize = 64 << 10;

/// How long a dropped channel goes on writing what it still holds, at most.
const LINGER: Duration = Duration::from_secs(5);

fn io_error(doing: &'static str) -> impl Fn(io::Error) -> Error {
    move |source| Error::Io { doing, source }
}

/// A connection that was not there in time, which is always in the setup phase.
fn late(waiting_for: &'static str, deadline: Duration) -> Error {
    Error::Deadline { waiting_for, deadline, phase: Phase::Setup, step: 0 }
}

/// Connects within the deadline. A refusal is not retried.
pub(crate) fn connect(addr: SocketAddr, deadline: Duration) -> Result<TcpStream, Error> {
    TcpStream::connect_timeout(&addr, deadline).map_err(|error| match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => late("connecting", deadline),
        _ => Error::Io { doing: "connecting", source: error },
    })
}

/// Takes one connection within the deadline. The listener stays non-blocking, because a connection can go away between
/// its announcement and its acceptance.
pub(crate) fn accept(listener: &TcpListener, deadline: Duration) -> Result<(TcpStream, SocketAddr), Error> {
    listener.set_nonblocking(true).map_err(io_error("preparing the listener"))?;
    let until = Instant::now() + deadline;
    loop {
        match listener.accept() {
            Ok((stream, peer)) => {
                stream.set_nonblocking(false).map_err(io_error("preparing the connection"))?;
                return Ok((stream, peer));
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => {}
                io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => continue,
                _ => return Err(Error::Io { doing: "accepting", source: error }),
            },
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(late("waiting for the peer to connect", deadline));
        }
        let left = Timespec::try_from(left).map_err(|_| Error::Io {
            doing: "waiting for the peer to connect",
            source: io::ErrorKind::InvalidInput.into(),
        })?;
        match poll(&mut [PollFd::new(listener, PollFlags::IN)], Some(&left)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => {
                return Err(Error::Io { doing: "waiting for the peer to connect", source: error.into() });
            }
        }
    }
}

/// The next connection to `listener` and where it is from; none if none comes within `patience`. The listener is
/// non-blocking from then on.
///
/// # Errors
/// [`Error::Io`], such as for want of file descriptors.
pub fn next_connection(
    listener: &TcpListener,
    patience: Duration,
) -> Result<Option<(TcpStream, SocketAddr)>, Error> {
    match accept(listener, patience) {
        Ok(accepted) => Ok(Some(accepted)),
        Err(Error::Deadline { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// An established connection and its two threads.
pub(crate) struct Tcp {
    stream: TcpStream,
    outbox: Arc<Outbox>,
    inbox: Arc<Inbox>,
    threads: Vec<JoinHandle<()>>,
    linger: Duration,
}

impl Tcp {
    /// Starts both threads. The greeting goes out at once; the peer's is read before its first frame, by the
    /// reader, so neither end waits for the other here.
    pub(crate) fn start(
        stream: TcpStream,
        tls: Option<Tls>,
        link: &Link,
        inbox: &Arc<Inbox>,
        deadline: Duration,
    ) -> Result<Self, Error> {
        let prepare = io_error("preparing the connection");
        stream.set_nodelay(true).map_err(&prepare)?;
        stream.set_write_timeout(Some(deadline)).map_err(&prepare)?;
        let outbox = Arc::<Outbox>::default();
        let mut tcp = Self {
            stream,
            outbox: Arc::clone(&outbox),
            inbox: Arc::clone(inbox),
            threads: Vec::new(),
            linger: deadline.min(LINGER),
        };
        let (reader, mut writer): (Box<dyn Read + Send>, Box<dyn Write + Send>) = match tls {
            None => {
                let halves = (tcp.stream.try_clone(), tcp.stream.try_clone());
                (Box::new(halves.0.map_err(&prepare)?), Box::new(halves.1.map_err(&prepare)?))
            }
            Some(tls) => {
                let (reader, writer) = tls.split().map_err(&prepare)?;
                (Box::new(reader), Box::new(writer))
            }
        };
        let hello = greeting(link);
        tcp.threads.push(
            thread::Builder::new()
                .name("netem-write".into())
                .spawn(move || {
                    let end = write_all(&mut writer, &hello, &outbox);
                    outbox.end(end);
                })
                .map_err(&prepare)?,
        );
        let (link, inbox, outbox) = (link.clone(), Arc::clone(inbox), Arc::clone(&tcp.outbox));
        let stream = tcp.stream.try_clone().map_err(&prepare)?;
        tcp.threads.push(
            thread::Builder::new()
                .name("netem-read".into())
                .spawn(move || {
                    let end = read_all(reader, &link, &inbox);
                    // A peer that breaks the protocol is not waited for, in either direction.
                    let broken = matches!(end, End::Malformed { .. } | End::Tls { .. });
                    inbox.end(end.clone());
                    if broken {
                        outbox.end(end);
                        // A connection that is gone already need not be shut down.
                        let _ = stream.shutdown(Shutdown::Both);
                    }
                })
                .map_err(&prepare)?,
        );
        Ok(tcp)
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.outbox
    }
}

/// Writes until the outbox is closed or the connection fails, and says which.
fn write_all(socket: &mut impl Write, hello: &[u8], outbox: &Outbox) -> End {
    let doing = "writing to the peer";
    if let Err(error) = socket.write_all(hello) {
        return End::of(doing, &error);
    }
    let mut number = 0;
    while let Some(batch) = outbox.next_batch() {
        if let Err(error) = write_frames(socket, &batch, &mut number, |bytes| outbox.wrote(bytes)) {
            return End::of(doing, &error);
        }
    }
    End::Closed
}

/// Reads until the connection ends or makes no sense, and says why.
pub(crate) fn read_all(socket: impl Read, link: &Link, inbox: &Inbox) -> End {
    let mut reader = BufReader::with_capacity(READ_BUFFER, socket);
    if let Err(end) = read_greeting(&mut reader, link) {
        return end;
    }
    let (mut batch, mut number) = (Vec::new(), 0);
    loop {
        // Frames that came together are handed over together: waking the receiver for each costs more than
        // they do.
        match read_frame(&mut reader, &mut number) {
            Ok(frame) => batch.push(frame),
            Err(end) => {
                // What came whole before that is still good.
                return inbox.push(batch.drain(..)).err().unwrap_or(end);
            }
        }
        if !starts_with_frame(reader.buffer())
            && let Err(end) = inbox.push(batch.drain(..))
        {
            return end;
        }
    }
}

impl Drop for Tcp {
    /// Writes what is queued, for the linger at most; then ends the connection, which ends both threads.
    fn drop(&mut self) {
        // A connection that is gone already need not be shut down, so these errors mean nothing.
        if self.outbox.close(self.linger) {
            let _ = self.stream.shutdown(Shutdown::Write);
            self.inbox.wait_for_end(GRACE);
        }
        let _ = self.stream.shutdown(Shutdown::Both);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
