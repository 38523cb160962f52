//! Channels by their indices: parts, splits and look-ups along the axes that number a value's channels, and these axes in another
//! order, as channel shuffles have them.
//!
//! A value's last axes are its rows and columns, however they are seen; those in front of them number its channels. What is done
//! along these is done with the numbers.

use super::Fault;
use super::array::{Array, Data, RANK_LIMIT, size};
use super::layout::{axis, dims, integers, view};
use super::network::Network;
use super::node::Node;
use super::value::{Map, Pending, Picked, Value};

/// A value whose channels are numbered along its first axes.
pub(super) struct Numbered {
    map: Map,
    picked: Picked,
    numbers: Array,
    /// The extents of rows and columns.
    within: Vec<usize>,
}

impl Numbered {
    /// The value `name`; what was picked before may still be pending.
    pub(super) fn of(network: &mut Network, name: &str) -> Result<Self, Fault> {
        let mut map = network.map(name)?.clone();
        let is_line = |pending: &Pending| match pending {
            Pending::Affine(_) => true,
            Pending::Picked(picked) => !(picked.from_file || picked.affine.changes_nothing()),
            _ => false,
        };
        // What is multiplied before parts of it are picked is multiplied once.
        if is_line(&map.pending) || Picked::all(&map.pending, 0).is_none() {
            map = network.settled(name)?;
        }
        let (node, shape) = (network.shape(map.node), network.seen(&map));
        network.keep(node.c.max(shape.c))?;
        let picked = Picked::all(&map.pending, node.c).expect("no more than picks and lines are pending");
        let ahead = (0..=map.dims.len()).rev().find(|ahead| size(&map.dims[*ahead..]) == Some(shape.area()));
        let (first, within) = map.dims.split_at(ahead.unwrap_or_default());
        if size(first) != Some(shape.c) {
            let expected = format!("{} channels in front of rows and columns", shape.c);
            return Err(Fault::new(expected, format!("shape {:?}", map.dims)));
        }
        let numbers = Array { dims: first.to_vec(), data: Data::Ints((0..shape.c as i64).collect()) };
        let within = within.to_vec();
        Ok(Self { map, picked, numbers, within })
    }

    /// How many axes number channels.
    pub(super) fn axes(&self) -> usize {
        self.numbers.dims.len()
    }

    /// The channels at these places of the axes that number them, as the value `output`.
    pub(super) fn part(
        &self,
        network: &Network,
        node: &Node<'_>,
        places: &[Vec<usize>],
        output: &str,
    ) -> Result<Map, Fault> {
        self.made(network, node.safe_name(), self.numbers.part(places), output)
    }

    /// The channels with these numbers, seen with their extents.
    fn made(&self, network: &Network, name: String, numbers: Array, output: &str) -> Result<Map, Fault> {
        let dims = [&*numbers.dims, &*self.within].concat();
        if dims.len() > RANK_LIMIT {
            return Err(Fault::new(format!("at most {RANK_LIMIT} axes"), dims.len().to_string()));
        }
        let places: Vec<usize> = numbers.as_ints()?.iter().map(|number| *number as usize).collect();
        let pending = self.picked.at(name, &places).pending(network.shape(self.map.node).c);
        Ok(network.derived(&self.map, dims, pending, output))
    }
}

/// All places of each axis, but for those of axis `at`.
fn along(extents: &[usize], at: usize, places: Vec<usize>) -> Vec<Vec<usize>> {
    let mut all: Vec<Vec<usize>> = extents.iter().map(|extent| (0..*extent).collect()).collect();
    all[at] = places;
    all
}

