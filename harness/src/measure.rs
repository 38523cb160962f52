//! An experiment, run: every model over every link, each inference verified and saved at once.

use crate::cli::Verify;
use crate::error::Error;
use crate::experiment::Experiment;
use crate::machine;
use crate::model::{ClearAccuracy, Compiled};
use crate::party::pair::{Pair, PhaseReport};
use crate::party::{Outcome, Start};
use crate::report::say;
use indicatif::{ProgressBar, ProgressStyle};
use models::data::Dataset;
use models::real::argmax;
use netem::{Link, Loopback, Phase, Spent};
use protocols::clear::replay;
use protocols::masks::MaskSeed;
use protocols::plan::Plan;
use protocols::plan::cost::{StepCost, Traffic, predict, total};
use rand::RngCore;
use results::{
    CellRow, InferenceRow, InferenceStatus, LinkRecord, Manifest, ModelRecord, Party, Pinning, Quantiles,
    Run, SCHEMA, StepRow,
};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

/// Runs the experiment; `false` where an inference or a cell failed.
pub(crate) fn run(experiment: &Experiment) -> Result<bool, Error> {
    let loopback = netem::calibrate()?;
    for link in &experiment.links {
        link.check(&loopback)?;
    }
    let mut models = Vec::with_capacity(experiment.models.len());
    for folder in &experiment.models {
        eprintln!("compiling {}", folder.display());
        models.push(prepare(folder, experiment)?);
    }
    let now = OffsetDateTime::now_utc();
    let id = match &experiment.id {
        Some(id) => id.clone(),
        None => {
            let format = format_description!("[year][month][day]-[hour][minute][second]");
            format!("{}-{}", now.format(&format).expect("the format is fixed"), models[0].name())
        }
    };
    let folder = experiment.out.join(&id);
    let links = experiment.links.iter().map(link_record).collect::<Result<_, _>>()?;
    let mut cells: Vec<Cell<'_>> = Vec::new();
    for model in &models {
        for link in &experiment.links {
            let cell = Cell::new(experiment, model, link);
            if cells.iter().any(|other| other.row.cell == cell.row.cell) {
                return Err(Error::Option {
                    option: "--models",
                    expected: "every network, method and ReLU count once".into(),
                    found: format!("{} twice", cell.row.cell),
                });
            }
            cells.push(cell);
        }
    }
    let mut run = Run::create(&folder, &manifest(experiment, &id, now, &models, links, &loopback))?;
    let progress = ProgressBar::new((models.len() * experiment.links.len() * experiment.images) as u64);
    progress.set_style(
        ProgressStyle::with_template("{bar:30} {pos}/{len} inferences, {elapsed} (about {eta} to go)  {msg}")
            .expect("the template is fixed"),
    );
    let mut whole = true;
    for cell in &cells {
        progress.set_message(cell.row.cell.clone());
        run.cell(&cell.row)?;
        if let Err(error) = cell.measure(&mut run, &progress) {
            whole = false;
            progress.suspend(|| eprintln!("{}: {error}", cell.row.cell));
        }
    }
    progress.finish_and_clear();
    let summary = run.finish()?;
    say(&format!("{}\nwritten to {}", results::table(&summary), folder.display()))?;
    Ok(whole)
}

/// Names of the parties' files.
const PLAN: &str = "plan.json";
const SECRETS: &str = "secrets";

/// A compiled model with what all its cells share.
struct Prepared {
    compiled: Compiled,
    accuracy: ClearAccuracy,
    test: Dataset,
    digest: String,
}

impl Prepared {
    fn name(&self) -> &str {
        &self.compiled.checkpoint.meta.net
    }
}

fn prepare(folder: &Path, experiment: &Experiment) -> Result<Prepared, Error> {
    let compiled = Compiled::load(folder, &experiment.compile)?;
    let test = compiled.source.load_test()?;
    if experiment.images > test.len() {
        let expected = format!("at most {}, the size of the test set", test.len());
        return Err(Error::Option { option: "--images", expected, found: experiment.images.to_string() });
    }
    let accuracy = compiled.clear_accuracy(&test, experiment.accuracy_images);
    if accuracy.out_of_bounds > 0 {
        eprintln!(
            "  {} activations of {} test images left their calibrated bound",
            accuracy.out_of_bounds, accuracy.images
        );
    }
    let digest = compiled.checkpoint.digest();
    Ok(Prepared { compiled, accuracy, test, digest })
}

