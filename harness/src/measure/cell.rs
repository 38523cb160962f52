//! One model over one link: a session, its inferences, and what each of them must equal.

use super::ledger::{Books, Ledger, blank, conclude};
use super::plan::Planned;
use super::prepared::Prepared;
use super::progress::Progress;
use crate::choice::{StoreKind, Verify};
use crate::error::Error;
use crate::experiment::{Experiment, Variant};
use crate::model::Compiled;
use crate::party::Start;
use crate::party::pair::{Pair, PhaseReport};
use models::checkpoint::Checkpoint;
use netem::{Link, Phase};
use protocols::plan::Plan;
use rand::RngCore;
use results::{CellRow, InferenceRow, InferenceStatus, Run};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Names of the parties' files.
const PLAN: &str = "plan.json";
const SECRETS: &str = "secrets";

/// One model over one link.
pub(super) struct Cell<'a> {
    pub(super) experiment: &'a Experiment,
    model: &'a Prepared,
    variant: Variant,
    link: &'a Link,
    /// Queries a second, where they come at a rate.
    pub(super) rate: Option<f64>,
    pub(super) row: CellRow,
    ledger: Ledger<'a>,
}

impl<'a> Cell<'a> {
    pub(super) fn new(planned: &Planned, experiment: &'a Experiment, model: &'a Prepared) -> Self {
        let (variant, link) = (experiment.variants[planned.variant], &experiment.links[planned.link]);
        let Compiled { checkpoint, plan, .. } = &model.compiled;
        let ledger = Ledger::new(plan, experiment.scenario.pool(experiment.images).is_some());
        let row = model.accuracy.told_in(unmeasured(planned, experiment, checkpoint));
        let row = ledger.predicted_in(row);
        Self { experiment, model, variant, link, rate: planned.rate, row, ledger }
    }

    /// Adds the cell to the run, and its network's classes of test images where they are not there.
    pub(super) fn begin(&self, run: &mut Run) -> Result<(), Error> {
        run.cell(&self.row)?;
        Ok(run.classes(&self.row, &self.model.accuracy.rows(&self.row.cell))?)
    }

    /// What a phase is predicted to send: bytes up and down, headers included, and flights of both parties.
    pub(super) fn predicted(&self, phase: Phase) -> (u64, u64, u64) {
        self.ledger.predicted(phase)
    }

    /// The plan that it runs, and where the client keeps what it has preprocessed.
    pub(super) fn needs(&self) -> (&Plan, StoreKind) {
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
        blank(&self.row.cell, index, self.experiment.warmups, &self.model.test)
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
        let plan = &self.model.compiled.plan;
        conclude(plan, &self.model.compiled.secrets, row, image, online)
    }

    /// Turns both parties' books of a phase into rows, and compares them with the prediction.
    pub(super) fn book(
        &self,
        row: &mut InferenceRow,
        books: &mut Books,
        report: &PhaseReport,
    ) -> Result<(), Error> {
        self.ledger.book(row, books, report)
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
            store: (self.variant.store == StoreKind::File).then(|| self.experiment.store_dir.clone()),
            shares: self.experiment.verify == Verify::Layers,
            pooled: None,
        }
    }
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
