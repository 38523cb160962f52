//! What a kept unit makes of its quotient: integers in, integers out, both at activation scale.

use crate::graph::Activation;
use serde::{Deserialize, Serialize};

/// A nonlinearity on integers at scale 2^fa. Public: it is part of the plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "curve", rename_all = "snake_case")]
pub enum Curve {
    /// `max(q, 0)`.
    #[default]
    Relu,
    /// `min(max(q, 0), top)`.
    Clamp {
        /// The ceiling, at least 1.
        top: u64,
    },
    /// `max(q, 0) - t(|q|)`: SiLU, hard swish and GELU, which are ReLU but for a dent that is the same on both sides.
    Dented(Table),
    /// `t(|q|)` below zero and `2^bits - 1 - t(|q|)` above: the logistic function, whose halves are mirror images.
    Mirrored {
        /// log2 of what it rises to.
        bits: u32,
        /// The lower half.
        table: Table,
    },
    /// `t(|q|) - 2^bits` below zero and `2^bits - 1 - t(|q|)` above: the hyperbolic tangent, from -1 to 1.
    Centred {
        /// log2 of what it rises to.
        bits: u32,
        /// The lower half, from its lowest value.
        table: Table,
    },
}

/// A function of `|q|` as a table over its top bits; beyond the table it is zero.
///
/// `|q|` stands for `q` or `-q - 1`, which is off by at most one unit and free under a circuit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Bits of `|q|` below the index: entry `i` serves `|q| >> dropped_bits == i`.
    pub dropped_bits: u32,
    /// The entries at scale 2^fa, a power of two of them. Blocks of equal ones cost a circuit as much as one does.
    pub entries: Vec<u32>,
    /// Proven bound of the curve's error over all integers q, in the reals.
    pub error: f64,
}

impl Curve {
    /// The curve of an activation at scale 2^fa.
    pub fn new(activation: Activation, fa: u32) -> Self {
        match activation {
            Activation::Relu => Self::Relu,
            Activation::Relu1 => Self::Clamp { top: 1 << fa },
            Activation::Relu6 => Self::Clamp { top: 6 << fa },
            _ => Self::tabulated(activation, fa, usual_error(fa)),
        }
    }

    /// The curve of an activation at scale 2^fa by the smallest table whose error, in the reals, is at most `wanted`, or as
    /// small as the scale allows. ReLU where the activation needs no table.
    pub fn tabulated(activation: Activation, fa: u32, wanted: f64) -> Self {
        let mut curve = match Tabulated::of(activation, fa) {
            None => return Self::new(activation, fa),
            Some(tabulated) => match activation {
                Activation::Sigmoid => Self::Mirrored { bits: fa, table: tabulated.table(wanted) },
                Activation::Tanh => Self::Centred { bits: fa, table: tabulated.table(wanted) },
                _ => Self::Dented(tabulated.table(wanted)),
            },
        };
        let error = curve.worst(activation, fa);
        if let Self::Dented(table) | Self::Mirrored { table, .. } | Self::Centred { table, .. } = &mut curve {
            table.error = error;
        }
        curve
    }

    /// The value at quotient `q`.
    pub fn apply(&self, q: i64) -> i64 {
        match self {
            Self::Relu => q.max(0),
            Self::Clamp { top } => q.max(0).min(*top as i64),
            Self::Dented(table) => q.max(0) - i64::from(table.at(q)),
            Self::Mirrored { bits, table } => match i64::from(table.at(q)) {
                low if q < 0 => low,
                low => (1 << bits) - 1 - low,
            },
            Self::Centred { bits, table } => match i64::from(table.at(q)) {
                low if q < 0 => low - (1 << bits),
                low => (1 << bits) - 1 - low,
            },
        }
    }

    /// The largest error over all integers at scale 2^fa, in the reals.
    fn worst(&self, activation: Activation, fa: u32) -> f64 {
        let unit = f64::from(fa).exp2();
        let error = |q: i64| (self.apply(q) as f64 / unit - activation.of(q as f64 / unit)).abs();
        // Beyond the table errors fall, so that the first on each side are the largest; but for a curve that ends a unit below
        // what its activation tends to.
        let end = 1i64 << (fa + reach(activation));
        let beyond = if let Self::Mirrored { .. } | Self::Centred { .. } = self { unit.recip() } else { 0.0 };
        (-end - 1..=end).map(error).fold(beyond, f64::max)
    }
}

/// The error of tables that are made where nobody asks for another: one unit of the scale, but no less than costs much.
fn usual_error(fa: u32) -> f64 {
    f64::from(fa.min(FINEST_USUAL)).exp2().recip()
}

/// Beyond this scale tables stay as they are: half the error is twice the circuit.
const FINEST_USUAL: u32 = 8;

/// log2 of where an activation's table ends: beyond it SiLU's and the logistic function's are below 0.0027, GELU's and what tanh lacks
/// below 0.0007, hard swish's zero.
const fn reach(activation: Activation) -> u32 {
    match activation {
        Activation::HardSwish | Activation::Gelu | Activation::Tanh => 2,
        _ => 3,
    }
}

/// What the entries of a table should be, in units: by magnitude, for the quotients `q` and `-q - 1`.
struct Tabulated {
    wanted: Vec<[f64; 2]>,
    unit: f64,
}

