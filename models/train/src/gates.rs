//! Masks as tensors: how an activation layer lets its units through, and the loss's derivative with respect to each.

use crate::precision::laid_out;
use models::graph::{Activation, Graph, NodeId, Shape};
use models::mask::{Mask, Masks};
use std::collections::BTreeMap;
use tch::{Device, Kind, Tensor};

/// How one activation layer lets its units through.
#[derive(Debug)]
pub(crate) enum Gate {
    /// Every unit keeps its nonlinearity.
    Kept,
    /// Every unit is the identity.
    Linear,
    /// Each unit has a floor (C, H, W): 0 where it is kept, minus infinity where not. ReLU is the larger of unit and
    /// floor.
    Floor(Tensor),
    /// Each unit has a weight (C, H, W) of its nonlinearity beside the identity: `alpha * act(x) + (1 - alpha) * x`.
    Soft(Tensor),
}

impl Gate {
    /// The layer's output for its input (N, C, H, W).
    pub(crate) fn apply(&self, activation: Activation, x: &Tensor) -> Tensor {
        match self {
            Self::Kept => activated(activation, x),
            Self::Linear => x.shallow_clone(),
            Self::Floor(floor) => match activation {
                Activation::Relu if x.requires_grad() => x * slope(x, &floor.to_kind(x.kind())),
                Activation::Relu => x.clamp_min_tensor(&floor.to_kind(x.kind())),
                _ => activated(activation, x).where_self(&floor.eq(0.0), x),
            },
            Self::Soft(alpha) => x.lerp_tensor(&activated(activation, x), &alpha.to_kind(x.kind())),
        }
    }
}

/// The derivative of the larger of `x` and `floor`, 1 or 0; times `x` it is the larger. The library's own derivative of a
/// maximum compares without vector instructions; a comparison that answers in the kind of what it compares has them.
fn slope(x: &Tensor, floor: &Tensor) -> Tensor {
    let x = x.detach();
    x.ge_tensor_out(&x.empty_like(), floor)
}

/// The activation of every unit.
fn activated(activation: Activation, x: &Tensor) -> Tensor {
    match activation {
        Activation::Relu => x.relu(),
        Activation::Relu1 => x.clamp(0.0, 1.0),
        Activation::Relu6 => x.relu6(),
        Activation::Silu => x.silu(),
        Activation::HardSwish => x.hardswish(),
        Activation::Gelu => x.gelu("none"),
        Activation::Sigmoid => x.sigmoid(),
        Activation::Tanh => x.tanh(),
    }
}

/// `x - act(x)`.
fn removed(activation: Activation, x: &Tensor) -> Tensor {
    match activation {
        Activation::Relu => x.clamp_max(0.0),
        _ => {
            let x = x.to_kind(Kind::Float);
            &x - activated(activation, &x)
        }
    }
}

/// The sum over the first of four dimensions (N, C, H, W), in 32-bit floats: (C, H, W).
pub(crate) fn over_images(each: &Tensor) -> Tensor {
    // As it lies in memory: a sum that is to lie in another order than what is added up is slower.
    let sum = each.permute([0, 2, 3, 1]).sum_dim_intlist([0i64].as_slice(), false, Kind::Float);
    sum.permute([2, 0, 1])
}

/// One gate for every activation layer, by node.
#[derive(Debug)]
pub struct Gates(BTreeMap<NodeId, Gate>);

impl Gates {
    /// The gates that masks ask for.
    pub fn of(graph: &Graph, masks: &Masks, device: Device) -> Self {
        let gates = graph.activations().map(|layer| {
            let mask = masks.get(layer.name);
            let floor = |kept: &bool| if *kept { 0.0 } else { f32::NEG_INFINITY };
            let gate = match mask.count() {
                0 => Gate::Linear,
                n if n == layer.shape.size() => Gate::Kept,
                _ => Gate::Floor(units(layer.shape, mask.flags().iter().map(floor), device)),
            };
            (layer.node, gate)
        });
        Self(gates.collect())
    }

