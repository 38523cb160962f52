//! Accuracy of many coalitions of layers at once: what two of them have in common is computed once.
//!
//! Coalitions are visited in depth-first order of their layers, so each shares with the one before it everything up to
//! the first layer in which they differ. The values of one piece of images are kept for this.

use super::memo::{Memo, PIECE};
use crate::Error;
use crate::gates::Gates;
use crate::images::{Batch, correct};
use crate::network::{Mode, Network};
use models::graph::{Graph, NodeId, Op};
use tch::{Tensor, no_grad};

/// Measures coalitions, and counts the work done so far.
pub(super) struct Coalitions<'a> {
    network: &'a Network,
    images: &'a Batch,
    /// Nodes of the activation layers, in network order.
    layers: Vec<NodeId>,
    /// Multiply-adds of each node for one image.
    costs: Vec<u64>,
    memo: Memo,
    /// Coalitions asked for so far.
    measured: usize,
}

impl<'a> Coalitions<'a> {
    /// What `memo` already has for this network and these images is not measured again.
    pub(super) fn new(network: &'a Network, images: &'a Batch, memo: Memo) -> Self {
        let graph = network.graph();
        let layers = graph.activations().map(|layer| layer.node).collect();
        let costs = (0..graph.nodes().len()).map(|node| multiply_adds(graph, node)).collect();
        Self { network, images, layers, costs, memo, measured: 0 }
    }

    /// Share of the images (0 to 1) that each of the distinct `coalitions` classifies correctly. `progress` is told
    /// the number of coalitions measured since [`Coalitions::new`].
    pub(super) fn accuracy(
        &mut self,
        coalitions: &[u64],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<f64>, Error> {
        let total = self.images.labels.size()[0] as usize;
        let pieces = total.div_ceil(PIECE);
        for piece in 0..pieces {
            let unknown: Vec<u64> =
                coalitions.iter().copied().filter(|coalition| !self.memo.knows(*coalition, piece)).collect();
            let start = piece * PIECE;
            let length = PIECE.min(total - start);
            let images = self.images.images.narrow(0, start as i64, length as i64);
            let labels = self.images.labels.narrow(0, start as i64, length as i64);
            let visits = visits(&self.layers, &unknown);
            let mut right = vec![0; unknown.len()];
            let mut values: Vec<Tensor> = Vec::new();
            for (position, (index, first)) in visits.iter().enumerate() {
                values.truncate(*first);
                let gates = Gates::coalition(self.network.graph(), unknown[*index]);
                no_grad(|| self.network.extend(&mut values, &images, &gates, Mode::Evaluate));
                right[*index] = correct(&values[values.len() - 1].flatten(1, -1), &labels) as usize;
                let known = coalitions.len() - unknown.len();
                progress(self.measured + (piece * coalitions.len() + known + position + 1) / pieces);
            }
            let done: u64 = visits.iter().map(|(_, first)| self.costs[*first..].iter().sum::<u64>()).sum();
            if !unknown.is_empty() {
                self.memo.note(unknown.into_iter().zip(right), done * length as u64)?;
            }
        }
        self.measured += coalitions.len();
        Ok(coalitions.iter().map(|coalition| self.memo.right(*coalition) as f64 / total as f64).collect())
    }

    /// Multiply-adds done, as a share of those that measuring each coalition separately would take.
    pub(super) fn work(&self) -> f64 {
        let total = self.images.labels.size()[0] as usize;
        let (done, pieces) = self.memo.work();
        let alone: u64 = self.costs.iter().sum::<u64>()
            * pieces.map(|pieces| total.min(pieces * PIECE) as u64).sum::<u64>();
        done as f64 / alone.max(1) as f64
    }

    /// Seconds spent measuring, over all sittings.
    pub(super) fn seconds(&self) -> f64 {
        self.memo.seconds()
    }

    /// Removes the measurements that were kept for a later sitting.
    pub(super) fn end(self) -> Result<(), Error> {
        self.memo.remove()
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
        (Op::Conv { window, groups, .. }, Some(input)) => {
            (graph.shape(node).size() * input.c / groups * window.kernel.0 * window.kernel.1) as u64
        }
        (Op::Linear { out, .. }, Some(input)) => (out * input.size()) as u64,
        (
            Op::Input
            | Op::Conv { .. }
            | Op::Linear { .. }
            | Op::BatchNorm { .. }
            | Op::Act { .. }
            | Op::Add
            | Op::Product
            | Op::AvgPool { .. }
            | Op::Concat
            | Op::Channels { .. }
            | Op::Scale { .. }
            | Op::Slice { .. }
            | Op::Pad { .. }
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
            let mut coalitions = Coalitions::new(&network, &images, Memo::forgotten());
            let some = [127, 0, 5, 126, 63, 5 + 64, 64];
            let mut last = 0;
            let together = coalitions.accuracy(&some, &mut |measured| last = measured).unwrap();
            assert_eq!(last, some.len());
            for (coalition, found) in some.iter().zip(together) {
                let alone = accuracy(&network, &Gates::coalition(&graph, *coalition), &images);
                assert_eq!(found, alone, "{coalition:b} on {count} images");
            }
        }
    }

    #[test]
    fn what_was_measured_before_a_stop_is_not_measured_again() {
        let graph = models::nets::build("mini", Shape::new(3, 16, 16), 10).unwrap();
        let network = Network::initialised(&graph, 3, Device::Cpu);
        let (images, temp) = (images(130), tempfile::tempdir().unwrap());
        let sitting = |asked: &[u64]| {
            let memo = Memo::open(temp.path(), "network", "images").unwrap();
            let mut coalitions = Coalitions::new(&network, &images, memo);
            let mut visits = 0;
            let shares = coalitions.accuracy(asked, &mut |_| visits += 1).unwrap();
            (shares, visits, coalitions)
        };
        let all = [127, 126, 125, 63];
        assert_eq!(sitting(&all[..2]).1, 2 * 2, "two pieces");
        let (shares, visits, coalitions) = sitting(&all);
        assert_eq!(visits, 2 * 2, "of the two that were not known");
        let mut alone = Coalitions::new(&network, &images, Memo::forgotten());
        assert_eq!(shares, alone.accuracy(&all, &mut |_| {}).unwrap());
        assert!(alone.work() < coalitions.work() && coalitions.work() < 1.0, "two walks share less than one");
        assert!(coalitions.seconds() > 0.0);
        coalitions.end().unwrap();
        assert_eq!(sitting(&all).1, 2 * 4, "nothing is left of what has ended");
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
