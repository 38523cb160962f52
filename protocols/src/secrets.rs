//! The server's half of a compiled network: what no plan tells.

use crate::Error;
use crate::plan::{Plan, PlannedStep};
use models::fixed::linear::IntegerWeights;
use models::fixed::quantise::{MAX_WEIGHT, Weights};
use models::fixed::steps::{Term, TermOp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What the server alone holds: integer weights and biases per step, `None` for steps without.
#[derive(Serialize, Deserialize)]
pub struct ServerSecrets {
    /// By step, shared with the network that they were compiled from.
    pub weights: Weights,
}

impl ServerSecrets {
    /// For the server's own disk, never for the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("secrets are plain data")
    }

    /// SHA-256 of what is written: tells the server's own files of two networks apart. Not for the wire.
    pub(crate) fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.to_bytes()).into()
    }

    /// Reads what [`ServerSecrets::to_bytes`] wrote and checks it against `plan`.
    pub fn from_bytes(bytes: &[u8], plan: &Plan) -> Result<Self, Error> {
        let secrets: Self = postcard::from_bytes(bytes)
            .map_err(|e| Error::config("secrets", "file", "the secrets of the plan", e.to_string()))?;
        secrets.check(plan)?;
        let weights =
            secrets.weights.iter().flatten().flat_map(|w| w.kernels.iter().flat_map(|kernel| kernel.iter()));
        if let Some(bad) = weights.copied().find(|w| w.unsigned_abs() > MAX_WEIGHT) {
            let expected = format!("magnitudes up to {MAX_WEIGHT}");
            return Err(Error::config("secrets", "weights", expected, bad.to_string()));
        }
        Ok(secrets)
    }

    /// Errors unless there are weights for every linear step of `plan`, and as many.
    pub(crate) fn check(&self, plan: &Plan) -> Result<(), Error> {
        let sizes = |weights: &IntegerWeights| {
            let kernels: Vec<usize> = weights.kernels.iter().map(|kernel| kernel.len()).collect();
            (kernels, weights.bias.len())
        };
        let found: Vec<_> = self.weights.iter().map(|w| w.as_ref().map(sizes)).collect();
        let bias = |index: usize| found.get(index)?.as_ref().map(|(_, bias)| *bias);
        let steps = plan.steps.iter().enumerate();
        let expected: Vec<_> = steps.map(|(index, step)| weight_sizes(step, bias(index))).collect();
        if found == expected {
            return Ok(());
        }
        Err(Error::config("secrets", "sizes of weights", format!("{expected:?}"), format!("{found:?}")))
    }

    /// The weights of linear step `index` of the plan.
    pub(crate) fn of(&self, index: usize) -> &IntegerWeights {
        self.weights[index].as_ref().expect("checked: linear steps carry weights")
    }
}

/// Values of every kernel and of the bias that a step has: one a channel, or one a unit where `bias` is so many.
fn weight_sizes(step: &PlannedStep, bias: Option<usize>) -> Option<(Vec<usize>, usize)> {
    match step {
        PlannedStep::Activation(_) | PlannedStep::Product(_) | PlannedStep::Reshare(_) => None,
        PlannedStep::Linear(linear) => {
            let kernel = |term: &Term| match term.op {
                TermOp::Times { .. } => 0,
                TermOp::Conv { out, window, groups } => {
                    out * term.shape.c / groups.max(1) * window.kernel.0 * window.kernel.1
                }
            };
            let (terms, shape) = (&linear.segment.terms, linear.segment.shape);
            let bias = bias.filter(|units| *units == shape.size()).unwrap_or(shape.c);
            Some((terms.iter().map(kernel).collect(), bias))
        }
    }
}
