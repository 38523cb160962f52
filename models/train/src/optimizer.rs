//! Gradient descent whose whole state can be saved: libtorch's own optimizers keep theirs to themselves.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tch::{Tensor, no_grad};

/// How gradients become steps. Both follow PyTorch's definitions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Stochastic gradient descent with momentum and weight decay.
    Sgd {
        /// Share of the last step that is kept.
        momentum: f64,
        /// Times the weight, added to its gradient; of convolutions and dense layers alone, not of biases and batch norm, if
        /// `decays_all` is not set.
        weight_decay: f64,
        /// Whether biases and batch norm's parameters decay too.
        decays_all: bool,
    },
    /// Adam with its usual constants (0.9, 0.999, 1e-8).
    Adam,
}

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// A rule and its running averages.
#[derive(Debug)]
pub struct Optimizer {
    rule: Rule,
    /// Steps taken.
    steps: i32,
    /// First and (for Adam) second running averages, by parameter.
    averages: [BTreeMap<String, Tensor>; 2],
}

impl Optimizer {
    /// Before the first step.
    pub fn new<'a>(rule: Rule, parameters: impl Iterator<Item = (&'a str, &'a Tensor)> + Clone) -> Self {
        let zeros =
            || parameters.clone().map(|(n, t)| (n.to_owned(), no_grad(|| t.detach().zeros_like()))).collect();
        let second = match rule {
            Rule::Sgd { .. } => BTreeMap::new(),
            Rule::Adam => zeros(),
        };
        Self { rule, steps: 0, averages: [zeros(), second] }
    }

    /// Moves every one of `parameters`, whose gradients come in the same order.
    pub fn step<'a>(
        &mut self,
        parameters: impl Iterator<Item = (&'a str, &'a Tensor)>,
        gradients: &[Tensor],
        rate: f64,
    ) {
        self.steps += 1;
        let [first, second] = &mut self.averages;
        no_grad(|| {
            for ((name, parameter), gradient) in parameters.zip(gradients) {
                let mut parameter = parameter.shallow_clone();
                let average = first.get_mut(name).expect("one average a parameter");
                match self.rule {
                    Rule::Sgd { momentum, weight_decay, decays_all } => {
                        let decays = decays_all || parameter.dim() > 1;
                        let weight_decay = if decays { weight_decay } else { 0.0 };
                        let _ = average.g_mul_scalar_(momentum);
                        let _ = average.g_add_(&(gradient + weight_decay * &parameter));
                        let _ = parameter.g_sub_(&(rate * &*average));
                    }
                    Rule::Adam => {
                        let square = second.get_mut(name).expect("one average a parameter");
                        let _ = average.g_mul_scalar_(BETA1);
                        let _ = average.g_add_(&((1.0 - BETA1) * gradient));
                        let _ = square.g_mul_scalar_(BETA2);
                        let _ = square.g_add_(&((1.0 - BETA2) * gradient * gradient));
                        let scale = (1.0 - BETA2.powi(self.steps)).sqrt();
                        let step = rate / (1.0 - BETA1.powi(self.steps));
                        let _ = parameter.g_sub_(&(step * &*average / (square.sqrt() / scale + EPSILON)));
                    }
                }
            }
        });
    }

    /// Steps taken.
    pub(crate) fn steps(&self) -> i32 {
        self.steps
    }

    /// Continues from saved averages, which must be those of the same rule and network.
    pub(crate) fn restore(&mut self, steps: i32, saved: impl Fn(&str) -> Option<Tensor>) {
        self.steps = steps;
        for (order, averages) in self.averages.iter_mut().enumerate() {
            for (name, average) in averages.iter_mut() {
                if let Some(tensor) = saved(&slot(order, name)) {
                    *average = tensor.to_device(average.device());
                }
            }
        }
    }

    /// Names and values of all averages, each row-major in memory.
    pub(crate) fn saved(&self) -> impl Iterator<Item = (String, Tensor)> {
        self.averages.iter().enumerate().flat_map(|(order, averages)| {
            averages.iter().map(move |(name, t)| (slot(order, name), t.contiguous()))
        })
    }
}

fn slot(order: usize, name: &str) -> String {
    format!("average{order}.{name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Network, values};
    use models::graph::{Graph, Node, Op, Shape};
    use tch::Device;

    /// One linear weight, 2.
    fn one_weight() -> Network {
        let nodes = vec![
            Node { name: "x".into(), op: Op::Input, inputs: vec![] },
            Node { name: "w".into(), op: Op::Linear { out: 1, bias: false }, inputs: vec![0] },
        ];
        let graph = Graph::new(Shape::new(1, 1, 1), nodes).unwrap();
        let weight = models::tensor::Tensor::full(vec![1, 1], 2.0);
        Network::new(&graph, &[("w.weight".to_owned(), weight)].into(), Device::Cpu)
    }

    fn after(rule: Rule, gradients: &[f32]) -> f32 {
        let network = one_weight();
        let mut optimizer = Optimizer::new(rule, network.trainable());
        for gradient in gradients {
            optimizer.step(network.trainable(), &[Tensor::from_slice(&[*gradient]).reshape([1, 1])], 0.5);
        }
        let (_, weight) = network.trainable().next().unwrap();
        values(weight)[0]
    }

    #[test]
    fn sgd_as_by_hand() {
        let rule = Rule::Sgd { momentum: 0.5, weight_decay: 0.25, decays_all: false };
        // v = 1 + 0.25 * 2 = 1.5, w = 2 - 0.75 = 1.25; v = 0.75 + (2 + 0.3125) = 3.0625, w = 1.25 - 1.53125.
        assert_eq!(after(rule, &[1.0]), 1.25);
        assert_eq!(after(rule, &[1.0, 2.0]), -0.28125);
    }

    #[test]
    fn adam_first_step_is_the_rate() {
        // Bias correction makes the first step rate * g / (|g| + eps), whatever the gradient's size.
        for gradient in [3.0, 0.01] {
            assert!((after(Rule::Adam, &[gradient]) - 1.5).abs() < 1e-6);
        }
        // Opposite gradients: m = 0.1(-1) + 0.09 = -0.01, v = 0.001999; corrected 0.19 and 0.001999.
        let second = 1.5 + 0.5 * (0.01 / 0.19) / 1.0;
        assert!((f64::from(after(Rule::Adam, &[1.0, -1.0])) - second).abs() < 1e-6);
    }
}
