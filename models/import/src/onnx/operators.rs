//! From an operator of the file to nodes of the graph.

use super::array::Array;
use super::network::Network;
use super::node::Node;
use super::value::{Gate, Value};
use super::{
    Fault, channels, clip, concat, elementwise, fold, layout, linear, pad, pools, resize, shortcut, window,
};
use crate::fault::listed;
use models::Error;
use models::graph::Activation;

/// How an operator is taken.
pub struct Operator {
    /// ONNX's name.
    pub name: &'static str,
    /// What of it is taken, for the book.
    pub taken: &'static str,
    translate: Translate,
}

/// Adds what a node computes to the network; the text is the name of the whole file's output.
type Translate = fn(&mut Network, &Node<'_>, &str) -> Result<(), Fault>;

/// The operators that are taken, by name.
pub const TAKEN: &[Operator] = &[
    taken("Add", "values of one shape; a constant per channel or alone", |n, node, _| {
        elementwise::add(n, node)
    }),
    taken("AveragePool", "any pads, counted or not, `auto_pad` and `ceil_mode`", |n, node, _| {
        window::average_pool(n, node)
    }),
    taken("BatchNormalization", "in inference mode, behind Flatten too", |n, node, _| {
        elementwise::batch_norm(n, node)
    }),
    taken("Cast", "of constants; of values, what changes none", |n, node, _| layout::cast(n, node)),
    taken(
        "Clip",
        "any bounds that are constants: by ReLU where there is one, by ReLU6 where there are two",
        |n, node, _| clip::clip(n, node),
    ),
    taken("Concat", "channels; constants of shapes", |n, node, _| concat::concat(n, node)),
    taken("Constant", "numbers, lists and tensors", |n, node, _| constant(n, node)),
    taken("ConstantOfShape", "all", |n, node, _| layout::constant_of_shape(n, node)),
    taken("Conv", "groups, strides, dilations, any pads and `auto_pad`; two dimensions", |n, node, _| {
        window::convolution(n, node)
    }),
    taken("DequantizeLinear", "of constants", |n, node, _| fold::dequantize(n, node)),
    taken("Div", "by a constant per channel or alone", |n, node, _| elementwise::divide(n, node)),
    taken("Dropout", "in inference mode, where it does nothing", |n, node, _| dropout(n, node)),
    taken("Flatten", "any axis", |n, node, _| layout::flatten(n, node)),
    taken("Gather", "of constant vectors; channels by constant indices", |n, node, _| {
        channels::gather(n, node)
    }),
    taken("Gelu", "by the error function", |n, node, _| elementwise::gelu(n, node)),
    taken("Gemm", "constant weights and bias, `alpha`, `beta`, `transB`", |n, node, _| linear::gemm(n, node)),
    taken("GlobalAveragePool", "all", |n, node, _| window::global_average_pool(n, node)),
    taken("GlobalMaxPool", "all", |n, node, _| pools::global_max_pool(n, node)),
    taken("HardSigmoid", "any `alpha` and `beta`", |n, node, _| elementwise::hard_sigmoid(n, node)),
    taken("HardSwish", "all", |n, node, _| {
        node.knows(&[])?;
        elementwise::activation(n, node, Activation::HardSwish)
    }),
    taken("Identity", "all", |_, node, _| node.knows(&[])),
    taken("LeakyRelu", "any slope", |n, node, _| elementwise::leaky_relu(n, node)),
    taken("LogSoftmax", "as the last operator, which is left out", softmax),
    taken("MatMul", "by a constant matrix", |n, node, _| linear::matmul(n, node)),
    taken("Max", "of a value and a constant number", |n, node, _| clip::bounded(n, node, true)),
    taken("MaxPool", "any pads, `auto_pad` and `ceil_mode`; without indices", |n, node, _| {
        pools::max_pool(n, node)
    }),
    taken("Min", "of a value and a constant number", |n, node, _| clip::bounded(n, node, false)),
    taken(
        "Mul",
        "with a constant per channel or alone; of values of one shape, or of one with one unit a channel; x * Sigmoid(x)",
        |n, node, _| elementwise::multiply(n, node),
    ),
    taken("Neg", "all", |n, node, _| elementwise::negate(n, node)),
    taken("PRelu", "a slope alone or per channel", |n, node, _| elementwise::parametric_relu(n, node)),
    taken(
        "Pad",
        "rows and columns of a number, or of the edge; of minus infinity in front of MaxPool; zero channels",
        |n, node, _| pad::pad(n, node),
    ),
    taken("Pow", "squares", |n, node, _| elementwise::power(n, node)),
    taken("ReduceMax", "over rows and columns together", |n, node, _| pools::largest(n, node)),
    taken("ReduceMean", "over rows, columns or both", |n, node, _| window::mean(n, node)),
    taken("Relu", "all", |n, node, _| {
        node.knows(&[])?;
        elementwise::activation(n, node, Activation::Relu)
    }),
    taken("Reshape", "what keeps the batch of one", |n, node, _| layout::reshape(n, node)),
    taken(
        "Resize",
        "to the nearest, by whole factors, where that repeats rows and columns (below)",
        |n, node, _| resize::resize(n, node),
    ),
    taken("Shape", "all", |n, node, _| layout::shape(n, node)),
    taken("Sigmoid", "all", |n, node, _| {
        node.knows(&[])?;
        elementwise::gate(n, node, Gate::Logistic)
    }),
    taken("Slice", "of constants; channels in any steps; rows and columns in steps forward", |n, node, _| {
        shortcut::slice(n, node)
    }),
    taken("Softmax", "as the last operator, which is left out", softmax),
    taken("Split", "of constants; of channels", |n, node, _| channels::split(n, node)),
    taken("Squeeze", "all", |n, node, _| layout::squeeze(n, node)),
    taken("Sub", "values of one shape; a constant per channel or alone, on either side", |n, node, _| {
        elementwise::subtract(n, node)
    }),
    taken("Sum", "as Add", |n, node, _| elementwise::add(n, node)),
    taken("Tanh", "all", |n, node, _| {
        node.knows(&[])?;
        elementwise::activation(n, node, Activation::Tanh)
    }),
    taken(
        "Transpose",
        "of constants; to channels last and back; where channels change places (channel shuffles) or no element moves",
        |n, node, _| channels::transpose(n, node),
    ),
    taken("Unsqueeze", "all", |n, node, _| layout::unsqueeze(n, node)),
    taken("Upsample", "as Resize", |n, node, _| resize::resize(n, node)),
];

const fn taken(name: &'static str, taken: &'static str, translate: Translate) -> Operator {
    Operator { name, taken, translate }
}

/// Why other operators are not taken, and what to have in their place, for errors and the book.
pub const REFUSED: &[(&[&str], &str)] = &[
    (&["LpPool", "GlobalLpPool", "MaxRoiPool"], "max or average pools: others have no protocol here"),
    (
        &["Elu", "Selu", "Celu", "Softplus", "Softsign", "Mish", "Erf", "Exp"],
        "Relu, LeakyRelu, PRelu, Clip, Sigmoid, Tanh, HardSigmoid, HardSwish, Gelu or x * Sigmoid(x): others have no protocol here",
    ),
    (&["ConvTranspose"], "Conv: transposed convolutions have no packing here"),
    (
        &["QuantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger"],
        "float weights (export before quantising; fixed point is chosen here)",
    ),
    (&["If", "Loop", "Scan"], "a graph without control flow (export one network in inference mode)"),
    (
        &["Range", "Expand", "Where", "Equal", "NonZero"],
        "shapes that are constants (export with a fixed input size, or simplify the file)",
    ),
    (
        &["InstanceNormalization", "LayerNormalization", "GroupNormalization", "LRN", "LpNormalization"],
        "BatchNormalization: other norms depend on the image and have no protocol here",
    ),
];

/// Whether the operator's output is its input.
pub(super) fn repeats(node: &Node<'_>) -> bool {
    matches!(node.operator(), Some("Identity" | "Dropout"))
}

/// Whether all that is done with the value `input` is to bring its last axis, channels, in front of rows and columns.
pub(super) fn turn_to_channels_first(nodes: &[Node<'_>], input: &str) -> bool {
    let mut readers = nodes.iter().filter(|node| node.inputs().any(|name| name == input)).peekable();
    let turns = |node: &Node<'_>| {
        node.operator() == Some("Transpose") && matches!(node.ints("perm"), Ok(Some([0, 3, 1, 2])))
    };
    readers.peek().is_some() && readers.all(turns)
}

/// Adds what `node` computes to the network; `output` is the whole file's.
pub(super) fn translate(network: &mut Network, node: &Node<'_>, output: &str) -> Result<(), Fault> {
    if fold::folded(network, node)? {
        return Ok(());
    }
    match of(node) {
        Some(operator) => (operator.translate)(network, node, output),
        None => Err(unknown(node)),
    }
}

fn of(node: &Node<'_>) -> Option<&'static Operator> {
    node.operator().and_then(|name| TAKEN.iter().find(|operator| operator.name == name))
}

/// Errors at the first of the nodes whose operator is not taken, with all others of them.
pub(super) fn check<'a>(nodes: impl Iterator<Item = &'a Node<'a>>) -> Result<(), Error> {
    let mut refused = nodes.filter(|node| of(node).is_none() && !fold::folds(node));
    let Some(first) = refused.next() else { return Ok(()) };
    let others: Vec<String> =
        refused.map(|node| format!("{} at {}", node.shown_operator(), node.label())).collect();
    let mut fault = unknown(first);
    if !others.is_empty() {
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        fault.found = format!("{}; and {}", fault.found, listed(&others));
    }
    Err(fault.at(first.label()))
}

/// What a network may have where the file has an operator that is not taken.
fn unknown(node: &Node<'_>) -> Fault {
    let found = format!("operator {}", node.shown_operator());
    let Some(name) = node.operator() else { return Fault::new("ONNX's own operators", found) };
    match REFUSED.iter().find(|(names, _)| names.contains(&name)) {
        Some((_, instead)) => Fault::new(*instead, found),
        None => {
            let names: Vec<&str> = TAKEN.iter().map(|operator| operator.name).collect();
            Fault::new(format!("an operator of a convolutional classifier: {}", names.join(", ")), found)
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
