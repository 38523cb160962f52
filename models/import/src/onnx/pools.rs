//! Max pools.

use super::Fault;
use super::layout::axes;
use super::network::Network;
use super::node::Node;
use super::value::{Around, Map, Value};
use super::window::{Sliding, define, places, read, sliding};
use models::graph::{NodeId, Padding, Window};

pub(super) fn max_pool(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&["auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "storage_order", "strides"])?;
    node.int_is("storage_order", 0, "")?;
    if node.outputs().nth(1).is_some_and(|name| !name.is_empty()) {
        return Err(Fault::new("a max pool without indices", "a second output"));
    }
    let (map, around) = network.padded(node.input(0)?, Around::is_lowest)?;
    let shape = network.shape(map.node);
    let Sliding { own, outer } = sliding(node, None, shape, around)?;
    let rounded_up = node.int("ceil_mode")?.unwrap_or_default() != 0;
    let places = places(&Window { padding: own, ..outer }, read(shape, around), rounded_up)?;
    let added = network.add_max_pool(node, &map, &outer, places)?;
    define(network, node, added)
}

/// The largest of a map, over rows and columns together.
pub(super) fn largest(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&["axes", "keepdims", "noop_with_empty_axes"])?;
    let map = network.settled(node.input(0)?)?;
    let mut found = axes(network, node, map.dims.len())?.unwrap_or_default();
    found.sort_unstable();
    let s = network.shape(map.node);
    if found != [2, 3] || map.dims != [1, s.c, s.h, s.w] {
        let expected = "a maximum over rows and columns, axes 2 and 3";
        return Err(Fault::new(expected, format!("axes {found:?} of shape {:?}", map.dims)));
    }
    let added = whole(network, node, &map)?;
    let dims = if node.int("keepdims")?.unwrap_or(1) != 0 { vec![1, s.c, 1, 1] } else { vec![1, s.c] };
    network.define(node.output()?, Value::Map(network.fresh(added, dims, node.output()?)))
}

pub(super) fn global_max_pool(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&[])?;
    let map = network.settled(node.input(0)?)?;
    let s = network.shape(map.node);
    if map.dims != [1, s.c, s.h, s.w] {
        return Err(Fault::new("rows and columns of channels", format!("shape {:?}", map.dims)));
    }
    let added = whole(network, node, &map)?;
    define(network, node, added)
}

/// The largest of all rows and columns, channel by channel.
fn whole(network: &mut Network, node: &Node<'_>, map: &Map) -> Result<NodeId, Fault> {
    let s = network.shape(map.node);
    let window = Window { kernel: (s.h, s.w), stride: (s.h, s.w), padding: Padding::default() };
    network.add_max_pool(node, map, &window, (1, 1))
}