/// Elements of a constant vector; channels by their indices.
pub(super) fn gather(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&["axis"])?;
    let (name, output) = (node.input(0)?, node.output()?);
    let extents = dims(network, node)?;
    let at = axis(node.int("axis")?.unwrap_or_default(), extents.len())?;
    let indices = network.constant(node.input(1)?)?;
    let indices_dims = indices.dims.clone();
    let chosen = indices.as_ints()?.iter().map(|index| axis(*index, extents[at]));
    let chosen: Vec<usize> = chosen.collect::<Result<_, Fault>>()?;
    if let Value::Constant(array) = network.value(name)? {
        if array.dims.len() != 1 {
            return Err(Fault::new("a constant vector", format!("shape {:?}", array.dims)));
        }
        let part = Array { dims: indices_dims, ..array.part(&[chosen]) };
        return network.define(output, Value::Constant(part));
    }
    let all = Numbered::of(network, name)?;
    check_axis(&all, at)?;
    network.has_room(chosen.len().saturating_mul(all.numbers.len() / extents[at]))?;
    let mut part = all.numbers.part(&along(&all.numbers.dims, at, chosen));
    part.dims.splice(at..=at, indices_dims);
    let map = all.made(network, node.safe_name(), part, output)?;
    network.define(output, Value::Map(map))
}

/// Channels in parts, one behind the other; parts of a constant.
pub(super) fn split(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&["axis", "num_outputs", "split"])?;
    let name = node.input(0)?;
    let extents = dims(network, node)?;
    let at = axis(node.int("axis")?.unwrap_or_default(), extents.len())?;
    let sizes = sizes(network, node, extents[at])?;
    let starts = sizes.iter().scan(0, |end, size| {
        *end += size;
        Some(*end - size)
    });
    let parts = starts.zip(&sizes).map(|(start, size)| (start..start + size).collect());
    let parts = parts.zip(node.outputs()).enumerate().filter(|(_, (_, output))| !output.is_empty());
    if let Value::Constant(array) = network.value(name)? {
        // Of an array with elements no axis is longer than their number.
        if array.len() == 0 {
            return Err(Fault::new("a split of a constant with elements", format!("shape {extents:?}")));
        }
        let array = array.clone();
        for (_, (part, output)) in parts {
            network.define(output, Value::Constant(array.part(&along(&extents, at, part))))?;
        }
        return Ok(());
    }
    let mut all = Numbered::of(network, name)?;
    check_axis(&all, at)?;
    // All parts read the node.
    all.map.sole &= sizes.len() == 1;
    for (number, (part, output)) in parts {
        let part = all.numbers.part(&along(&all.numbers.dims, at, part));
        let map = all.made(network, format!("{}.{number}", node.safe_name()), part, output)?;
        network.define(output, Value::Map(map))?;
    }
    Ok(())
}

/// The sizes of a Split's parts of an axis of `extent`: those that are given, or as many equal ones as there are outputs, of which
/// the last may be smaller since version 18.
fn sizes(network: &Network, node: &Node<'_>, extent: usize) -> Result<Vec<usize>, Fault> {
    let outputs = node.outputs().count();
    if let Some(count) = node.int("num_outputs")?.filter(|count| usize::try_from(*count) != Ok(outputs)) {
        return Err(Fault::new(format!("num_outputs {outputs}, as there are outputs"), count.to_string()));
    }
    let given = integers(network, node, "split", 1)?;
    let found = match &given {
        Some(given) => given.iter().map(|size| usize::try_from(*size).ok()).collect(),
        None => {
            let size = extent.div_ceil(outputs.max(1)).max(1);
            let equal: Vec<usize> = (0..extent).step_by(size).map(|start| size.min(extent - start)).collect();
            let fits = node.opset >= 18 || extent.is_multiple_of(size);
            fits.then_some(equal)
        }
    };
    let whole = |sizes: &Vec<usize>| {
        let all = sizes.iter().try_fold(0, |sum: usize, size| sum.checked_add(*size));
        sizes.len() == outputs && all == Some(extent)
    };
    found.filter(whole).ok_or_else(|| {
        let expected = format!("sizes of {outputs} parts that make up {extent} places");
        Fault::new(expected, given.map_or_else(|| "none given".to_owned(), |given| format!("{given:?}")))
    })
}

/// Errors unless axis `at` numbers channels.
fn check_axis(all: &Numbered, at: usize) -> Result<(), Fault> {
    if at < all.axes() {
        return Ok(());
    }
    let expected = "channels by their indices, along an axis in front of rows and columns";
    Err(Fault::new(expected, format!("axis {at} of shape {:?}", all.map.dims)))
}

