//! `linnet serve`: one model for any number of clients.

use super::door::Door;
use super::offer::{Answer, OFFER, Offer, REPORT, SESSION, SESSION_BYTES, send};
use super::settings::Serving;
use crate::cli::ServeArgs;
use crate::error::Error;
use crate::machine;
use crate::model::Compiled;
use crate::party::requests::{Answers, answer};
use crate::party::{Done, Outcome};
use crate::threads::on_threads;
use models::text::printable;
use netem::Channel;
use protocols::handshake::SessionId;
use protocols::plan::Plan;
use protocols::server::{Model, Server, ServerReady};
use protocols::service::ItemId;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use results::ModelRecord;
use std::collections::HashMap;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// Preprocessed inferences that a session may have before it uses them.
const MOST_ITEMS: usize = 64;

/// How often it looks up from waiting for clients, and how long it rests where none can be taken.
const LOOK_UP: Duration = Duration::from_millis(100);

/// What a client may send before it knows the plan, and its hello.
const GREETING_FRAMES: u64 = 2;
const GREETING_BYTES: u64 = 1024;

/// Compiles the model and serves clients until it is told not to, or the sessions asked for have ended.
pub(crate) fn serve(args: &ServeArgs) -> Result<(), Error> {
    let settings = Serving::new(args)?;
    let compiled = Compiled::load(&settings.model, &settings.compile, settings.protocol)?;
    let model = Model::prepare(&compiled.plan, &compiled.secrets)?;
    let offer = offer(&settings, &compiled);
    let listener =
        TcpListener::bind(settings.listen).map_err(Error::io(format!("listening at {}", settings.listen)))?;
    let address = listener.local_addr().map_err(Error::io("listening"))?;
    // Whoever started it may wait for this line.
    println!("serving {} at {address}", compiled.plan.name);
    std::io::stdout().flush().map_err(Error::io("writing to standard output"))?;
    let offer = Answer::Offer(Box::new(offer));
    let door = Door::new(settings.most_sessions);
    let here = Here { model: &model, offer: &offer, door: &door, settings: &settings };
    thread::scope(|scope| {
        let mut failing = false;
        for number in 1.. {
            let (stream, client) = loop {
                if door.let_in() >= settings.sessions {
                    return;
                }
                match netem::next_connection(&listener, LOOK_UP) {
                    Ok(Some(connection)) => break connection,
                    Ok(None) => {}
                    // Such as for want of file descriptors. It passes, and others are served meanwhile.
                    Err(error) => {
                        if !failing {
                            eprintln!("clients are kept waiting: {error}");
                        }
                        failing = true;
                        door.make_room();
                        thread::sleep(LOOK_UP);
                    }
                }
            };
            failing = false;
            // Here and not in the session's thread: who came first is who waits longest, whichever thread runs first. Tried again once
            // there is room, as for want of file descriptors.
            let again = |_| {
                door.make_room();
                thread::sleep(LOOK_UP);
                stream.try_clone()
            };
            match stream.try_clone().or_else(again) {
                Ok(waiting) => door.wait(number, waiting),
                Err(error) => {
                    eprintln!("session {number}, {client}: not served: {error}");
                    continue;
                }
            }
            let here = &here;
            let serve = move || match here.session(number, stream) {
                Ok(inferences) => eprintln!("session {number}, {client}: {inferences} inferences"),
                Err(error) => eprintln!("session {number}, {client}: {}", printable(&error.to_string())),
            };
            // The stream goes with the thread that was not made.
            if let Err(error) = thread::Builder::new().spawn_scoped(scope, serve) {
                here.door.leave(number);
                eprintln!("session {number}, {client}: not served: {error}");
            }
        }
    });
    Ok(())
}

fn offer(settings: &Serving, compiled: &Compiled) -> Offer {
    let Compiled { checkpoint, plan, .. } = compiled;
    let meta = &checkpoint.meta;
    Offer {
        linnet: env!("CARGO_PKG_VERSION").to_owned(),
        revision: machine::revision(),
        plan: Plan::clone(plan),
        model: ModelRecord {
            name: meta.net.clone(),
            digest: checkpoint.digest(),
            plan_digest: Some(plan.digest()),
            data: meta.data.clone(),
            method: meta.method.clone(),
            relu: compiled.relu.name().to_owned(),
            he: Some(plan.he.backend.name().to_owned()),
            ot: Some(compiled.ot.name().to_owned()),
            budget: meta.budget.map(|budget| budget as u64),
            relus: checkpoint.masks.count() as u64,
            // Where the server has its weights from, and what it calibrated on, is not the client's to know.
            imported_from: None,
            calibration: None,
        },
        normalisation: checkpoint.normalisation.clone(),
        machine: machine::describe(),
        threads: settings.threads,
        reveals_masks: settings.reveal_masks,
    }
}

