//! Merged segments against the network over the reals and against integer arithmetic by its definition.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use models::convolve::convolve;
use models::fixed::QuantModel;
use models::fixed::calibrate::Calibration;
use models::fixed::evaluate::{Rounding, evaluate};
use models::fixed::lower::{Lowered, lower};
use models::fixed::merge::{cheapest, cheapest_as_usual, merged};
use models::fixed::quantise::quantise;
use models::fixed::scales::{Scales, StepScales};
use models::fixed::search::Pinned;
use models::fixed::steps::{Step, TermOp};
use models::graph::{Activation, Graph, Node, NodeId, Op, Padding, Parameters, Shape, Window};
use models::mask::{Mask, Masks};
use models::nets;
use models::real::forward;
use models::tensor::Tensor;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;

const POINT: Window = Window::square(1, 1, 0);

/// A graph in the making. Activations keep nothing unless they are said to.
struct Making {
    nodes: Vec<Node>,
    shapes: Vec<Shape>,
    kept: Vec<NodeId>,
}

impl Making {
    fn new(input: Shape) -> Self {
        let image = Node { name: "x".into(), op: Op::Input, inputs: vec![] };
        Self { nodes: vec![image], shapes: vec![input], kept: Vec::new() }
    }

    fn add(&mut self, name: &str, op: Op, inputs: &[NodeId], shape: Shape) -> NodeId {
        let name = format!("{name}{}", self.nodes.len());
        self.nodes.push(Node { name, op, inputs: inputs.to_vec() });
        self.shapes.push(shape);
        self.nodes.len() - 1
    }

    fn conv(&mut self, from: NodeId, out: usize, window: Window) -> NodeId {
        let (h, w) = window.output(self.shapes[from]).unwrap();
        self.add("conv", Op::Conv { out, window, bias: true }, &[from], Shape::new(out, h, w))
    }

    fn norm(&mut self, from: NodeId) -> NodeId {
        self.add("norm", Op::BatchNorm { eps: 1e-5 }, &[from], self.shapes[from])
    }

    fn sum(&mut self, inputs: &[NodeId]) -> NodeId {
        self.add("sum", Op::Add, inputs, self.shapes[inputs[0]])
    }

    fn act(&mut self, from: NodeId) -> NodeId {
        self.add("act", Op::Act { activation: Activation::Relu }, &[from], self.shapes[from])
    }

    fn kept_act(&mut self, from: NodeId) -> NodeId {
        let node = self.act(from);
        self.kept.push(node);
        node
    }

    fn pool(&mut self, from: NodeId, window: Window) -> NodeId {
        let (h, w) = window.output(self.shapes[from]).unwrap();
        self.add("pool", Op::AvgPool { window }, &[from], Shape::new(self.shapes[from].c, h, w))
    }

    /// With random weights and images, behind a last layer.
    fn made(mut self, rng: &mut ChaCha12Rng) -> Network {
        let last = self.nodes.len() - 1;
        self.add("fc", Op::Linear { out: 3, bias: true }, &[last], Shape::new(3, 1, 1));
        let graph = Graph::new(self.shapes[0], self.nodes).unwrap();
        let parameters: Parameters = graph
            .parameter_shapes()
            .into_iter()
            .map(|(name, shape)| {
                let fan_in: usize = shape[1..].iter().product();
                let reach = (3.0 / fan_in as f32).sqrt();
                let range = match name.rsplit('.').next() {
                    Some("running_var") => 0.5..1.5,
                    Some("weight") if shape.len() > 1 => -reach..reach,
                    _ => -1.0..1.0,
                };
                let data = (0..shape.iter().product()).map(|_| rng.random_range(range.clone())).collect();
                (name, Tensor::new(shape, data).unwrap())
            })
            .collect();
        let mut masks = Masks::all_kept(&graph);
        for layer in graph.activations() {
            let keeps = self.kept.contains(&layer.node);
            let kept = (0..layer.shape.size()).map(|_| keeps && rng.random_bool(0.5)).collect();
            masks.set(layer.name, Mask::new(layer.shape, kept).unwrap());
        }
        let size = graph.input().size();
        let images = (0..3).map(|_| (0..size).map(|_| rng.random_range(-2.0..2.0)).collect()).collect();
        Network { graph, parameters, masks, images }
    }
}

struct Network {
    graph: Graph,
    parameters: Parameters,
    masks: Masks,
    images: Vec<Vec<f32>>,
}

impl Network {
    fn lowered(&self) -> Lowered {
        lower(&self.graph, &self.parameters, &self.masks).unwrap()
    }