/// A constant with its axes in another order.
pub(super) fn transpose(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&["perm"])?;
    let rank = dims(network, node)?.len();
    let order = match node.ints("perm")? {
        None => (0..rank).rev().collect(),
        Some(order) => order.iter().map(|at| axis(*at, rank)).collect::<Result<Vec<usize>, Fault>>()?,
    };
    if order.len() != rank || (0..rank).any(|axis| !order.contains(&axis)) {
        return Err(Fault::new(format!("every one of {rank} axes once"), format!("{order:?}")));
    }
    match network.value(node.input(0)?)? {
        Value::Constant(array) => {
            let array = array.permuted(&order);
            network.define(node.output()?, Value::Constant(array))
        }
        Value::Map(_) => turned(network, node, &order),
    }
}

/// A value of the image with its axes in another order: to channels last and back, where channels change places, or where no
/// element moves.
fn turned(network: &mut Network, node: &Node<'_>, order: &[usize]) -> Result<(), Fault> {
    let (name, output) = (node.input(0)?, node.output()?);
    let map = network.map(name)?.clone();
    let long: Vec<usize> = order.iter().copied().filter(|axis| map.dims[*axis] > 1).collect();
    let dims: Vec<usize> = order.iter().map(|axis| map.dims[*axis]).collect();
    if let (Pending::ChannelsLast(image), [0, 3, 1, 2], 4) = (&map.pending, order, map.dims.len()) {
        let pending = image.clone().map_or(Pending::Nothing, Pending::Image);
        let map = network.derived(&map, dims, pending, output);
        return network.define(output, Value::Map(map));
    }
    if long.is_sorted() {
        return view(network, node, |_| Ok(dims));
    }
    if order == [0, 2, 3, 1] {
        let map = network.settled(name)?;
        let s = network.shape(map.node);
        if map.dims == [1, s.c, s.h, s.w] {
            let map = network.derived(&map, dims, Pending::ChannelsLast(None), output);
            return network.define(output, Value::Map(map));
        }
    }
    if let Some(map) = shuffled(network, node, order)? {
        return network.define(output, Value::Map(map));
    }
    let expected = "an order that keeps rows and columns last, or (0, 2, 3, 1), to channels last, or (0, 3, 1, 2), back (with \
                    tf2onnx: --inputs-as-nchw)";
    Err(Fault::new(expected, format!("{order:?} of shape {:?}", map.dims)))
}

/// A value with its axes in another `order`, where those of rows and columns stay; `None` where they do not.
pub(super) fn shuffled(
    network: &mut Network,
    node: &Node<'_>,
    order: &[usize],
) -> Result<Option<Map>, Fault> {
    let all = Numbered::of(network, node.input(0)?)?;
    let (first, within) = order.split_at(all.axes());
    if !within.is_sorted() || within.first().is_some_and(|axis| *axis != all.axes()) {
        return Ok(None);
    }
    all.made(network, node.safe_name(), all.numbers.permuted(first), node.output()?).map(Some)
}

/// Picks of one value side by side as one pick of it, seen with extents `dims`; `None` where they are of several, or are none.
pub(super) fn together(
    network: &Network,
    node: &Node<'_>,
    names: &[&str],
    dims: Vec<usize>,
) -> Result<Option<Map>, Fault> {
    let maps = names.iter().map(|name| network.map(name)).collect::<Result<Vec<&Map>, Fault>>()?;
    let first = maps[0];
    let count = network.shape(first.node).c;
    if !maps.iter().any(|map| matches!(map.pending, Pending::Picked(_))) {
        return Ok(None);
    }
    let parts: Option<Vec<Picked>> =
        maps.iter().map(|map| Picked::all(&map.pending, count).filter(|_| map.node == first.node)).collect();
    let Some(picked) = parts.and_then(|parts| Picked::joined(node.safe_name(), parts)) else {
        return Ok(None);
    };
    let map = network.derived(first, dims, picked.pending(count), node.output()?);
    Ok(Some(Map { sole: false, ..map }))
}
