//! Kept units, `delphi`: the whole step inside the circuit, for comparison.
//! Source: Delphi (Mishra et al. 2020), section 4.2, over Z_2^k instead of a prime field. Semi-honest.
//!
//! The circuit adds both k-bit shares, divides by 2^f by dropping bits (rounding down), applies the curve and subtracts the
//! client's mask r; `v` and `r` both enter by OT. Its output y - r is for the server: the client sends the k colours of
//! the output wires, which the server xors with its permute bits.

use crate::gc::programs::{self, Program};
use crate::plan::ActivationPlan;
use models::fixed::Ring;

/// The circuit of one unit.
pub(super) fn program(ring: Ring, step: &ActivationPlan) -> Program {
    programs::delphi(&step.step.curve, ring.bits() as usize, step.step.truncate as usize)
}

/// The client's input bits, `v` then `r`, in as many words a unit as they take.
pub(super) fn client_inputs(ring: Ring, shares: &[u64], masks: &[u64]) -> Vec<u64> {
    let k = ring.bits();
    let both = shares.iter().zip(masks).map(|(v, r)| u128::from(*v) | u128::from(*r) << k);
    if 2 * k <= 64 {
        both.map(|bits| bits as u64).collect()
    } else {
        both.flat_map(|bits| [bits as u64, (bits >> 64) as u64]).collect()
    }
}

/// The quotient that the shares make.
pub(super) fn quotient(ring: Ring, step: &ActivationPlan, u: u64, v: u64) -> i64 {
    ring.signed(ring.add(u, v)) >> step.step.truncate
}