/// One model over one link.
struct Cell<'a> {
    experiment: &'a Experiment,
    model: &'a Prepared,
    link: &'a Link,
    row: CellRow,
    /// What the plan predicts.
    costs: Vec<StepCost>,
}

impl<'a> Cell<'a> {
    fn new(experiment: &'a Experiment, model: &'a Prepared, link: &'a Link) -> Self {
        let Compiled { checkpoint, plan, .. } = &model.compiled;
        let costs = predict(plan);
        let predicted = |phase: Phase| {
            let sum = total(&costs, phase);
            let framed = |t: Traffic| t.bytes + t.messages * netem::HEADER_BYTES;
            (Some(framed(sum.up)), Some(framed(sum.down)), Some(sum.up.flights + sum.down.flights))
        };
        let (setup, offline, online) =
            (predicted(Phase::Setup), predicted(Phase::Offline), predicted(Phase::Online));
        let meta = &checkpoint.meta;
        let kept = plan.relus() as u64;
        let row = CellRow {
            cell: format!("{}-{}-{kept}-{}-{}", meta.net, meta.method, plan.relu.name(), link.name),
            model: meta.net.clone(),
            method: meta.method.clone(),
            budget: meta.budget.map(|b| b as u64),
            relus: kept,
            relu: plan.relu.name().to_owned(),
            link: link.name.clone(),
            ring_bits: Some(plan.ring.bits()),
            fa: Some(plan.scales.fa),
            fw: Some(plan.scales.fw),
            acc_float: Some(model.accuracy.float),
            acc_fixed: Some(model.accuracy.fixed),
            acc_images: Some(model.accuracy.images as u64),
            out_of_bounds: Some(model.accuracy.out_of_bounds),
            predicted_setup_up_bytes: setup.0,
            predicted_setup_down_bytes: setup.1,
            predicted_setup_rounds: setup.2,
            predicted_offline_up_bytes: offline.0,
            predicted_offline_down_bytes: offline.1,
            predicted_offline_rounds: offline.2,
            predicted_online_up_bytes: online.0,
            predicted_online_down_bytes: online.1,
            predicted_online_rounds: online.2,
            error: None,
        };
        Self { experiment, model, link, row, costs }
    }

    /// Runs all inferences of the cell in one session and saves each. The first failure ends the cell.
    fn measure(&self, run: &mut Run, progress: &ProgressBar) -> Result<(), Error> {
        let mut session = None;
        for index in 0..self.experiment.warmups + self.experiment.images {
            let warmup = index < self.experiment.warmups;
            let repeat = if warmup { index } else { index - self.experiment.warmups };
            let image = if warmup { 0 } else { repeat };
            let mut row = InferenceRow {
                cell: self.row.cell.clone(),
                repeat: repeat as u32,
                warmup,
                image: image as u64,
                label: self.model.test.label(image) as u32,
                ..InferenceRow::default()
            };
            let mut steps = Vec::new();
            let outcome = self.inference(&mut session, image, &mut row, &mut steps);
            if let Err(error) = &outcome {
                row.status = InferenceStatus::Failed;
                row.error = Some(error.to_string());
            }
            run.inference(&row, &steps)?;
            outcome?;
            if !warmup {
                progress.inc(1);
            }
        }
        Ok(())
    }

    /// One inference, from set-up where there is no session yet; fills in the rows as far as it gets.
    fn inference(
        &self,
        session: &mut Option<Pair>,
        image: usize,
        row: &mut InferenceRow,
        steps: &mut Vec<StepRow>,
    ) -> Result<(), Error> {
        let (normalised, float, fixed) = self.model.compiled.clear_classes(&self.model.test, image);
        row.class_float = Some(float as u32);
        row.class_fixed = Some(fixed as u32);
        let pair = match session {
            Some(pair) => pair,
            None => {
                let files = self.party_files()?;
                let (pair, setup) = Pair::start(&self.start(files.path()), self.experiment.pin)?;
                self.book(row, steps, &setup)?;
                session.insert(pair)
            }
        };
        let offline = pair.offline()?;
        self.book(row, steps, &offline)?;
        let online = pair.online(normalised.clone())?;
        self.book(row, steps, &online)?;
        let (client, server) = match (online.client.outcome, online.server.outcome) {
            (Some(client), Some(server)) => (client, server),
            _ => return Err(Error::Party { party: "client", what: "reported no outcome".into() }),
        };
        let logits = client.logits.clone().unwrap_or_default();
        row.class_secure = Some(argmax(&logits) as u32);
        row.verified = Some(false);
        row.out_of_bounds = Some(self.verify(&normalised, &logits, &client, &server)?);
        row.verified = Some(true);
        Ok(())
    }

