//! Runs joined into one: shares of an experiment, or parts of it that ran alone.

use crate::run::{load_transcripts, replace_tables};
use crate::units::{bytes, seconds};
use crate::{DataRecord, Error, LinkRecord, Loaded, Manifest, ModelRecord, Run, SummaryRow, Tables, load};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// Settings that say where a run lies, not what it does.
const PLACES: [&str; 2] = ["out", "id"];

/// Joins the runs in `parts` into a new one at `out`, whose name becomes its id. They must be of one experiment on machines
/// of one kind; no cell may be in two of them, and of shares all must be there. Their rows stay as they are.
///
/// # Errors
/// [`Error::Merge`] with the run and what differs; those of [`load`] and [`Run::create`].
pub fn merge(parts: &[PathBuf], out: &Path) -> Result<Vec<SummaryRow>, Error> {
    let runs: Vec<Loaded> = parts.iter().map(|part| load(part)).collect::<Result<_, _>>()?;
    let Some((first, others)) = runs.split_first() else { return Ok(Vec::new()) };
    for (run, path) in others.iter().zip(&parts[1..]) {
        same(path, &parts[0], &run.manifest, &first.manifest)?;
    }
    let mut home: HashMap<&str, &Path> = HashMap::new();
    for (run, path) in runs.iter().zip(parts) {
        for cell in &run.tables.cells {
            if let Some(other) = home.insert(&cell.cell, path) {
                let expected = format!("no cell of {}", other.display());
                return Err(differs(path, "cells", expected, cell.cell.clone()));
            }
        }
    }
    let manifest = joined(&runs, parts, out)?;
    let run = Run::create(out, &manifest)?;
    let (mut tables, mut transcripts) = (Tables::default(), Vec::new());
    for (part, path) in runs.into_iter().zip(parts) {
        transcripts.extend(load_transcripts(path, &part.tables)?);
        tables.append(part.tables);
    }
    replace_tables(out, &tables, &transcripts)?;
    Ok(run.finish()?.summary)
}

fn differs(path: &Path, what: &str, expected: impl Into<String>, found: impl Into<String>) -> Error {
    Error::Merge {
        path: path.to_owned(),
        what: what.to_owned(),
        expected: expected.into(),
        found: found.into(),
    }
}

/// A link as it was asked for.
fn asked(link: &LinkRecord) -> String {
    let rate = link.rate_bytes_per_s.map(|rate| format!("{}/s", bytes(rate as u64)));
    let rtt = (link.rtt_s > 0.0).then(|| format!("RTT {}", seconds(link.rtt_s)));
    let parts: Vec<String> = rate.into_iter().chain(rtt).collect();
    format!("{} ({})", link.name, if parts.is_empty() { "unshaped".to_owned() } else { parts.join(", ") })
}

/// Errors with the first thing that makes the runs' rows not comparable.
fn same(path: &Path, first: &Path, run: &Manifest, of: &Manifest) -> Result<(), Error> {
    let machine = |manifest: &Manifest| {
        let machine = &manifest.machine;
        format!("{}, {} cores, {:?}", machine.cpu_model, machine.cores, machine.features)
    };
    let link = |manifest: &Manifest| manifest.links.iter().map(asked).collect::<Vec<_>>().join(", ");
    let quantities = |manifest: &Manifest| {
        [
            ("version", manifest.linnet.clone()),
            ("machine", machine(manifest)),
            ("pinning", format!("{:?}", manifest.pinning)),
            ("seeds", format!("{:?}", manifest.seeds)),
            ("links", link(manifest)),
        ]
    };
    for ((what, found), (_, expected)) in quantities(run).into_iter().zip(quantities(of)) {
        if found != expected {
            return Err(differs(path, what, format!("that of {}, {expected}", first.display()), found));
        }
    }
    let settings = |manifest: &Manifest| match &manifest.settings {
        Value::Object(all) => all.clone(),
        other => serde_json::Map::from_iter([("settings".to_owned(), other.clone())]),
    };
    let (asked, begun) = (settings(run), settings(of));
    let keys: BTreeSet<&String> = asked.keys().chain(begun.keys()).collect();
    for key in keys.into_iter().filter(|key| !PLACES.contains(&key.as_str())) {
        if asked.get(key) != begun.get(key) {
            let text = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), Value::to_string);
            let expected = format!("that of {}, {}", first.display(), text(begun.get(key)));
            return Err(differs(path, &format!("setting {key}"), expected, text(asked.get(key))));
        }
    }
    for model in &run.models {
        let twin = |other: &&ModelRecord| {
            (&other.name, &other.method, other.relus, &other.relu, &other.he, &other.ot)
                == (&model.name, &model.method, model.relus, &model.relu, &model.he, &model.ot)
        };
        if let Some(other) = of.models.iter().find(twin).filter(|other| *other != model) {
            let digests = |model: &ModelRecord| {
                format!("{} in plan {}", model.digest, model.plan_digest.as_deref().unwrap_or("none"))
            };
            let what = format!("{} {} with {} ReLUs", model.name, model.method, model.relus);
            return Err(differs(path, &what, digests(other), digests(model)));
        }
    }
    Ok(())
}

