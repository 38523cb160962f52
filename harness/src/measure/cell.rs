//! One model over one link: a session, its inferences, and what each of them must equal.

use super::plan::Planned;
use super::prepared::Prepared;
use super::progress::Progress;
use super::record::{step_row, transcript_row};
use crate::cli::{StoreArg, Verify};
use crate::error::Error;
use crate::experiment::{Experiment, Variant};
use crate::model::Compiled;
use crate::party::pair::{Pair, PhaseReport};
use crate::party::{Outcome, Start};
use models::checkpoint::Checkpoint;
use models::real::argmax;
use netem::{Link, Phase};
use protocols::clear::replay;
use protocols::masks::MaskSeed;
use protocols::plan::INPUT_STEP;
use protocols::plan::Plan;
use protocols::plan::cost::{Operations, StepCost, Traffic, predict, total};
use protocols::service::Request;
use rand::RngCore;
use results::{CellRow, InferenceRow, InferenceStatus, Party, Run, StepRow, TranscriptRow};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Names of the parties' files.
const PLAN: &str = "plan.json";
const SECRETS: &str = "secrets";

/// What the parties wrote down in one inference.
#[derive(Default)]
pub(super) struct Books {
    /// Whether transcripts are asked for.
    record: bool,
    pub(super) steps: Vec<StepRow>,
    transcript: Vec<TranscriptRow>,
}

/// One model over one link.
pub(super) struct Cell<'a> {
    pub(super) experiment: &'a Experiment,
    model: &'a Prepared,
    variant: Variant,
    link: &'a Link,
    /// Queries a second, where they come at a rate.
    pub(super) rate: Option<f64>,
    pub(super) row: CellRow,
    /// What the plan predicts.
    costs: Vec<StepCost>,
}

impl<'a> Cell<'a> {
    pub(super) fn new(planned: &Planned, experiment: &'a Experiment, model: &'a Prepared) -> Self {
        let (variant, link) = (experiment.variants[planned.variant], &experiment.links[planned.link]);
        let Compiled { checkpoint, plan, .. } = &model.compiled;
        let mut costs = predict(plan);
        if experiment.scenario.pool(experiment.images).is_some() {
            add_requests(&mut costs);
        }
        let predicted = |phase: Phase| {
            let sum = total(&costs, phase);
            let framed = |t: Traffic| t.bytes + t.messages * netem::HEADER_BYTES;
            (Some(framed(sum.up)), Some(framed(sum.down)), Some(sum.up.flights + sum.down.flights))
        };
        let (setup, offline, online) =
            (predicted(Phase::Setup), predicted(Phase::Offline), predicted(Phase::Online));
        let row = CellRow {
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
            ..unmeasured(planned, experiment, checkpoint)
        };
        Self { experiment, model, variant, link, rate: planned.rate, row, costs }
    }

    /// What a phase is predicted to send: bytes up and down, headers included, and flights of both parties.
    pub(super) fn predicted(&self, phase: Phase) -> (u64, u64, u64) {
        let row = &self.row;
        let (up, down, flights) = match phase {
            Phase::Setup => {
                (row.predicted_setup_up_bytes, row.predicted_setup_down_bytes, row.predicted_setup_rounds)
            }
            Phase::Offline => (
                row.predicted_offline_up_bytes,
                row.predicted_offline_down_bytes,
                row.predicted_offline_rounds,
            ),
            Phase::Online => {
                (row.predicted_online_up_bytes, row.predicted_online_down_bytes, row.predicted_online_rounds)
            }
        };
        (up.unwrap_or(0), down.unwrap_or(0), flights.unwrap_or(0))
    }

    /// The plan that it runs, and where the client keeps what it has preprocessed.
    pub(super) fn needs(&self) -> (&Plan, StoreArg) {
        (&self.model.compiled.plan, self.variant.store)
    }

    /// The link that it runs over.
    pub(super) fn link(&self) -> &Link {
        self.link
    }

    /// Runs the inference `index` (warm-ups come first) in the cell's session and saves it.
    pub(super) fn repeat(
        &self,
        index: usize,
        session: &mut Option<Pair>,
        run: &mut Run,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        let mut row = self.blank(index);
        let record = !row.warmup && (row.repeat as usize) < self.experiment.transcripts;
        let mut books = Books { record, ..Books::default() };
        let outcome = self.inference(session, row.image as usize, &mut row, &mut books, progress);
        if let Err(error) = &outcome {
            row.status = InferenceStatus::Failed;
            row.error = Some(error.to_string());
        }
        run.transcript(&books.transcript)?;
        run.inference(&row, &books.steps)?;
        outcome?;
        progress.inference(self);
        Ok(())
    }

    /// The row of the inference `index` (warm-ups come first), before it has run.
    pub(super) fn blank(&self, index: usize) -> InferenceRow {
        let warmup = index < self.experiment.warmups;
        let repeat = if warmup { index } else { index - self.experiment.warmups };
        let image = if warmup { 0 } else { repeat };
        InferenceRow {
            cell: self.row.cell.clone(),
            repeat: repeat as u32,
            warmup,
            image: image as u64,
            label: self.model.test.label(image) as u32,
            ..InferenceRow::default()
        }
    }

