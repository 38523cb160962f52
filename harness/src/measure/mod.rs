//! An experiment, run: every model over every link, each inference verified and saved at once.

mod cell;
mod record;
mod room;

use crate::error::Error;
use crate::experiment::Experiment;
use crate::model::{ClearAccuracy, Compiled};
use crate::report::say;
use cell::Cell;
use indicatif::{ProgressBar, ProgressStyle};
use models::data::Dataset;
use record::{data_records, link_record, manifest};
use results::Run;
use std::path::Path;
use time::OffsetDateTime;
use time::macros::format_description;

/// Runs the experiment; `false` where an inference or a cell failed.
pub(crate) fn run(experiment: &Experiment) -> Result<bool, Error> {
    let loopback = netem::calibrate()?;
    for link in &experiment.links {
        link.check(&loopback)?;
    }
    let mut models = Vec::with_capacity(experiment.models.len());
    for folder in &experiment.models {
        eprintln!("compiling {}", folder.display());
        models.push(prepare(folder, experiment)?);
    }
    for model in &models {
        room::check(experiment, &model.compiled.plan)?;
    }
    let now = OffsetDateTime::now_utc();
    let id = match &experiment.id {
        Some(id) => id.clone(),
        None => {
            let format = format_description!("[year][month][day]-[hour][minute][second]");
            format!("{}-{}", now.format(&format).expect("the format is fixed"), models[0].name())
        }
    };
    let folder = experiment.out.join(&id);
    let links = experiment.links.iter().map(link_record).collect::<Result<_, _>>()?;
    let mut cells: Vec<Cell<'_>> = Vec::new();
    for model in &models {
        for link in &experiment.links {
            let cell = Cell::new(experiment, model, link);
            if cells.iter().any(|other| other.row.cell == cell.row.cell) {
                return Err(Error::Option {
                    option: "--models",
                    expected: "every network, method and ReLU count once".into(),
                    found: format!("{} twice", cell.row.cell),
                });
            }
            cells.push(cell);
        }
    }
    let data = data_records(models.iter().map(|model| &model.compiled.source))?;
    let manifest = manifest(experiment, &id, now, &models, links, &loopback, data);
    let mut run = Run::create(&folder, &manifest)?;
    let progress = ProgressBar::new((models.len() * experiment.links.len() * experiment.images) as u64);
    progress.set_style(
        ProgressStyle::with_template("{bar:30} {pos}/{len} inferences, {elapsed} (about {eta} to go)  {msg}")
            .expect("the template is fixed"),
    );
    let mut whole = true;
    for cell in &cells {
        progress.set_message(cell.row.cell.clone());
        run.cell(&cell.row)?;
        if let Err(error) = cell.measure(&mut run, &progress) {
            whole = false;
            progress.suspend(|| eprintln!("{}: {error}", cell.row.cell));
        }
    }
    progress.finish_and_clear();
    let summary = run.finish()?;
    say(&format!("{}\nwritten to {}", results::table(&summary), folder.display()))?;
    Ok(whole)
}

/// A compiled model with what all its cells share.
struct Prepared {
    compiled: Compiled,
    accuracy: ClearAccuracy,
    test: Dataset,
    digest: String,
}

impl Prepared {
    fn name(&self) -> &str {
        &self.compiled.checkpoint.meta.net
    }
}

fn prepare(folder: &Path, experiment: &Experiment) -> Result<Prepared, Error> {
    let compiled = Compiled::load(folder, &experiment.compile)?;
    let test = compiled.source.load_test()?;
    if experiment.images > test.len() {
        let expected = format!("at most {}, the size of the test set", test.len());
        return Err(Error::Option { option: "--images", expected, found: experiment.images.to_string() });
    }
    let accuracy = compiled.clear_accuracy(&test, experiment.accuracy_images);
    if accuracy.out_of_bounds > 0 {
        eprintln!(
            "  {} activations of {} test images left their calibrated bound",
            accuracy.out_of_bounds, accuracy.images
        );
    }
    let digest = compiled.checkpoint.digest();
    Ok(Prepared { compiled, accuracy, test, digest })
}
