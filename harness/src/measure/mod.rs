//! An experiment, run: every model in every variant over every link, in a random order, each inference verified and saved
//! at once. A run that was stopped goes on with the cells that were not done.

mod cell;
mod group;
pub(crate) mod ledger;
mod local;
mod plan;
mod pooled;
mod prepared;
mod progress;
pub(crate) mod record;
pub(crate) mod room;
pub(crate) mod session;

use crate::error::Error;
use crate::experiment::Experiment;
use crate::machine;
use crate::print::{print, room};
use crate::run_id::{self, unnamed};
use crate::scenario::Scenario;
use crate::to_go::about;
use cell::{Cell, unmeasured};
use group::groups;
use models::checkpoint::Checkpoint;
use models::data::DataSource;
use models::text::printable;
use netem::Loopback;
use plan::{Planned, plan, shuffled};
use prepared::{Prepared, Workbench};
use progress::Progress;
use record::{Parts, data_records, link_record, manifest, model_record, timestamp};
use results::select::Candidate;
use results::statistics::Percentile;
use results::{CellRow, InferenceRow, InferenceStatus, Manifest, Resumption, Run, ScenarioRow, Shard};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use time::OffsetDateTime;

pub(crate) use plan::Selection;

/// Runs the experiment's cells that are selected; `false` where an inference or a cell failed.
pub(crate) fn run(experiment: &Experiment, selection: &Selection) -> Result<bool, Error> {
    let loopback = check_links(experiment)?;
    let networks = load(experiment)?;
    let chosen = selection.only(plan(experiment, &networks)?, candidate(experiment, &networks))?;
    let listed: Vec<String> = chosen.iter().map(|cell| cell.id.clone()).collect();
    let order = selection.share(shuffled(chosen, experiment.seed));
    let now = OffsetDateTime::now_utc();
    let folder = match &experiment.id {
        Some(id) => id.within(&experiment.out),
        None => unnamed(&experiment.out, now, &networks[0].meta.net),
    };
    Run::check_new(&folder)?;
    let mut workbench = prepare(experiment, &networks, &order);
    let prepared = workbench.ready()?;
    let links = experiment.links.iter().map(link_record).collect::<Result<_, _>>()?;
    let data = data_records(prepared.iter().map(|model| &model.compiled.source))?;
    let cells = listed.iter().filter(|id| order.iter().any(|cell| cell.id == **id)).cloned().collect();
    let shard =
        selection.shard().map(|(share, of)| Shard { share: share as u32, of: of as u32, whole: listed });
    let models = workbench.records(&networks);
    let parts = Parts { cells, shard, models, links, loopback, data };
    let manifest = manifest(experiment, run_id::of(&folder), now, &networks, parts);
    let mut run = Run::create(&folder, &manifest)?;
    stops_with_a_hint(&folder)?;
    let whole = measure(experiment, &networks, &workbench, &order, &mut run)?;
    finish(run, &folder, whole)?;
    Ok(whole)
}

/// Goes on with the run in `folder`: measures those of its cells that are not done or failed, as far as they are
/// selected. `asked` is what the command line asks for beside it, if anything.
pub(crate) fn resume(
    folder: &Path,
    asked: Option<&Experiment>,
    selection: &Selection,
) -> Result<bool, Error> {
    let begun = results::load_manifest(folder)?;
    let experiment = recorded(folder, &begun)?;
    if let Some(asked) = asked {
        same(folder, &experiment, asked)?;
    }
    same_machine(folder, &begun)?;
    check_links(&experiment)?;
    let networks = load(&experiment)?;
    let mut order = shuffled(plan(&experiment, &networks)?, experiment.seed);
    order.retain(|cell| begun.cells.contains(&cell.id));
    let mut order = selection.only(order, candidate(&experiment, &networks))?;
    let complete = |cells: &[CellRow], rows: &[InferenceRow]| complete(&experiment, cells, rows);
    let renewed = |mut manifest: Manifest| {
        let time = timestamp(OffsetDateTime::now_utc());
        manifest.resumed.push(Resumption { time, revision: machine::revision(), busy: machine::busy() });
        manifest
    };
    let (mut run, done) = Run::resume(folder, complete, renewed)?;
    eprintln!("{} of {} cells are done", done.len(), begun.cells.len());
    order.retain(|cell| !done.contains(&cell.id));
    let mut workbench = prepare(&experiment, &networks, &order);
    for model in workbench.ready()? {
        same_model(folder, &begun, model)?;
    }
    stops_with_a_hint(folder)?;
    let whole = measure(&experiment, &networks, &workbench, &order, &mut run)?;
    finish(run, folder, whole)?;
    Ok(whole)
}

