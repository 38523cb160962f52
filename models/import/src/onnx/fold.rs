//! Arithmetic on constants: what exporters leave to be computed of weights and shapes.

use super::Fault;
use super::array::{Array, Data, size};
use super::network::Network;
use super::node::Node;
use super::value::Value;

/// Operators that are computed where all of their inputs are constants.
const FOLDED: [&str; 16] = [
    "Abs",
    "Add",
    "Ceil",
    "Div",
    "Equal",
    "Exp",
    "Expand",
    "Floor",
    "Max",
    "Min",
    "Mul",
    "Neg",
    "Pow",
    "Reciprocal",
    "Sqrt",
    "Sub",
];

/// Whether the operator is computed where its inputs are constants.
pub(super) fn folds(node: &Node<'_>) -> bool {
    node.operator().is_some_and(|name| FOLDED.contains(&name))
}

/// Computes the node where all of its inputs are constants; whether they were.
pub(super) fn folded(network: &mut Network, node: &Node<'_>) -> Result<bool, Fault> {
    let constant = |name: &str| network.value(name).is_ok_and(|value| matches!(value, Value::Constant(_)));
    if !folds(node) || !node.inputs().all(constant) {
        return Ok(false);
    }
    node.knows(&[])?;
    let arrays =
        node.inputs().map(|name| network.constant(name).cloned()).collect::<Result<Vec<Array>, Fault>>()?;
    let operator = node.operator().unwrap_or_default();
    let computed = match (operator, &arrays[..]) {
        ("Expand", [array, shape]) => expand(network, array, shape)?,
        ("Abs" | "Ceil" | "Exp" | "Floor" | "Neg" | "Reciprocal" | "Sqrt", [array]) => {
            unary(operator, array)?
        }
        ("Max" | "Min", [first, rest @ ..]) => {
            rest.iter().try_fold(first.clone(), |so_far, next| binary(network, operator, &so_far, next))?
        }
        (_, [one, other]) => binary(network, operator, one, other)?,
        (_, others) => {
            return Err(Fault::new("as many inputs as the operator has", others.len().to_string()));
        }
    };
    network.define(node.output()?, Value::Constant(computed))?;
    Ok(true)
}

/// `(x - zero point) * scale` of constants, with one scale or one for every place of an axis.
pub(super) fn dequantize(network: &mut Network, node: &Node<'_>) -> Result<(), Fault> {
    node.knows(&["axis", "block_size", "output_dtype"])?;
    node.int_is("block_size", 0, "")?;
    let array = network.constant(node.input(0)?)?;
    let scale = network.constant(node.input(1)?)?;
    let rank = array.dims.len();
    let axis = super::layout::axis(node.int("axis")?.unwrap_or(1), rank.max(1)).ok();
    let seen = |of: &Array| -> Result<Array, Fault> {
        let axis = match of.dims[..] {
            [] | [1] => return Ok(Array { dims: vec![], data: of.data.clone() }),
            [length] => axis.filter(|axis| array.dims.get(*axis) == Some(&length)),
            _ => None,
        };
        let axis = axis.ok_or_else(|| {
            Fault::new("one scale, or one for every place of an axis", format!("shape {:?}", of.dims))
        })?;
        let dims = (axis..rank).map(|at| if at == axis { of.len() } else { 1 }).collect();
        Ok(Array { dims, data: of.data.clone() })
    };
    let as_floats = |of: &Array| match &of.data {
        Data::Ints(values) => {
            Array { dims: of.dims.clone(), data: Data::Floats(values.iter().map(|x| *x as f32).collect()) }
        }
        Data::Floats(_) => of.clone(),
    };
    let (values, scale) = (as_floats(array), seen(scale)?);
    let zero =
        node.optional_input(2).map(|name| Ok(as_floats(&seen(network.constant(name)?)?))).transpose()?;
    let moved = match zero {
        Some(zero) => binary(network, "Sub", &values, &zero)?,
        None => values,
    };
    let computed = binary(network, "Mul", &moved, &scale)?;
    network.define(node.output()?, Value::Constant(computed))
}

