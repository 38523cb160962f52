//! VGG (Simonyan and Zisserman 2015, arXiv:1409.1556), with torchvision's names and max pools; ReLUs come behind pools.

use super::builder::Builder;
use crate::Error;
use crate::graph::{Activation, Graph, Op, Shape, Window};

/// Channels of the convolutions between pools.
pub(super) type Stages = [&'static [usize]; 5];

/// Of 16 layers.
pub(super) const VGG16: Stages = [&[64; 2], &[128; 2], &[256; 3], &[512; 3], &[512; 3]];

/// Outputs of the hidden linear layers.
const HIDDEN: usize = 4096;

pub(super) fn build(input: Shape, classes: usize, stages: &Stages) -> Result<Graph, Error> {
    let mut net = Builder::new(input);
    let (mut x, mut number) = (0, 0);
    for stage in stages {
        for (index, out) in (1..).zip(*stage) {
            x = net.conv_with_bias(&format!("features.{number}"), x, *out, Window::square(3, 1, 1));
            let last = index == stage.len();
            if last {
                x = net.max_pool(&format!("features.{}", number + 2), x, Window::square(2, 2, 0), false)?;
            }
            x = net.activation(&format!("features.{}", number + 1), Activation::Relu, x);
            number += if last { 3 } else { 2 };
        }
    }
    for (name, relu) in [("classifier.0", "classifier.1"), ("classifier.3", "classifier.4")] {
        x = net.push(name, Op::Linear { out: HIDDEN, bias: true }, vec![x]);
        x = net.activation(relu, Activation::Relu, x);
    }
    net.push("classifier.6", Op::Linear { out: classes, bias: true }, vec![x]);
    Graph::new(net.input, net.nodes)
}
