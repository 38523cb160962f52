//! The server's half of a compiled network: what no plan tells.

use crate::Error;
use crate::plan::{Plan, PlannedStep};
use models::fixed::linear::IntegerWeights;
use models::fixed::quantise::MAX_WEIGHT;
use models::fixed::steps::{Term, TermOp};
use serde::{Deserialize, Serialize};

/// What the server alone holds: integer weights and biases per step, `None` for steps without.
#[derive(Serialize, Deserialize)]
pub struct ServerSecrets {
    /// By step.
    pub weights: Vec<Option<IntegerWeights>>,
}

impl ServerSecrets {
    /// For the server's own disk, never for the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("secrets are plain data")
    }

    /// Reads what [`ServerSecrets::to_bytes`] wrote and checks it against `plan`.
    pub fn from_bytes(bytes: &[u8], plan: &Plan) -> Result<Self, Error> {
        let secrets: Self = postcard::from_bytes(bytes)
            .map_err(|e| Error::config("secrets", "file", "the secrets of the plan", e.to_string()))?;
        secrets.check(plan)?;
        let weights = secrets.weights.iter().flatten().flat_map(|w| w.kernels.iter().flatten());
        if let Some(bad) = weights.copied().find(|w| w.unsigned_abs() > MAX_WEIGHT) {
            let expected = format!("magnitudes up to {MAX_WEIGHT}");
            return Err(Error::config("secrets", "weights", expected, bad.to_string()));
        }
        Ok(secrets)
    }

    /// Errors unless there are weights for every linear step of `plan`, and as many.
    pub(crate) fn check(&self, plan: &Plan) -> Result<(), Error> {
        let sizes = |weights: &IntegerWeights| {
            let kernels: Vec<usize> = weights.kernels.iter().map(Vec::len).collect();
            (kernels, weights.bias.len())
        };
        let found: Vec<_> = self.weights.iter().map(|w| w.as_ref().map(sizes)).collect();
        let expected: Vec<_> = plan.steps.iter().map(weight_sizes).collect();
        let fits =
            |(found, expected): (&Option<(Vec<usize>, usize)>, &Option<(Vec<usize>, [usize; 2])>)| match (
                found, expected,
            ) {
                (Some((kernels, bias)), Some((expected, biases))) => {
                    kernels == expected && biases.contains(bias)
                }
                (found, expected) => found.is_none() && expected.is_none(),
            };
        if found.len() == expected.len() && found.iter().zip(&expected).all(fits) {
            return Ok(());
        }
        Err(Error::config("secrets", "sizes of weights", format!("{expected:?}"), format!("{found:?}")))
    }

    /// The weights of linear step `index` of the plan.
    pub(crate) fn of(&self, index: usize) -> &IntegerWeights {
        self.weights[index].as_ref().expect("checked: linear steps carry weights")
    }
}

/// Values of every kernel that a step has, and of its bias: one a channel or one a unit.
fn weight_sizes(step: &PlannedStep) -> Option<(Vec<usize>, [usize; 2])> {
    match step {
        PlannedStep::Activation(_) | PlannedStep::Reshare(_) => None,
        PlannedStep::Linear(linear) => {
            let kernel = |term: &Term| match term.op {
                TermOp::Shift { .. } => 0,
                TermOp::Conv { out, window } => out * term.shape.c * window.kernel.0 * window.kernel.1,
            };
            let shape = linear.segment.shape;
            Some((linear.segment.terms.iter().map(kernel).collect(), [shape.c, shape.size()]))
        }
    }
}
