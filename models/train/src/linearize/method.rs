//! How the units that keep their nonlinearity are chosen.

use super::LinearizeSettings;
use crate::Error;
use crate::privshap::budgets::budgets;
use crate::privshap::{table, worth};
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
    /// Whole layers, those of largest Shapley value that fit: fewer units than asked for, unless layers fill the budget.
    Drop,
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
            Self::Drop => "drop",
        }
    }

    /// The layers' weights in the sharing out of a budget, in network order: Shapley values, or the layers' sizes.
    pub(super) fn weights(
        self,
        settings: &LinearizeSettings,
        teacher: &Checkpoint,
        held_out: &Dataset,
        out: &Path,
        watch: &mut dyn Watch,
    ) -> Result<Vec<f64>, Error> {
        match self {
            Self::Privshap | Self::Drop => {
                let record = worth(&settings.shapley, teacher, held_out, out, watch)?;
                table(&record).lines().for_each(|line| watch.note(line));
                Ok(record.result.phi)
            }
            Self::Uniform | Self::Random => Ok(sizes(teacher).iter().map(|size| *size as f64).collect()),
        }
    }

    /// What keeps `total` units by the layers' `weights`: exactly, but for [`Method::Drop`], which keeps at most as many.
    pub(super) fn choose(
        self,
        teacher: &Checkpoint,
        weights: &[f64],
        total: usize,
        watch: &mut dyn Watch,
    ) -> Result<Choice, Error> {
        let sizes = sizes(teacher);
        let budgets = match self {
            Self::Privshap | Self::Uniform | Self::Random => budgets(weights, &sizes, total)?,
            Self::Drop => whole_layers(weights, &sizes, total),
        };
        let (realised, units) = (budgets.iter().sum::<usize>(), sizes.iter().sum::<usize>());
        watch.note(&format!("{realised} of {units} units, {total} asked for: {budgets:?}"));
        let masks = Masks::all_kept(&teacher.graph);
        Ok(match self {
            Self::Privshap | Self::Uniform => Choice { masks, budgets: Some(budgets) },
            Self::Random | Self::Drop => Choice { masks: drawn(teacher, &budgets), budgets: None },
        })
    }
}

fn sizes(teacher: &Checkpoint) -> Vec<usize> {
    teacher.graph.activations().map(|layer| layer.shape.size()).collect()
}

/// All units or none of each layer: from the most valuable layer down, whatever still fits into `total`; among equals
/// the first. After DeepReDuce (Jha et al. 2021), which drops the layers that accuracy misses least.
fn whole_layers(values: &[f64], sizes: &[usize], total: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by(|a, b| values[*b].total_cmp(&values[*a]).then(a.cmp(b)));
    let (mut kept, mut left) = (vec![0; sizes.len()], total);
    for layer in order.into_iter().filter(|layer| values[*layer] > 0.0) {
        if sizes[layer] <= left {
            kept[layer] = sizes[layer];
            left -= sizes[layer];
        }
    }
    kept
}

/// Budgets' units, every choice of a layer's equally likely; determined by the network's seed.
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

#[cfg(test)]
mod tests {
    use super::whole_layers;

    #[test]
    fn the_most_valuable_layers_that_fit_stay_whole() {
        let check = |total, expected: [usize; 4]| {
            assert_eq!(whole_layers(&[2.0, 5.0, 3.0, -1.0], &[40, 30, 20, 10], total), expected, "{total}");
        };
        check(100, [40, 30, 20, 0]);
        check(89, [0, 30, 20, 0]);
        check(70, [0, 30, 20, 0]);
        check(45, [0, 30, 0, 0]);
        check(20, [0, 0, 20, 0]);
        check(19, [0, 0, 0, 0]);
        assert_eq!(whole_layers(&[1.0, 1.0], &[5, 5], 9), [5, 0]);
    }
}
