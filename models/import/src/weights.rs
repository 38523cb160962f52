//! Files of weights for a network that is known: safetensors or PyTorch's state dicts, by PyTorch's names.

use crate::Imported;
use crate::arrays::{Arrays, WRAPPER};
use crate::fault::listed;
use crate::masks;
use models::Error;
use models::graph::{Graph, Parameters};
use models::mask::Masks;
use models::tensor::Tensor;
use std::path::Path;

/// A counter of PyTorch's batch norms in training, which inference does not need.
const COUNTER: &str = ".num_batches_tracked";

/// Reads the parameters of `graph` from a file of weights, and masks where it has some ([`masks`], kept where a value
/// exceeds `threshold`). Names may all begin with `module.`. Other arrays are an error, but for the counters of batch
/// norms.
pub fn read(path: &Path, graph: Graph, threshold: f32) -> Result<Imported, Error> {
    let arrays = Arrays::open(path)?;
    let wrapped = arrays.names().all(|name| name.starts_with(WRAPPER));
    let (named, others): (Vec<&str>, Vec<&str>) =
        arrays.names().filter(|name| !name.ends_with(COUNTER)).partition(|name| masks::is_mask(name));
    let mut parameters = Parameters::new();
    for name in others {
        let own = if wrapped { &name[WRAPPER.len()..] } else { name };
        parameters.insert(own.to_owned(), arrays.tensor(name)?);
    }
    graph.check_parameters(&parameters)?;
    let masks = match named.is_empty() {
        true => Masks::all_kept(&graph),
        false => masks::of(&arrays, &named, &graph, threshold)?,
    };
    Ok(Imported { masks, graph, parameters, normalisation: None })
}

