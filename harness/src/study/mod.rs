//! An experiment from a file: networks imported or trained, linearized by every method to every budget, then measured.
//! Networks that are finished are not made again, so that the same command continues a run that was stopped.

mod commands;
mod file;
#[cfg(test)]
mod fuzz;
mod networks;

use crate::cli::SweepArgs;
use crate::error::Error;
use crate::experiment::Experiment;
use crate::run_id;
use file::File;
use results::Run;
use std::path::Path;

/// Name of the file in the folder of networks that whoever makes them holds locked.
const LOCK: &str = "lock";

/// What a file and the options beside it ask for, checked; its networks need not be there yet.
struct Study {
    file: File,
    /// The name of the file's folder among the runs.
    name: String,
    /// Of no network yet.
    experiment: Experiment,
}

impl Study {
    fn read(path: &Path, args: SweepArgs) -> Result<Self, Error> {
        let mut file = File::read(path, args.quick)?;
        // A mistake that is there without the command line's options is the file's, and told with its line.
        let own = Experiment::planned(&file.links, file.measure.clone(), &file.compile).err();
        let links = if args.links.is_empty() { std::mem::take(&mut file.links) } else { args.links };
        let settings = args.settings.or(std::mem::take(&mut file.measure));
        let mut compile = args.compile.or(std::mem::take(&mut file.compile));
        for model in &mut file.models {
            model.data_dir = compile.data_dir.clone().or(model.data_dir.take());
        }
        compile.data_dir = file.models.iter().find_map(|model| model.data_dir.clone());
        let mut experiment = Experiment::planned(&links, settings, &compile).map_err(|error| match &own {
            Some(own) if own.to_string() == error.to_string() => file.placed(path, error),
            _ => error,
        })?;
        experiment.question.clone_from(&file.question);
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let name = if args.quick { format!("{stem}-quick") } else { stem.into_owned() };
        Ok(Self { file, name, experiment })
    }

    fn check_networks(&self, path: &Path) -> Result<(), Error> {
        networks::check(&self.file.models, self.file.linearize.as_ref())
            .map_err(|error| self.file.placed(path, error))
    }
}

/// Makes the networks that the file asks for, and the experiment of measuring them; one that `begins` has no run yet.
pub(crate) fn make(path: &Path, args: SweepArgs, begins: bool) -> Result<Experiment, Error> {
    // What can be wrong with measuring is found before the first hour of training.
    let study = Study::read(path, args)?;
    study.check_networks(path)?;
    let Study { file, name, experiment } = study;
    networks::check_images(&file.models).map_err(|error| file.placed(path, error))?;
    let made_here = networks::any_to_make(&file.models, file.linearize.as_ref());
    let own = experiment.out.join(name);
    if begins && let Some(id) = &experiment.id {
        let run = id.within(&experiment.out);
        if made_here && run == own {
            return Err(Error::Option {
                option: "--id",
                expected: "another name than the file's, whose folder is for its networks".into(),
                found: format!("`{}`", run_id::of(&run)),
            });
        }
        Run::check_new(&run)?;
    }
    if !file.question.is_empty() {
        eprintln!("{}", file.question);
    }
    let folder = own.join("models");
    let _lock = made_here.then(|| locked(&folder)).transpose()?;
    let made = networks::make(&file.models, file.linearize.as_ref(), &folder)?;
    experiment.over(&made)
}

/// The experiment that the file asks for, of no network yet, and its name. Makes nothing.
///
/// Errors as [`make`] does before it makes anything, except that methods are not looked at where this machine cannot train.
pub(crate) fn planned(path: &Path, args: SweepArgs) -> Result<(Experiment, String), Error> {
    let study = Study::read(path, args)?;
    let checked = study.check_networks(path);
    if !matches!(checked, Err(Error::NoTrainer(_))) {
        checked?;
    }
    Ok((study.experiment, study.name))
}

/// Makes `folder` and locks it for as long as the file returned is open, so that of shares that begin together one makes
/// the networks, and the others wait and find them made.
fn locked(folder: &Path) -> Result<std::fs::File, Error> {
    let path = folder.join(LOCK);
    let failed = || Error::io(format!("locking {}", path.display()));
    std::fs::create_dir_all(folder).map_err(failed())?;
    let file = std::fs::File::create(&path).map_err(failed())?;
    if file.try_lock().is_err() {
        eprintln!("waiting for another program that makes networks in {}", folder.display());
        file.lock().map_err(failed())?;
    }
    Ok(file)
}
