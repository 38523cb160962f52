//! The networks of an experiment: imported or trained, then linearized; each in its own folder.

use super::commands::{Words, run_all};
use super::file::{Budget, Linearize, Model, Objective};
use crate::cli::{ImportArgs, InitArgs};
use crate::error::Error;
use crate::{import, init, trainer};
use models::checkpoint::{Checkpoint, REST, file_digest};
use models::data::DataSource;
use models::mask::parse_budget;
use results::SEED_SUFFIX;
use std::path::{Path, PathBuf};

/// Errors unless every network has one origin, and every method exists.
pub(super) fn check(models: &[Model], linearize: Option<&Linearize>) -> Result<(), Error> {
    for model in models {
        let origins = [
            model.checkpoint.is_some(),
            model.import.is_some(),
            model.import.is_none() && model.net.is_some(),
        ];
        if model.init.is_some() && (model.net.is_none() || linearize.is_some()) {
            let expected = "`init` beside `net` alone, and no table `linearize`".to_owned();
            return Err(Error::Option { option: "models", expected, found: describe(model) });
        }
        let trained_only = [
            model.epochs.is_some(),
            model.batch.is_some(),
            model.lr.is_some(),
            model.schedule.is_some(),
            model.warmup.is_some(),
            model.limit.is_some(),
            model.eval_limit.is_some(),
        ];
        let imported_only = model.mean.is_some() || model.std.is_some();
        if origins.into_iter().filter(|is| *is).count() != 1 {
            let expected = "`checkpoint`, or `import`, or `net` alone to train it".to_owned();
            return Err(Error::Option { option: "models", expected, found: describe(model) });
        }
        if model.import.is_none() && imported_only {
            let expected = "`mean` and `std` only for a network that is imported".to_owned();
            return Err(Error::Option { option: "models", expected, found: describe(model) });
        }
        if !trains(model) && trained_only.contains(&true) {
            let expected = "settings of training only for a network that is trained".to_owned();
            return Err(Error::Option { option: "models", expected, found: describe(model) });
        }
    }
    let Some(linearize) = linearize else { return Ok(()) };
    let known = trainer::methods()?;
    let others = linearize.objectives.iter().flat_map(|of| of.methods.iter().flatten());
    match linearize.methods.iter().chain(others).find(|method| !known.contains(method)) {
        Some(unknown) => Err(Error::Option {
            option: "methods",
            expected: format!("some of {}", known.join(", ")),
            found: unknown.clone(),
        }),
        None => Ok(()),
    }
}

/// Errors unless the images of every network are there.
pub(super) fn check_images(models: &[Model]) -> Result<(), Error> {
    for model in models {
        if let Some(data) = &model.data {
            let dir = model.data_dir.as_deref().filter(|_| data != "shapes");
            DataSource::parse(data, dir)?.check_there()?;
        }
    }
    Ok(())
}

/// Makes what is not there yet; the folders of all networks, the largest budgets first.
pub(super) fn make(
    models: &[Model],
    linearize: Option<&Linearize>,
    folder: &Path,
) -> Result<Vec<PathBuf>, Error> {
    let mut made = Vec::new();
    for model in models {
        let home = folder.join(name(model));
        if let Some(budgets) = &model.init {
            made.extend(random(model, budgets, &home)?);
            continue;
        }
        let whole = match (&model.checkpoint, &model.import) {
            (Some(checkpoint), _) => checkpoint.clone(),
            (None, Some(file)) => imported(model, file, home.join("ar"))?,
            (None, None) => trained(model, home.join("ar"))?,
        };
        made.push(whole.clone());
        let Some(linearize) = linearize else { continue };
        let units = Checkpoint::load(&whole)?.masks.count();
        let (commands, folders) = linearizations(model, linearize, (&whole, units), &home)?;
        let threads = linearize.threads.unwrap_or(1);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        run_all(&commands, linearize.jobs.unwrap_or(cores / threads).max(1))?;
        made.extend(folders);
    }
    Ok(made)
}

