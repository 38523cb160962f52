//! The built-in networks, as graphs with PyTorch's parameter names.

use crate::Error;
use crate::graph::{Activation, Graph, Node, NodeId, Op, Shape, Window};

/// PyTorch's default for batch norm.
const BN_EPS: f64 = 1e-5;

/// Builds a network by name for images of shape `input`.
///
/// - `mini`: a residual network of 7 activation layers and 9,216 units at 3x32x32, small enough to train in seconds
///   on a processor: widths 8, 16, 32, a stem of stride 2, projection shortcuts.
/// - `resnet20`, `resnet32`, `resnet44`, `resnet56`, `resnet110`: CIFAR's ResNets (He et al. 2016, section 4.2) with
///   parameter-free shortcuts; 19 activation layers and 188,416 units at 3x32x32 for the first, 31 and 303,104 for the
///   second; names as in akamaster's `pytorch_resnet_cifar10`.
/// - `resnet18-stem`: ResNet-18 (section 4.1) in its CIFAR form, a 3x3 stem without pooling: 17 activation layers,
///   557,056 units; names as in kuangliu's `pytorch-cifar`.
/// - `resnet18`: the same without an activation after the stem, as in PrivShap's public code: 16 layers, 491,520 units.
///
/// The last average pool is over the whole map, whatever the image's size.
pub fn build(name: &str, input: Shape, classes: usize) -> Result<Graph, Error> {
    match NETS.iter().find(|(known, _)| *known == name) {
        Some((_, family)) => residual(input, classes, family),
        None => Err(Error::argument("network", format!("one of {}", listed()), name)),
    }
}

/// Names that [`build`] knows.
pub fn names() -> impl Iterator<Item = &'static str> {
    NETS.iter().map(|(name, _)| *name)
}

/// The names, for people.
pub fn listed() -> String {
    names().collect::<Vec<_>>().join(", ")
}

/// What distinguishes the residual networks of basic blocks.
struct Family {
    stem_stride: usize,
    /// Whether the stem's output is activated.
    stem_activation: bool,
    /// Channels of every stage; stages after the first halve rows and columns.
    widths: &'static [usize],
    /// Basic blocks a stage.
    blocks: usize,
    /// Shortcuts between stages: 1x1 convolution and batch norm, or subsampling with zero channels ("option A").
    projection: bool,
}

const MINI: Family =
    Family { stem_stride: 2, stem_activation: true, widths: &[8, 16, 32], blocks: 1, projection: true };

/// CIFAR's family of 6 * blocks + 2 layers.
const fn slim(blocks: usize) -> Family {
    Family { stem_stride: 1, stem_activation: true, widths: &[16, 32, 64], blocks, projection: false }
}

const fn resnet18(stem_activation: bool) -> Family {
    Family { stem_stride: 1, stem_activation, widths: &[64, 128, 256, 512], blocks: 2, projection: true }
}

const NETS: [(&str, Family); 8] = [
    ("mini", MINI),
    ("resnet20", slim(3)),
    ("resnet32", slim(5)),
    ("resnet44", slim(7)),
    ("resnet56", slim(9)),
    ("resnet110", slim(18)),
    ("resnet18", resnet18(false)),
    ("resnet18-stem", resnet18(true)),
];

fn residual(input: Shape, classes: usize, family: &Family) -> Result<Graph, Error> {
    let mut net = Builder { nodes: vec![Node { name: "input".into(), op: Op::Input, inputs: vec![] }] };
    let mut width = family.widths[0];
    let mut x = net.conv("conv1", 0, width, 3, family.stem_stride);
    x = net.push("bn1", Op::BatchNorm { eps: BN_EPS }, vec![x]);
    if family.stem_activation {
        x = net.relu("relu", x);
    }
    for (stage, out) in family.widths.iter().copied().enumerate() {
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
    fn the_deeper_ones_follow_the_same_scheme() {
        // Units are 16,384 (2b + 1) + (8,192 + 4,096) 2b for b blocks a stage; parameters as akamaster counts them.
        for (name, layers, count, weights) in [
            ("resnet32", 31, 303_104, 464_154),
            ("resnet44", 43, 417_792, 658_586),
            ("resnet56", 55, 532_480, 853_018),
            ("resnet110", 109, 1_048_576, 1_727_962),
        ] {
            let graph = build(name, CIFAR, 10).unwrap();
            assert_eq!(units(&graph).len(), layers, "{name}");
            assert_eq!(units(&graph).iter().sum::<usize>(), count, "{name}");
            assert_eq!(parameters(&graph), weights, "{name}");
        }
    }

    #[test]
    fn resnet18_is_privshaps_with_and_without_stem() {
        let graph = build("resnet18", CIFAR, 10).unwrap();
        let stages = [65_536, 32_768, 16_384, 8_192].map(|size| [size; 4]).concat();
        assert_eq!(units(&graph), stages);
        assert_eq!(units(&graph).iter().sum::<usize>(), 491_520);
        assert_eq!(parameters(&graph), 11_173_962);
        let shapes = graph.parameter_shapes();
        assert_eq!(shapes["conv1.weight"], [64, 3, 3, 3]);
        assert_eq!(shapes["layer2.0.shortcut.0.weight"], [128, 64, 1, 1]);
        assert_eq!(shapes["layer4.0.shortcut.1.running_mean"], [512]);
        assert_eq!(shapes["linear.weight"], [10, 512]);
        assert!(!shapes.contains_key("layer1.0.shortcut.0.weight"), "the first stage keeps its width");

        let graph = build("resnet18-stem", CIFAR, 100).unwrap();
        assert_eq!(units(&graph), [vec![65_536], stages].concat());
        assert_eq!((graph.classes(), parameters(&graph)), (100, 11_220_132));
    }

    #[test]
    fn larger_images_have_more_units_and_no_more_parameters() {
        for name in names() {
            let (small, large) = (build(name, CIFAR, 10).unwrap(), build(name, Shape::new(3, 64, 64), 10));
            let large = large.unwrap();
            assert_eq!(units(&large), units(&small).iter().map(|n| 4 * n).collect::<Vec<_>>());
            assert_eq!(large.parameter_shapes(), small.parameter_shapes());
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let message = build("resnet21", CIFAR, 10).unwrap_err().to_string();
        assert_eq!(
            message,
            "network: expected one of mini, resnet20, resnet32, resnet44, resnet56, resnet110, resnet18, \
             resnet18-stem, found resnet21"
        );
    }

    #[test]
    fn graphs_survive_json() {
        for name in names() {
            let graph = build(name, CIFAR, 10).unwrap();
            let json = serde_json::to_string(&graph).unwrap();
            assert_eq!(serde_json::from_str::<Graph>(&json).unwrap(), graph);
        }
    }
}
