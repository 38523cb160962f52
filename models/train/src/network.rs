//! A graph with its parameters as libtorch tensors, differentiable.

use crate::gates::{Activated, Gates};
use crate::operators;
use crate::precision::{Precision, laid_out};
use models::graph::{Average, Graph, Op, Padding, Parameters};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use tch::{Device, Kind, Tensor, no_grad};

/// PyTorch's default for running statistics.
const BN_MOMENTUM: f64 = 0.1;

/// Whether batch norm uses (and updates) the batch's statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Batch statistics, running ones updated.
    Train,
    /// Running statistics.
    Evaluate,
}

/// A graph with parameters on a device.
#[derive(Debug)]
pub struct Network {
    graph: Graph,
    device: Device,
    precision: Precision,
    parameters: BTreeMap<String, Tensor>,
}

impl Network {
    /// Fresh weights: convolutions and linear layers from He's normal distribution (deviation `sqrt(2 / inputs)`),
    /// biases 0, batch norm the identity.
    pub fn initialised(graph: &Graph, seed: u64, device: Device) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let parameters = graph.parameter_shapes().into_iter().map(|(name, shape)| {
            let size: usize = shape.iter().product();
            let values: Vec<f32> = if shape.len() > 1 {
                let deviation = (2.0 / shape[1..].iter().product::<usize>() as f64).sqrt();
                (0..size).map(|_| (deviation * normal(&mut rng)) as f32).collect()
            } else {
                let one = name.ends_with(".weight") || name.ends_with(".running_var");
                vec![f32::from(u8::from(one)); size]
            };
            let tensor = models::tensor::Tensor::new(shape, values).expect("sizes agree by construction");
            (name, tensor)
        });
        let parameters: Parameters = parameters.collect();
        Self::new(graph, &parameters, device)
    }

    /// Copies parameters, which must fit the graph, to the device. It computes in full precision.
    pub fn new(graph: &Graph, parameters: &Parameters, device: Device) -> Self {
        let tensors = parameters.iter().map(|(name, tensor)| {
            let shape: Vec<i64> = tensor.shape().iter().map(|n| *n as i64).collect();
            let copy = Tensor::from_slice(tensor.data()).reshape(&shape).to_device(device);
            (name.clone(), laid_out(copy).set_requires_grad(is_trainable(name)))
        });
        let (graph, precision) = (graph.clone(), Precision::Full);
        Self { graph, device, precision, parameters: tensors.collect() }
    }

    /// The same network, parameters shared, computing in `precision`.
    pub fn at(&self, precision: Precision) -> Self {
        let shared = self.parameters.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone()));
        Self { graph: self.graph.clone(), device: self.device, precision, parameters: shared.collect() }
    }

    /// The operations.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Where the tensors live.
    pub fn device(&self) -> Device {
        self.device
    }

    /// A copy of all parameters, as plain arrays.
    pub fn parameters(&self) -> Parameters {
        let copy = |tensor: &Tensor| {
            let shape = tensor.size().iter().map(|n| *n as usize).collect();
            models::tensor::Tensor::new(shape, values(tensor)).expect("a tensor has its shape's size")
        };
        self.parameters.iter().map(|(name, tensor)| (name.clone(), copy(tensor))).collect()
    }

    /// Names and tensors that gradients are taken of (all but running statistics).
    pub fn trainable(&self) -> impl Iterator<Item = (&str, &Tensor)> + Clone {
        self.parameters.iter().filter(|(name, _)| is_trainable(name)).map(|(name, t)| (name.as_str(), t))
    }

    /// Logits (N, classes) of normalised images (N, C, H, W), 32-bit floats both.
    pub fn forward(&self, images: &Tensor, gates: &Gates, mode: Mode) -> Tensor {
        let mut values = Vec::with_capacity(self.graph.nodes().len());
        let last_uses = self.last_uses();
        for (id, node) in self.graph.nodes().iter().enumerate() {
            values.push(self.value(id, &values, images, gates, mode));
            for input in node.inputs.iter().filter(|input| last_uses[**input] == id) {
                // What is differentiated keeps what it needs.
                values[*input] = Tensor::new();
            }
        }
        logits(values.last().expect("a graph has nodes"))
    }

    /// The last node that uses each node's value.
    fn last_uses(&self) -> Vec<usize> {
        let mut last = vec![usize::MAX; self.graph.nodes().len()];
        for (id, node) in self.graph.nodes().iter().enumerate() {
            node.inputs.iter().for_each(|input| last[*input] = id);
        }
        last
    }

    /// The logits, and what happened in the activation layers, in network order.
    pub fn forward_activated(&self, images: &Tensor, gates: &Gates, mode: Mode) -> (Tensor, Vec<Activated>) {
        let values = self.values(images, gates, mode);
        let activated = self.graph.activations().map(|layer| {
            let input = values[self.graph.nodes()[layer.node].inputs[0]].shallow_clone();
            Activated { activation: layer.activation, input, output: values[layer.node].shallow_clone() }
        });
        (logits(&values[values.len() - 1]), activated.collect())
    }

    /// The values of all nodes.
    fn values(&self, images: &Tensor, gates: &Gates, mode: Mode) -> Vec<Tensor> {
        let mut values: Vec<Tensor> = Vec::with_capacity(self.graph.nodes().len());
        self.extend(&mut values, images, gates, mode);
        values
    }

    /// Appends the values of the remaining nodes to `values`, which holds those of the first ones.
    pub(crate) fn extend(&self, values: &mut Vec<Tensor>, images: &Tensor, gates: &Gates, mode: Mode) {
        for id in values.len()..self.graph.nodes().len() {
            values.push(self.value(id, values, images, gates, mode));
        }
    }

    /// The value of a node from those of the nodes before.
    fn value(&self, id: usize, values: &[Tensor], images: &Tensor, gates: &Gates, mode: Mode) -> Tensor {
        let node = &self.graph.nodes()[id];
        let x = node.inputs.first().map_or(images, |i| &values[*i]);
        let parameter = |suffix: &str| &self.parameters[&format!("{}.{suffix}", node.name)];
        let weight = || self.precision.rounded(parameter("weight"));
        let bias = |has: bool| has.then(|| self.precision.rounded(parameter("bias")));
        match &node.op {
            Op::Input => laid_out(self.precision.rounded(x)),
            Op::Conv { window, bias: has_bias, groups, .. } => {
                let p = window.padding;
                let symmetric = p.top == p.bottom && p.left == p.right;
                let (padded, padding) = if symmetric {
                    (None, [p.top as i64, p.left as i64])
                } else {
                    (Some(operators::pad(x, p)), [0, 0])
                };
                let x = padded.as_ref().unwrap_or(x);
                x.conv2d(
                    &weight(),
                    bias(*has_bias),
                    operators::pair(window.stride),
                    padding,
                    [1, 1],
                    *groups as i64,
                )
            }
            Op::Linear { bias: has_bias, .. } => {
                x.flatten(1, -1).linear(&weight(), bias(*has_bias)).unsqueeze(-1).unsqueeze(-1)
            }
            Op::BatchNorm { eps } => x.batch_norm(
                Some(parameter("weight")),
                Some(parameter("bias")),
                Some(parameter("running_mean")),
                Some(parameter("running_var")),
                mode == Mode::Train,
                BN_MOMENTUM,
                *eps,
                true,
            ),
            Op::Act { activation } => gates.at(id).apply(*activation, x),
            Op::Add => node.inputs[1..].iter().fold(x.shallow_clone(), |sum, i| sum + &values[*i]),
            Op::Product => x * &values[node.inputs[1]],
            Op::AvgPool { window, uncounted } => {
                let average = Average { window: *window, uncounted: *uncounted };
                operators::average(x, &average, self.graph.shape(node.inputs[0]))
            }
            Op::Concat => {
                let parts: Vec<&Tensor> = node.inputs.iter().map(|input| &values[*input]).collect();
                Tensor::cat(&parts, 1)
            }
            Op::Channels { picked } => {
                let picked: Vec<i64> = picked.iter().map(|channel| *channel as i64).collect();
                x.index_select(1, &Tensor::from_slice(&picked).to_device(x.device()))
            }
            Op::Scale { by } => x * *by,
            Op::Slice { rows, columns } => operators::picked(&operators::picked(x, 2, *rows), 3, *columns),
            Op::Pad { around: Padding { top, bottom, left, right }, value } => {
                x.pad([*left as i64, *right as i64, *top as i64, *bottom as i64], "constant", *value)
            }
            Op::PadChannels { stride, before, after } => operators::shortcut(x, *stride, (*before, *after)),
        }
    }
}