/// The first array of `path` whose name begins with `prefix`: what a file of expected logits holds.
pub fn array(path: &Path, prefix: &str) -> Result<Tensor, Error> {
    let arrays = Arrays::open(path)?;
    match arrays.names().find(|name| name.starts_with(prefix)) {
        Some(name) => arrays.tensor(name),
        None => {
            let names = listed(&arrays.names().collect::<Vec<_>>());
            Err(Error::format(path, format!("an array whose name begins with `{prefix}`"), names))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::masks::THRESHOLD;
    use models::graph::Shape;
    use models::nets;
    use safetensors::serialize;
    use safetensors::tensor::{Dtype, TensorView};

    type Array = (String, Dtype, Vec<usize>, Vec<u8>);

    /// The name of an array of masks, from the activation's number and name.
    type Rename = fn(usize, &str) -> String;

    /// Every parameter of `mini`, all ones, after `change`.
    fn file(change: impl FnOnce(&mut Vec<Array>)) -> (tempfile::TempDir, std::path::PathBuf) {
        let mut arrays: Vec<Array> = graph()
            .parameter_shapes()
            .into_iter()
            .map(|(name, shape)| {
                let data = 1f32.to_le_bytes().repeat(shape.iter().product());
                (name, Dtype::F32, shape, data)
            })
            .collect();
        change(&mut arrays);
        let views = arrays.iter().map(|(name, dtype, shape, data)| {
            (name.clone(), TensorView::new(*dtype, shape.clone(), data).unwrap())
        });
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        std::fs::write(&path, serialize(views, None).unwrap()).unwrap();
        (folder, path)
    }

    fn graph() -> Graph {
        nets::build("mini", Shape::new(3, 32, 32), 10).unwrap()
    }

    #[test]
    fn wrappers_counters_and_doubles_are_understood() {
        let (_folder, path) = file(|arrays| {
            let counter = ("bn1.num_batches_tracked".into(), Dtype::I64, vec![], vec![0; 8]);
            arrays.push(counter);
            let (_, dtype, shape, data) = arrays.iter_mut().find(|(name, ..)| name == "linear.bias").unwrap();
            (*dtype, *data) = (Dtype::F64, 0.5f64.to_le_bytes().repeat(shape[0]));
            arrays.iter_mut().for_each(|(name, ..)| name.insert_str(0, WRAPPER));
        });
        let imported = read(&path, graph(), THRESHOLD).unwrap();
        assert_eq!(imported.parameters["linear.bias"].data(), [0.5; 10]);
        assert_eq!(imported.parameters["bn1.weight"].data(), [1.0; 8]);
        assert_eq!(imported.masks.count(), 9216);
    }

    /// The masks of `mini`, under the names that `rename` makes of its activations; unit 5 of each is dropped.
    fn masks(arrays: &mut Vec<Array>, rename: Rename, batch: bool, drop: f32) {
        for (i, layer) in graph().activations().enumerate() {
            let mut values = vec![1f32; layer.shape.size()];
            values[5] = drop;
            let mut shape = vec![layer.shape.c, layer.shape.h, layer.shape.w];
            if batch {
                shape.insert(0, 1);
            }
            let data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            arrays.push((rename(i, layer.name), Dtype::F32, shape, data));
        }
    }

    #[test]
    fn masks_of_three_schemes_are_read() {
        let schemes: [(Rename, bool); 3] = [
            (|_, name| format!("{name}.mask"), false),
            (|_, name| format!("{}.alphas", name.replace("relu", "alpha")), true),
            (|i, _| format!("alpha_mask_{}", 3 * i + 2), false),
        ];
        for (rename, batch) in schemes {
            let (_folder, path) = file(|arrays| masks(arrays, rename, batch, 0.009));
            let imported = read(&path, graph(), THRESHOLD).unwrap();
            assert_eq!(imported.masks.count(), 9216 - 7);
            assert!(imported.masks.iter().all(|(_, mask)| !mask.flags()[5]));
            assert_eq!(crate::masks::read(&path, &graph(), THRESHOLD).unwrap(), imported.masks);
            assert_eq!(crate::masks::read(&path, &graph(), 0.001).unwrap().count(), 9216);
        }
    }

    #[test]
    fn masks_that_do_not_fit_are_named() {
        let refused = |change: fn(&mut Vec<Array>)| {
            let (_folder, path) = file(|arrays| {
                masks(arrays, |_, name| format!("{name}.mask"), false, 0.0);
                change(arrays);
            });
            crate::masks::read(&path, &graph(), THRESHOLD).unwrap_err().to_string()
        };
        let missing = refused(|arrays| arrays.retain(|(name, ..)| name != "layer1.0.relu2.mask"));
        assert!(missing.contains("a mask for the activation `layer1.0.relu2`"), "{missing}");
        let none = refused(|arrays| arrays.retain(|(name, ..)| !name.ends_with(".mask")));
        assert!(none.contains("no masks"), "{none}");
        let other = refused(|arrays| arrays.push(("relu9.mask".into(), Dtype::F32, vec![1], vec![0; 4])));
        assert!(other.contains("`relu9.mask`"), "{other}");
        let flat = refused(|arrays| {
            let (.., shape, _) = arrays.iter_mut().find(|(name, ..)| name == "relu.mask").unwrap();
            *shape = vec![shape.iter().product()];
        });
        assert!(flat.contains("`relu.mask` of shape [8, 16, 16]") && flat.contains("[2048]"), "{flat}");
        let numbered =
            refused(|arrays| arrays.push(("alpha_mask_1".into(), Dtype::F32, vec![1], vec![0; 4])));
        assert!(numbered.contains("7 masks"), "{numbered}");
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let refused = |change: fn(&mut Vec<Array>)| {
            let (_folder, path) = file(change);
            read(&path, graph(), THRESHOLD).unwrap_err().to_string()
        };
        let missing = refused(|arrays| arrays.retain(|(name, ..)| name != "linear.bias"));
        assert!(missing.contains("linear.bias") && missing.contains("[10]"), "{missing}");
        let other = refused(|arrays| arrays[0].0 = "fc.weight".into());
        assert!(other.contains("bn1.bias"), "{other}");
        let whole = refused(|arrays| arrays.push(("extra".into(), Dtype::F32, vec![1], vec![0; 4])));
        assert!(whole.contains("extra") && whole.contains("does not use"), "{whole}");
        let whole_numbers = refused(|arrays| {
            let (_, dtype, _, data) = &mut arrays[0];
            (*dtype, *data) = (Dtype::I32, vec![0; 32]);
        });
        assert!(
            whole_numbers.contains("`bn1.bias` as F64") && whole_numbers.contains("I32"),
            "{whole_numbers}"
        );
        let infinite = refused(|arrays| arrays[0].3 = f32::INFINITY.to_le_bytes().repeat(8));
        assert!(infinite.contains("finite values in `bn1.bias`"), "{infinite}");
        let (_folder, path) = file(|_| ());
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        assert!(read(&path, graph(), THRESHOLD).unwrap_err().to_string().contains("a safetensors file"));
    }
}
