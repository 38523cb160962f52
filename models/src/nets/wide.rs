//! Wide residual networks, which activate before they convolve.

use super::builder::Builder;
use crate::Error;
use crate::graph::{Activation, Graph, Op, Shape};

/// What distinguishes them.
pub(super) struct Family {
    /// Blocks of each of the three groups; the depth is `6 * blocks + 4`.
    pub(super) blocks: usize,
    /// Widths are 16, 32 and 64 times this.
    pub(super) factor: usize,
}

pub(super) fn build(input: Shape, classes: usize, family: &Family) -> Result<Graph, Error> {
    let mut net = Builder::new(input);
    let mut width = 16;
    let mut x = net.conv("conv1", 0, width, 3, 1);
    for group in 1..=3 {
        let out = (16 << (group - 1)) * family.factor;
        for block in 0..family.blocks {
            let stride = if group > 1 && block == 0 { 2 } else { 1 };
            let name = |part: &str| format!("block{group}.layer.{block}.{part}");
            let mut y = net.norm(&name("bn1"), x);
            y = net.activation(&name("relu1"), Activation::Relu, y);
            // A shortcut that changes the width begins behind the activation.
            let shortcut = if out == width { x } else { net.conv(&name("convShortcut"), y, out, 1, stride) };
            y = net.conv(&name("conv1"), y, out, 3, stride);
            y = net.norm(&name("bn2"), y);
            y = net.activation(&name("relu2"), Activation::Relu, y);
            y = net.conv(&name("conv2"), y, out, 3, 1);
            x = net.push(name("add"), Op::Add, vec![y, shortcut]);
            width = out;
        }
    }
    x = net.norm("bn1", x);
    net.finish(x, "avgpool", "fc", classes)
}
