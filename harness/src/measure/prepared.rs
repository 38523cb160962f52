//! Networks compiled for the variants that run, with their accuracy in the clear.

use super::record::{model_record, uncompiled_record};
use super::room;
use crate::choice::Protocol;
use crate::error::Error;
use crate::experiment::{Experiment, Variant};
use crate::images::check_fit;
use crate::model::{Calibrated, ClearAccuracy, Compiled};
use models::checkpoint::Checkpoint;
use models::data::Dataset;
use results::ModelRecord;
use std::sync::Arc;

/// A compiled model with what all its cells share.
pub(super) struct Prepared {
    /// Index in the experiment's list.
    model: usize,
    pub(super) compiled: Compiled,
    pub(super) accuracy: ClearAccuracy,
    pub(super) test: Arc<Dataset>,
}

/// What is prepared for an experiment's cells.
#[derive(Default)]
pub(super) struct Workbench {
    prepared: Vec<Prepared>,
    /// Of a model in a variant, why it cannot run.
    failed: Vec<(usize, Variant, Error)>,
    /// The last model that was loaded, for its other variants.
    calibrated: Option<(usize, Calibrated)>,
}

impl Workbench {
    /// Prepares what cells of the model in the variant need, as far as it is not there.
    pub(super) fn prepare(
        &mut self,
        experiment: &Experiment,
        networks: &[Arc<Checkpoint>],
        (model, variant): (usize, Variant),
    ) {
        if self.failure(model, variant).is_some() {
            return;
        }
        if let Err(error) = self.try_to_prepare(experiment, networks, (model, variant)) {
            eprintln!("  {error}");
            self.failed.push((model, variant, error));
        }
    }

    /// What is ready for the model in the variant. Threads and store make no difference to it.
    pub(super) fn get(&self, model: usize, variant: Variant) -> Option<&Prepared> {
        self.prepared.iter().find(|prepared| {
            let Compiled { relu, ot, plan, .. } = &prepared.compiled;
            let protocol = Protocol { relu: *relu, he: plan.he.backend, ot: *ot };
            (prepared.model, protocol) == (model, variant.protocol())
        })
    }

    /// Why the model cannot run in the variant.
    pub(super) fn failure(&self, model: usize, variant: Variant) -> Option<&Error> {
        let of = |failed: &&(usize, Variant, Error)| (failed.0, failed.1) == (model, variant);
        self.failed.iter().find(of).map(|(_, _, error)| error)
    }

    /// All that is ready; the first failure if nothing is. What the last model was compiled from is let go: of a large one it is
    /// gigabytes, which the parties need.
    pub(super) fn ready(&mut self) -> Result<&[Prepared], Error> {
        self.calibrated = None;
        match self.failed.is_empty() || !self.prepared.is_empty() {
            true => Ok(&self.prepared),
            false => Err(self.failed.swap_remove(0).2),
        }
    }

    /// Every model in every variant that is ready or failed, for the manifest.
    pub(super) fn records(&self, networks: &[Arc<Checkpoint>]) -> Vec<ModelRecord> {
        let failed = self.failed.iter().filter(|(model, variant, _)| self.get(*model, *variant).is_none());
        let failed =
            failed.map(|(model, variant, _)| uncompiled_record(&networks[*model], variant.protocol()));
        let mut records: Vec<ModelRecord> =
            self.prepared.iter().map(|model| model_record(&model.compiled)).collect();
        for record in failed {
            if !records.contains(&record) {
                records.push(record);
            }
        }
        records
    }

    fn try_to_prepare(
        &mut self,
        experiment: &Experiment,
        networks: &[Arc<Checkpoint>],
        (model, variant): (usize, Variant),
    ) -> Result<(), Error> {
        if self.get(model, variant).is_none() {
            eprintln!("compiling {}", experiment.models[model].display());
            let prepared = self.load(experiment, networks, (model, variant))?;
            self.prepared.push(prepared);
        }
        let prepared = self.get(model, variant).expect("it was just made");
        room::check(experiment, &[(&prepared.compiled.plan, variant.store)])
    }

    fn load(
        &mut self,
        experiment: &Experiment,
        networks: &[Arc<Checkpoint>],
        (model, variant): (usize, Variant),
    ) -> Result<Prepared, Error> {
        let choices = &experiment.compile;
        let calibrated = match self.calibrated.take().filter(|(of, _)| *of == model) {
            Some((_, calibrated)) => calibrated,
            None => Calibrated::new(Arc::clone(&networks[model]), choices)?,
        };
        let compiled = calibrated.compile(choices, variant.protocol());
        self.calibrated = Some((model, calibrated));
        let compiled = compiled?;
        let of_model: Vec<&Prepared> = self.prepared.iter().filter(|other| other.model == model).collect();
        let test = match of_model.first() {
            Some(other) => other.test.clone(),
            None => Arc::new(compiled.source.test(experiment.images.max(experiment.accuracy_images).max(1))?),
        };
        check_fit(&compiled.checkpoint.graph, &test)?;
        if experiment.images > test.len() {
            let expected = format!("at most {}, the size of the test set", test.len());
            return Err(Error::Option { option: "--images", expected, found: experiment.images.to_string() });
        }
        // Another variant of the same scales computes the same in the clear.
        let same = |other: &&&Prepared| {
            let (one, other) = (&compiled.model, &other.compiled.model);
            (&one.scales, one.ring) == (&other.scales, other.ring)
        };
        let accuracy = match of_model.iter().find(same) {
            Some(other) => other.accuracy.clone(),
            None => compiled.clear_accuracy(&test, experiment.accuracy_images)?,
        };
        if accuracy.out_of_bounds > 0 {
            eprintln!(
                "  {} activations of {} test images left their calibrated bound",
                accuracy.out_of_bounds, accuracy.images
            );
        }
        Ok(Prepared { model, compiled, accuracy, test })
    }
}