    fn calibration(&self) -> Calibration {
        let mut largest = vec![0f32; self.graph.nodes().len()];
        let mut logits = Vec::new();
        for image in &self.images {
            let values = forward(&self.graph, &self.parameters, &self.masks, image);
            for (largest, value) in largest.iter_mut().zip(&values) {
                *largest = value.iter().fold(*largest, |most, x| most.max(x.abs()));
            }
            logits.push(values.last().unwrap().clone());
        }
        Calibration { largest, images: self.images.clone(), logits }
    }

    /// Every activation layer's input is what the graph says it is, and so are the logits, at every unit.
    fn check_reals(&self, lowered: &Lowered) {
        for image in &self.images {
            let expected = forward(&self.graph, &self.parameters, &self.masks, image);
            let values = reals(lowered, image);
            let mut compared = vec![(expected.last().unwrap(), values.last().unwrap())];
            for step in &lowered.steps {
                if let Step::Activation(layer) = step {
                    compared.push((&expected[layer.measures], &values[layer.source.index()]));
                }
            }
            for (expected, found) in compared {
                let most = expected.iter().fold(1e-3f32, |most, x| most.max(x.abs()));
                for (unit, (x, y)) in expected.iter().zip(found).enumerate() {
                    let error = (f64::from(*x) - y).abs() / f64::from(most);
                    assert!(error < 1e-4, "unit {unit}: {x} is {y}");
                }
            }
        }
    }

    /// The ring's evaluation is plain integer arithmetic.
    fn check_integers(&self, lowered: &Lowered) {
        let scales = StepScales::uniform(lowered, Scales { fa: 6, fw: 7 });
        let model = quantise(lowered, &self.calibration(), &scales, None).unwrap();
        for image in &self.images {
            let image = model.quantise_image(image);
            let found = evaluate(&model, image.clone(), &mut Rounding::Nearest);
            assert_eq!(found.out_of_bounds, 0);
            assert_eq!(found.logits, integers(&model, &image));
        }
    }
}

/// The bias of every unit.
fn units<B: Copy>(bias: &[B], shape: Shape) -> Vec<B> {
    let per_channel = |unit: usize| if bias.len() == shape.c { unit / shape.area() } else { unit };
    (0..shape.size()).map(|unit| bias[per_channel(unit)]).collect()
}

/// All values of a network over the reals.
fn reals(lowered: &Lowered, image: &[f32]) -> Vec<Vec<f64>> {
    let mut values: Vec<Vec<f64>> = vec![image.iter().map(|x| f64::from(*x)).collect()];
    let mut shapes = vec![lowered.input];
    for (step, weights) in lowered.steps.iter().zip(&lowered.weights) {
        let value = match (step, weights) {
            (Step::Linear(segment), Some(weights)) => {
                let mut sum: Vec<f64> =
                    units(&weights.bias, segment.shape).into_iter().map(f64::from).collect();
                for (term, kernel) in segment.terms.iter().zip(&weights.kernels) {
                    let mut value = values[term.source.index()].clone();
                    let mut shape = shapes[term.source.index()];
                    for map in &term.pre {
                        value = map.apply(&value, shape);
                        shape = map.output(shape);
                    }
                    assert_eq!(shape, term.shape);
                    if let TermOp::Conv { out, window } = term.op {
                        let kernel: Vec<f64> = kernel.iter().map(|w| f64::from(*w)).collect();
                        value = convolve(&value, shape, &window, out, &kernel);
                    }
                    assert_eq!(value.len(), sum.len());
                    sum.iter_mut().zip(value).for_each(|(sum, x)| *sum += x / term.divisor as f64);
                }
                sum
            }
            (Step::Activation(layer), _) => {
                let mut value = values[layer.source.index()].clone();
                layer.kept.iter().for_each(|unit| value[*unit as usize] = value[*unit as usize].max(0.0));
                value
            }
            (step, _) => panic!("a lowered network has no {step:?}"),
        };
        values.push(value);
        shapes.push(step.shape());
    }
    values
}

