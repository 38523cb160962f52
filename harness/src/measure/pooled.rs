//! One cell whose preprocessed inferences go through a pool: filled, used by queries that come as the scenario says, and
//! every one of them verified afterwards.

use super::cell::Cell;
use super::progress::Progress;
use super::session::Driver;
use crate::choice::StoreKind;
use crate::error::Error;
use crate::machine;
use crate::party::pair::{Pair, PhaseReport};
use crate::party::{Log, Made, Pooled, Query, Served, Start};
use crate::scenario::arrivals;
use netem::{Bytes, Phase};
use protocols::memory::Memory;
use protocols::service::ItemId;
use results::{InferenceRow, InferenceStatus, ItemRow, QueryRow, Run};
use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

/// Runs the cell and saves it; `false` where something of it failed.
pub(super) fn measure(cell: &Cell<'_>, run: &mut Run, progress: &mut Progress) -> Result<bool, Error> {
    cell.begin(run)?;
    let began = Instant::now();
    match session(cell, progress) {
        Ok(session) => {
            let error = session.save(cell, run, progress)?;
            progress.cell(cell, session.rows(), began.elapsed(), error.as_ref());
            Ok(error.is_none())
        }
        Err(error) => {
            let row = InferenceRow {
                status: InferenceStatus::Failed,
                error: Some(error.to_string()),
                ..cell.blank(cell.experiment.warmups)
            };
            run.inference(&row, &[])?;
            progress.cell(cell, 0, began.elapsed(), Some(&error));
            Ok(false)
        }
    }
}

/// What was done in one cell's session, by both parties.
struct Session {
    setup: PhaseReport,
    images: Vec<Vec<f32>>,
    /// Rows with their classes in the clear, warm-ups first.
    rows: Vec<InferenceRow>,
    /// As the client saw it: warm-ups, then queries.
    served: Vec<Served>,
    made: Vec<Made>,
    server: Log,
    /// When the first query could be due, on the client's clock, nanoseconds.
    zero_ns: u64,
}

/// Runs the cell: warm-ups, then the queries.
fn session(cell: &Cell<'_>, progress: &mut Progress) -> Result<Session, Error> {
    let experiment = cell.experiment;
    let (level, refillers) = experiment.scenario.pool(experiment.images).expect("the cell uses a pool");
    let folder = pool_folder(cell, level)?;
    let files = cell.party_files()?;
    let pooled = Pooled { folder: folder.path().to_owned(), refillers };
    let start = Start { pooled: Some(pooled), ..cell.start(&files) };
    let mut rows: Vec<InferenceRow> =
        (0..experiment.warmups + experiment.images).map(|index| cell.blank(index)).collect();
    let images: Vec<Vec<f32>> =
        rows.iter_mut().map(|row| cell.clear(row.image as usize, row)).collect::<Result<_, _>>()?;
    progress.phase(cell, Phase::Setup);
    let (mut pair, setup) = Pair::start(&start, None)?;
    let due = arrivals(experiment.images, cell.rate, experiment.seed);
    let queries = |images: &[Vec<f32>], due: &[u64]| -> Vec<Query> {
        images
            .iter()
            .zip(due)
            .map(|(image, due_ns)| Query { image: image.clone(), due_ns: *due_ns })
            .collect()
    };
    let (warmups, measured) = images.split_at(experiment.warmups);
    let (mut made, mut served) = (Vec::new(), Vec::new());
    progress.phase(cell, Phase::Offline);
    made.extend(pair.fill(warmups.len())?.made);
    progress.phase(cell, Phase::Online);
    served.extend(pair.serve(queries(warmups, &vec![0; warmups.len()]), None)?.served);
    progress.phase(cell, Phase::Offline);
    let refill = cell.rate.map(|_| level);
    made.extend(pair.fill(level)?.made);
    progress.phase(cell, Phase::Online);
    let log = pair.serve(queries(measured, &due), refill)?;
    made.extend(log.made);
    served.extend(log.served);
    let server = pair.close()?;
    Ok(Session { setup, rows, served, made, server, zero_ns: log.began_ns, images })
}

