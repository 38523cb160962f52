//! Fully connected layers.

use super::Fault;
use super::array::Array;
use super::network::Network;
use super::node::Node;
use super::value::{Affine, Pending, Value};
use models::graph::{Op, Shape};

/// `x * B + C`, or `x * B^T + C`.
pub(super) fn gemm(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&["alpha", "beta", "transA", "transB"])?;
    node.int_is("transA", 0, "")?;
    let factor = |name: &str| Ok(node.float(name)?.unwrap_or(1.0));
    let (alpha, beta): (f32, f32) = (factor("alpha")?, factor("beta")?);
    let weight = network.constant(node.input(1)?)?;
    let weight = match node.int("transB")?.unwrap_or_default() {
        0 => weight.transposed()?,
        _ => weight.clone(),
    };
    let weight = weight.times(alpha)?;
    let bias = node.optional_input(2).map(|name| network.constant(name)?.times(beta)).transpose()?;
    linear(network, node, weight, bias)
}

/// `x * B`; the sum with a constant is an operator of its own.
pub(super) fn matmul(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&[])?;
    let weight = network.constant(node.input(1)?)?.transposed()?;
    linear(network, node, weight, None)
}

/// A layer of weights `(out, in)` over all elements of its input, which are in `(channel, row, column)` order there
/// as here.
fn linear(network: &mut Network, node: &Node<'_>, weight: Array, bias: Option<Array>) -> Result<(), Fault> {
    let name = node.input(0)?;
    let last = matches!(network.map(name)?.pending, Pending::ChannelsLast(None));
    let (map, normalised) = match last {
        true => (network.map(name)?.clone(), None),
        false => network.elements(name)?,
    };
    let &[out, inputs] = &weight.dims[..] else {
        return Err(Fault::new("a matrix of weights", format!("shape {:?}", weight.dims)));
    };
    if map.dims != [1, inputs] || out == 0 {
        let expected = format!("an input of shape {:?} (flattened before the layer)", [1, inputs]);
        return Err(Fault::new(expected, format!("{:?}", map.dims)));
    }
    let bias = match bias {
        None => None,
        Some(bias) => {
            let fault = || Fault::new(format!("a bias of {out} numbers"), format!("shape {:?}", bias.dims));
            let all: Vec<f32> = bias.broadcast(&[1, out], 1)?.ok_or_else(fault)?.collect();
            Some(all)
        }
    };
    let mut weights = weight.as_floats()?.to_vec();
    if last {
        channels_first(&mut weights, network.shape(map.node));
    }
    let bias = match normalised {
        None => bias,
        Some(Affine { scale, shift, .. }) => {
            let mut all = bias.unwrap_or_else(|| vec![0.0; out]);
            for (row, bias) in weights.chunks_exact_mut(inputs).zip(&mut all) {
                let term: f64 =
                    row.iter().zip(&shift).map(|(weight, shift)| f64::from(*weight) * shift).sum();
                *bias = (f64::from(*bias) + term) as f32;
                row.iter_mut()
                    .zip(&scale)
                    .for_each(|(weight, scale)| *weight = (f64::from(*weight) * scale) as f32);
            }
            Some(all)
        }
    };
    let added = network.add(node, Op::Linear { out, bias: bias.is_some() }, vec![map.node])?;
    network.parameter(added, "weight", vec![out, inputs], weights)?;
    if let Some(bias) = bias {
        network.parameter(added, "bias", vec![out], bias)?;
    }
    network.define(node.output()?, Value::Map(network.fresh(added, vec![1, out], node.output()?)))
}

/// Rows of weights whose elements are in `(row, column, channel)` order, in `(channel, row, column)` order.
fn channels_first(weights: &mut [f32], shape: Shape) {
    for row in weights.chunks_exact_mut(shape.size()) {
        let last = row.to_vec();
        for (i, weight) in row.iter_mut().enumerate() {
            *weight = last[i % shape.area() * shape.c + i / shape.area()];
        }
    }
}
