//! Residual networks of basic blocks (He et al. 2016): CIFAR's slim ones, the broad ones of ImageNet, and `mini`.

use super::builder::Builder;
use crate::Error;
use crate::graph::{Activation, Graph, Op, Shape};

/// What distinguishes them.
pub(super) struct Family {
    stem_stride: usize,
    /// Whether the stem's output is activated.
    stem_activation: bool,
    /// Channels of every stage; stages after the first halve rows and columns.
    widths: &'static [usize],
    /// Basic blocks of every stage.
    blocks: &'static [usize],
    /// Shortcuts between stages: 1x1 convolution and batch norm, or subsampling with zero channels ("option A").
    projection: bool,
    activation: Activation,
}

pub(super) const MINI: Family = Family {
    stem_stride: 2,
    stem_activation: true,
    widths: &[8, 16, 32],
    blocks: &[1; 3],
    projection: true,
    activation: Activation::Relu,
};

/// CIFAR's family of `6 * blocks + 2` layers.
pub(super) const fn slim(blocks: &'static [usize; 3]) -> Family {
    Family {
        stem_stride: 1,
        stem_activation: true,
        widths: &[16, 32, 64],
        blocks,
        projection: false,
        activation: Activation::Relu,
    }
}

/// ImageNet's family of basic blocks, with a stem for small images.
pub(super) const fn broad(
    blocks: &'static [usize; 4],
    stem_activation: bool,
    activation: Activation,
) -> Family {
    Family {
        stem_stride: 1,
        stem_activation,
        widths: &[64, 128, 256, 512],
        blocks,
        projection: true,
        activation,
    }
}

pub(super) fn build(input: Shape, classes: usize, family: &Family) -> Result<Graph, Error> {
    let mut net = Builder::new(input);
    let mut width = family.widths[0];
    let mut x = net.conv("conv1", 0, width, 3, family.stem_stride);
    x = net.norm("bn1", x);
    if family.stem_activation {
        x = net.activation("relu", family.activation, x);
    }
    for (stage, (out, blocks)) in family.widths.iter().copied().zip(family.blocks).enumerate() {
        for block in 0..*blocks {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            let name = |part: &str| format!("layer{}.{block}.{part}", stage + 1);
            let mut y = net.conv(&name("conv1"), x, out, 3, stride);
            y = net.norm(&name("bn1"), y);
            y = net.activation(&name("relu1"), family.activation, y);
            y = net.conv(&name("conv2"), y, out, 3, 1);
            y = net.norm(&name("bn2"), y);
            let shortcut = if stride == 1 && out == width {
                x
            } else if family.projection {
                let projected = net.conv(&name("shortcut.0"), x, out, 1, stride);
                net.norm(&name("shortcut.1"), projected)
            } else {
                let before = (out - width) / 2;
                let op = Op::PadChannels { stride, before, after: out - width - before };
                net.push(name("shortcut"), op, vec![x])
            };
            y = net.push(name("add"), Op::Add, vec![y, shortcut]);
            x = net.activation(&name("relu2"), family.activation, y);
            width = out;
        }
    }
    net.finish(x, "avgpool", "linear", classes)
}