/// A new folder for both parties' pools, gone when it is dropped. Errors where the disk has no room for them.
fn pool_folder(cell: &Cell<'_>, level: usize) -> Result<tempfile::TempDir, Error> {
    let (plan, _): (_, StoreKind) = cell.needs();
    let within: &Path = &cell.experiment.store_dir;
    std::fs::create_dir_all(within).map_err(Error::io(format!("making {}", within.display())))?;
    let item = Memory::of(plan).stored;
    let need = (item.client + item.server) * (level + 1) as u64;
    if let Some(free) = machine::free_disk(within).filter(|free| *free < need) {
        return Err(Error::Option {
            option: "--pool",
            expected: format!("{} of free disk for {} and its pool of {level}", Bytes(need), plan.name),
            found: format!("{} free in {}", Bytes(free), within.display()),
        });
    }
    tempfile::Builder::new()
        .prefix("pool-")
        .tempdir_in(within)
        .map_err(Error::io(format!("making a pool in {}", within.display())))
}

impl Session {
    /// Queries, warm-ups included.
    fn rows(&self) -> usize {
        self.served.len()
    }

    /// Verifies and saves every query; returns the first error of one.
    fn save(&self, cell: &Cell<'_>, run: &mut Run, progress: &mut Progress) -> Result<Option<Error>, Error> {
        let (queries, items) = self.tables(cell);
        run.queries(&queries, &items)?;
        let index = Index::of(self);
        let flow = cell.flow(0);
        let mut first = None;
        for (at, served) in self.served.iter().enumerate() {
            let mut driver = Recorded { session: self, index: &index, at, served };
            let error = flow.run(&mut driver, self.rows[at].clone(), &self.images[at], run)?;
            progress.inference(cell);
            first = first.or(error);
        }
        Ok(first)
    }

    /// The measured queries, and the items made for them; times from when the first of the queries could be due.
    fn tables(&self, cell: &Cell<'_>) -> (Vec<QueryRow>, Vec<ItemRow>) {
        let warmups = cell.experiment.warmups;
        let after = |ns: u64| ns.saturating_sub(self.zero_ns);
        let signed = |ns: u64| ns as i64 - self.zero_ns as i64;
        let measured = self.served.iter().skip(warmups);
        let users: HashMap<ItemId, u32> = measured.clone().map(|served| served.item).zip(0..).collect();
        let query = |(query, served): (u32, &Served)| QueryRow {
            cell: cell.row.cell.clone(),
            query,
            item: served.item.to_string(),
            due_ns: after(served.due_ns),
            began_ns: after(served.began_ns),
            supplied_ns: after(served.supplied_ns),
            done_ns: after(served.done_ns),
            pool_level: served.level as u64,
        };
        let item = |made: &Made| ItemRow {
            cell: cell.row.cell.clone(),
            item: made.item.to_string(),
            connection: made.connection as u32,
            began_ns: signed(made.began_ns),
            done_ns: signed(made.done_ns),
            pool_level: made.level as u64,
            query: users.get(&made.item).copied(),
        };
        // The first items were the warm-ups', which used them up.
        ((0..).zip(measured).map(query).collect(), self.made.iter().skip(warmups).map(item).collect())
    }
}

/// What was done, by item.
struct Index<'a> {
    made: HashMap<ItemId, &'a Made>,
    made_by_server: HashMap<ItemId, &'a Made>,
    served_by_server: HashMap<ItemId, &'a Served>,
}

impl<'a> Index<'a> {
    fn of(session: &'a Session) -> Self {
        let made = |made: &'a [Made]| made.iter().map(|made| (made.item, made)).collect();
        Self {
            made: made(&session.made),
            made_by_server: made(&session.server.made),
            served_by_server: session.server.served.iter().map(|served| (served.item, served)).collect(),
        }
    }
}

/// A query whose phases are over, as both parties reported them.
struct Recorded<'a> {
    session: &'a Session,
    index: &'a Index<'a>,
    at: usize,
    served: &'a Served,
}

impl Recorded<'_> {
    fn lost(&self, party: &'static str) -> Error {
        Error::Party { party, what: format!("reports nothing of item {}", self.served.item) }
    }
}

impl Driver for Recorded<'_> {
    fn setup(&mut self) -> Result<Option<PhaseReport>, Error> {
        Ok((self.at == 0).then(|| self.session.setup.clone()))
    }

    fn offline(&mut self, _record: bool) -> Result<PhaseReport, Error> {
        let item = &self.served.item;
        let client = self.index.made.get(item).ok_or_else(|| self.lost("client"))?;
        let server = self.index.made_by_server.get(item).ok_or_else(|| self.lost("server"))?;
        Ok(PhaseReport { client: client.done.clone(), server: server.done.clone() })
    }

    fn online(&mut self, _image: &[f32]) -> Result<PhaseReport, Error> {
        let answer = self.index.served_by_server.get(&self.served.item);
        let answer = answer.ok_or_else(|| self.lost("server"))?;
        Ok(PhaseReport { client: self.served.done.clone(), server: answer.done.clone() })
    }
}
