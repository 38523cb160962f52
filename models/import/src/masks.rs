//! Masks of linearizers: which units keep their nonlinearity, from safetensors or state dicts.
//!
//! | array of | name | shape | kept where |
//! |---|---|---|---|
//! | this project | `NODE.mask` | (C, H, W) | value > threshold |
//! | SNL, PrivShap | `PART.alphaN.alphas` for the activation `PART.reluN` | (1, C, H, W) | value > threshold |
//! | AutoReP | `alpha_mask_N`, N in network order | (C, H, W) | value > threshold |

use crate::arrays::Arrays;
use crate::fault::listed;
use crate::names::Names;
use models::Error;
use models::graph::{ActivationLayer, Graph};
use models::mask::{Mask, Masks};
use std::collections::BTreeMap;
use std::path::Path;

/// What SNL's code binarises at: larger values are kept.
pub const THRESHOLD: f32 = 1e-2;

/// Reads a mask for every activation layer of `graph`; arrays that are no masks are passed over.
pub fn read(path: &Path, graph: &Graph, threshold: f32) -> Result<Masks, Error> {
    let arrays = Arrays::open(path)?;
    let named: Vec<&str> = arrays.names().filter(|name| is_mask(name)).collect();
    let names = Names::of(&named, graph, &[]).map_err(|fault| fault.of(path))?;
    of(&arrays, &named, graph, threshold, &names)
}

/// Whether an array of this name is a mask.
pub(crate) fn is_mask(name: &str) -> bool {
    name.ends_with(".mask") || name.ends_with(".alphas") || number(name).is_some()
}

/// The masks of `graph` among the arrays `named`.
pub(crate) fn of(
    arrays: &Arrays,
    named: &[&str],
    graph: &Graph,
    threshold: f32,
    names: &Names<'_>,
) -> Result<Masks, Error> {
    let layers: Vec<ActivationLayer<'_>> = graph.activations().collect();
    let mut numbered: Vec<(u32, &str)> =
        named.iter().filter_map(|name| Some((number(name)?, *name))).collect();
    numbered.sort_unstable();
    let mut found: BTreeMap<String, &str> = BTreeMap::new();
    if numbered.is_empty() {
        found.extend(
            named
                .iter()
                .map(|name| (activation(&names.own(name).unwrap_or_else(|| (*name).to_owned())), *name)),
        );
    } else if numbered.len() == layers.len() {
        found.extend(layers.iter().zip(numbered).map(|(layer, (_, name))| (layer.name.to_owned(), name)));
    } else {
        let expected = format!("{} masks, one an activation layer", layers.len());
        return Err(Error::format(arrays.path(), expected, numbered.len().to_string()));
    }
    let mut masks = BTreeMap::new();
    for layer in &layers {
        let missing = || {
            let names = if named.is_empty() { "no masks".to_owned() } else { listed(named) };
            Error::format(arrays.path(), format!("a mask for the activation `{}`", layer.name), names)
        };
        let name = found.remove(layer.name).ok_or_else(missing)?;
        let tensor = arrays.tensor(name)?;
        let (c, h, w) = (layer.shape.c, layer.shape.h, layer.shape.w);
        if tensor.shape() != [c, h, w] && tensor.shape() != [1, c, h, w] {
            let expected = format!("`{name}` of shape {:?}", [c, h, w]);
            return Err(Error::format(arrays.path(), expected, format!("{:?}", tensor.shape())));
        }
        let kept = tensor.data().iter().map(|value| *value > threshold).collect();
        masks.insert(layer.name.to_owned(), Mask::new(layer.shape, kept)?);
    }
    match found.first_key_value() {
        Some((_, name)) => {
            Err(Error::format(arrays.path(), "masks of the network's activations alone", format!("`{name}`")))
        }
        None => Masks::new(graph, masks),
    }
}

/// The activation that an array of this name of the network's is the mask of.
fn activation(name: &str) -> String {
    match name.strip_suffix(".alphas") {
        None => name.trim_end_matches(".mask").to_owned(),
        Some(module) => match module.rsplit_once("alpha") {
            Some((part, number)) => format!("{part}relu{number}"),
            None => module.to_owned(),
        },
    }
}

/// The number of a mask that is told by one.
fn number(name: &str) -> Option<u32> {
    name.rsplit('.').next()?.strip_prefix("alpha_mask_")?.parse().ok()
}
