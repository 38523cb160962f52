//! Merged segments against the network over the reals and against integer arithmetic by its definition.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod making;
mod reference;

use making::{Making, Network, POINT};
use models::fixed::QuantModel;
use models::fixed::fit::Passing;
use models::fixed::lower::{Lowered, lower};
use models::fixed::merge::{cheapest, cheapest_as_usual, merged};
use models::fixed::search::Pinned;
use models::fixed::steps::{Step, TermOp};
use models::graph::{Padding, Shape, Window};
use models::mask::{Mask, Masks};
use models::nets;
use models::tensor::Tensor;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;
use std::sync::Arc;

/// Steps and terms: everything that can be merged makes fewer of them.
fn size(lowered: &Lowered) -> Option<f64> {
    let of = |step: &Step| match step {
        Step::Linear(segment) => 1 + segment.terms.len(),
        Step::Activation(_) | Step::Product(_) | Step::Reshare(_) => 1,
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
    assert_eq!(weights.kernels, [Arc::new(vec![3.0; 9])]);
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
        let found = cheapest_as_usual(lowered.clone(), &calibration, pinned, Passing::Exact, convolutions);
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
    let from = making.last();
    let shape = making.shape(from);
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
        if making.shape(other) == making.shape(main) {
            main = making.sum(&[main, other]);
        } else {
            // It would be read by nobody.
            making.forget_behind(main);
        }
    }
    if rng.random_bool(0.2) {
        main = making.norm(main);
    }
    main = if rng.random_bool(0.2) { making.kept_act(main) } else { making.act(main) };
    if rng.random_bool(0.3) && making.shape(main).h >= 4 && making.shape(main).w >= 4 {
        let padding = if rng.random() { Padding::same(1) } else { Padding::default() };
        let window = Window { padding, ..Window::square(2, rng.random_range(1..3), 0) };
        if rng.random() {
            making.pool(main, window)
        } else {
            making.pool_inside(main, window)
        };
    } else if rng.random_bool(0.2) {
        making.norm(main);
    } else if rng.random_bool(0.2) {
        let count = rng.random_range(1..5);
        let picked = (0..count).map(|_| rng.random_range(0..making.shape(main).c)).collect();
        making.channels(main, picked);
    }
}

/// Random chains with biases, batch norms, pools, strides, branches, picked channels and kept layers.
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
