//! One model over one link: a session, its inferences, and what each of them must equal.

use super::ledger::{Prediction, blank};
use super::plan::Planned;
use super::prepared::Prepared;
use super::session::Flow;
use crate::choice::{StoreKind, Verify};
use crate::error::Error;
use crate::experiment::{Experiment, Variant};
use crate::model::Compiled;
use crate::party::Start;
use crate::party::files::PartyFiles;
use models::checkpoint::Checkpoint;
use netem::{Link, Phase};
use protocols::prepared::PreparedPlan;
use rand::RngCore;
use results::{CellRow, InferenceRow, Run};

/// One model over one link.
pub(super) struct Cell<'a> {
    pub(super) experiment: &'a Experiment,
    model: &'a Prepared,
    variant: Variant,
    link: &'a Link,
    /// Queries a second, where they come at a rate.
    pub(super) rate: Option<f64>,
    pub(super) row: CellRow,
    prediction: Prediction<'a>,
}

impl<'a> Cell<'a> {
    pub(super) fn new(planned: &Planned, experiment: &'a Experiment, model: &'a Prepared) -> Self {
        let (variant, link) = (experiment.variants[planned.variant], &experiment.links[planned.link]);
        let Compiled { checkpoint, plan, .. } = &model.compiled;
        let prediction = Prediction::new(plan, experiment.scenario.pool(experiment.images).is_some());
        let row = model.accuracy.fill(unmeasured(planned, experiment, checkpoint));
        let row = prediction.fill(row);
        Self { experiment, model, variant, link, rate: planned.rate, row, prediction }
    }

    /// Adds the cell to the run, and its network's classes of test images where they are not there.
    pub(super) fn begin(&self, run: &mut Run) -> Result<(), Error> {
        run.cell(&self.row)?;
        Ok(run.classes(&self.row, &self.model.accuracy.rows(&self.row.cell))?)
    }

    /// What a phase is predicted to send: bytes up and down, headers included, and flights of both parties.
    pub(super) fn predicted(&self, phase: Phase) -> (u64, u64, u64) {
        self.prediction.predicted(phase)
    }

    /// The plan that it runs, and where the client keeps what it has preprocessed.
    pub(super) fn needs(&self) -> (&PreparedPlan, StoreKind) {
        (&self.model.compiled.plan, self.variant.store)
    }

    /// The link that it runs over.
    pub(super) fn link(&self) -> &Link {
        self.link
    }

    /// The row of the inference `index` (warm-ups come first), before it has run.
    pub(super) fn blank(&self, index: usize) -> InferenceRow {
        blank(&self.row.cell, index, self.experiment.warmups, &self.model.test)
    }

    /// What its inferences are held against.
    pub(super) fn flow(&self, transcripts: usize) -> Flow<'_> {
        Flow { prediction: &self.prediction, compiled: Some(&self.model.compiled), transcripts }
    }

    /// Fills in the classes in the clear; returns the normalised image.
    pub(super) fn clear(&self, image: usize, row: &mut InferenceRow) -> Result<Vec<f32>, Error> {
        let (normalised, float, fixed) = self.model.compiled.clear_classes(&self.model.test, image)?;
        row.class_float = Some(float as u32);
        row.class_fixed = Some(fixed as u32);
        Ok(normalised)
    }

    /// What both parties read when they start.
    pub(super) fn party_files(&self) -> Result<PartyFiles, Error> {
        PartyFiles::write(&self.model.compiled.plan, &self.model.compiled.secrets)
    }

    pub(super) fn start(&self, files: &PartyFiles) -> Start {
        let mut session = [0; 16];
        rand::rng().fill_bytes(&mut session);
        Start {
            plan: files.plan(),
            secrets: Some(files.secrets()),
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
        ot: Some(variant.ot.name().to_owned()),
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