/// The last node's value (N, classes, 1, 1) as logits (N, classes), whatever precision it was computed in.
fn logits(last: &Tensor) -> Tensor {
    last.flatten(1, -1).to_kind(Kind::Float)
}

/// A tensor's values, row-major, on the host.
pub(crate) fn values(tensor: &Tensor) -> Vec<f32> {
    let host = tensor.detach().to_device(Device::Cpu).to_kind(Kind::Float).contiguous();
    let mut values = vec![0f32; host.numel()];
    no_grad(|| host.copy_data(&mut values, host.numel()));
    values
}

/// Tensors on the host.
pub(crate) fn hosted(tensors: &[Tensor]) -> Vec<Vec<f32>> {
    tensors.iter().map(values).collect()
}

fn is_trainable(name: &str) -> bool {
    !name.ends_with(".running_mean") && !name.ends_with(".running_var")
}

/// A standard normal number (Box and Muller).
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (radius, angle): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use models::graph::Activation;
    use models::graph::{Node, NodeId, Picks, Shape, Window};
    use models::mask::{Mask, Masks};

    fn node(name: &str, op: Op, inputs: &[NodeId]) -> Node {
        Node { name: name.into(), op, inputs: inputs.to_vec() }
    }

    fn network(input: Shape, nodes: Vec<Node>, parameters: &[(&str, &[usize], &[f32])]) -> Network {
        let graph = Graph::new(input, nodes).unwrap();
        let tensor = |shape: &[usize], data: &[f32]| {
            models::tensor::Tensor::new(shape.to_vec(), data.to_vec()).unwrap()
        };
        let parameters = parameters.iter().map(|(name, s, d)| ((*name).to_owned(), tensor(s, d))).collect();
        graph.check_parameters(&parameters).unwrap();
        Network::new(&graph, &parameters, Device::Cpu)
    }

    fn logits(network: &Network, gates: &Gates, image: &[f32]) -> Vec<f32> {
        let s = network.graph().input();
        let image = Tensor::from_slice(image).reshape([1, s.c as i64, s.h as i64, s.w as i64]);
        values(&network.forward(&image, gates, Mode::Evaluate))
    }

    /// A 1x1 convolution (times 2), batch norm (times 3 less 1), masked activation, linear (sum and difference).
    fn masked() -> Network {
        let nodes = vec![
            node("x", Op::Input, &[]),
            node("conv", Op::Conv { out: 1, window: Window::square(1, 1, 0), bias: false, groups: 1 }, &[0]),
            node("bn", Op::BatchNorm { eps: 0.0 }, &[1]),
            node("act", Op::Act { activation: Activation::Relu }, &[2]),
            node("fc", Op::Linear { out: 2, bias: true }, &[3]),
        ];
        let parameters: [(&str, &[usize], &[f32]); 7] = [
            ("conv.weight", &[1, 1, 1, 1], &[2.0]),
            ("bn.weight", &[1], &[6.0]),
            ("bn.bias", &[1], &[2.0]),
            ("bn.running_mean", &[1], &[1.0]),
            ("bn.running_var", &[1], &[4.0]),
            ("fc.weight", &[2, 2], &[1.0, 1.0, 1.0, -1.0]),
            ("fc.bias", &[2], &[0.5, 0.0]),
        ];
        network(Shape::new(1, 1, 2), nodes, &parameters)
    }

    #[test]
    fn masked_forward_as_by_hand() {
        let net = masked();
        // Pixels -1 and -2 become -2 and -4, then 3 (y - 1) + 2 = -7 and -13.
        let image = [-1.0, -2.0];
        let with = |kept: [bool; 2]| {
            let mut masks = Masks::all_kept(net.graph());
            masks.set("act", Mask::new(Shape::new(1, 1, 2), kept.to_vec()).unwrap());
            logits(&net, &Gates::of(net.graph(), &masks, Device::Cpu), &image)
        };
        assert_eq!(with([true, true]), [0.5, 0.0]);
        assert_eq!(with([true, false]), [-12.5, 13.0]);
        assert_eq!(with([false, true]), [-6.5, -7.0]);
        assert_eq!(with([false, false]), [-19.5, 6.0]);
        assert_eq!(logits(&net, &Gates::coalition(net.graph(), 0), &image), [-19.5, 6.0]);
        assert_eq!(logits(&net, &Gates::coalition(net.graph(), 1), &image), [0.5, 0.0]);
    }

    /// A masked activation that is no ReLU is itself where it is kept and the identity elsewhere.
    #[test]
    fn other_activations_follow_the_mask() {
        for activation in Activation::ALL {
            let at_seven = activation.of(7.0) as f32;
            let nodes = vec![node("x", Op::Input, &[]), node("act", Op::Act { activation }, &[0])];
            let net = network(Shape::new(1, 1, 2), nodes, &[]);
            let with = |kept: [bool; 2]| {
                let mut masks = Masks::all_kept(net.graph());
                masks.set("act", Mask::new(Shape::new(1, 1, 2), kept.to_vec()).unwrap());
                logits(&net, &Gates::of(net.graph(), &masks, Device::Cpu), &[7.0, 7.0])
            };
            for (mask, expected) in [([true, false], [at_seven, 7.0]), ([true, true], [at_seven; 2])] {
                for (found, expected) in with(mask).into_iter().zip(expected) {
                    assert!((found - expected).abs() < 1e-6, "{activation:?}: {found} for {expected}");
                }
            }
        }
    }

    /// The gradient that projection ranks by equals the difference of the loss in `alpha`, which is linear here.
    #[test]
    fn alpha_gradient_as_by_hand() {
        let net = masked();
        let gates = Gates::coalition(net.graph(), 1);
        let image = Tensor::from_slice(&[-1f32, 3.0]).reshape([1, 1, 1, 2]);
        let (logits, activated) = net.forward_activated(&image, &gates, Mode::Evaluate);
        let loss = logits.select(1, 1);
        let gradient = Tensor::run_backward(&[loss], &[&activated[0].output], false, false);
        // The second logit is y0 - y1; unit 0 holds -7, so its alpha moves y0 by 7; unit 1 is positive.
        assert_eq!(values(&activated[0].alpha_gradient(&gradient[0])), [7.0, 0.0]);
    }

    /// Mixed precision computes in bfloat16 and answers in 32 bits. All of these numbers have few enough bits to be
    /// exact in either.
    #[test]
    fn mixed_precision_as_by_hand() {
        let mixed = masked().at(Precision::Mixed);
        let images = Tensor::from_slice(&[-1f32, -2.0, -1.0, 3.0]).reshape([2, 1, 1, 2]);
        let mut masks = Masks::all_kept(mixed.graph());
        masks.set("act", Mask::new(Shape::new(1, 1, 2), vec![true, false]).unwrap());
        let gates = Gates::of(mixed.graph(), &masks, Device::Cpu);
        let (answers, activated) = mixed.forward_activated(&images, &gates, Mode::Evaluate);
        assert_eq!((activated[0].input.kind(), activated[0].output.kind()), (Kind::BFloat16, Kind::BFloat16));
        assert_eq!(answers.kind(), Kind::Float);
        // The second image's pixels are -7 and 17 before the activation.
        assert_eq!(values(&answers), [-12.5, 13.0, 17.5, -17.0]);
        let (_, weight) = mixed.trainable().find(|(name, _)| *name == "fc.weight").unwrap();
        let loss = answers.select(1, 1).sum(Kind::Float);
        let gradients = Tensor::run_backward(&[loss], &[weight, &activated[0].output], false, false);
        assert_eq!(gradients[0].kind(), Kind::Float, "weights move in 32 bits");
        assert_eq!(values(&gradients[0]), [0.0, 0.0, 0.0, 4.0]);
        // Alphas count the batch's units that the activation changes: -7 becomes 0 twice, -13 once, times -1.
        assert_eq!(activated[0].alpha_gradient(&gradients[1]).kind(), Kind::Float);
        assert_eq!(values(&activated[0].alpha_gradient(&gradients[1])), [14.0, -13.0]);
    }

    #[test]
    fn shortcut_pool_and_asymmetric_padding_as_by_hand() {
        let padding = Padding { top: 1, bottom: 0, left: 0, right: 1 };
        let sum = Window { kernel: (2, 2), stride: (1, 1), padding };
        let nodes = vec![
            node("x", Op::Input, &[]),
            node("conv", Op::Conv { out: 1, window: sum, bias: true, groups: 1 }, &[0]),
            node("add", Op::Add, &[1, 0]),
            node("pad", Op::PadChannels { stride: 2, before: 1, after: 0 }, &[2]),
            node("pool", Op::average(Window::square(2, 2, 1)), &[2]),
            node("fc", Op::Linear { out: 1, bias: false }, &[4]),
        ];
        let parameters: [(&str, &[usize], &[f32]); 3] = [
            ("conv.weight", &[1, 1, 2, 2], &[1.0; 4]),
            ("conv.bias", &[1], &[10.0]),
            ("fc.weight", &[1, 4], &[1.0, 10.0, 100.0, 1000.0]),
        ];
        let net = network(Shape::new(1, 2, 2), nodes, &parameters);
        // Rows (1 2) (3 4): sums over the window up and right are (3 2) (10 6); with bias and shortcut (14 14) (23 20).
        // Padded by one and pooled, each entry is alone in its window: divided by 4.
        let image = [1.0, 2.0, 3.0, 4.0];
        let expected = (14.0 + 140.0 + 2300.0 + 20_000.0) / 4.0;
        assert_eq!(logits(&net, &Gates::coalition(net.graph(), 0), &image), [expected]);
        let input = Tensor::from_slice(&image).reshape([1, 1, 2, 2]);
        let all = net.values(&input, &Gates::coalition(net.graph(), 0), Mode::Evaluate);
        assert_eq!(values(&all[3]), [0.0, 14.0], "a zero channel before, every second row and column");
    }

    #[test]
    fn slices_and_factors_as_by_hand() {
        let picks = |start, step, count| Picks { start, step, count, times: 1 };
        let nodes = vec![
            node("x", Op::Input, &[]),
            node("inside", Op::Slice { rows: picks(1, 1, 2), columns: picks(0, 2, 2) }, &[0]),
            node("beyond", Op::Slice { rows: picks(-1, 2, 2), columns: picks(2, 1, 2) }, &[0]),
            node("minus", Op::Scale { by: -10.0 }, &[2]),
            node("sum", Op::Add, &[1, 3]),
        ];
        let net = network(Shape::new(1, 3, 3), nodes, &[]);
        // Rows (1 2 3) (4 5 6) (7 8 9): (4 6) (7 9), less ten times (3 3) (6 6).
        let image = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
        assert_eq!(logits(&net, &Gates::coalition(net.graph(), 0), &image), [-26.0, -24.0, -53.0, -51.0]);
    }

    #[test]
    fn repeated_and_padded_as_by_hand() {
        let (rows, columns) = (Picks { count: 3, ..Picks::repeated(2, 2) }, Picks::repeated(2, 2));
        let around = Padding { top: 0, bottom: 1, left: 1, right: 0 };
        let nodes = vec![
            node("x", Op::Input, &[]),
            node("twice", Op::Slice { rows, columns }, &[0]),
            node("around", Op::Pad { around, value: -1.5 }, &[1]),
        ];
        let net = network(Shape::new(1, 2, 2), nodes, &[]);
        let found = logits(&net, &Gates::coalition(net.graph(), 0), &[1.0, 2.0, 3.0, 4.0]);
        let first = [-1.5, 1.0, 1.0, 2.0, 2.0];
        assert_eq!(found, [first, first, [-1.5, 3.0, 3.0, 4.0, 4.0], [-1.5; 5]].concat());
    }

    #[test]
    fn averages_of_what_counts_as_by_hand() {
        let window = Window::square(3, 1, 1);
        let uncounted = Padding { bottom: 0, ..Padding::same(1) };
        let nodes = vec![node("x", Op::Input, &[]), node("pool", Op::AvgPool { window, uncounted }, &[0])];
        let net = network(Shape::new(1, 2, 3), nodes, &[]);
        // Of two rows and the zeros below, which count: two rows above, three below; two, three and two columns.
        let found = logits(&net, &Gates::coalition(net.graph(), 0), &[12.0, 24.0, 36.0, 48.0, 60.0, 72.0]);
        let expected = [144.0 / 4.0, 252.0 / 6.0, 192.0 / 4.0, 144.0 / 6.0, 252.0 / 9.0, 192.0 / 6.0];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5, "{found} in place of {expected}");
        }
    }

    #[test]
    fn channels_by_their_indices_as_by_hand() {
        let nodes =
            vec![node("x", Op::Input, &[]), node("picked", Op::Channels { picked: vec![2, 0, 2] }, &[0])];
        let net = network(Shape::new(3, 1, 2), nodes, &[]);
        let image = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let found = logits(&net, &Gates::coalition(net.graph(), 0), &image);
        assert_eq!(found, [5.0, 6.0, 1.0, 2.0, 5.0, 6.0]);
    }

    #[test]
    fn training_updates_running_statistics() {
        let net = masked();
        let image = Tensor::from_slice(&[0f32, 2.0]).reshape([1, 1, 1, 2]);
        let _ = net.forward(&image, &Gates::coalition(net.graph(), 1), Mode::Train);
        // The batch has mean 2 and unbiased variance 8; a tenth of the way there from 1 and 4.
        let parameters = net.parameters();
        assert!((parameters["bn.running_mean"].data()[0] - 1.1).abs() < 1e-6);
        assert!((parameters["bn.running_var"].data()[0] - 4.4).abs() < 1e-6);
    }

    #[test]
    fn first_weights_follow_the_seed() {
        let graph = models::nets::build("mini", Shape::new(3, 32, 32), 10).unwrap();
        let weights = |seed| Network::initialised(&graph, seed, Device::Cpu).parameters();
        assert_eq!(weights(1), weights(1));
        assert_ne!(weights(1), weights(2));
        let all = weights(1);
        let conv = all["layer3.0.conv2.weight"].data();
        let variance = conv.iter().map(|w| f64::from(w * w)).sum::<f64>() / conv.len() as f64;
        // 9,216 samples of variance 2 / 288: the estimate's deviation is 1.5 %.
        assert!((variance * 144.0 - 1.0).abs() < 0.06, "{variance}");
        assert_eq!(all["bn1.running_var"].data(), [1.0; 8]);
        assert_eq!(all["bn1.bias"].data(), [0.0; 8]);
    }
}
