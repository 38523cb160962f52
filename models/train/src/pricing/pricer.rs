//! What a network costs whose layers keep so many units each: the plan that it would be compiled to, predicted and not run.
//!
//! Which units a layer keeps makes no difference to the cost, and weights hardly any, so this is known before training. Scales
//! are not searched for here: they are usual ones of trained networks; layers that keep nothing pass their values
//! on wherever that is cheapest.

use super::knapsack::{Prices, allocate};
use super::objective::{Objective, Phases};
use crate::Error;
use models::checkpoint::Checkpoint;
use models::data::Dataset;
use models::fixed::QuantModel;
use models::fixed::calibrate::{Calibration, calibrate};
use models::fixed::fit::Passing;
use models::fixed::lower::lower;
use models::fixed::search::{Pinned, Search};
use models::mask::{Mask, Masks};
use netem::Link;
use protocols::compile::{Choices, compile};
use protocols::cost::{inference_bytes, predict};
use protocols::plan::ReluVariant;
use protocols::prepared::PreparedPlan;
use protocols::timing::{Rates, times};

/// log2 of the scales of activations and of weights that networks are priced at.
const SCALES: (u32, u32) = (8, 10);

/// Images that values' sizes are measured on.
const IMAGES: usize = 8;

/// Of every layer's units, the share that is kept where a layer's own cost is measured.
const SHARE: f64 = 0.1;

/// How often the limit of the additive prices is corrected by what the whole network really costs.
const CORRECTIONS: usize = 8;

/// Prices networks that differ from a trained one in their masks.
pub struct Pricer<'a> {
    teacher: &'a Checkpoint,
    calibration: Calibration,
    objective: &'a Objective,
    rates: &'a Rates,
    sizes: Vec<usize>,
}

/// A choice of counts, and what it costs.
#[derive(Clone, Debug, PartialEq)]
pub struct Allocation {
    /// Units that each layer keeps, in network order.
    pub counts: Vec<usize>,
    /// The predicted cost of the network that keeps them.
    pub cost: f64,
    /// The additive prices at which they were chosen, their limit corrected.
    pub prices: Prices,
}

/// The best allocation so far.
struct Found {
    worth: f64,
    allocation: Allocation,
}

impl Found {
    /// Takes `other` where it is worth more.
    fn better(&mut self, other: Allocation, worth: &impl Fn(usize, usize) -> f64) {
        let value = other.counts.iter().enumerate().map(|(layer, count)| worth(layer, *count)).sum();
        if value > self.worth {
            (self.worth, self.allocation) = (value, other);
        }
    }
}

impl<'a> Pricer<'a> {
    /// For what is linearized from `teacher`, which was trained without `held_out`.
    pub fn new(
        teacher: &'a Checkpoint,
        objective: &'a Objective,
        rates: &'a Rates,
        held_out: &Dataset,
    ) -> Self {
        let Checkpoint { graph, parameters, masks, normalisation, .. } = teacher;
        let calibration = calibrate(graph, parameters, masks, normalisation, &held_out.take(IMAGES));
        let sizes = graph.activations().map(|layer| layer.shape.size()).collect();
        Self { teacher, calibration, objective, rates, sizes }
    }

    /// The layers' units, in network order.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// The predicted cost of a network that keeps `counts` units.
    ///
    /// # Errors
    /// Where no ring holds it.
    pub fn cost(&self, counts: &[usize]) -> Result<f64, Error> {
        let Checkpoint { graph, parameters, meta, .. } = self.teacher;
        let lowered = lower(graph, parameters, &self.first_units(counts))?;
        let (fa, fw) = SCALES;
        let pinned = Pinned { fa: Some(fa), fw: Some(fw), ring_bits: None };
        let mut search = Search::new(lowered, self.calibration.clone(), pinned);
        let frontier = search.frontier(0.0)?;
        let plans = |model: &QuantModel| {
            let compiled = ReluVariant::ALL.map(|relu| {
                let bytes_per_second = self.link().and_then(Link::effective_rate).map(|rate| rate.0);
                compile(&meta.net, model, &Choices { relu, bytes_per_second, ..Choices::default() })
            });
            compiled.into_iter().flatten().map(|(plan, _)| plan).collect::<Vec<_>>()
        };
        let least =
            |model: &QuantModel| plans(model).iter().map(|plan| self.rank(plan)).min_by(f64::total_cmp);
        let found = search.cheapest(&frontier, (0.0, 0), Passing::Truncated, least)?;
        let cheapest = plans(&found.model).into_iter().min_by(|a, b| self.rank(a).total_cmp(&self.rank(b)));
        Ok(self.amount(&cheapest.expect("it was compiled before")))
    }

    /// The predicted cost of the network without any unit, which is within `budget`.
    ///
    /// # Errors
    /// [`Error::Config`] where it is not.
    pub fn affordable(&self, budget: f64) -> Result<f64, Error> {
        let cost = self.cost(&vec![0; self.sizes.len()])?;
        if cost > budget {
            let expected =
                format!("at least the {} that it takes without any kept unit", self.objective.told(cost));
            return Err(Error::config("--budget", expected, self.objective.told(budget)));
        }
        Ok(cost)
    }

