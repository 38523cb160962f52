//! `linnet query`: a client's measured run against a server on another host.

use super::offer::{Answer, OFFER, Offer, REPORT, SESSION, receive};
use super::settings::{Asking, Verifying};
use crate::choice::{OtChoice, Protocol, ReluChoice};
use crate::cli::QueryArgs;
use crate::error::Error;
use crate::machine;
use crate::measure::ledger::{Prediction, blank};
use crate::measure::record::{data_records, timestamp};
use crate::measure::room;
use crate::measure::session::{Driver, Flow};
use crate::model::{ClearAccuracy, Compiled};
use crate::party::pair::PhaseReport;
use crate::party::{Done, Outcome};
use crate::print::{print, room};
use crate::run_id::{self, unnamed};
use crate::threads::on_threads;
use models::data::{DataSource, Dataset};
use models::text::printable;
use netem::Channel;
use protocols::client::{Client, ClientReady};
use protocols::handshake::SessionId;
use protocols::prepared::PreparedPlan;
use protocols::service::{ItemId, Request};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;
use results::{CellRow, InferenceRow, LinkRecord, Manifest, Pinning, Run, SCHEMA};
use std::collections::BTreeMap;
use std::net::TcpStream;
use time::OffsetDateTime;

/// Connects, has the images classified, saves each, and prints the table; `false` where an inference failed.
pub(crate) fn query(args: &QueryArgs) -> Result<bool, Error> {
    let settings = Asking::new(args)?;
    if let Some(id) = &settings.id {
        Run::check_new(&id.within(&settings.out))?;
    }
    on_threads(settings.threads, "client", || {
        let mut channel = connect(&settings)?;
        let mut session = [0; 16];
        rand::rng().fill_bytes(&mut session);
        channel.send(SESSION, session.to_vec())?;
        let offer = match receive(&mut channel, OFFER, "an offer")? {
            Answer::Offer(offer) => *offer,
            Answer::Refused(what) => return Err(Error::Party { party: "server", what }),
        };
        offer.check()?;
        if offer.reveals_masks && !settings.address.ip().is_loopback() {
            return Err(Error::Option {
                option: "--connect",
                expected: "a loopback address, for this server reveals its masks".into(),
                found: settings.server.clone(),
            });
        }
        // What this party relies on is checked before it is.
        room::check_offered(&offer.plan)?;
        let plan = PreparedPlan::new(offer.plan.clone())?;
        room::check_client(&plan)?;
        channel.take_usage();
        Querying::new(&settings, &offer, &plan)?.run(&mut channel, SessionId(session))
    })
}

fn connect(settings: &Asking) -> Result<Channel, Error> {
    let connecting = Error::io(format!("connecting to {}", settings.server));
    let stream = TcpStream::connect_timeout(&settings.address, settings.deadline).map_err(connecting)?;
    Ok(Channel::between_hosts(stream, &settings.identity, settings.deadline)?)
}

/// A run against one server.
struct Querying<'a> {
    settings: &'a Asking,
    offer: &'a Offer,
    plan: &'a PreparedPlan,
    source: DataSource,
    test: Dataset,
    prediction: Prediction<'a>,
    /// The network itself, where inferences are verified.
    compiled: Option<Compiled>,
    /// Its classes in the clear.
    accuracy: Option<ClearAccuracy>,
    cell: CellRow,
}

