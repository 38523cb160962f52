//! What keeps the project's shape, checked on its sources: the order of crates, no circle of modules, limits of size.

mod circles;
mod imports;
mod limits;
mod modules;
mod order;
mod sources;

use modules::Crate;
use order::ORDER;

/// Packages whose faults are printed, and do not fail the test yet.
const PENDING: [&str; 3] = ["protocols", "harness", "results"];

/// Fails with everything that was found, by package, if anything was.
fn refuse(mut found: Vec<(&str, String)>) {
    for (_, fault) in found.extract_if(.., |(package, _)| PENDING.contains(package)) {
        eprintln!("pending: {fault}");
    }
    let faults: Vec<String> = found.into_iter().map(|(_, fault)| fault).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn no_modules_use_each_other_in_a_circle() {
    let mut found = Vec::new();
    for (package, _) in ORDER {
        let sources = sources::read(package);
        for root in modules::roots(&sources, package) {
            let circles = circles::circles(&Crate::load(&sources, &root));
            found.extend(circles.into_iter().map(|circle| (package, circle)));
        }
    }
    refuse(found);
}

/// In the tests too.
#[test]
fn functions_and_files_stay_small() {
    let mut found = Vec::new();
    for package in ORDER.map(|(package, _)| package).into_iter().chain(["tests"]) {
        for (path, text) in sources::read(package) {
            let exceeded = limits::exceeded(&path, &text);
            found.extend(exceeded.into_iter().map(|fault| (package, fault)));
        }
    }
    refuse(found);
}
