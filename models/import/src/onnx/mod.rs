//! ONNX files of convolutional classifiers.
//!
//! [`operators`] lists what is taken. Operators on constants alone are computed (`fold`), constants may stand in other files of
//! the folder (`external`). A final Softmax or LogSoftmax is left out, since logits are what a network answers. Files must have
//! one image input `(batch, channels, rows, columns)` with a batch of one or a symbol, and one output.

mod array;
mod channels;
mod clip;
mod concat;
mod elementwise;
mod external;
mod fold;
mod layout;
mod linear;
mod network;
mod node;
pub mod operators;
mod pad;
mod pools;
pub mod proto;
mod resize;
mod shortcut;
mod value;
mod window;
mod wire;

use crate::Imported;
use crate::fault::Fault;
use crate::kind;
use array::{Array, is_external};
use external::External;
use models::Error;
use models::disk::read_capped;
use models::graph::{Graph, Shape};
use models::mask::Masks;
use network::{Finished, Network};
use node::{Node, shown};
use prost::Message;
use proto::{GraphProto, ModelProto, ValueInfoProto, data_type};
use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use std::path::Path;
use value::Value;

/// Largest file that is read: protobuf's own limit is near.
const FILE_LIMIT: u64 = 2_000_000_000;
/// Versions of ONNX's operators that are understood; older ones broadcast otherwise, younger ones are unknown.
const OPSETS: RangeInclusive<i64> = 7..=28;
/// Largest extent of an image.
const EXTENT_LIMIT: i64 = 1 << 14;

/// Reads a network from an ONNX file.
///
/// Nodes keep the names of the file, made unique and free of other characters than letters, digits, `_`, `-` and `.`.
/// An operator, attribute or shape that is not understood is an error that names the file's node.
pub fn read(path: &Path) -> Result<Imported, Error> {
    let bytes = read_capped(path, FILE_LIMIT)?;
    kind::check(&bytes).map_err(|fault| fault.of(path))?;
    let length = bytes.len();
    wire::check(&bytes).map_err(|fault| fault.of(path))?;
    let model = ModelProto::decode(bytes.as_slice())
        .map_err(|e| Error::format(path, "an ONNX model", e.to_string()))?;
    drop(bytes);
    let format = |fault: Fault| fault.of(path);

    let opset = opset(&model).map_err(format)?;
    let file = model.graph.as_ref().ok_or_else(|| Error::format(path, "a graph", "none"))?;
    let (input, extents) = input(file).map_err(format)?;
    let output = output(file).map_err(format)?;
    let nodes: Vec<Node<'_>> =
        file.node.iter().enumerate().map(|(i, proto)| Node::new(proto, i, opset)).collect();

    let channels_last = operators::turn_to_channels_first(&nodes, input);
    let image = match (extents, channels_last) {
        ([c, h, w], false) | ([h, w, c], true) => Shape::new(c, h, w),
    };
    let aliases = aliases(&nodes)?;
    let uses = Uses::new(&nodes, output, &aliases);
    let mut network =
        Network::new((input, image, channels_last), aliases, uses.readers, length).map_err(format)?;
    let mut beside = External::of(path);
    for tensor in file.initializer.iter().filter(|tensor| uses.needed.contains(tensor.name())) {
        let mut define = || {
            let array = match is_external(tensor) {
                false => Array::read(tensor)?,
                true => {
                    let whole = beside.read(tensor)?;
                    network.add_room(whole.raw_data().len());
                    Array::read(&whole)?
                }
            };
            network.define(tensor.name(), Value::Constant(array))
        };
        define().map_err(|fault| fault.at(format!("initializer {}", shown(tensor.name()))))?;
    }
    let live = nodes.iter().zip(&uses.live).filter(|(_, live)| **live).map(|(node, _)| node);
    operators::check(live)?;
    for (node, _) in nodes.iter().zip(&uses.live).filter(|(_, live)| **live) {
        operators::translate(&mut network, node, output).map_err(|fault| fault.at(node.label()))?;
    }

    let Finished { nodes, parameters, normalisation, dropped } =
        network.finish(output).map_err(|fault| fault.at(format!("output {}", shown(output))))?;
    let graph = Graph::new(image, nodes)?;
    graph.check_parameters(&parameters)?;
    if let Some(normalisation) = &normalisation {
        normalisation.check(image.c)?;
    }
    let masks = Masks::all_kept(&graph);
    Ok(Imported { graph, parameters, masks, normalisation, dropped })
}

