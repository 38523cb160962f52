//! Scores of how much removing each unit's nonlinearity raises the loss, gathered over a pass.

use crate::gates::{Activated, alphas, over_images};
use crate::network::hosted;
use models::graph::Graph;
use models::mask::Masks;
use std::collections::BTreeMap;
use tch::{Device, Tensor};

/// Weight of the penalty on the sum of |alpha|.
const ALPHA_PENALTY: f64 = 1e-5;

/// One score a unit, for each activation layer in network order; units of larger score are kept.
#[derive(Debug)]
pub(crate) enum Scores {
    /// |d loss / d alpha|, the penalty on `alpha` included, summed over the batches of all passes.
    Summed(Vec<Layer>),
    /// The last batch's alone.
    Last(Vec<Layer>),
    /// The loss's rise as `alpha` goes from 1 to 0, to second order: `-g + h / 2`, where `g` is the images' mean
    /// derivative by `alpha` and `h`, in place of the second derivative, their mean square (the empirical Fisher
    /// information).
    Expansion {
        /// Sums of the images' derivatives and of their squares.
        layers: Vec<[Tensor; 2]>,
        /// Images so far, those of before decays at what they count.
        images: f64,
    },
}

/// Scores of a layer, (C, H, W), and its masks as zeros and ones.
#[derive(Debug)]
pub(crate) struct Layer {
    score: Tensor,
    alpha: Tensor,
}

impl Scores {
    /// Before the first pass.
    pub(super) fn expansion() -> Self {
        Self::Expansion { layers: Vec::new(), images: 0.0 }
    }

    /// Names and values of what the next pass goes on from.
    pub(super) fn saved(&self) -> Vec<(String, Tensor)> {
        match self {
            Self::Summed(layers) => layers
                .iter()
                .enumerate()
                .map(|(index, layer)| (name(index), layer.score.contiguous()))
                .collect(),
            Self::Last(_) => Vec::new(),
            Self::Expansion { layers, images } => {
                let layer = |(index, sums): (usize, &[Tensor; 2])| {
                    [0, 1].map(|order| (format!("{}.{order}", name(index)), sums[order].contiguous()))
                };
                let images = ("score.images".to_owned(), Tensor::from_slice(&[*images]));
                layers.iter().enumerate().flat_map(layer).chain([images]).collect()
            }
        }
    }

    /// Goes on from what was saved.
    pub(super) fn restore(&mut self, saved: &BTreeMap<String, Tensor>, device: Device) {
        match self {
            Self::Summed(layers) => {
                let scores = (0..).map_while(|index| saved.get(&name(index)));
                let layer = |score: &Tensor| {
                    let score = score.to_device(device).copy();
                    Layer { alpha: score.zeros_like(), score }
                };
                *layers = scores.map(layer).collect();
            }
            Self::Last(_) => {}
            Self::Expansion { layers, images } => {
                let sums = |index| {
                    let sum = |order: usize| saved.get(&format!("{}.{order}", name(index)));
                    let copied = |tensor: &Tensor| tensor.to_device(device).copy();
                    Some([copied(sum(0)?), copied(sum(1)?)])
                };
                *layers = (0..).map_while(sums).collect();
                *images = saved.get("score.images").map_or(0.0, |images| images.double_value(&[0]));
            }
        }
    }

    /// Before a pass with `masks`, whose scores are added to those so far.
    pub(super) fn go_on(&mut self, graph: &Graph, masks: &Masks, device: Device) {
        match self {
            Self::Summed(_) | Self::Last(_) => self.clear(graph, masks, device),
            Self::Expansion { layers, .. } if layers.is_empty() => self.clear(graph, masks, device),
            Self::Expansion { .. } => {}
        }
    }

    /// What was found so far counts that much less.
    pub(super) fn decay(&mut self, factor: f64) {
        match self {
            Self::Summed(layers) | Self::Last(layers) => {
                for layer in layers {
                    let _ = layer.score.g_mul_scalar_(factor);
                }
            }
            Self::Expansion { layers, images } => {
                for sum in layers.iter_mut().flatten() {
                    let _ = sum.g_mul_scalar_(factor);
                }
                *images *= factor;
            }
        }
    }

    /// Before a pass with `masks`.
    pub(super) fn clear(&mut self, graph: &Graph, masks: &Masks, device: Device) {
        let alphas = alphas(graph, masks, device).into_iter();
        match self {
            Self::Summed(layers) if !layers.is_empty() => {
                layers.iter_mut().zip(alphas).for_each(|(layer, alpha)| layer.alpha = alpha);
            }
            Self::Summed(layers) | Self::Last(layers) => {
                *layers = alphas.map(|alpha| Layer { score: alpha.zeros_like(), alpha }).collect();
            }
            Self::Expansion { layers, images } => {
                *layers = alphas.map(|alpha| [alpha.zeros_like(), alpha.zeros_like()]).collect();
                *images = 0.0;
            }
        }
    }

