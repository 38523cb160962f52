//! Whole layers between two processes: what they are, what their runs are checked against, and their figures.
//!
//! A layer is a plan of one step on the image. Time is the whole phase of that plan, of the later party, so the image's
//! entry and the logits' return are in the online time; bytes are the step's payload alone, both directions.

use crate::convolution::convolution_segment;
use crate::measure::{Effort, Failure, scaled, tell};
use crate::parties::{Pair, Run};
use models::fixed::curve::Curve;
use models::fixed::linear::{IntegerWeights, RingSegment};
use models::fixed::quantise::Scales;
use models::fixed::steps::{ActivationStep, Step, ValueId};
use models::fixed::{QuantModel, Ring};
use models::graph::{Activation, Shape};
use protocols::clear::replay;
use protocols::compile::{Choices, compile};
use protocols::plan::ReluVariant;
use protocols::prepared::PreparedPlan;
use protocols::secrets::ServerSecrets;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// The ReLU variants that are measured; each has its line in `xtask/src/bench/figures.rs`.
const VARIANTS: [ReluVariant; 3] = ReluVariant::ALL;

/// Name, input and output channels of the convolutions, 3x3 with stride 1.
const CONVOLUTIONS: [(&str, Shape, usize); 3] = [
    ("32x32x64->64", Shape::new(64, 32, 32), 64),
    ("14x14x256->256", Shape::new(256, 14, 14), 256),
    ("56x56x64->64", Shape::new(64, 56, 56), 64),
];

/// The image's and the weights' scales, and the largest weight: ten bits with the sign.
pub(crate) const IMAGE_SCALE: u32 = 8;
pub(crate) const WEIGHT_SCALE: u32 = 9;
const LARGEST_WEIGHT: i32 = 511;
/// k of the convolutions.
const CONVOLUTION_RING: u32 = 22;

/// The ReLU layer: 2^17 units, k = 23, |x| < 2^21 - 2^9, f = 9 bits dropped, so n = 21 + 1 - 9 = 13 bits compared.
const RELU_SHAPE: Shape = Shape::new(32, 64, 64);
const RELU_RING: u32 = 23;
const RELU_BOUND: u32 = 21;
const RELU_TRUNCATE: u32 = 9;

const MEBIBYTE: f64 = 1_048_576.0;

/// One layer, the same in every process that makes it from its name.
pub(crate) struct Layer {
    /// What the client and the server agree on.
    pub(crate) plan: PreparedPlan,
    /// What the server alone uses.
    pub(crate) secrets: ServerSecrets,
    /// The client's image, whose value times 2^`IMAGE_SCALE` is an integer.
    pub(crate) image: Vec<f32>,
}

impl Layer {
    /// The layer called `name`: `relu-VARIANT` or `conv-SHAPE`.
    pub(crate) fn named(name: &str) -> Result<Self, Failure> {
        let variant = VARIANTS.iter().copied().find(|variant| name == relu_name(*variant));
        let convolution = CONVOLUTIONS.into_iter().find(|(shape, ..)| name == convolution_name(shape));
        match (variant, convolution) {
            (Some(variant), _) => Self::relu(name, variant),
            (None, Some((_, shape, out))) => Self::convolution(name, shape, out),
            (None, None) => Err(format!("no layer is called `{name}`").into()),
        }
    }

    fn relu(name: &str, variant: ReluVariant) -> Result<Self, Failure> {
        let bound = (1i64 << RELU_BOUND) - (1 << RELU_TRUNCATE) - 1;
        let step = ActivationStep {
            name: "relu".to_owned(),
            source: ValueId::IMAGE,
            shape: RELU_SHAPE,
            activation: Activation::Relu,
            curve: Curve::Relu,
            truncate: RELU_TRUNCATE,
            bound_bits: RELU_BOUND,
            measures: 0,
            kept: (0..RELU_SHAPE.size() as u32).collect(),
        };
        Self::of_one_step(name, RELU_RING, RELU_SHAPE, Step::Activation(step), None, variant, bound)
    }

    fn convolution(name: &str, shape: Shape, out: usize) -> Result<Self, Failure> {
        let weights = random_weights(&mut ChaCha20Rng::seed_from_u64(11), shape.c, out);
        let step = Step::Linear(convolution_segment(shape, out));
        // Any image will do: sums may wrap, and must do so alike in the clear.
        let variant = VARIANTS[0];
        Self::of_one_step(name, CONVOLUTION_RING, shape, step, Some(weights), variant, 1 << IMAGE_SCALE)
    }

    fn of_one_step(
        name: &str,
        ring_bits: u32,
        input: Shape,
        step: Step,
        weights: Option<IntegerWeights>,
        relu: ReluVariant,
        bound: i64,
    ) -> Result<Self, Failure> {
        let ring = Ring::new(ring_bits).ok_or("no such ring")?;
        let scales = Scales { fa: IMAGE_SCALE, fw: WEIGHT_SCALE };
        let model = QuantModel { ring, scales, input, steps: vec![step], weights: vec![weights] };
        let (plan, secrets) = compile(name, &model, &Choices { relu, ..Choices::default() })?;
        let mut rng = ChaCha20Rng::seed_from_u64(12);
        // At most 21 bits, so exact in an f32.
        let scale = f32::from(1u16 << IMAGE_SCALE);
        let image = (0..input.size()).map(|_| rng.random_range(-bound..=bound) as f32 / scale).collect();
        Ok(Self { plan, secrets, image })
    }

