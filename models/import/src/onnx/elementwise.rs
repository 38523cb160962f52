//! Activations, batch norms, sums, and arithmetic with constants.

use super::Fault;
use super::array::size;
use super::layout::view;
use super::network::Network;
use super::node::Node;
use super::value::{Affine, Gate, Map, Pending, Picked, Value};
use super::window::vector;
use models::graph::{Activation, NodeId, Op};

pub(super) fn activation(
    network: &mut Network,
    node: &Node<'_>,
    activation: Activation,
) -> Result<(), Fault> {
    let map = network.settled(node.input(0)?)?;
    activate(network, node, map, activation)
}

/// What rises from zero to one: half of a SiLU, or of a hard swish.
pub(super) fn gate(network: &mut Network, node: &Node<'_>, gate: Gate) -> Result<(), Fault> {
    let map = network.settled(node.input(0)?)?;
    let pending = Pending::Gate(node.safe_name(), gate);
    let derived = network.derived(&map, map.dims.clone(), pending, node.output()?);
    network.define(node.output()?, Value::Map(derived))
}

/// `min(max(alpha * x + beta, 0), 1)`.
pub(super) fn hard_sigmoid(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&["alpha", "beta"])?;
    let alpha = f64::from(node.float("alpha")?.unwrap_or(0.2));
    let beta = f64::from(node.float("beta")?.unwrap_or(0.5));
    if !(alpha.is_finite() && beta.is_finite()) {
        return Err(Fault::new("a finite alpha and beta", format!("{alpha} and {beta}")));
    }
    gate(network, node, Gate::Hard { alpha, beta })
}

pub(super) fn gelu(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&["approximate"])?;
    match node.text("approximate")?.as_deref() {
        None | Some("none") => activation(network, node, Activation::Gelu),
        Some(other) => {
            Err(Fault::new("GELU by the error function (approximate = `none`)", format!("`{other}`")))
        }
    }
}

pub(super) fn batch_norm(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&["epsilon", "momentum", "spatial", "training_mode"])?;
    node.int_is("training_mode", 0, " (export in inference mode)")?;
    node.int_is("spatial", 1, "")?;
    let map = network.settled(node.input(0)?)?;
    let shape = network.shape(map.node);
    let flattened = map.dims == [1, shape.size()];
    let channels = if flattened { shape.size() } else { shape.c };
    if map.dims.len() < 2 || map.dims[..2] != [1, channels] {
        let expected = format!("an input of 1 image and {channels} channels");
        return Err(Fault::new(expected, format!("shape {:?}", map.dims)));
    }
    let eps = f64::from(node.float("epsilon")?.unwrap_or(1e-5));
    let suffixes = ["weight", "bias", "running_mean", "running_var"];
    let mut values = Vec::with_capacity(suffixes.len());
    for index in 1..=suffixes.len() {
        values.push(vector(network, node.input(index)?, channels)?);
    }
    if !(eps.is_finite() && values[3].iter().all(|variance| f64::from(*variance) + eps > 0.0)) {
        return Err(Fault::new("positive variances", format!("one that is not, with epsilon {eps}")));
    }
    if flattened && shape.area() > 1 {
        let of = |index: usize| values[index].iter().map(|x| f64::from(*x));
        let scale: Vec<f64> = of(0).zip(of(3)).map(|(weight, var)| weight / (var + eps).sqrt()).collect();
        let shift = of(1).zip(of(2)).zip(&scale).map(|((bias, mean), scale)| bias - mean * scale).collect();
        let pending = Pending::Elements(Affine { name: node.safe_name(), scale, shift });
        let derived = network.derived(&map, map.dims.clone(), pending, node.output()?);
        return network.define(node.output()?, Value::Map(derived));
    }
    let added = network.add(node, Op::BatchNorm { eps }, vec![map.node])?;
    for (suffix, values) in suffixes.into_iter().zip(values) {
        network.parameter(added, suffix, vec![channels], values)?;
    }
    define(network, node, added, map.dims)
}

