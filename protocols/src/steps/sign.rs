//! Kept units, `sign`: as `narrow`, but the circuit decides only whether the quotient counts; it is multiplied outside.
//! Source: this project's own, on half-gates and correlated OT. Semi-honest.
//!
//! With U and V the compared bits of `narrow.rs`, u' and v' their signed readings, and U_t and V_t their top bits,
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
//! where it is reached and adds a constant; SiLU's table leaves as in `narrow`.

use super::narrow::{compared, signed};
use crate::gc::programs::{self, Program};
use crate::plan::ActivationPlan;
use models::fixed::Ring;

/// The circuit of one unit.
pub(super) fn program(step: &ActivationPlan) -> Program {
    programs::sign(&step.step.curve, step.compared_bits as usize)
}

/// v', mod 2^k.
pub(super) fn client_value(ring: Ring, step: &ActivationPlan, v: u64) -> u64 {
    ring.from_signed(signed(step, compared(step, v)))
}

/// u' + 1 mod 2^k, and U_t.
pub(super) fn server_values(ring: Ring, step: &ActivationPlan, u: u64) -> (u64, u64) {
    let compared = compared(step, u);
    (ring.from_signed(signed(step, compared) + 1), compared >> (step.compared_bits - 1))
}
