//! From a trained network to budgets of kept units: a [`Method`] chooses them, and training with the all-activation
//! network as teacher adapts the weights.
//!
//! A method that ranks units does so first by a pass over the training images with the all-activation network, then
//! anew after every epoch of the phase `replace`, each time keeping the units of largest |d loss / d alpha| summed over
//! the epoch's batches. An epoch counts with the masks it was trained with. The phase `finetune` keeps the best
//! epoch's masks. Every method goes through the same two phases, and its best epoch is chosen on the same held-out
//! images.

mod method;

pub use method::Method;

use crate::Error;
use crate::fit::Job;
use crate::network::Network;
use crate::optimizer::Rule;
use crate::phase::{Phase, Schedule};
use crate::precision::Precision;
use crate::privshap::shapley::MOST_PLAYERS;
use crate::privshap::{MOST_EXACT, ShapleySettings};
use crate::train::{conclude, default_threads, echo, finished, set_threads};
use crate::watch::Watch;
use models::checkpoint::{Checkpoint, Meta};
use models::data::{DataSource, Dataset, Splits};
use serde::{Deserialize, Serialize};
use std::path::Path;
use tch::Device;

/// Everything that determines the outcome of a linearization, beside the trained network and the budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinearizeSettings {
    /// How units are chosen.
    pub method: Method,
    /// How the layers' Shapley values are measured, by methods that use them.
    pub shapley: ShapleySettings,
    /// Epochs with masks chosen anew after each, if the method does that.
    pub replace_epochs: usize,
    /// Adam's learning rate in them.
    pub replace_rate: f64,
    /// Epochs with the masks frozen.
    pub finetune_epochs: usize,
    /// SGD's learning rate in them, at the start.
    pub finetune_rate: f64,
    /// Images a step.
    pub batch: usize,
    /// Whether images are shifted and mirrored.
    pub augment: bool,
    /// Training images used, the first ones; without, all.
    pub limit: Option<usize>,
    /// Threads of libtorch.
    pub threads: usize,
}

impl LinearizeSettings {
    /// The preset: Adam 1e-3, then SGD 1e-3; for `shapes` shorter, with a larger rate at the end.
    pub fn recipe(source: &DataSource) -> Self {
        let (replace_epochs, finetune_epochs, finetune_rate, batch, augment) = match source {
            DataSource::Shapes => (4, 6, 1e-2, 64, false),
            DataSource::Cifar10 { .. } | DataSource::Cifar100 { .. } | DataSource::TinyImagenet { .. } => {
                (60, 60, 1e-3, 256, true)
            }
        };
        Self {
            method: Method::Privshap,
            shapley: ShapleySettings::default(),
            replace_epochs,
            replace_rate: 1e-3,
            finetune_epochs,
            finetune_rate,
            batch,
            augment,
            limit: None,
            threads: default_threads(source),
        }
    }

    fn phases(&self, budgets: Option<Vec<usize>>) -> [Phase; 2] {
        let replace = Phase {
            name: "replace".into(),
            epochs: self.replace_epochs,
            batch: self.batch,
            augment: self.augment,
            rule: Rule::Adam,
            rate: self.replace_rate,
            schedule: Schedule::Constant,
            distil: true,
            budgets,
        };
        let finetune = Phase {
            name: "finetune".into(),
            epochs: self.finetune_epochs,
            rule: Rule::Sgd { momentum: 0.9, weight_decay: 5e-4 },
            rate: self.finetune_rate,
            schedule: Schedule::Cosine,
            budgets: None,
            ..replace.clone()
        };
        [replace, finetune]
    }
}

