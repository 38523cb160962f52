//! Budgets that shrink step by step: units leave a few at a time, so that weights can follow.
//!
//! The number of units falls exponentially with the steps: halving a large network costs little accuracy, and the last
//! thousands are those that need time. Every few steps units are chosen anew, by scores of which older parts count less.

use super::goal::{Goal, counts, leaving};
use super::scores::Scores;
use super::select::{self, layered};
use super::soft::Soft;
use crate::gates::{Activated, Gates};
use crate::pricing::knapsack::Prices;
use models::graph::Graph;
use models::mask::Masks;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tch::{Device, Tensor};

/// How often units are chosen on the way, and what earlier scores count.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pace {
    /// Steps from one choice to the next.
    pub every: usize,
    /// What scores are multiplied by after each choice.
    pub decay: f64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { every: 20, decay: 0.9 }
    }
}

/// By what units are ranked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rank {
    /// |d loss / d alpha|, added up over the batches. Units that left may come back.
    Gradient,
    /// How much the loss rises without them, to second order.
    Expansion,
    /// Weights of their own, which are learnt: on the way they fade, and which units stay is chosen at its end, once.
    Learnt,
    /// Values that were measured before.
    Valued(Vec<Vec<f32>>),
    /// A draw, once and for all.
    Drawn {
        /// Determines it.
        seed: u64,
    },
}

/// What is kept at the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// So many units of each layer, in network order.
    Layers(Vec<usize>),
    /// The same, while layers leave one after another: what is worth most at a cost that falls.
    Leaving {
        /// Units to keep per activation layer, in network order.
        budgets: Vec<usize>,
        /// What units cost.
        prices: Prices,
        /// The layers' values.
        phi: Vec<f64>,
    },
    /// The best units of the whole network.
    Network(Goal),
}

/// From where to where, by what and how fast.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shrinking {
    /// By what units are ranked.
    pub rank: Rank,
    /// What is kept at the end.
    pub target: Target,
    /// Units of each layer at the start, in network order.
    pub from: Vec<usize>,
    /// What scores are multiplied by, a factor a layer, where units of the whole network are compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<Vec<f64>>,
    /// Epochs on the way; the stage's others keep what is left.
    pub epochs: usize,
    /// How often units are chosen.
    pub pace: Pace,
}

impl Shrinking {
    /// Units at the end, at least about.
    fn units(&self) -> usize {
        match &self.target {
            Target::Layers(budgets) | Target::Leaving { budgets, .. } => budgets.iter().sum(),
            Target::Network(goal) => goal.units(),
        }
    }

    /// Units after `done` (0 to 1) of the steps, as near as a sum of weights can be to them.
    fn aim(&self, done: f64) -> f64 {
        let (begin, end) = (self.from.iter().sum::<usize>() as f64, self.units() as f64);
        end + (begin - end) * self.left(done)
    }

    /// The share of the way that is left after `done` (0 to 1) of the steps, so that the units fall exponentially.
    fn left(&self, done: f64) -> f64 {
        let (begin, end) = (self.from.iter().sum::<usize>(), self.units());
        let ratio = (end + 1) as f64 / (begin + 1) as f64;
        if ratio == 1.0 || done >= 1.0 { 0.0 } else { (ratio.powf(done) - ratio) / (1.0 - ratio) }
    }

    /// How many units are kept after each step at which they are chosen, with `per_epoch` steps an epoch. All are ranked alike:
    /// how many stay does not depend on which.
    pub fn counts(&self, graph: &Graph, per_epoch: usize) -> Vec<(usize, usize)> {
        let mut shrinker = Shrinker::new(self, graph, per_epoch, Device::Cpu);
        let mut masks = Masks::all_kept(graph);
        shrinker.begin(graph, &masks, Device::Cpu);
        let steps = 1..=self.epochs * per_epoch;
        let choice = |step| {
            masks = shrinker.after(graph, &masks, step, Device::Cpu)?;
            Some((step, masks.count()))
        };
        steps.filter_map(choice).collect()
    }