/// The commands that linearize a network of `units` by every method, and the folders of what they make below `home`.
fn linearizations(
    model: &Model,
    linearize: &Linearize,
    (whole, units): (&PathBuf, usize),
    home: &Path,
) -> Result<(Vec<Words>, Vec<PathBuf>), Error> {
    let (mut commands, mut folders) = (Vec::new(), Vec::new());
    let budgets: Vec<String> = linearize.budgets.iter().map(ToString::to_string).collect();
    let of_units = Objective {
        objective: Objective::OF_UNITS.into(),
        methods: None,
        budgets,
        seeds: linearize.seeds.clone(),
    };
    for objective in std::iter::once(&of_units).chain(&linearize.objectives) {
        if objective.budgets.is_empty() {
            continue;
        }
        let seeds: Vec<Option<u64>> = match &objective.seeds {
            Some(seeds) => seeds.iter().copied().map(Some).collect(),
            None => vec![None],
        };
        for (seed, method) in seeds.iter().flat_map(|seed| {
            objective.methods.as_ref().unwrap_or(&linearize.methods).iter().map(move |method| (seed, method))
        }) {
            let folder = objective.folder(method, *seed);
            let out = home.join(&folder);
            lend_values(&home.join(method), &out)?;
            let mut words = linearizing(model, linearize, (whole, &out), folder);
            words.value("--method", Some(method)).value("--seed", *seed);
            words.value("--budget", Some(&objective.budgets.join(",")));
            words.value("--objective", Some(&objective.objective).filter(|_| !objective.is_of_units()));
            commands.push(words);
            for budget in &objective.budgets {
                folders.push(out.join(objective.network(budget, units)?));
            }
        }
    }
    Ok((commands, folders))
}

impl Objective {
    /// That of budgets that are numbers of units.
    const OF_UNITS: &str = "relus";

    /// The name of the folder of a method's networks.
    fn folder(&self, method: &str, seed: Option<u64>) -> String {
        let mut name = method.to_owned();
        if !self.is_of_units() {
            name.push_str(&format!("-{}", self.objective.replace('/', "_")));
        }
        if let Some(seed) = seed {
            name.push_str(&format!("{SEED_SUFFIX}{seed}"));
        }
        name
    }

    /// The name of a network's folder in it, linearized from one of `units`.
    fn network(&self, budget: &str, units: usize) -> Result<String, Error> {
        match self.is_of_units() {
            true => Ok(format!("b{}", parse_budget(budget, units)?)),
            false => Ok(budget.to_owned()),
        }
    }

    fn is_of_units(&self) -> bool {
        self.objective == Self::OF_UNITS
    }
}

/// Shapley values that were measured in `from` for the same question need not be measured again in `to`; those of another
/// question are not taken.
fn lend_values(from: &Path, to: &Path) -> Result<(), Error> {
    const FILE: &str = "shapley.json";
    let (from, to) = (from.join(FILE), to.join(FILE));
    if !from.exists() || to.exists() {
        return Ok(());
    }
    let folder = to.parent().expect("it is in a folder");
    std::fs::create_dir_all(folder).map_err(Error::io(format!("making {}", folder.display())))?;
    std::fs::copy(&from, &to).map_err(Error::io(format!("copying {}", from.display())))?;
    Ok(())
}

/// The words of a linearization of `from` into `out`, but for method and budgets.
fn linearizing(
    model: &Model,
    linearize: &Linearize,
    (from, out): (&PathBuf, &PathBuf),
    name: String,
) -> Words {
    let mut words = Words::of("linearize", name);
    words.path("--from", Some(from)).path("--out", Some(out)).path("--data-dir", model.data_dir.as_ref());
    words.value("--pr-epochs", linearize.pr_epochs).value("--ft-epochs", linearize.ft_epochs);
    words.value("--rate", linearize.rate).value("--ft-rate", linearize.ft_rate);
    words.value("--schedule", linearize.schedule.as_ref()).flag("--chain", linearize.chain);
    // A table `quick` may turn chains off and leaves their epochs where they are.
    words.value("--chain-epochs", linearize.chain_epochs.filter(|_| linearize.chain != Some(false)));
    words.value("--warmup", linearize.warmup).value("--variants", linearize.variants);
    words.value("--kd-weight", linearize.kd_weight).value("--kd-temperature", linearize.kd_temperature);
    words.value("--batch", linearize.batch).value("--limit", linearize.limit);
    words.value("--eval-limit", linearize.eval_limit);
    words.value("--threshold", linearize.threshold).value("--depth", linearize.depth);
    words
        .value("--shapley-images", linearize.shapley_images)
        .value("--threads", Some(linearize.threads.unwrap_or(1)));
    words.flag("--exact", linearize.exact);
    words
}