/// Ids of the cells all of whose inferences are there and ok; of cells that were to alternate, all or none.
fn complete(experiment: &Experiment, cells: &[CellRow], rows: &[InferenceRow]) -> HashSet<String> {
    let inferences = experiment.warmups + experiment.images;
    let alone = |cell: &CellRow| {
        let (mut ok, mut all) = (0, 0);
        for row in rows.iter().filter(|row| row.cell == cell.cell) {
            all += 1;
            ok += usize::from(row.status == InferenceStatus::Ok);
        }
        cell.error.is_none() && (ok, all) == (inferences, inferences)
    };
    let done: Vec<bool> = cells.iter().map(alone).collect();
    let group = |cell: &CellRow| match experiment.interleave.is_empty() {
        true => vec![cell.cell.clone()],
        false => group::shared(cell, &experiment.interleave),
    };
    let broken: HashSet<Vec<String>> =
        cells.iter().zip(&done).filter(|(_, done)| !**done).map(|(cell, _)| group(cell)).collect();
    let stays = cells.iter().filter(|cell| !broken.contains(&group(cell)));
    stays.map(|cell| cell.cell.clone()).collect()
}

/// The folder of a run that is named by it or, within `out`, by its id.
pub(crate) fn find(run: &Path, out: &Path) -> PathBuf {
    if run.exists() { run.to_owned() } else { out.join(run) }
}

fn check_links(experiment: &Experiment) -> Result<Loopback, Error> {
    let loopback = netem::calibrate()?;
    for link in &experiment.links {
        link.check(&loopback)?;
        let least = link.empty_round_trip();
        if least >= experiment.deadline {
            let expected = format!(
                "more than the {:.0} s that a frame without content takes to and fro on {link}",
                least.as_secs_f64()
            );
            let found = format!("{} s", experiment.deadline.as_secs_f64());
            return Err(Error::Option { option: "--deadline", expected, found });
        }
    }
    Ok(loopback)
}

fn load(experiment: &Experiment) -> Result<Vec<Arc<Checkpoint>>, Error> {
    let networks = experiment.models.iter().map(|folder| Ok(Arc::new(Checkpoint::load(folder)?)));
    let networks: Vec<Arc<Checkpoint>> = networks.collect::<Result<_, Error>>()?;
    // Images that are missing are a mistake of the command line, not of a cell.
    for network in &networks {
        DataSource::parse(&network.meta.data, experiment.compile.data_dir.as_deref())?.check_there()?;
    }
    Ok(networks)
}

/// What cells are known by before they are compiled.
fn candidate(experiment: &Experiment, networks: &[Arc<Checkpoint>]) -> impl Fn(&Planned) -> Candidate {
    |cell| Candidate::of_cell("", &unmeasured(cell, experiment, &networks[cell.model]))
}

/// Less is not told of what compiling will still take, seconds.
const WORTH_TELLING_S: f64 = 10.0;

fn prepare(experiment: &Experiment, networks: &[Arc<Checkpoint>], order: &[Planned]) -> Workbench {
    let mut workbench = Workbench::default();
    let mut needed: Vec<(usize, usize)> = order.iter().map(|cell| (cell.model, cell.variant)).collect();
    needed.sort_unstable();
    needed.dedup();
    let (all, began) = (needed.len(), Instant::now());
    for (done, (model, variant)) in needed.into_iter().enumerate() {
        if all > 1 {
            let rest = (done > 0).then(|| began.elapsed().as_secs_f64() / done as f64 * (all - done) as f64);
            let rest = rest.filter(|rest| *rest >= WORTH_TELLING_S).map(|rest| format!(", {}", about(rest)));
            eprintln!("to be compiled: {} of {all}{}", done + 1, rest.unwrap_or_default());
        }
        workbench.prepare(experiment, networks, (model, experiment.variants[variant]));
    }
    workbench
}

