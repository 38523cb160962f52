//! From a trained network to budgets of kept units: a [`Method`] chooses them, and training with the all-activation
//! network as teacher adapts the weights.
//!
//! In the stage `replace` units are chosen as the method's [`Masking`] says. Methods that rank units do so first in a
//! pass over the training images with the all-activation network, then anew after every epoch. An epoch counts with the
//! masks it was trained with, if they keep no more units than asked for. The stage `finetune` keeps the best epoch's
//! masks. Every method trains for as many epochs in all, and its best epoch is chosen on the same held-out images.

mod method;

pub use method::{Across, Method, Score, Selection};

use crate::fit::Job;
use crate::images::whole;
use crate::masking::Masking;
use crate::masking::shrinking::Pace;
use crate::network::Network;
use crate::optimizer::Rule;
use crate::precision::Precision;
use crate::pricing::objective::Objective;
use crate::pricing::pricer::{Allocation, Pricer};
use crate::pricing::worth;
use crate::privshap::{ShapleySettings, unit_values};
use crate::stage::{Augmentation, Distillation, Schedule, Stage, check_warmup};
use crate::train::{
    assemble_checkpoint, check_teacher, default_threads, echo, finished, limited, set_threads,
};
use crate::watch::Watch;
use crate::{Error, Shelf};
use models::checkpoint::{Checkpoint, IMPORTED_FROM, Meta, TEACHER};
use models::data::{DataSource, Splits};
use protocols::timing::Rates;
use results::SEED_SUFFIX;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::Path;
use tch::Device;

/// Ways in which an image is shifted and mirrored, unless another number is asked for.
pub const VARIANTS: usize = 16;

/// Parts of the way from no unit to all at which units' values are measured.
const LEVELS: usize = 8;

/// In a checkpoint's settings: the digest of the network that training started from, if not from the teacher; and the budgets
/// whose networks it started from, one after the other.
const START: &str = "start_sha256";
const CHAIN: &str = "started_from_budgets";

/// Everything that determines the outcome of a linearization, beside the trained network and the budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinearizeSettings {
    /// How units are chosen.
    pub method: Method,
    /// What budgets are budgets of.
    #[serde(default, skip_serializing_if = "Objective::is_relus")]
    pub objective: Objective,
    /// What work takes on the machine that time is predicted for; this project's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rates: Option<Rates>,
    /// How the layers' Shapley values are measured, by methods that use them.
    pub shapley: ShapleySettings,
    /// How often units are chosen while budgets shrink step by step; `None` goes to the budget at once, or by epochs where the
    /// method's paper does, and chooses anew after every epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace: Option<Pace>,
    /// How units are compared, where the method leaves it open and budgets shrink step by step.
    #[serde(default)]
    pub selection: Selection,
    /// Whether [`Method::PrivshapPublished`] learns units' weights between projections, as its authors' code does.
    #[serde(default)]
    pub learn_alphas: bool,
    /// Epochs in which budgets shrink, or after each of which the masks are chosen anew.
    pub replace_epochs: usize,
    /// Adam's learning rate in them.
    pub replace_rate: f64,
    /// Epochs with the masks frozen.
    pub finetune_epochs: usize,
    /// Epochs of both kinds, shared out alike, of a budget that starts from the network of the one before; as many as of the
    /// first if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain_epochs: Option<usize>,
    /// SGD's learning rate in them, at the start; where budgets shrink step by step, Adam goes on.
    pub finetune_rate: f64,
    /// Share of the steps over which the rate first rises, where budgets shrink step by step.
    #[serde(default)]
    pub warmup: f64,
    /// How much the teacher's answers count.
    #[serde(default)]
    pub distillation: Distillation,
    /// Images a step.
    pub batch: usize,
    /// How images are shifted and mirrored.
    pub augment: Augmentation,
    /// How many training images, the first ones, are used; `None` uses all.
    pub limit: Option<usize>,
    /// How many held-out and test images, the first ones, accuracies are measured on; `None` uses all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eval_limit: Option<usize>,
    /// Determines what is random: the order of images, how they are shifted, and the units of [`Method::Random`]; the trained
    /// network's seed if absent. Which images are held out it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Threads of libtorch.
    pub threads: usize,
}

