//! A party whose preprocessed inferences go through a pool on disk: connections in the background fill it, one uses it.
//!
//! Connection 0 classifies; those from 1 preprocess. Each has a session of its own and a thread at either party; all of a
//! party's connections share the link. The client asks for what comes next (`protocols::service`), the server answers.

use super::orders::{fault, misplaced, next, read, report};
use super::requests::{Answers, answer};
use super::{Done, Log, Made, Order, Outcome, Pooled, Query, Report, Role, Served, Start};
use crate::error::Error;
use crate::threads::{on_threads, spawn};
use netem::{Channel, Uplink};
use protocols::client::{Client, ClientReady};
use protocols::handshake::SessionId;
use protocols::pool::{Owner, Pool};
use protocols::prepared::PreparedPlan;
use protocols::secrets::ServerSecrets;
use protocols::server::{Model, Server, ServerReady};
use protocols::service::{ItemId, Request};
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use std::io::BufRead;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

/// What connections in the background let lie on the link at most, so that the one that classifies soon has its turn.
const BACKGROUND_QUEUE: Duration = Duration::from_millis(10);

/// How long a connection may have nothing to do. An end of the other party is noticed at once all the same.
const IDLE: Duration = Duration::from_secs(30 * 24 * 3600);

/// How often a client that waits for an item looks whether there can be one.
const GLANCE: Duration = Duration::from_millis(100);

/// The session of a connection.
fn session(start: &Start, connection: usize) -> SessionId {
    let mut session = start.session;
    session[..8].iter_mut().zip(connection.to_le_bytes()).for_each(|(byte, connection)| *byte ^= connection);
    SessionId(session)
}

