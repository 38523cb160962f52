//! Kept units, `narrow`: the curve of the quotient in a circuit that compares only the bits that matter.
//! Source: half-gates (ZRE15), Delphi's offline/online split; narrowing and the arithmetic output are this project's own.
//! Semi-honest. n = m + 1 - f bits for values |x| < 2^m - 2^f.
//!
//! Both shares are reduced mod 2^(m+1) and lose their low f bits: U, V. U + V + 1 mod 2^n is x / 2^f rounded down or up
//! (up with the probability of the dropped bits), so its sign is right and the curve is off by at most one unit. Every bit
//! of the output leaves the circuit as an arithmetic share (`gc/convert.rs`).

use crate::gc::programs::{self, Program};
use crate::plan::ActivationPlan;

/// The circuit of one unit.
pub(super) fn program(step: &ActivationPlan) -> Program {
    programs::narrow(&step.step.curve, step.compared_bits as usize)
}

/// The n bits of a share that are compared.
pub(super) fn compared(step: &ActivationPlan, share: u64) -> u64 {
    (share >> step.step.truncate) & ((1 << step.compared_bits) - 1)
}

/// The rounded quotient that the shares make.
pub(super) fn quotient(step: &ActivationPlan, u: u64, v: u64) -> i64 {
    let sum = compared(step, u).wrapping_add(compared(step, v)).wrapping_add(1);
    signed(step, sum)
}

/// The low n bits, read as signed.
pub(super) fn signed(step: &ActivationPlan, x: u64) -> i64 {
    let above = 64 - step.compared_bits;
    ((x << above) as i64) >> above
}

#[cfg(test)]
mod tests {
    use super::*;
    use models::fixed::Ring;
    use models::fixed::curve::Curve;
    use models::fixed::steps::ActivationStep;
    use models::graph::{Activation, Shape};

    /// Every x inside the bound, every share: the quotient within one unit, and so ReLU of it.
    #[test]
    fn exhaustive_at_small_width() {
        let (k, m, f) = (9, 6, 3);
        let ring = Ring::new(k).unwrap();
        let step = ActivationPlan {
            step: ActivationStep {
                name: "relu".into(),
                source: 1,
                shape: Shape::new(1, 1, 1),
                activation: Activation::Relu,
                curve: Curve::Relu,
                truncate: f,
                bound_bits: m,
                measures: 1,
                kept: vec![0],
            },
            compared_bits: m + 1 - f,
        };
        for x in (-(1i64 << m) + (1 << f) + 1)..((1 << m) - (1 << f)) {
            assert!(step.step.keeps_bound(x));
            for v in 0..1u64 << k {
                let u = ring.sub(ring.from_signed(x), v);
                let y = quotient(&step, u, v);
                assert!(y == x >> f || y == (x >> f) + 1, "{x} >> {f} gave {y}");
            }
        }
    }
}
