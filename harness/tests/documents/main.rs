//! Every whole command of a document, typed as it stands there but for what makes it take seconds: `shorter.rs` has all of that.
//! A document's reader begins in a folder with what the document supposes, and ends with what it promises.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

#[path = "../../../tests/documented/mod.rs"]
mod documented;
mod onnx;
mod promises;
mod shorter;
mod supplies;
mod typing;

use documented::Documented;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use typing::{root, type_all};

/// Commands that make a published study anew, in hours: those alone are not typed.
const HOURS: [&str; 2] = [
    "linnet sweep studies/cifar10-resnet20-links.toml --id links",
    "linnet sweep studies/cifar10-resnet20-effort.toml --id effort",
];

/// In what a document's commands are typed.
#[derive(Clone, Copy)]
enum Folders {
    /// All in one folder.
    One,
    /// Each block in one of its own.
    EachBlock,
}
use Folders::{EachBlock, One};

/// Tests of documents: a document's folders, and what is there before the first command and looked at after the last.
macro_rules! documents {
    ($($test:ident: $file:literal, $folders:expr, $supplies:path, $after:path;)*) => {
        $(
            #[test]
            fn $test() {
                type_document($file, $folders, $supplies, $after);
            }
        )*
        const DOCUMENTS: &[&str] = &[$($file),*];
    };
}

documents! {
    readme: "README.md", One, supplies::own_model, by_circuit_and_by_tables;
    quick_start: "book/src/quick-start.md", One, supplies::nothing, as_promised;
    own_model: "book/src/own-model.md", EachBlock, supplies::own_images, as_promised;
    linearizers: "book/src/linearizers.md", One, supplies::networks, as_promised;
    experiments: "book/src/experiments.md", One, supplies::studies, as_promised;
    two_hosts: "book/src/hosts.md", One, supplies::network, as_promised;
    limits: "book/src/results.md", One, supplies::before_and_now, as_promised;
    scenarios: "book/src/scenarios.md", One, supplies::network, as_promised;
    examples: "examples/README.md", EachBlock, supplies::examples, as_promised;
    study_of_linearizers: "results/studies/cifar10-resnet20-effort/README.md", One, supplies::published, as_promised;
    study_of_links: "results/studies/cifar10-resnet20-links/README.md", One, supplies::published, as_promised;
}

fn type_document(file: &str, folders: Folders, supplies: fn(&Path), after: fn(&Path)) {
    let all = whole_commands();
    let mut blocks: BTreeMap<usize, Vec<&Documented>> = BTreeMap::new();
    for command in all.iter().filter(|command| command.file == root().join(file)) {
        let block = command.block.expect("it is whole");
        let place = match folders {
            One => 0,
            EachBlock => block,
        };
        blocks.entry(place).or_default().push(command);
    }
    assert!(!blocks.is_empty(), "{file} has no commands");
    for commands in blocks.values() {
        let folder = tempfile::tempdir().unwrap();
        supplies(folder.path());
        let short: Vec<&Documented> =
            commands.iter().copied().filter(|command| !takes_hours(command)).collect();
        if type_all(folder.path(), &short) == short.len() {
            after(folder.path());
        }
    }
}

fn whole_commands() -> Vec<Documented> {
    let all = documented::commands(&root(), "linnet").into_iter();
    all.filter(|command| command.block.is_some()).collect()
}

fn takes_hours(command: &Documented) -> bool {
    HOURS.contains(&&*command.words.join(" "))
}

/// What each command promises is enough.
fn as_promised(_: &Path) {}

/// README's own network, from its file to a report.
fn by_circuit_and_by_tables(folder: &Path) {
    let run = results::load(&folder.join("runs/mine")).unwrap();
    let cells: Vec<(&str, &str)> = run.summary.iter().map(|row| (&*row.relu, &*row.link)).collect();
    assert_eq!(cells, [("sign", "lan"), ("sign", "wan"), ("millionaire", "lan"), ("millionaire", "wan")]);
    let imported = run.manifest.models[0].imported_from.as_ref().unwrap();
    assert!(imported.file == "my.onnx" && imported.sha256.as_ref().unwrap().len() == 64);
}

#[test]
fn every_document_with_whole_commands_is_typed() {
    let all = whole_commands();
    let found: BTreeSet<&Path> =
        all.iter().map(|command| command.file.strip_prefix(root()).unwrap()).collect();
    let typed: BTreeSet<&Path> = DOCUMENTS.iter().map(Path::new).collect();
    assert_eq!(found, typed);
}

#[test]
fn nothing_is_left_out_but_studies_made_anew() {
    let studies = root().join("results/studies");
    let left_out: Vec<Documented> = whole_commands().into_iter().filter(takes_hours).collect();
    assert_eq!(left_out.len(), HOURS.len(), "each stands in a document, once");
    for Documented { file, words, .. } in left_out {
        assert!(file.starts_with(&studies), "{}", file.display());
        let [_, sweep, study, id, _] = &words[..] else { panic!("{words:?}") };
        assert_eq!((sweep.as_str(), id.as_str()), ("sweep", "--id"));
        assert!(study.starts_with("studies/") && root().join(study).exists(), "{study}");
    }
}
