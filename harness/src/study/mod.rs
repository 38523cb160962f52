//! An experiment from a file: networks imported or trained, linearized by every method to every budget, then measured.
//! Networks that are finished are not made again, so that the same command continues a run that was stopped.

mod file;
mod networks;

use crate::cli::SweepArgs;
use crate::error::Error;
use crate::experiment::Experiment;
use file::File;
use std::path::Path;

/// Makes the networks that the file asks for, and the experiment of measuring them.
pub(crate) fn make(path: &Path, args: SweepArgs) -> Result<Experiment, Error> {
    let mut file = File::read(path, args.quick)?;
    let links = if args.links.is_empty() { file.links } else { args.links };
    let settings = args.settings.or(file.measure);
    let mut compile = args.compile.or(file.compile);
    for model in &mut file.models {
        model.data_dir = compile.data_dir.clone().or(model.data_dir.take());
    }
    compile.data_dir = file.models.iter().find_map(|model| model.data_dir.clone());
    // What can be wrong with measuring is found before the first hour of training.
    let mut experiment = Experiment::planned(&links, settings, &compile)?;
    experiment.question.clone_from(&file.question);
    networks::check(&file.models, file.linearize.as_ref())?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = if args.quick { format!("{stem}-quick") } else { stem.into_owned() };
    if !file.question.is_empty() {
        eprintln!("{}", file.question);
    }
    let folder = experiment.out.join(name).join("models");
    let made = networks::make(&file.models, file.linearize.as_ref(), &folder)?;
    experiment.over(&made)
}
