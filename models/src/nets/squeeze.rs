//! SqueezeNet (Iandola et al. 2016, arXiv:1602.07360), with torchvision's names and max pools.
//!
//! ReLUs that a max pool follows come behind it: the largest of what they make is what they make of the largest, at a quarter of
//! the units.

use super::builder::Builder;
use crate::Error;
use crate::graph::{Activation, Graph, NodeId, Op, Padding, Shape, Window};

/// What distinguishes versions.
pub(super) struct Family {
    /// Channels and kernel of the first convolution, of stride 2.
    stem: (usize, usize),
    /// Fire modules, counted from one, that a max pool follows.
    pooled: [usize; 2],
}

/// Version 1.0.
pub(super) const V1_0: Family = Family { stem: (96, 7), pooled: [3, 7] };
/// Version 1.1: as accurate with a third of the work.
pub(super) const V1_1: Family = Family { stem: (64, 3), pooled: [2, 4] };

/// Squeezed channels of every fire module; each of its two expansions has four times as many.
const FIRES: [usize; 8] = [16, 16, 32, 32, 48, 48, 64, 64];

pub(super) fn build(input: Shape, classes: usize, family: &Family) -> Result<Graph, Error> {
    let mut net = Builder::new(input);
    let (mut channels, kernel) = family.stem;
    let halving = Window { kernel: (3, 3), stride: (2, 2), padding: Padding::default() };
    let mut x = net.conv_with_bias("features.0", 0, channels, Window::square(kernel, 2, 0));
    x = net.max_pool("features.2", x, halving, true)?;
    x = net.activation("features.1", Activation::Relu, x);
    let mut number = 3;
    for (fire, squeezed) in (1..).zip(FIRES) {
        let name = |part: &str| format!("features.{number}.{part}");
        let pool = family.pooled.contains(&fire).then(|| format!("features.{}", number + 1));
        x = squeezed_and_expanded(&mut net, x, squeezed, name, pool.as_deref().map(|pool| (pool, halving)))?;
        channels = 8 * squeezed;
        number += 1 + usize::from(pool.is_some());
    }
    debug_assert_eq!(channels, 512);
    x = net.conv_with_bias("classifier.1", x, classes, Window::square(1, 1, 0));
    x = net.activation("classifier.2", Activation::Relu, x);
    let map = net.shape(x)?;
    let window = Window { kernel: (map.h, map.w), stride: (map.h, map.w), padding: Padding::default() };
    net.push("classifier.3", Op::average(window), vec![x]);
    Graph::new(net.input, net.nodes)
}

/// A fire module, and the pool behind it.
fn squeezed_and_expanded(
    net: &mut Builder,
    input: NodeId,
    squeezed: usize,
    name: impl Fn(&str) -> String,
    pool: Option<(&str, Window)>,
) -> Result<NodeId, Error> {
    let x = net.conv_with_bias(&name("squeeze"), input, squeezed, Window::square(1, 1, 0));
    let x = net.activation(&name("squeeze_activation"), Activation::Relu, x);
    let mut parts = Vec::new();
    for kernel in [1, 3] {
        let expand = name(&format!("expand{kernel}x{kernel}"));
        let mut y = net.conv_with_bias(&expand, x, 4 * squeezed, Window::square(kernel, 1, kernel / 2));
        if let Some((pool, window)) = pool {
            y = net.max_pool(&format!("{pool}.{kernel}x{kernel}"), y, window, true)?;
        }
        parts.push(net.activation(&format!("{expand}_activation"), Activation::Relu, y));
    }
    Ok(net.push(name("cat"), Op::Concat, parts))
}