impl Tabulated {
    /// Of an activation that needs a table.
    fn of(activation: Activation, fa: u32) -> Option<Self> {
        let unit = f64::from(fa).exp2();
        let value = |q: i64| activation.of(q as f64 / unit) * unit;
        let of_magnitude = |m: i64| match activation {
            Activation::Relu | Activation::Relu1 | Activation::Relu6 => None,
            Activation::Silu | Activation::HardSwish | Activation::Gelu => {
                Some([m as f64 - value(m), -value(-m - 1)])
            }
            Activation::Sigmoid => Some([unit - 1.0 - value(m), value(-m - 1)]),
            Activation::Tanh => Some([unit - 1.0 - value(m), unit + value(-m - 1)]),
        };
        let wanted = (0..1i64 << (fa + reach(activation))).map(of_magnitude).collect::<Option<_>>()?;
        Some(Self { wanted, unit })
    }

    /// The table of fewest blocks, each a power of two long and as far along, whose entries are off by at most `error`.
    fn table(&self, error: f64) -> Table {
        let mut entries = vec![0; self.wanted.len()];
        let shortest = self.fill(0, &mut entries, error * self.unit).min(entries.len() / 2);
        let entries = entries.into_iter().step_by(shortest).collect();
        Table { dropped_bits: shortest.trailing_zeros(), entries, error: 0.0 }
    }

    /// Fills the entries from `first` on, which are a block: with one number where that is near enough, else by halves. The
    /// length of the shortest block.
    fn fill(&self, first: usize, entries: &mut [u32], error: f64) -> usize {
        let wanted = self.wanted[first..first + entries.len()].as_flattened();
        let (low, high) =
            wanted.iter().fold((f64::MAX, f64::MIN), |(low, high), x| (low.min(*x), high.max(*x)));
        let entry = ((low + high) / 2.0).round().max(0.0);
        if (high - entry).max(entry - low) <= error || entries.len() == 1 {
            entries.fill(entry as u32);
            return entries.len();
        }
        let half = entries.len() / 2;
        let (near, far) = entries.split_at_mut(half);
        self.fill(first, near, error).min(self.fill(first + half, far, error))
    }
}

impl Table {
    /// The entry for a quotient; zero beyond the table.
    pub fn at(&self, q: i64) -> u32 {
        let magnitude = if q < 0 { !q } else { q };
        self.entries.get((magnitude >> self.dropped_bits) as usize).copied().unwrap_or(0)
    }

    /// Bits of `|q|` that the table reaches.
    pub fn reach_bits(&self) -> u32 {
        self.dropped_bits + self.entries.len().trailing_zeros()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABULATED: [Activation; 5] =
        [Activation::Silu, Activation::HardSwish, Activation::Gelu, Activation::Sigmoid, Activation::Tanh];

    fn table(curve: &Curve) -> &Table {
        match curve {
            Curve::Dented(table) | Curve::Mirrored { table, .. } | Curve::Centred { table, .. } => table,
            Curve::Relu | Curve::Clamp { .. } => panic!("{curve:?} has no table"),
        }
    }

    #[test]
    fn clamps_by_hand() {
        let curve = Curve::new(Activation::Relu6, 3);
        let values: Vec<i64> = [-9, -1, 0, 5, 47, 48, 49, 1000].iter().map(|q| curve.apply(*q)).collect();
        assert_eq!(values, [0, 0, 0, 5, 47, 48, 48, 48]);
    }

    /// At every integer of the table's reach and well beyond, at every scale: within the stated bound of the reals, and that is
    /// what was asked for where one entry a unit would not be too coarse.
    #[test]
    fn tables_keep_their_bound_everywhere() {
        for activation in TABULATED {
            for fa in 2..=10 {
                for wanted in [0.1, 1.0 / 64.0, 0.005] {
                    let curve = Curve::tabulated(activation, fa, wanted);
                    let table = table(&curve);
                    assert!(table.entries.len().is_power_of_two() && table.entries.len() >= 2);
                    let unit = f64::from(fa).exp2();
                    let kept = table.error <= wanted.max(1.0 / unit).max(0.0027);
                    assert!(kept, "{activation:?} at {fa}: {} for {wanted}", table.error);
                    for q in -(40 << fa)..(40 << fa) {
                        let error = (curve.apply(q) as f64 / unit - activation.of(q as f64 / unit)).abs();
                        assert!(
                            error <= table.error,
                            "{activation:?}, fa {fa}, q {q}: {error} > {}",
                            table.error
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_smaller_error_asks_for_more_blocks() {
        for activation in TABULATED {
            let blocks = [0.1, 0.03, 0.01].map(|wanted| {
                let curve = Curve::tabulated(activation, 10, wanted);
                table(&curve).entries.chunk_by(|a, b| a == b).count()
            });
            assert!(blocks[0] < blocks[1] && blocks[1] < blocks[2], "{activation:?}: {blocks:?}");
        }
    }

    #[test]
    fn finer_scales_have_finer_tables() {
        for activation in TABULATED {
            let errors = [4, 6, 8].map(|fa| table(&Curve::new(activation, fa)).error);
            assert!(errors[0] > errors[1] && errors[1] > errors[2], "{activation:?}: {errors:?}");
        }
    }
}
