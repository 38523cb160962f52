//! Views of a value, its elements in the same order, and the arithmetic of shapes.

use super::Fault;
use super::array::{Array, Data, RANK_LIMIT, size};
use super::network::Network;
use super::node::Node;
use super::proto::data_type;
use super::value::{Map, Pending, Value};

pub(super) fn flatten(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&["axis"])?;
    let at = node.int("axis")?.unwrap_or(1);
    view(network, node, |dims| {
        let at = if at == dims.len() as i64 { dims.len() } else { axis(at, dims.len())? };
        Ok(vec![dims[..at].iter().product(), dims[at..].iter().product()])
    })
}

pub(super) fn reshape(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&["allowzero"])?;
    let target = network.constant(node.input(1)?)?.as_ints()?.to_vec();
    // Without zeros, it makes no difference.
    if target.contains(&0) {
        node.int_is("allowzero", 0, " with an extent of 0")?;
    }
    view(network, node, |dims| reshaped(dims, &target))
}

pub(super) fn squeeze(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&["axes"])?;
    let rank = dims(network, node)?.len();
    let axes = axes(network, node, rank)?;
    view(network, node, |dims| {
        let dropped = |i: usize| axes.as_ref().map_or(dims[i] == 1, |axes| axes.contains(&i));
        if let Some(i) = (0..rank).find(|i| dropped(*i) && dims[*i] != 1) {
            return Err(Fault::new("axes of extent 1", format!("axis {i} of shape {dims:?}")));
        }
        Ok((0..rank).filter(|i| !dropped(*i)).map(|i| dims[i]).collect())
    })
}

pub(super) fn unsqueeze(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&["axes"])?;
    let rank = dims(network, node)?.len();
    let added = requested_axes(network, node)?.ok_or_else(|| Fault::new("axes", "none"))?;
    let rank = rank + added.len();
    if rank > RANK_LIMIT {
        return Err(Fault::new(format!("at most {RANK_LIMIT} axes"), rank.to_string()));
    }
    let added = added.into_iter().map(|i| axis(i, rank)).collect::<Result<Vec<usize>, Fault>>()?;
    view(network, node, |dims| {
        let mut old = dims.iter();
        let dims = (0..rank).map(|i| if added.contains(&i) { Some(1) } else { old.next().copied() });
        dims.collect::<Option<_>>()
            .ok_or_else(|| Fault::new("axes of different numbers", format!("{added:?}")))
    })
}

/// The extents of the first input, constant or not.
pub(super) fn dims(network: &Network, node: &Node<'_>) -> Result<Vec<usize>, Fault> {
    let name = node.input(0)?;
    Ok(match network.value(name)? {
        Value::Constant(array) => array.dims.clone(),
        Value::Map(_) => network.map(name)?.dims.clone(),
    })
}

/// The first input with other extents, its elements in the same order.
pub(super) fn view(
    network: &mut Network,
    node: &Node<'_>,
    seen: impl FnOnce(&[usize]) -> Result<Vec<usize>, Fault>,
) -> Result<(), Fault> {
    let (name, output) = (node.input(0)?, node.output()?);
    let value = match network.value(name)? {
        Value::Constant(array) => {
            Value::Constant(Array { dims: seen(&array.dims)?, data: array.data.clone() })
        }
        Value::Map(_) => {
            if let Map { pending: Pending::ChannelsLast(_), .. } = network.map(name)? {
                return flattened_last(network, node, seen);
            }
            let map = match network.map(name)? {
                picked @ Map { pending: Pending::Picked(_), .. } => picked.clone(),
                _ => network.settled(name)?,
            };
            let dims = seen(&map.dims)?;
            Value::Map(network.derived(&map, dims, map.pending.clone(), output))
        }
    };
    network.define(output, value)
}

/// A view of a value whose channels are last: all of it, as it is or flattened.
fn flattened_last(
    network: &mut Network,
    node: &Node<'_>,
    seen: impl FnOnce(&[usize]) -> Result<Vec<usize>, Fault>,
) -> Result<(), Fault> {
    let (map, output) = (network.map(node.input(0)?)?.clone(), node.output()?);
    let (dims, all) = (seen(&map.dims)?, map.dims.iter().product());
    if dims != map.dims && dims != [1, all] {
        let expected = format!("all elements of a value whose channels are last, as shape {:?}", [1, all]);
        return Err(Fault::new(expected, format!("{dims:?}")));
    }
    let map = network.derived(&map, dims, map.pending.clone(), output);
    network.define(output, Value::Map(map))
}

/// Extents of a Reshape to `target`, where 0 keeps an extent and -1 is what remains.
fn reshaped(dims: &[usize], target: &[i64]) -> Result<Vec<usize>, Fault> {
    let fault = || Fault::new(format!("a shape for {dims:?}"), format!("{target:?}"));
    if target.len() > RANK_LIMIT {
        return Err(Fault::new(format!("at most {RANK_LIMIT} axes"), target.len().to_string()));
    }
    let all = size(dims).ok_or_else(fault)?;
    let known = |(i, extent): (usize, &i64)| match extent {
        0 => dims.get(i).copied().ok_or_else(fault),
        -1 => Ok(1),
        extent => usize::try_from(*extent).map_err(|_| fault()),
    };
    let mut shape = target.iter().enumerate().map(known).collect::<Result<Vec<usize>, Fault>>()?;
    let product = size(&shape).ok_or_else(fault)?;
    let mut unknown = (0..target.len()).filter(|i| target[*i] == -1);
    match (unknown.next(), unknown.next()) {
        (None, _) if product == all => Ok(shape),
        (Some(i), None) if product > 0 && all.is_multiple_of(product) => {
            shape[i] = all / product;
            Ok(shape)
        }
        _ => Err(fault()),
    }
}