    /// Compares the run with its clear replay, bit for bit. Returns the activation inputs that left their bound.
    fn verify(
        &self,
        image: &[f32],
        logits: &[i64],
        client: &Outcome,
        server: &Outcome,
    ) -> Result<u64, Error> {
        let Compiled { plan, secrets, .. } = &self.model.compiled;
        let seeds = (MaskSeed::from_bytes(client.seed), MaskSeed::from_bytes(server.seed));
        let clear = replay(plan, secrets, &plan.quantise_image(image), &seeds.0, &seeds.1);
        if logits != clear.logits {
            return Err(Error::Verification {
                what: "logits".into(),
                expected: format!("{:?}", clear.logits),
                found: format!("{logits:?}"),
            });
        }
        if let Some(shares) = &server.shares {
            if shares.len() != clear.server_shares.len() {
                let expected = format!("{} values", clear.server_shares.len());
                return Err(Error::Verification {
                    what: "shares".into(),
                    expected,
                    found: shares.len().to_string(),
                });
            }
            for (value, (found, expected)) in shares.iter().zip(&clear.server_shares).enumerate() {
                if let Some(unit) = (0..expected.len()).find(|i| found.get(*i) != expected.get(*i)) {
                    return Err(Error::Verification {
                        what: format!(
                            "server's share of {}, unit {unit}",
                            plan.describe_step(value as u32).0
                        ),
                        expected: expected[unit].to_string(),
                        found: found.get(unit).map_or("none".into(), u64::to_string),
                    });
                }
            }
        }
        Ok(clear.out_of_bounds)
    }

    /// The plan and the server's weights on disk, for this user alone and only while a session starts.
    fn party_files(&self) -> Result<tempfile::TempDir, Error> {
        let files = tempfile::Builder::new()
            .prefix("linnet-")
            .permissions(std::fs::Permissions::from_mode(0o700))
            .tempdir()
            .map_err(Error::io("making a folder for the parties' files"))?;
        let Compiled { plan, secrets, .. } = &self.model.compiled;
        let plan = serde_json::to_vec(plan).expect("a plan is plain data");
        for (name, bytes) in [(PLAN, plan), (SECRETS, secrets.to_bytes())] {
            std::fs::write(files.path().join(name), bytes).map_err(Error::io(format!("writing {name}")))?;
        }
        Ok(files)
    }

    fn start(&self, files: &Path) -> Start {
        let mut session = [0; 16];
        rand::rng().fill_bytes(&mut session);
        Start {
            plan: files.join(PLAN),
            secrets: Some(files.join(SECRETS)),
            connect: None,
            link: self.link.clone(),
            deadline: self.experiment.deadline,
            session,
            core: None,
            shares: self.experiment.verify == Verify::Layers,
        }
    }

    /// Turns both parties' books of a phase into rows, and compares them with the prediction: bytes, messages, flights.
    fn book(
        &self,
        row: &mut InferenceRow,
        steps: &mut Vec<StepRow>,
        report: &PhaseReport,
    ) -> Result<(), Error> {
        row.peak_rss_client_bytes = report.client.peak_rss_bytes;
        row.peak_rss_server_bytes = report.server.peak_rss_bytes;
        row.release_p50_ns = Some(report.client.release.p50_ns);
        row.release_p99_ns = Some(report.client.release.p99_ns);
        let plan = &self.model.compiled.plan;
        for (party, report) in [(Party::Client, &report.client), (Party::Server, &report.server)] {
            steps.extend(report.spent.iter().map(|spent| step_row(plan, row, party, spent)));
            for spent in &report.spent {
                let cost =
                    self.costs.iter().find(|cost| (cost.phase, cost.step) == (spent.phase, spent.step));
                let sent = |traffic: Traffic| (traffic.bytes, traffic.messages, traffic.flights);
                let expected = sent(cost.map_or(Traffic::default(), |cost| match party {
                    Party::Client => cost.up,
                    Party::Server => cost.down,
                }));
                let found = (spent.bytes_out, spent.messages_out, spent.flights_out);
                if found != expected {
                    return Err(Error::Verification {
                        what: format!(
                            "bytes, messages and flights that the {} sent in {} {}",
                            if party == Party::Client { "client" } else { "server" },
                            spent.phase,
                            plan.describe_step(spent.step).0
                        ),
                        expected: format!("{expected:?}"),
                        found: format!("{found:?}"),
                    });
                }
            }
        }
        Ok(())
    }
}