    /// Units of each layer with a share of the way to `budgets` left. Their sum is that of the exact numbers, rounded.
    fn between(&self, budgets: &[usize], left: f64) -> Vec<usize> {
        let (mut exact, mut whole) = (0.0, 0);
        let layers = self.from.iter().zip(budgets).map(|(from, to)| {
            exact += *to as f64 + (*from as f64 - *to as f64) * left;
            let units = (exact.round() as usize) - whole;
            whole += units;
            units.min(*from.max(to))
        });
        layers.collect()
    }
}

/// What ranks units, as far as it is known.
#[derive(Debug)]
enum Ranking {
    Scored(Scores),
    Learnt(Soft),
    Fixed(Vec<Vec<f32>>),
}

/// Masks on their way.
#[derive(Debug)]
pub(crate) struct Shrinker {
    plan: Shrinking,
    ranking: Ranking,
    /// The step at which the end is reached.
    end: usize,
    /// Steps taken.
    step: usize,
}

impl Shrinker {
    /// Before the first of the epochs, of `per_epoch` steps each.
    pub(super) fn new(plan: &Shrinking, graph: &Graph, per_epoch: usize, device: Device) -> Self {
        let end = plan.epochs * per_epoch;
        let ranking = match &plan.rank {
            Rank::Gradient => Ranking::Scored(Scores::Summed(Vec::new())),
            Rank::Expansion => Ranking::Scored(Scores::expansion()),
            Rank::Learnt => Ranking::Learnt(Soft::new(graph, end, device)),
            Rank::Valued(values) => Ranking::Fixed(values.clone()),
            Rank::Drawn { seed } => {
                let mut rng = ChaCha8Rng::seed_from_u64(*seed);
                let mut draw = |count| (0..count).map(|_| rng.random()).collect();
                Ranking::Fixed(graph.activations().map(|layer| draw(layer.shape.size())).collect())
            }
        };
        Self { plan: plan.clone(), ranking, end, step: 0 }
    }

    fn arrived(&self) -> bool {
        self.step >= self.end
    }

    /// Whether it asks for derivatives.
    pub(super) fn looks(&self) -> bool {
        !self.arrived() && !matches!(self.ranking, Ranking::Fixed(_))
    }

    /// Whether no more units are kept than at the end.
    pub(super) fn eligible(&self, graph: &Graph, masks: &Masks) -> bool {
        let within =
            |budgets: &[usize]| counts(graph, masks).iter().zip(budgets).all(|(now, end)| now <= end);
        match &self.plan.target {
            Target::Layers(budgets) | Target::Leaving { budgets, .. } => within(budgets),
            Target::Network(goal) => self.arrived() && goal.is_met(graph, masks),
        }
    }

    pub(super) fn gates(&self, graph: &Graph, masks: &Masks, device: Device) -> Gates {
        match &self.ranking {
            Ranking::Learnt(soft) if !self.arrived() => soft.gates(graph),
            _ => Gates::of(graph, masks, device),
        }
    }

    /// Before a pass that begins with `masks`.
    pub(super) fn begin(&mut self, graph: &Graph, masks: &Masks, device: Device) {
        match &mut self.ranking {
            Ranking::Scored(scores) => scores.go_on(graph, masks, device),
            Ranking::Learnt(soft) => soft.confine(graph, masks, device),
            Ranking::Fixed(_) => {}
        }
    }

    pub(super) fn batch(&mut self, activated: &[Activated], of_outputs: &[Tensor]) {
        match &mut self.ranking {
            _ if activated.is_empty() => {}
            Ranking::Scored(scores) => scores.batch(activated, of_outputs),
            Ranking::Learnt(soft) => soft.step(activated, of_outputs),
            Ranking::Fixed(_) => {}
        }
    }

    /// After `step` steps: other masks, if it is time for them.
    pub(super) fn after(
        &mut self,
        graph: &Graph,
        masks: &Masks,
        step: usize,
        device: Device,
    ) -> Option<Masks> {
        let due = !self.arrived() && (step.is_multiple_of(self.plan.pace.every) || step == self.end);
        self.step = step;
        if !due {
            return None;
        }
        let done = step as f64 / self.end as f64;
        if let Ranking::Learnt(soft) = &mut self.ranking
            && step < self.end
        {
            soft.tighten(self.plan.aim(done), self.end.div_ceil(self.plan.pace.every));
            return None;
        }
        let next = self.choose(graph, masks, self.plan.left(done));
        if let Ranking::Scored(scores) = &mut self.ranking {
            scores.decay(self.plan.pace.decay);
        }
        self.begin(graph, &next, device);
        Some(next)
    }