/// Nanoseconds since `epoch`.
fn since(epoch: Instant) -> u64 {
    nanoseconds(epoch.elapsed())
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// How many items there are or are being made, and whether more are wanted.
struct Stock {
    state: Mutex<StockState>,
    changed: Condvar,
}

struct StockState {
    /// On offer or under way.
    items: usize,
    /// Never more than these.
    most: usize,
    /// No further item is wanted.
    closed: bool,
    /// Why a connection has given up.
    error: Option<Error>,
}

impl Stock {
    fn new(items: usize, most: usize) -> Self {
        let state = StockState { items, most, closed: false, error: None };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Waits until an item is wanted and there is room for it; `false` once none will be.
    fn reserve(&self) -> bool {
        let mut state = self.state();
        while !state.closed && state.items >= state.most {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if !state.closed {
            state.items += 1;
        }
        !state.closed
    }

    /// As [`Stock::reserve`], but does not wait for room.
    fn reserve_now(&self) -> bool {
        let mut state = self.state();
        let wanted = !state.closed && state.items < state.most;
        state.items += usize::from(wanted);
        wanted
    }

    fn taken(&self) {
        self.state().items -= 1;
        self.changed.notify_all();
    }

    fn close(&self, error: Option<Error>) {
        let mut state = self.state();
        state.closed = true;
        state.error = state.error.take().or(error);
        drop(state);
        self.changed.notify_all();
    }

    fn has_failed(&self) -> bool {
        self.state().error.is_some()
    }

    fn result(self) -> Result<(), Error> {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).error.map_or(Ok(()), Err)
    }

    fn state(&self) -> MutexGuard<'_, StockState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The client's end of a connection.
struct ClientEnd<'a> {
    connection: usize,
    channel: Channel,
    client: Client<'a>,
    rng: ChaCha20Rng,
}

/// The client.
pub(super) fn client(start: &Start, with: &Pooled, orders: &mut impl BufRead) -> Result<(), Error> {
    let epoch = Instant::now();
    let plan = PreparedPlan::from_json(&read(&start.plan)?)?;
    let pool = Pool::open(&with.folder.join("client"), Owner::Client, &plan, start.session)?;
    let address =
        start.connect.ok_or_else(|| fault(Role::Client, "was not told where the server listens"))?;
    let uplink = Uplink::new(&start.link);
    let mut connections = Vec::with_capacity(1 + with.refillers);
    for connection in 0..=with.refillers {
        let mut channel = Channel::connect_sharing(address, &start.link, &uplink, start.deadline)?;
        let mut rng = ChaCha20Rng::from_os_rng();
        let client = Client::connect(&mut channel, &plan, session(start, connection), &mut rng)?;
        if connection > 0 {
            // Set-up is told of connection 0 alone.
            channel.take_usage();
            channel.queue_at_most(BACKGROUND_QUEUE);
        }
        connections.push(ClientEnd { connection, channel, client, rng });
    }
    report(&Report::Done(Done::of(&mut connections[0].channel, None, None)))?;
    let here = ClientHere { start, epoch, plan: &plan, pool: &pool };
    while let Some(order) = next(orders)? {
        let log = match order {
            Order::Fill { level } => here.fill(&mut connections[1..], level)?,
            Order::Serve { queries, refill } => here.serve(&mut connections, &queries, refill)?,
            Order::Close => {
                for connection in &mut connections {
                    Request::End.send(&mut connection.channel)?;
                    connection.channel.flush()?;
                }
                Log::default()
            }
            order @ (Order::Offline { .. } | Order::Online { .. }) => {
                return Err(misplaced(Role::Client, &order));
            }
        };
        report(&Report::Pooled(log))?;
    }
    Ok(())
}

/// What all connections of the client know.
struct ClientHere<'a> {
    start: &'a Start,
    epoch: Instant,
    plan: &'a PreparedPlan,
    pool: &'a Pool,
}

impl ClientHere<'_> {
    /// Preprocesses until the pool holds `level` items.
    fn fill(&self, connections: &mut [ClientEnd<'_>], level: usize) -> Result<Log, Error> {
        let (began_ns, stock) = (since(self.epoch), Stock::new(self.pool.level(), level));
        let made = thread::scope(|scope| {
            let refill = |connection| self.refiller(scope, connection, &stock, Stock::reserve_now);
            let connections: Vec<_> = connections.iter_mut().filter_map(refill).collect();
            connections.into_iter().flat_map(|connection| connection.join().unwrap_or_default()).collect()
        });
        stock.result()?;
        Ok(Log { began_ns, made, served: Vec::new() })
    }

    /// Serves the queries in order, while other connections keep the pool at `refill` items, if at all.
    fn serve(
        &self,
        connections: &mut [ClientEnd<'_>],
        queries: &[Query],
        refill: Option<usize>,
    ) -> Result<Log, Error> {
        let (online, background) =
            connections.split_first_mut().expect("there is a connection that classifies");
        let background = if refill.is_some() { background } else { &mut [] };
        let level = self.pool.level();
        let stock = Stock::new(level, refill.unwrap_or(level));
        let began = Instant::now();
        let began_ns = since(self.epoch);
        let (served, made) = thread::scope(|scope| {
            let refill = |connection| self.refiller(scope, connection, &stock, Stock::reserve);
            let background: Vec<_> = background.iter_mut().filter_map(refill).collect();
            let mut served = Vec::with_capacity(queries.len());
            let mut queries = queries.iter();
            let outcome = queries.try_for_each(|query| {
                served.push(self.query(online, query, began, &stock)?);
                Ok(())
            });
            stock.close(outcome.err());
            let made =
                background.into_iter().flat_map(|connection| connection.join().unwrap_or_default()).collect();
            (served, made)
        });
        stock.result()?;
        Ok(Log { began_ns, made, served })
    }

    /// A thread for [`ClientHere::refill`]. Where there is none to be had, the stock is closed.
    fn refiller<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        connection: &'scope mut ClientEnd<'_>,
        stock: &'scope Stock,
        wanted: fn(&Stock) -> bool,
    ) -> Option<ScopedJoinHandle<'scope, Vec<Made>>> {
        let made = spawn(scope, move || self.refill(connection, stock, wanted));
        made.map_err(|error| stock.close(Some(error))).ok()
    }

    /// Makes items for as long as `wanted` says so.
    fn refill(&self, connection: &mut ClientEnd<'_>, stock: &Stock, wanted: fn(&Stock) -> bool) -> Vec<Made> {
        let mut made = Vec::new();
        let outcome = on_threads(self.start.threads, "connection", || {
            while wanted(stock) {
                made.push(self.make(connection)?);
            }
            Ok(())
        });
        if let Err(error) = outcome {
            stock.close(Some(error));
        }
        made
    }

    /// Makes one item.
    fn make(&self, connection: &mut ClientEnd<'_>) -> Result<Made, Error> {
        let ClientEnd { connection, channel, client, rng } = connection;
        let (item, began_ns) = (ItemId::random(rng), since(self.epoch));
        Request::Offline(item).send(channel)?;
        let ready = client.offline(channel, rng)?;
        let bytes = ready.stored_bytes() as u64;
        let (offered, level) = self.pool.put(item, |file| ready.save(file))?;
        let done_ns = nanoseconds(offered - self.epoch);
        let done = Done::of(channel, Some(bytes), None);
        Ok(Made { item, connection: *connection, began_ns, done_ns, level, done })
    }

    /// Serves one query when it is due, with the oldest item.
    fn query(
        &self,
        connection: &mut ClientEnd<'_>,
        query: &Query,
        began: Instant,
        stock: &Stock,
    ) -> Result<Served, Error> {
        let due = began + Duration::from_nanos(query.due_ns);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let began_ns = since(self.epoch);
        let level = self.pool.level();
        let (item, file) = self.supply(stock)?;
        let supplied_ns = since(self.epoch);
        stock.taken();
        let channel = &mut connection.channel;
        // The server looks for its half while this one is read.
        Request::Online(item).send(channel)?;
        channel.flush()?;
        let ready = file.read(|file| ClientReady::load(self.plan, file))?;
        let output = ready.online(channel, &query.image)?;
        let done_ns = since(self.epoch);
        let outcome =
            Outcome { seed: Some(output.seed.reveal().into()), logits: Some(output.logits), shares: None };
        let done = Done::of(channel, None, Some(outcome));
        let due_ns = nanoseconds(due - self.epoch);
        Ok(Served { item, due_ns, began_ns, supplied_ns, done_ns, level, done })
    }

    /// Takes an item, and waits for one as long as one can still come, but no longer than the deadline.
    fn supply(&self, stock: &Stock) -> Result<(ItemId, protocols::pool::Claimed), Error> {
        let patience = Instant::now() + self.start.deadline;
        loop {
            let glance = patience.min(Instant::now() + GLANCE);
            if let Some(claimed) = self.pool.claim_next(glance)? {
                return Ok(claimed);
            }
            if stock.has_failed() {
                return Err(fault(Role::Client, "could not preprocess any more"));
            }
            if Instant::now() >= patience {
                let what = format!("had no preprocessed inference within {:?}", self.start.deadline);
                return Err(fault(Role::Client, &what));
            }
        }
    }
}

