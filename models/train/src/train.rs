//! Training a network with all its activations kept.

use crate::fit::Job;
use crate::gates::Gates;
use crate::images::{accuracy, whole};
use crate::kind::Kind;
use crate::masking::Masking;
use crate::network::Network;
use crate::optimizer::Rule;
use crate::precision::Precision;
use crate::stage::{Augmentation, Schedule, Stage, check_warmup};
use crate::state::{Candidate, same_settings};
use crate::watch::Watch;
use crate::{Error, state};
use models::checkpoint::{Accuracies, Checkpoint, Epoch, Meta};
use models::data::{DataSource, Dataset, Normalisation, Splits};
use models::graph::Graph;
use models::mask::Masks;
use models::nets;
use serde::{Deserialize, Serialize};
use std::path::Path;
use tch::Device;

/// Everything that determines the outcome of a training run, beside the code and the machine's arithmetic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainSettings {
    /// The network's name.
    pub net: String,
    /// Passes over the training images.
    pub epochs: usize,
    /// Images a step.
    pub batch: usize,
    /// Learning rate at the start.
    pub rate: f64,
    /// How it goes down.
    #[serde(default = "authors_schedule")]
    pub schedule: Schedule,
    /// Share of the steps over which it first rises.
    #[serde(default)]
    pub warmup: f64,
    /// Share of the last step that is kept.
    pub momentum: f64,
    /// Times the weight, added to its gradient.
    pub weight_decay: f64,
    /// Whether biases and batch norm are spared from it.
    #[serde(default)]
    pub spares_norms: bool,
    /// How images are shifted and mirrored.
    pub augment: Augmentation,
    /// How many training images, the first ones, are used; `None` uses all.
    pub limit: Option<usize>,
    /// How many held-out and test images, the first ones, accuracies are measured on; `None` uses all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eval_limit: Option<usize>,
    /// Determines first weights, held-out images, order and augmentation.
    pub seed: u64,
    /// Threads of libtorch; another number adds sums up in another order.
    pub threads: usize,
}

impl TrainSettings {
    /// The recipe of the PrivShap authors (SGD 0.1, momentum 0.9, weight decay 5e-4, batch 256, 160 epochs, shift and
    /// mirror; 200 epochs of Tiny ImageNet; digits are not mirrored, and images of one's own, of which it is not known what a
    /// shift or a mirror does to them, stay as they are), or for `shapes` one that takes well under a minute on two processor cores.
    pub fn recipe(net: &str, source: &DataSource) -> Self {
        let (epochs, batch, augment) = match Kind::of(source) {
            Kind::Drawn => (10, 64, Augmentation::None),
            Kind::Photographs => (160, 256, Augmentation::Fresh),
            Kind::Large => (200, 256, Augmentation::Fresh),
            Kind::Digits => (160, 256, Augmentation::Shifted),
            Kind::Own => (160, 256, Augmentation::None),
        };
        Self {
            net: net.to_owned(),
            epochs,
            batch,
            rate: 0.1,
            schedule: authors_schedule(),
            warmup: 0.0,
            momentum: 0.9,
            weight_decay: 5e-4,
            spares_norms: false,
            augment,
            limit: None,
            eval_limit: None,
            seed: 1,
            threads: default_threads(source),
        }
    }
}

/// Times 0.1 at half and at three quarters of the steps.
fn authors_schedule() -> Schedule {
    Schedule::Steps
}

/// One thread for `shapes`, whose steps are so short that threads wait for each other more than they work (and for
/// minutes, if another program keeps a core busy); else as many as the machine runs at once.
pub fn default_threads(source: &DataSource) -> usize {
    match Kind::of(source) {
        Kind::Drawn => 1,
        Kind::Photographs | Kind::Large | Kind::Digits | Kind::Own => {
            std::thread::available_parallelism().map_or(1, Into::into)
        }
    }
}