impl LinearizeSettings {
    /// The preset: budgets that shrink step by step, Adam 2e-3 along half a cosine after a short rise; for `shapes` shorter and
    /// with twice the rate.
    pub fn recipe(source: &DataSource) -> Self {
        let (replace_epochs, finetune_epochs, replace_rate, finetune_rate, batch, augment) = match source {
            DataSource::Shapes => (4, 6, 4e-3, 1e-2, 64, Augmentation::None),
            DataSource::Cifar10 { .. } | DataSource::Cifar100 { .. } | DataSource::TinyImagenet { .. } => {
                (60, 60, 2e-3, 1e-3, 256, Augmentation::Variants(VARIANTS))
            }
        };
        Self {
            method: Method::Privshap,
            objective: Objective::Relus,
            rates: None,
            pace: Some(Pace::default()),
            selection: Selection::default(),
            learn_alphas: false,
            shapley: ShapleySettings::default(),
            replace_epochs,
            replace_rate,
            finetune_epochs,
            chain_epochs: None,
            finetune_rate,
            warmup: 0.05,
            distillation: Distillation::default(),
            batch,
            augment,
            limit: None,
            eval_limit: None,
            seed: None,
            threads: default_threads(source),
        }
    }

    /// The authors' preset: to the budget at once, or by epochs; Adam 1e-3, then SGD.
    pub fn published(source: &DataSource) -> Self {
        Self { pace: None, replace_rate: 1e-3, warmup: 0.0, ..Self::recipe(source) }
    }

    /// Epochs in which a budget shrinks, and all; of the first of a chain or a `further` one.
    fn epochs(&self, further: bool) -> (usize, usize) {
        let all = self.replace_epochs + self.finetune_epochs;
        match self.chain_epochs.filter(|_| further) {
            None => (self.replace_epochs, all),
            Some(chained) => {
                let share = self.replace_epochs as f64 / all as f64;
                (((share * chained as f64).round() as usize).clamp(1, chained), chained)
            }
        }
    }

    /// The method's stages, whose epochs add up to the same number for every method.
    fn stages(&self, mut masking: Masking, further: bool) -> Vec<Stage> {
        let (shrinking, all) = self.epochs(further);
        if let Masking::Shrinking(plan) = &mut masking {
            plan.epochs = shrinking;
        }
        let replace = Stage {
            name: "replace".into(),
            epochs: self.replace_epochs,
            batch: self.batch,
            augment: self.augment,
            rule: Rule::Adam,
            rate: self.replace_rate,
            schedule: Schedule::Constant,
            warmup: 0.0,
            distil: Some(self.distillation),
            masking,
        };
        if matches!(replace.masking, Masking::Shrinking(_)) {
            let (name, schedule) = ("shrink".into(), Schedule::Cosine);
            return vec![Stage { name, epochs: all, schedule, warmup: self.warmup, ..replace }];
        }
        if self.method == Method::PrivshapPublished {
            let epochs = self.replace_epochs + self.finetune_epochs;
            return vec![Stage { epochs, schedule: Schedule::Steps, ..replace }];
        }
        let finetune = Stage {
            name: "finetune".into(),
            epochs: self.finetune_epochs,
            rule: Rule::Sgd { momentum: 0.9, weight_decay: 5e-4, decays_all: false },
            rate: self.finetune_rate,
            schedule: Schedule::Cosine,
            masking: Masking::Frozen,
            ..replace.clone()
        };
        vec![replace, finetune]
    }
}

/// What a network is linearized to.
#[derive(Clone, Debug, PartialEq)]
pub enum Budget {
    /// So many kept units.
    Units(usize),
    /// An amount of the objective, as it was written.
    Amount {
        /// As it was written, which is its folder's name.
        text: String,
        /// Seconds or bytes.
        amount: f64,
    },
}

impl Budget {
    /// Name of the folder of its network.
    pub fn folder(&self) -> String {
        match self {
            Self::Units(total) => format!("b{total}"),
            Self::Amount { text, .. } => text.clone(),
        }
    }
}

/// From which networks linearization starts.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// With all its units kept. It is what the others are taught by, and what its layers are worth.
    pub teacher: &'a Checkpoint,
    /// Whose weights and units training starts from, in place of the teacher's.
    pub start: Option<&'a Checkpoint>,
    /// Whether each budget starts from the network of the budget before.
    pub chained: bool,
    /// A folder where the teacher's answers are left for other runs.
    pub answers: Option<&'a Path>,
}

impl<'a> Origin<'a> {
    /// From the teacher itself.
    pub fn of(teacher: &'a Checkpoint) -> Self {
        Self { teacher, start: None, chained: false, answers: None }
    }
}

