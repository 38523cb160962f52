//! A graph with its parameters as libtorch tensors, differentiable.

use models::graph::{Graph, NodeId, Op, Padding, Parameters};
use models::mask::Masks;
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

/// How one activation layer lets its units through.
#[derive(Debug)]
pub enum Gate {
    /// Every unit keeps its nonlinearity.
    Kept,
    /// Every unit is the identity.
    Linear,
    /// `alpha * act(x) + (1 - alpha) * x`, `alpha` of shape (C, H, W).
    Alpha(Tensor),
}

/// One gate for every activation layer, by node.
#[derive(Debug)]
pub struct Gates(BTreeMap<NodeId, Gate>);

impl Gates {
    /// The gates that masks ask for.
    pub fn of(graph: &Graph, masks: &Masks, device: Device) -> Self {
        let gates = graph.activations().map(|layer| {
            let mask = masks.get(layer.name);
            let gate = match mask.count() {
                0 => Gate::Linear,
                n if n == layer.shape.size() => Gate::Kept,
                _ => Gate::Alpha(alpha(mask, device)),
            };
            (layer.node, gate)
        });
        Self(gates.collect())
    }

    /// The same function, but with every `alpha` a tensor that gradients are taken of.
    pub fn tracked(graph: &Graph, masks: &Masks, device: Device) -> Self {
        let gate = |name| Gate::Alpha(alpha(masks.get(name), device).set_requires_grad(true));
        Self(graph.activations().map(|layer| (layer.node, gate(layer.name))).collect())
    }

    /// Whole layers: the `i`-th activation layer is kept if bit `i` of `coalition` is set.
    pub fn coalition(graph: &Graph, coalition: u64) -> Self {
        let gate = |i: usize| if coalition >> i & 1 == 1 { Gate::Kept } else { Gate::Linear };
        Self(graph.activations().enumerate().map(|(i, layer)| (layer.node, gate(i))).collect())
    }

    /// The tensors of the gates that have one, in network order.
    pub fn alphas(&self) -> impl Iterator<Item = &Tensor> {
        self.0.values().filter_map(|gate| match gate {
            Gate::Alpha(alpha) => Some(alpha),
            Gate::Kept | Gate::Linear => None,
        })
    }
}

fn alpha(mask: &models::mask::Mask, device: Device) -> Tensor {
    let (shape, flags) = (mask.shape(), mask.flags());
    let values: Vec<f32> = flags.iter().map(|kept| f32::from(u8::from(*kept))).collect();
    Tensor::from_slice(&values).reshape([shape.c as i64, shape.h as i64, shape.w as i64]).to_device(device)
}

/// A graph with parameters on a device.
#[derive(Debug)]
pub struct Network {
    graph: Graph,
    device: Device,
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

    /// Copies parameters, which must fit the graph, to the device.
    pub fn new(graph: &Graph, parameters: &Parameters, device: Device) -> Self {
        let tensors = parameters.iter().map(|(name, tensor)| {
            let shape: Vec<i64> = tensor.shape().iter().map(|n| *n as i64).collect();
            let copy = Tensor::from_slice(tensor.data()).reshape(&shape).to_device(device);
            (name.clone(), copy.set_requires_grad(is_trainable(name)))
        });
        Self { graph: graph.clone(), device, parameters: tensors.collect() }
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
    pub fn trainable(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.parameters.iter().filter(|(name, _)| is_trainable(name)).map(|(name, t)| (name.as_str(), t))
    }

    /// Logits (N, classes) of normalised images (N, C, H, W).
    pub fn forward(&self, images: &Tensor, gates: &Gates, mode: Mode) -> Tensor {
        let mut values: Vec<Tensor> = Vec::with_capacity(self.graph.nodes().len());
        for (id, node) in self.graph.nodes().iter().enumerate() {
            let x = node.inputs.first().map_or(images, |i| &values[*i]);
            let parameter = |suffix: &str| &self.parameters[&format!("{}.{suffix}", node.name)];
            let bias = |has: bool| has.then(|| parameter("bias"));
            let y = match &node.op {
                Op::Input => x.shallow_clone(),
                Op::Conv { window, bias: has_bias, .. } => {
                    let p = window.padding;
                    let symmetric = p.top == p.bottom && p.left == p.right;
                    let (padded, padding) =
                        if symmetric { (None, [p.top as i64, p.left as i64]) } else { (Some(pad(x, p)), [0, 0]) };
                    let x = padded.as_ref().unwrap_or(x);
                    x.conv2d(parameter("weight"), bias(*has_bias), pair(window.stride), padding, [1, 1], 1)
                }
                Op::Linear { bias: has_bias, .. } => {
                    x.flatten(1, -1).linear(parameter("weight"), bias(*has_bias)).unsqueeze(-1).unsqueeze(-1)
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
                Op::Act { activation: models::graph::Activation::Relu } => match &gates.0[&id] {
                    Gate::Kept => x.relu(),
                    Gate::Linear => x.shallow_clone(),
                    // relu(x) - x = relu(-x), exactly.
                    Gate::Alpha(alpha) => x + alpha * (-x).relu(),
                },
                Op::Add => node.inputs[1..].iter().fold(x.shallow_clone(), |sum, i| sum + &values[*i]),
                Op::AvgPool { window } => {
                    let divisor: Option<i64> = None;
                    pad(x, window.padding).avg_pool2d(
                        pair(window.kernel),
                        pair(window.stride),
                        [0, 0],
                        false,
                        true,
                        divisor,
                    )
                }
                Op::PadChannels { stride, before, after } => {
                    let stride = *stride as i64;
                    let rows = x.slice(2, None, None, stride).slice(3, None, None, stride);
                    rows.constant_pad_nd([0, 0, 0, 0, *before as i64, *after as i64])
                }
            };
            values.push(y);
        }
        values.pop().expect("a graph has nodes").flatten(1, -1)
    }
}

/// A tensor's values, row-major, on the host.
pub(crate) fn values(tensor: &Tensor) -> Vec<f32> {
    let host = tensor.detach().to_device(Device::Cpu).to_kind(Kind::Float).contiguous();
    let mut values = vec![0f32; host.numel()];
    no_grad(|| host.copy_data(&mut values, host.numel()));
    values
}

fn is_trainable(name: &str) -> bool {
    !name.ends_with(".running_mean") && !name.ends_with(".running_var")
}

fn pair(of: (usize, usize)) -> [i64; 2] {
    [of.0 as i64, of.1 as i64]
}

fn pad(x: &Tensor, padding: Padding) -> Tensor {
    if padding == Padding::default() {
        return x.shallow_clone();
    }
    let Padding { top, bottom, left, right } = padding;
    x.constant_pad_nd([left as i64, right as i64, top as i64, bottom as i64])
}

/// A standard normal number (Box and Muller).
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (radius, angle): (f64, f64) = (1.0 - rng.random::<f64>(), rng.random());
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}