    /// Whether a run's logits are those of its masks to the bit, and those of the layer in the clear.
    fn check(&self, run: &Run) -> Result<(), Failure> {
        let Self { plan, secrets, image } = self;
        let (ring, image) = (plan.ring, plan.quantise_image(image));
        let replayed = replay(plan, secrets, &image, &run.client_mask(), &run.server_mask());
        if run.logits != replayed.logits || replayed.out_of_bounds > 0 {
            return Err(format!("{}: the run differs from the replay of its masks", plan.name).into());
        }
        let right = match (&plan.steps[0], &secrets.weights[0]) {
            (protocols::plan::PlannedStep::Linear(step), Some(weights)) => {
                let segment = RingSegment::new(ring, &step.segment, weights);
                let product = segment.apply(std::slice::from_ref(&image), &plan.shapes());
                let bias = segment.bias();
                let mut clear = product.iter().zip(bias).map(|(x, b)| ring.signed(ring.add(*x, b)));
                run.logits.iter().all(|logit| clear.next() == Some(*logit))
            }
            // Rounded by the shares, to one unit: up even from a whole number where both shares drop zeros.
            _ => image.iter().zip(&run.logits).all(|(x, y)| {
                let exact = ring.signed(*x).max(0) as f64 / f64::from(1 << RELU_TRUNCATE);
                (*y as f64 - exact).abs() <= 1.0
            }),
        };
        if right { Ok(()) } else { Err(format!("{}: the run's result is wrong", plan.name).into()) }
    }
}

/// Weights and biases of a 3x3 convolution, uniform.
pub(crate) fn random_weights(rng: &mut ChaCha20Rng, channels: usize, out: usize) -> IntegerWeights {
    let kernel =
        (0..out * channels * 9).map(|_| rng.random_range(-LARGEST_WEIGHT..=LARGEST_WEIGHT)).collect();
    IntegerWeights { kernels: vec![kernel], bias: (0..out as i64).collect() }
}

fn relu_name(variant: ReluVariant) -> String {
    format!("relu-{}", variant.name())
}

fn convolution_name(shape: &str) -> String {
    format!("conv-{shape}")
}

/// Runs a layer `runs` times in one session, each run checked, after one that warms up.
fn run(name: &str, runs: usize) -> Result<(f64, Vec<Run>), Failure> {
    let layer = Layer::named(name)?;
    let mut pair = Pair::start(name)?;
    let mut done = Vec::with_capacity(runs);
    for index in 0..=runs {
        let run = pair.infer()?;
        layer.check(&run)?;
        if index > 0 {
            done.push(run);
        }
    }
    Ok((pair.setup_seconds, done))
}

/// `of` of every run.
fn all(runs: &[Run], of: impl Fn(&Run) -> f64) -> Vec<f64> {
    runs.iter().map(of).collect()
}

pub(crate) fn measure_relus(effort: Effort) -> Result<(), Failure> {
    let units = RELU_SHAPE.size() as f64;
    for variant in VARIANTS {
        let (_, runs) = run(&relu_name(variant), effort.layer_runs())?;
        let name = format!("ReLU {}", variant.name());
        let time = |what: &str, seconds: &dyn Fn(&Run) -> f64| {
            tell(&format!("{name}, {what}"), "us", scaled(all(&runs, seconds), 1e6 / units));
        };
        time("offline + online", &|run| run.offline.seconds + run.online.seconds);
        time("offline", &|run| run.offline.seconds);
        time("online", &|run| run.online.seconds);
        let bytes = |what: &str, bytes: &dyn Fn(&Run) -> u64| {
            tell(&format!("{name}, {what}"), "B", scaled(all(&runs, |run| bytes(run) as f64), 1.0 / units));
        };
        bytes("offline bytes", &|run| run.offline.step_bytes);
        bytes("online bytes", &|run| run.online.step_bytes);
        bytes("bytes in all", &|run| run.offline.step_bytes + run.online.step_bytes);
        let peak = all(&runs, |run| run.peak_rss_bytes() as f64 / 1e6);
        tell(&format!("{name}, peak memory of the larger party"), "MB", peak);
    }
    Ok(())
}

pub(crate) fn measure_convolutions(effort: Effort) -> Result<(), Failure> {
    let mut setups = Vec::new();
    for (shape, ..) in CONVOLUTIONS {
        let (setup, runs) = run(&convolution_name(shape), effort.layer_runs())?;
        setups.push(setup);
        let name = format!("conv 3x3 {shape}");
        tell(&format!("{name}, offline"), "s", all(&runs, |run| run.offline.seconds));
        let bytes = all(&runs, |run| run.offline.step_bytes as f64 / MEBIBYTE);
        tell(&format!("{name}, offline bytes"), "MiB", bytes);
        let peak = all(&runs, |run| run.peak_rss_bytes() as f64 / 1e6);
        tell(&format!("{name}, peak memory of the larger party"), "MB", peak);
    }
    tell("set-up of a session", "ms", scaled(setups, 1e3));
    Ok(())
}
