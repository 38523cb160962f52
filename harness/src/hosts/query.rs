//! `linnet query`: a client's measured run against a server on another host.

use super::offer::{OFFER, Offer, REPORT, SESSION, patience, receive};
use crate::cli::QueryArgs;
use crate::error::Error;
use crate::experiment::{Compile, parse_links};
use crate::machine;
use crate::measure::ledger::{Prediction, blank};
use crate::measure::record::{data_records, timestamp};
use crate::measure::session::{Driver, Flow};
use crate::model::{ClearAccuracy, Compiled};
use crate::party::pair::PhaseReport;
use crate::party::{Done, Outcome};
use crate::print::print;
use crate::threads::on_threads;
use models::data::{DataSource, Dataset};
use netem::{Channel, Identity};
use protocols::client::{Client, ClientReady};
use protocols::handshake::SessionId;
use protocols::prepared::PreparedPlan;
use protocols::service::{ItemId, Request};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;
use results::{CellRow, InferenceRow, LinkRecord, Manifest, Pinning, Run, SCHEMA};
use std::collections::BTreeMap;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;
use time::OffsetDateTime;
use time::macros::format_description;

/// Connects, has the images classified, saves each, and prints the table; `false` where an inference failed.
pub(crate) fn query(args: &QueryArgs) -> Result<bool, Error> {
    let deadline = patience("--deadline", args.deadline)?;
    if args.images == 0 {
        let expected = "at least 1".to_owned();
        return Err(Error::Option { option: "--images", expected, found: "0".into() });
    }
    let identity = args.tls.as_deref().map(Identity::client).transpose()?;
    on_threads(args.threads.max(1), "client", || {
        let (mut channel, local) = connect(args, identity.as_ref(), deadline)?;
        let mut session = [0; 16];
        rand::rng().fill_bytes(&mut session);
        channel.send(SESSION, session.to_vec())?;
        let offer: Offer = receive(&mut channel, OFFER, "an offer")?;
        if offer.reveals_masks && !local {
            return Err(Error::Option {
                option: "--connect",
                expected: "a loopback address, for this server reveals its masks".into(),
                found: args.connect.clone(),
            });
        }
        // What this party relies on is checked before it is.
        let plan = PreparedPlan::new(offer.plan.clone())?;
        channel.take_usage();
        Querying::new(args, &offer, &plan)?.run(&mut channel, SessionId(session))
    })
}

/// The channel, and whether the server is on this host.
fn connect(
    args: &QueryArgs,
    identity: Option<&Identity>,
    deadline: Duration,
) -> Result<(Channel, bool), Error> {
    let connecting = || format!("connecting to {}", args.connect);
    let mut addresses = args.connect.to_socket_addrs().map_err(Error::io(connecting()))?;
    let address = addresses.next().ok_or_else(|| Error::Option {
        option: "--connect",
        expected: "an address and port, such as 192.0.2.7:7000".into(),
        found: args.connect.clone(),
    })?;
    if identity.is_none() && !address.ip().is_loopback() {
        return Err(Error::Option {
            option: "--connect",
            expected: "a loopback address, or --tls FOLDER beside it (see `linnet keys`)".into(),
            found: address.to_string(),
        });
    }
    if args.model.is_some() && !address.ip().is_loopback() {
        return Err(Error::Option {
            option: "--model",
            expected: "a server at a loopback address, which alone reveals its masks to verify with".into(),
            found: address.to_string(),
        });
    }
    let stream = TcpStream::connect_timeout(&address, deadline).map_err(Error::io(connecting()))?;
    Ok((Channel::between_hosts(stream, identity, deadline)?, address.ip().is_loopback()))
}

