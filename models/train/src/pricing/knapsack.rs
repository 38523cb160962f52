//! Which layers keep units, and how many, where a layer costs a fixed part and a part a unit: a knapsack with fixed charges.
//!
//! With S the layers that keep units and c their counts, maximise sum over S of w_l(c_l) subject to the sum over S of
//! f_l + u_l c_l being at most a limit. Every w_l is concave, grows, and is 0 at 0. For a given S that is a convex problem,
//! solved by one price of time: each layer takes units as long as the next one's worth is above it. Which S is found by
//! dynamic programming over a grid of costs, with counts on a geometric grid, and then bettered by leaving out, taking in and
//! exchanging single layers until none of that helps.

use serde::{Deserialize, Serialize};

/// Cells of the grid of costs.
const CELLS: usize = 2048;
/// Counts a layer that the grid has, at most.
const COUNTS: usize = 48;
/// Where the price of time lies, worth a unit of cost, and how often that is halved on a logarithmic scale.
const PRICES: [f64; 2] = [1e-15, 1e15];
const HALVINGS: usize = 50;

/// What units cost: a part that a layer costs as soon as it keeps any, and a part a unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prices {
    /// By layer, in network order.
    pub fixed: Vec<f64>,
    /// The same.
    pub unit: Vec<f64>,
    /// What may be spent.
    pub limit: f64,
}

impl Prices {
    /// What these counts cost.
    pub fn cost(&self, counts: &[usize]) -> f64 {
        counts.iter().enumerate().filter(|(_, count)| **count > 0).map(|(i, count)| self.of(i, *count)).sum()
    }

    /// The same with another limit.
    pub fn within(&self, limit: f64) -> Self {
        Self { limit, ..self.clone() }
    }

    fn of(&self, layer: usize, count: usize) -> f64 {
        self.fixed[layer] + self.unit[layer] * count as f64
    }
}

/// The counts of greatest worth whose cost is within the limit; of layers of `sizes` units, of which `count` are worth
/// `worth(layer, count)`.
pub fn allocate(prices: &Prices, sizes: &[usize], worth: &impl Fn(usize, usize) -> f64) -> Vec<usize> {
    let problem = Problem { prices, sizes, worth };
    let gridded = problem.on_a_grid();
    let kept: Vec<bool> = gridded.iter().map(|count| *count > 0).collect();
    let mut best = problem.better(gridded, problem.filled(&kept));
    loop {
        let kept: Vec<bool> = best.iter().map(|count| *count > 0).collect();
        let tried = neighbours(&kept).map(|kept| problem.filled(&kept));
        let next = tried.fold(best.clone(), |one, other| problem.better(one, other));
        if problem.worth_of(&next) <= problem.worth_of(&best) * (1.0 + 1e-12) {
            return best;
        }
        best = next;
    }
}

/// The choices of layers that differ in one, or exchange two.
fn neighbours(kept: &[bool]) -> impl Iterator<Item = Vec<bool>> {
    let pairs = (0..kept.len()).flat_map(|one| (one..kept.len()).map(move |other| (one, other)));
    pairs.filter(|(one, other)| one == other || kept[*one] != kept[*other]).map(|(one, other)| {
        let mut changed = kept.to_vec();
        changed[one] = !changed[one];
        if other != one {
            changed[other] = !changed[other];
        }
        changed
    })
}

struct Problem<'a, W> {
    prices: &'a Prices,
    sizes: &'a [usize],
    worth: &'a W,
}

impl<W: Fn(usize, usize) -> f64> Problem<'_, W> {
    fn worth_of(&self, counts: &[usize]) -> f64 {
        counts.iter().enumerate().map(|(layer, count)| (self.worth)(layer, *count)).sum()
    }

    /// The one of greater worth.
    fn better(&self, one: Vec<usize>, other: Vec<usize>) -> Vec<usize> {
        if self.worth_of(&other) > self.worth_of(&one) { other } else { one }
    }

    /// The best on a grid: costs rounded up to its cells.
    fn on_a_grid(&self) -> Vec<usize> {
        let limit = self.prices.limit.max(0.0);
        let cells = |cost: f64| if cost <= 0.0 { 0 } else { (cost / limit * CELLS as f64).ceil() as usize };
        let mut best = vec![0.0; CELLS + 1];
        let mut choices: Vec<Vec<usize>> = Vec::with_capacity(self.sizes.len());
        for (layer, size) in self.sizes.iter().enumerate() {
            let (before, mut chosen) = (best.clone(), vec![0; CELLS + 1]);
            for count in counts(*size) {
                let (cost, worth) = (cells(self.prices.of(layer, count)), (self.worth)(layer, count));
                for spent in cost..=CELLS {
                    let value = before[spent - cost] + worth;
                    if value > best[spent] {
                        (best[spent], chosen[spent]) = (value, count);
                    }
                }
            }
            choices.push(chosen);
        }
        let (mut spent, mut found) = (CELLS, vec![0; self.sizes.len()]);
        for (layer, chosen) in choices.iter().enumerate().rev() {
            found[layer] = chosen[spent];
            if chosen[spent] > 0 {
                spent -= cells(self.prices.of(layer, chosen[spent]));
            }
        }
        found
    }

    /// The best counts where just the layers `kept` keep units; none at all where these cannot.
    fn filled(&self, kept: &[bool]) -> Vec<usize> {
        let least: Vec<usize> =
            kept.iter().zip(self.sizes).map(|(kept, size)| usize::from(*kept && *size > 0)).collect();
        if self.prices.cost(&least) > self.prices.limit {
            return vec![0; kept.len()];
        }
        // At a price of time each layer takes units as long as the next is worth more.
        let at = |price: f64| -> Vec<usize> {
            least
                .iter()
                .enumerate()
                .map(|(layer, least)| if *least == 0 { 0 } else { self.taken(layer, price) })
                .collect()
        };
        let mut counts = at(0.0);
        if self.prices.cost(&counts) > self.prices.limit {
            let [mut cheap, mut dear] = PRICES;
            for _ in 0..HALVINGS {
                let middle = (cheap * dear).sqrt();
                if self.prices.cost(&at(middle)) > self.prices.limit { cheap = middle } else { dear = middle }
            }
            counts = at(dear);
        }
        // What is left goes to whoever makes most of it.
        let mut left = self.prices.limit - self.prices.cost(&counts);
        loop {
            let gain =
                |layer: usize| (self.worth)(layer, counts[layer] + 1) - (self.worth)(layer, counts[layer]);
            let fits = |layer: &usize| {
                least[*layer] > 0 && counts[*layer] < self.sizes[*layer] && self.prices.unit[*layer] <= left
            };
            let next = (0..counts.len()).filter(fits).filter(|layer| gain(*layer) > 0.0);
            let Some(layer) = next.max_by(|a, b| gain(*a).total_cmp(&gain(*b))) else { return counts };
            left -= self.prices.unit[layer];
            counts[layer] += 1;
        }
    }

    /// Units that a layer takes at a price: at least one.
    fn taken(&self, layer: usize, price: f64) -> usize {
        let pays = |count: usize| {
            let gain = (self.worth)(layer, count) - (self.worth)(layer, count - 1);
            gain > price * self.prices.unit[layer]
        };
        // Units 2 to `size` are worth ever less, so those that pay come first.
        let (mut few, mut many) = (1, self.sizes[layer] + 1);
        while many - few > 1 {
            let middle = (few + many) / 2;
            if pays(middle) { few = middle } else { many = middle }
        }
        few
    }
}