fn unary(operator: &str, array: &Array) -> Result<Array, Fault> {
    let data = match &array.data {
        Data::Floats(values) => {
            let of: fn(f32) -> f32 = match operator {
                "Abs" => f32::abs,
                "Ceil" => f32::ceil,
                "Exp" => f32::exp,
                "Floor" => f32::floor,
                "Neg" => |x| -x,
                "Reciprocal" => f32::recip,
                _ => f32::sqrt,
            };
            Data::Floats(values.iter().map(|x| of(*x)).collect())
        }
        Data::Ints(values) => {
            let of = |x: &i64| match operator {
                "Abs" => x.checked_abs(),
                "Neg" => x.checked_neg(),
                _ => None,
            };
            let all: Option<Vec<i64>> = values.iter().map(of).collect();
            Data::Ints(all.ok_or_else(|| Fault::new("floating-point numbers", "integers"))?)
        }
    };
    Ok(Array { dims: array.dims.clone(), data })
}

/// Element by element, by numpy's broadcasting.
fn binary(network: &Network, operator: &str, one: &Array, other: &Array) -> Result<Array, Fault> {
    let dims = broadcast(network, &one.dims, &other.dims)?;
    let (one, other) = (one.expanded(&dims), other.expanded(&dims));
    let data = match (&one.data, &other.data) {
        (Data::Floats(one), Data::Floats(other)) => {
            let of: fn(f32, f32) -> f32 = match operator {
                "Add" => |x, y| x + y,
                "Sub" => |x, y| x - y,
                "Mul" => |x, y| x * y,
                "Div" => |x, y| x / y,
                "Pow" => f32::powf,
                "Max" => f32::max,
                "Min" => f32::min,
                _ => return Err(Fault::new("integers to compare", "floating-point numbers")),
            };
            Data::Floats(one.iter().zip(other).map(|(x, y)| of(*x, *y)).collect())
        }
        (Data::Ints(one), Data::Ints(other)) => {
            let of: fn(i64, i64) -> Option<i64> = match operator {
                "Add" => i64::checked_add,
                "Sub" => i64::checked_sub,
                "Mul" => i64::checked_mul,
                "Div" => i64::checked_div,
                "Max" => |x, y| Some(x.max(y)),
                "Min" => |x, y| Some(x.min(y)),
                "Equal" => |x, y| Some(i64::from(x == y)),
                _ => return Err(Fault::new("powers of floating-point numbers", "integers")),
            };
            let all: Option<Vec<i64>> = one.iter().zip(other).map(|(x, y)| of(*x, *y)).collect();
            Data::Ints(all.ok_or_else(|| Fault::new("integers of 64 bits", "a result that is none"))?)
        }
        (Data::Floats(_), Data::Ints(_)) | (Data::Ints(_), Data::Floats(_)) => {
            return Err(Fault::new("constants of one type", "integers and floating-point numbers"));
        }
    };
    Ok(Array { dims, data })
}

fn expand(network: &Network, array: &Array, shape: &Array) -> Result<Array, Fault> {
    let wanted: Option<Vec<usize>> =
        shape.as_ints()?.iter().map(|extent| usize::try_from(*extent).ok()).collect();
    let wanted = wanted.ok_or_else(|| Fault::new("extents that are not negative", "others"))?;
    Ok(array.expanded(&broadcast(network, &array.dims, &wanted)?))
}

/// The extents of what two shapes become together, of no more numbers than may be kept.
fn broadcast(network: &Network, one: &[usize], other: &[usize]) -> Result<Vec<usize>, Fault> {
    let rank = one.len().max(other.len());
    let extent = |dims: &[usize], at: usize| (at + dims.len()).checked_sub(rank).map_or(1, |at| dims[at]);
    let both = (0..rank).map(|at| match (extent(one, at), extent(other, at)) {
        (1, extent) | (extent, 1) => Some(extent),
        (one, other) => (one == other).then_some(one),
    });
    let fault = || Fault::new("constants whose shapes fit each other", format!("{one:?} and {other:?}"));
    let dims: Vec<usize> = both.collect::<Option<_>>().ok_or_else(fault)?;
    network.has_room(size(&dims).ok_or_else(fault)?)?;
    Ok(dims)
}
