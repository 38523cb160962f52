//! An experiment's file.

use super::Study;
use super::file::File;
use crate::cli::{Cli, Command, SweepArgs};
use clap::Parser;
use std::path::Path;

fn sweep(quick: bool) -> SweepArgs {
    let words = ["linnet", "sweep", "study.toml"].into_iter().chain(quick.then_some("--quick"));
    match Cli::try_parse_from(words).unwrap().command {
        Command::Sweep(args) => args,
        _ => unreachable!("asked for"),
    }
}

/// The first byte says whether it is read with its table `quick`. What is taken is planned and its networks checked, or
/// refused with its place.
#[test]
fn study_toml() {
    let studies = Path::new(env!("CARGO_MANIFEST_DIR")).join("../studies");
    let mut texts: Vec<Vec<u8>> = std::fs::read_dir(studies)
        .unwrap()
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect();
    texts.sort();
    let seeds = texts.iter().flat_map(|text| [0, 1].map(|quick| [&[quick], &text[..]].concat()));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.toml");
    let target = fuzzing::Target::new(env!("CARGO_MANIFEST_DIR"), "study_toml");
    // The parser's tree, and the options of a command line.
    target.seeds(seeds.collect::<Vec<_>>()).allows(256, 4 << 20).run(|bytes| {
        let Some((quick, text)) = bytes.split_first() else { return false };
        std::fs::write(&path, text).unwrap();
        let quick = quick & 1 == 1;
        if File::read(&path, quick).is_err() {
            return false;
        }
        match Study::read(&path, sweep(quick)) {
            Ok(study) => {
                let _ = study.check_networks(&path).map_err(|error| error.to_string());
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        true
    });
}
