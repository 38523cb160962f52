//! From a trained network to budgets of kept units: a [`Method`] chooses them, and training with the all-activation
//! network as teacher adapts the weights.
//!
//! In the stage `replace` units are chosen as the method's [`Masking`] says. Methods that rank units do so first in a
//! pass over the training images with the all-activation network, then anew after every epoch. An epoch counts with the
//! masks it was trained with, if they keep no more units than asked for. The stage `finetune` keeps the best epoch's
//! masks. Every method trains for as many epochs in all, and its best epoch is chosen on the same held-out images.

mod method;

pub use method::Method;

use crate::Error;
use crate::fit::Job;
use crate::masking::Masking;
use crate::network::Network;
use crate::optimizer::Rule;
use crate::precision::Precision;
use crate::privshap::ShapleySettings;
use crate::stage::{Schedule, Stage};
use crate::train::{
    assemble_checkpoint, check_teacher, default_threads, echo, finished, limited, set_threads,
};
use crate::watch::Watch;
use models::checkpoint::{Checkpoint, IMPORTED_FROM, Meta};
use models::data::{DataSource, Splits};
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
    /// Epochs after each of which the masks are chosen anew, if the method does that.
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
    /// How many training images, the first ones, are used; `None` uses all.
    pub limit: Option<usize>,
    /// How many held-out and test images, the first ones, accuracies are measured on; `None` uses all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eval_limit: Option<usize>,
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
            eval_limit: None,
            threads: default_threads(source),
        }
    }

    /// The method's stages, whose epochs add up to the same number for every method.
    fn stages(&self, masking: Masking) -> Vec<Stage> {
        let replace = Stage {
            name: "replace".into(),
            epochs: self.replace_epochs,
            batch: self.batch,
            augment: self.augment,
            rule: Rule::Adam,
            rate: self.replace_rate,
            schedule: Schedule::Constant,
            distil: true,
            masking,
        };
        if self.method == Method::PrivshapPublished {
            let epochs = self.replace_epochs + self.finetune_epochs;
            return vec![Stage { epochs, schedule: Schedule::Steps, ..replace }];
        }
        let finetune = Stage {
            name: "finetune".into(),
            epochs: self.finetune_epochs,
            rule: Rule::Sgd { momentum: 0.9, weight_decay: 5e-4 },
            rate: self.finetune_rate,
            schedule: Schedule::Cosine,
            masking: Masking::Frozen,
            ..replace.clone()
        };
        vec![replace, finetune]
    }
}

/// Linearizes `teacher` to each of `totals` kept units, into `out/b<units>`; finished ones are read, a started one is
/// continued. Each folder has its curves beside the checkpoint. The held-out images are those that `teacher` was
/// trained without.
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
    let whole = source.load(teacher.meta.seed)?;
    let weights = settings.method.weights(&settings.shapley, teacher, &whole.held_out, out, watch)?;
    let splits = limited(whole, settings.limit, settings.eval_limit)?;
    let mut echo = echo(settings, source, &splits.train);
    echo["teacher_sha256"] = teacher.digest().into();
    if let Some(file) = teacher.meta.settings.get(IMPORTED_FROM) {
        echo[IMPORTED_FROM] = file.clone();
    }
    let run = Run { settings, teacher, splits, weights, echo };
    totals.iter().map(|total| run.to(*total, &out.join(format!("b{total}")), watch)).collect()
}

/// What the budgets of one run share.
struct Run<'a> {
    settings: &'a LinearizeSettings,
    teacher: &'a Checkpoint,
    splits: Splits,
    /// One weight a layer, by which budgets are shared out.
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
        let stages = self.settings.stages(choice.masking);
        let guide = network(teacher).at(Precision::of(device));
        let job = Job {
            train: &self.splits.train,
            held_out: &self.splits.held_out,
            normalisation: &teacher.normalisation,
            stages: &stages,
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
        let checkpoint = assemble_checkpoint(
            &teacher.graph,
            best,
            history,
            &teacher.normalisation,
            &self.splits.test,
            meta,
        )?;
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
    check_teacher(teacher, source)?;
    if settings.method.ranks_layers() {
        settings.shapley.check(teacher)?;
    }
    if settings.method.learns_alphas() && settings.finetune_epochs == 0 {
        let what = format!("finetune epochs of {}", settings.method.name());
        return Err(Error::config(what, "at least 1, since no epoch before them has its budget", "0"));
    }
    if settings.batch == 0 || settings.replace_epochs == 0 {
        return Err(Error::config("batch and replace epochs", "at least 1 each", "0"));
    }
    let units = teacher.masks.count();
    match totals.iter().find(|total| **total > units) {
        Some(total) => {
            Err(Error::config("budget", format!("at most the network's {units} units"), total.to_string()))
        }
        None => Ok(()),
    }
}
