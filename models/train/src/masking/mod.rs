//! What becomes of the masks while a network is trained: units are chosen by how much the loss misses their
//! nonlinearity, or by weights of their own that are learnt.

mod goal;
mod scores;
mod select;
pub mod shrinking;
mod soft;

pub use goal::Goal;

use crate::gates::{Activated, Gates};
use crate::pricing::knapsack::Prices;
use goal::{counts, leaving, left, sizes};
use models::graph::Graph;
use models::mask::Masks;
use scores::Scores;
use select::layered;
use serde::{Deserialize, Serialize};
use shrinking::{Shrinker, Shrinking};
use soft::Soft;
use std::collections::BTreeMap;
use tch::{Device, Tensor};

/// How a stage treats the masks. `alpha` is a unit's weight in `alpha * act(x) + (1 - alpha) * x`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Masking {
    /// They stay.
    Frozen,
    /// PrivShap's gradient projection: anew after every epoch, each layer's `budgets` units of largest
    /// |d loss / d alpha|, summed over all batches so far.
    Projected {
        /// Units to keep per activation layer, in network order.
        budgets: Vec<usize>,
    },
    /// The same by the epoch's last batch alone; a unit stays if it is strictly above the one of rank `budget`, so at
    /// most
    /// `budgets - 1` stay.
    ProjectedLast {
        /// As above.
        budgets: Vec<usize>,
        /// Whether `alpha` is learnt between the choices, from 1 where a unit is kept and 0 where not.
        learns: bool,
    },
    /// As `Projected`, while layers leave one after another: what units may cost falls on half a cosine over the first half of
    /// the epochs, and layers keep what is worth most at that cost. The other half is for those that stay.
    Leaving {
        /// Units to keep per activation layer in the last epoch, in network order.
        budgets: Vec<usize>,
        /// What units cost, and their worth.
        prices: Prices,
        /// The layers' Shapley values.
        phi: Vec<f64>,
    },
    /// Units of the whole network, fewer after every epoch, on half a cosine from all of them down to the goal in the
    /// last epoch: those whose removal raises the loss most, by its expansion to second order in `alpha`.
    Pruned {
        /// What is kept at the end.
        goal: Goal,
    },
    /// Every unit's `alpha` is learnt under a penalty on their sum; at the end of the stage the largest of the
    /// network become 1 and the others 0.
    Soft {
        /// What is kept at the end.
        goal: Goal,
    },
    /// Fewer units every few steps.
    Shrinking(Shrinking),
}

/// The masks' part in training, over the epochs of one stage.
#[derive(Debug)]
pub(crate) enum Chooser {
    Frozen,
    Projected { budgets: Vec<usize>, scores: Scores },
    ProjectedLast { budgets: Vec<usize>, scores: Scores, learnt: Option<Soft> },
    Leaving { budgets: Vec<usize>, prices: Prices, phi: Vec<f64>, scores: Scores },
    Pruned { goal: Goal, scores: Scores },
    Soft { goal: Goal, soft: Soft },
    Shrinking(Box<Shrinker>),
}

impl Chooser {
    /// Before the first of `epochs` epochs, of `per_epoch` steps each.
    pub(crate) fn new(
        masking: &Masking,
        graph: &Graph,
        (epochs, per_epoch): (usize, usize),
        device: Device,
    ) -> Self {
        match masking.clone() {
            Masking::Frozen => Self::Frozen,
            Masking::Projected { budgets } => Self::Projected { budgets, scores: Scores::Summed(Vec::new()) },
            Masking::ProjectedLast { budgets, learns } => {
                let learnt = learns.then(|| Soft::unhurried(graph, device));
                Self::ProjectedLast { budgets, scores: Scores::Last(Vec::new()), learnt }
            }
            Masking::Leaving { budgets, prices, phi } => {
                Self::Leaving { budgets, prices, phi, scores: Scores::Summed(Vec::new()) }
            }
            Masking::Pruned { goal } => Self::Pruned { goal, scores: Scores::expansion() },
            Masking::Soft { goal } => Self::Soft { goal, soft: Soft::new(graph, epochs * per_epoch, device) },
            Masking::Shrinking(plan) => {
                Self::Shrinking(Box::new(Shrinker::new(&plan, graph, per_epoch, device)))
            }
        }
    }

    /// Whether units are chosen by a pass over the images before the first epoch.
    pub(crate) fn surveys(&self) -> bool {
        self.scores().is_some()
    }