/// Runs the cells in order and saves each; a cell that fails does not stop the rest.
fn measure(
    experiment: &Experiment,
    networks: &[Arc<Checkpoint>],
    workbench: &Workbench,
    order: &[Planned],
    run: &mut Run,
) -> Result<bool, Error> {
    let mut whole = true;
    let mut cells = Vec::with_capacity(order.len());
    for planned in order {
        let variant = experiment.variants[planned.variant];
        match (workbench.failure(planned.model, variant), workbench.get(planned.model, variant)) {
            (None, Some(model)) => cells.push(Cell::new(planned, experiment, model)),
            (failure, _) => {
                let error = failure.map_or_else(|| "it was not compiled".to_owned(), ToString::to_string);
                let row = unmeasured(planned, experiment, &networks[planned.model]);
                run.cell(&CellRow { error: Some(error), ..row })?;
                whole = false;
            }
        }
    }
    let mut progress = Progress::of(&cells, experiment.warmups + experiment.images);
    if experiment.scenario.pool(experiment.images).is_some() {
        for cell in &cells {
            whole &= pooled::measure(cell, run, &mut progress)?;
        }
    } else {
        for group in groups(&cells, &experiment.interleave) {
            whole &= group::measure(experiment, &group, run, &mut progress)?;
        }
    }
    progress.end();
    Ok(whole)
}

/// As a shell has it of a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// From here on whoever stops the program, by Ctrl-C or as `kill` does, is told how the run goes on. What is on the disk stays as
/// it is.
fn stops_with_a_hint(folder: &Path) -> Result<(), Error> {
    let hint = format!("\nstopped; `linnet sweep --resume {}` goes on with what is left", folder.display());
    let told = ctrlc::set_handler(move || {
        eprintln!("{}", printable(&hint));
        std::process::exit(INTERRUPTED)
    });
    told.map_err(|error| Error::Io {
        doing: "waiting for signals".to_owned(),
        source: std::io::Error::other(error),
    })
}

fn finish(run: Run, folder: &Path, whole: bool) -> Result<(), Error> {
    let finished = run.finish()?;
    let mut text = results::table(&finished.summary, room());
    if !finished.scenarios.is_empty() {
        text += &format!("\n{}", results::scenario::text(&finished.scenarios, room()));
        text += &bounds(&recorded(folder, &finished.manifest)?, &finished.scenarios);
    }
    let again = match whole {
        true => String::new(),
        false => format!("\nsomething failed; `linnet sweep --resume {}` runs that again", folder.display()),
    };
    print(&format!("{text}\nwritten to {}{again}", folder.display()))
}

/// For cells that differ in the rate alone, the highest rate within the bound that the experiment states, if any.
fn bounds(experiment: &Experiment, scenarios: &[ScenarioRow]) -> String {
    let Scenario::Server { p90_bound_s: Some(bound), .. } = experiment.scenario else {
        return String::new();
    };
    let name = |row: &ScenarioRow| {
        let suffix = experiment.scenario.suffix(row.rate_per_s);
        row.cell.strip_suffix(&suffix).unwrap_or(&row.cell).to_owned()
    };
    let mut text = String::new();
    let mut told = HashSet::new();
    for row in scenarios.iter().filter(|row| told.insert(name(row))) {
        let alike: Vec<&ScenarioRow> = scenarios.iter().filter(|other| name(other) == name(row)).collect();
        let needed = Percentile::P90.needed();
        text += &format!("{}: p90 of response times within {bound} s ", name(row));
        text += &match results::scenario::highest_rate(&alike, bound) {
            Some(rate) => format!("up to {rate} queries a second\n"),
            None if alike.iter().all(|row| row.response_s_p90.is_none()) => {
                let most = alike.iter().map(|row| row.n).max().unwrap_or(0);
                format!("is not known: it needs {needed} queries a rate, and there were {most}\n")
            }
            None => format!("at none of its rates (needs {needed} queries a rate)\n"),
        };
    }
    text
}

/// The experiment that a run was begun with.
fn recorded(folder: &Path, begun: &Manifest) -> Result<Experiment, Error> {
    serde_json::from_value(begun.settings.clone()).map_err(|error| Error::Option {
        option: "--resume",
        expected: "a run of this version, whose settings it knows".into(),
        found: format!("{}, begun by version {} ({error})", folder.display(), begun.linnet),
    })
}

