//! Kept units, `sign`: as `narrow`, but the circuit decides only whether the quotient counts; it is multiplied outside.
//! Source: this project's own, on half-gates and correlated OT. Semi-honest.
//!
//! With U and V the compared bits (`compared.rs`), u' and v' their signed readings, and U_t and V_t their top bits,
//! X = U + V + 1 mod 2^n read as signed is u' + v' + 1 up to a multiple of 2^n. Let c be the carry into the top bit. X is
//! not negative where U_t + V_t + c is 0 or 2, and then
//!
//!   X = u' + v' + 1 + 2^n U_t V_t
//!
//! since two negative readings whose sum is not negative have wrapped, and mixed ones never do. U_t = V_t = 1 and c = 0
//! imply that X is not negative. So with b = (X >= 0) and p = V_t and not c, both bits of the circuit (n ANDs in all):
//!
//!   max(X, 0) = b ((u' + 1) + v') + p (2^n U_t)
//!
//! The server knows u' and U_t online, the client v' offline. A bit of the circuit times what the server knows is one
//! ciphertext under the bit's labels, sent online (`gc/convert.rs`); b v' takes one correlated OT with the client as sender
//! (`ot/product.rs`, `gc/layer/mod.rs`). The output equals that of `narrow` bit for bit. A ceiling (ReLU6) takes the bit away
//! where it is reached and adds a constant; a dent's table leaves as in `narrow`. A curve that is mirrored is no product with X: all of
//! it leaves as in `narrow`.
//!
//! A ReLU's sign may be decided without its lowest s bits (`compared.rs`): with V - 2^(s-1) for V the circuit gets the n - s bits above
//! them, b and p are of their sum, and what was taken is added to v'. Its values are bounded so that nothing wraps by that.

use super::compared::Compared;
use super::garbled::Variant;
use crate::gc::programs::{self, Program};
use crate::plan::ActivationPlan;
use crate::values::{ClientMask, ClientShare, ServerShare};
use models::fixed::Ring;
use models::fixed::curve::Curve;

pub(super) struct Sign {
    ring: Ring,
    compared: Compared,
    curve: Curve,
}

impl Sign {
    pub(super) fn new(ring: Ring, step: &ActivationPlan) -> Self {
        Self { ring, compared: Compared::of(step), curve: step.step.curve.clone() }
    }
}

impl Variant for Sign {
    fn program(&self) -> Program {
        match self.compared.skipped {
            0 => programs::sign(&self.curve, self.compared.bits as usize),
            _ => programs::decide(self.compared.deciding() as usize, self.compared.bits),
        }
    }

    fn client_inputs(&self, v: &ClientShare, _: &ClientMask) -> Vec<u64> {
        v.elements().iter().map(|v| self.compared.centred(*v) >> self.compared.skipped).collect()
    }

    fn server_inputs(&self, u: &ServerShare) -> Vec<u64> {
        u.elements().iter().map(|u| self.compared.cut(*u) >> self.compared.skipped).collect()
    }

    /// v', mod 2^k, and what was taken from it.
    fn client_factors(&self, v: &ClientShare) -> Vec<u64> {
        let value = |v: &u64| {
            let signed = self.compared.signed(self.compared.centred(*v));
            self.ring.from_signed(signed + self.compared.centre() as i64)
        };
        v.elements().iter().map(value).collect()
    }

    /// u' + 1 mod 2^k, and U_t.
    fn server_factors(&self, u: &ServerShare) -> Vec<Vec<u64>> {
        if let Curve::Mirrored { .. } | Curve::Centred { .. } = self.curve {
            return Vec::new();
        }
        let values = |u: &u64| {
            let compared = self.compared.cut(*u);
            let value = self.ring.from_signed(self.compared.signed(compared) + 1);
            (value, compared >> (self.compared.bits - 1))
        };
        let (values, tops) = u.elements().iter().map(values).unzip();
        vec![values, tops]
    }

    fn skips(&self) -> bool {
        true
    }

    fn output(&self, curve: &Curve, u: u64, v: u64) -> i64 {
        match self.compared.skipped {
            0 => curve.apply(self.compared.quotient(u, v)),
            _ => self.compared.kept(u, v),
        }
    }
}