/// A sum of values, or of a value and a constant.
pub(super) fn add(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&[])?;
    match Operands::of(network, node)? {
        Operands::Maps => {}
        Operands::Constant { map, by, .. } => return affine(network, node, map, |x| (1.0, x), by),
    }
    let inputs: Vec<&str> = node.inputs().collect();
    if inputs.len() < 2 {
        return Err(Fault::new("two inputs", inputs.len().to_string()));
    }
    let maps = inputs.iter().map(|name| network.settled(name)).collect::<Result<Vec<Map>, Fault>>()?;
    let nodes = maps.iter().map(|map| map.node).collect();
    sum(network, node, &maps, nodes)
}

/// The sum of `terms`, which stand for `maps`.
fn sum(network: &mut Network, node: &Node<'_>, maps: &[Map], terms: Vec<NodeId>) -> Result<(), Fault> {
    if let Some(other) = maps.iter().find(|map| map.dims != maps[0].dims) {
        let expected = format!("terms of one shape, {:?}", maps[0].dims);
        return Err(Fault::new(expected, format!("{:?}", other.dims)));
    }
    let added = network.add(node, Op::Add, terms)?;
    define(network, node, added, maps[0].dims.clone())
}

pub(super) fn subtract(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&[])?;
    match Operands::of(network, node)? {
        Operands::Constant { map, by, first: false } => affine(network, node, map, |x| (1.0, -x), by),
        Operands::Constant { map, by, first: true } => affine(network, node, map, |x| (-1.0, x), by),
        Operands::Maps => {
            let maps = [network.settled(node.input(0)?)?, network.settled(node.input(1)?)?];
            let negative =
                network.add_beside(node, "negative", Op::Scale { by: -1.0 }, vec![maps[1].node])?;
            sum(network, node, &maps, vec![maps[0].node, negative])
        }
    }
}

/// `x` above zero and `alpha * x` below: a line, and a ReLU times what it changes there.
pub(super) fn leaky_relu(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&["alpha"])?;
    let slope = f64::from(node.float("alpha")?.unwrap_or(0.01));
    if !slope.is_finite() {
        return Err(Fault::new("a finite alpha", slope.to_string()));
    }
    if slope == 1.0 {
        return view(network, node, |dims| Ok(dims.to_vec()));
    }
    let map = network.settled(node.input(0)?)?;
    let relu = Op::Act { activation: Activation::Relu };
    if slope == 0.0 {
        let added = network.add(node, relu, vec![map.node])?;
        return define(network, node, added, map.dims);
    }
    let kept = network.add(node, relu, vec![map.node])?;
    let bent = network.add_beside(node, "above", Op::Scale { by: 1.0 - slope }, vec![kept])?;
    let line = network.add_beside(node, "line", Op::Scale { by: slope }, vec![map.node])?;
    let added = network.add_beside(node, "leaky", Op::Add, vec![bent, line])?;
    define(network, node, added, map.dims)
}

/// As a leaky ReLU, with a slope for every channel.
pub(super) fn parametric_relu(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&[])?;
    let map = network.settled(node.input(0)?)?;
    let slopes = per_channel(network, &map, node.input(1)?)?;
    let below: Vec<f64> = slopes.into_iter().map(f64::from).collect();
    let above = below.iter().map(|slope| 1.0 - slope).collect();
    let none = vec![0.0; below.len()];
    let kept = network.add(node, Op::Act { activation: Activation::Relu }, vec![map.node])?;
    let bent = network.add_lines(node, "above", above, none.clone(), kept)?;
    let line = network.add_lines(node, "line", below, none, map.node)?;
    let added = network.add_beside(node, "leaky", Op::Add, vec![bent, line])?;
    define(network, node, added, map.dims)
}

pub(super) fn negate(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&[])?;
    let map = network.settled(node.input(0)?)?;
    let added = network.add(node, Op::Scale { by: -1.0 }, vec![map.node])?;
    define(network, node, added, map.dims)
}

