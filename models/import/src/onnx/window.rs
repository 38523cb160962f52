//! Convolutions and averages: what slides a window over rows and columns.

use super::Fault;
use super::array::Array;
use super::layout::axes;
use super::network::Network;
use super::node::Node;
use super::value::Value;
use models::graph::{Op, Padding, Shape, Window};

/// Largest padding and stride.
const EXTENT_LIMIT: i64 = 1 << 12;

pub(super) fn convolution(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&["auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"])?;
    let (input, zeros) = network.among_zeros(node.input(0)?)?;
    let weight = network.constant(node.input(1)?)?;
    let shape = network.shape(input);
    let &[out, channels, rows, columns] = &weight.dims[..] else {
        let expected = "weights of shape (out, in, rows, columns)";
        return Err(Fault::new(expected, format!("{:?}", weight.dims)));
    };
    let groups = node.int("group")?.unwrap_or(1);
    let sound = usize::try_from(groups).ok().filter(|groups| *groups > 0 && out.is_multiple_of(*groups));
    let groups = sound.ok_or_else(|| Fault::new(format!("groups that divide {out}"), groups.to_string()))?;
    if channels.checked_mul(groups) != Some(shape.c) || out == 0 {
        let expected = format!("weights for {} input channels in {groups} groups", shape.c);
        return Err(Fault::new(expected, format!("shape {:?}", weight.dims)));
    }
    let dilations = pair(node, "dilations")?.unwrap_or((1, 1));
    let taps = (rows, columns);
    let (rows, columns) = (dilated(rows, dilations.0)?, dilated(columns, dilations.1)?);
    network.has_room(out.saturating_mul(channels).saturating_mul(rows * columns))?;
    let weight = spread(weight, dilations, (rows, columns))?;
    let bias = match node.optional_input(2) {
        None => None,
        Some(name) => Some(vector(network, name, out)?),
    };
    let window = sliding(node, Some((taps, (rows, columns))), shape, zeros)?.outer;
    let op = Op::Conv { out, window, bias: bias.is_some(), groups };
    let added = network.add(node, op, vec![input])?;
    network.parameter(added, "weight", vec![out, channels, rows, columns], weight)?;
    if let Some(bias) = bias {
        network.parameter(added, "bias", vec![out], bias)?;
    }
    define(network, node, added)
}

/// How far `taps` reach, so many places apart.
fn dilated(taps: usize, dilation: usize) -> Result<usize, Fault> {
    let reach = taps.saturating_sub(1).saturating_mul(dilation).saturating_add(taps.min(1));
    if dilation == 0 || reach > EXTENT_LIMIT as usize {
        let expected = format!("dilations of at least 1 that reach over at most {EXTENT_LIMIT}");
        return Err(Fault::new(expected, dilation.to_string()));
    }
    Ok(reach)
}

/// Weights with zeros between their taps: what dilations mean.
fn spread(weight: &Array, dilations: (usize, usize), reach: (usize, usize)) -> Result<Vec<f32>, Fault> {
    let values = weight.as_floats()?;
    if dilations == (1, 1) || values.is_empty() {
        return Ok(values.to_vec());
    }
    let (rows, columns) = (weight.dims[2], weight.dims[3]);
    let mut spread = vec![0.0; values.len() / (rows * columns) * reach.0 * reach.1];
    for (i, value) in values.iter().enumerate() {
        let (plane, row, column) = (i / (rows * columns), i / columns % rows, i % columns);
        spread[(plane * reach.0 + row * dilations.0) * reach.1 + column * dilations.1] = *value;
    }
    Ok(spread)
}

pub(super) fn average_pool(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    let known =
        ["auto_pad", "ceil_mode", "count_include_pad", "dilations", "kernel_shape", "pads", "strides"];
    node.knows(&known)?;
    let (input, zeros) = network.among_zeros(node.input(0)?)?;
    let shape = network.shape(input);
    let Sliding { own, mut outer } = sliding(node, None, shape, zeros)?;
    let rounded_up = node.int("ceil_mode")?.unwrap_or_default() != 0;
    let (rows, columns) = places(&Window { padding: own, ..outer }, read(shape, zeros), rounded_up)?;
    // How far the last places of all reach beyond what is padded; that counts never.
    let padded = outer.padded(shape).expect("padding is small");
    let beyond = |places: usize, stride: usize, kernel: usize, extent: usize| {
        ((places - 1) * stride + kernel).saturating_sub(extent)
    };
    let below = beyond(rows, outer.stride.0, outer.kernel.0, padded.h);
    let behind = beyond(columns, outer.stride.1, outer.kernel.1, padded.w);
    let counted = node.int("count_include_pad")?.unwrap_or_default() != 0;
    let Padding { top, bottom, left, right } = if counted { Padding::default() } else { own };
    let uncounted = Padding { top, bottom: bottom + below, left, right: right + behind };
    outer.padding.bottom += below;
    outer.padding.right += behind;
    let added = network.add(node, Op::AvgPool { window: outer, uncounted }, vec![input])?;
    define(network, node, added)
}

