//! Kept units, `delphi`: the whole step inside the circuit, for comparison.
//! Source: Delphi (Mishra et al. 2020), section 4.2, over Z_2^k instead of a prime field. Semi-honest.
//!
//! The circuit adds both k-bit shares and 1, divides by 2^f by dropping bits, applies the curve and subtracts the client's mask r; `v` and `r` both enter by OT. Its output y - r is for the server: the client sends the k colours of
//! the output wires, which the server xors with its permute bits.

use super::garbled::Variant;
use crate::gc::programs::{self, Program};
use crate::plan::ActivationPlan;
use crate::values::{ClientMask, ClientShare, ServerShare};
use models::fixed::Ring;
use models::fixed::curve::Curve;

pub(super) struct Delphi {
    ring: Ring,
    /// f.
    dropped: u32,
    curve: Curve,
}

impl Delphi {
    pub(super) fn new(ring: Ring, step: &ActivationPlan) -> Self {
        Self { ring, dropped: step.step.truncate, curve: step.step.curve.clone() }
    }
}

impl Variant for Delphi {
    fn program(&self) -> Program {
        programs::delphi(&self.curve, self.ring.bits() as usize, self.dropped as usize)
    }

    /// `v`, then `r`.
    fn client_inputs(&self, v: &ClientShare, r: &ClientMask) -> Vec<u64> {
        let k = self.ring.bits();
        let both = v.elements().iter().zip(r.elements());
        let both = both.map(|(v, r)| u128::from(*v) | u128::from(*r) << k);
        if 2 * k <= 64 {
            both.map(|bits| bits as u64).collect()
        } else {
            both.flat_map(|bits| [bits as u64, (bits >> 64) as u64]).collect()
        }
    }

    fn server_inputs(&self, u: &ServerShare) -> Vec<u64> {
        u.elements().to_vec()
    }

    /// The colours are behind the mask, and behind the server's permute bits.
    fn answer(&self, _: Ring, _: &mut [u64], _: &[u64]) {}

    fn finish(&self, _: Ring, held: &mut [u64], answers: &[u64]) {
        held.iter_mut().zip(answers).for_each(|(held, answer)| *held ^= answer);
    }

    fn output(&self, curve: &Curve, u: u64, v: u64) -> i64 {
        curve.apply(self.ring.signed(self.ring.add(self.ring.add(u, v), 1)) >> self.dropped)
    }
}
