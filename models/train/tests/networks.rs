//! Every built-in network on libtorch against its clear evaluation.

use models::graph::{Graph, Op, Shape};
use models::mask::Masks;
use models::real::forward;
use models::{initial, nets};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;
use tch::{Device, Tensor};
use train::gates::Gates;
use train::network::{Mode, Network};

/// Images that are as small as a network's windows and batch norms allow: those of ImageNet halve five times.
fn input(name: &str) -> Shape {
    let side = match name {
        "resnet50" | "squeezenet1_0" | "squeezenet1_1" | "mobilenet_v2" | "vgg16" => 48,
        "densenet121" => 64,
        _ => 16,
    };
    Shape::new(3, side, side)
}

/// How far two orders of adding up may end apart, as a share of the largest value: a random walk over the products of
/// a sum, in every layer that sums.
fn rounding(graph: &Graph) -> f32 {
    let shapes = graph.parameter_shapes();
    let products = shapes.values().filter(|s| s.len() > 1).map(|s| s[1..].iter().product::<usize>());
    let (layers, longest) = products.fold((0, 0), |(n, most), p| (n + 1, most.max(p)));
    layers as f32 * (longest as f32).sqrt() * f32::EPSILON / 2.0
}

fn check(graph: &Graph, masks: &Masks, name: &str) {
    let mut rng = ChaCha12Rng::seed_from_u64(5);
    let images: Vec<Vec<f32>> =
        (0..2).map(|_| (0..graph.input().size()).map(|_| rng.random_range(-2.0..2.0)).collect()).collect();
    let parameters = initial::parameters(graph, masks, &images, &mut rng).expect("images fit");
    let network = Network::new(graph, &parameters, Device::Cpu);
    let batch =
        Tensor::from_slice(&images.concat()).reshape([2, 3, graph.input().h as i64, graph.input().w as i64]);
    let found = network.forward(&batch, &Gates::of(graph, masks, Device::Cpu), Mode::Evaluate);
    let found = Vec::<f32>::try_from(found.detach().flatten(0, -1)).expect("a flat tensor");
    for (image, found) in images.iter().zip(found.chunks_exact(graph.classes())) {
        let clear = forward(graph, &parameters, masks, image);
        let largest = clear.iter().flatten().fold(0f32, |most, value| most.max(value.abs()));
        let bound = rounding(graph) * largest;
        for (a, b) in clear[clear.len() - 1].iter().zip(found) {
            assert!((a - b).abs() <= bound, "{name}: {a} in the clear, {b} here, bound {bound}");
        }
    }
}

#[test]
fn every_network_computes_what_it_does_in_the_clear() {
    tch::set_num_threads(1);
    for name in nets::names() {
        let graph = nets::build(name, input(name), 10).unwrap();
        let units = Masks::all_kept(&graph).count();
        let half = initial::masks(&graph, units / 2, &mut ChaCha12Rng::seed_from_u64(6)).unwrap();
        check(&graph, &Masks::all_kept(&graph), name);
        check(&graph, &half, name);
    }
}

/// A network learns only what gradients reach: every weight of every network has one that is not zero.
#[test]
fn gradients_reach_every_weight() {
    tch::set_num_threads(1);
    for name in nets::names() {
        let graph = nets::build(name, input(name), 10).unwrap();
        let network = Network::initialised(&graph, 1, Device::Cpu);
        let all = Gates::of(&graph, &Masks::all_kept(&graph), Device::Cpu);
        let Shape { c, h, w } = graph.input();
        let images = Tensor::arange(4 * (c * h * w) as i64, (tch::Kind::Float, Device::Cpu)).sin();
        let images = images.reshape([4, c as i64, h as i64, w as i64]);
        let logits = network.forward(&images, &all, Mode::Train);
        let loss = logits.cross_entropy_for_logits(&Tensor::from_slice(&[0i64, 3, 6, 9]));
        let (names, weights): (Vec<&str>, Vec<&Tensor>) = network.trainable().unzip();
        let gradients = Tensor::run_backward(&[&loss], &weights, false, false);
        let normed = graph.nodes().iter().any(|node| matches!(node.op, Op::BatchNorm { .. }));
        assert_eq!(normed, !["minionn", "squeezenet1_0", "squeezenet1_1", "vgg16"].contains(&name));
        for (weight, gradient) in names.iter().zip(&gradients) {
            let size = gradient.abs().max().double_value(&[]);
            assert!(size > 0.0 && size.is_finite(), "{name}: {weight} has gradient {size}");
        }
    }
}
