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

/// A cell over `lan`, with as many repeats as it has images, whose times are a hundredth apart.
#[derive(Clone, Copy)]
pub(crate) struct Made {
    pub(crate) method: &'static str,
    pub(crate) relus: u64,
    /// On so many test images; `None`: not evaluated.
    pub(crate) tested: Option<(f64, u64)>,
    pub(crate) online_ms: f64,
    pub(crate) repeats: u32,
}

/// A run of these cells, in which the secure run is right of all images but the first.
pub(crate) fn of(folder: &Path, cells: &[Made]) -> Loaded {
    let dir = folder.join("made");
    let mut run = Run::create(&dir, &Manifest { id: "made".to_owned(), ..manifest() }).unwrap();
    for made in cells {
        let id = format!("mini-{}-{}", made.method, made.relus);
        let (acc_fixed, acc_images) = made.tested.unzip();
        let (method, budget, relus) = (made.method.to_owned(), Some(made.relus), made.relus);
        let row = CellRow {
            method,
            budget,
            relus,
            acc_float: acc_fixed,
            acc_fixed,
            acc_images,
            ..cell(&id, "lan")
        };
        run.cell(&row).unwrap();
        for repeat in 0..made.repeats {
            let inference = inference(&id, repeat, if repeat == 0 { 4 } else { 3 });
            let late = f64::from(repeat) - f64::from(made.repeats - 1) / 2.0;
            let ns = made.online_ms * 1e6 * (1.0 + 0.01 * late / f64::from(made.repeats));
            run.inference(&inference, &steps(&inference, ns.round() as u64)).unwrap();
        }
    }
    run.finish().unwrap();
    load(&dir).unwrap()
}
