//! A party process: reads orders, runs its half of the protocol, reports.

use super::orders::{fault, misplaced, next, read, report};
use super::{Done, Order, Outcome, Report, Role, Start, pooled};
use crate::error::Error;
use crate::threads::on_threads;
use netem::Channel;
use protocols::client::{Client, ClientReady};
use protocols::handshake::SessionId;
use protocols::prepared::PreparedPlan;
use protocols::secrets::ServerSecrets;
use protocols::server::{Model, Server, ServerReady};
use protocols::store::Store;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use std::io::BufRead;
use std::net::{Ipv4Addr, TcpListener};

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
    drop(orders);
    // These threads take over the core that this one is pinned to.
    let outcome = on_threads(start.threads, role.name(), || {
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
    let plan = PreparedPlan::from_json(&read(&start.plan)?)?;
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
                let outcome = Outcome {
                    seed: Some(output.seed.reveal().into()),
                    logits: Some(output.logits),
                    shares: None,
                };
                done(&mut channel, None, Some(outcome))?;
            }
            other => return Err(misplaced(Role::Client, &other)),
        }
    }
    Ok(())
}

fn server(start: &Start, orders: &mut impl BufRead) -> Result<(), Error> {
    let plan = PreparedPlan::from_json(&read(&start.plan)?)?;
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
                let outcome = Outcome { seed: Some(output.seed.reveal().into()), logits: None, shares };
                done(&mut channel, None, Some(outcome))?;
            }
            other => return Err(misplaced(Role::Server, &other)),
        }
    }
    Ok(())
}

fn done(channel: &mut Channel, store_bytes: Option<u64>, outcome: Option<Outcome>) -> Result<(), Error> {
    report(&Report::Done(Done::of(channel, store_bytes, outcome)))
}
