//! Accuracy of many coalitions of layers at once: what two of them have in common is computed once.
//!
//! Coalitions are visited in depth-first order of their layers, so each shares with the one before it everything up to
//! the first layer in which they differ. Values of one piece of images are kept meanwhile.

use crate::gates::Gates;
use crate::images::{Batch, correct};
use crate::network::{Mode, Network};
use models::graph::{Graph, NodeId, Op};
use tch::{Tensor, no_grad};

/// Images whose values are kept at once.
const PIECE: i64 = 100;

/// What coalitions are measured with, and what it took so far.
pub(super) struct Coalitions<'a> {
    network: &'a Network,
    images: &'a Batch,
    /// Nodes of the activation layers, in network order.
    layers: Vec<NodeId>,
    /// Multiply-adds of each node for one image.
    costs: Vec<u64>,
    /// Multiply-adds for one image, over all coalitions so far.
    done: u64,
    /// Coalitions so far.
    measured: usize,
}

impl<'a> Coalitions<'a> {
    pub(super) fn new(network: &'a Network, images: &'a Batch) -> Self {
        let graph = network.graph();
        let layers = graph.activations().map(|layer| layer.node).collect();
        let costs = (0..graph.nodes().len()).map(|node| multiply_adds(graph, node)).collect();
        Self { network, images, layers, costs, done: 0, measured: 0 }
    }

    /// Share of the images (0 to 1) that each of `coalitions`, all distinct, classifies rightly. `progress` is told
    /// the number of coalitions measured since [`Coalitions::new`].
    pub(super) fn accuracy(&mut self, coalitions: &[u64], progress: &mut dyn FnMut(usize)) -> Vec<f64> {
        let total = self.images.labels.size()[0];
        let pieces = (total as usize).div_ceil(PIECE as usize);
        let visits = visits(&self.layers, coalitions);
        self.done += visits.iter().map(|(_, first)| self.costs[*first..].iter().sum::<u64>()).sum::<u64>();
        let mut right = vec![0; coalitions.len()];
        for piece in 0..pieces {
            let start = piece as i64 * PIECE;
            let length = PIECE.min(total - start);
            let images = self.images.images.narrow(0, start, length);
            let labels = self.images.labels.narrow(0, start, length);
            let mut values: Vec<Tensor> = Vec::new();
            for (position, (index, first)) in visits.iter().enumerate() {
                values.truncate(*first);
                let gates = Gates::coalition(self.network.graph(), coalitions[*index]);
                no_grad(|| self.network.extend(&mut values, &images, &gates, Mode::Evaluate));
                right[*index] += correct(&values[values.len() - 1].flatten(1, -1), &labels);
                progress(self.measured + (piece * coalitions.len() + position + 1) / pieces);
            }
        }
        self.measured += coalitions.len();
        right.iter().map(|right| *right as f64 / total as f64).collect()
    }

    /// Multiply-adds done, as a share of what every coalition by itself would have taken.
    pub(super) fn work(&self) -> f64 {
        self.done as f64 / (self.measured as u64 * self.costs.iter().sum::<u64>()).max(1) as f64
    }
}

/// Indices of `coalitions` in the order of a visit, and the first node that each does not share with the one before.
fn visits(layers: &[NodeId], coalitions: &[u64]) -> Vec<(usize, NodeId)> {
    let mut order: Vec<usize> = (0..coalitions.len()).collect();
    order.sort_by_key(|i| coalitions[*i].reverse_bits());
    let differing = |a: usize, b: usize| (coalitions[a] ^ coalitions[b]).trailing_zeros() as usize;
    let later = order.windows(2).map(|pair| (pair[1], layers[differing(pair[0], pair[1])]));
    order.first().map(|index| (*index, 0)).into_iter().chain(later).collect()
}

/// Multiply-adds of a node's convolution or matrix for one image.
fn multiply_adds(graph: &Graph, node: NodeId) -> u64 {
    let inputs = graph.nodes()[node].inputs.first().map(|i| graph.shape(*i));
    match (&graph.nodes()[node].op, inputs) {
        (Op::Conv { window, .. }, Some(input)) => {
            (graph.shape(node).size() * input.c * window.kernel.0 * window.kernel.1) as u64
        }
        (Op::Linear { out, .. }, Some(input)) => (out * input.size()) as u64,
        (
            Op::Input
            | Op::Conv { .. }
            | Op::Linear { .. }
            | Op::BatchNorm { .. }
            | Op::Act { .. }
            | Op::Add
            | Op::AvgPool { .. }
            | Op::PadChannels { .. },
            _,
        ) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::accuracy;
    use models::graph::Shape;
    use tch::{Device, Kind};

    fn images(count: i64) -> Batch {
        let images = Tensor::arange(count * 3 * 256, (Kind::Float, Device::Cpu)).sin();
        let labels = Tensor::arange(count, (Kind::Int64, Device::Cpu)).remainder(10);
        Batch { images: images.reshape([count, 3, 16, 16]), labels, indices: (0..count).collect() }
    }

    #[test]
    fn each_has_the_accuracy_that_it_has_alone() {
        let graph = models::nets::build("mini", Shape::new(3, 16, 16), 10).unwrap();
        let network = Network::initialised(&graph, 3, Device::Cpu);
        for count in [30, 130] {
            let images = images(count);
            let mut coalitions = Coalitions::new(&network, &images);
            let some = [127, 0, 5, 126, 63, 5 + 64, 64];
            let mut last = 0;
            let together = coalitions.accuracy(&some, &mut |measured| last = measured);
            assert_eq!(last, some.len());
            for (coalition, found) in some.iter().zip(together) {
                let alone = accuracy(&network, &Gates::coalition(&graph, *coalition), &images);
                assert_eq!(found, alone, "{coalition:b} on {count} images");
            }
        }
    }

    /// The 2,517 coalitions of ResNet18 that lack at most four of 16 layers, level by level as the lattice is walked.
    #[test]
    fn resnet18_to_depth_four_takes_less_than_half_the_work() {
        let graph = models::nets::build("resnet18", Shape::new(3, 32, 32), 10).unwrap();
        let layers: Vec<NodeId> = graph.activations().map(|layer| layer.node).collect();
        let costs: Vec<u64> = (0..graph.nodes().len()).map(|node| multiply_adds(&graph, node)).collect();
        // ResNet-18's convolutions at 3x32x32 (0.555 billion multiply-adds) and its last matrix.
        assert_eq!(costs.iter().sum::<u64>(), 555_422_720);
        let (mut done, mut count) = (0, 0);
        for lacking in 0..=4 {
            let level: Vec<u64> = (0..1 << 16).filter(|s: &u64| s.count_zeros() == 48 + lacking).collect();
            let visits = visits(&layers, &level);
            done += visits.iter().map(|(_, first)| costs[*first..].iter().sum::<u64>()).sum::<u64>();
            count += level.len() as u64;
        }
        assert_eq!(count, 2_517);
        assert!(2 * done < count * costs.iter().sum::<u64>(), "{done}");
    }
}