    /// After the derivatives of a batch's mean loss by the layers' outputs.
    pub(super) fn batch(&mut self, activated: &[Activated], of_outputs: &[Tensor]) {
        // The penalty's derivative is its weight times alpha's sign, and alpha is 0 or 1.
        let sensitivity = |layer: &Layer, at: usize| {
            (activated[at].alpha_gradient(&of_outputs[at]) + ALPHA_PENALTY * &layer.alpha).abs()
        };
        match self {
            Self::Summed(layers) => {
                for (at, layer) in layers.iter_mut().enumerate() {
                    let _ = layer.score.g_add_(&sensitivity(layer, at));
                }
            }
            Self::Last(layers) => {
                for (at, layer) in layers.iter_mut().enumerate() {
                    layer.score = sensitivity(layer, at);
                }
            }
            Self::Expansion { layers, images } => {
                let size = of_outputs.first().map_or(0, |layer| layer.size()[0]);
                // A batch's loss is a mean, so an image's own derivative is this many times its part of it.
                let times = size as f64;
                for (at, [first, second]) in layers.iter_mut().enumerate() {
                    let mut each = activated[at].removal_gradients(&of_outputs[at]);
                    let _ = first.g_sub_(&(over_images(&each) * times));
                    let _ = second.g_add_(&(over_images(&each.square_()) * (times * times)));
                }
                *images += times;
            }
        }
    }

    /// The scores of the pass, per layer.
    pub(super) fn values(&self) -> Vec<Vec<f32>> {
        match self {
            Self::Summed(layers) | Self::Last(layers) => {
                hosted(&layers.iter().map(|layer| layer.score.shallow_clone()).collect::<Vec<_>>())
            }
            Self::Expansion { layers, images } => {
                let images = images.max(1.0);
                let rise = |[first, second]: &[Tensor; 2]| (second / 2.0 - first) / images;
                hosted(&layers.iter().map(rise).collect::<Vec<_>>())
            }
        }
    }
}

/// Of a layer's scores in a saved state.
fn name(layer: usize) -> String {
    format!("score.{layer}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use models::graph::{Activation, Node, Op, Shape};

    fn setting() -> (Graph, Masks) {
        let nodes = vec![
            Node { name: "x".into(), op: Op::Input, inputs: vec![] },
            Node { name: "a".into(), op: Op::Act { activation: Activation::Relu }, inputs: vec![0] },
        ];
        let graph = Graph::new(Shape::new(1, 1, 2), nodes).unwrap();
        let masks = Masks::all_kept(&graph);
        (graph, masks)
    }

    /// One layer of two units for two images, and the derivative of the batch's mean loss by its output.
    fn batch(input: [f32; 4], of_output: [f32; 4]) -> ([Activated; 1], [Tensor; 1]) {
        let tensor = |x: [f32; 4]| Tensor::from_slice(&x).reshape([2, 1, 1, 2]);
        let input = tensor(input);
        let output = input.relu();
        ([Activated { activation: Activation::Relu, input, output }], [tensor(of_output)])
    }

    fn after(mut scores: Scores) -> Vec<f32> {
        let (graph, masks) = setting();
        scores.clear(&graph, &masks, Device::Cpu);
        // act(x) - x is (1, 0) and (2, 0), then (0, 3) and (0, 4).
        for (input, of_output) in
            [([-1.0, 5.0, -2.0, 5.0], [0.5, 1.0, -1.0, 1.0]), ([5.0, -3.0, 5.0, -4.0], [1.0, 0.25, 1.0, 0.5])]
        {
            let (activated, of_outputs) = batch(input, of_output);
            scores.batch(&activated, &of_outputs);
        }
        scores.values().remove(0)
    }

    fn close(found: &[f32], expected: [f32; 2]) {
        assert!(
            found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5),
            "{found:?}, expected {expected:?}"
        );
    }

    #[test]
    fn scores_as_by_hand() {
        // Batches' derivatives are 0.5 - 2 and 0, then 0 and 0.75 + 2, each with the penalty's 1e-5.
        close(&after(Scores::Summed(Vec::new())), [1.5, 2.75 + 2e-5]);
        close(&after(Scores::Last(Vec::new())), [1e-5, 2.75 + 1e-5]);
        // Images' own derivatives are twice that: 1 and -4, then 1.5 and 4; over four images.
        let expected = [(17.0 / 2.0 + 3.0) / 4.0, (18.25 / 2.0 - 5.5) / 4.0];
        close(&after(Scores::expansion()), expected);
    }

    #[test]
    fn sums_go_on_over_passes_and_stops() {
        let (graph, masks) = setting();
        let mut none = masks.clone();
        none.set("a", models::mask::Mask::new(Shape::new(1, 1, 2), vec![false; 2]).unwrap());
        let (activated, of_outputs) = batch([-1.0, 5.0, -2.0, 5.0], [0.5, 1.0, -1.0, 1.0]);
        let mut scores = Scores::Summed(Vec::new());
        scores.clear(&graph, &masks, Device::Cpu);
        scores.batch(&activated, &of_outputs);
        let mut resumed = Scores::Summed(Vec::new());
        resumed.restore(&scores.saved().into_iter().collect(), Device::Cpu);
        for mut scores in [scores, resumed] {
            // Without kept units there is no penalty.
            scores.clear(&graph, &none, Device::Cpu);
            scores.batch(&activated, &of_outputs);
            close(&scores.values().remove(0), [2.0 * 1.5 - 1e-5, 1e-5]);
        }
    }
}