    /// Whole layers: the `i`-th activation layer is kept if bit `i` of `coalition` is set.
    pub fn coalition(graph: &Graph, coalition: u64) -> Self {
        let gate = |i: usize| if coalition >> i & 1 == 1 { Gate::Kept } else { Gate::Linear };
        Self(graph.activations().enumerate().map(|(i, layer)| (layer.node, gate(i))).collect())
    }

    /// One weight (C, H, W) a unit, for each activation layer in network order.
    pub(crate) fn soft(graph: &Graph, alphas: impl Iterator<Item = Tensor>) -> Self {
        Self(graph.activations().map(|layer| layer.node).zip(alphas.map(Gate::Soft)).collect())
    }

    /// The gate of an activation node.
    pub(crate) fn at(&self, node: NodeId) -> &Gate {
        &self.0[&node]
    }
}

/// The masks as tensors (C, H, W) of zeros and ones, in network order.
pub(crate) fn alphas(graph: &Graph, masks: &Masks, device: Device) -> Vec<Tensor> {
    let alpha =
        |mask: &Mask| units(mask.shape(), mask.flags().iter().map(|k| f32::from(u8::from(*k))), device);
    graph.activations().map(|layer| alpha(masks.get(layer.name))).collect()
}

fn units(shape: Shape, values: impl Iterator<Item = f32>, device: Device) -> Tensor {
    let size = [1, shape.c as i64, shape.h as i64, shape.w as i64];
    // As what they are multiplied with lies in memory.
    laid_out(Tensor::from_slice(&values.collect::<Vec<_>>()).reshape(size).to_device(device)).squeeze_dim(0)
}

/// What went into an activation layer and what came out, (N, C, H, W) each.
#[derive(Debug)]
pub struct Activated {
    /// The layer's nonlinearity.
    pub activation: Activation,
    /// Before the nonlinearity.
    pub input: Tensor,
    /// After it.
    pub output: Tensor,
}

impl Activated {
    /// The derivative of the loss with respect to the layer's `alpha` in `alpha * act(x) + (1 - alpha) * x`, summed
    /// over the batch in 32-bit floats, from that with respect to the output: times `act(x) - x`, whatever `alpha` is.
    pub fn alpha_gradient(&self, of_output: &Tensor) -> Tensor {
        over_images(&self.removal_gradients(of_output)).neg_()
    }

    /// The derivative with respect to `1 - alpha` before summing: each image's part, (N, C, H, W).
    pub(crate) fn removal_gradients(&self, of_output: &Tensor) -> Tensor {
        removed(self.activation, &self.input.detach()).g_mul_(of_output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_trains_as_the_larger_of_unit_and_floor() {
        let floor = Tensor::from_slice(&[0f32, f32::NEG_INFINITY, 0.0, f32::NEG_INFINITY]).reshape([1, 2, 2]);
        let values = [-2f32, -3.0, 0.0, 0.0, 1.5, 2.5, -0.5, -0.75];
        let upstream = Tensor::from_slice(&[1f32, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]).reshape([2, 1, 2, 2]);
        for kind in [Kind::Float, Kind::BFloat16] {
            let derived = |output: &dyn Fn(&Tensor) -> Tensor| {
                let leaf = Tensor::from_slice(&values).reshape([2, 1, 2, 2]).set_requires_grad(true);
                let output = output(&leaf.to_kind(kind));
                let loss = (output.to_kind(Kind::Float) * &upstream).sum(Kind::Float);
                let of_input = Tensor::run_backward(&[loss], &[&leaf], false, false).remove(0);
                (output.kind(), crate::network::values(&output), crate::network::values(&of_input))
            };
            let gated = derived(&|x| Gate::Floor(floor.shallow_clone()).apply(Activation::Relu, x));
            let largest = derived(&|x| x.clamp_min_tensor(&floor.to_kind(kind)));
            assert_eq!(gated, largest);
            assert_eq!(gated.1, [0.0, -3.0, 0.0, 0.0, 1.5, 2.5, 0.0, -0.75]);
            assert_eq!(gated.2, [0.0, 2.0, 3.0, 4.0, 5.0, 6.0, 0.0, 8.0]);
        }
    }
}
