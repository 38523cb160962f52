//! Which cells an experiment has, and in which order they run.

use crate::choice::{OtChoice, StoreKind};
use crate::error::Error;
use crate::experiment::{Experiment, Variant};
use models::checkpoint::Checkpoint;
use netem::Link;
use protocols::he::HeBackend;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use results::select::{Candidate, select_any};
use std::collections::HashSet;
use std::sync::Arc;

/// One model in one variant over one link.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Planned {
    /// The same for the same cell in whatever experiment.
    pub(super) id: String,
    /// Indices into the experiment's lists.
    pub(super) model: usize,
    pub(super) variant: usize,
    pub(super) link: usize,
    /// Queries a second, where they come at a rate.
    pub(super) rate: Option<f64>,
}

/// Which of an experiment's cells run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    /// Those that any of these means; all if there are none.
    only: Vec<String>,
    /// This share (from 1) of so many.
    shard: Option<(usize, usize)>,
}

impl Selection {
    /// From what was typed: texts, and a share such as `1/4`.
    pub(crate) fn parse(only: Vec<String>, shard: Option<&str>) -> Result<Self, Error> {
        let shard = shard.map(|text| {
            text.split_once('/')
                .and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)))
                .filter(|(i, n)| (1..=*n).contains(i))
                .ok_or_else(|| Error::Option {
                    option: "--shard",
                    expected: "I/N with I from 1 to N, such as 1/4".into(),
                    found: text.to_owned(),
                })
        });
        Ok(Self { only, shard: shard.transpose()? })
    }

    /// The share of so many, if not all cells run.
    pub(super) fn shard(&self) -> Option<(usize, usize)> {
        self.shard
    }

    /// Those of `cells` that are meant, and tells which on standard error; `candidate` is what a cell is known by.
    ///
    /// Errors if something that was typed means none of them, or more than one thing.
    pub(super) fn only(
        &self,
        cells: Vec<Planned>,
        candidate: impl Fn(&Planned) -> Candidate,
    ) -> Result<Vec<Planned>, Error> {
        if self.only.is_empty() {
            return Ok(cells);
        }
        let candidates: Vec<Candidate> = cells.iter().map(candidate).collect();
        let meant = select_any("--only", &self.only, &candidates)?;
        let all = cells.len();
        let chosen: Vec<Planned> =
            cells.into_iter().zip(meant).filter(|(_, meant)| *meant).map(|(cell, _)| cell).collect();
        let names: Vec<&str> = chosen.iter().map(|cell| cell.id.as_str()).collect();
        eprintln!("{} of {all} cells: {}", chosen.len(), names.join(", "));
        Ok(chosen)
    }

    /// Those of `cells`, in the order in which they run, that are in the share.
    pub(super) fn share(&self, mut cells: Vec<Planned>) -> Vec<Planned> {
        if let Some((share, of)) = self.shard {
            let mut index = 0..;
            cells.retain(|_| index.next().is_some_and(|index| index % of == share - 1));
        }
        cells
    }
}

/// All cells in the order of the experiment's lists. `networks` are those of its models, in order.
///
/// Errors if two cells have the same id.
pub(super) fn plan(experiment: &Experiment, networks: &[Arc<Checkpoint>]) -> Result<Vec<Planned>, Error> {
    let mut cells = Vec::new();
    let mut ids = HashSet::new();
    for (model, network) in networks.iter().enumerate() {
        for (variant, chosen) in experiment.variants.iter().enumerate() {
            for (link, over) in experiment.links.iter().enumerate() {
                for rate in experiment.scenario.rates() {
                    let id = id(network, *chosen, over) + &experiment.scenario.suffix(rate);
                    if !ids.insert(id.clone()) {
                        return Err(Error::Option {
                            option: "--models",
                            expected: "every network, method and ReLU count once".into(),
                            found: format!("{id} twice"),
                        });
                    }
                    cells.push(Planned { id, model, variant, link, rate });
                }
            }
        }
    }
    Ok(cells)
}

/// The cells in an order that `seed` determines, so that what changes while they run (heat, other programs) does not
/// fall on one model or link alone.
pub(super) fn shuffled(mut cells: Vec<Planned>, seed: u64) -> Vec<Planned> {
    cells.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    cells
}

/// What is usual of backend, extension, threads and store is not said.
fn id(network: &Checkpoint, variant: Variant, link: &Link) -> String {
    let Variant { relu, he, ot, threads, store } = variant;
    let meta = &network.meta;
    let mut id = format!("{}-{}-{}-{}", meta.net, meta.method, network.masks.count(), relu.name());
    if he != HeBackend::Linnet {
        id += &format!("-{}", he.name());
    }
    if ot != OtChoice::default() {
        id += &format!("-{}", ot.name());
    }
    if threads != 1 {
        id += &format!("-{threads}threads");
    }
    if store == StoreKind::File {
        id += "-file";
    }
    format!("{id}-{}", link.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use results::CellRow;

    fn cells(count: usize) -> Vec<Planned> {
        (0..count)
            .map(|i| Planned {
                id: format!("net-{}-{i}", ["snl", "ar"][i % 2]),
                model: i,
                variant: 0,
                link: 0,
                rate: None,
            })
            .collect()
    }

    #[test]
    fn shares_are_disjoint_and_together_all() {
        let order = shuffled(cells(11), 3);
        let share = |i| Selection::parse(vec![], Some(&format!("{i}/4"))).unwrap().share(order.clone());
        let mut together: Vec<Planned> = (1..=4).flat_map(share).collect();
        assert_eq!((share(1).len(), share(4).len()), (3, 2));
        together.sort_by_key(|cell| cell.model);
        assert_eq!(together, cells(11));
    }

    #[test]
    fn the_order_is_the_seeds() {
        let order = |seed| shuffled(cells(20), seed);
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
        assert_ne!(order(1), cells(20));
    }

    #[test]
    fn what_is_selected_is_meant_by_a_text() {
        let candidate = |cell: &Planned| {
            let method = ["snl", "ar"][cell.model % 2].to_owned();
            let row = CellRow { cell: cell.id.clone(), relu: "narrow".into(), method, ..CellRow::default() };
            Candidate::of_cell("", &row)
        };
        let only = |texts: &[&str]| {
            let texts = texts.iter().map(|text| (*text).to_owned()).collect();
            Selection::parse(texts, None).unwrap().only(cells(6), candidate).map(|cells| cells.len())
        };
        assert_eq!(only(&[]).unwrap(), 6);
        assert_eq!(only(&["snl"]).unwrap(), 3);
        assert_eq!(only(&["snl", "net-ar-1"]).unwrap(), 4);
        let error = only(&["senet"]).unwrap_err().to_string();
        assert!(error.contains("method=ar") && error.contains("found senet"), "{error}");
    }

    #[test]
    fn shares_that_make_no_sense_are_refused() {
        for text in ["0/4", "5/4", "1", "a/b", "1/0", "-1/2"] {
            let error = Selection::parse(vec![], Some(text)).unwrap_err().to_string();
            assert!(error.contains("--shard") && error.contains(text), "{error}");
        }
    }
}
