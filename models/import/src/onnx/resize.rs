//! Resize and Upsample by the nearest place: rows and columns that come several times.

use super::Fault;
use super::array::Array;
use super::layout::{axis, view};
use super::network::Network;
use super::node::Node;
use super::shortcut::rows_and_columns;
use super::window::define;
use models::graph::{Op, Picks};

/// Most repetitions of a row or column.
const MOST_TIMES: usize = 1 << 12;

/// Which place of its input a place of an operator's output is.
struct Places {
    transformation: String,
    rounding: String,
}

impl Places {
    fn of(node: &Node<'_>) -> Result<Self, Fault> {
        // Until version 10 there was one way.
        let (transformation, rounding) = match node.opset < 11 {
            true => ("asymmetric", "floor"),
            false => ("half_pixel", "round_prefer_floor"),
        };
        let text = |name, usual: &str| Ok(node.text(name)?.unwrap_or_else(|| usual.to_owned()));
        Ok(Self {
            transformation: text("coordinate_transformation_mode", transformation)?,
            rounding: text("nearest_mode", rounding)?,
        })
    }

    /// Whether place i is place i / `times` of an axis of `extent` places, rounded down. Place q * `times` + r is said to be at
    ///
    /// - asymmetric: q + r / `times`;
    /// - half_pixel, and where extents are multiples half_pixel_symmetric and pytorch_half_pixel: less than a half from q;
    /// - tf_half_pixel_for_nn: q + (r + 1/2) / `times`;
    /// - align_corners: nowhere near q, but for the first places.
    ///
    /// An axis of one place has no other.
    fn repeat(&self, extent: usize, times: usize) -> bool {
        match self.transformation.as_str() {
            "asymmetric" => match self.rounding.as_str() {
                "floor" => true,
                "round_prefer_floor" => times <= 2 || extent == 1,
                "round_prefer_ceil" | "ceil" => times == 1 || extent == 1,
                _ => false,
            },
            "half_pixel" | "half_pixel_symmetric" | "pytorch_half_pixel" => match self.rounding.as_str() {
                "round_prefer_floor" | "round_prefer_ceil" => true,
                "floor" | "ceil" => times == 1 || extent == 1,
                _ => false,
            },
            "tf_half_pixel_for_nn" => match self.rounding.as_str() {
                "floor" => true,
                "round_prefer_floor" => times == 1 || extent == 1,
                "round_prefer_ceil" | "ceil" => extent == 1,
                _ => false,
            },
            "align_corners" => {
                ["floor", "round_prefer_floor", "round_prefer_ceil", "ceil"].contains(&self.rounding.as_str())
                    && (times == 1 || extent == 1)
            }
            _ => false,
        }
    }
}

/// Repeats rows and columns.
pub(super) fn resize(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&[
        "antialias",
        "axes",
        "coordinate_transformation_mode",
        "cubic_coeff_a",
        "exclude_outside",
        "extrapolation_value",
        "keep_aspect_ratio_policy",
        "mode",
        "nearest_mode",
        "scales",
    ])?;
    if let Some(other) = node.text("mode")?.filter(|mode| mode != "nearest") {
        return Err(Fault::new("mode nearest", other));
    }
    node.int_is("antialias", 0, "")?;
    let dims = network.map(node.input(0)?)?.dims.clone();
    let (times, places) = (times(network, node, &dims)?, Places::of(node)?);
    if let Some(at) = (0..dims.len()).find(|at| !places.repeat(dims[*at], times[*at])) {
        let expected = "ways to the nearest place that repeat rows and columns (asymmetric with floor, half_pixel with \
                        round_prefer_floor)";
        let Places { transformation, rounding } = places;
        return Err(Fault::new(expected, format!("{transformation} with {rounding}, {} times", times[at])));
    }
    match times[..] {
        _ if times.iter().all(|times| *times == 1) => view(network, node, |dims| Ok(dims.to_vec())),
        [1, 1, down, across] => {
            let map = network.settled(node.input(0)?)?;
            rows_and_columns(network, &map)?;
            let s = network.shape(map.node);
            let (rows, columns) = (Picks::repeated(s.h, down), Picks::repeated(s.w, across));
            let added = network.add(node, Op::Slice { rows, columns }, vec![map.node])?;
            define(network, node, added)
        }
        _ => Err(Fault::new("repeated rows and columns", format!("{times:?} times along the axes"))),
    }
}

/// How often what is along each axis comes, by scales or by sizes.
fn times(network: &Network, node: &Node<'_>, dims: &[usize]) -> Result<Vec<usize>, Fault> {
    let axes: Vec<usize> = match node.ints("axes")? {
        None => (0..dims.len()).collect(),
        Some(axes) => axes.iter().map(|at| axis(*at, dims.len())).collect::<Result<_, _>>()?,
    };
    // Files may say by a list of nothing that there is none.
    let given = |index: usize| -> Result<Option<&Array>, Fault> {
        let found = node.optional_input(index).map(|name| network.constant(name)).transpose()?;
        Ok(found.filter(|array| array.len() > 0))
    };
    let has_region = node.operator() == Some("Resize") && node.opset >= 11;
    let scales = match given(if has_region { 2 } else { 1 })? {
        Some(array) => Some(array.as_floats()?),
        None => node.floats("scales")?,
    };
    let sizes = given(3)?.map(Array::as_ints).transpose()?;
    let found: Vec<Option<usize>> = match (scales, sizes) {
        (Some(scales), None) => scales.iter().map(|scale| whole(*scale)).collect(),
        (None, Some(sizes)) => {
            if let Some(policy) = node.text("keep_aspect_ratio_policy")?.filter(|policy| policy != "stretch")
            {
                return Err(Fault::new("keep_aspect_ratio_policy stretch", policy));
            }
            axes.iter().zip(sizes).map(|(at, size)| multiple(*size, dims[*at])).collect()
        }
        _ => return Err(Fault::new("scales or sizes", "both, or none")),
    };
    let many = scales.map_or_else(|| sizes.map_or(0, <[i64]>::len), <[f32]>::len);
    let Some(found) = found.into_iter().collect::<Option<Vec<usize>>>().filter(|_| many == axes.len()) else {
        let expected = format!("whole factors of 1 to {MOST_TIMES}, for {} axes", axes.len());
        let found = match (scales, sizes) {
            (Some(scales), _) => format!("scales {scales:?}"),
            (None, sizes) => format!("sizes {:?} of shape {dims:?}", sizes.unwrap_or_default()),
        };
        return Err(Fault::new(expected, found));
    };
    let mut times = vec![1; dims.len()];
    axes.into_iter().zip(found).for_each(|(at, by)| times[at] = by);
    Ok(times)
}

/// A factor that is a whole number.
fn whole(scale: f32) -> Option<usize> {
    (scale.fract() == 0.0 && (1.0..=MOST_TIMES as f32).contains(&scale)).then_some(scale as usize)
}

/// How often `extent` goes into `size`.
fn multiple(size: i64, extent: usize) -> Option<usize> {
    let times = usize::try_from(size).ok().filter(|size| size.is_multiple_of(extent))? / extent;
    (1..=MOST_TIMES).contains(&times).then_some(times)
}