/// Counts from 1 to `size`, ever further apart.
fn counts(size: usize) -> Vec<usize> {
    let ratio = (size.max(1) as f64).powf(1.0 / (COUNTS - 1) as f64);
    let mut counts: Vec<usize> = match size <= COUNTS {
        true => (1..=size).collect(),
        false => (0..COUNTS).map(|i| ratio.powi(i as i32).round() as usize).chain([size]).collect(),
    };
    counts.dedup();
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// The best of all counts within the limit.
    fn brute(prices: &Prices, sizes: &[usize], worth: &impl Fn(usize, usize) -> f64) -> f64 {
        let mut counts = vec![0; sizes.len()];
        let mut best = 0.0_f64;
        loop {
            if prices.cost(&counts) <= prices.limit {
                best = best.max(counts.iter().enumerate().map(|(l, c)| worth(l, *c)).sum());
            }
            let Some(place) = (0..sizes.len()).find(|layer| counts[*layer] < sizes[*layer]) else {
                return best;
            };
            counts[place] += 1;
            counts[..place].fill(0);
        }
    }

    #[test]
    fn small_problems_are_solved_as_by_trying_everything() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        for case in 0..300 {
            let layers = rng.random_range(1..=4);
            let sizes: Vec<usize> = (0..layers).map(|_| rng.random_range(1..=7)).collect();
            let value: Vec<f64> = (0..layers).map(|_| rng.random_range(-1.0..10.0_f64).max(0.0)).collect();
            let prices = Prices {
                fixed: (0..layers).map(|_| rng.random_range(0.0..5.0)).collect(),
                unit: (0..layers).map(|_| rng.random_range(0.05..1.0)).collect(),
                limit: rng.random_range(0.0..15.0),
            };
            let worth = |layer: usize, count: usize| value[layer] * (1.0 + count as f64 / 0.3).ln();
            let found = allocate(&prices, &sizes, &worth);
            assert!(prices.cost(&found) <= prices.limit, "case {case}: {found:?}");
            let got: f64 = found.iter().enumerate().map(|(l, c)| worth(l, *c)).sum();
            // The grid's cells: a layer each.
            let tight = prices.within(prices.limit * (1.0 - layers as f64 / CELLS as f64));
            let (best, least) = (brute(&prices, &sizes, &worth), brute(&tight, &sizes, &worth));
            assert!(got >= least - 1e-9 && got <= best + 1e-9, "case {case}: {got}, best {best}");
        }
    }

    #[test]
    fn a_layer_that_costs_much_for_little_keeps_nothing() {
        let worth = |layer: usize, count: usize| [5.0, 0.1][layer] * (1.0 + count as f64).ln();
        let prices = Prices { fixed: vec![1.0, 1.0], unit: vec![0.01, 0.01], limit: 3.0 };
        assert_eq!(allocate(&prices, &[1000, 1000], &worth), [200, 0]);
        assert_eq!(allocate(&prices.within(0.5), &[1000, 1000], &worth), [0, 0]);
        assert_eq!(allocate(&prices.within(1e9), &[1000, 1000], &worth), [1000, 1000]);
    }

    /// Without fixed charges and with equal units, budgets are in proportion to value, as PrivShap's.
    #[test]
    fn without_fixed_charges_shares_are_proportional() {
        let value = [4.0, 2.0, 1.0];
        let worth = |layer: usize, count: usize| value[layer] * (1.0 + count as f64 / 1e-3).ln();
        let prices = Prices { fixed: vec![0.0; 3], unit: vec![1.0; 3], limit: 7000.0 };
        let found = allocate(&prices, &[10_000; 3], &worth);
        for (found, share) in found.iter().zip([4000, 2000, 1000]) {
            assert!(found.abs_diff(share) <= 2, "{found} of {share}");
        }
    }
}
