//! An experiment, run: every model over every link, each inference verified and saved at once.

mod cell;
mod record;

use crate::error::Error;
use crate::experiment::Experiment;
use crate::machine;
use crate::model::{ClearAccuracy, Compiled};
use crate::report::say;
use cell::Cell;
use indicatif::{ProgressBar, ProgressStyle};
use models::data::Dataset;
use netem::Bytes;
use protocols::plan::{Plan, memory};
use record::{link_record, manifest};
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
        fits(experiment, &model.compiled.plan)?;
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
    let mut run = Run::create(&folder, &manifest(experiment, &id, now, &models, links, &loopback))?;
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

/// Errors where the parties' memory or the client's file would not fit what is free now.
fn fits(experiment: &Experiment, plan: &Plan) -> Result<(), Error> {
    if let Some(folder) = &experiment.store {
        std::fs::create_dir_all(folder).map_err(Error::io(format!("making {}", folder.display())))?;
    }
    let room = Room {
        memory: machine::available_memory(),
        disk: experiment.store.as_deref().and_then(machine::free_disk),
    };
    room.holds(plan, experiment.store.is_some())
}

/// Bytes that are free; what is not known is taken to be enough.
struct Room {
    memory: Option<u64>,
    disk: Option<u64>,
}

impl Room {
    fn holds(&self, plan: &Plan, in_file: bool) -> Result<(), Error> {
        let refuse = |option, expected, found| Err(Error::Option { option, expected, found });
        let file = memory::file(plan);
        if let Some(free) = self.disk.filter(|free| in_file && *free < file) {
            let expected = format!("{} of free disk for {}", Bytes(file), plan.name);
            return refuse("--store", expected, format!("{} free", Bytes(free)));
        }
        let need = memory::peak(plan, in_file);
        if let Some(free) = self.memory.filter(|free| *free < need.client + need.server) {
            let (client, server) = (Bytes(need.client), Bytes(need.server));
            let spared = Bytes(if in_file { 0 } else { file });
            let expected = format!(
                "about {client} of free memory for the client and {server} for the server of {} \
                 (--store file spares {spared})",
                plan.name
            );
            return refuse("--store", expected, format!("{} free", Bytes(free)));
        }
        Ok(())
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use models::fixed::quantise::Scales;
    use models::graph::Shape;
    use protocols::he::{HeBackend, HeParameters};
    use protocols::plan::{PROTOCOL_VERSION, ReluVariant};

    #[test]
    fn a_run_that_does_not_fit_is_refused_with_the_estimate() {
        let plan = Plan {
            version: PROTOCOL_VERSION,
            name: "empty".into(),
            ring: models::fixed::Ring::new(20).unwrap(),
            scales: Scales { fa: 6, fw: 8 },
            input: Shape::new(3, 32, 32),
            relu: ReluVariant::Narrow,
            he: HeParameters {
                backend: HeBackend::Narrow,
                degree: 4096,
                modulus_bits: vec![50, 50],
                plain_bits: 20,
            },
            steps: vec![],
        };
        let need = memory::peak(&plan, false);
        let room = |memory| Room { memory: Some(memory), disk: Some(0) };
        assert!(room(need.client + need.server).holds(&plan, false).is_ok());
        let error = room(need.client + need.server - 1).holds(&plan, false).unwrap_err().to_string();
        assert!(error.contains("empty") && error.contains(&Bytes(need.server).to_string()), "{error}");
        assert!(Room { memory: None, disk: None }.holds(&plan, true).is_ok());
    }
}
