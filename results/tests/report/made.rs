//! Runs that are made up for pages.

use crate::example::{self, cell, inference, manifest, steps};
use results::{CellRow, Loaded, Manifest, Run, load};
use std::path::Path;

/// Two methods at two budgets over two links, seven repeats each, and a name that would end a script.
pub(crate) fn run(folder: &Path) -> Loaded {
    let settings = serde_json::json!({ "question": "Which </script><b>method</b> is best?" });
    let dir = folder.join("page");
    let mut run = Run::create(&dir, &Manifest { id: "page".to_owned(), settings, ..manifest() }).unwrap();
    for link in ["lan", "wan"] {
        for method in ["privshap", "snl"] {
            for relus in [1_000, 4_000] {
                let id = format!("mini-{method}-{relus}-{link}");
                let row =
                    CellRow { method: method.to_owned(), budget: Some(relus), relus, ..cell(&id, link) };
                run.cell(&row).unwrap();
                for repeat in 0..7 {
                    let inference = inference(&id, repeat, 3);
                    let ns = 2_000_000 + relus * 300 + u64::from(repeat) * 10_000;
                    run.inference(&inference, &steps(&inference, ns)).unwrap();
                }
            }
        }
    }
    run.finish().unwrap();
    load(&dir).unwrap()
}

/// With a run that has cells which use a pool.
pub(crate) fn runs(folder: &Path) -> [Loaded; 2] {
    [run(folder), example::served(folder)]
}
