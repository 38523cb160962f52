//! MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381), with torchvision's names: inverted residuals of a pointwise, a depthwise and
//! a pointwise convolution.

use super::builder::Builder;
use crate::Error;
use crate::graph::{Activation, Graph, NodeId, Op, Shape, Window};

/// Expansion, output channels, repetitions and first stride of every stage.
const STAGES: [(usize, usize, usize, usize); 7] = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
];

/// Channels of the last convolution.
const LAST: usize = 1280;

pub(super) fn build(input: Shape, classes: usize) -> Result<Graph, Error> {
    let mut net = Builder::new(input);
    let mut channels = 32;
    let mut x = normed(&mut net, "features.0", 0, channels, Window::square(3, 2, 1), 1);
    let mut block = 1;
    for (expansion, out, repetitions, first) in STAGES {
        for repetition in 0..repetitions {
            let stride = if repetition == 0 { first } else { 1 };
            let from = x;
            x = inverted(&mut net, &format!("features.{block}"), from, [channels, expansion, out, stride]);
            if stride == 1 && channels == out {
                x = net.push(format!("features.{block}.add"), Op::Add, vec![from, x]);
            }
            (channels, block) = (out, block + 1);
        }
    }
    x = normed(&mut net, &format!("features.{block}"), x, LAST, Window::square(1, 1, 0), 1);
    net.finish(x, "avgpool", "classifier.1", classes)
}

/// A block before its sum, of so many input channels, times so many within, to so many, at a stride.
fn inverted(
    net: &mut Builder,
    name: &str,
    from: NodeId,
    [channels, expansion, out, stride]: [usize; 4],
) -> NodeId {
    let inner = channels * expansion;
    let (mut x, mut part) = (from, 0);
    if expansion > 1 {
        x = normed(net, &format!("{name}.conv.{part}"), x, inner, Window::square(1, 1, 0), 1);
        part += 1;
    }
    x = normed(net, &format!("{name}.conv.{part}"), x, inner, Window::square(3, stride, 1), inner);
    let conv = Op::Conv { out, window: Window::square(1, 1, 0), bias: false, groups: 1 };
    x = net.push(format!("{name}.conv.{}", part + 1), conv, vec![x]);
    net.norm(&format!("{name}.conv.{}", part + 2), x)
}

/// A convolution, its batch norm and ReLU6.
fn normed(net: &mut Builder, name: &str, from: NodeId, out: usize, window: Window, groups: usize) -> NodeId {
    let x = net.push(format!("{name}.0"), Op::Conv { out, window, bias: false, groups }, vec![from]);
    let x = net.norm(&format!("{name}.1"), x);
    net.activation(&format!("{name}.2"), Activation::Relu6, x)
}
