//! From a quantized network and choices to a plan and the server's secrets, or a refusal that names the step.

use crate::Error;
use crate::he::packing::{Convolution, DEFAULT_RATE, Packing};
use crate::he::server::prove;
use crate::he::{Exchange, HeBackend, HeParameters};
use crate::ot::OtVariant;
use crate::plan::{ActivationPlan, LinearPlan, PROTOCOL_VERSION, Plan, PlannedStep, ReluVariant};
use crate::prepared::PreparedPlan;
use crate::secrets::ServerSecrets;
use models::fixed::QuantModel;
use models::fixed::steps::{Segment, Step, Term, TermOp};
use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

/// What may be chosen.
#[derive(Clone, Debug)]
pub struct Choices {
    /// How kept units are computed.
    pub relu: ReluVariant,
    /// Who computes on ciphertexts.
    pub backend: HeBackend,
    /// Homomorphic-encryption parameters; the backend's cheapest that fit when `None`.
    pub he: Option<HeParameters>,
    /// How correlated OTs are made.
    pub ot: OtVariant,
    /// Rate of the link that packings are chosen for: the slower, the fewer bytes. `None` where none is known.
    pub bytes_per_second: Option<f64>,
}

impl Default for Choices {
    /// What a user who chooses nothing gets.
    fn default() -> Self {
        Self {
            relu: ReluVariant::default(),
            backend: HeBackend::Linnet,
            he: None,
            ot: OtVariant::default(),
            bytes_per_second: None,
        }
    }
}

/// Packings that were chosen: a network is compiled many times before its scales are found, and its convolutions are the same.
#[derive(Default)]
pub struct Packings {
    /// By parameters, convolution and rate.
    chosen: RefCell<HashMap<(HeParameters, Convolution, u64), Option<Packing>>>,
}

impl Packings {
    /// [`Packing::choose`], once.
    fn choose(&self, he: &HeParameters, convolution: Convolution, rate: f64) -> Option<Packing> {
        let mut chosen = self.chosen.borrow_mut();
        let choose = || Packing::choose(he, &convolution, rate);
        chosen.entry((he.clone(), convolution, rate.to_bits())).or_insert_with(choose).clone()
    }
}

/// Compiles `model` under `choices`.
///
/// # Errors
/// The refusal, with the step that does not fit.
pub fn compile(
    name: &str,
    model: &QuantModel,
    choices: &Choices,
) -> Result<(PreparedPlan, ServerSecrets), Error> {
    compile_again(name, model, choices, &Packings::default())
}

/// [`compile`], with the packings that were chosen before.
///
/// # Errors
/// As [`compile`].
pub fn compile_again(
    name: &str,
    model: &QuantModel,
    choices: &Choices,
    packings: &Packings,
) -> Result<(PreparedPlan, ServerSecrets), Error> {
    let candidates: Vec<HeParameters> = match &choices.he {
        Some(he) => vec![he.clone()],
        None => HeParameters::candidates(choices.backend, model.ring.bits()).collect(),
    };
    let mut refusal = None;
    for he in candidates {
        match plan_with(name, model, (choices, packings), he) {
            Ok(plan) => {
                let secrets = ServerSecrets { weights: Arc::clone(&model.weights) };
                return Ok((PreparedPlan::new(plan)?, secrets));
            }
            Err(error) => refusal = Some(error),
        }
    }
    Err(refusal.expect("there is at least one candidate"))
}

/// The activation layers of a plan that keep units, those with most first: their places among the steps.
fn layers(plan: &Plan) -> Vec<usize> {
    let kept = |index: &usize| match &plan.steps[*index] {
        PlannedStep::Activation(layer) => layer.step.kept.len(),
        PlannedStep::Linear(_) | PlannedStep::Product(_) | PlannedStep::Reshare(_) => 0,
    };
    let mut layers: Vec<usize> = (0..plan.steps.len()).filter(|index| kept(index) > 0).collect();
    layers.sort_by_key(|index| Reverse(kept(index)));
    layers
}

/// `plan` with all kept units computed by `relu`, on correlated OTs by `ot`.
///
/// # Errors
/// [`Error::Config`] where the variant cannot be garbled.
pub fn otherwise(plan: &Plan, relu: ReluVariant, ot: OtVariant) -> Result<PreparedPlan, Error> {
    let mut plan = Plan { ot, ..plan.clone() };
    for step in &mut plan.steps {
        if let PlannedStep::Activation(layer) = step {
            layer.relu = relu;
        }
    }
    PreparedPlan::new(plan)
}

