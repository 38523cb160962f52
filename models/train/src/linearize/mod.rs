//! From a trained network to budgets of kept units: a [`Method`] chooses them, and training with the all-activation
//! network as teacher adapts the weights.
//!
//! In the one stage `shrink`, budgets shrink step by step from all units, or from those of another linearized network, over
//! the first epochs; the others keep what is left. By the published schedules there are two: in `replace` units are chosen as
//! the method's [`crate::masking::Masking`] says, after a pass over the training images with the all-activation network, then
//! anew after every epoch; `finetune` keeps the best epoch's masks. An epoch counts if it keeps no more units than asked for.
//! Every method trains for as many epochs in all, and its best epoch is chosen on the same held-out images.

mod method;
mod settings;

pub use method::{Across, Method, Score, Selection};
pub use settings::{LinearizeSettings, VARIANTS};

use crate::fit::Job;
use crate::images::whole;
use crate::network::Network;
use crate::precision::Precision;
use crate::pricing::objective::Objective;
use crate::pricing::pricer::{Allocation, Pricer};
use crate::pricing::worth;
use crate::privshap::unit_values;
use crate::stage::check_warmup;
use crate::state::COMPUTED_IN;
use crate::train::{assemble_checkpoint, check_images, check_teacher, echo, finished, limited, set_threads};
use crate::watch::Watch;
use crate::{Error, Shelf};
use models::checkpoint::{Checkpoint, IMPORTED_FROM, Meta, TEACHER};
use models::data::{DataSource, Splits};
use protocols::timing::Rates;
use results::SEED_SUFFIX;
use sha2::{Digest, Sha256};
use std::path::Path;
use tch::Device;

/// Parts of the way from no unit to all at which units' values are measured.
const LEVELS: usize = 8;

/// In a checkpoint's settings: the digest of the network that training started from, if not from the teacher; and the budgets
/// whose networks it started from, one after the other.
const START: &str = "start_sha256";
const CHAIN: &str = "started_from_budgets";

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
    results::check_room(out)?;
    set_threads(settings.threads);
    let all = source.load(teacher.meta.seed)?;
    check_images(&teacher.graph, &all.train)?;
    let rates = settings.rates.clone().unwrap_or_else(Rates::reference);
    let pricer = (settings.objective != Objective::Relus)
        .then(|| Pricer::new(teacher, &settings.objective, &rates, &all.held_out));
    // Before layers' values are measured, which takes minutes.
    for (pricer, budget) in
        pricer.iter().flat_map(|pricer| budgets.iter().map(move |budget| (pricer, budget)))
    {
        if let Budget::Amount { amount, .. } = budget {
            pricer.affordable(*amount)?;
        }
    }
    let weights = settings.method.weights(&settings.shapley, teacher, &all.held_out, out, watch)?;
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
            if let (Some(then), Some(now)) = (start.meta.settings.get(COMPUTED_IN), echo.get(COMPUTED_IN))
                && then != now
            {
                watch.note(&format!(
                    "note: starts from a network that was trained in {then}, and trains in {now}"
                ));
            }
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
            before: start.map_or(0, |start| start.meta.images_seen as usize / self.splits.train.len()),
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
