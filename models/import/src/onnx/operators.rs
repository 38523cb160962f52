//! From an operator of the file to nodes of the graph.

use super::array::Array;
use super::network::Network;
use super::node::Node;
use super::value::Value;
use super::{Fault, concat, elementwise, layout, linear, pools, shortcut, window};
use models::graph::Activation;

/// Whether the operator's output is its input.
pub(super) fn repeats(node: &Node<'_>) -> bool {
    matches!(node.operator(), Some("Identity" | "Dropout"))
}

/// Adds what `node` computes to the network; `output` is the whole file's.
pub(super) fn translate(network: &mut Network, node: &Node<'_>, output: &str) -> Result<(), Fault> {
    match node.operator() {
        Some("Identity") => node.knows(&[]),
        Some("Dropout") => dropout(network, node),
        Some("Constant") => constant(network, node),
        Some("Conv") => window::convolution(network, node),
        Some("AveragePool") => window::average_pool(network, node),
        Some("MaxPool") => pools::max_pool(network, node),
        Some("GlobalMaxPool") => pools::global_max_pool(network, node),
        Some("GlobalAveragePool") => window::global_average_pool(network, node),
        Some("ReduceMean") => window::mean(network, node),
        Some("Gemm") => linear::gemm(network, node),
        Some("MatMul") => linear::matmul(network, node),
        Some("BatchNormalization") => elementwise::batch_norm(network, node),
        Some("Relu") => {
            node.knows(&[])?;
            elementwise::activation(network, node, Activation::Relu)
        }
        Some("LeakyRelu") => elementwise::leaky_relu(network, node),
        Some("Clip") => elementwise::clip(network, node),
        Some("Sigmoid") => elementwise::sigmoid(network, node),
        Some("Add" | "Sum") => elementwise::add(network, node),
        Some("Sub") => elementwise::subtract(network, node),
        Some("Mul") => elementwise::multiply(network, node),
        Some("Div") => elementwise::divide(network, node),
        Some("Flatten") => layout::flatten(network, node),
        Some("Reshape") => layout::reshape(network, node),
        Some("Squeeze") => layout::squeeze(network, node),
        Some("Unsqueeze") => layout::unsqueeze(network, node),
        Some("Slice") => shortcut::slice(network, node),
        Some("Pad") => shortcut::pad(network, node),
        Some("Shape") => layout::shape(network, node),
        Some("Gather") => layout::gather(network, node),
        Some("ConstantOfShape") => layout::constant_of_shape(network, node),
        Some("Concat") => concat::concat(network, node),
        Some("Cast") => layout::cast(network, node),
        Some("Transpose") => layout::transpose(network, node),
        Some("Softmax" | "LogSoftmax") => softmax(network, node, output),
        Some(other) => Err(Fault::new(instead_of(other), format!("operator {}", node.shown_operator()))),
        None => Err(Fault::new("ONNX's own operators", format!("operator {}", node.shown_operator()))),
    }
}

/// What a network may have where the file has the unsupported operator `other`.
fn instead_of(other: &str) -> &'static str {
    match other {
        "LpPool" | "GlobalLpPool" | "MaxRoiPool" => "max or average pools: others have no protocol here",
        "PRelu" | "Elu" | "Selu" | "Celu" | "Gelu" | "Erf" | "HardSwish" | "HardSigmoid" | "Tanh"
        | "Softplus" | "Mish" | "Swish" => {
            "Relu, LeakyRelu, Clip(0, 6) or SiLU as x * Sigmoid(x): others have no protocol here"
        }
        "ConvTranspose" => "Conv: transposed convolutions have no packing here",
        "QuantizeLinear" | "DequantizeLinear" | "QLinearConv" | "QLinearMatMul" | "ConvInteger" => {
            "float weights (export before quantising; fixed point is chosen here)"
        }
        "If" | "Loop" | "Scan" => "a graph without control flow (export one network in inference mode)",
        "Range" | "Expand" | "Where" | "Equal" => {
            "shapes that are constants (export with a fixed input size, or simplify the file)"
        }
        "InstanceNormalization" | "LayerNormalization" | "GroupNormalization" | "LRN" => {
            "BatchNormalization: other norms depend on the image and have no protocol here"
        }
        _ => {
            "an operator of a convolutional classifier: Conv, BatchNormalization, Gemm, MatMul, Relu, LeakyRelu, \
             Clip(0, 6), Sigmoid, Add, Sub, Mul, Div, Concat, MaxPool, GlobalMaxPool, AveragePool, GlobalAveragePool, \
             ReduceMean, Flatten, Reshape, Squeeze, \
             Unsqueeze, Slice, Pad"
        }
    }
}

/// A dropout drops nothing after training.
fn dropout(network: &Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&["ratio", "seed", "is_test"])?;
    match node.optional_input(2).map(|name| network.constant(name)?.as_ints()).transpose()? {
        None | Some([0]) => Ok(()),
        Some(_) => Err(Fault::new("training_mode false (export in inference mode)", "true")),
    }
}

fn constant(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&["value", "value_float", "value_floats", "value_int", "value_ints"])?;
    let array = if let Some(tensor) = node.tensor("value")? {
        Array::read(tensor)?
    } else if let Some(value) = node.float("value_float")? {
        Array::float(value)
    } else if let Some(values) = node.floats("value_floats")? {
        Array::floats(values.to_vec())
    } else if let Some(value) = node.int("value_int")? {
        Array::int(value)
    } else if let Some(values) = node.ints("value_ints")? {
        Array::ints(values.to_vec())
    } else {
        return Err(Fault::new("a value", "none"));
    };
    network.define(node.output()?, Value::Constant(array))
}

/// A final softmax, over classes, changes no order of theirs: its input is the network's answer.
fn softmax(network: &mut Network, node: &Node<'_>, output: &str) -> Result<(), Fault> {
    node.knows(&["axis"])?;
    let map = network.settled(node.input(0)?)?;
    let axis = node.int("axis")?.unwrap_or(if node.opset < 13 { 1 } else { -1 });
    if !network.stands_for(output, node.output()?) {
        return Err(Fault::new("a softmax as the last operator only", "one whose value is read"));
    }
    if layout::axis(axis, map.dims.len())? != 1 {
        return Err(Fault::new("a softmax over classes, axis 1", format!("axis {axis}")));
    }
    network.drop_last(if node.operator() == Some("Softmax") { "Softmax" } else { "LogSoftmax" });
    network.define(node.output()?, Value::Map(map))
}
