//! Units' weights that are learnt: selective network linearization (Cho et al. 2022, "Selective Network Linearization
//! for Efficient Private Inference").
//!
//! Every unit's `alpha` starts at 1 and is learnt by Adam beside the network's weights, with a penalty `lambda` on the
//! sum of `|alpha|`; it is held between 0 and 1. Whenever that sum is above what should be left, `lambda` grows: in the published
//! schedule a straight line from all units to the budget, epoch by epoch, in the gradual one the curve on which other methods' units
//! leave, every few steps.
//!
//! Deviations from the paper: it trains for hundreds of epochs, until the number of units above a threshold is the
//! budget. Here the number of epochs is given. The rate of `alpha` is raised until the steps could move it from 1 to 0
//! three times, `lambda` may grow in the given epochs as much as it would in a hundred, and the units of largest
//! `alpha` are kept at the end, exactly as many as asked for. The growth of `lambda` goes by the sum instead of the
//! count above the threshold, because in few epochs the count reacts too late and `lambda` overshoots.

use crate::gates::{Activated, Gates, alphas};
use crate::network::hosted;
use crate::optimizer::{Optimizer, Rule};
use models::graph::Graph;
use models::mask::Masks;
use std::collections::BTreeMap;
use tch::{Device, Kind, Tensor};

/// `lambda` at the start.
const PENALTY: f64 = 1e-5;

/// The factor by which `lambda` grows an epoch, over a hundred epochs.
const GROWTH: f64 = 1.1;

/// Adam's learning rate for `alpha`, at least.
const RATE: f64 = 1e-3;

/// How many times, at least, a stage's steps can move an `alpha` from 1 to 0.
const WAYS: f64 = 3.0;

/// Weights of units, and what they are learnt with.
#[derive(Debug)]
pub(crate) struct Soft {
    /// (C, H, W) each, with the layers' names, in network order.
    alphas: Vec<(String, Tensor)>,
    optimizer: Optimizer,
    rate: f64,
    penalty: f64,
    /// Zeros and ones, if some are confined to 0.
    kept: Vec<Tensor>,
}

impl Soft {
    /// All ones, to be learnt in `steps` steps.
    pub(super) fn new(graph: &Graph, steps: usize, device: Device) -> Self {
        let names = graph.activations().map(|layer| layer.name.to_owned());
        let alphas: Vec<(String, Tensor)> =
            names.zip(alphas(graph, &Masks::all_kept(graph), device)).collect();
        let optimizer = Optimizer::new(Rule::Adam, named(&alphas));
        Self {
            alphas,
            optimizer,
            rate: RATE.max(WAYS / steps.max(1) as f64),
            penalty: PENALTY,
            kept: Vec::new(),
        }
    }

    /// All ones, learnt at the usual rate however many steps there are.
    pub(super) fn unhurried(graph: &Graph, device: Device) -> Self {
        Self::new(graph, usize::MAX, device)
    }

    /// 1 where `masks` keep a unit and 0 where not; learnt from there.
    pub(super) fn project(&mut self, graph: &Graph, masks: &Masks, device: Device) {
        for ((_, alpha), value) in self.alphas.iter_mut().zip(alphas(graph, masks, device)) {
            alpha.copy_(&value);
        }
    }

    /// The weights as gates; they follow what is learnt.
    pub(super) fn gates(&self, graph: &Graph) -> Gates {
        Gates::soft(graph, self.alphas.iter().map(|(_, alpha)| alpha.shallow_clone()))
    }

    /// A step of Adam, from the derivatives of a batch's mean loss by the layers' outputs.
    pub(super) fn step(&mut self, activated: &[Activated], of_outputs: &[Tensor]) {
        let of_alphas: Vec<Tensor> = self
            .alphas
            .iter()
            .zip(activated.iter().zip(of_outputs))
            .map(|((_, alpha), (layer, of_output))| {
                layer.alpha_gradient(of_output) + self.penalty * alpha.sign()
            })
            .collect();
        self.optimizer.step(named(&self.alphas), &of_alphas, self.rate);
        for (_, alpha) in &mut self.alphas {
            let _ = alpha.clamp_(0.0, 1.0);
        }
        for ((_, alpha), kept) in self.alphas.iter_mut().zip(&self.kept) {
            let _ = alpha.g_mul_(kept);
        }
    }

    /// Raises the penalty, as may happen `times` times, if more is left than `aim`.
    pub(super) fn tighten(&mut self, aim: f64, times: usize) {
        if self.left() > aim {
            self.penalty *= GROWTH.powf(100.0 / times as f64);
        }
    }

    /// Units that `masks` do not keep stay at 0 from here on.
    pub(super) fn confine(&mut self, graph: &Graph, masks: &Masks, device: Device) {
        self.kept = alphas(graph, masks, device);
        for ((_, alpha), kept) in self.alphas.iter_mut().zip(&self.kept) {
            let _ = alpha.g_mul_(kept);
        }
    }