/// Whether anything is imported, trained or linearized: not where all networks are checkpoints, run as they are.
pub(super) fn any_to_make(models: &[Model], linearize: Option<&Linearize>) -> bool {
    linearize.is_some() || models.iter().any(|model| model.checkpoint.is_none())
}

fn trains(model: &Model) -> bool {
    model.checkpoint.is_none() && model.import.is_none() && model.init.is_none() && model.net.is_some()
}

fn describe(model: &Model) -> String {
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let known = [
        ("checkpoint", path(&model.checkpoint)),
        ("import", path(&model.import)),
        ("net", model.net.clone()),
    ];
    let given: Vec<String> =
        known.into_iter().filter_map(|(key, value)| Some(format!("{key} = {}", value?))).collect();
    if given.is_empty() { "none of them".into() } else { given.join(", ") }
}

/// The folder's name of a network.
fn name(model: &Model) -> String {
    let stem = |path: &PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let file = [&model.import, &model.checkpoint].into_iter().flatten().find_map(stem);
    model.net.clone().or(file).unwrap_or_else(|| "network".into())
}

/// Imports `file`, unless the same file was imported into `out` before.
fn imported(model: &Model, file: &Path, out: PathBuf) -> Result<PathBuf, Error> {
    if out.join(REST).exists() {
        let (then, now) = (Checkpoint::load(&out)?.meta.settings["sha256"].clone(), file_digest(file)?);
        if then != now.as_str() {
            let expected = format!("what was imported from {} (SHA-256 {now})", file.display());
            let found = format!("a network with {then} in {}; choose another --out", out.display());
            return Err(Error::Option { option: "import", expected, found });
        }
        return Ok(out);
    }
    import::import(&ImportArgs {
        file: file.to_owned(),
        net: model.net.clone(),
        data: model.data.clone().unwrap_or_else(|| "cifar10".into()),
        data_dir: model.data_dir.clone(),
        mean: model.mean.clone(),
        std: model.std.clone(),
        accuracy_images: 1000,
        mask_threshold: ::import::masks::THRESHOLD,
        out: out.clone(),
        ..ImportArgs::default()
    })?;
    Ok(out)
}

/// Makes a network with random weights and masks at each budget, unless it is there; their folders.
fn random(model: &Model, budgets: &[Budget], home: &Path) -> Result<Vec<PathBuf>, Error> {
    let make = |budget: &Budget| {
        let budget = budget.to_string();
        let out = home.join(init::METHOD).join(&budget);
        if !out.join(REST).exists() {
            init::init(&InitArgs {
                net: model.net.clone().unwrap_or_default(),
                onnx: None,
                data: model.data.clone(),
                data_dir: model.data_dir.clone(),
                budget: Some(budget).filter(|budget| budget != "100%"),
                seed: model.seed.unwrap_or(1),
                out: out.clone(),
            })?;
        }
        Ok(out)
    };
    budgets.iter().map(make).collect()
}

/// Trains the network, or goes on with it.
fn trained(model: &Model, out: PathBuf) -> Result<PathBuf, Error> {
    let mut words = Words::of("train", name(model));
    words.value("--net", model.net.as_ref()).value("--data", model.data.as_ref());
    words.path("--data-dir", model.data_dir.as_ref()).path("--out", Some(&out));
    words.value("--epochs", model.epochs).value("--batch", model.batch).value("--lr", model.lr);
    words.value("--schedule", model.schedule.as_ref()).value("--warmup", model.warmup);
    words.value("--seed", model.seed).value("--limit", model.limit);
    words.value("--eval-limit", model.eval_limit).value("--threads", model.threads);
    words.run()?;
    Ok(out)
}
