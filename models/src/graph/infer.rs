//! Which shapes operations make of which.

use super::average::Average;
use super::node::{MOST_INPUTS, MOST_UNITS, Node, Op};
use super::shape::{Shape, Window};
use crate::Error;

/// A node's output shape from its inputs' shapes; `image` is the shape of the graph's input.
///
/// # Errors
/// [`Error::Model`] where inputs do not fit, or the output has no units or more than [`MOST_UNITS`].
pub fn infer(node: &Node, image: Shape, inputs: &[Shape]) -> Result<Shape, Error> {
    let arity = match node.op {
        Op::Input => 0..=0,
        Op::Add | Op::Concat => 2..=MOST_INPUTS,
        Op::Product => 2..=2,
        Op::Conv { .. }
        | Op::Linear { .. }
        | Op::BatchNorm { .. }
        | Op::Act { .. }
        | Op::AvgPool { .. }
        | Op::Channels { .. }
        | Op::Scale { .. }
        | Op::Slice { .. }
        | Op::Pad { .. }
        | Op::PadChannels { .. } => 1..=1,
    };
    if !arity.contains(&inputs.len()) {
        let expected = format!("{} to {} inputs", arity.start(), arity.end());
        return Err(Error::model(&node.name, expected, inputs.len().to_string()));
    }
    let shape = match &node.op {
        Op::Input => image,
        Op::Conv { out, window, groups, .. } => {
            if *groups == 0 || !(inputs[0].c.is_multiple_of(*groups) && out.is_multiple_of(*groups)) {
                let expected = format!("groups that divide {} input and {out} output channels", inputs[0].c);
                return Err(Error::model(&node.name, expected, groups.to_string()));
            }
            slid(node, window, inputs[0], *out)?
        }
        Op::AvgPool { window, uncounted } => {
            let average = Average { window: *window, uncounted: *uncounted };
            let shape = slid(node, window, inputs[0], inputs[0].c)?;
            if !average.is_within() || average.divisor(inputs[0]).is_none() {
                let expected = "places that each count something, and whose counts have a common multiple of at most 2^32";
                return Err(Error::model(&node.name, expected, format!("{average:?} on {}", inputs[0])));
            }
            shape
        }
        Op::Linear { out, .. } => Shape::new(*out, 1, 1),
        Op::BatchNorm { eps } if !eps.is_finite() => {
            return Err(Error::model(&node.name, "a finite eps", eps.to_string()));
        }
        Op::Scale { by } if !by.is_finite() || *by == 0.0 => {
            return Err(Error::model(&node.name, "a finite factor other than zero", by.to_string()));
        }
        Op::BatchNorm { .. } | Op::Act { .. } | Op::Scale { .. } => inputs[0],
        Op::Slice { rows, columns } => {
            for picks in [rows, columns] {
                let sizes = 1..=MOST_UNITS;
                if ![picks.step, picks.count, picks.times].iter().all(|size| sizes.contains(size))
                    || picks.start.unsigned_abs() > MOST_UNITS
                {
                    let expected = format!("a start, step, count and repetition of at most {MOST_UNITS}");
                    return Err(Error::model(&node.name, expected, format!("{picks:?}")));
                }
            }
            Shape::new(inputs[0].c, rows.count, columns.count)
        }
        Op::Pad { value, .. } if !value.is_finite() => {
            return Err(Error::model(&node.name, "a finite number around", value.to_string()));
        }
        Op::Pad { around, .. } => slid(node, &around.window(), inputs[0], inputs[0].c)?,
        Op::Concat => match inputs.iter().find(|s| (s.h, s.w) != (inputs[0].h, inputs[0].w)) {
            None => Shape { c: inputs.iter().map(|s| s.c).sum(), ..inputs[0] },
            Some(other) => {
                let expected = format!("inputs of {}x{}", inputs[0].h, inputs[0].w);
                return Err(Error::model(&node.name, expected, other.to_string()));
            }
        },
        Op::Channels { picked } => match picked.iter().find(|channel| **channel >= inputs[0].c) {
            None => Shape { c: picked.len(), ..inputs[0] },
            Some(other) => {
                let expected = format!("indices of channels below {}", inputs[0].c);
                return Err(Error::model(&node.name, expected, other.to_string()));
            }
        },
        Op::Add => match inputs.iter().find(|s| **s != inputs[0]) {
            None => inputs[0],
            Some(other) => {
                let expected = format!("inputs of shape {}", inputs[0]);
                return Err(Error::model(&node.name, expected, other.to_string()));
            }
        },
        Op::Product => {
            let (left, right) = (inputs[0], inputs[1]);
            if right != left && right != Shape::new(left.c, 1, 1) {
                let expected =
                    format!("a second input of shape {left}, or of {} channels of one unit", left.c);
                return Err(Error::model(&node.name, expected, right.to_string()));
            }
            left
        }
        Op::PadChannels { stride, before, after } => {
            if !(1..=MOST_UNITS).contains(stride) {
                let expected = format!("a stride of 1 to {MOST_UNITS}");
                return Err(Error::model(&node.name, expected, stride.to_string()));
            }
            let s = inputs[0];
            let c = s.c.saturating_add(*before).saturating_add(*after);
            Shape::new(c, s.h.div_ceil(*stride), s.w.div_ceil(*stride))
        }
    };
    match shape.size() {
        1..=MOST_UNITS => Ok(shape),
        _ => Err(Error::model(&node.name, format!("a value of 1 to {MOST_UNITS} units"), shape.to_string())),
    }
}

/// The output of a window that makes `out` channels.
fn slid(node: &Node, window: &Window, input: Shape, out: usize) -> Result<Shape, Error> {
    let fault = |expected: String| Error::model(&node.name, expected, format!("{window:?} on {input}"));
    let (h, w) = window.output(input).ok_or_else(|| fault("a window that fits its input".into()))?;
    let units = window.padded(input).map_or(usize::MAX, Shape::size);
    if units > MOST_UNITS || window.stride.0.max(window.stride.1) > MOST_UNITS {
        return Err(fault(format!("a window of strides and a padded input of at most {MOST_UNITS}")));
    }
    Ok(Shape::new(out, h, w))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Padding, Picks};

    fn shape(op: Op) -> Result<Shape, String> {
        let node = Node { name: "n".into(), op, inputs: vec![0] };
        infer(&node, Shape::new(2, 3, 4), &[Shape::new(2, 3, 4)]).map_err(|error| error.to_string())
    }

    #[test]
    fn rows_and_columns_that_are_added() {
        let pad = |top, value| shape(Op::Pad { around: Padding { top, ..Padding::same(1) }, value });
        assert_eq!(pad(2, -0.5), Ok(Shape::new(2, 6, 6)));
        for value in [f64::NAN, f64::NEG_INFINITY] {
            assert!(pad(2, value).unwrap_err().contains("a finite number around"));
        }
        for top in [usize::MAX, MOST_UNITS] {
            assert!(pad(top, 0.0).unwrap_err().contains("window"));
        }
        let repeated =
            |times| shape(Op::Slice { rows: Picks::repeated(3, times), columns: Picks::repeated(4, 1) });
        assert_eq!(repeated(2), Ok(Shape::new(2, 6, 4)));
        for times in [0, usize::MAX, MOST_UNITS] {
            assert!(repeated(times).unwrap_err().contains("of at most"));
        }
        let none = Picks { times: 0, ..Picks::repeated(3, 1) };
        assert!(shape(Op::Slice { rows: none, columns: none }).unwrap_err().contains("repetition"));
    }
}