    /// The sum of all weights: units that are left, as it were.
    fn left(&self) -> f64 {
        self.alphas.iter().map(|(_, alpha)| alpha.sum(Kind::Double).double_value(&[])).sum()
    }

    /// The weights, per layer.
    pub(super) fn values(&self) -> Vec<Vec<f32>> {
        hosted(&self.alphas.iter().map(|(_, alpha)| alpha.shallow_clone()).collect::<Vec<_>>())
    }

    /// Everything that the next step depends on.
    pub(super) fn saved(&self) -> Vec<(String, Tensor)> {
        let alphas = self.alphas.iter().map(|(name, alpha)| (format!("alpha.{name}"), alpha.contiguous()));
        let averages = self.optimizer.saved().map(|(name, tensor)| (format!("alpha.{name}"), tensor));
        let penalty = ("alpha.penalty".to_owned(), Tensor::from_slice(&[self.penalty]));
        alphas.chain(averages).chain([penalty]).collect()
    }

    /// Continues from what was saved after `steps` steps.
    pub(super) fn restore(&mut self, steps: i32, saved: &BTreeMap<String, Tensor>) {
        let find = |name: &str| saved.get(&format!("alpha.{name}")).map(Tensor::shallow_clone);
        for (name, alpha) in &mut self.alphas {
            if let Some(saved) = find(name) {
                alpha.copy_(&saved);
            }
        }
        if let Some(penalty) = find("penalty") {
            self.penalty = penalty.double_value(&[0]);
        }
        self.optimizer.restore(steps, find);
    }
}

fn named(alphas: &[(String, Tensor)]) -> impl Iterator<Item = (&str, &Tensor)> + Clone {
    alphas.iter().map(|(name, alpha)| (name.as_str(), alpha))
}

#[cfg(test)]
mod tests {
    use super::*;
    use models::graph::{Activation, Node, Op, Shape};

    fn graph() -> Graph {
        let nodes = vec![
            Node { name: "x".into(), op: Op::Input, inputs: vec![] },
            Node { name: "a".into(), op: Op::Act { activation: Activation::Relu }, inputs: vec![0] },
        ];
        Graph::new(Shape::new(1, 1, 2), nodes).unwrap()
    }

    /// The loss falls with the first unit's alpha and does not depend on the second's.
    fn step(soft: &mut Soft) {
        let input = Tensor::from_slice(&[-1f32, 2.0]).reshape([1, 1, 1, 2]);
        let output = input.relu();
        let activated = [Activated { activation: Activation::Relu, input, output }];
        soft.step(&activated, &[Tensor::from_slice(&[-1f32, 0.0]).reshape([1, 1, 1, 2])]);
    }

    #[test]
    fn units_that_matter_not_fade_and_the_others_stay() {
        let mut soft = Soft::new(&graph(), 30, Device::Cpu);
        for _ in 0..10 {
            step(&mut soft);
        }
        // Ten of thirty steps are one way; Adam's 1e-8 beside a derivative of 1e-5 takes a thousandth of each.
        let values = soft.values().remove(0);
        assert!(values[0] == 1.0 && values[1] < 2e-3, "{values:?}");
        assert!((soft.left() - 1.0).abs() < 2e-3);
    }

    #[test]
    fn the_penalty_grows_only_while_too_many_are_left() {
        let mut soft = Soft::new(&graph(), 30, Device::Cpu);
        soft.tighten(1.5, 100);
        assert!((soft.penalty / PENALTY - GROWTH).abs() < 1e-12);
        for _ in 0..10 {
            step(&mut soft);
        }
        soft.tighten(1.4, 100);
        assert!((soft.penalty / PENALTY - GROWTH).abs() < 1e-12);
        let mut short = Soft::new(&graph(), 30, Device::Cpu);
        short.tighten(1.75, 4);
        assert!((short.penalty / PENALTY - GROWTH.powi(25)).abs() < 1e-9, "as in 25 of 100 epochs");
    }

    #[test]
    fn continued_from_what_was_saved() {
        let (mut whole, mut first) =
            (Soft::new(&graph(), 30, Device::Cpu), Soft::new(&graph(), 30, Device::Cpu));
        step(&mut first);
        first.tighten(1.5, 4);
        let saved = first.saved().into_iter().map(|(name, tensor)| (name, tensor.copy())).collect();
        let mut second = Soft::new(&graph(), 30, Device::Cpu);
        second.restore(1, &saved);
        step(&mut second);
        step(&mut whole);
        whole.tighten(1.5, 4);
        step(&mut whole);
        assert_eq!((second.values(), second.penalty), (whole.values(), whole.penalty));
    }
}
