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
    /// SiLU as `max(q, 0) - h(|q|)`.
    Silu(SiluTable),
}

/// `h(z) = z / (1 + e^z)` on `[0, 8)` as a table over the top bits of `|q|`; beyond 8 it is taken as zero.
///
/// `|q|` stands for `q` or `-q - 1`, which is off by at most one unit and free under a circuit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SiluTable {
    /// Bits of `|q|` below the index: entry `i` serves `|q| >> dropped_bits == i`.
    pub dropped_bits: u32,
    /// The entries at scale 2^fa, a power of two of them.
    pub entries: Vec<u32>,
    /// Proven bound of `|curve(q) - silu(q)|` over all integers q, in the reals.
    pub error: f64,
}

/// Where SiLU's table ends: h(8) < 0.0027.
const REACH_BITS: u32 = 3;

/// The error of SiLU, in the reals, that tables are made for unless the scale itself is coarser.
pub const SILU_ERROR: f64 = 1.0 / 64.0;

impl Curve {
    /// The curve of an activation at scale 2^fa.
    pub fn new(activation: Activation, fa: u32) -> Self {
        match activation {
            Activation::Relu => Self::Relu,
            Activation::Relu6 => Self::Clamp { top: 6 << fa },
            Activation::Silu => Self::Silu(SiluTable::new(fa, SILU_ERROR)),
        }
    }

    /// The value at quotient `q`.
    pub fn apply(&self, q: i64) -> i64 {
        match self {
            Self::Relu => q.max(0),
            Self::Clamp { top } => q.max(0).min(*top as i64),
            Self::Silu(table) => q.max(0) - i64::from(table.at(if q < 0 { !q } else { q })),
        }
    }
}

impl SiluTable {
    /// The smallest table whose error is at most `wanted`, or the finest that scale 2^fa allows.
    pub fn new(fa: u32, wanted: f64) -> Self {
        let reach = fa + REACH_BITS;
        let table = |bits: u32| Self::of(fa, reach - bits);
        (1..reach).map(table).find(|table| table.error <= wanted).unwrap_or_else(|| table(reach))
    }

    /// The entry for a magnitude; zero beyond the table.
    pub fn at(&self, magnitude: i64) -> u32 {
        self.entries.get((magnitude >> self.dropped_bits) as usize).copied().unwrap_or(0)
    }

    /// Bits of `|q|` that the table reaches.
    pub fn reach_bits(&self) -> u32 {
        self.dropped_bits + self.entries.len().trailing_zeros()
    }

    fn of(fa: u32, dropped_bits: u32) -> Self {
        let (reach, unit) = (fa + REACH_BITS, f64::from(fa).exp2());
        let entries = (0..1u64 << (reach - dropped_bits))
            .map(|index| {
                // Halfway between the extremes of h over the bin, whose only inner maximum is at z = 1.278.
                let values = (index << dropped_bits..(index + 1) << dropped_bits).map(|q| h(q as f64 / unit));
                let (low, high) =
                    values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
                ((low + high) / 2.0 * unit).round() as u32
            })
            .collect();
        let mut table = Self { dropped_bits, entries, error: 0.0 };
        let curve = |q: i64| (q.max(0) - i64::from(table.at(if q < 0 { !q } else { q }))) as f64 / unit;
        let end = 1i64 << reach;
        let inside = (-end..end).map(|q| (curve(q) - silu(q as f64 / unit)).abs()).fold(0.0, f64::max);
        // Beyond the table the curve is ReLU, and |relu - silu| = h falls from there on.
        table.error = inside.max(h(f64::from(REACH_BITS).exp2()));
        table
    }
}

/// `z / (1 + e^z)`.
fn h(z: f64) -> f64 {
    z / (1.0 + z.exp())
}

/// `x / (1 + e^-x)`.
pub fn silu(x: f64) -> f64 {
    x / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clamps_by_hand() {
        let curve = Curve::new(Activation::Relu6, 3);
        let values: Vec<i64> = [-9, -1, 0, 5, 47, 48, 49, 1000].iter().map(|q| curve.apply(*q)).collect();
        assert_eq!(values, [0, 0, 0, 5, 47, 48, 48, 48]);
    }

    /// At every integer of the table's reach and well beyond, at every scale: within the stated bound of the reals.
    #[test]
    fn silu_keeps_its_bound_everywhere() {
        for fa in 3..=10 {
            for wanted in [0.1, SILU_ERROR, 0.005] {
                let table = SiluTable::new(fa, wanted);
                assert!(table.entries.len().is_power_of_two());
                assert!(table.error <= wanted || table.dropped_bits == 0, "{fa}: {}", table.error);
                let unit = f64::from(fa).exp2();
                let curve = Curve::Silu(table.clone());
                for q in -(40 << fa)..(40 << fa) {
                    let error = (curve.apply(q) as f64 / unit - silu(q as f64 / unit)).abs();
                    assert!(error <= table.error, "fa {fa}, q {q}: {error} > {}", table.error);
                }
            }
        }
    }

    #[test]
    fn a_smaller_error_asks_for_more_entries() {
        let sizes = [0.1, 0.03, 0.01].map(|wanted| SiluTable::new(10, wanted).entries.len());
        assert!(sizes[0] < sizes[1] && sizes[1] < sizes[2], "{sizes:?}");
    }
}