/// The logits by integer arithmetic that does not wrap.
fn integers(model: &QuantModel, image: &[u64]) -> Vec<i64> {
    let mut values: Vec<Vec<i64>> = vec![image.iter().map(|x| model.ring.signed(*x)).collect()];
    let shapes = model.shapes();
    for (step, weights) in model.steps.iter().zip(&model.weights) {
        values.push(match (step, weights) {
            (Step::Linear(segment), Some(weights)) => {
                let mut sum = units(&weights.bias, segment.shape);
                for (term, kernel) in segment.terms.iter().zip(&weights.kernels) {
                    let mut value = values[term.source.index()].clone();
                    let mut shape = shapes[term.source.index()];
                    for map in &term.pre {
                        value = map.apply(&value, shape);
                        shape = map.output(shape);
                    }
                    let value = match term.op {
                        TermOp::Shift { shift } => value.into_iter().map(|x| x << shift).collect(),
                        TermOp::Conv { out, window } => {
                            let kernel: Vec<i64> = kernel.iter().map(|w| i64::from(*w)).collect();
                            convolve(&value, shape, &window, out, &kernel)
                        }
                    };
                    sum.iter_mut().zip(value).for_each(|(sum, x)| *sum += x);
                }
                sum
            }
            (Step::Activation(layer), _) => {
                let half = 1 << (layer.truncate - 1);
                let source = &values[layer.source.index()];
                let mut value: Vec<i64> = source.iter().map(|x| (x + half) >> layer.truncate).collect();
                layer.kept.iter().for_each(|unit| value[*unit as usize] = value[*unit as usize].max(0));
                value
            }
            (step, _) => panic!("not in these networks: {step:?}"),
        });
    }
    values.pop().unwrap()
}

/// Steps and terms: everything that can be merged makes fewer of them.
fn size(lowered: &Lowered) -> Option<f64> {
    let of = |step: &Step| match step {
        Step::Linear(segment) => 1 + segment.terms.len(),
        Step::Activation(_) | Step::Reshare(_) => 1,
    };
    Some(lowered.steps.iter().map(of).sum::<usize>() as f64)
}

fn names(lowered: &Lowered) -> Vec<&str> {
    lowered.steps.iter().map(Step::name).collect()
}

/// The network with all merged, checked over the reals and in the ring.
fn check(network: &Network) -> Lowered {
    let all = cheapest(network.lowered(), size);
    network.check_reals(&network.lowered());
    network.check_reals(&all);
    network.check_integers(&all);
    all
}

fn rng() -> ChaCha12Rng {
    ChaCha12Rng::seed_from_u64(3)
}

/// What a convolution of ones makes of the bias before it: four taps at a corner, six at a border, nine inside.
#[test]
fn a_padded_bias_is_one_a_unit() {
    let mut making = Making::new(Shape::new(1, 4, 3));
    let point = making.conv(0, 1, POINT);
    let between = making.act(point);
    making.conv(between, 1, Window::square(3, 1, 1));
    let mut network = making.made(&mut rng());
    let mut set = |name: &str, data: Vec<f32>| {
        let shape = network.parameters[name].shape().to_vec();
        network.parameters.insert(name.into(), Tensor::new(shape, data).unwrap());
    };
    set("conv1.weight", vec![3.0]);
    set("conv1.bias", vec![1.0]);
    set("conv3.weight", vec![1.0; 9]);
    set("conv3.bias", vec![0.5]);
    // The last layer stays: it would need a convolution over the whole image.
    let all = check(&network);
    assert_eq!(names(&all), ["conv1+conv3", "conv3.rescale", "fc4"]);
    let weights = all.weights[0].as_ref().unwrap();
    assert_eq!(weights.kernels, [vec![3.0; 9]]);
    let taps = [4.0, 6.0, 4.0, 6.0, 9.0, 6.0, 6.0, 9.0, 6.0, 4.0, 6.0, 4.0];
    assert_eq!(weights.bias, taps.map(|taps| taps + 0.5));
}

/// A 1x1 convolution goes into one behind it and into one before it, whose strides multiply.
#[test]
fn points_vanish_before_and_behind() {
    let mut making = Making::new(Shape::new(2, 9, 7));
    let wide = making.conv(0, 3, Window::square(3, 2, 1));
    let first = making.act(wide);
    let narrow = making.conv(first, 2, Window::square(1, 2, 0));
    let second = making.act(narrow);
    let point = making.conv(second, 4, POINT);
    making.act(point);
    let all = check(&making.made(&mut rng()));
    // The fully connected layer does not merge: with the strides of all before it, it is no single convolution.
    assert_eq!(names(&all), ["conv1+conv3+conv5", "act6", "fc7"]);
    let Step::Linear(segment) = &all.steps[0] else { panic!("a segment") };
    let TermOp::Conv { window, .. } = segment.terms[0].op else { panic!("a convolution") };
    assert_eq!(window, Window::square(3, 4, 1));
    // Nothing of a border is in the bias behind the padding.
    assert_eq!(all.weights[0].as_ref().unwrap().bias.len(), 4);
}

