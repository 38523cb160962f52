//! The built-in networks, as graphs with PyTorch's parameter names.

use crate::Error;
use crate::graph::{Activation, Graph, Node, NodeId, Op, Shape, Window};

/// Names that [`build`] knows.
pub const NAMES: [&str; 2] = ["mini", "resnet20"];

/// PyTorch's default for batch norm.
const BN_EPS: f64 = 1e-5;

/// Builds a network by name for images of shape `input`.
///
/// - `mini`: a residual network of 7 activation layers and 9,216 units at 3x32x32, small enough to train in seconds
///   on a processor: widths 8, 16, 32, a stem of stride 2, projection shortcuts.
/// - `resnet20`: CIFAR's ResNet-20 (He et al. 2016, section 4.2) with parameter-free shortcuts, 19 activation
///   layers and 188,416 units at 3x32x32; names as in akamaster's `pytorch_resnet_cifar10`.
pub fn build(name: &str, input: Shape, classes: usize) -> Result<Graph, Error> {
    match name {
        "mini" => residual(
            input,
            classes,
            &Family { stem_stride: 2, widths: [8, 16, 32], blocks: 1, projection: true },
        ),
        "resnet20" => residual(
            input,
            classes,
            &Family { stem_stride: 1, widths: [16, 32, 64], blocks: 3, projection: false },
        ),
        other => Err(Error::argument("network", format!("one of {}", NAMES.join(", ")), other)),
    }
}

/// What distinguishes the residual networks of three stages.
struct Family {
    stem_stride: usize,
    widths: [usize; 3],
    /// Basic blocks a stage.
    blocks: usize,
    /// Shortcuts between stages: 1x1 convolution and batch norm, or subsampling with zero channels ("option A").
    projection: bool,
}

fn residual(input: Shape, classes: usize, family: &Family) -> Result<Graph, Error> {
    let mut net = Builder { nodes: vec![Node { name: "input".into(), op: Op::Input, inputs: vec![] }] };
    let mut x = net.conv("conv1", 0, family.widths[0], 3, family.stem_stride);
    x = net.push("bn1", Op::BatchNorm { eps: BN_EPS }, vec![x]);
    x = net.relu("relu", x);
    let mut width = family.widths[0];
    for (stage, out) in family.widths.into_iter().enumerate() {
        for block in 0..family.blocks {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            let name = |part: &str| format!("layer{}.{block}.{part}", stage + 1);
            let mut y = net.conv(&name("conv1"), x, out, 3, stride);
            y = net.push(name("bn1"), Op::BatchNorm { eps: BN_EPS }, vec![y]);
            y = net.relu(&name("relu1"), y);
            y = net.conv(&name("conv2"), y, out, 3, 1);
            y = net.push(name("bn2"), Op::BatchNorm { eps: BN_EPS }, vec![y]);
            let shortcut = if stride == 1 && out == width {
                x
            } else if family.projection {
                let projected = net.conv(&name("shortcut.0"), x, out, 1, stride);
                net.push(name("shortcut.1"), Op::BatchNorm { eps: BN_EPS }, vec![projected])
            } else {
                let before = (out - width) / 2;
                let op = Op::PadChannels { stride, before, after: out - width - before };
                net.push(name("shortcut"), op, vec![x])
            };
            y = net.push(name("add"), Op::Add, vec![y, shortcut]);
            x = net.relu(&name("relu2"), y);
            width = out;
        }
    }
    let last = Graph::new(input, net.nodes.clone())?.shape(x);
    let window = Window { kernel: (last.h, last.w), stride: (last.h, last.w), padding: Default::default() };
    x = net.push("avgpool", Op::AvgPool { window }, vec![x]);
    net.push("linear", Op::Linear { out: classes, bias: true }, vec![x]);
    Graph::new(input, net.nodes)
}

/// Nodes so far; every call appends one and returns its index.
struct Builder {
    nodes: Vec<Node>,
}

impl Builder {
    fn push(&mut self, name: impl Into<String>, op: Op, inputs: Vec<NodeId>) -> NodeId {
        self.nodes.push(Node { name: name.into(), op, inputs });
        self.nodes.len() - 1
    }

    fn conv(&mut self, name: &str, from: NodeId, out: usize, kernel: usize, stride: usize) -> NodeId {
        let window = Window::square(kernel, stride, kernel / 2);
        self.push(name, Op::Conv { out, window, bias: false }, vec![from])
    }

    fn relu(&mut self, name: &str, from: NodeId) -> NodeId {
        self.push(name, Op::Act { activation: Activation::Relu }, vec![from])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CIFAR: Shape = Shape::new(3, 32, 32);

    fn units(graph: &Graph) -> Vec<usize> {
        graph.activations().map(|a| a.shape.size()).collect()
    }

    fn parameters(graph: &Graph) -> usize {
        graph
            .parameter_shapes()
            .iter()
            .filter(|(name, _)| !name.contains("running_"))
            .map(|(_, s)| s.iter().product::<usize>())
            .sum()
    }

    #[test]
    fn mini_has_seven_layers() {
        let graph = build("mini", CIFAR, 10).unwrap();
        assert_eq!(units(&graph), [2048, 2048, 2048, 1024, 1024, 512, 512]);
        assert_eq!(graph.classes(), 10);
    }

    #[test]
    fn resnet20_is_the_published_one() {
        let graph = build("resnet20", CIFAR, 10).unwrap();
        assert_eq!(units(&graph).len(), 19);
        assert_eq!(units(&graph).iter().sum::<usize>(), 188_416);
        assert_eq!(parameters(&graph), 269_722);
        let shapes = graph.parameter_shapes();
        assert_eq!(shapes["layer2.0.conv1.weight"], [32, 16, 3, 3]);
        assert_eq!(shapes["layer3.2.bn2.running_var"], [64]);
        assert_eq!(shapes["linear.weight"], [10, 64]);
        assert!(!shapes.keys().any(|name| name.contains("shortcut")), "option A has no parameters");
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let message = build("resnet21", CIFAR, 10).unwrap_err().to_string();
        assert_eq!(message, "network: expected one of mini, resnet20, found resnet21");
    }

    #[test]
    fn graphs_survive_json() {
        for name in NAMES {
            let graph = build(name, CIFAR, 10).unwrap();
            let json = serde_json::to_string(&graph).unwrap();
            assert_eq!(serde_json::from_str::<Graph>(&json).unwrap(), graph);
        }
    }
}
