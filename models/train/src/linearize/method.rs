//! How the units that keep their nonlinearity are chosen.

use super::LinearizeSettings;
use crate::Error;
use crate::privshap::budgets::budgets;
use crate::privshap::worth;
use crate::watch::Watch;
use clap::ValueEnum;
use models::checkpoint::Checkpoint;
use models::data::Dataset;
use models::mask::{Mask, Masks};
use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A linearizer. All of them train equally long, from the same weights and with the same teacher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Shapley values across layers, gradient projection within.
    Privshap,
    /// The same share of every layer, gradient projection within.
    Uniform,
    /// The same share of every layer, units drawn at random.
    Random,
}

/// The units to begin with, and what is to become of them.
pub(super) struct Choice {
    /// In the first epoch.
    pub(super) masks: Masks,
    /// Units to keep per layer, chosen anew after every epoch; without, the masks stay.
    pub(super) budgets: Option<Vec<usize>>,
}

impl Method {
    /// As in a checkpoint's `method`, in results and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Privshap => "privshap",
            Self::Uniform => "uniform",
            Self::Random => "random",
        }
    }

    /// The layers' weights in the sharing out of a budget, in network order. Only PrivShap measures anything.
    pub(super) fn weights(
        self,
        settings: &LinearizeSettings,
        teacher: &Checkpoint,
        held_out: &Dataset,
        out: &Path,
        watch: &mut dyn Watch,
    ) -> Result<Vec<f64>, Error> {
        match self {
            Self::Privshap => Ok(worth(&settings.shapley, teacher, held_out, out, watch)?.result.phi),
            Self::Uniform | Self::Random => Ok(sizes(teacher).iter().map(|size| *size as f64).collect()),
        }
    }

    /// What keeps `total` units, exact in sum, by the layers' `weights`.
    pub(super) fn choose(
        self,
        teacher: &Checkpoint,
        weights: &[f64],
        total: usize,
        watch: &mut dyn Watch,
    ) -> Result<Choice, Error> {
        let sizes = sizes(teacher);
        let budgets = budgets(weights, &sizes, total)?;
        watch.note(&format!("{total} of {} units: {budgets:?}", sizes.iter().sum::<usize>()));
        let masks = Masks::all_kept(&teacher.graph);
        Ok(match self {
            Self::Privshap | Self::Uniform => Choice { masks, budgets: Some(budgets) },
            Self::Random => Choice { masks: drawn(teacher, &budgets), budgets: None },
        })
    }
}

fn sizes(teacher: &Checkpoint) -> Vec<usize> {
    teacher.graph.activations().map(|layer| layer.shape.size()).collect()
}

/// Every choice of a layer's units is equally likely; determined by the network's seed.
fn drawn(teacher: &Checkpoint, budgets: &[usize]) -> Masks {
    let mut rng = ChaCha8Rng::seed_from_u64(teacher.meta.seed);
    let mut masks = Masks::all_kept(&teacher.graph);
    for (layer, budget) in teacher.graph.activations().zip(budgets) {
        let mut kept = vec![false; layer.shape.size()];
        sample(&mut rng, kept.len(), *budget).into_iter().for_each(|unit| kept[unit] = true);
        masks.set(layer.name, Mask::new(layer.shape, kept).expect("one flag a unit"));
    }
    masks
}