impl<'a> Querying<'a> {
    fn new(settings: &'a Asking, offer: &'a Offer, plan: &'a PreparedPlan) -> Result<Self, Error> {
        let source = DataSource::parse(&offer.model.data, settings.data_dir.as_deref())?;
        let classified = settings.verify.as_ref().map_or(0, |verifying| verifying.accuracy_images);
        let test = source.test(settings.images.max(classified).max(1))?;
        if test.shape() != plan.input {
            let expected =
                format!("a network for images of {}, as those of {} are", test.shape(), source.name());
            let what = format!("offers {}: expected {expected}, found one for {}", plan.name, plan.input);
            return Err(Error::Party { party: "server", what });
        }
        if settings.images > test.len() {
            let expected = format!("at most {}, the size of the test set", test.len());
            return Err(Error::Option { option: "--images", expected, found: settings.images.to_string() });
        }
        let prediction = Prediction::new(plan, true);
        let model = &offer.model;
        let cell = prediction.fill(CellRow {
            cell: format!(
                "{}-{}-{}-{}-{}",
                model.name, model.method, model.relus, model.relu, settings.network
            ),
            model: model.name.clone(),
            method: model.method.clone(),
            budget: model.budget,
            relus: model.relus,
            relu: model.relu.clone(),
            he: model.he.clone(),
            ot: model.ot.clone(),
            threads: Some(settings.threads as u32),
            store: Some("memory".to_owned()),
            link: settings.network.clone(),
            scenario: Some("single-stream".to_owned()),
            ..CellRow::default()
        });
        let (mut compiled, mut accuracy) = (None, None);
        if let Some(verifying) = &settings.verify {
            let network = compile(verifying, offer)?;
            accuracy = Some(network.clear_accuracy(&test, verifying.accuracy_images)?);
            compiled = Some(network);
        }
        let cell = match &accuracy {
            Some(accuracy) => accuracy.fill(cell),
            None => cell,
        };
        Ok(Self { settings, offer, plan, source, test, prediction, compiled, accuracy, cell })
    }

    fn run(&'a self, channel: &'a mut Channel, session: SessionId) -> Result<bool, Error> {
        let (settings, now) = (self.settings, OffsetDateTime::now_utc());
        let folder = match &settings.id {
            Some(id) => id.within(&settings.out),
            None => unnamed(&settings.out, now, &self.offer.model.name),
        };
        let mut run = Run::create(&folder, &self.manifest(&folder, now)?)?;
        run.cell(&self.cell)?;
        if let Some(accuracy) = &self.accuracy {
            run.classes(&self.cell, &accuracy.rows(&self.cell.cell))?;
        }
        let mut rng = ChaCha20Rng::from_os_rng();
        let client = Client::connect(channel, self.plan, session, &mut rng)?;
        let setup = Some(report(channel, None, None)?);
        let mut remote = Remote { channel, client, rng, setup, ready: None };
        let flow = Flow {
            prediction: &self.prediction,
            compiled: self.compiled.as_ref(),
            transcripts: settings.transcripts,
        };
        let mut whole = true;
        for index in 0..settings.warmups + settings.images {
            let mut row = blank(&self.cell.cell, index, settings.warmups, &self.test);
            let image = self.clear(&mut row)?;
            if let Some(error) = flow.run(&mut remote, row, &image, &mut run)? {
                eprintln!("inference {index}: {}", printable(&error.to_string()));
                whole = false;
                break;
            }
        }
        if whole {
            Request::End.send(remote.channel)?;
            remote.channel.flush()?;
        }
        let summary = run.finish()?.summary;
        print(&format!("{}\nwritten to {}", results::table(&summary, room()), folder.display()))?;
        Ok(whole)
    }

    /// The normalised image; fills in its classes in the clear where the network is there.
    fn clear(&self, row: &mut InferenceRow) -> Result<Vec<f32>, Error> {
        Ok(match &self.compiled {
            Some(compiled) => {
                let (image, float, fixed) = compiled.clear_classes(&self.test, row.image as usize)?;
                (row.class_float, row.class_fixed) = (Some(float as u32), Some(fixed as u32));
                image
            }
            None => self.offer.normalisation.apply(self.test.image(row.image as usize), self.test.shape()),
        })
    }