/// Linearizes the origin's teacher to each of `budgets`, into `out/b<units>` or `out/<amount>`; finished ones are read, a
/// started one is continued. Each folder has its curves beside the checkpoint. The held-out images are those that the teacher
/// was trained without.
pub fn linearize(
    settings: &LinearizeSettings,
    origin: Origin<'_>,
    budgets: &[Budget],
    source: &DataSource,
    out: &Path,
    watch: &mut dyn Watch,
) -> Result<Vec<Checkpoint>, Error> {
    let teacher = origin.teacher;
    check(settings, origin, budgets, source)?;
    set_threads(settings.threads);
    let all = source.load(teacher.meta.seed)?;
    let weights = settings.method.weights(&settings.shapley, teacher, &all.held_out, out, watch)?;
    let rates = settings.rates.clone().unwrap_or_else(Rates::reference);
    let pricer = (settings.objective != Objective::Relus)
        .then(|| Pricer::new(teacher, &settings.objective, &rates, &all.held_out));
    let splits = limited(all, settings.limit, settings.eval_limit)?;
    let mut echo = echo(settings, source, &splits.train);
    echo[TEACHER] = teacher.digest().into();
    if let Some(file) = teacher.meta.settings.get(IMPORTED_FROM) {
        echo[IMPORTED_FROM] = file.clone();
        watch.note(
            "note: whoever trained the imported network may have shown it the images that are held out here; epochs are \
             chosen on them, and test images are what counts",
        );
    }
    if let Some(start) = origin.start {
        echo[START] = start.digest().into();
    }
    let shelf = origin.answers.map(|folder| {
        let of =
            [&teacher.digest(), &splits.train.digest(), Precision::of(Device::cuda_if_available()).name()];
        let mut digest = Sha256::new();
        of.iter().for_each(|part| digest.update(part));
        digest.update(settings.threads.to_le_bytes());
        digest.update(serde_json::to_vec(&teacher.normalisation).expect("it is plain data"));
        let key: String = digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Shelf::new(folder, &key)
    });
    let values = (settings.method == Method::PrivshapUnits).then(|| {
        let device = Device::cuda_if_available();
        let network = Network::new(&teacher.graph, &teacher.parameters, device);
        let images = splits.train.take(settings.shapley.images.min(splits.train.len()));
        unit_values(&network, &whole(&images, &teacher.normalisation, device), LEVELS).values
    });
    let run = Run { settings, origin, splits, weights, pricer, shelf, values, echo };
    // What cannot be is refused before anything is trained.
    let begun: Vec<Begun> =
        (0..budgets.len()).map(|index| run.begin(budgets, index, out, watch)).collect::<Result<_, _>>()?;
    let mut done: Vec<Checkpoint> = Vec::with_capacity(budgets.len());
    for (index, begun) in begun.into_iter().enumerate() {
        done.push(match begun {
            Begun::Done(checkpoint) => *checkpoint,
            Begun::Chosen(choice) => {
                let start = if origin.chained { done.last().or(origin.start) } else { origin.start };
                run.to(budgets, index, (*choice, start), out, watch)?
            }
        });
    }
    Ok(done)
}

/// What is known of a budget before training.
enum Begun {
    /// It was linearized to before.
    Done(Box<Checkpoint>),
    /// Which units it begins with, and how they change.
    Chosen(Box<method::Choice>),
}

/// What the budgets of one run share.
struct Run<'a> {
    settings: &'a LinearizeSettings,
    origin: Origin<'a>,
    splits: Splits,
    /// One weight a layer, by which budgets are shared out.
    weights: Vec<f64>,
    /// What networks cost, where budgets are not of units.
    pricer: Option<Pricer<'a>>,
    shelf: Option<Shelf>,
    /// The units' Shapley values, if the method goes by them.
    values: Option<Vec<Vec<f32>>>,
    /// All settings but the budget.
    echo: serde_json::Value,
}

