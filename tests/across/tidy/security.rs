//! What `SECURITY.md` promises, and the tests that it names.

use super::sources;
use std::collections::BTreeSet;
use syn::visit::Visit;

/// Names of a file's tests that run without being asked for.
#[derive(Default)]
struct Tests(BTreeSet<String>);

impl<'ast> Visit<'ast> for Tests {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        let has = |name: &str| function.attrs.iter().any(|attribute| attribute.path().is_ident(name));
        if has("test") && !has("ignore") {
            self.0.insert(function.sig.ident.to_string());
        }
    }
}

/// Every test of these packages.
pub(super) fn tests<'a>(packages: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let mut tests = Tests::default();
    for package in packages {
        for (path, text) in sources::read(package) {
            tests.visit_file(&sources::parse(&path, &text));
        }
    }
    tests.0
}

/// What is wrong with the table of promises in `text`, where there are these `tests`.
pub(super) fn faults(text: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut promises = 0;
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [promise, named] = cells[..] else {
            faults.push(format!("expected a promise and its tests, found {line}"));
            continue;
        };
        if promise == "promise" || promise.starts_with("**") {
            continue;
        }
        promises += 1;
        let named: Vec<&str> = named.split('`').skip(1).step_by(2).collect();
        if named.is_empty() {
            faults.push(format!("expected tests of `{promise}`, found none"));
        }
        let missing = named.iter().filter(|name| !tests.contains(**name));
        faults.extend(missing.map(|name| format!("`{promise}`: expected the test `{name}`, found none")));
    }
    if promises == 0 {
        faults.push("expected a table of promises, found none".to_owned());
    }
    faults
}

#[test]
fn a_promise_without_a_test_is_found() {
    let tests = BTreeSet::from(["there".to_owned()]);
    let table = |row: &str| faults(&format!("| promise | tests |\n|---|---|\n{row}\n"), &tests);
    assert_eq!(table("| **All** | |\n| a | `there` |"), [""; 0]);
    assert!(table("| a | not tested |")[0].contains("expected tests of `a`"));
    assert!(table("| a | `there`, `gone` |")[0].contains("expected the test `gone`"));
    assert!(table("")[0].contains("expected a table"));
}