    fn manifest(&self, folder: &std::path::Path, now: OffsetDateTime) -> Result<Manifest, Error> {
        let Self { settings, offer, .. } = self;
        Ok(Manifest {
            schema: SCHEMA,
            id: run_id::of(folder),
            started: timestamp(now),
            command: std::iter::once("linnet".to_owned()).chain(std::env::args().skip(1)).collect(),
            linnet: env!("CARGO_PKG_VERSION").to_owned(),
            revision: machine::revision(),
            machine: machine::describe(),
            threads: settings.threads as u32,
            pinning: Pinning::default(),
            seeds: BTreeMap::new(),
            links: vec![LinkRecord { name: settings.network.clone(), ..LinkRecord::default() }],
            loopback: None,
            models: vec![offer.model.clone()],
            data: data_records(std::iter::once(&self.source))?,
            cells: vec![self.cell.cell.clone()],
            shard: None,
            busy: machine::busy(),
            resumed: Vec::new(),
            settings: serde_json::json!({
                "images": settings.images,
                "warmups": settings.warmups,
                "transcripts": settings.transcripts,
                "verified": self.compiled.is_some(),
                "tls": settings.named,
                "server": {
                    "address": settings.server,
                    "linnet": offer.linnet,
                    "revision": offer.revision,
                    "machine": offer.machine,
                    "threads": offer.threads,
                },
            }),
        })
    }
}

/// A session with a server on another host.
struct Remote<'a> {
    channel: &'a mut Channel,
    client: Client<'a>,
    rng: ChaCha20Rng,
    /// What set-up took, until it is recorded.
    setup: Option<PhaseReport>,
    /// What is preprocessed and not used.
    ready: Option<(ItemId, ClientReady<'a>)>,
}

impl Driver for Remote<'_> {
    fn setup(&mut self) -> Result<Option<PhaseReport>, Error> {
        Ok(self.setup.take())
    }

    fn offline(&mut self, record: bool) -> Result<PhaseReport, Error> {
        self.channel.record(record);
        let item = ItemId::random(&mut self.rng);
        Request::Offline(item).send(self.channel)?;
        let ready = self.client.offline(self.channel, &mut self.rng)?;
        let bytes = ready.stored_bytes() as u64;
        self.ready = Some((item, ready));
        report(self.channel, Some(bytes), None)
    }

    fn online(&mut self, image: &[f32]) -> Result<PhaseReport, Error> {
        let (item, ready) = self.ready.take().expect("offline comes first");
        Request::Online(item).send(self.channel)?;
        let output = ready.online(self.channel, image)?;
        let outcome =
            Outcome { seed: Some(output.seed.reveal().into()), logits: Some(output.logits), shares: None };
        report(self.channel, None, Some(outcome))
    }
}

/// What this party measured of the phase that has just ended, and what the server did, which is asked for it between phases.
/// The client's seed stays here.
fn report(
    channel: &mut Channel,
    store_bytes: Option<u64>,
    outcome: Option<Outcome>,
) -> Result<PhaseReport, Error> {
    let client = Done::of(channel, store_bytes, outcome);
    Request::Report.send(channel)?;
    let server: Done = receive(channel, REPORT, "a report")?;
    channel.take_usage();
    channel.take_transcript();
    Ok(PhaseReport { client, server })
}

/// The network that inferences are verified with, compiled as the server's was.
fn compile(verifying: &Verifying, offer: &Offer) -> Result<Compiled, Error> {
    if !offer.reveals_masks {
        return Err(Error::Option {
            option: "--model",
            expected: "a server with --reveal-masks, to verify its inferences".into(),
            found: "one that keeps its masks".into(),
        });
    }
    let Verifying { model, compile, .. } = verifying;
    let relu = ReluChoice::try_from(offer.model.relu.clone());
    let relu = relu.map_err(|what| Error::Party { party: "server", what: format!("its ReLU: {what}") })?;
    let protocol = Protocol { relu, he: offer.plan.he.backend, ot: OtChoice::Always(offer.plan.ot) };
    let compiled = Compiled::load(model, compile, protocol)?;
    let (ours, theirs) = (compiled.plan.digest(), offer.plan.digest());
    if ours != theirs {
        return Err(Error::Option {
            option: "--model",
            expected: format!("the server's network, compiled to its plan {theirs}"),
            found: format!("{ours} of {}", model.display()),
        });
    }
    Ok(compiled)
}