/// A product with a constant, or a SiLU.
pub(super) fn multiply(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&[])?;
    if let Operands::Constant { map, by, .. } = Operands::of(network, node)? {
        return affine(network, node, map, |x| (x, 0.0), by);
    }
    let (a, b) = (node.input(0)?, node.input(1)?);
    if node.inputs().nth(2).is_some() {
        return Err(Fault::new("two factors", "more"));
    }
    for (x, gate) in [(a, b), (b, a)] {
        let of = network.map(gate)?.clone();
        let activation = match of.pending {
            Pending::Gate(_, Gate::Logistic) => Activation::Silu,
            Pending::Gate(_, Gate::Hard { alpha, beta }) if is_a_sixth(alpha) && beta == 0.5 => {
                Activation::HardSwish
            }
            _ => continue,
        };
        let map = network.settled(x)?;
        // A product of the same elements seen with other extents is one of all with all.
        if (map.node, &map.dims) == (of.node, &of.dims) {
            return activate(network, node, map, activation);
        }
    }
    let maps = [network.settled(a)?, network.settled(b)?];
    product(network, node, maps)
}

/// A sixth, in single or double precision.
fn is_a_sixth(alpha: f64) -> bool {
    alpha == 1.0 / 6.0 || alpha as f32 == 1.0 / 6.0
}

/// The product of two values: of one shape, or one of them with one unit a channel.
fn product(network: &mut Network, node: &Node<'_>, [a, b]: [Map; 2]) -> Result<(), Fault> {
    let is_gate_of = |gate: &Map, of: &Map| {
        let (shape, channels) = (network.shape(of.node), network.shape(gate.node));
        of.dims == [1, shape.c, shape.h, shape.w]
            && gate.dims == [1, shape.c, 1, 1]
            && channels.size() == shape.c
    };
    let same = a.dims == b.dims && network.shape(a.node) == network.shape(b.node);
    let (left, right) = match () {
        () if same || is_gate_of(&b, &a) => (a, b),
        () if is_gate_of(&a, &b) => (b, a),
        () => {
            let expected = "a product of values of one shape, or of one with one unit a channel";
            return Err(Fault::new(expected, format!("shapes {:?} and {:?}", a.dims, b.dims)));
        }
    };
    let added = network.add(node, Op::Product, vec![left.node, right.node])?;
    define(network, node, added, left.dims)
}

/// The square of a value.
pub(super) fn power(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&[])?;
    let exponent = network.constant(node.input(1)?)?.as_number()?;
    if exponent != 2.0 {
        return Err(Fault::new("an exponent of 2", exponent.to_string()));
    }
    let map = network.settled(node.input(0)?)?;
    product(network, node, [map.clone(), map])
}

pub(super) fn divide(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&[])?;
    match Operands::of(network, node)? {
        Operands::Constant { map, by, first: false } => affine(network, node, map, |x| (1.0 / x, 0.0), by),
        Operands::Constant { first: true, .. } | Operands::Maps => {
            Err(Fault::new("a division by a constant", "one by a value of the image"))
        }
    }
}

/// What arithmetic is done with.
enum Operands<'a> {
    /// Values of the image.
    Maps,
    /// The names of a value of the image and of a constant, which may be the first of the two.
    Constant { map: &'a str, by: &'a str, first: bool },
}

impl<'a> Operands<'a> {
    fn of(network: &Network, node: &Node<'a>) -> Result<Self, Fault> {
        let is_constant = |name| Ok(matches!(network.value(name)?, Value::Constant(_)));
        let (a, b) = (node.input(0)?, node.input(1)?);
        if node.inputs().nth(2).is_some() {
            return Ok(Self::Maps);
        }
        Ok(match (is_constant(a)?, is_constant(b)?) {
            (false, true) => Self::Constant { map: a, by: b, first: false },
            (true, false) => Self::Constant { map: b, by: a, first: true },
            (false, false) => Self::Maps,
            (true, true) => {
                let expected = "arithmetic with a value of the image (simplify the file to fold constants)";
                return Err(Fault::new(expected, "two constants"));
            }
        })
    }
}