pub(super) fn global_average_pool(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&[])?;
    let (input, zeros) = network.among_zeros(node.input(0)?)?;
    let added = whole(network, node, input, zeros)?;
    define(network, node, added)
}

/// A mean over rows and columns, together or one after the other.
pub(super) fn mean(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&["axes", "keepdims", "noop_with_empty_axes"])?;
    let map = network.settled(node.input(0)?)?;
    let mut found = axes(network, node, map.dims.len())?.unwrap_or_default();
    found.sort_unstable();
    let s = network.shape(map.node);
    let rest: Vec<usize> = (2..map.dims.len()).collect();
    let seen_whole = map.dims == [1, s.c, s.h, s.w];
    let kernel = match found[..] {
        _ if map.dims.len() > 2 && map.dims[..2] == [1, s.c] && found == rest => (s.h, s.w),
        [2] if seen_whole => (s.h, 1),
        [3] if seen_whole => (1, s.w),
        _ => {
            let expected = "a mean over rows and columns, axes 2 and 3";
            return Err(Fault::new(expected, format!("axes {found:?} of shape {:?}", map.dims)));
        }
    };
    let window = Window { kernel, stride: kernel, padding: Padding::default() };
    let added = network.add(node, Op::average(window), vec![map.node])?;
    let kept = node.int("keepdims")?.unwrap_or(1) != 0;
    let extent = |axis: usize| if found.contains(&axis) { kept.then_some(1) } else { Some(map.dims[axis]) };
    let dims = (0..map.dims.len()).filter_map(extent).collect();
    network.define(node.output()?, Value::Map(network.fresh(added, dims, node.output()?)))
}

/// An average over the whole map and the zeros around it.
fn whole(network: &mut Network, node: &Node<'_>, input: usize, padding: Padding) -> Result<usize, Fault> {
    let s = network.shape(input);
    let kernel = (s.h + padding.top + padding.bottom, s.w + padding.left + padding.right);
    network.add(node, Op::average(Window { kernel, stride: kernel, padding }), vec![input])
}

/// Names the output of node `added`.
pub(super) fn define(network: &mut Network, node: &Node<'_>, added: usize) -> Result<(), Fault> {
    let s = network.shape(added);
    let dims = vec![1, s.c, s.h, s.w];
    network.define(node.output()?, Value::Map(network.fresh(added, dims, node.output()?)))
}

/// A constant of `length` numbers in one axis.
pub(super) fn vector(network: &Network, name: &str, length: usize) -> Result<Vec<f32>, Fault> {
    let array = network.constant(name)?;
    if array.dims != [length] {
        return Err(Fault::new(format!("a constant of {length} numbers"), format!("shape {:?}", array.dims)));
    }
    Ok(array.as_floats()?.to_vec())
}

/// The window of a node: its own padding, and the window with that of a Pad before it added.
pub(super) struct Sliding {
    pub(super) own: Padding,
    pub(super) outer: Window,
}

/// Reads kernel, strides and padding, and of pools that their dilations are 1; of weights, their taps and what these reach over are
/// known.
pub(super) fn sliding(
    node: &Node<'_>,
    weights: Option<((usize, usize), (usize, usize))>,
    input: Shape,
    around: Padding,
) -> Result<Sliding, Fault> {
    let kernel = match (pair(node, "kernel_shape")?, weights) {
        (Some(given), Some((taps, _))) if given != taps => {
            return Err(Fault::new(format!("kernel_shape {taps:?}, as the weights"), format!("{given:?}")));
        }
        (_, Some((_, reach))) => reach,
        (Some(kernel), None) => kernel,
        (None, None) => return Err(Fault::new("a kernel_shape", "none")),
    };
    let stride = pair(node, "strides")?.unwrap_or((1, 1));
    if weights.is_none()
        && let Some(dilations) = pair(node, "dilations")?.filter(|dilations| *dilations != (1, 1))
    {
        return Err(Fault::new("dilations of 1 of a pool", format!("{dilations:?}")));
    }
    if kernel.0 == 0 || kernel.1 == 0 || stride.0 == 0 || stride.1 == 0 {
        let found = format!("kernel {kernel:?}, strides {stride:?}");
        return Err(Fault::new("kernels and strides of at least 1", found));
    }
    let read = read(input, around);
    let own = padding(node, (read.h, read.w), kernel, stride)?;
    Ok(Sliding { own, outer: Window { kernel, stride, padding: around.and(own) } })
}

