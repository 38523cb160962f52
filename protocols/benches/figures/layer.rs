//! Whole layers that are run between two processes: a plan of a step or two on the image, the same in every process that
//! makes it from its name.

use crate::convolution::{IMAGE_SCALE, WEIGHT_SCALE, convolution_segment, random_weights};
use crate::measure::Failure;
use models::fixed::curve::Curve;
use models::fixed::linear::IntegerWeights;
use models::fixed::scales::{StepScale, StepScales};
use models::fixed::steps::{ActivationStep, ProductStep, PublicMap, Segment, Step, Term, TermOp, ValueId};
use models::fixed::{QuantModel, Ring};
use models::graph::{Activation, Shape, Window};
use protocols::compile::{Choices, compile};
use protocols::ot::OtVariant;
use protocols::plan::ReluVariant;
use protocols::prepared::PreparedPlan;
use protocols::secrets::ServerSecrets;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// Name, input and output channels of the convolutions, 3x3 with stride 1.
pub(crate) const CONVOLUTIONS: [(&str, Shape, usize); 3] = [
    ("32x32x64->64", Shape::new(64, 32, 32), 64),
    ("14x14x256->256", Shape::new(256, 14, 14), 256),
    ("56x56x64->64", Shape::new(64, 56, 56), 64),
];

/// k of the convolutions.
const CONVOLUTION_RING: u32 = 22;

/// The ReLU layer: 2^17 units, k = 23, |x| < 2^21 - 2^9, f = 9 bits dropped, so n = 21 + 1 - 9 = 13 bits compared.
pub(crate) const RELU_SHAPE: Shape = Shape::new(32, 64, 64);
const RELU_RING: u32 = 23;
const RELU_BOUND: u32 = 21;
pub(crate) const RELU_TRUNCATE: u32 = 9;

