//! `linnet models`: the networks in a folder, before any of them is run.

use crate::cli::ModelsArgs;
use crate::error::Error;
use crate::experiment::refused;
use crate::print::{print, room};
use models::checkpoint::{Checkpoint, REST};
use results::networks::{NetworkRow, text, write};
use std::path::{Path, PathBuf};

/// Folders are looked into so deep: a study's networks lie three below it.
const DEEPEST: usize = 8;

/// Prints the table, and writes it where a file is named.
pub(crate) fn list(args: &ModelsArgs) -> Result<(), Error> {
    let mut folders = Vec::new();
    for folder in &args.folders {
        let missing = |found| {
            let expected = format!("a checkpoint ({REST}) or a folder with some inside");
            Err(refused("FOLDERS", expected, found))
        };
        if !folder.exists() {
            return missing(format!("nothing at {}", folder.display()));
        }
        let before = folders.len();
        find(folder, DEEPEST, &mut folders)?;
        if folders.len() == before {
            return missing(format!("{} without any", folder.display()));
        }
    }
    let rows = folders.iter().map(|folder| row(folder)).collect::<Result<Vec<_>, _>>()?;
    if let Some(path) = &args.csv {
        write(path, &rows)?;
    }
    print(text(&rows, room()).trim_end())
}

/// Adds the checkpoints in `folder` and below it: by name, larger budgets first.
fn find(folder: &Path, deeper: usize, found: &mut Vec<PathBuf>) -> Result<(), Error> {
    if folder.join(REST).exists() {
        found.push(folder.to_owned());
    }
    let read = |e| Error::io(format!("reading {}", folder.display()))(e);
    let mut inside = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(read)? {
        let entry = entry.map_err(read)?;
        // Links are not followed: they could lead around.
        if entry.file_type().map_err(read)?.is_dir() {
            inside.push(entry.path());
        }
    }
    inside.sort_by_cached_key(|path| order(&path.file_name().unwrap_or_default().to_string_lossy()));
    match deeper {
        0 => Ok(()),
        _ => inside.iter().try_for_each(|path| find(path, deeper - 1, found)),
    }
}

/// `b50000` comes before `b6000`, and `privshap-seed2` before `privshap-seed10`.
fn order(name: &str) -> (String, std::cmp::Reverse<u64>, u64) {
    let digits = name.len() - name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let (stem, number) = name.split_at(name.len() - digits);
    let number = number.parse().unwrap_or(0);
    match stem {
        "b" => (stem.to_owned(), std::cmp::Reverse(number), 0),
        _ => (stem.to_owned(), std::cmp::Reverse(0), number),
    }
}

fn row(folder: &Path) -> Result<NetworkRow, Error> {
    let checkpoint = Checkpoint::load(folder)?;
    let meta = &checkpoint.meta;
    Ok(NetworkRow {
        folder: folder.display().to_string(),
        net: meta.net.clone(),
        data: meta.data.clone(),
        method: meta.method.clone(),
        budget: meta.budget.map(|budget| budget as u64),
        units: checkpoint.masks.count() as u64,
        images_seen: Some(meta.images_seen).filter(|images| *images > 0),
        held_out: meta.accuracy.held_out,
        test: meta.accuracy.test,
        sha256: checkpoint.digest(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_fall_and_seeds_rise() {
        let mut names = ["snl-seed10", "b6000", "ar", "b50000", "snl-seed2", "b900"];
        names.sort_by_cached_key(|name| order(name));
        assert_eq!(names, ["ar", "b50000", "b6000", "b900", "snl-seed2", "snl-seed10"]);
    }
}