/// The server.
pub(super) fn server(start: &Start, with: &Pooled, orders: &mut impl BufRead) -> Result<(), Error> {
    let epoch = Instant::now();
    let plan = PreparedPlan::from_json(&read(&start.plan)?)?;
    let path = start.secrets.as_ref().ok_or_else(|| fault(Role::Server, "was given no weights"))?;
    let secrets = ServerSecrets::from_bytes(&read(path)?, &plan)?;
    let model = Model::prepare(&plan, &secrets)?;
    let pool = Pool::open(&with.folder.join("server"), Owner::Server(&secrets), &plan, start.session)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Error::io("listening on loopback"))?;
    let address = listener.local_addr().map_err(Error::io("listening on loopback"))?;
    report(&Report::Listening { address })?;
    let uplink = Uplink::new(&start.link);
    let mut connections = Vec::with_capacity(1 + with.refillers);
    for connection in 0..=with.refillers {
        let mut channel = Channel::accept_sharing(&listener, &start.link, &uplink, start.deadline)?;
        let mut rng = ChaCha20Rng::from_os_rng();
        let server = Server::accept(&mut channel, &model, session(start, connection), &mut rng)?;
        if connection > 0 {
            channel.take_usage();
            channel.queue_at_most(BACKGROUND_QUEUE);
        }
        connections.push(ServerEnd { connection, channel, server, rng });
    }
    report(&Report::Done(Done::of(&mut connections[0].channel, None, None)))?;
    let here = ServerHere { start, epoch, model: &model, pool: &pool, log: Mutex::new(Log::default()) };
    thread::scope(|scope| {
        let here = &here;
        let serve = |connection| {
            spawn(scope, move || on_threads(start.threads, "connection", || here.run(connection)))
        };
        let connections = connections.into_iter().map(serve).collect::<Result<Vec<_>, _>>()?;
        let order = next(orders);
        let failed = connections.into_iter().find_map(|connection| match connection.join() {
            Ok(outcome) => outcome.err(),
            Err(_) => Some(fault(Role::Server, "had a connection that panicked")),
        });
        match (failed, order?) {
            (Some(error), _) => Err(error),
            (None, None | Some(Order::Close)) => Ok(()),
            (None, Some(other)) => Err(misplaced(Role::Server, &other)),
        }
    })?;
    report(&Report::Pooled(here.log.into_inner().unwrap_or_else(PoisonError::into_inner)))
}