/// What all sessions share.
struct Here<'a> {
    model: &'a Model<'a>,
    offer: &'a Answer,
    door: &'a Door,
    settings: &'a Serving,
}

impl Here<'_> {
    /// Serves one client to its end; returns its inferences. Until it has shown who it is, it costs a thread and no more.
    fn session(&self, number: u64, stream: TcpStream) -> Result<usize, Error> {
        let (mut channel, session) = self.greet(stream).inspect_err(|_| self.door.leave(number))?;
        let _place = match self.door.enter(number) {
            Ok(place) => place,
            Err(why) => {
                send(&mut channel, OFFER, &Answer::Refused(why.clone()))?;
                return Err(Error::Party { party: "server", what: format!("refused: {why}") });
            }
        };
        on_threads(self.settings.threads, "server", || self.answer(&mut channel, session))
    }

    /// Who is there, and the session that it asks for.
    fn greet(&self, stream: TcpStream) -> Result<(Channel, SessionId), Error> {
        let mut channel = Channel::between_hosts(stream, &self.settings.identity, self.settings.deadline)?;
        // A client's hello may follow before the plan's bound stands.
        channel.expect_at_most(GREETING_FRAMES, GREETING_BYTES);
        let session = channel.recv(SESSION, SESSION_BYTES)?;
        Ok((channel, SessionId(session.try_into().expect("the channel delivers exactly the asked length"))))
    }

    fn answer(&self, channel: &mut Channel, session: SessionId) -> Result<usize, Error> {
        send(channel, OFFER, self.offer)?;
        channel.take_usage();
        let mut rng = ChaCha20Rng::from_os_rng();
        let server = Server::accept(channel, self.model, session, &mut rng)?;
        let last = Done::of(channel, None, None);
        // Which inferences' are kept is the client's choice.
        channel.record(true);
        let reveal = self.settings.reveal_masks;
        let mut here = Session { server, rng, reveal, last, ready: HashMap::new(), inferences: 0 };
        answer(channel, self.settings.idle, self.settings.deadline, &mut here)?;
        Ok(here.inferences)
    }
}

/// One client's session.
struct Session<'a> {
    server: Server<'a>,
    rng: ChaCha20Rng,
    /// Whether the client is given the seeds of masks.
    reveal: bool,
    /// What was measured of the last phase.
    last: Done,
    ready: HashMap<ItemId, ServerReady<'a>>,
    inferences: usize,
}

impl Answers for Session<'_> {
    fn offline(&mut self, channel: &mut Channel, item: ItemId) -> Result<(), Error> {
        if self.ready.len() >= MOST_ITEMS {
            return Err(client_fault(format!("asked for more than {MOST_ITEMS} inferences ahead")));
        }
        let ready = self.server.offline(channel, &mut self.rng)?;
        self.last = Done::of(channel, Some(ready.stored_bytes() as u64), None);
        self.ready.insert(item, ready);
        Ok(())
    }

    fn online(&mut self, channel: &mut Channel, item: ItemId) -> Result<(), Error> {
        let ready = self
            .ready
            .remove(&item)
            .ok_or_else(|| client_fault(format!("asked to use {item}, which is not there or was used")))?;
        let output = ready.online(channel)?;
        let seed = self.reveal.then(|| output.seed.reveal().into());
        self.last = Done::of(channel, None, Some(Outcome { seed, logits: None, shares: None }));
        self.inferences += 1;
        Ok(())
    }

    fn report(&mut self, channel: &mut Channel) -> Result<(), Error> {
        send(channel, REPORT, &self.last)?;
        channel.take_usage();
        channel.take_transcript();
        Ok(())
    }
}

fn client_fault(what: String) -> Error {
    Error::Party { party: "client", what }
}
