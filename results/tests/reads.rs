//! Each file of a run is opened once, and what was read is all that anything else needs.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helping functions too")]

mod example;

use example::{cell, classes, served, write};
use results::compare::{self, Options};
use results::{Run, layers, load, merge, pictures, report, scenario, summarise, table};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use std::collections::{BTreeMap, HashSet};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;

/// A folder whose files are watched.
struct Watch(OwnedFd);

impl Watch {
    fn on(folder: &Path) -> Self {
        let watch = inotify::init(CreateFlags::NONBLOCK).unwrap();
        // Both events, since the kernel makes one of two alike that follow each other.
        inotify::add_watch(&watch, folder, WatchFlags::OPEN | WatchFlags::CLOSE_NOWRITE).unwrap();
        Self(watch)
    }

    /// The files that were opened to be read, and closed again, with how often each was.
    fn read(self) -> BTreeMap<String, usize> {
        let mut buffer = [MaybeUninit::uninit(); 1 << 12];
        let mut events = Reader::new(self.0, &mut buffer);
        let mut read = BTreeMap::new();
        loop {
            match events.next() {
                Err(Errno::WOULDBLOCK) => return read,
                event => {
                    let event = event.unwrap();
                    if let Some(name) =
                        event.file_name().filter(|_| event.events().contains(ReadFlags::CLOSE_NOWRITE))
                    {
                        *read.entry(name.to_str().unwrap().to_owned()).or_default() += 1;
                    }
                }
            }
        }
    }
}

fn once(files: &[&[&str]]) -> BTreeMap<String, usize> {
    files.concat().into_iter().map(|file| (file.to_owned(), 1)).collect()
}

/// What is measured in a run whose queries come at a rate and whose test images were classified in the clear.
const MEASURED: [&str; 7] =
    ["manifest.json", "cells.csv", "inferences.csv", "raw.csv", "accuracy.csv", "queries.csv", "items.csv"];
const TRANSCRIPTS: [&str; 1] = ["transcripts.csv"];
const DERIVED: [&str; 2] = ["summary.csv", "scenarios.csv"];

#[test]
fn finishing_loading_resuming_and_merging_read_each_file_once() {
    let temp = tempfile::tempdir().unwrap();
    served(temp.path());
    let dir = temp.path().join("served");
    let resume = || {
        let all =
            |cells: &[results::CellRow]| cells.iter().map(|row| row.cell.clone()).collect::<HashSet<_>>();
        Run::resume(&dir, |cells, _| all(cells), |manifest| manifest).unwrap().0
    };
    let mut run = resume();
    let row = cell("mini-lan-5", "lan");
    run.classes(&row, &classes(&row.cell, [true, false])).unwrap();
    let watch = Watch::on(&dir);
    let finished = run.finish().unwrap();
    assert_eq!(watch.read(), once(&[&MEASURED]));

    let watch = Watch::on(&dir);
    let loaded = load(&dir).unwrap();
    assert_eq!(watch.read(), once(&[&MEASURED, &DERIVED]));
    assert_eq!(loaded, finished, "files say what they were made of, to the last digit");

    let watch = Watch::on(&dir);
    drop(resume());
    assert_eq!(watch.read(), once(&[&MEASURED, &TRANSCRIPTS]));

    resume().finish().unwrap();
    let watch = Watch::on(&dir);
    merge(std::slice::from_ref(&dir), &temp.path().join("merged")).unwrap();
    assert_eq!(watch.read(), once(&[&MEASURED, &TRANSCRIPTS, &DERIVED]));
}

#[test]
fn what_was_loaded_is_all_that_is_needed() {
    let temp = tempfile::tempdir().unwrap();
    let (run, dir) = write(temp.path());
    run.finish().unwrap();
    let runs = [load(&dir).unwrap(), served(temp.path())];
    temp.close().unwrap();
    let blocks = compare::compare(&runs, &Options::default()).unwrap();
    assert_eq!(blocks.iter().map(|block| block.rows.len()).sum::<usize>(), 5);
    assert!(report::html(&runs).contains("mini-lan-60"));
    for run in &runs {
        assert_eq!(summarise(&run.tables, &run.manifest).unwrap(), run.summary);
        assert_eq!(scenario::scenarios(&run.tables, &run.manifest), run.scenarios);
        assert!(!layers(run).is_empty() && table(&run.summary, None).contains("mini, narrow"));
        assert!(
            pictures::all(&run.summary, &compare::unbeaten(run))
                .iter()
                .all(|(_, svg)| svg.ends_with("</svg>\n"))
        );
    }
}

/// The files of a folder and of those within it.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn one_source_file_opens_files_to_read_them() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let reads = |path: &std::path::PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        ["fs::read(", "read_to_string(", "File::open(", "from_path("].iter().any(|call| code.contains(call))
    };
    // Fuzz targets make files to be read.
    let tests = |path: &std::path::PathBuf| path.ends_with("fuzz.rs");
    let found: Vec<_> = files(&sources).into_iter().filter(|path| !tests(path) && reads(path)).collect();
    assert_eq!(found, [sources.join("run/read.rs")]);
}