/// `scale * x + shift` with what `of` makes of the constant's value for the channel.
fn affine(
    network: &mut Network,
    node: &Node<'_>,
    name: &str,
    of: impl Fn(f64) -> (f64, f64),
    by: &str,
) -> Result<(), Fault> {
    let mut map = network.map(name)?.clone();
    let waits = |pending: &Pending| {
        matches!(pending, Pending::Nothing | Pending::Image(_) | Pending::Affine(_) | Pending::Picked(_))
    };
    if !waits(&map.pending) {
        map = network.settled(name)?;
    }
    let (scale, shift): (Vec<f64>, Vec<f64>) =
        per_channel(network, &map, by)?.into_iter().map(|x| of(f64::from(x))).unzip();
    if let Some(bad) = scale.iter().chain(&shift).find(|x| !x.is_finite()) {
        return Err(Fault::new("finite factors and terms", bad.to_string()));
    }
    let output = node.output()?;
    let shifts_only = scale.iter().all(|s| *s == 1.0);
    let pending = if shifts_only && network.add_to_bias(&map, &shift)? {
        Pending::Nothing
    } else {
        let (scale, shift) = match &map.pending {
            Pending::Image(old) | Pending::Affine(old) | Pending::Picked(Picked { affine: old, .. }) => (
                old.scale.iter().zip(&scale).map(|(old, s)| old * s).collect(),
                old.shift.iter().zip(scale.iter().zip(&shift)).map(|(old, (s, t))| old * s + t).collect(),
            ),
            Pending::Nothing
            | Pending::Elements(_)
            | Pending::ChannelsLast(_)
            | Pending::Steps(..)
            | Pending::Padded(..)
            | Pending::Gate(..) => (scale, shift),
        };
        let affine = Affine { name: node.safe_name(), scale, shift };
        match map.pending {
            Pending::Image(_) => Pending::Image(affine),
            Pending::Picked(ref picked) => Pending::Picked(Picked { affine, ..picked.clone() }),
            Pending::Nothing
            | Pending::Affine(_)
            | Pending::Elements(_)
            | Pending::ChannelsLast(_)
            | Pending::Steps(..)
            | Pending::Padded(..)
            | Pending::Gate(..) => Pending::Affine(affine),
        }
    };
    let derived = network.derived(&map, map.dims.clone(), pending, output);
    network.define(output, Value::Map(derived))
}

/// The constant's value for every channel of a map's node.
fn per_channel(network: &Network, map: &Map, by: &str) -> Result<Vec<f32>, Fault> {
    let constant = network.constant(by)?;
    let shape = network.seen(map);
    let fault = || {
        let expected = format!("a constant with one number, or one for each of {} channels", shape.c);
        Fault::new(expected, format!("shape {:?} for a value of shape {:?}", constant.dims, map.dims))
    };
    let area = shape.area();
    // Where the constant is repeated along all axes within a channel, that channel's first element is enough.
    let mut within = area;
    let varies = constant.dims.iter().rev().zip(map.dims.iter().rev()).any(|(own, extent)| {
        let inside = within > 1;
        within = within.div_ceil(*extent);
        inside && *own != 1
    });
    let step = if varies { 1 } else { area };
    let all = constant.broadcast(&map.dims, step)?.ok_or_else(fault)?;
    if size(&map.dims) != Some(shape.size()) {
        return Err(fault());
    }
    let mut channels = Vec::new();
    for (i, x) in all.enumerate() {
        if (i * step).is_multiple_of(area) {
            channels.push(x);
        } else if channels.last() != Some(&x) {
            return Err(fault());
        }
    }
    Ok(channels)
}

fn activate(network: &mut Network, node: &Node<'_>, map: Map, kind: Activation) -> Result<(), Fault> {
    let added = network.add(node, Op::Act { activation: kind }, vec![map.node])?;
    define(network, node, added, map.dims)
}

/// Names the output of node `added`, seen with the extents of its input.
pub(super) fn define(
    network: &mut Network,
    node: &Node<'_>,
    added: NodeId,
    dims: Vec<usize>,
) -> Result<(), Fault> {
    network.define(node.output()?, Value::Map(network.fresh(added, dims, node.output()?)))
}