/// The padding of `pads` or `auto_pad`.
fn padding(
    node: &Node<'_>,
    input: (usize, usize),
    kernel: (usize, usize),
    stride: (usize, usize),
) -> Result<Padding, Fault> {
    let pads = node.ints("pads")?.unwrap_or(&[0; 4]);
    let explicit = match pads {
        &[top, left, bottom, right] if pads.iter().all(|pad| (0..=EXTENT_LIMIT).contains(pad)) => {
            Padding { top: top as usize, bottom: bottom as usize, left: left as usize, right: right as usize }
        }
        other => {
            let expected = format!("four pads of 0 to {EXTENT_LIMIT}");
            return Err(Fault::new(expected, format!("{other:?}")));
        }
    };
    let auto = node.text("auto_pad")?.unwrap_or_else(|| "NOTSET".to_owned());
    if auto == "NOTSET" {
        return Ok(explicit);
    }
    if explicit != Padding::default() {
        return Err(Fault::new(format!("no pads beside auto_pad {auto}"), format!("{pads:?}")));
    }
    // As many outputs as strides begin in the input; an odd zero goes after (upper) or before (lower).
    let total = |size: usize, kernel: usize, stride: usize| {
        ((size.div_ceil(stride) - 1) * stride + kernel).saturating_sub(size)
    };
    let (rows, columns) = (total(input.0, kernel.0, stride.0), total(input.1, kernel.1, stride.1));
    match auto.as_str() {
        "VALID" => Ok(explicit),
        "SAME_UPPER" => Ok(Padding {
            top: rows / 2,
            bottom: rows.div_ceil(2),
            left: columns / 2,
            right: columns.div_ceil(2),
        }),
        "SAME_LOWER" => Ok(Padding {
            top: rows.div_ceil(2),
            bottom: rows / 2,
            left: columns.div_ceil(2),
            right: columns / 2,
        }),
        other => Err(Fault::new("auto_pad NOTSET, VALID, SAME_UPPER or SAME_LOWER", other)),
    }
}

/// What an operator reads behind a Pad.
pub(super) fn read(shape: Shape, around: Padding) -> Shape {
    around.window().padded(shape).expect("padding is small")
}

/// Rows and columns of places of a window: those that fit, or also a last one that begins in the input or before it.
pub(super) fn places(window: &Window, input: Shape, rounded_up: bool) -> Result<(usize, usize), Fault> {
    let Padding { top, bottom, left, right } = window.padding;
    let count = |size: usize, before: usize, after: usize, kernel: usize, stride: usize| {
        let rest = (before + size + after).checked_sub(kernel)?;
        let all = rest / stride + 1;
        let partly = rounded_up && !rest.is_multiple_of(stride) && all * stride < before + size;
        Some(all + usize::from(partly))
    };
    let rows = count(input.h, top, bottom, window.kernel.0, window.stride.0);
    let columns = count(input.w, left, right, window.kernel.1, window.stride.1);
    rows.zip(columns)
        .ok_or_else(|| Fault::new("a window that fits its input", format!("{window:?} on {input}")))
}

/// An attribute of two small numbers.
fn pair(node: &Node<'_>, name: &str) -> Result<Option<(usize, usize)>, Fault> {
    match node.ints(name)? {
        None => Ok(None),
        Some(&[a, b]) if [a, b].iter().all(|x| (0..=EXTENT_LIMIT).contains(x)) => {
            Ok(Some((a as usize, b as usize)))
        }
        Some(other) => Err(Fault::new(
            format!("two numbers of 0 to {EXTENT_LIMIT} as {name} (for rows and columns)"),
            format!("{other:?}"),
        )),
    }
}