    /// Whether it asks for the derivatives by the activation layers' outputs.
    pub(crate) fn looks(&self) -> bool {
        match self {
            Self::Frozen => false,
            Self::Shrinking(shrinker) => shrinker.looks(),
            _ => true,
        }
    }

    /// Whether an epoch trained with `masks` may be the best one: it keeps no more units than asked for.
    pub(crate) fn eligible(&self, graph: &Graph, masks: &Masks) -> bool {
        match self {
            Self::Frozen | Self::Projected { .. } | Self::ProjectedLast { .. } => true,
            Self::Leaving { budgets, .. } => {
                counts(graph, masks).iter().zip(budgets).all(|(count, budget)| count <= budget)
            }
            Self::Pruned { goal, .. } => goal.is_met(graph, masks),
            Self::Soft { .. } => false,
            Self::Shrinking(shrinker) => shrinker.eligible(graph, masks),
        }
    }

    /// What lets units through.
    pub(crate) fn gates(&self, graph: &Graph, masks: &Masks, device: Device) -> Gates {
        match self {
            Self::Soft { soft, .. } => soft.gates(graph),
            Self::ProjectedLast { learnt: Some(soft), .. } => soft.gates(graph),
            Self::Shrinking(shrinker) => shrinker.gates(graph, masks, device),
            _ => Gates::of(graph, masks, device),
        }
    }

    /// What lets units through when an epoch is judged: as it would be if it were the last.
    pub(crate) fn judged(&self, graph: &Graph, masks: &Masks, device: Device) -> Gates {
        match self {
            Self::ProjectedLast { .. } => Gates::of(graph, masks, device),
            _ => self.gates(graph, masks, device),
        }
    }

    /// Before a pass with `masks`: forgets what was found in earlier ones.
    pub(crate) fn begin(&mut self, graph: &Graph, masks: &Masks, device: Device) {
        if let Self::ProjectedLast { learnt: Some(soft), .. } = self {
            soft.project(graph, masks, device);
        }
        match self {
            Self::Frozen | Self::Soft { .. } => {}
            Self::Projected { scores, .. }
            | Self::ProjectedLast { scores, .. }
            | Self::Leaving { scores, .. }
            | Self::Pruned { scores, .. } => scores.clear(graph, masks, device),
            Self::Shrinking(shrinker) => shrinker.begin(graph, masks, device),
        }
    }

    /// After the derivatives of a batch's mean loss by the layers' outputs; `learns` unless it is a survey.
    pub(crate) fn batch(&mut self, activated: &[Activated], of_outputs: &[Tensor], learns: bool) {
        if let Self::ProjectedLast { learnt: Some(soft), .. } = self
            && learns
        {
            soft.step(activated, of_outputs);
        }
        match self {
            Self::Frozen => {}
            Self::Projected { scores, .. }
            | Self::ProjectedLast { scores, .. }
            | Self::Leaving { scores, .. }
            | Self::Pruned { scores, .. } => scores.batch(activated, of_outputs),
            Self::Soft { soft, .. } if learns => soft.step(activated, of_outputs),
            Self::Soft { .. } => {}
            Self::Shrinking(shrinker) => shrinker.batch(activated, of_outputs),
        }
    }

    /// After `step` steps of the stage, from 1: other masks, if they change within epochs.
    pub(crate) fn after(
        &mut self,
        graph: &Graph,
        masks: &Masks,
        step: usize,
        device: Device,
    ) -> Option<Masks> {
        match self {
            Self::Shrinking(shrinker) => shrinker.after(graph, masks, step, device),
            _ => None,
        }
    }

    /// The masks for the epoch after `epoch` (0 for the survey) of `epochs`.
    pub(crate) fn choose(&mut self, graph: &Graph, masks: Masks, epoch: usize, epochs: usize) -> Masks {
        match self {
            Self::Frozen | Self::Shrinking(_) => masks,
            Self::Projected { budgets, scores } => layered(graph, &scores.values(), budgets, select::top),
            Self::ProjectedLast { budgets, scores, .. } => {
                layered(graph, &scores.values(), budgets, select::strictly_above)
            }
            Self::Leaving { budgets, prices, phi, scores } => {
                let before = counts(graph, &masks);
                let share = left(epoch + 1, epochs.div_ceil(2));
                let now = leaving(graph, budgets, &before, (prices, phi), share);
                layered(graph, &scores.values(), &now, select::top)
            }
            Self::Pruned { goal, scores } => {
                let mut values = scores.values();
                select::rule_out(graph, &masks, &mut values);
                goal.chosen(graph, &values, &masks, (&sizes(graph), left(epoch + 1, epochs)))
            }
            Self::Soft { goal, soft } => {
                if epoch < epochs {
                    let units: usize = sizes(graph).iter().sum();
                    let done = epoch as f64 / epochs as f64;
                    soft.tighten(units as f64 - (units - goal.units()) as f64 * done, epochs);
                    return masks;
                }
                goal.chosen(graph, &soft.values(), &masks, (&sizes(graph), 0.0))
            }
        }
    }