/// Trains into the folder `out`: starts, continues, or returns the finished checkpoint that is there. After every epoch
/// the curves in the folder are written anew ([`results::curves`]).
pub fn train(
    settings: &TrainSettings,
    source: &DataSource,
    out: &Path,
    watch: &mut dyn Watch,
) -> Result<Checkpoint, Error> {
    if settings.epochs == 0 || settings.batch == 0 {
        let found = format!("{} epochs of batch {}", settings.epochs, settings.batch);
        return Err(Error::config("settings", "at least one epoch and one image a batch", found));
    }
    check_warmup(settings.warmup)?;
    results::check_room(out)?;
    set_threads(settings.threads);
    let splits = limited(source.load(settings.seed)?, settings.limit, settings.eval_limit)?;
    let images = splits.train;
    let graph = nets::build(&settings.net, images.shape(), images.classes())?;
    let normalisation = source.default_normalisation(images.shape().c);
    let echo = echo(settings, source, &images);
    if let Some(done) = finished(out, &echo)? {
        watch.note(&format!("{} is trained already", out.display()));
        return Ok(done);
    }
    let stages = [Stage {
        name: "train".into(),
        epochs: settings.epochs,
        batch: settings.batch,
        augment: settings.augment,
        rule: Rule::Sgd {
            momentum: settings.momentum,
            weight_decay: settings.weight_decay,
            decays_all: !settings.spares_norms,
        },
        rate: settings.rate,
        schedule: settings.schedule,
        warmup: settings.warmup,
        distil: None,
        masking: Masking::Frozen,
    }];
    let job = Job {
        train: &images,
        held_out: &splits.held_out,
        normalisation: &normalisation,
        stages: &stages,
        teacher: None,
        shelf: None,
        seed: settings.seed,
        before: 0,
        settings: &echo,
        name: &format!("{} on {}", settings.net, source.name()),
        dir: out,
    };
    let network = Network::initialised(&graph, settings.seed, Device::cuda_if_available());
    let (best, history) = job.run(network, Masks::all_kept(&graph), watch)?;
    let meta = Meta {
        net: settings.net.clone(),
        data: source.name().to_owned(),
        method: "ar".into(),
        budget: None,
        seed: settings.seed,
        images_seen: (settings.epochs * images.len()) as u64,
        ..Meta::default()
    };
    let checkpoint = assemble_checkpoint(
        &graph,
        best,
        history,
        &normalisation,
        &splits.test,
        Meta { settings: echo.clone(), ..meta },
    )?;
    checkpoint.save(out)?;
    job.forget()?;
    Ok(checkpoint)
}

/// The first `limit` training images, and the first `eval_limit` held-out and test images.
pub(crate) fn limited(
    mut splits: Splits,
    limit: Option<usize>,
    eval_limit: Option<usize>,
) -> Result<Splits, Error> {
    if [limit, eval_limit].contains(&Some(0)) {
        return Err(Error::config("limits", "at least 1 image", "0"));
    }
    if let Some(limit) = limit {
        splits.train = splits.train.take(limit);
    }
    if let Some(limit) = eval_limit {
        (splits.held_out, splits.test) = (splits.held_out.take(limit), splits.test.take(limit));
    }
    Ok(splits)
}

/// Refuses images of another size than the network's, or of other classes.
pub(crate) fn check_images(graph: &Graph, images: &Dataset) -> Result<(), Error> {
    let (wanted, found) = ((graph.input(), graph.classes()), (images.shape(), images.classes()));
    let told = |(shape, classes)| format!("images of {shape} in {classes} classes");
    if wanted == found { Ok(()) } else { Err(Error::config("data set", told(wanted), told(found))) }
}

/// Sets the number of libtorch's threads for this process.
pub(crate) fn set_threads(threads: usize) {
    tch::set_num_threads(threads as i32);
}

/// Refuses a network that is linearized already, or was trained on other images than those of `source`.
pub(crate) fn check_teacher(teacher: &Checkpoint, source: &DataSource) -> Result<(), Error> {
    let units: usize = teacher.graph.activations().map(|layer| layer.shape.size()).sum();
    if teacher.masks.count() != units {
        let found = format!("{} of them kept", teacher.masks.count());
        return Err(Error::config("the trained network", format!("all {units} units kept"), found));
    }
    if teacher.meta.data != source.name() {
        return Err(Error::config("data set", &teacher.meta.data, source.name()));
    }
    Ok(())
}

/// Settings and data as one JSON object.
pub(crate) fn echo<S: Serialize>(settings: &S, source: &DataSource, images: &Dataset) -> serde_json::Value {
    let mut all = serde_json::to_value(settings).expect("settings have string keys only");
    all["data"] = source.name().into();
    all["data_sha256"] = images.digest().into();
    let device = Device::cuda_if_available();
    all["device"] = format!("{device:?}").into();
    all[state::COMPUTED_IN] = Precision::of(device).name().into();
    all
}

/// The finished checkpoint in `dir`, if there is one; an error if it comes from other settings.
pub(crate) fn finished(dir: &Path, echo: &serde_json::Value) -> Result<Option<Checkpoint>, Error> {
    if !dir.join(models::checkpoint::REST).exists() {
        return Ok(None);
    }
    let found = Checkpoint::load(dir)?;
    same_settings(dir, echo, &found.meta.settings)?;
    Ok(Some(found))
}

/// The checkpoint of a finished training: the best epoch, and its accuracy on the test images, which are read here
/// alone.
pub(crate) fn assemble_checkpoint(
    graph: &Graph,
    best: Candidate,
    history: Vec<Epoch>,
    normalisation: &Normalisation,
    test: &Dataset,
    meta: Meta,
) -> Result<Checkpoint, Error> {
    let device = Device::cuda_if_available();
    let network = Network::new(graph, &best.parameters, device);
    let gates = Gates::of(graph, &best.masks, device);
    let test = accuracy(&network, &gates, &whole(test, normalisation, device));
    let accuracy = Accuracies { held_out: Some(best.held_out), test: Some(test) };
    Ok(Checkpoint {
        graph: graph.clone(),
        parameters: best.parameters,
        masks: best.masks,
        normalisation: normalisation.clone(),
        meta: Meta { accuracy, history, ..meta },
    })
}
