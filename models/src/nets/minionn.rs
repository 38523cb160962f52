//! MiniONN's network for CIFAR-10 (Liu, Juuti, Lu and Asokan, CCS 2017, figure 13) in Delphi's form.

use super::builder::Builder;
use crate::Error;
use crate::graph::{Activation, Graph, Op, Shape, Window};

/// Channels and kernel of every convolution.
const CONVOLUTIONS: [(usize, usize); 7] = [(64, 3), (64, 3), (64, 3), (64, 3), (64, 3), (64, 1), (16, 1)];

/// Convolutions, counted from one, that an average pool follows.
const POOLED: [usize; 2] = [2, 4];

pub(super) fn build(input: Shape, classes: usize) -> Result<Graph, Error> {
    if !(input.h.is_multiple_of(4) && input.w.is_multiple_of(4)) {
        let expected = "images whose rows and columns are a multiple of 4, for two pools of 2x2";
        return Err(Error::argument("minionn", expected, input.to_string()));
    }
    let mut net = Builder::new(input);
    let mut x = 0;
    for (number, (out, kernel)) in (1..).zip(CONVOLUTIONS) {
        let window = Window::square(kernel, 1, kernel / 2);
        x = net.push(format!("conv{number}"), Op::Conv { out, window, bias: true, groups: 1 }, vec![x]);
        x = net.activation(&format!("relu{number}"), Activation::Relu6, x);
        if POOLED.contains(&number) {
            let window = Window::square(2, 2, 0);
            x = net.push(format!("pool{number}"), Op::average(window), vec![x]);
        }
    }
    net.push("fc", Op::Linear { out: classes, bias: true }, vec![x]);
    Graph::new(net.input, net.nodes)
}