/// Linearizes `teacher` to each of `totals` kept units, into `out/b<units>`; finished ones are read, a started one is
/// continued. Each folder has its curves beside the checkpoint. The held-out images are those that `teacher` was trained without.
pub fn linearize(
    settings: &LinearizeSettings,
    teacher: &Checkpoint,
    totals: &[usize],
    source: &DataSource,
    out: &Path,
    watch: &mut dyn Watch,
) -> Result<Vec<Checkpoint>, Error> {
    check(settings, teacher, totals, source)?;
    set_threads(settings.threads);
    let splits = source.load(teacher.meta.seed)?;
    let weights = settings.method.weights(settings, teacher, &splits.held_out, out, watch)?;
    let Splits { train, held_out, test } = splits;
    let images = match settings.limit {
        Some(n) => train.take(n),
        None => train,
    };
    let mut echo = echo(settings, source, &images);
    echo["teacher_sha256"] = teacher.digest().into();
    let run = Run { settings, teacher, images, held_out, test, weights, echo };
    totals.iter().map(|total| run.to(*total, &out.join(format!("b{total}")), watch)).collect()
}

/// What the budgets of one run share.
struct Run<'a> {
    settings: &'a LinearizeSettings,
    teacher: &'a Checkpoint,
    images: Dataset,
    held_out: Dataset,
    test: Dataset,
    /// One a layer, by which budgets are shared out.
    weights: Vec<f64>,
    /// All settings but the budget.
    echo: serde_json::Value,
}

impl Run<'_> {
    /// Linearizes to `total` kept units, in the folder `dir`.
    fn to(&self, total: usize, dir: &Path, watch: &mut dyn Watch) -> Result<Checkpoint, Error> {
        let (teacher, method) = (self.teacher, self.settings.method);
        let mut echo = self.echo.clone();
        echo["budget"] = total.into();
        if let Some(done) = finished(dir, &echo)? {
            watch.note(&format!("{} is linearized already", dir.display()));
            return Ok(done);
        }
        let choice = method.choose(teacher, &self.weights, total, watch)?;
        let device = Device::cuda_if_available();
        let network = |of: &Checkpoint| Network::new(&of.graph, &of.parameters, device);
        let (phases, guide) =
            (self.settings.phases(choice.budgets), network(teacher).at(Precision::of(device)));
        let job = Job {
            train: &self.images,
            held_out: &self.held_out,
            normalisation: &teacher.normalisation,
            phases: &phases,
            teacher: Some(&guide),
            seed: teacher.meta.seed,
            settings: &echo,
            name: &format!("{}, {} to {total} units", teacher.meta.net, method.name()),
            dir,
        };
        let (best, history) = job.run(network(teacher), choice.masks, watch)?;
        let meta = Meta {
            net: teacher.meta.net.clone(),
            data: teacher.meta.data.clone(),
            method: method.name().into(),
            budget: Some(total),
            seed: teacher.meta.seed,
            settings: echo.clone(),
            ..Meta::default()
        };
        let checkpoint = conclude(&teacher.graph, best, history, &teacher.normalisation, &self.test, meta)?;
        checkpoint.save(dir)?;
        job.forget()?;
        Ok(checkpoint)
    }
}

fn check(
    settings: &LinearizeSettings,
    teacher: &Checkpoint,
    totals: &[usize],
    source: &DataSource,
) -> Result<(), Error> {
    let units: usize = teacher.graph.activations().map(|layer| layer.shape.size()).sum();
    let layers = teacher.graph.activations().count();
    if teacher.masks.count() != units {
        let found = format!("{} of them kept", teacher.masks.count());
        return Err(Error::config("the trained network", format!("all {units} units kept"), found));
    }
    if teacher.meta.data != source.name() {
        return Err(Error::config("data set", &teacher.meta.data, source.name()));
    }
    if settings.shapley.exact && layers > MOST_EXACT {
        return Err(Error::config(
            "--exact",
            format!("at most {MOST_EXACT} activation layers"),
            layers.to_string(),
        ));
    }
    if !(1..=MOST_PLAYERS).contains(&layers) {
        return Err(Error::config("activation layers", format!("1 to {MOST_PLAYERS}"), layers.to_string()));
    }
    if settings.batch == 0 || settings.shapley.images == 0 || settings.replace_epochs == 0 {
        return Err(Error::config("batch, images and replace epochs", "at least 1 each", "0"));
    }
    match totals.iter().find(|total| **total > units) {
        Some(total) => {
            Err(Error::config("budget", format!("at most the network's {units} units"), total.to_string()))
        }
        None => Ok(()),
    }
}