/// The extents of a value, or some of them, as a constant.
pub(super) fn shape(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&["start", "end"])?;
    let extents: Vec<i64> = dims(network, node)?.into_iter().map(|extent| extent as i64).collect();
    let rank = extents.len() as i64;
    let place = |name: &str, usual: i64| {
        let at = node.int(name)?.unwrap_or(usual);
        Ok((if at < 0 { at.saturating_add(rank) } else { at }).clamp(0, rank) as usize)
    };
    let (start, end): (usize, usize) = (place("start", 0)?, place("end", rank)?);
    let extents = extents.get(start..end).unwrap_or_default().to_vec();
    network.define(node.output()?, Value::Constant(Array::ints(extents)))
}

/// A constant of equal elements.
pub(super) fn constant_of_shape(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&["value"])?;
    let shape = network.constant(node.input(0)?)?.as_ints()?;
    let dims: Option<Vec<usize>> = shape.iter().map(|extent| usize::try_from(*extent).ok()).collect();
    let known =
        dims.filter(|dims| dims.len() <= RANK_LIMIT).and_then(|dims| size(&dims).map(|size| (dims, size)));
    let (dims, size) = known.ok_or_else(|| {
        let some: Vec<&i64> = shape.iter().take(8).collect();
        Fault::new(format!("at most {RANK_LIMIT} extents that are not negative"), format!("{some:?}"))
    })?;
    network.has_room(size)?;
    let value = node.tensor("value")?.map_or_else(|| Ok(Array::float(0.0)), Array::read)?;
    let data = match &value.data {
        Data::Floats(values) if values.len() == 1 => Data::Floats(vec![values[0]; size]),
        Data::Ints(values) if values.len() == 1 => Data::Ints(vec![values[0]; size]),
        Data::Floats(_) | Data::Ints(_) => {
            return Err(Fault::new("a value of one element", format!("shape {:?}", value.dims)));
        }
    };
    network.define(node.output()?, Value::Constant(Array { dims, data }))
}

/// Constants become of the other type; a value of the image is in floating point already.
pub(super) fn cast(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&["to", "saturate", "round_mode"])?;
    let to = node.int("to")?.unwrap_or_default();
    let (name, output) = (node.input(0)?, node.output()?);
    let is = |types: &[i32]| types.iter().any(|kind| i64::from(*kind) == to);
    let integers = is(&[data_type::INT64, data_type::INT32]);
    let converted = match network.value(name)? {
        Value::Constant(Array { dims, data }) => {
            let data = match data {
                Data::Floats(values) if integers => Data::Ints(values.iter().map(|x| *x as i64).collect()),
                Data::Ints(values) if is(&[data_type::FLOAT, data_type::DOUBLE]) => {
                    Data::Floats(values.iter().map(|x| *x as f32).collect())
                }
                same => same.clone(),
            };
            let fits = match data {
                Data::Floats(_) => is(&[data_type::FLOAT, data_type::DOUBLE]),
                Data::Ints(_) => integers,
            };
            fits.then(|| Array { dims: dims.clone(), data })
        }
        Value::Map(_) => None,
    };
    if let (Some(array), true) = (converted, output != name) {
        return network.define(output, Value::Constant(array));
    }
    let is_constant = matches!(network.value(name)?, Value::Constant(_));
    if is_constant || !is(&[data_type::FLOAT]) || output == name {
        return Err(Fault::new("a cast that changes no value", format!("ONNX's data type {to}")));
    }
    view(network, node, |dims| Ok(dims.to_vec()))
}

/// The axis that a number, possibly counted from the end, means.
pub(super) fn axis(number: i64, rank: usize) -> Result<usize, Fault> {
    let counted = if number < 0 { number.saturating_add(rank as i64) } else { number };
    let good = usize::try_from(counted).ok().filter(|axis| *axis < rank);
    good.ok_or_else(|| Fault::new(format!("an index among {rank}"), number.to_string()))
}

/// The axes of a node, as attribute or second input.
pub(super) fn axes(network: &Network, node: &Node<'_>, rank: usize) -> Result<Option<Vec<usize>>, Fault> {
    let requested = requested_axes(network, node)?;
    requested.map(|axes| axes.into_iter().map(|i| axis(i, rank)).collect()).transpose()
}

fn requested_axes(network: &Network, node: &Node<'_>) -> Result<Option<Vec<i64>>, Fault> {
    integers(network, node, "axes", 1)
}

/// Integers that older files hold as an attribute and newer ones as input `index`.
pub(super) fn integers(
    network: &Network,
    node: &Node<'_>,
    name: &str,
    index: usize,
) -> Result<Option<Vec<i64>>, Fault> {
    let found = match node.optional_input(index) {
        Some(input) => Some(network.constant(input)?.as_ints()?),
        None => node.ints(name)?,
    };
    match found {
        Some(many) if many.len() > 2 * RANK_LIMIT => {
            Err(Fault::new(format!("at most {} numbers as {name}", 2 * RANK_LIMIT), many.len().to_string()))
        }
        found => Ok(found.map(<[i64]>::to_vec)),
    }
}
