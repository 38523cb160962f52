//! Kept units, `narrow`: the curve of the quotient in a circuit that compares only the bits that matter.
//! Source: half-gates (ZRE15), Delphi's offline/online split; narrowing (`compared.rs`) and the arithmetic output are this
//! project's own. Semi-honest. Every bit of the output leaves the circuit as an arithmetic share (`gc/convert.rs`).

use super::compared::Compared;
use super::garbled::Variant;
use crate::gc::programs::{self, Program};
use crate::plan::ActivationPlan;
use crate::values::{ClientMask, ClientShare, ServerShare};
use models::fixed::curve::Curve;

pub(super) struct Narrow {
    compared: Compared,
    curve: Curve,
}

impl Narrow {
    pub(super) fn new(step: &ActivationPlan) -> Self {
        Self { compared: Compared::of(step), curve: step.step.curve.clone() }
    }
}

impl Variant for Narrow {
    fn program(&self) -> Program {
        programs::narrow(&self.curve, self.compared.bits as usize)
    }

    fn client_inputs(&self, v: &ClientShare, _: &ClientMask) -> Vec<u64> {
        self.compared.cut_all(v.elements())
    }

    fn server_inputs(&self, u: &ServerShare) -> Vec<u64> {
        self.compared.cut_all(u.elements())
    }

    fn output(&self, curve: &Curve, u: u64, v: u64) -> i64 {
        curve.apply(self.compared.quotient(u, v))
    }
}
