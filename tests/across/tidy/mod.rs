//! What keeps the project's shape, checked on its sources: the order of crates, no circle of modules, limits of size,
//! where a ReLU variant is named; and that what is promised is tested.

mod circles;
mod imports;
mod limits;
mod modules;
mod order;
mod security;
mod sources;
mod variants;

use modules::Crate;
use order::ORDER;

/// Fails with everything that was found, if anything was.
fn refuse(faults: &[String]) {
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn no_modules_use_each_other_in_a_circle() {
    let mut found = Vec::new();
    for (package, _) in ORDER {
        let sources = sources::read(package);
        for root in modules::roots(&sources, package) {
            found.extend(circles::circles(&Crate::load(&sources, &root)));
        }
    }
    refuse(&found);
}

#[test]
fn what_is_promised_is_tested() {
    let text = std::fs::read_to_string(sources::root().join("SECURITY.md")).unwrap();
    let packages = ORDER.map(|(package, _)| package).into_iter().chain(["tests"]);
    refuse(&security::faults(&text, &security::tests(packages)));
}

/// In the tests too.
#[test]
fn functions_and_files_stay_small() {
    let mut found = Vec::new();
    for package in ORDER.map(|(package, _)| package).into_iter().chain(["tests"]) {
        for (path, text) in sources::read(package) {
            found.extend(limits::exceeded(&path, &text));
        }
    }
    refuse(&found);
}
