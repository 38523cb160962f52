//! Concat: channels side by side, and shapes put together.

use super::Fault;
use super::array::{Array, RANK_LIMIT};
use super::channels::together;
use super::layout::{axis, view};
use super::network::Network;
use super::node::Node;
use super::value::{Map, Value};
use models::graph::Op;

pub(super) fn concat(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&["axis"])?;
    let constants = node.inputs().map(|name| Ok(matches!(network.value(name)?, Value::Constant(_))));
    let constants: Vec<bool> = constants.collect::<Result<_, Fault>>()?;
    match (constants.contains(&true), constants.contains(&false)) {
        (true, false) => vectors(network, node),
        (false, true) => channels(network, node),
        _ => Err(Fault::new("constants, or values that depend on the image", "both, or nothing")),
    }
}

/// Constant vectors, one behind the other.
fn vectors(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    let mut all = Vec::new();
    for name in node.inputs() {
        let array = network.constant(name)?;
        if array.dims.len() != 1 {
            return Err(Fault::new("constant vectors", format!("shape {:?}", array.dims)));
        }
        all.extend_from_slice(array.as_ints()?);
        if all.len() > RANK_LIMIT {
            return Err(Fault::new(format!("a shape of at most {RANK_LIMIT} axes"), "a longer one"));
        }
    }
    node.int_is("axis", 0, " of constant vectors")?;
    network.define(node.output()?, Value::Constant(Array::ints(all)))
}

/// The channels of values of one extent, one behind the other.
fn channels(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    let at = node.int("axis")?.ok_or_else(|| Fault::new("an axis", "none"))?;
    let names: Vec<&str> = node.inputs().collect();
    let first = network.map(names[0])?.dims.clone();
    if axis(at, first.len())? != 1 {
        return Err(Fault::new("a concatenation of channels, axis 1", format!("axis {at}")));
    }
    if names.len() == 1 {
        return view(network, node, |dims| Ok(dims.to_vec()));
    }
    let mut all: usize = 0;
    for name in &names {
        let map = network.map(name)?;
        let c = network.seen(map).c;
        let alike = map.dims.len() == first.len() && map.dims[2..] == first[2..];
        // Elements that were flattened are channels only where each has one.
        if !alike || map.dims[..2] != [1, c] {
            let expected = format!("channels of extent {:?}", &first[2..]);
            return Err(Fault::new(expected, format!("shape {:?}", map.dims)));
        }
        all += c;
    }
    let dims = [&[1, all], &first[2..]].concat();
    if let Some(map) = together(network, node, &names, dims.clone())? {
        return network.define(node.output()?, Value::Map(map));
    }
    let maps = names.iter().map(|name| network.settled(name)).collect::<Result<Vec<Map>, Fault>>()?;
    let added = network.add(node, Op::Concat, maps.iter().map(|map| map.node).collect())?;
    network.define(node.output()?, Value::Map(network.fresh(added, dims, node.output()?)))
}
