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
use crate::pricing::objective::Objective;
use crate::pricing::pricer::{Allocation, Pricer};
use crate::pricing::worth;
use crate::privshap::ShapleySettings;
use crate::stage::{Schedule, Stage};
use crate::train::{
    assemble_checkpoint, check_teacher, default_threads, echo, finished, limited, set_threads,
};
use crate::watch::Watch;
use models::checkpoint::{Checkpoint, IMPORTED_FROM, Meta, TEACHER};
use models::data::{DataSource, Splits};
use protocols::timing::Rates;
use serde::{Deserialize, Serialize};
use std::path::Path;
use tch::Device;

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
    /// Determines what is random: the order of images, how they are shifted, and the units of [`Method::Random`]; the trained
    /// network's seed if absent. Which images are held out it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
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
            objective: Objective::Relus,
            rates: None,
            shapley: ShapleySettings::default(),
            replace_epochs,
            replace_rate: 1e-3,
            finetune_epochs,
            finetune_rate,
            batch,
            augment,
            limit: None,
            eval_limit: None,
            seed: None,
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

/// Linearizes `teacher` to each of `budgets`, into `out/b<units>` or `out/<amount>`; finished ones are read, a started one is
/// continued. Each folder has its curves beside the checkpoint. The held-out images are those that `teacher` was
/// trained without.
pub fn linearize(
    settings: &LinearizeSettings,
    teacher: &Checkpoint,
    budgets: &[Budget],
    source: &DataSource,
    out: &Path,
    watch: &mut dyn Watch,
) -> Result<Vec<Checkpoint>, Error> {
    check(settings, teacher, budgets, source)?;
    set_threads(settings.threads);
    let whole = source.load(teacher.meta.seed)?;
    let weights = settings.method.weights(&settings.shapley, teacher, &whole.held_out, out, watch)?;
    let rates = settings.rates.clone().unwrap_or_else(Rates::reference);
    let pricer = (settings.objective != Objective::Relus)
        .then(|| Pricer::new(teacher, &settings.objective, &rates, &whole.held_out));
    let splits = limited(whole, settings.limit, settings.eval_limit)?;
    let mut echo = echo(settings, source, &splits.train);
    echo[TEACHER] = teacher.digest().into();
    if let Some(file) = teacher.meta.settings.get(IMPORTED_FROM) {
        echo[IMPORTED_FROM] = file.clone();
    }
    let run = Run { settings, teacher, splits, weights, pricer, echo };
    // What cannot be is refused before anything is trained.
    let begun: Vec<Begun> =
        budgets.iter().map(|budget| run.begin(budget, out, watch)).collect::<Result<_, _>>()?;
    let finish = |(begun, budget): (Begun, &Budget)| match begun {
        Begun::Done(checkpoint) => Ok(*checkpoint),
        Begun::Chosen(choice) => run.to(budget, choice, &out.join(budget.folder()), watch),
    };
    begun.into_iter().zip(budgets).map(finish).collect()
}

/// What is known of a budget before training.
enum Begun {
    /// It was linearized to before.
    Done(Box<Checkpoint>),
    /// Which units it begins with, and how they change.
    Chosen(method::Choice),
}

/// What the budgets of one run share.
struct Run<'a> {
    settings: &'a LinearizeSettings,
    teacher: &'a Checkpoint,
    splits: Splits,
    /// One weight a layer, by which budgets are shared out.
    weights: Vec<f64>,
    /// What networks cost, where budgets are not of units.
    pricer: Option<Pricer<'a>>,
    /// All settings but the budget.
    echo: serde_json::Value,
}

impl Run<'_> {
    /// All settings, with the budget.
    fn echo(&self, budget: &Budget) -> serde_json::Value {
        let mut echo = self.echo.clone();
        echo["budget"] = match budget {
            Budget::Units(total) => (*total).into(),
            Budget::Amount { text, .. } => text.as_str().into(),
        };
        echo
    }

    /// Reads what is linearized already; else chooses.
    fn begin(&self, budget: &Budget, out: &Path, watch: &mut dyn Watch) -> Result<Begun, Error> {
        let dir = out.join(budget.folder());
        if let Some(done) = finished(&dir, &self.echo(budget))? {
            watch.note(&format!("{} is linearized already", dir.display()));
            return Ok(Begun::Done(Box::new(done)));
        }
        Ok(Begun::Chosen(match budget {
            Budget::Units(total) => {
                self.settings.method.choose(self.teacher, &self.weights, (*total, self.seed()), watch)?
            }
            Budget::Amount { amount, .. } => self.priced(*amount, watch)?,
        }))
    }

    /// Linearizes to `budget`, in the folder `dir`.
    fn to(
        &self,
        budget: &Budget,
        choice: method::Choice,
        dir: &Path,
        watch: &mut dyn Watch,
    ) -> Result<Checkpoint, Error> {
        let (teacher, echo) = (self.teacher, self.echo(budget));
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
            seed: self.seed(),
            settings: &echo,
            name: &format!("{}, {} to {}", teacher.meta.net, self.method(), self.told(budget)),
            dir,
        };
        let (best, history) = job.run(network(teacher), choice.masks, watch)?;
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

    fn seed(&self) -> u64 {
        self.settings.seed.unwrap_or(self.teacher.meta.seed)
    }

    /// The method's name in results, with what budgets are of where that is not units, and the seed where it is not the
    /// trained network's.
    fn method(&self) -> String {
        let mut name = self.settings.method.name().to_owned();
        if self.settings.objective != Objective::Relus {
            name.push_str(&format!("-{}", String::from(self.settings.objective.clone())));
        }
        if let Some(seed) = self.settings.seed {
            name.push_str(&format!("-seed{seed}"));
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
        let (settings, teacher) = (self.settings, self.teacher);
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
        Ok(settings.method.choose_priced(teacher, &phi, &allocation))
    }
}

fn check(
    settings: &LinearizeSettings,
    teacher: &Checkpoint,
    budgets: &[Budget],
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