/// The version of ONNX's own operators.
fn opset(model: &ModelProto) -> Result<i64, Fault> {
    let own = model.opset_import.iter().find(|set| matches!(set.domain(), "" | "ai.onnx"));
    let expected = || {
        let (first, last) = (OPSETS.start(), OPSETS.end());
        format!("ONNX's operators in a version from {first} to {last} (export with opset 17)")
    };
    match own.map(|set| set.version()) {
        None => Err(Fault::new(expected(), "none")),
        Some(version) if !OPSETS.contains(&version) => Err(Fault::new(expected(), version.to_string())),
        Some(version) => Ok(version),
    }
}

/// The image's name and extents.
fn input(file: &GraphProto) -> Result<(&str, [usize; 3]), Fault> {
    let initialised: HashSet<&str> = file.initializer.iter().map(|tensor| tensor.name()).collect();
    let inputs: Vec<&ValueInfoProto> =
        file.input.iter().filter(|input| !initialised.contains(input.name())).collect();
    let [input] = inputs[..] else {
        return Err(Fault::new("one input that is no initializer", inputs.len().to_string()));
    };
    let tensor = input.r#type.as_ref().and_then(|r#type| r#type.tensor_type.as_ref());
    let element = tensor.map(|tensor| tensor.elem_type()).unwrap_or_default();
    if element != data_type::FLOAT {
        return Err(Fault::new("an image of type float", format!("ONNX's data type {element}")));
    }
    let extents: Option<Vec<Option<i64>>> = tensor
        .and_then(|tensor| tensor.shape.as_ref())
        .map(|shape| shape.dim.iter().map(|dim| dim.dim_value).collect());
    let expected = format!(
        "an image of shape (1 or a symbol, channels, rows, columns) with extents of 1 to {EXTENT_LIMIT} (export with a \
         fixed image size and a batch of 1)"
    );
    // A batch of zero is how some writers say that it is unknown.
    let good = |extent: i64| (1..=EXTENT_LIMIT).contains(&extent).then_some(extent as usize);
    if let Some([None | Some(-1..=1), Some(c), Some(h), Some(w)]) = extents.as_deref()
        && let (Some(c), Some(h), Some(w)) = (good(*c), good(*h), good(*w))
    {
        return Ok((input.name(), [c, h, w]));
    }
    let found = match extents {
        None => "no shape".to_owned(),
        Some(extents) => {
            let extents = extents.iter().map(|extent| extent.map_or("?".to_owned(), |n| n.to_string()));
            format!("({})", extents.collect::<Vec<_>>().join(", "))
        }
    };
    Err(Fault::new(expected, found))
}

/// The logits' name.
fn output(file: &GraphProto) -> Result<&str, Fault> {
    match &file.output[..] {
        [output] => Ok(output.name()),
        outputs => Err(Fault::new("one output", outputs.len().to_string())),
    }
}

/// Outputs of operators that do nothing, by what they repeat.
fn aliases(nodes: &[Node<'_>]) -> Result<HashMap<String, String>, Error> {
    let mut aliases: HashMap<String, String> = HashMap::new();
    for node in nodes.iter().filter(|node| operators::repeats(node)) {
        let mut alias = || {
            let (input, output) = (node.input(0)?, node.output()?);
            let original = aliases.get(input).cloned().unwrap_or_else(|| input.to_owned());
            match aliases.insert(output.to_owned(), original) {
                None => Ok(()),
                Some(_) => Err(Fault::new("values of different names", format!("`{}` twice", shown(output)))),
            }
        };
        alias().map_err(|fault: Fault| fault.at(node.label()))?;
    }
    Ok(aliases)
}

/// What the output depends on.
struct Uses {
    /// Whether the output depends on a node.
    live: Vec<bool>,
    /// Values that it depends on.
    needed: HashSet<String>,
    /// How often each of them is read.
    readers: HashMap<String, usize>,
}

impl Uses {
    fn new(nodes: &[Node<'_>], output: &str, aliases: &HashMap<String, String>) -> Self {
        let resolved = |name: &str| aliases.get(name).cloned().unwrap_or_else(|| name.to_owned());
        let mut readers = HashMap::from([(resolved(output), 1)]);
        let mut live = vec![false; nodes.len()];
        for (node, live) in nodes.iter().zip(&mut live).rev() {
            let repeats = operators::repeats(node);
            *live = repeats || node.outputs().any(|output| readers.contains_key(output));
            if *live {
                // Who reads what is repeated reads the original.
                let read = node.inputs().skip(usize::from(repeats));
                read.for_each(|input| *readers.entry(resolved(input)).or_default() += 1);
            }
        }
        Self { live, needed: readers.keys().cloned().collect(), readers }
    }
}
