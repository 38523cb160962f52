//! ResNet-50 (He et al. 2016) for large images, with torchvision's names: a 7x7 stem, a max pool, bottleneck blocks whose 3x3
//! convolution has the stride.

use super::builder::Builder;
use crate::Error;
use crate::graph::{Activation, Graph, Op, Shape, Window};

/// Blocks of every stage.
pub(super) const RESNET50: [usize; 4] = [3, 4, 6, 3];

/// A block's output has so many times the channels of its inner convolutions.
const EXPANSION: usize = 4;

pub(super) fn build(input: Shape, classes: usize, blocks: [usize; 4]) -> Result<Graph, Error> {
    let mut net = Builder::new(input);
    let mut width = 64;
    let mut x = net.conv("conv1", 0, width, 7, 2);
    x = net.norm("bn1", x);
    x = net.max_pool("maxpool", x, Window::square(3, 2, 1), false)?;
    x = net.activation("relu", Activation::Relu, x);
    for (stage, blocks) in (1..).zip(blocks) {
        let inner = 32 << stage;
        for block in 0..blocks {
            let stride = if stage > 1 && block == 0 { 2 } else { 1 };
            let name = |part: &str| format!("layer{stage}.{block}.{part}");
            let mut y = x;
            for (number, (out, kernel, stride)) in
                (1..).zip([(inner, 1, 1), (inner, 3, stride), (EXPANSION * inner, 1, 1)])
            {
                y = net.conv(&name(&format!("conv{number}")), y, out, kernel, stride);
                y = net.norm(&name(&format!("bn{number}")), y);
                if number < 3 {
                    y = net.activation(&name(&format!("relu{number}")), Activation::Relu, y);
                }
            }
            if block == 0 {
                x = net.conv(&name("downsample.0"), x, EXPANSION * inner, 1, stride);
                x = net.norm(&name("downsample.1"), x);
            }
            width = EXPANSION * inner;
            let sum = net.push(name("add"), Op::Add, vec![y, x]);
            x = net.activation(&name("relu3"), Activation::Relu, sum);
        }
    }
    debug_assert_eq!(width, 2048);
    net.finish(x, "avgpool", "fc", classes)
}