    /// Names and values of whatever the next epoch depends on, beside the masks.
    pub(crate) fn saved(&self) -> Vec<(String, Tensor)> {
        match self {
            Self::Frozen => Vec::new(),
            Self::Soft { soft, .. } | Self::ProjectedLast { learnt: Some(soft), .. } => soft.saved(),
            Self::Shrinking(shrinker) => shrinker.saved(),
            Self::Projected { scores, .. }
            | Self::ProjectedLast { scores, .. }
            | Self::Leaving { scores, .. }
            | Self::Pruned { scores, .. } => scores.saved(),
        }
    }

    /// Continues from what was saved after `steps` steps.
    pub(crate) fn restore(&mut self, steps: i32, saved: &BTreeMap<String, Tensor>, device: Device) {
        match self {
            Self::Frozen => {}
            Self::Soft { soft, .. } | Self::ProjectedLast { learnt: Some(soft), .. } => {
                soft.restore(steps, saved);
            }
            Self::Shrinking(shrinker) => shrinker.restore(steps as usize, saved, device),
            Self::Projected { scores, .. }
            | Self::ProjectedLast { scores, .. }
            | Self::Leaving { scores, .. }
            | Self::Pruned { scores, .. } => scores.restore(saved, device),
        }
    }

    fn scores(&self) -> Option<&Scores> {
        match self {
            Self::Projected { scores, .. }
            | Self::ProjectedLast { scores, .. }
            | Self::Leaving { scores, .. }
            | Self::Pruned { scores, .. } => Some(scores),
            Self::Frozen | Self::Soft { .. } | Self::Shrinking(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::select::overall;
    use super::*;
    use models::graph::{Activation, Node, Op, Shape};
    use models::mask::Mask;

    fn two_layers() -> Graph {
        let act = Op::Act { activation: Activation::Relu };
        let nodes = vec![
            Node { name: "x".into(), op: Op::Input, inputs: vec![] },
            Node { name: "a".into(), op: act.clone(), inputs: vec![0] },
            Node { name: "b".into(), op: act, inputs: vec![1] },
        ];
        Graph::new(Shape::new(1, 1, 3), nodes).unwrap()
    }

    fn flags(masks: &Masks) -> [Vec<bool>; 2] {
        ["a", "b"].map(|name| masks.get(name).flags().to_vec())
    }

    #[test]
    fn the_whole_networks_best_units_stay() {
        let graph = two_layers();
        let masks = overall(&graph, &[vec![3.0, -1.0, 2.0], vec![0.0, 5.0, 2.0]], 3);
        assert_eq!(flags(&masks), [vec![true, false, true], vec![false, true, false]]);
        assert_eq!(overall(&graph, &[vec![0.0; 3], vec![0.0; 3]], 0).count(), 0);
    }

    #[test]
    fn the_cosine_ends_at_the_budget() {
        let units = |epoch, epochs| 20 + (80.0 * left(epoch, epochs)).round() as usize;
        assert_eq!([0, 1, 2, 3, 4, 5].map(|epoch| units(epoch, 4)), [100, 88, 60, 32, 20, 20]);
        assert_eq!(units(1, 1), 20);
    }

    #[test]
    fn pruned_units_stay_pruned() {
        let graph = two_layers();
        let mut chooser =
            Chooser::new(&Masking::Pruned { goal: Goal::Units(1) }, &graph, (1, 1), Device::Cpu);
        let mut masks = Masks::all_kept(&graph);
        masks.set("a", Mask::new(Shape::new(1, 1, 3), vec![false, false, true]).unwrap());
        chooser.begin(&graph, &masks, Device::Cpu);
        let next = chooser.choose(&graph, masks.clone(), 1, 2);
        assert_eq!((next.count(), flags(&next)[0].clone()), (1, vec![false, false, true]));
        assert!(chooser.eligible(&graph, &next) && !chooser.eligible(&graph, &masks));
    }
}