impl Run<'_> {
    /// All settings, with the budget, and those before it where it starts from them.
    fn echo(&self, budgets: &[Budget], index: usize) -> serde_json::Value {
        let told = |budget: &Budget| -> serde_json::Value {
            match budget {
                Budget::Units(total) => (*total).into(),
                Budget::Amount { text, .. } => text.as_str().into(),
            }
        };
        let mut echo = self.echo.clone();
        echo["budget"] = told(&budgets[index]);
        if self.origin.chained {
            echo[CHAIN] = budgets[..index].iter().map(told).collect();
        }
        echo
    }

    /// Reads what is linearized already; else chooses.
    fn begin(
        &self,
        budgets: &[Budget],
        index: usize,
        out: &Path,
        watch: &mut dyn Watch,
    ) -> Result<Begun, Error> {
        let budget = &budgets[index];
        let dir = out.join(budget.folder());
        if let Some(done) = finished(&dir, &self.echo(budgets, index))? {
            watch.note(&format!("{} is linearized already", dir.display()));
            return Ok(Begun::Done(Box::new(done)));
        }
        Ok(Begun::Chosen(Box::new(match budget {
            Budget::Units(total) => {
                let method = self.settings.method;
                method.choose(self.origin.teacher, &self.weights, &self.asked(*total), watch)?
            }
            Budget::Amount { amount, .. } => self.priced(*amount, watch)?,
        })))
    }

    /// Linearizes to a budget, from `start` if not from the teacher.
    fn to(
        &self,
        budgets: &[Budget],
        index: usize,
        (mut choice, start): (method::Choice, Option<&Checkpoint>),
        out: &Path,
        watch: &mut dyn Watch,
    ) -> Result<Checkpoint, Error> {
        let (teacher, budget) = (self.origin.teacher, &budgets[index]);
        let (echo, dir) = (self.echo(budgets, index), &out.join(budget.folder()));
        if let Some(start) = start {
            choice.start_from(&start.masks, &start.graph);
        }
        let device = Device::cuda_if_available();
        let network = |of: &Checkpoint| Network::new(&of.graph, &of.parameters, device);
        let further = self.origin.chained && index > 0;
        let (_, epochs) = self.settings.epochs(further);
        let shown = (epochs * self.splits.train.len()) as u64;
        let stages = self.settings.stages(choice.masking, further);
        let guide = network(teacher).at(Precision::of(device));
        let job = Job {
            train: &self.splits.train,
            held_out: &self.splits.held_out,
            normalisation: &teacher.normalisation,
            stages: &stages,
            teacher: Some(&guide),
            shelf: self.shelf.as_ref(),
            seed: self.seed(),
            settings: &echo,
            name: &format!("{}, {} to {}", teacher.meta.net, self.method(), self.told(budget)),
            dir,
        };
        let (best, history) = job.run(network(start.unwrap_or(teacher)), choice.masks, watch)?;
        if let Some(pricer) = &self.pricer {
            let counts: Vec<usize> =
                teacher.graph.activations().map(|layer| best.masks.get(layer.name).count()).collect();
            let cost = pricer.cost(&counts)?;
            watch.note(&format!(
                "{} units, predicted {}",
                best.masks.count(),
                self.settings.objective.told(cost)
            ));
        }
        let meta = Meta {
            net: teacher.meta.net.clone(),
            data: teacher.meta.data.clone(),
            method: self.method(),
            budget: Some(match budget {
                Budget::Units(total) => *total,
                Budget::Amount { .. } => best.masks.count(),
            }),
            seed: teacher.meta.seed,
            images_seen: start.map_or(0, |start| start.meta.images_seen) + shown,
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

    fn asked(&self, total: usize) -> method::Asked {
        let LinearizeSettings { pace, selection, learn_alphas: learns, .. } = *self.settings;
        method::Asked { total, seed: self.seed(), pace, selection, learns, values: self.values.clone() }
    }

    fn seed(&self) -> u64 {
        self.settings.seed.unwrap_or(self.origin.teacher.meta.seed)
    }

    /// The method's name in results, with how units are compared where that is not as usual, what budgets are of where that is not units, and the seed where it is not the
    /// trained network's.
    fn method(&self) -> String {
        let mut name = self.settings.method.name().to_owned();
        let Selection { score, across } = self.settings.selection;
        if across == Across::Network {
            name.push_str("-network");
        }
        if self.settings.learn_alphas {
            name.push_str("-learnt");
        }
        if score == Score::Expansion {
            name.push_str("-expansion");
        }
        if self.settings.objective != Objective::Relus {
            name.push_str(&format!("-{}", String::from(self.settings.objective.clone())));
        }
        if let Some(seed) = self.settings.seed {
            name.push_str(&format!("{SEED_SUFFIX}{seed}"));
        }
        name
    }

    fn told(&self, budget: &Budget) -> String {
        match budget {
            Budget::Units(total) => format!("{total} units"),
            Budget::Amount { text, .. } => text.clone(),
        }
    }

    /// What is worth most at a predicted cost of at most `amount`; where no layer is ranked above nothing, all are
    /// alike.
    fn priced(&self, amount: f64, watch: &mut dyn Watch) -> Result<method::Choice, Error> {
        let (settings, teacher) = (self.settings, self.origin.teacher);
        let pricer = self.pricer.as_ref().expect("amounts have an objective, by check");
        let ranked = settings.method.ranks_layers() && self.weights.iter().any(|phi| *phi > 0.0);
        let phi = if ranked { self.weights.clone() } else { vec![1.0; self.weights.len()] };
        let of = |layer: usize, count: usize| worth(phi[layer], pricer.sizes()[layer], count);
        let allocation = pricer.allocate(amount, of)?;
        let Allocation { counts, cost, .. } = &allocation;
        let kept = counts.iter().filter(|count| **count > 0).count();
        watch.note(&format!(
            "{} units in {kept} of {} layers, predicted {}: {counts:?}",
            counts.iter().sum::<usize>(),
            counts.len(),
            settings.objective.told(*cost)
        ));
        Ok(settings.method.choose_priced(teacher, &phi, &allocation, &self.asked(0)))
    }
}

fn check(
    settings: &LinearizeSettings,
    origin: Origin<'_>,
    budgets: &[Budget],
    source: &DataSource,
) -> Result<(), Error> {
    let teacher = origin.teacher;
    check_teacher(teacher, source)?;
    if let Some(start) = origin.start
        && start.graph != teacher.graph
    {
        let found = format!("one of {}", start.meta.net);
        return Err(Error::config(
            "the network to start from",
            format!("one of {}", teacher.meta.net),
            found,
        ));
    }
    if settings.selection != Selection::default() && !(settings.method.scores() && settings.pace.is_some()) {
        let expected = "privshap or uniform, step by step, where units are not compared as usual";
        return Err(Error::config("method", expected, settings.method.name()));
    }
    if (origin.start.is_some() || origin.chained) && settings.pace.is_none() {
        let expected = "budgets that shrink step by step, which can start from fewer units";
        return Err(Error::config("schedule", expected, "one that starts from all of them"));
    }
    if settings.pace.is_some_and(|pace| pace.every == 0 || !(0.0..=1.0).contains(&pace.decay)) {
        let found = format!("{:?}", settings.pace.unwrap_or_default());
        return Err(Error::config("pace", "at least one step, and a factor from 0 to 1", found));
    }
    if settings.method.ranks_layers() {
        settings.shapley.check(teacher)?;
    }
    if settings.method.learns_alphas() && settings.pace.is_none() && settings.finetune_epochs == 0 {
        let what = format!("finetune epochs of {}", settings.method.name());
        return Err(Error::config(what, "at least 1, since no epoch before them has its budget", "0"));
    }
    check_warmup(settings.warmup)?;
    settings.distillation.check()?;
    if settings.learn_alphas && settings.method != Method::PrivshapPublished {
        let expected = "privshap-published, whose units' weights may be learnt between projections";
        return Err(Error::config("method", expected, settings.method.name()));
    }
    if settings.method == Method::PrivshapUnits && settings.pace.is_none() {
        let expected = "gradual, of a method that nobody has published";
        return Err(Error::config("schedule", expected, "published"));
    }
    if settings.batch == 0 || settings.replace_epochs == 0 || settings.chain_epochs == Some(0) {
        return Err(Error::config("batch, replace and chain epochs", "at least 1 each", "0"));
    }
    if settings.objective != Objective::Relus && !settings.method.knows_costs() {
        let expected = "privshap, snl or relupruner, which can linearize for a cost";
        return Err(Error::config("method", expected, settings.method.name()));
    }
    let units = teacher.masks.count();
    for budget in budgets {
        match (budget, &settings.objective) {
            (Budget::Units(total), Objective::Relus) if *total > units => {
                let expected = format!("at most the network's {units} units");
                return Err(Error::config("budget", expected, total.to_string()));
            }
            (Budget::Units(_), Objective::Relus) => {}
            (Budget::Amount { .. }, objective) if *objective != Objective::Relus => {}
            (budget, objective) => {
                let expected = format!("one of {}", String::from(objective.clone()));
                return Err(Error::config("budget", expected, budget.folder()));
            }
        }
    }
    Ok(())
}