/// Branches of one value, as in RepVGG: 3x3, 1x1 and a batch norm of the value itself, which is diagonal.
#[test]
fn branches_are_one_convolution() {
    let mut making = Making::new(Shape::new(3, 6, 5));
    let wide = making.conv(0, 3, Window::square(3, 1, 1));
    let branches = [making.norm(wide), making.conv(0, 3, POINT), making.norm(0)];
    let sum = making.sum(&branches);
    making.kept_act(sum);
    let all = check(&making.made(&mut rng()));
    let Step::Linear(segment) = &all.steps[0] else { panic!("a segment") };
    assert_eq!((segment.terms.len(), &*segment.name), (1, "sum5.sum"));
    let TermOp::Conv { window, .. } = segment.terms[0].op else { panic!("a convolution") };
    assert_eq!(window, Window::square(3, 1, 1));
}

/// A projection beside a strided convolution of the same value is its centre tap.
#[test]
fn a_projection_is_a_tap() {
    for (h, w) in [(6, 6), (7, 6), (5, 9)] {
        let mut making = Making::new(Shape::new(2, h, w));
        let main = making.conv(0, 4, Window::square(3, 2, 1));
        let shortcut = making.conv(0, 4, Window::square(1, 2, 0));
        let sum = making.sum(&[main, shortcut]);
        making.kept_act(sum);
        let all = check(&making.made(&mut rng()));
        let Step::Linear(segment) = &all.steps[0] else { panic!("a segment") };
        assert_eq!(segment.terms.len(), 1, "{h}x{w}");
    }
}

/// A residual block whose point before it vanishes: the identity becomes that point, a tap of the convolution's product.
#[test]
fn products_of_one_value_are_summed() {
    let mut making = Making::new(Shape::new(2, 5, 5));
    let point = making.conv(0, 3, POINT);
    let between = making.act(point);
    let conv = making.conv(between, 3, Window::square(3, 1, 1));
    let sum = making.sum(&[conv, between]);
    making.kept_act(sum);
    let all = check(&making.made(&mut rng()));
    assert_eq!(names(&all)[0], "conv1+sum4.sum");
    let Step::Linear(segment) = &all.steps[0] else { panic!("a segment") };
    assert_eq!(segment.terms.len(), 1);
}

/// A pool commutes with the point before it.
#[test]
fn points_go_through_pools() {
    let mut making = Making::new(Shape::new(2, 6, 6));
    let pooled = making.pool(0, Window { padding: Padding::same(1), ..Window::square(2, 2, 0) });
    let point = making.conv(pooled, 3, POINT);
    let between = making.act(point);
    let pooled = making.pool(between, Window { padding: Padding::same(1), ..Window::square(2, 1, 0) });
    let conv = making.conv(pooled, 2, Window::square(3, 1, 1));
    making.kept_act(conv);
    let all = check(&making.made(&mut rng()));
    assert_eq!(names(&all)[0], "conv2+conv5");
}

#[test]
fn what_is_kept_or_read_twice_stays() {
    // A kept unit between.
    let mut making = Making::new(Shape::new(2, 5, 5));
    let point = making.conv(0, 3, POINT);
    let between = making.kept_act(point);
    let conv = making.conv(between, 3, Window::square(3, 1, 1));
    making.kept_act(conv);
    let network = making.made(&mut rng());
    assert_eq!(names(&check(&network)), names(&network.lowered()));

    // Two readers.
    let mut making = Making::new(Shape::new(2, 5, 5));
    let point = making.conv(0, 3, POINT);
    let between = making.act(point);
    let conv = making.conv(between, 3, Window::square(3, 1, 1));
    let kept = making.kept_act(conv);
    let sum = making.sum(&[kept, between]);
    making.kept_act(sum);
    let network = making.made(&mut rng());
    assert_eq!(names(&check(&network)), names(&network.lowered()));

    // Borders: 3x3 behind 3x3. Geometry: 3x3 behind a strided 1x1, branches of different strides' outputs.
    for first in [Window::square(3, 1, 1), Window::square(3, 1, 0), Window::square(1, 2, 0)] {
        let mut making = Making::new(Shape::new(2, 8, 8));
        let conv = making.conv(0, 2, first);
        let between = making.act(conv);
        let conv = making.conv(between, 2, Window::square(3, 1, 1));
        making.kept_act(conv);
        let network = making.made(&mut rng());
        assert_eq!(names(&check(&network)), names(&network.lowered()));
    }
}

