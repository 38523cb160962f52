//! From a quantized network and choices to a plan and the server's secrets, or a refusal that names the step.

use super::{ActivationPlan, LinearPlan, PROTOCOL_VERSION, Plan, PlannedStep, ReluVariant};
use crate::Error;
use crate::he::noise::NoiseProof;
use crate::he::packing::{DEFAULT_RATE, Packing};
use crate::he::server::weight_norms;
use crate::he::{Exchange, HeBackend, HeParameters};
use models::fixed::QuantModel;
use models::fixed::linear::IntegerWeights;
use models::fixed::quantise::MAX_WEIGHT;
use models::fixed::steps::{Segment, Step, Term, TermOp};
use serde::{Deserialize, Serialize};

/// What the server alone holds: integer weights and biases per step, `None` for activation steps.
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
        let sizes = |weights: &IntegerWeights| {
            let kernels: Vec<usize> = weights.kernels.iter().map(Vec::len).collect();
            (kernels, weights.bias.len())
        };
        let found: Vec<_> = secrets.weights.iter().map(|w| w.as_ref().map(sizes)).collect();
        let expected: Vec<_> = plan.steps.iter().map(weight_sizes).collect();
        if found != expected {
            return Err(Error::config(
                "secrets",
                "sizes of weights",
                format!("{expected:?}"),
                format!("{found:?}"),
            ));
        }
        let weights = secrets.weights.iter().flatten().flat_map(|w| w.kernels.iter().flatten());
        if let Some(bad) = weights.copied().find(|w| w.unsigned_abs() > MAX_WEIGHT) {
            let expected = format!("magnitudes up to {MAX_WEIGHT}");
            return Err(Error::config("secrets", "weights", expected, bad.to_string()));
        }
        Ok(secrets)
    }
}

/// Values of every kernel and of the bias that a step has.
fn weight_sizes(step: &PlannedStep) -> Option<(Vec<usize>, usize)> {
    match step {
        PlannedStep::Activation(_) => None,
        PlannedStep::Linear(linear) => {
            let kernel = |term: &Term| match term.op {
                TermOp::Shift { .. } => 0,
                TermOp::Conv { out, window } => out * term.shape.c * window.kernel.0 * window.kernel.1,
            };
            Some((linear.segment.terms.iter().map(kernel).collect(), linear.segment.shape.c))
        }
    }
}

/// What may be chosen.
#[derive(Clone, Debug)]
pub struct Choices {
    /// How kept units are computed.
    pub relu: ReluVariant,
    /// Who computes on ciphertexts.
    pub backend: HeBackend,
    /// Homomorphic-encryption parameters; the backend's cheapest that fit when `None`.
    pub he: Option<HeParameters>,
    /// Rate of the link that packings are chosen for: the slower, the fewer bytes. `None` where none is known.
    pub bytes_per_second: Option<f64>,
}

impl Default for Choices {
    /// What a user who chooses nothing gets.
    fn default() -> Self {
        Self { relu: ReluVariant::Narrow, backend: HeBackend::Narrow, he: None, bytes_per_second: None }
    }
}

/// Compiles `model` under `choices`.
pub fn compile(name: &str, model: &QuantModel, choices: &Choices) -> Result<(Plan, ServerSecrets), Error> {
    let candidates: Vec<HeParameters> = match &choices.he {
        Some(he) => vec![he.clone()],
        None => HeParameters::candidates(choices.backend, model.ring.bits()).collect(),
    };
    let mut refusal = None;
    for he in candidates {
        match plan_with(name, model, choices, he) {
            Ok(plan) => return Ok((plan, ServerSecrets { weights: model.weights.clone() })),
            Err(error) => refusal = Some(error),
        }
    }
    Err(refusal.expect("there is at least one candidate"))
}

fn plan_with(name: &str, model: &QuantModel, choices: &Choices, he: HeParameters) -> Result<Plan, Error> {
    if he.plain_bits != model.ring.bits() {
        let (expected, found) = (model.ring.bits().to_string(), he.plain_bits.to_string());
        return Err(Error::config(name, "plaintext modulus bits", expected, found));
    }
    let rate = choices.bytes_per_second.unwrap_or(DEFAULT_RATE);
    let mut packings = Vec::new();
    for step in &model.steps {
        if let Step::Linear(segment) = step {
            he.check_security(&segment.name)?;
            for term in &segment.terms {
                packings.push(pack(&he, segment, term, rate)?);
            }
        }
    }
    let coefficients = packings.iter().flatten().map(Packing::sent_coefficients).sum();
    let mut packings = packings.into_iter();
    let mut steps = Vec::with_capacity(model.steps.len());
    for (step, weights) in model.steps.iter().zip(&model.weights) {
        steps.push(match step {
            Step::Linear(segment) => {
                let weights = weights.as_ref().expect("linear steps carry weights");
                let mut exchanges = Vec::with_capacity(segment.terms.len());
                for kernel in &weights.kernels {
                    exchanges.push(match packings.next().expect("one packing a term") {
                        None => None,
                        Some(packing) => {
                            let proof = prove(&he, segment, &packing, kernel, coefficients)?;
                            Some(Exchange { packing, proof })
                        }
                    });
                }
                PlannedStep::Linear(LinearPlan { segment: segment.clone(), exchanges })
            }
            Step::Activation(step) => {
                if step.bound_bits + 2 > model.ring.bits() {
                    return Err(Error::config(
                        &step.name,
                        "ring",
                        format!("at least {} bits (values could wrap)", step.bound_bits + 2),
                        model.ring.bits().to_string(),
                    ));
                }
                let compared_bits = step.bound_bits + 1 - step.truncate;
                PlannedStep::Activation(ActivationPlan { step: step.clone(), compared_bits })
            }
        });
    }
    Ok(Plan {
        version: PROTOCOL_VERSION,
        name: name.to_owned(),
        ring: model.ring,
        scales: model.scales,
        input: model.input,
        relu: choices.relu,
        he,
        steps,
    })
}

fn pack(he: &HeParameters, segment: &Segment, term: &Term, rate: f64) -> Result<Option<Packing>, Error> {
    match term.op {
        TermOp::Shift { .. } => Ok(None),
        TermOp::Conv { window, .. } => {
            Packing::choose(he, term.shape, window, segment.shape, rate).map(Some).ok_or_else(|| {
                let window = format!("{}x{} window", window.kernel.0, window.kernel.1);
                Error::config(
                    &segment.name,
                    "packing",
                    format!("room for one {window} in {} coefficients", he.degree),
                    window,
                )
            })
        }
    }
}

/// The noise proof of one exchange, or a refusal that names the step.
pub fn prove(
    he: &HeParameters,
    segment: &Segment,
    packing: &Packing,
    kernel: &[i32],
    coefficients: usize,
) -> Result<NoiseProof, Error> {
    let outputs = packing.sent_coefficients() / packing.answer_count();
    NoiseProof::derive(he, weight_norms(packing, kernel), coefficients, outputs).ok_or_else(|| {
        Error::config(
            &segment.name,
            "HE noise",
            "flooding and decryption that fit the modulus",
            format!("none at N = {}, log2 Q = {}, k = {}", he.degree, he.log_q(), he.plain_bits),
        )
    })
}
