//! Slice: channels, rows and columns by their indices, as in the parameter-free shortcut of CIFAR's ResNets.

use super::Fault;
use super::channels::Numbered;
use super::layout::{axis, dims, integers, view};
use super::network::Network;
use super::node::Node;
use super::value::{Map, Pending, Value};
use super::window::define;
use models::graph::{Op, Picks};

/// The places of an axis that a Slice takes: from `start` up to but not including `end`, which may be before `start`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cut {
    start: i64,
    end: i64,
    step: i64,
}

impl Cut {
    fn whole(extent: usize) -> Self {
        Self { start: 0, end: extent as i64, step: 1 }
    }

    /// The cut that the file's numbers mean, counted from the end where negative and beyond the ends if large.
    fn of(extent: usize, start: i64, end: i64, step: i64) -> Result<Self, Fault> {
        let extent = extent as i64;
        if step == 0 || extent == 0 {
            return Err(Fault::new(
                "a slice of something in steps",
                format!("steps of {step} over {extent}"),
            ));
        }
        let counted = |x: i64| if x < 0 { x.saturating_add(extent) } else { x };
        let (start, end) = match step > 0 {
            true => (counted(start).clamp(0, extent), counted(end).clamp(0, extent)),
            false => (counted(start).clamp(0, extent - 1), counted(end).clamp(-1, extent - 1)),
        };
        // A step over everything meets the first only, however far it goes.
        Ok(Self { start, end, step: step.clamp(-extent, extent) })
    }

    /// How many places it takes.
    fn count(self) -> usize {
        let Self { start, end, step } = self;
        let reach = if step > 0 { end - start } else { start - end };
        reach.max(0).unsigned_abs().div_ceil(step.unsigned_abs()) as usize
    }

    /// The places of a cut forward.
    fn picks(self) -> Picks {
        let step = self.step.unsigned_abs() as usize;
        Picks { start: self.start as isize, step, count: self.count(), times: 1 }
    }

    fn places(self) -> impl Iterator<Item = usize> {
        let Self { start, step, .. } = self;
        (0..self.count()).map(move |i| (start + i as i64 * step) as usize)
    }

    /// Whether it starts at the first place and goes on to the last that the step reaches.
    fn subsamples(self, extent: usize) -> bool {
        self.step > 0 && self.start == 0 && self.count() == extent.div_ceil(self.step as usize)
    }
}

/// Takes channels, rows and columns at fixed steps; of a constant, a part.
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
    let mut cuts: Vec<Cut> = dims.iter().map(|extent| Cut::whole(*extent)).collect();
    for (i, at) in axes.iter().enumerate() {
        let at = axis(*at, dims.len())?;
        cuts[at] = Cut::of(dims[at], starts[i], ends[i], steps[i])?;
    }
    let (name, output) = (node.input(0)?, node.output()?);
    if let Value::Constant(array) = network.value(name)? {
        // Of an array with elements no axis is longer than their number; one without may have any other axes.
        if array.len() == 0 {
            return Err(Fault::new("a slice of a constant with elements", format!("shape {dims:?}")));
        }
        let places: Vec<Vec<usize>> = cuts.into_iter().map(|cut| cut.places().collect()).collect();
        let part = array.part(&places);
        return network.define(output, Value::Constant(part));
    }

    let whole = |axis: usize| cuts[axis] == Cut::whole(dims[axis]);
    if (0..dims.len()).all(whole) {
        return view(network, node, |dims| Ok(dims.to_vec()));
    }
    let mut map = network.map(name)?.clone();
    if dims.len() != 4 || !whole(0) || !whole(1) {
        let all = Numbered::of(network, name)?;
        let (first, rest) = cuts.split_at(all.axes());
        let places: Vec<Vec<usize>> = first.iter().map(|cut| cut.places().collect()).collect();
        map = all.part(network, node, &places, output)?;
        if (first.len()..dims.len()).all(whole) {
            return network.define(output, Value::Map(map));
        }
        if (first.len(), rest.len()) != (2, 2) {
            let expected = "places along channels, rows and columns";
            return Err(Fault::new(expected, format!("{cuts:?} of shape {dims:?}")));
        }
        map = network.settle(map)?;
    }
    let (rows, columns) = (cuts[2], cuts[3]);
    if rows.step < 0 || columns.step < 0 {
        let expected = "rows and columns in steps forward";
        return Err(Fault::new(expected, format!("{cuts:?} of shape {dims:?}")));
    }
    let before = match map.pending {
        Pending::Nothing => (1, 1),
        Pending::Steps(_, steps) if rows.subsamples(dims[2]) && columns.subsamples(dims[3]) => steps,
        Pending::Image(_)
        | Pending::Affine(_)
        | Pending::Elements(_)
        | Pending::ChannelsLast(_)
        | Pending::Picked(_)
        | Pending::Steps(..)
        | Pending::Padded(..)
        | Pending::Gate(..) => {
            map = network.settled(name)?;
            (1, 1)
        }
    };
    if let Pending::Nothing = map.pending {
        rows_and_columns(network, &map)?;
    }
    if !(rows.subsamples(dims[2]) && columns.subsamples(dims[3])) {
        let op = Op::Slice { rows: rows.picks(), columns: columns.picks() };
        let added = network.add(node, op, vec![map.node])?;
        return define(network, node, added);
    }
    let pending =
        Pending::Steps(node.safe_name(), (before.0 * rows.step as usize, before.1 * columns.step as usize));
    let dims = [map.dims[0], map.dims[1], rows.count(), columns.count()].into();
    let map = network.derived(&map, dims, pending, output);
    network.define(output, Value::Map(map))
}

/// Errors unless a map is seen as what its node makes.
pub(super) fn rows_and_columns(network: &Network, map: &Map) -> Result<(), Fault> {
    let s = network.shape(map.node);
    if map.dims == [1, s.c, s.h, s.w] {
        return Ok(());
    }
    Err(Fault::new(format!("an input of shape {:?}", [1, s.c, s.h, s.w]), format!("{:?}", map.dims)))
}
