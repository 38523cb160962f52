//! How the units that keep their nonlinearity are chosen.

use crate::Error;
use crate::masking::shrinking::{Pace, Rank, Shrinking, Target};
use crate::masking::{Goal, Masking};
use crate::pricing::pricer::Allocation;
use crate::privshap::budgets::{budgets, published_budgets};
use crate::privshap::{ShapleySettings, published_values, shapley_values, table};
use crate::watch::Watch;
use clap::ValueEnum;
use models::checkpoint::Checkpoint;
use models::data::Dataset;
use models::graph::Graph;
use models::mask::{Mask, Masks};
use rand::SeedableRng;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A linearizer. All of them train equally long, from the same weights and with the same teacher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Shapley values across layers, gradient projection within.
    Privshap,
    /// Every unit has a Shapley value of its own, and the network's most valuable ones stay.
    PrivshapUnits,
    /// PrivShap as in its authors' code: the number of units differs from the budget, and there is no fine-tuning.
    PrivshapPublished,
    /// SNL: a weight of each unit's nonlinearity is learnt under a penalty; the largest of the network stay.
    Snl,
    /// ReLUPruner: units of the whole network by a first- and second-order score, fewer after every epoch, along a
    /// cosine.
    Relupruner,
    /// The same share of every layer, gradient projection within.
    Uniform,
    /// The same share of every layer, units drawn at random.
    Random,
    /// Whole layers, those of largest Shapley value that fit: fewer units than asked for, unless layers fill the
    /// budget.
    Drop,
}

/// By what the units of a layer, or of the network, are ranked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Score {
    /// How much the loss depends on a unit's nonlinearity: PrivShap's.
    #[default]
    Gradient,
    /// How much it rises without it, to second order: ReLUPruner's.
    Expansion,
}

/// With which others a unit competes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Across {
    /// Those of its layer, which has a budget.
    #[default]
    Layers,
    /// All of the network: by score times, for PrivShap, the layer's Shapley value.
    Network,
}

/// How units are compared, by methods that leave it open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// By what.
    pub score: Score,
    /// With which others.
    pub across: Across,
}

/// What is asked of a method.
pub(super) struct Asked {
    /// Units to keep; none where the budget is of something else.
    pub(super) total: usize,
    pub(super) seed: u64,
    pub(super) pace: Option<Pace>,
    pub(super) selection: Selection,
    /// Whether [`Method::PrivshapPublished`] learns units' weights between projections.
    pub(super) learns: bool,
    /// The units' Shapley values, of [`Method::PrivshapUnits`].
    pub(super) values: Option<Vec<Vec<f32>>>,
}

/// The units to begin with, and how they change.
pub(super) struct Choice {
    /// In the first epoch.
    pub(super) masks: Masks,
    /// In the stage `replace`.
    pub(super) masking: Masking,
}

impl Choice {
    fn shrinking(
        masks: Masks,
        rank: Rank,
        target: Target,
        (from, weights): (Vec<usize>, Option<Vec<f64>>),
        pace: Pace,
    ) -> Self {
        // How long it takes is the settings' to say.
        Self {
            masks,
            masking: Masking::Shrinking(Shrinking { rank, target, from, weights, epochs: 0, pace }),
        }
    }

    /// Begins with `masks` in place of all units, if budgets shrink from there.
    pub(super) fn start_from(&mut self, masks: &Masks, graph: &Graph) {
        if let Masking::Shrinking(plan) = &mut self.masking {
            plan.from = graph.activations().map(|layer| masks.get(layer.name).count()).collect();
            self.masks = masks.clone();
        }
    }
}