/// The server's end of a connection.
struct ServerEnd<'a> {
    connection: usize,
    channel: Channel,
    server: Server<'a>,
    rng: ChaCha20Rng,
}

/// What all connections of the server know.
struct ServerHere<'a> {
    start: &'a Start,
    epoch: Instant,
    model: &'a Model<'a>,
    pool: &'a Pool,
    log: Mutex<Log>,
}

impl<'a> ServerHere<'a> {
    /// Does what the client asks for until it asks for nothing more.
    fn run(&self, mut connection: ServerEnd<'a>) -> Result<(), Error> {
        let ServerEnd { connection: number, channel, server, rng } = &mut connection;
        let mut answers = EndAnswers { here: self, connection: *number, server, rng };
        let outcome = answer(channel, IDLE, self.start.deadline, &mut answers);
        if let Err(error) = &outcome {
            // The main thread waits for orders; the harness has to hear of it now.
            report(&Report::Failed { error: error.to_string() })?;
        }
        outcome
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection of the server, apart from its channel.
struct EndAnswers<'a, 'b> {
    here: &'b ServerHere<'a>,
    connection: usize,
    server: &'b mut Server<'a>,
    rng: &'b mut ChaCha20Rng,
}

impl Answers for EndAnswers<'_, '_> {
    fn offline(&mut self, channel: &mut Channel, item: ItemId) -> Result<(), Error> {
        let here = self.here;
        let began_ns = since(here.epoch);
        here.pool.expect(item);
        let ready = self.server.offline(channel, self.rng)?;
        let bytes = ready.stored_bytes() as u64;
        let (offered, level) = here.pool.put(item, |file| ready.save(file))?;
        let done_ns = nanoseconds(offered - here.epoch);
        let done = Done::of(channel, Some(bytes), None);
        here.log().made.push(Made { item, connection: self.connection, began_ns, done_ns, level, done });
        Ok(())
    }

    fn online(&mut self, channel: &mut Channel, item: ItemId) -> Result<(), Error> {
        let here = self.here;
        let (began_ns, level) = (since(here.epoch), here.pool.level());
        let Some(file) = here.pool.claim(item, Instant::now() + here.start.deadline)? else {
            return Err(fault(Role::Server, &format!("has no item {item}, or has used it")));
        };
        let supplied_ns = since(here.epoch);
        let ready = file.read(|file| ServerReady::load(here.model, file))?;
        let output = ready.online(channel)?;
        let done_ns = since(here.epoch);
        let shares = here.start.shares.then_some(output.shares);
        let outcome = Outcome { seed: Some(output.seed.reveal().into()), logits: None, shares };
        let done = Done::of(channel, None, Some(outcome));
        let served = Served { item, due_ns: began_ns, began_ns, supplied_ns, done_ns, level, done };
        here.log().served.push(served);
        Ok(())
    }

    fn report(&mut self, _channel: &mut Channel) -> Result<(), Error> {
        Err(fault(Role::Server, "was asked for a report, which is the harness's to have"))
    }
}