/// The manifest of all of them.
fn joined(runs: &[Loaded], parts: &[PathBuf], out: &Path) -> Result<Manifest, Error> {
    let mut manifest = runs[0].manifest.clone();
    manifest.id = out.file_name().unwrap_or_default().to_string_lossy().into_owned();
    manifest.shard = None;
    manifest.cells = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        for model in &run.manifest.models {
            if !manifest.models.contains(model) {
                manifest.models.push(model.clone());
            }
        }
        if index > 0 {
            join_data(&mut manifest.data, &run.manifest.data, &parts[index])?;
            manifest.resumed.extend_from_slice(&run.manifest.resumed);
        }
        manifest.cells.extend(run.manifest.cells.iter().cloned());
    }
    let Some(shard) = &runs[0].manifest.shard else { return Ok(manifest) };
    let mut shares = BTreeSet::new();
    for (run, path) in runs.iter().zip(parts) {
        match &run.manifest.shard {
            Some(other) if (other.of, &other.whole) == (shard.of, &shard.whole) => {
                shares.insert(other.share);
            }
            other => {
                let found = other.as_ref().map_or_else(
                    || "no share".to_owned(),
                    |other| format!("share {} of {}", other.share, other.of),
                );
                return Err(differs(
                    path,
                    "share",
                    format!("one of the {} of the first run", shard.of),
                    found,
                ));
            }
        }
    }
    let missing: Vec<String> =
        (1..=shard.of).filter(|share| !shares.contains(share)).map(|share| share.to_string()).collect();
    if !missing.is_empty() {
        let found = format!("none of {}", missing.join(", "));
        return Err(differs(out, "shares", format!("all of {}", shard.of), found));
    }
    manifest.cells.clone_from(&shard.whole);
    Ok(manifest)
}

/// Adds the files of the run at `path` that are not in `all`: a share lists those of its own cells' networks alone.
///
/// Errors with the first file that is another one there.
fn join_data(all: &mut Vec<DataRecord>, files: &[DataRecord], path: &Path) -> Result<(), Error> {
    for file in files {
        match all.iter().find(|other| (&other.set, &other.file) == (&file.set, &file.file)) {
            None => all.push(file.clone()),
            Some(other) if other.sha256 == file.sha256 => {}
            Some(other) => {
                let what = format!("data {}/{}", file.set, file.file);
                return Err(differs(path, &what, other.sha256.clone(), file.sha256.clone()));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_several_data_sets_have_the_files_of_all() {
        let file = |set: &str, sha256: &str| DataRecord {
            set: set.into(),
            file: "test".into(),
            sha256: sha256.into(),
            official: None,
            remark: None,
        };
        let mut all = Vec::new();
        for files in [&[][..], &[file("a", "1")], &[file("b", "2"), file("a", "1")]] {
            join_data(&mut all, files, Path::new("share")).unwrap();
        }
        assert_eq!(all, [file("a", "1"), file("b", "2")]);
        let error = join_data(&mut all, &[file("b", "3")], Path::new("share")).unwrap_err().to_string();
        assert!(error.contains("share") && error.contains("data b/test: expected 2, found 3"), "{error}");
    }
}