    /// The counts of greatest worth at a predicted cost of at most `budget`; `count` units of a layer are worth
    /// `worth(layer, count)`.
    ///
    /// # Errors
    /// [`Error::Config`] where the network costs more without any unit.
    pub fn allocate(&self, budget: f64, worth: impl Fn(usize, usize) -> f64) -> Result<Allocation, Error> {
        let counts = vec![0; self.sizes.len()];
        let cost = self.affordable(budget)?;
        let mut prices = self.prices()?.within(budget - cost);
        let mut found =
            Found { worth: 0.0, allocation: Allocation { counts, cost, prices: prices.within(0.0) } };
        let mut sets: Vec<Vec<bool>> = Vec::new();
        for _ in 0..CORRECTIONS {
            let counts = allocate(&prices, &self.sizes, &worth);
            let cost = self.cost(&counts)?;
            let set: Vec<bool> = counts.iter().map(|count| *count > 0).collect();
            if !sets.contains(&set) {
                sets.push(set);
            }
            // What the prices leave out, for networks like this one; where this goes back and forth, half the way.
            let limit = budget - (cost - prices.cost(&counts));
            let limit = if cost > budget { limit.min((prices.limit + limit) / 2.0) } else { limit };
            let next = prices.within(limit);
            if cost <= budget {
                found.better(Allocation { counts, cost, prices: prices.clone() }, &worth);
            }
            if (limit - prices.limit).abs() < 1e-4 * budget {
                break;
            }
            prices = next;
        }
        for set in &sets {
            self.fill(set, &prices, (budget, &worth), &mut found)?;
        }
        Ok(found.allocation)
    }

    /// Tries one set of layers with as many units as the budget holds.
    fn fill(
        &self,
        set: &[bool],
        prices: &Prices,
        (budget, worth): (f64, &impl Fn(usize, usize) -> f64),
        found: &mut Found,
    ) -> Result<(), Error> {
        let of_set = |layer: usize, count: usize| if set[layer] { worth(layer, count) } else { 0.0 };
        let (mut least, mut most) = (0.0, prices.cost(&self.sizes));
        for _ in 0..CORRECTIONS {
            let within = prices.within((least + most) / 2.0);
            let counts = allocate(&within, &self.sizes, &of_set);
            let cost = self.cost(&counts)?;
            if cost > budget {
                most = within.limit;
            } else {
                least = within.limit;
                found.better(Allocation { counts, cost, prices: within }, worth);
            }
        }
        Ok(())
    }

    /// What a layer costs as soon as it keeps any unit, and what a unit costs: from networks in which all layers keep a share
    /// of their units, one layer none, or twice as many.
    fn prices(&self) -> Result<Prices, Error> {
        let counts: Vec<usize> =
            self.sizes.iter().map(|size| ((SHARE * *size as f64) as usize).clamp(1, *size)).collect();
        let all = self.cost(&counts)?;
        let mut prices = Prices { fixed: Vec::new(), unit: Vec::new(), limit: 0.0 };
        for layer in 0..counts.len() {
            let other = |count: usize| {
                let mut other = counts.clone();
                other[layer] = count;
                self.cost(&other)
            };
            let more = (2 * counts[layer]).min(self.sizes[layer]);
            let unit = match more - counts[layer] {
                0 => 0.0,
                added => ((other(more)? - all) / added as f64).max(0.0),
            };
            prices.fixed.push((all - other(0)? - unit * counts[layer] as f64).max(0.0));
            prices.unit.push(unit);
        }
        Ok(prices)
    }

    /// The amount of what is to be small.
    fn amount(&self, plan: &PreparedPlan) -> f64 {
        match self.objective {
            Objective::Relus => plan.relus() as f64,
            Objective::Bytes => inference_bytes(&predict(plan)) as f64,
            Objective::Time { phases: Phases::Online, link } => times(plan, self.rates, link).online_s,
            Objective::Time { phases: Phases::Total, link } => times(plan, self.rates, link).total_s(),
        }
    }

    /// What plans are chosen by, as `linnet run --objective` does: of two that take as long online, the one that takes less
    /// before.
    fn rank(&self, plan: &PreparedPlan) -> f64 {
        match self.objective {
            Objective::Time { phases: Phases::Online, link } => {
                let times = times(plan, self.rates, link);
                times.online_s + times.offline_s / 100.0
            }
            _ => self.amount(plan),
        }
    }

    fn link(&self) -> Option<&Link> {
        match self.objective {
            Objective::Time { link, .. } => Some(link),
            Objective::Relus | Objective::Bytes => None,
        }
    }

    /// Masks that keep the first `counts` units of each layer.
    fn first_units(&self, counts: &[usize]) -> Masks {
        let mut masks = Masks::all_kept(&self.teacher.graph);
        for (layer, count) in self.teacher.graph.activations().zip(counts) {
            let kept = (0..layer.shape.size()).map(|unit| unit < *count).collect();
            masks.set(layer.name, Mask::new(layer.shape, kept).expect("one flag a unit"));
        }
        masks
    }
}
