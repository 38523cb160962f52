//! DenseNet (Huang et al. 2017, arXiv:1608.06993), with torchvision's names: every layer reads all before it in its block.

use super::builder::Builder;
use crate::Error;
use crate::graph::{Activation, Graph, NodeId, Op, Padding, Shape, Window};

/// Layers of every block.
pub(super) const DENSENET121: [usize; 4] = [6, 12, 24, 16];

/// Channels that a layer adds.
const GROWTH: usize = 32;
/// Channels of a layer's first convolution, as a multiple of those that it adds.
const BOTTLENECK: usize = 4;

pub(super) fn build(input: Shape, classes: usize, blocks: [usize; 4]) -> Result<Graph, Error> {
    let mut net = Builder::new(input);
    let mut channels = 2 * GROWTH;
    let mut x = net.conv("features.conv0", 0, channels, 7, 2);
    x = net.norm("features.norm0", x);
    x = net.max_pool("features.pool0", x, Window::square(3, 2, 1), false)?;
    x = net.activation("features.relu0", Activation::Relu, x);
    for (block, layers) in (1..).zip(blocks) {
        let mut parts = vec![x];
        for layer in 1..=layers {
            let name = |part: &str| format!("features.denseblock{block}.denselayer{layer}.{part}");
            x = joined(&mut net, &name("cat"), &parts);
            x = rectified(&mut net, &name("norm1"), &name("relu1"), x);
            x = net.conv(&name("conv1"), x, BOTTLENECK * GROWTH, 1, 1);
            x = rectified(&mut net, &name("norm2"), &name("relu2"), x);
            parts.push(net.conv(&name("conv2"), x, GROWTH, 3, 1));
        }
        x = joined(&mut net, &format!("features.denseblock{block}.cat"), &parts);
        channels += layers * GROWTH;
        if block < blocks.len() {
            let name = |part: &str| format!("features.transition{block}.{part}");
            x = rectified(&mut net, &name("norm"), &name("relu"), x);
            channels /= 2;
            x = net.conv(&name("conv"), x, channels, 1, 1);
            let window = Window { kernel: (2, 2), stride: (2, 2), padding: Padding::default() };
            x = net.push(name("pool"), Op::average(window), vec![x]);
        }
    }
    x = rectified(&mut net, "features.norm5", "features.relu5", x);
    net.finish(x, "avgpool", "classifier", classes)
}

/// All parts side by side; one alone is itself.
fn joined(net: &mut Builder, name: &str, parts: &[NodeId]) -> NodeId {
    match parts {
        [one] => *one,
        parts => net.push(name, Op::Concat, parts.to_vec()),
    }
}

fn rectified(net: &mut Builder, norm: &str, relu: &str, from: NodeId) -> NodeId {
    let x = net.norm(norm, from);
    net.activation(relu, Activation::Relu, x)
}