/// Errors with the first setting that differs. Where runs lie and what they are called does not matter.
fn same(folder: &Path, begun: &Experiment, asked: &Experiment) -> Result<(), Error> {
    let asked = Experiment { out: begun.out.clone(), id: begun.id.clone(), ..asked.clone() };
    let value = |experiment: &Experiment| serde_json::to_value(experiment).expect("it is plain data");
    let (begun, asked) = (value(begun), value(&asked));
    let keys = begun.as_object().into_iter().flat_map(|settings| settings.keys());
    for key in keys {
        if begun[key] != asked[key] {
            return Err(Error::Option {
                option: "--resume",
                expected: format!("{key} = {}, as in {}", begun[key], folder.display()),
                found: asked[key].to_string(),
            });
        }
    }
    Ok(())
}

/// Errors where times would be of two machines.
fn same_machine(folder: &Path, begun: &Manifest) -> Result<(), Error> {
    let (then, now) = (&begun.machine, machine::describe());
    let name = |machine: &results::Machine| format!("{} with {} cores", machine.cpu_model, machine.cores);
    if name(then) == name(&now) {
        return Ok(());
    }
    Err(Error::Option {
        option: "--resume",
        expected: format!("the machine of {}, {}", folder.display(), name(then)),
        found: name(&now),
    })
}

/// Errors where a model has changed since the run began, or what the program makes of it.
fn same_model(folder: &Path, begun: &Manifest, model: &Prepared) -> Result<(), Error> {
    let record = model_record(&model.compiled);
    // What a plan was chosen by shows in its digest, and older manifests do not have it.
    let chosen = |record: &results::ModelRecord| results::ModelRecord { calibration: None, ..record.clone() };
    if begun.models.iter().any(|then| chosen(then) == chosen(&record)) {
        return Ok(());
    }
    let digests = |record: &results::ModelRecord| {
        format!("{} in plan {}", record.digest, record.plan_digest.as_deref().unwrap_or("none"))
    };
    let of_the_same = |other: &&results::ModelRecord| {
        (&other.name, &other.method, other.relus, &other.relu, &other.he, &other.ot)
            == (&record.name, &record.method, record.relus, &record.relu, &record.he, &record.ot)
    };
    let then = begun.models.iter().find(of_the_same);
    if then.is_some_and(|then| then.plan_digest.is_none() && then.digest == record.digest) {
        return Ok(()); // It did not compile then, and now it does.
    }
    let then = then.map_or_else(|| "none".to_owned(), digests);
    Err(Error::Option {
        option: "--resume",
        expected: format!("the network {} {} of {}, {then}", record.name, record.method, folder.display()),
        found: digests(&record),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{CompileArgs, Settings};
    use results::compare::Dimension;

    #[test]
    fn what_is_complete_stays_and_cells_that_alternate_stay_together() {
        let settings = Settings { images: Some(2), warmups: Some(1), ..Settings::default() };
        let mut experiment = Experiment::planned(&[], settings, &CompileArgs::default()).unwrap();
        let cell = |id: &str, relu: &str, link: &str| CellRow {
            cell: id.into(),
            relu: relu.into(),
            link: link.into(),
            ..CellRow::default()
        };
        let cells = [
            cell("a", "narrow", "lan"),
            cell("b", "sign", "lan"),
            cell("c", "narrow", "wan"),
            cell("d", "sign", "wan"),
            CellRow { error: Some("too wide".into()), ..cell("e", "delphi", "wan") },
        ];
        let row = |id: &str, repeat: u32, warmup: bool, status: InferenceStatus| InferenceRow {
            cell: id.into(),
            repeat,
            warmup,
            status,
            ..InferenceRow::default()
        };
        let whole = |id: &str| {
            [(0, true), (0, false), (1, false)]
                .map(|(repeat, warmup)| row(id, repeat, warmup, InferenceStatus::Ok))
        };
        let mut rows: Vec<InferenceRow> = ["a", "b", "c"].into_iter().flat_map(whole).collect();
        rows.extend(whole("d"));
        rows.last_mut().unwrap().status = InferenceStatus::Failed;
        let names = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<HashSet<_>>();
        assert_eq!(complete(&experiment, &cells, &rows), names(&["a", "b", "c"]));
        experiment.interleave = vec![Dimension::Relu];
        assert_eq!(complete(&experiment, &cells, &rows), names(&["a", "b"]));
        rows.truncate(5);
        assert_eq!(complete(&experiment, &cells, &rows), names(&[]));
    }
}