/// Nothing is merged where the price says so, and no price is asked for where nothing could be.
#[test]
fn the_price_decides() {
    let mut making = Making::new(Shape::new(2, 5, 5));
    let point = making.conv(0, 3, POINT);
    let between = making.act(point);
    let conv = making.conv(between, 3, Window::square(3, 1, 1));
    making.kept_act(conv);
    let network = making.made(&mut rng());
    let lowered = network.lowered();
    let dear = |lowered: &Lowered| size(lowered).map(|size| -size);
    assert_eq!(names(&cheapest(lowered.clone(), dear)), names(&lowered));
    assert_eq!(names(&cheapest(lowered.clone(), |_| None)), names(&lowered));

    // By the fewest convolutions, at scales that are given; not in a ring in which nothing can be run.
    let calibration = network.calibration();
    let convolutions = |model: &QuantModel| Some(model.weights.iter().flatten().count() as f64);
    for (ring_bits, segments) in [(None, 2), (Some(30), 2), (Some(12), 3)] {
        let pinned = Pinned { fa: Some(5), fw: Some(5), ring_bits };
        let found = cheapest_as_usual(lowered.clone(), &calibration, pinned, true, convolutions);
        assert_eq!(found.weights.iter().flatten().count(), segments, "{ring_bits:?}");
    }

    for name in ["mini", "resnet20", "resnet18", "resnet18-stem"] {
        let graph = nets::build(name, Shape::new(3, 16, 16), 10).unwrap();
        let parameters = graph.parameter_shapes().into_iter().map(|(name, shape)| {
            let size = shape.iter().product();
            (name, Tensor::new(shape, vec![1.0; size]).unwrap())
        });
        let mut masks = Masks::all_kept(&graph);
        graph.activations().for_each(|layer| masks.set(layer.name, Mask::uniform(layer.shape, false)));
        let lowered = lower(&graph, &parameters.collect(), &masks).unwrap();
        let steps = lowered.steps.len();
        assert!((0..steps).all(|step| merged(&lowered, step).is_none()), "{name}");
        let unasked = |_: &Lowered| -> Option<f64> { panic!("{name} has nothing to merge") };
        assert_eq!(cheapest(lowered, unasked).steps.len(), steps, "{name}");
    }
}

/// A part more behind the last node.
fn grow(making: &mut Making, rng: &mut ChaCha12Rng) {
    let from = making.nodes.len() - 1;
    let shape = making.shapes[from];
    let padding = |rng: &mut ChaCha12Rng| Padding {
        top: rng.random_range(0..3),
        bottom: rng.random_range(0..3),
        left: rng.random_range(0..3),
        right: rng.random_range(0..3),
    };
    let stride = if shape.h >= 6 && rng.random_bool(0.2) { 2 } else { 1 };
    let point = Window::square(1, stride, 0);
    let odd = Window { kernel: (3, 2), stride: (1, stride), padding: padding(rng) };
    let windows = [point, point, Window::square(3, stride, 1), odd];
    let out = rng.random_range(2..5);
    let window = *windows.choose(rng).unwrap();
    let window = if window.output(shape).is_some() { window } else { point };
    let mut main = making.conv(from, out, window);
    if rng.random_bool(0.4) {
        main = making.norm(main);
    }
    if rng.random_bool(0.4) {
        let other = making.conv(from, out, Window::square(1, stride, 0));
        let other = if rng.random_bool(0.5) { making.norm(other) } else { other };
        if making.shapes[other] == making.shapes[main] {
            main = making.sum(&[main, other]);
        } else {
            // It would be read by nobody.
            making.nodes.truncate(main + 1);
            making.shapes.truncate(main + 1);
        }
    }
    if rng.random_bool(0.2) {
        main = making.norm(main);
    }
    main = if rng.random_bool(0.2) { making.kept_act(main) } else { making.act(main) };
    if rng.random_bool(0.3) && making.shapes[main].h >= 4 && making.shapes[main].w >= 4 {
        let padding = if rng.random() { Padding::same(1) } else { Padding::default() };
        making.pool(main, Window { padding, ..Window::square(2, rng.random_range(1..3), 0) });
    } else if rng.random_bool(0.2) {
        making.norm(main);
    }
}

/// Random chains with biases, batch norms, pools, strides, branches and kept layers.
#[test]
fn random_networks_stay_what_they_are() {
    let (mut products, mut sums) = (0, 0);
    for seed in 0..300 {
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        let mut making = Making::new(Shape::new(2, rng.random_range(5..11), rng.random_range(5..11)));
        (0..rng.random_range(2..6)).for_each(|_| grow(&mut making, &mut rng));
        let network = making.made(&mut rng);
        let all = check(&network);
        products += names(&all).iter().map(|name| name.matches('+').count()).sum::<usize>();
        sums += names(&all).iter().filter(|name| name.ends_with(".sum")).count();
    }
    assert!(products >= 300 && sums >= 50, "{products} products, {sums} sums");
}