impl Method {
    /// As in a checkpoint's `method`, in results and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Privshap => "privshap",
            Self::PrivshapUnits => "privshap-units",
            Self::PrivshapPublished => "privshap-published",
            Self::Snl => "snl",
            Self::Relupruner => "relupruner",
            Self::Uniform => "uniform",
            Self::Random => "random",
            Self::Drop => "drop",
        }
    }

    /// Whether layers' Shapley values are measured.
    pub(super) fn ranks_layers(self) -> bool {
        match self {
            Self::Privshap | Self::PrivshapPublished | Self::Drop => true,
            Self::PrivshapUnits | Self::Snl | Self::Relupruner | Self::Uniform | Self::Random => false,
        }
    }

    /// Whether the stage `replace` trains weights of units in place of masks.
    pub(super) fn learns_alphas(self) -> bool {
        self == Self::Snl
    }

    /// The layers' weights by which a budget is shared out, in network order: Shapley values, or the layers' sizes.
    pub(super) fn weights(
        self,
        settings: &ShapleySettings,
        teacher: &Checkpoint,
        held_out: &Dataset,
        out: &Path,
        watch: &mut dyn Watch,
    ) -> Result<Vec<f64>, Error> {
        match self {
            Self::Privshap | Self::Drop => {
                let record = shapley_values(settings, teacher, held_out, out, watch)?;
                table(&record).lines().for_each(|line| watch.note(line));
                Ok(record.result.phi)
            }
            Self::PrivshapPublished => {
                Ok(published_values(settings, teacher, held_out, out, watch)?.result.phi)
            }
            Self::PrivshapUnits | Self::Snl | Self::Relupruner | Self::Uniform | Self::Random => {
                Ok(sizes(teacher).iter().map(|size| *size as f64).collect())
            }
        }
    }

    /// Whether units are ranked by a score of which there is a choice.
    pub(super) fn scores(self) -> bool {
        matches!(self, Self::Privshap | Self::Uniform)
    }

    /// By what units are ranked while budgets shrink step by step.
    fn rank(self, asked: &Asked) -> Rank {
        match self {
            Self::Privshap | Self::PrivshapPublished | Self::Uniform => match asked.selection.score {
                Score::Gradient => Rank::Gradient,
                Score::Expansion => Rank::Expansion,
            },
            Self::Snl => Rank::Learnt,
            Self::Relupruner => Rank::Expansion,
            Self::PrivshapUnits => Rank::Valued(asked.values.clone().unwrap_or_default()),
            Self::Random | Self::Drop => Rank::Drawn { seed: asked.seed },
        }
    }

    /// The choice that keeps `total` units by the layers' `weights`: exactly `total`, except that [`Method::Drop`]
    /// keeps at most as many, and that [`Method::PrivshapPublished`] loses units by rounding, capping and strictness,
    /// and gains some where values are negative.
    pub(super) fn choose(
        self,
        teacher: &Checkpoint,
        weights: &[f64],
        asked: &Asked,
        watch: &mut dyn Watch,
    ) -> Result<Choice, Error> {
        let (sizes, total) = (sizes(teacher), asked.total);
        let network = asked.selection.across == Across::Network;
        let budgets = match self {
            Self::Privshap | Self::Uniform if network => Vec::new(),
            Self::Privshap | Self::Uniform | Self::Random => budgets(weights, &sizes, total)?,
            Self::PrivshapPublished => published_budgets(weights, &sizes, total),
            Self::Drop => whole_layers(weights, &sizes, total),
            Self::PrivshapUnits | Self::Snl | Self::Relupruner => Vec::new(),
        };
        let units: usize = sizes.iter().sum();
        if budgets.is_empty() {
            watch.note(&format!("{total} of {units} units, wherever they are"));
        } else {
            let shared: usize = budgets.iter().sum();
            watch.note(&format!("{shared} of {units} units, {total} asked for: {budgets:?}"));
        }
        let all = Masks::all_kept(&teacher.graph);
        if let Some(pace) = asked.pace.filter(|_| self != Self::PrivshapPublished) {
            let target = if budgets.is_empty() {
                Target::Network(Goal::Units(total))
            } else {
                Target::Layers(budgets)
            };
            let weights = (self == Self::Privshap && network).then(|| {
                let most = weights.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
                weights.iter().map(|phi| phi.max(0.0) / most).collect()
            });
            return Ok(Choice::shrinking(all, self.rank(asked), target, (sizes, weights), pace));
        }
        Ok(match self {
            Self::Privshap | Self::Uniform => Choice { masks: all, masking: Masking::Projected { budgets } },
            Self::PrivshapPublished => {
                Choice { masks: all, masking: Masking::ProjectedLast { budgets, learns: asked.learns } }
            }
            Self::Snl => Choice { masks: all, masking: Masking::Soft { goal: Goal::Units(total) } },
            Self::Relupruner => Choice { masks: all, masking: Masking::Pruned { goal: Goal::Units(total) } },
            Self::PrivshapUnits | Self::Random | Self::Drop => {
                Choice { masks: drawn(teacher, &budgets, asked.seed), masking: Masking::Frozen }
            }
        })
    }

    /// Whether it can linearize to a cost in place of a number of units.
    pub fn knows_costs(self) -> bool {
        match self {
            Self::Privshap | Self::Snl | Self::Relupruner => true,
            Self::PrivshapUnits | Self::PrivshapPublished | Self::Uniform | Self::Random | Self::Drop => {
                false
            }
        }
    }

    /// The choice that keeps what `allocation` says by the layers' values `phi`; of methods that score units, units of the
    /// same cost.
    pub(super) fn choose_priced(
        self,
        teacher: &Checkpoint,
        phi: &[f64],
        allocation: &Allocation,
        asked: &Asked,
    ) -> Choice {
        let masks = Masks::all_kept(&teacher.graph);
        let Allocation { counts, prices, .. } = allocation.clone();
        let goal = || Goal::Priced { prices: prices.clone(), about: counts.iter().sum() };
        if let Some(pace) = asked.pace {
            let target = match self {
                Self::Snl | Self::Relupruner => Target::Network(goal()),
                _ => Target::Leaving { budgets: counts, prices, phi: phi.to_vec() },
            };
            return Choice::shrinking(masks, self.rank(asked), target, (sizes(teacher), None), pace);
        }
        let masking = match self {
            Self::Snl => Masking::Soft { goal: goal() },
            Self::Relupruner => Masking::Pruned { goal: goal() },
            _ => Masking::Leaving { budgets: counts, prices, phi: phi.to_vec() },
        };
        Choice { masks, masking }
    }
}

fn sizes(teacher: &Checkpoint) -> Vec<usize> {
    teacher.graph.activations().map(|layer| layer.shape.size()).collect()
}

/// All units or none of each layer: layers are taken in the order of their values, the largest first, if they still fit
/// into `total`; among equals the first comes first. After DeepReDuce (Jha et al. 2021), which drops the layers that
/// accuracy misses least.
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

/// As many units as the budgets say, every choice within a layer equally likely; determined by `seed`.
fn drawn(teacher: &Checkpoint, budgets: &[usize], seed: u64) -> Masks {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
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
