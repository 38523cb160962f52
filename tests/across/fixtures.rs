//! Small random networks, compiled.

use models::fixed::calibrate::Calibration;
use models::fixed::fit::{Freedom, Passing, fit};
use models::fixed::lower::{Lowered, lower};
use models::fixed::quantise::{QuantModel, quantise};
use models::fixed::scales::{Scales, StepScales};
use models::graph::{Graph, Parameters};
use models::mask::{Mask, Masks};
use models::tensor::Tensor;
use protocols::compile::{Choices, compile};
use protocols::plan::ReluVariant;
use protocols::prepared::PreparedPlan;
use protocols::secrets::ServerSecrets;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;

/// A compiled network with random weights and some images at its scale.
pub(crate) struct Fixture {
    pub(crate) graph: Graph,
    pub(crate) parameters: Parameters,
    pub(crate) masks: Masks,
    pub(crate) calibration: Calibration,
    lowered: Lowered,
    scales: Scales,
    pub(crate) model: QuantModel,
    pub(crate) plan: PreparedPlan,
    pub(crate) secrets: ServerSecrets,
    /// Normalised images.
    pub(crate) images: Vec<Vec<f32>>,
}

/// Random weights of sensible size; every unit is kept with probability `keep`.
pub(crate) fn random(graph: Graph, keep: f64, scales: Scales, seed: u64) -> Fixture {
    masked(graph, |_| keep, scales, seed)
}

/// The same, where `keep` says for a layer with which probability its units are kept.
pub(crate) fn masked(
    graph: Graph,
    mut keep: impl FnMut(&mut ChaCha12Rng) -> f64,
    scales: Scales,
    seed: u64,
) -> Fixture {
    let mut rng = ChaCha12Rng::seed_from_u64(seed);
    let parameters: Parameters = graph
        .parameter_shapes()
        .into_iter()
        .map(|(name, shape)| {
            let fan_in: usize = shape[1..].iter().product();
            let size = shape.iter().product();
            let mut draw =
                |low: f32, high: f32| (0..size).map(|_| rng.random_range(low..high)).collect::<Vec<f32>>();
            let data = match name.rsplit('.').next() {
                Some("running_var") => draw(0.5, 1.5),
                Some("weight") if shape.len() == 1 => draw(0.5, 1.5),
                Some("weight") => draw(-1.0, 1.0).iter().map(|w| w * (3.0 / fan_in as f32).sqrt()).collect(),
                _ => draw(-0.3, 0.3),
            };
            (name, Tensor::new(shape, data).unwrap())
        })
        .collect();
    let mut masks = Masks::all_kept(&graph);
    for layer in graph.activations() {
        let keep = keep(&mut rng);
        let kept = (0..layer.shape.size()).map(|_| rng.random_bool(keep)).collect();
        masks.set(layer.name, Mask::new(layer.shape, kept).unwrap());
    }
    let images: Vec<Vec<f32>> =
        (0..8).map(|_| (0..graph.input().size()).map(|_| rng.random_range(-2.0..2.0)).collect()).collect();
    let calibration = Calibration::on(&graph, &parameters, &masks, images.clone());
    let lowered = lower(&graph, &parameters, &masks).unwrap();
    let model = quantise(&lowered, &calibration, &StepScales::uniform(&lowered, scales), None).unwrap();
    let (plan, secrets) = compiled(&model, &Choices::default());
    Fixture { graph, parameters, masks, calibration, lowered, scales, model, plan, secrets, images }
}

impl Fixture {
    /// The same network with its kept units computed otherwise.
    pub(crate) fn with(self, relu: ReluVariant) -> Self {
        self.chosen(&Choices { relu, ..Choices::default() })
    }

    /// The same network with as few layers rescaled as a ring of `ring_bits` allows; `None` where it allows none.
    pub(crate) fn fitted(self, ring_bits: u32) -> Option<Self> {
        self.passing(Passing::Exact, ring_bits)
    }

    /// The same network, its linear layers passing values on, truncated too where `passing` says so.
    pub(crate) fn passing(mut self, passing: Passing, ring_bits: u32) -> Option<Self> {
        let freedom = Freedom { passing, coarser: 0 };
        let uniform = StepScales::uniform(&self.lowered, self.scales);
        let scales = fit(&self.lowered, &self.calibration, &uniform, ring_bits, freedom)?;
        self.model = quantise(&self.lowered, &self.calibration, &scales, Some(ring_bits)).unwrap();
        Some(self.chosen(&Choices::default()))
    }

    /// The same network as `merge` makes it, its layers rescaled.
    pub(crate) fn merged(mut self, merge: impl FnOnce(Lowered) -> Lowered) -> Self {
        self.lowered = merge(self.lowered);
        let scales = StepScales::uniform(&self.lowered, self.scales);
        self.model = quantise(&self.lowered, &self.calibration, &scales, None).unwrap();
        self.chosen(&Choices::default())
    }

    /// The same network under other choices.
    pub(crate) fn chosen(mut self, choices: &Choices) -> Self {
        (self.plan, self.secrets) = compiled(&self.model, choices);
        self
    }
}

fn compiled(model: &QuantModel, choices: &Choices) -> (PreparedPlan, ServerSecrets) {
    compile("random", model, choices).unwrap()
}