    /// One inference, from set-up where there is no session yet; fills in the rows as far as it gets.
    fn inference(
        &self,
        session: &mut Option<Pair>,
        image: usize,
        row: &mut InferenceRow,
        books: &mut Books,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        let normalised = self.clear(image, row);
        let pair = match session {
            Some(pair) => pair,
            None => {
                progress.phase(self, Phase::Setup);
                let files = self.party_files()?;
                let (pair, setup) = Pair::start(&self.start(files.path()), self.experiment.pin)?;
                self.book(row, books, &setup)?;
                session.insert(pair)
            }
        };
        progress.phase(self, Phase::Offline);
        let offline = pair.offline(books.record)?;
        row.store_client_bytes = offline.client.store_bytes;
        row.store_server_bytes = offline.server.store_bytes;
        self.book(row, books, &offline)?;
        progress.phase(self, Phase::Online);
        let online = pair.online(normalised.clone())?;
        self.book(row, books, &online)?;
        self.conclude(row, &normalised, online)
    }

    /// Fills in the classes in the clear; returns the normalised image.
    pub(super) fn clear(&self, image: usize, row: &mut InferenceRow) -> Vec<f32> {
        let (normalised, float, fixed) = self.model.compiled.clear_classes(&self.model.test, image);
        row.class_float = Some(float as u32);
        row.class_fixed = Some(fixed as u32);
        normalised
    }

    /// Fills in the class of the secure run, whose online phase has been booked, and verifies it.
    pub(super) fn conclude(
        &self,
        row: &mut InferenceRow,
        image: &[f32],
        online: PhaseReport,
    ) -> Result<(), Error> {
        let (client, server) = match (online.client.outcome, online.server.outcome) {
            (Some(client), Some(server)) => (client, server),
            _ => return Err(Error::Party { party: "client", what: "reported no outcome".into() }),
        };
        let logits = client.logits.clone().unwrap_or_default();
        row.class_secure = Some(argmax(&logits) as u32);
        row.verified = Some(false);
        row.out_of_bounds = Some(self.verify(image, &logits, &client, &server)?);
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
    pub(super) fn party_files(&self) -> Result<tempfile::TempDir, Error> {
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

    pub(super) fn start(&self, files: &Path) -> Start {
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
            threads: self.variant.threads,
            store: (self.variant.store == StoreArg::File).then(|| self.experiment.store_dir.clone()),
            shares: self.experiment.verify == Verify::Layers,
            pooled: None,
        }
    }

    /// Turns both parties' books of a phase into rows, and compares them with the prediction: bytes, messages, flights.
    pub(super) fn book(
        &self,
        row: &mut InferenceRow,
        books: &mut Books,
        report: &PhaseReport,
    ) -> Result<(), Error> {
        row.peak_rss_client_bytes = report.client.peak_rss_bytes;
        row.peak_rss_server_bytes = report.server.peak_rss_bytes;
        row.release_p50_ns = Some(report.client.release.p50_ns);
        row.release_p99_ns = Some(report.client.release.p99_ns);
        let plan = &self.model.compiled.plan;
        for (party, report) in [(Party::Client, &report.client), (Party::Server, &report.server)] {
            books.steps.extend(report.spent.iter().map(|spent| step_row(plan, row, party, spent)));
            books.transcript.extend(report.transcript.iter().map(|event| transcript_row(row, party, event)));
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

/// What requests cost where the client asks for what comes next: they go up with its first message.
fn add_requests(costs: &mut Vec<StepCost>) {
    let up = Request::TRAFFIC;
    if let Some(input) = costs.iter_mut().find(|cost| (cost.phase, cost.step) == (Phase::Online, INPUT_STEP))
    {
        input.up.bytes += up.bytes;
        input.up.messages += up.messages;
    }
    let first = costs.iter_mut().find(|cost| cost.phase == Phase::Offline && cost.up.flights > 0);
    let Some(first) = first else { return };
    // The client's first flight begins with the request.
    first.up.flights -= 1;
    let request = StepCost {
        phase: Phase::Offline,
        step: INPUT_STEP,
        up: Traffic { flights: 1, ..up },
        down: Traffic::default(),
        operations: Operations::default(),
    };
    costs.push(request);
}

/// The row of a cell as far as it is known before its model is compiled.
pub(super) fn unmeasured(planned: &Planned, experiment: &Experiment, network: &Checkpoint) -> CellRow {
    let (variant, link) = (experiment.variants[planned.variant], &experiment.links[planned.link]);
    let meta = &network.meta;
    let pool = experiment.scenario.pool(experiment.images);
    CellRow {
        cell: planned.id.clone(),
        model: meta.net.clone(),
        method: meta.method.clone(),
        budget: meta.budget.map(|b| b as u64),
        relus: network.masks.count() as u64,
        relu: variant.relu.name().to_owned(),
        he: Some(variant.he.name().to_owned()),
        threads: Some(variant.threads as u32),
        store: Some(variant.store.name().to_owned()),
        link: link.name.clone(),
        scenario: Some(experiment.scenario.name().to_owned()),
        rate_per_s: planned.rate,
        pool: pool.map(|(level, _)| level as u64),
        refillers: pool.map(|(_, refillers)| refillers as u32),
        ..CellRow::default()
    }
}
