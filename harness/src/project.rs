//! `linnet project`: runs' latency over other links, from what their parties did.

use crate::cli::ProjectArgs;
use crate::error::Error;
use crate::experiment::parse_links;
use crate::print::{print, room};
use netem::{Doing, Event, Link, Predicted};
use results::projection::{ProjectedLink, ProjectedRow};
use results::select::{Candidate, select_any};
use results::{
    Party, Phase, SummaryRow, TranscriptRow, load_manifest, load_tables, load_transcripts, summarise,
};
use std::collections::BTreeMap;
use std::path::Path;

/// Prints, and writes where asked to, every cell over every link.
pub(crate) fn project(args: &ProjectArgs) -> Result<(), Error> {
    let links = parse_links(&args.links)?;
    if let Some(link) = links.iter().find(|link| !link.is_shaped()) {
        return Err(Error::Option {
            option: "--link",
            expected: "a link with a rate or a round-trip time; what an unshaped one takes is this machine's, to be run"
                .into(),
            found: link.to_string(),
        });
    }
    let runs: Vec<Ran> = args.runs.iter().map(|folder| Ran::load(folder)).collect::<Result<_, _>>()?;
    let candidates: Vec<Candidate> = runs.iter().flat_map(Ran::candidates).collect();
    let mut meant = select_any("--only", &args.only, &candidates)?.into_iter();
    let mut rows = Vec::new();
    for run in &runs {
        for cell in &run.cells {
            if meant.next() == Some(true) {
                rows.extend(run.projected(cell, &links)?);
            }
        }
    }
    if rows.is_empty() {
        let expected =
            "runs of cells with transcripts (`--transcripts` of `linnet run` and `sweep`)".to_owned();
        let named = args.runs.iter().map(|run| run.display().to_string()).collect::<Vec<_>>().join(", ");
        let found = if args.only.is_empty() { format!("none in {named}") } else { args.only.join(", ") };
        return Err(Error::Option { option: "project", expected, found });
    }
    if let Some(path) = &args.csv {
        results::projection::write(path, &rows)?;
    }
    print(&results::projection::text(&rows, room()))
}

/// What either party did in the offline and in the online phase of one repeat.
#[derive(Default)]
struct Repeat {
    offline: [Vec<Event>; 2],
    online: [Vec<Event>; 2],
}

/// A run, with what its parties did.
struct Ran {
    id: String,
    cells: Vec<SummaryRow>,
    /// By cell and number.
    repeats: BTreeMap<(String, u32), Repeat>,
}

impl Ran {
    fn load(folder: &Path) -> Result<Self, Error> {
        let (manifest, tables) = (load_manifest(folder)?, load_tables(folder)?);
        let mut repeats: BTreeMap<(String, u32), Repeat> = BTreeMap::new();
        for row in load_transcripts(folder, &tables)? {
            let repeat = repeats.entry((row.cell.clone(), row.repeat)).or_default();
            let (events, phase) = match row.phase {
                Phase::Setup => continue,
                Phase::Offline => (&mut repeat.offline, netem::Phase::Offline),
                Phase::Online => (&mut repeat.online, netem::Phase::Online),
            };
            let party = match row.party {
                Party::Client => 0,
                Party::Server => 1,
            };
            events[party].push(event(&row, phase));
        }
        Ok(Self { cells: summarise(&tables, &manifest)?, id: manifest.id, repeats })
    }

    fn candidates(&self) -> impl Iterator<Item = Candidate> {
        self.cells.iter().map(|cell| Candidate::of_summary(&self.id, cell))
    }

    /// A cell over every link; nothing where its transcripts were not kept.
    fn projected(&self, cell: &SummaryRow, links: &[Link]) -> Result<Vec<ProjectedRow>, Error> {
        let of_cell = self.repeats.iter().filter(|((id, _), _)| *id == cell.cell);
        let of_cell: Vec<&Repeat> = of_cell.map(|(_, repeat)| repeat).collect();
        if of_cell.is_empty() {
            return Ok(Vec::new());
        }
        links.iter().map(|link| projected(&self.id, cell, &of_cell, link)).collect()
    }
}

fn event(row: &TranscriptRow, phase: netem::Phase) -> Event {
    let bytes = row.bytes.unwrap_or(0);
    let doing = match row.doing {
        results::Doing::Sent => Doing::Sent(bytes),
        results::Doing::Received => Doing::Received(bytes),
        results::Doing::Left => Doing::Left,
    };
    Event { phase, step: row.step, compute_ns: row.compute_ns, doing }
}

/// A cell over a link. As in the summary, offline takes the slower party, online the client.
fn projected(run: &str, cell: &SummaryRow, repeats: &[&Repeat], link: &Link) -> Result<ProjectedRow, Error> {
    let total = |steps: &[Predicted]| steps.iter().fold(0u64, |sum, step| sum.saturating_add(step.wall_ns));
    let mut times = Vec::with_capacity(repeats.len());
    for repeat in repeats {
        let [client, server] = replayed(&repeat.offline, link)?;
        let [online, _] = replayed(&repeat.online, link)?;
        times.push((total(&client).max(total(&server)), total(&online)));
    }
    let link = ProjectedLink {
        name: link.name.clone(),
        rate_bytes_per_s: link.effective_rate().map(|rate| rate.0),
        rtt_s: link.rtt.as_secs_f64(),
    };
    Ok(ProjectedRow::new(run, cell, &link, &times))
}

fn replayed(ends: &[Vec<Event>; 2], link: &Link) -> Result<[Vec<Predicted>; 2], Error> {
    Ok(netem::replay([&ends[0], &ends[1]], link)?)
}
