//! Pad: channels of zeros, as in the parameter-free shortcut of CIFAR's ResNets, and a number, or the edge, around rows and columns.

use super::Fault;
use super::layout::{axis, integers, view};
use super::network::Network;
use super::node::Node;
use super::shortcut::rows_and_columns;
use super::value::{Around, Pending, Value};
use super::window::define;
use models::graph::{Op, Padding, Picks};

/// Most channels, rows or columns that a Pad may add on one side.
const PAD_LIMIT: i64 = 1 << 12;

/// Adds channels, rows or columns around a value; rows and columns of zeros become part of the window that follows.
pub(super) fn pad(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&["mode", "pads", "value"])?;
    let mode = node.text("mode")?.unwrap_or_else(|| "constant".to_owned());
    if !["constant", "edge"].contains(&mode.as_str()) {
        return Err(Fault::new("mode constant or edge", mode));
    }
    let value = match node.optional_input(2) {
        Some(name) => network.constant(name)?.as_number()?,
        None => node.float("value")?.unwrap_or_default(),
    };
    let pads = pads(network, node)?;
    match pads[..] {
        _ if pads.iter().all(|pad| *pad == (0, 0)) => view(network, node, |dims| Ok(dims.to_vec())),
        [(0, 0), (0, 0), (top, bottom), (left, right)] => {
            let padding = Padding { top, bottom, left, right };
            if mode == "edge" { edge(network, node, padding) } else { around(network, node, padding, value) }
        }
        [(0, 0), (before, after), (0, 0), (0, 0)] if mode == "constant" && value == 0.0 => {
            channels(network, node, before, after)
        }
        _ => {
            let expected = "channels of zeros, or one number or the edge around rows and columns";
            Err(Fault::new(expected, format!("pads {pads:?}, mode {mode}, value {value}")))
        }
    }
}

/// What is added before and behind along every axis.
fn pads(network: &Network, node: &Node<'_>) -> Result<Vec<(usize, usize)>, Fault> {
    let rank = network.map(node.input(0)?)?.dims.len();
    let given = integers(network, node, "pads", 1)?.ok_or_else(|| Fault::new("pads", "none"))?;
    let axes = integers(network, node, "axes", 3)?.unwrap_or_else(|| (0..).take(rank).collect());
    if given.len() != 2 * axes.len() || given.iter().any(|pad| !(0..=PAD_LIMIT).contains(pad)) {
        let expected = format!("two pads of 0 to {PAD_LIMIT} for each of {} axes", axes.len());
        return Err(Fault::new(expected, format!("{given:?}")));
    }
    let mut pads = vec![(0, 0); rank];
    for (i, at) in axes.iter().enumerate() {
        pads[axis(*at, rank)?] = (given[i] as usize, given[axes.len() + i] as usize);
    }
    Ok(pads)
}

/// Channels of zeros, after steps if there are any.
fn channels(network: &mut Network, node: &Node<'_>, before: usize, after: usize) -> Result<(), Fault> {
    let (name, output) = (node.input(0)?, node.output()?);
    let mut map = network.map(name)?.clone();
    let stride = match map.pending {
        Pending::Steps(_, (rows, columns)) if rows == columns => rows,
        _ => {
            map = network.settled(name)?;
            rows_and_columns(network, &map)?;
            1
        }
    };
    let added = network.add(node, Op::PadChannels { stride, before, after }, vec![map.node])?;
    let s = network.shape(added);
    let map = network.fresh(added, vec![1, s.c, s.h, s.w], output);
    network.define(output, Value::Map(map))
}

/// One number, for the window that follows or by itself.
fn around(network: &mut Network, node: &Node<'_>, padding: Padding, value: f32) -> Result<(), Fault> {
    let around = Around { padding, value };
    if !(value.is_finite() || around.is_lowest()) {
        return Err(Fault::new("a number, or the lowest in front of a MaxPool", value.to_string()));
    }
    let map = network.settled(node.input(0)?)?;
    rows_and_columns(network, &map)?;
    let mut dims = map.dims.clone();
    dims[2] += padding.top + padding.bottom;
    dims[3] += padding.left + padding.right;
    let output = node.output()?;
    let map = network.derived(&map, dims, Pending::Padded(node.safe_name(), around), output);
    network.define(output, Value::Map(map))
}

/// The rows and columns at the edges once more.
fn edge(network: &mut Network, node: &Node<'_>, padding: Padding) -> Result<(), Fault> {
    let map = network.settled(node.input(0)?)?;
    rows_and_columns(network, &map)?;
    let s = network.shape(map.node);
    let beyond = |before: usize, size: usize, after: usize| Picks {
        start: -(before as isize),
        ..Picks::repeated(before + size + after, 1)
    };
    let rows = beyond(padding.top, s.h, padding.bottom);
    let columns = beyond(padding.left, s.w, padding.right);
    let added = network.add(node, Op::Slice { rows, columns }, vec![map.node])?;
    define(network, node, added)
}
