//! A party process: reads orders, runs its half of the protocol, reports.

use super::{Done, Order, Outcome, Report, Role, Start, pooled};
use crate::error::Error;
use crate::machine::peak_rss_bytes;
use netem::Channel;
use protocols::client::{Client, ClientReady};
use protocols::handshake::SessionId;
use protocols::plan::Plan;
use protocols::plan::compile::ServerSecrets;
use protocols::server::{Model, Server, ServerReady};
use protocols::store::Store;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use serde::de::DeserializeOwned;
use std::io::{BufRead, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

/// Runs a party to its end. A failure is reported to the harness, not printed.
pub(crate) fn run(role: Role) -> Result<(), Error> {
    let mut orders = std::io::stdin().lock();
    let start: Start = match next(&mut orders)? {
        Some(start) => start,
        None => return Ok(()),
    };
    if let Some(core) = start.core
        && !core_affinity::set_for_current(core_affinity::CoreId { id: core })
    {
        return report(&Report::Failed { error: format!("could not be pinned to core {core}") });
    }
    // The pool's threads take over the core that this one is pinned to.
    let pool = match rayon::ThreadPoolBuilder::new().num_threads(start.threads).build() {
        Ok(pool) => pool,
        Err(error) => return report(&Report::Failed { error: format!("threads: {error}") }),
    };
    drop(orders);
    let outcome = pool.install(|| {
        let mut orders = std::io::stdin().lock();
        match (role, &start.pooled) {
            (Role::Client, None) => client(&start, &mut orders),
            (Role::Server, None) => server(&start, &mut orders),
            (Role::Client, Some(with)) => pooled::client(&start, with, &mut orders),
            (Role::Server, Some(with)) => pooled::server(&start, with, &mut orders),
        }
    });
    outcome.or_else(|error| report(&Report::Failed { error: error.to_string() }))
}

fn client(start: &Start, orders: &mut impl BufRead) -> Result<(), Error> {
    let plan = Plan::from_json(&read(&start.plan)?)?;
    let address =
        start.connect.ok_or_else(|| fault(Role::Client, "was not told where the server listens"))?;
    let mut channel = Channel::connect(address, &start.link, start.deadline)?;
    let mut rng = ChaCha20Rng::from_os_rng();
    let mut client = Client::connect(&mut channel, &plan, SessionId(start.session), &mut rng)?;
    if let Some(folder) = &start.store {
        client.keep_in(Store::Folder(folder.clone()));
    }
    done(&mut channel, None, None)?;
    let mut ready: Option<ClientReady<'_>> = None;
    while let Some(order) = next(orders)? {
        match order {
            Order::Offline { record } => {
                channel.record(record);
                let preprocessed = client.offline(&mut channel, &mut rng)?;
                done(&mut channel, Some(preprocessed.stored_bytes() as u64), None)?;
                ready = Some(preprocessed);
            }
            Order::Online { image } => {
                let ready =
                    ready.take().ok_or_else(|| fault(Role::Client, "was ordered online before offline"))?;
                let image =
                    image.ok_or_else(|| fault(Role::Client, "was ordered online without an image"))?;
                let output = ready.online(&mut channel, &image)?;
                let outcome =
                    Outcome { seed: Some(output.seed.reveal()), logits: Some(output.logits), shares: None };
                done(&mut channel, None, Some(outcome))?;
            }
            other => return Err(misplaced(Role::Client, &other)),
        }
    }
    Ok(())
}

fn server(start: &Start, orders: &mut impl BufRead) -> Result<(), Error> {
    let plan = Plan::from_json(&read(&start.plan)?)?;
    let path = start.secrets.as_ref().ok_or_else(|| fault(Role::Server, "was given no weights"))?;
    let secrets = ServerSecrets::from_bytes(&read(path)?, &plan)?;
    let model = Model::prepare(&plan, &secrets)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Error::io("listening on loopback"))?;
    let address = listener.local_addr().map_err(Error::io("listening on loopback"))?;
    report(&Report::Listening { address })?;
    let mut channel = Channel::accept(&listener, &start.link, start.deadline)?;
    let mut rng = ChaCha20Rng::from_os_rng();
    let mut server = Server::accept(&mut channel, &model, SessionId(start.session), &mut rng)?;
    done(&mut channel, None, None)?;
    let mut ready: Option<ServerReady<'_>> = None;
    while let Some(order) = next(orders)? {
        match order {
            Order::Offline { record } => {
                channel.record(record);
                let preprocessed = server.offline(&mut channel, &mut rng)?;
                done(&mut channel, Some(preprocessed.stored_bytes() as u64), None)?;
                ready = Some(preprocessed);
            }
            Order::Online { .. } => {
                let ready =
                    ready.take().ok_or_else(|| fault(Role::Server, "was ordered online before offline"))?;
                let output = ready.online(&mut channel)?;
                let shares = start.shares.then_some(output.shares);
                let outcome = Outcome { seed: Some(output.seed.reveal()), logits: None, shares };
                done(&mut channel, None, Some(outcome))?;
            }
            other => return Err(misplaced(Role::Server, &other)),
        }
    }
    Ok(())
}

/// An order that makes no sense to a party as it was started.
pub(super) fn misplaced(role: Role, order: &Order) -> Error {
    let name = match order {
        Order::Offline { .. } => "to preprocess",
        Order::Online { .. } => "to classify",
        Order::Fill { .. } => "to fill a pool",
        Order::Serve { .. } => "to serve from a pool",
        Order::Close => "to close a pool",
    };
    fault(role, &format!("was not started for an order {name}"))
}

fn done(channel: &mut Channel, store_bytes: Option<u64>, outcome: Option<Outcome>) -> Result<(), Error> {
    report(&Report::Done(books(channel, store_bytes, outcome)))
}

/// What the channel has booked since it was last asked.
pub(crate) fn books(channel: &mut Channel, store_bytes: Option<u64>, outcome: Option<Outcome>) -> Done {
    let (spent, transcript) = (channel.take_spent(), channel.take_transcript());
    let release = channel.release_error();
    Done { spent, peak_rss_bytes: peak_rss_bytes(), store_bytes, release, outcome, transcript }
}

pub(super) fn report(report: &Report) -> Result<(), Error> {
    let mut line = serde_json::to_vec(report).expect("a report is plain data");
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    out.write_all(&line).and_then(|()| out.flush()).map_err(Error::io("reporting to the harness"))
}

/// The next line, or `None` where the harness has gone.
pub(super) fn next<T: DeserializeOwned>(orders: &mut impl BufRead) -> Result<Option<T>, Error> {
    let mut line = String::new();
    if orders.read_line(&mut line).map_err(Error::io("reading an order"))? == 0 {
        return Ok(None);
    }
    serde_json::from_str(&line).map(Some).map_err(|e| Error::Io {
        doing: "understanding an order".into(),
        source: std::io::Error::new(std::io::ErrorKind::InvalidData, e),
    })
}

pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(Error::io(format!("reading {}", path.display())))
}

pub(super) fn fault(role: Role, what: &str) -> Error {
    Error::Party { party: role.name(), what: what.into() }
}
