//! Small networks, compiled.

use crate::compile::{Choices, compile};
use crate::plan::ReluVariant;
use crate::prepared::PreparedPlan;
use crate::secrets::ServerSecrets;
use models::fixed::calibrate::Calibration;
use models::fixed::fit::{Freedom, Passing, fit};
use models::fixed::lower::lower;
use models::fixed::quantise::quantise;
use models::fixed::scales::{Scales, StepScales};
use models::graph::{Activation, Graph, Node, Op, Shape, Window};
use models::initial;
use models::mask::Masks;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;

/// What is special about a network.
#[derive(Clone, Copy)]
pub(super) struct Special {
    pub(super) activation: Activation,
    pub(super) relu: ReluVariant,
    /// Whether a linear layer passes its values on.
    pub(super) passes: bool,
}

impl Special {
    /// Between them they have every kind of step, curve and variant.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let kinds = Activation::ALL.into_iter().cycle().zip([false, true].into_iter().cycle());
        let count = Activation::ALL.len().max(ReluVariant::ALL.len()) + 1;
        let of = |((activation, passes), relu)| Self { activation, relu, passes };
        kinds.zip(ReluVariant::ALL.into_iter().cycle()).map(of).take(count)
    }
}

/// A compiled network of two convolutions, two activation layers, a gate and a classifier, and an image for it.
pub(super) fn network(special: Special) -> (PreparedPlan, ServerSecrets, Vec<f32>) {
    let mut rng = ChaCha12Rng::seed_from_u64(1);
    let node = |name: &str, op, from: usize| Node { name: name.into(), op, inputs: vec![from] };
    let conv = |out| Op::Conv { out, window: Window::square(3, 1, 1), bias: true, groups: 1 };
    let act = || Op::Act { activation: special.activation };
    let window = Window::square(2, 2, 1);
    let pool = Op::AvgPool { window, uncounted: window.padding };
    let nodes = vec![
        Node { name: "input".into(), op: Op::Input, inputs: vec![] },
        node("conv1", conv(2), 0),
        node("act1", act(), 1),
        node("conv2", conv(3), 2),
        node("act2", act(), 3),
        node("squeeze", Op::average(Window::square(4, 1, 0)), 4),
        Node { name: "gated".into(), op: Op::Product, inputs: vec![4, 5] },
        node("picked", Op::Channels { picked: vec![2, 0, 1] }, 6),
        node("pool", pool, 7),
        node("fc", Op::Linear { out: 3, bias: true }, 8),
    ];
    let graph = Graph::new(Shape::new(1, 4, 4), nodes).unwrap();
    let images: Vec<Vec<f32>> =
        (0..4).map(|_| (0..16).map(|_| rng.random_range(-2.0..2.0)).collect()).collect();
    let parameters = initial::parameters(&graph, &Masks::all_kept(&graph), &images, &mut rng).unwrap();
    let mut masks = initial::masks(&graph, 40, &mut rng).unwrap();
    if special.passes {
        let layer = graph.activations().next().unwrap();
        masks.set(layer.name, models::mask::Mask::new(layer.shape, vec![false; layer.shape.size()]).unwrap());
    }
    let calibration = Calibration::on(&graph, &parameters, &masks, images.clone());
    let lowered = lower(&graph, &parameters, &masks).unwrap();
    let uniform = StepScales::uniform(&lowered, Scales { fa: 6, fw: 4 });
    let model = if special.passes {
        let freedom = Freedom { passing: Passing::Exact, coarser: 0 };
        let scales = fit(&lowered, &calibration, &uniform, 34, freedom).unwrap();
        quantise(&lowered, &calibration, &scales, Some(34)).unwrap()
    } else {
        quantise(&lowered, &calibration, &uniform, None).unwrap()
    };
    let choices = Choices { relu: special.relu, ..Choices::default() };
    let (plan, secrets) = compile("small", &model, &choices).unwrap();
    (plan, secrets, images.into_iter().next().unwrap())
}