    fn choose(&self, graph: &Graph, masks: &Masks, left: f64) -> Masks {
        let mut values = match &self.ranking {
            Ranking::Scored(scores) => scores.values(),
            Ranking::Learnt(soft) => soft.values(),
            Ranking::Fixed(values) => values.clone(),
        };
        for (weight, values) in self.plan.weights.iter().flatten().zip(&mut values) {
            values.iter_mut().for_each(|value| *value *= *weight as f32);
        }
        let comes_back = matches!(self.plan.rank, Rank::Gradient | Rank::Drawn { .. })
            && !matches!(self.plan.target, Target::Network(_));
        if !comes_back {
            select::rule_out(graph, masks, &mut values);
        }
        match &self.plan.target {
            Target::Layers(budgets) => {
                layered(graph, &values, &self.plan.between(budgets, left), select::top)
            }
            Target::Leaving { budgets, prices, phi } => {
                let now = leaving(graph, budgets, &counts(graph, masks), (prices, phi), left);
                layered(graph, &values, &now, select::top)
            }
            Target::Network(goal) => goal.chosen(graph, &values, masks, (&self.plan.from, left)),
        }
    }

    /// Names and values of whatever the next step depends on, beside the masks.
    pub(super) fn saved(&self) -> Vec<(String, Tensor)> {
        match &self.ranking {
            _ if self.arrived() => Vec::new(),
            Ranking::Scored(scores) => scores.saved(),
            Ranking::Learnt(soft) => soft.saved(),
            Ranking::Fixed(_) => Vec::new(),
        }
    }

    /// Continues from what was saved after `steps` steps.
    pub(super) fn restore(&mut self, steps: usize, saved: &BTreeMap<String, Tensor>, device: Device) {
        self.step = steps;
        match &mut self.ranking {
            Ranking::Scored(scores) => scores.restore(saved, device),
            Ranking::Learnt(soft) => soft.restore(steps as i32, saved),
            Ranking::Fixed(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(from: &[usize], to: &[usize]) -> Shrinking {
        Shrinking {
            rank: Rank::Gradient,
            target: Target::Layers(to.to_vec()),
            from: from.to_vec(),
            epochs: 1,
            weights: None,
            pace: Pace::default(),
        }
    }

    #[test]
    fn units_fall_exponentially() {
        // From 1,023 to 63 units: 1,024 to 64 are four halvings, one every quarter.
        let plan = plan(&[1000, 23], &[60, 3]);
        let units = |done| (63.0 + 960.0 * plan.left(done)).round();
        assert_eq!([0.0, 0.25, 0.5, 0.75, 1.0].map(units), [1023.0, 511.0, 255.0, 127.0, 63.0]);
        assert_eq!([0.0, 0.25, 1.0].map(|done| plan.aim(done).round()), [1023.0, 511.0, 63.0]);
        assert_eq!(self::plan(&[5], &[5]).left(0.5), 0.0);
        let to_none = self::plan(&[7], &[0]);
        assert_eq!(
            [0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0].map(|done| (7.0 * to_none.left(done)).round()),
            [7.0, 3.0, 1.0, 0.0]
        );
    }

    #[test]
    fn layers_sums_are_exact_and_ends_are_ends() {
        let plan = plan(&[1000, 10, 333, 0], &[60, 3, 0, 7]);
        let budgets = [60, 3, 0, 7];
        assert_eq!(plan.between(&budgets, 1.0), [1000, 10, 333, 0]);
        assert_eq!(plan.between(&budgets, 0.0), budgets);
        for percent in 0..=100 {
            let left = f64::from(percent) / 100.0;
            let exact = 70.0 + (1343.0 - 70.0) * left;
            let now = plan.between(&budgets, left);
            assert_eq!(now.iter().sum::<usize>(), exact.round() as usize, "{left}: {now:?}");
        }
    }
}