fn step_row(plan: &Plan, inference: &InferenceRow, party: Party, spent: &Spent) -> StepRow {
    let (name, kind) = plan.describe_step(spent.step);
    StepRow {
        cell: inference.cell.clone(),
        repeat: inference.repeat,
        warmup: inference.warmup,
        party,
        phase: match spent.phase {
            Phase::Setup => results::Phase::Setup,
            Phase::Offline => results::Phase::Offline,
            Phase::Online => results::Phase::Online,
        },
        step: spent.step,
        step_name: name,
        step_kind: kind.to_owned(),
        bytes_out: spent.bytes_out,
        bytes_in: spent.bytes_in,
        header_out: spent.header_out,
        header_in: spent.header_in,
        messages_out: spent.messages_out,
        messages_in: spent.messages_in,
        flights_out: spent.flights_out,
        wall_ns: spent.wall_ns,
        compute_ns: spent.compute_ns(),
        blocked_ns: spent.blocked_ns,
    }
}

fn link_record(link: &Link) -> Result<LinkRecord, Error> {
    let probed = netem::probe(link)?;
    Ok(LinkRecord {
        name: link.name.clone(),
        rate_bytes_per_s: link.rate.map(|rate| rate.0),
        rtt_s: link.rtt.as_secs_f64(),
        measured_rate_bytes_per_s: Some(probed.rate.0),
        measured_rtt_s: Some(probed.rtt.as_secs_f64()),
        release_error: Some(Quantiles {
            p50_s: probed.release.p50_ns as f64 * 1e-9,
            p99_s: probed.release.p99_ns as f64 * 1e-9,
        }),
    })
}

fn manifest(
    experiment: &Experiment,
    id: &str,
    now: OffsetDateTime,
    prepared: &[Prepared],
    links: Vec<LinkRecord>,
    loopback: &Loopback,
) -> Manifest {
    let models = prepared
        .iter()
        .map(|model| {
            let meta = &model.compiled.checkpoint.meta;
            ModelRecord {
                name: meta.net.clone(),
                digest: model.digest.clone(),
                plan_digest: Some(model.compiled.plan.digest()),
                data: meta.data.clone(),
                method: meta.method.clone(),
                relu: model.compiled.plan.relu.name().to_owned(),
                budget: meta.budget.map(|b| b as u64),
                relus: model.compiled.plan.relus() as u64,
            }
        })
        .collect::<Vec<_>>();
    let seeds = BTreeMap::from([("scale_search_rounding".to_owned(), models::fixed::search::SEED)])
        .into_iter()
        .chain(prepared.iter().map(|model| {
            let meta = &model.compiled.checkpoint.meta;
            let kept = model.compiled.plan.relus();
            (format!("held_out_split_{}_{}_{kept}", meta.net, meta.method), meta.seed)
        }))
        .collect();
    let core = |core: Option<usize>| core.map(|c| c as u32).into_iter().collect();
    Manifest {
        schema: SCHEMA,
        id: id.to_owned(),
        started: now.format(&Rfc3339).expect("a time of today has a text"),
        command: std::iter::once("linnet".to_owned()).chain(std::env::args().skip(1)).collect(),
        linnet: env!("CARGO_PKG_VERSION").to_owned(),
        revision: machine::revision(),
        machine: machine::describe(),
        threads: 1,
        pinning: Pinning {
            client: core(experiment.pin.map(|p| p.0)),
            server: core(experiment.pin.map(|p| p.1)),
        },
        seeds,
        links,
        loopback: Some(results::Loopback {
            rate_bytes_per_s: loopback.rate.0,
            rtt_s: loopback.rtt.as_secs_f64(),
        }),
        models,
        settings: serde_json::to_value(experiment).expect("an experiment is plain data"),
    }
}