/// `plan` with the kept units of step `layer` computed by `relu`.
fn with(plan: &Plan, layer: usize, relu: ReluVariant) -> Result<PreparedPlan, Error> {
    let mut plan = plan.clone();
    if let PlannedStep::Activation(layer) = &mut plan.steps[layer] {
        layer.relu = relu;
    }
    PreparedPlan::new(plan)
}

fn relu_of(plan: &Plan, layer: usize) -> Option<ReluVariant> {
    match &plan.steps[layer] {
        PlannedStep::Activation(layer) => Some(layer.relu),
        PlannedStep::Linear(_) | PlannedStep::Product(_) | PlannedStep::Reshare(_) => None,
    }
}

/// `plan` with a variant chosen for every layer: in turn, from the one with most kept units on, each gets that which makes the
/// whole plan cheapest by `cost`, until no change of a single layer makes it cheaper.
///
/// # Errors
/// [`Error::Config`] where a variant cannot be garbled.
pub fn mix(mut plan: PreparedPlan, cost: impl Fn(&PreparedPlan) -> f64) -> Result<PreparedPlan, Error> {
    let mut least = cost(&plan);
    loop {
        let before = least;
        for layer in layers(&plan) {
            for relu in ReluVariant::ALL {
                if relu_of(&plan, layer) == Some(relu) {
                    continue;
                }
                let other = with(&plan, layer, relu)?;
                let price = cost(&other);
                if price < least {
                    (plan, least) = (other, price);
                }
            }
        }
        if least >= before {
            return Ok(plan);
        }
    }
}

/// What a plan would cost with another variant at one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Alternative {
    /// The layer's place among the steps.
    pub layer: usize,
    /// The other variant.
    pub relu: ReluVariant,
    /// By how much dearer the whole plan would be.
    pub dearer: f64,
}

/// Why the variants of `plan` are what they are: every other choice at a single layer, by layer.
///
/// # Errors
/// As [`mix`].
pub fn alternatives(
    plan: &PreparedPlan,
    cost: impl Fn(&PreparedPlan) -> f64,
) -> Result<Vec<Alternative>, Error> {
    let own = cost(plan);
    let mut all = Vec::new();
    for layer in (0..plan.steps.len()).filter(|index| layers(plan).contains(index)) {
        for relu in ReluVariant::ALL.into_iter().filter(|relu| relu_of(plan, layer) != Some(*relu)) {
            all.push(Alternative { layer, relu, dearer: cost(&with(plan, layer, relu)?) - own });
        }
    }
    Ok(all)
}

fn plan_with(
    name: &str,
    model: &QuantModel,
    (choices, chosen): (&Choices, &Packings),
    he: HeParameters,
) -> Result<Plan, Error> {
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
                packings.push(pack((&he, chosen), segment, term, rate)?);
            }
        }
    }
    let coefficients = packings.iter().flatten().map(Packing::sent_coefficients).sum();
    let mut packings = packings.into_iter();
    let mut steps = Vec::with_capacity(model.steps.len());
    for (step, weights) in model.steps.iter().zip(&*model.weights) {
        steps.push(match step {
            Step::Linear(segment) => {
                let weights = weights.as_ref().expect("linear steps carry weights");
                let mut exchanges = Vec::with_capacity(segment.terms.len());
                for kernel in &weights.kernels {
                    exchanges.push(match packings.next().expect("one packing a term") {
                        None => None,
                        Some(packing) => {
                            let proof = prove(&he, &segment.name, &packing, kernel, coefficients)?;
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
                let compared_bits = step.compared_bits();
                PlannedStep::Activation(ActivationPlan {
                    step: step.clone(),
                    compared_bits,
                    relu: choices.relu,
                })
            }
            Step::Product(step) => PlannedStep::Product(step.clone()),
            Step::Reshare(step) => PlannedStep::Reshare(step.clone()),
        });
    }
    Ok(Plan {
        version: PROTOCOL_VERSION,
        name: name.to_owned(),
        ring: model.ring,
        image_scale: model.scales.image,
        input: model.input,
        he,
        ot: choices.ot,
        steps,
    })
}

fn pack(
    (he, chosen): (&HeParameters, &Packings),
    segment: &Segment,
    term: &Term,
    rate: f64,
) -> Result<Option<Packing>, Error> {
    match term.op {
        TermOp::Times { .. } => Ok(None),
        TermOp::Conv { window, groups, .. } => {
            let convolution = Convolution { input: term.shape, window, out: segment.shape, groups };
            chosen.choose(he, convolution, rate).map(Some).ok_or_else(|| {
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
