//! What cuts values off at bounds: Clip, Max and Min, by ReLU and ReLU6.

use super::Fault;
use super::elementwise::define;
use super::network::Network;
use super::node::Node;
use super::value::{Map, Value};
use models::graph::{Activation, NodeId, Op};

/// Largest bound, factor or term.
const MOST: f64 = 1e30;

/// Any bounds: `min + ReLU(x - min)` where there is no upper one, `min + ReLU6((x - min) * 6 / width) * width / 6` where there is.
pub(super) fn clip(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&["min", "max"])?;
    let bound = |index: usize, name: &str| match node.optional_input(index) {
        Some(input) => network.constant(input)?.as_number().map(Some),
        None => node.float(name),
    };
    let bound = |index: usize, name: &str| match bound(index, name)? {
        Some(bound) if bound.is_nan() => Err(Fault::new(format!("a number as {name}"), "none")),
        bound => Ok(bound),
    };
    let min = bound(1, "min")?.filter(|min| *min > f32::MIN);
    let max = bound(2, "max")?.filter(|max| *max < f32::MAX);
    let (min, max) = (min.map(f64::from), max.map(f64::from));
    let map = network.settled(node.input(0)?)?;
    match (min, max) {
        (None, None) => network.define(node.output()?, Value::Map(map)),
        (Some(min), None) => bound_one_side(network, node, &map, min, true),
        (None, Some(max)) => bound_one_side(network, node, &map, max, false),
        (Some(0.0), Some(1.0)) => {
            let added = network.add(node, Op::Act { activation: Activation::Relu1 }, vec![map.node])?;
            define(network, node, added, map.dims)
        }
        (Some(min), Some(max)) if max > min => {
            let step = (max - min) / 6.0;
            cut(network, node, &map, Line(1.0 / step, -min / step), Activation::Relu6, Line(step, min))
        }
        (Some(min), Some(max)) => {
            Err(Fault::new("an upper bound above the lower one", format!("{min:e} and {max:e}")))
        }
    }
}

/// `max(x, bound)` or, if not `lower`, `min(x, bound)`, of a value and a constant number.
pub(super) fn bounded(network: &mut Network, node: &Node<'_>, lower: bool) -> Result<(), Fault> {
    node.knows(&[])?;
    let names: Vec<&str> = node.inputs().collect();
    let (values, constants): (Vec<&str>, Vec<&str>) =
        names.into_iter().partition(|name| matches!(network.value(name), Ok(Value::Map(_))));
    let ([value], [constant]) = (&values[..], &constants[..]) else {
        return Err(Fault::new(
            "a value of the image and a constant",
            format!("{} and {}", values.len(), constants.len()),
        ));
    };
    let bound = f64::from(network.constant(constant)?.as_number()?);
    let map = network.settled(value)?;
    bound_one_side(network, node, &map, bound, lower)
}

/// `bound + ReLU(x - bound)` or, if not `lower`, `bound - ReLU(bound - x)`.
fn bound_one_side(
    network: &mut Network,
    node: &Node<'_>,
    map: &Map,
    bound: f64,
    lower: bool,
) -> Result<(), Fault> {
    let sign = if lower { 1.0 } else { -1.0 };
    cut(network, node, map, Line(sign, -sign * bound), Activation::Relu, Line(sign, bound))
}

/// A factor and a term.
#[derive(Clone, Copy, PartialEq)]
struct Line(f64, f64);

/// `after(activation(before(x)))`.
fn cut(
    network: &mut Network,
    node: &Node<'_>,
    map: &Map,
    before: Line,
    activation: Activation,
    after: Line,
) -> Result<(), Fault> {
    let numbers = [before.0, before.1, after.0, after.1];
    if let Some(bad) = numbers.iter().find(|x| !x.is_finite() || x.abs() > MOST) {
        return Err(Fault::new(format!("bounds and factors of at most {MOST:e}"), format!("{bad:e}")));
    }
    let input = line(network, node, "before", before, map.node)?;
    let kept = network.add(node, Op::Act { activation }, vec![input])?;
    let added = line(network, node, "after", after, kept)?;
    define(network, node, added, map.dims.clone())
}

/// `line(x)`; where that is `x`, no node.
fn line(
    network: &mut Network,
    node: &Node<'_>,
    part: &str,
    line: Line,
    input: NodeId,
) -> Result<NodeId, Fault> {
    if line == Line(1.0, 0.0) {
        return Ok(input);
    }
    let channels = network.shape(input).c;
    network.add_lines(node, part, vec![line.0; channels], vec![line.1; channels], input)
}
