//! Slice and Pad: the parameter-free shortcut of CIFAR's ResNets, and zeros in front of a window.

use super::Fault;
use super::array::{Array, Data};
use super::layout::{axis, dims, integers, view};
use super::network::Network;
use super::node::Node;
use super::value::{Map, Pending, Value};
use models::graph::{Op, Padding};

/// Most zero channels, rows or columns that a Pad may add on one side.
const PAD_LIMIT: i64 = 1 << 12;

/// Every so many rows and columns; of a constant vector, a part.
pub(super) fn slice(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&["starts", "ends", "axes"])?;
    let dims = dims(network, node)?;
    let required = |found: Option<Vec<i64>>, what: &str| found.ok_or_else(|| Fault::new(what, "none"));
    let starts = required(integers(network, node, "starts", 1)?, "starts")?;
    let ends = required(integers(network, node, "ends", 2)?, "ends")?;
    let axes =
        integers(network, node, "axes", 3)?.unwrap_or_else(|| (0..).take(starts.len()).collect::<Vec<i64>>());
    let steps = integers(network, node, "steps", 4)?.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return Err(Fault::new("as many starts as ends, axes and steps", "other numbers of them"));
    }
    let mut ranges: Vec<(usize, usize, usize)> = dims.iter().map(|extent| (0, *extent, 1)).collect();
    for (i, at) in axes.iter().enumerate() {
        let at = axis(*at, dims.len())?;
        let step = usize::try_from(steps[i]).ok().filter(|step| *step > 0);
        let step = step.ok_or_else(|| Fault::new("positive steps", steps[i].to_string()))?;
        // A step over everything meets the first only, however far it goes.
        let step = step.min(dims[at].max(1));
        let extent = dims[at] as i64;
        let clamped = |x: i64| (if x < 0 { x.saturating_add(extent) } else { x }).clamp(0, extent) as usize;
        ranges[at] = (clamped(starts[i]), clamped(ends[i]), step);
    }
    let (name, output) = (node.input(0)?, node.output()?);
    if let Value::Constant(array) = network.value(name)? {
        let [(start, end, step)] = ranges[..] else {
            return Err(Fault::new("a constant vector", format!("shape {dims:?}")));
        };
        let part = (start..end).step_by(step);
        let array = match &array.data {
            Data::Floats(values) => Array::floats(part.map(|i| values[i]).collect()),
            Data::Ints(values) => Array::ints(part.map(|i| values[i]).collect()),
        };
        return network.define(output, Value::Constant(array));
    }

    // From the first on, and on to the last that the step meets.
    let subsampled = |(extent, (start, end, step)): (&usize, &(usize, usize, usize))| {
        *start == 0 && end.div_ceil(*step) == extent.div_ceil(*step)
    };
    let whole = |axis: usize| ranges.get(axis).is_none_or(|range| *range == (0, dims[axis], 1));
    let good = dims.iter().zip(&ranges).all(subsampled) && whole(0) && whole(1);
    if !good || (dims.len() != 4 && !(2..dims.len()).all(whole)) {
        let expected = "every so many rows and columns from the first on (no crops, no splits of channels)";
        return Err(Fault::new(expected, format!("(start, end, step) {ranges:?} of shape {dims:?}")));
    }
    if (0..dims.len()).all(whole) {
        return view(network, node, |dims| Ok(dims.to_vec()));
    }
    let mut map = network.map(name)?.clone();
    let before = match map.pending {
        Pending::Steps(_, steps) => steps,
        Pending::Nothing | Pending::Affine(_) | Pending::Zeros(_) => {
            map = network.settled(name)?;
            rows_and_columns(network, &map)?;
            (1, 1)
        }
    };
    let pending = Pending::Steps(node.safe_name(), (before.0 * ranges[2].2, before.1 * ranges[3].2));
    let dims = dims.iter().zip(&ranges).map(|(extent, (_, _, step))| extent.div_ceil(*step)).collect();
    let map = network.derived(&map, dims, pending, output);
    network.define(output, Value::Map(map))
}

/// Zero channels around, after steps if there are any; or zero rows and columns, for the window that follows.
pub(super) fn pad(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&["mode", "pads", "value"])?;
    if let Some(other) = node.text("mode")?.filter(|mode| mode != "constant") {
        return Err(Fault::new("mode constant", other));
    }
    let value = match node.optional_input(2) {
        Some(name) => network.constant(name)?.as_number()?,
        None => node.float("value")?.unwrap_or_default(),
    };
    if value != 0.0 {
        return Err(Fault::new("a padding of zeros", value.to_string()));
    }
    let (name, output) = (node.input(0)?, node.output()?);
    let mut map = network.map(name)?.clone();
    let given = integers(network, node, "pads", 1)?.ok_or_else(|| Fault::new("pads", "none"))?;
    let axes = integers(network, node, "axes", 3)?.unwrap_or_else(|| (0..).take(map.dims.len()).collect());
    if given.len() != 2 * axes.len() || given.iter().any(|pad| !(0..=PAD_LIMIT).contains(pad)) {
        let expected = format!("two pads of 0 to {PAD_LIMIT} for each of {} axes", axes.len());
        return Err(Fault::new(expected, format!("{given:?}")));
    }
    let mut pads = vec![(0, 0); map.dims.len()];
    for (i, at) in axes.iter().enumerate() {
        pads[axis(*at, map.dims.len())?] = (given[i] as usize, given[axes.len() + i] as usize);
    }

    match pads[..] {
        _ if pads.iter().all(|pad| *pad == (0, 0)) => view(network, node, |dims| Ok(dims.to_vec())),
        [(0, 0), (before, after), (0, 0), (0, 0)] => {
            let stride = match map.pending {
                Pending::Steps(_, (rows, columns)) if rows == columns => rows,
                Pending::Nothing | Pending::Affine(_) | Pending::Steps(..) | Pending::Zeros(_) => {
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
        [(0, 0), (0, 0), (top, bottom), (left, right)] => {
            map = network.settled(name)?;
            rows_and_columns(network, &map)?;
            let zeros = Padding { top, bottom, left, right };
            let mut dims = map.dims.clone();
            dims[2] += top + bottom;
            dims[3] += left + right;
            let map = network.derived(&map, dims, Pending::Zeros(zeros), output);
            network.define(output, Value::Map(map))
        }
        _ => Err(Fault::new("zeros around channels, or around rows and columns", format!("pads {given:?}"))),
    }
}

/// Errors unless a map is seen as what its node makes.
fn rows_and_columns(network: &Network, map: &Map) -> Result<(), Fault> {
    let s = network.shape(map.node);
    if map.dims == [1, s.c, s.h, s.w] {
        return Ok(());
    }
    Err(Fault::new(format!("an input of shape {:?}", [1, s.c, s.h, s.w]), format!("{:?}", map.dims)))
}