/// A run against one server.
struct Querying<'a> {
    args: &'a QueryArgs,
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
    fn new(args: &'a QueryArgs, offer: &'a Offer, plan: &'a PreparedPlan) -> Result<Self, Error> {
        let source = DataSource::parse(&offer.model.data, args.compile.data_dir.as_deref())?;
        let test = source.load_test()?;
        if args.images > test.len() {
            let expected = format!("at most {}, the size of the test set", test.len());
            return Err(Error::Option { option: "--images", expected, found: args.images.to_string() });
        }
        let prediction = Prediction::new(plan, true);
        let model = &offer.model;
        let cell = prediction.fill(CellRow {
            cell: format!("{}-{}-{}-{}-{}", model.name, model.method, model.relus, model.relu, args.network),
            model: model.name.clone(),
            method: model.method.clone(),
            budget: model.budget,
            relus: model.relus,
            relu: model.relu.clone(),
            he: model.he.clone(),
            threads: Some(args.threads.max(1) as u32),
            store: Some("memory".to_owned()),
            link: args.network.clone(),
            scenario: Some("single-stream".to_owned()),
            ..CellRow::default()
        });
        let compiled = compiled(args, offer)?;
        let accuracy = compiled.as_ref().map(|compiled| compiled.clear_accuracy(&test, args.accuracy_images));
        let cell = match &accuracy {
            Some(accuracy) => accuracy.fill(cell),
            None => cell,
        };
        Ok(Self { args, offer, plan, source, test, prediction, compiled, accuracy, cell })
    }

    fn run(&'a self, channel: &'a mut Channel, session: SessionId) -> Result<bool, Error> {
        let (args, now) = (self.args, OffsetDateTime::now_utc());
        let format = format_description!("[year][month][day]-[hour][minute][second]");
        let made =
            || format!("{}-{}", now.format(&format).expect("the format is fixed"), self.offer.model.name);
        let folder = args.out.join(args.id.clone().unwrap_or_else(made));
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
            transcripts: args.transcripts,
        };
        let mut whole = true;
        for index in 0..args.warmups + args.images {
            let mut row = blank(&self.cell.cell, index, args.warmups, &self.test);
            let image = self.clear(&mut row);
            if let Some(error) = flow.run(&mut remote, row, &image, &mut run)? {
                eprintln!("inference {index}: {error}");
                whole = false;
                break;
            }
        }
        if whole {
            Request::End.send(remote.channel)?;
            remote.channel.flush()?;
        }
        let summary = run.finish()?.summary;
        print(&format!("{}\nwritten to {}", results::table(&summary), folder.display()))?;
        Ok(whole)
    }

    /// The normalised image; fills in its classes in the clear where the network is there.
    fn clear(&self, row: &mut InferenceRow) -> Vec<f32> {
        match &self.compiled {
            Some(compiled) => {
                let (image, float, fixed) = compiled.clear_classes(&self.test, row.image as usize);
                (row.class_float, row.class_fixed) = (Some(float as u32), Some(fixed as u32));
                image
            }
            None => self.offer.normalisation.apply(self.test.image(row.image as usize), self.test.shape()),
        }
    }

    fn manifest(&self, folder: &std::path::Path, now: OffsetDateTime) -> Result<Manifest, Error> {
        let Self { args, offer, .. } = self;
        Ok(Manifest {
            schema: SCHEMA,
            id: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            started: timestamp(now),
            command: std::iter::once("linnet".to_owned()).chain(std::env::args().skip(1)).collect(),
            linnet: env!("CARGO_PKG_VERSION").to_owned(),
            revision: machine::revision(),
            machine: machine::describe(),
            threads: args.threads.max(1) as u32,
            pinning: Pinning::default(),
            seeds: BTreeMap::new(),
            links: vec![LinkRecord { name: args.network.clone(), ..LinkRecord::default() }],
            loopback: None,
            models: vec![offer.model.clone()],
            data: data_records(std::iter::once(&self.source))?,
            cells: vec![self.cell.cell.clone()],
            shard: None,
            resumed: Vec::new(),
            settings: serde_json::json!({
                "images": args.images,
                "warmups": args.warmups,
                "transcripts": args.transcripts,
                "verified": self.compiled.is_some(),
                "tls": args.tls.is_some(),
                "server": {
                    "address": args.connect,
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

/// The network that inferences are verified with, compiled as the server's was; `None` if none is given.
fn compiled(args: &QueryArgs, offer: &Offer) -> Result<Option<Compiled>, Error> {
    let Some(folder) = &args.model else { return Ok(None) };
    if !offer.reveals_masks {
        return Err(Error::Option {
            option: "--model",
            expected: "a server with --reveal-masks, to verify its inferences".into(),
            found: "one that keeps its masks".into(),
        });
    }
    let links = parse_links(std::slice::from_ref(&args.link))?;
    let compile = Compile::new(&args.compile, &links)?;
    let compiled = Compiled::load(folder, &compile, offer.plan.relu, offer.plan.he.backend)?;
    let (ours, theirs) = (compiled.plan.digest(), offer.plan.digest());
    if ours != theirs {
        return Err(Error::Option {
            option: "--model",
            expected: format!("the server's network, compiled to its plan {theirs}"),
            found: format!("{ours} of {}", folder.display()),
        });
    }
    Ok(Some(compiled))
}