/// Names of the products: the ReLU layer's units squared, and each times what its channel has in common.
pub(crate) const SQUARE: &str = "square";
pub(crate) const GATE: &str = "gate";

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
    /// The layer called `name`: `relu-VARIANT-OT`, `conv-SHAPE`, `square` or `gate`.
    pub(crate) fn named(name: &str) -> Result<Self, Failure> {
        let relu = relus().find(|(variant, ot)| name == relu_name(*variant, *ot));
        let convolution = CONVOLUTIONS.into_iter().find(|(shape, ..)| name == convolution_name(shape));
        match (relu, convolution) {
            (Some(relu), _) => Self::relu(name, relu),
            (None, Some((_, shape, out))) => Self::convolution(name, shape, out),
            (None, None) if name == SQUARE => Self::square(),
            (None, None) if name == GATE => Self::gate(),
            (None, None) => Err(format!("no layer is called `{name}`").into()),
        }
    }

    fn relu(name: &str, relu: (ReluVariant, OtVariant)) -> Result<Self, Failure> {
        let bound = (1i64 << RELU_BOUND) - (1 << RELU_TRUNCATE) - 1;
        let step = ActivationStep {
            name: "relu".to_owned(),
            source: ValueId::IMAGE,
            shape: RELU_SHAPE,
            activation: Activation::Relu,
            curve: Curve::Relu,
            truncate: RELU_TRUNCATE,
            bound_bits: RELU_BOUND,
            skipped: 0,
            measures: 0,
            kept: (0..RELU_SHAPE.size() as u32).collect(),
        };
        Self::of_steps(name, RELU_RING, RELU_SHAPE, vec![(Step::Activation(step), None)], relu, bound)
    }

    fn convolution(name: &str, shape: Shape, out: usize) -> Result<Self, Failure> {
        let weights = random_weights(&mut ChaCha20Rng::seed_from_u64(11), shape.c, out);
        let step = Step::Linear(convolution_segment(shape, out));
        // Any image will do: sums may wrap, and must do so alike in the clear.
        let steps = vec![(step, Some(weights))];
        Self::of_steps(name, CONVOLUTION_RING, shape, steps, Default::default(), 1 << IMAGE_SCALE)
    }

    /// The image, squared.
    fn square() -> Result<Self, Failure> {
        let (left, right) = (ValueId::IMAGE, ValueId::IMAGE);
        let step = ProductStep { name: SQUARE.to_owned(), left, right, shape: RELU_SHAPE, each: 1 };
        Self::product(SQUARE, vec![(Step::Product(step), None)])
    }

    /// The image times the sum of each of its channels.
    fn gate() -> Result<Self, Failure> {
        let window = Window::square(RELU_SHAPE.h, 1, 0);
        let shape = Shape::new(RELU_SHAPE.c, 1, 1);
        let (source, pre) =
            (ValueId::IMAGE, vec![PublicMap::SumPool { window, uncounted: Default::default() }]);
        let term = Term { source, pre, shape, divisor: 1, factor: 1.0, op: TermOp::Times { by: 1 } };
        let sums = Segment { name: "sums".to_owned(), terms: vec![term], shape, scale: IMAGE_SCALE };
        let weights = IntegerWeights { kernels: vec![Default::default()], bias: vec![0; shape.c] };
        let (left, right) = (ValueId::IMAGE, ValueId::made_by(0));
        let each = RELU_SHAPE.area();
        let step = ProductStep { name: GATE.to_owned(), left, right, shape: RELU_SHAPE, each };
        Self::product(GATE, vec![(Step::Linear(sums), Some(weights)), (Step::Product(step), None)])
    }

    fn product(name: &str, steps: Vec<(Step, Option<IntegerWeights>)>) -> Result<Self, Failure> {
        Self::of_steps(name, RELU_RING, RELU_SHAPE, steps, Default::default(), 1 << IMAGE_SCALE)
    }

    fn of_steps(
        name: &str,
        ring_bits: u32,
        input: Shape,
        steps: Vec<(Step, Option<IntegerWeights>)>,
        (relu, ot): (ReluVariant, OtVariant),
        bound: i64,
    ) -> Result<Self, Failure> {
        let ring = Ring::new(ring_bits).ok_or("no such ring")?;
        let scale = |step: &Step| match step {
            Step::Linear(_) => StepScale::Weights(WEIGHT_SCALE),
            Step::Activation(_) | Step::Reshare(_) => StepScale::Rescaled(IMAGE_SCALE),
            Step::Product(_) => StepScale::Passed,
        };
        let (steps, weights): (Vec<Step>, Vec<_>) = steps.into_iter().unzip();
        let scales = StepScales { image: IMAGE_SCALE, steps: steps.iter().map(scale).collect() };
        let model = QuantModel { ring, scales, input, steps, weights: weights.into() };
        let (plan, secrets) = compile(name, &model, &Choices { relu, ot, ..Choices::default() })?;
        let mut rng = ChaCha20Rng::seed_from_u64(12);
        // At most 21 bits, so exact in an f32.
        let scale = f32::from(1u16 << IMAGE_SCALE);
        let image = (0..input.size()).map(|_| rng.random_range(-bound..=bound) as f32 / scale).collect();
        Ok(Self { plan, secrets, image })
    }
}

/// How the ReLU layer is computed: in every way, by the usual OTs and by silent ones.
pub(crate) fn relus() -> impl Iterator<Item = (ReluVariant, OtVariant)> {
    let transfers = [OtVariant::default(), OtVariant::Silent];
    ReluVariant::ALL.into_iter().flat_map(move |variant| transfers.map(|ot| (variant, ot)))
}

/// The name of the ReLU layer under `variant` and `ot`.
pub(crate) fn relu_name(variant: ReluVariant, ot: OtVariant) -> String {
    format!("relu-{}-{}", variant.name(), ot.name())
}

/// The name of the convolution called `shape`, of what a plan's name may consist of.
pub(crate) fn convolution_name(shape: &str) -> String {
    format!("conv-{}", shape.replace("->", "-to-"))
}
