//! Files of weights for a network that is known: safetensors, by PyTorch's names.

use crate::Imported;
use models::Error;
use models::checkpoint::read_capped;
use models::graph::{Graph, Parameters};
use models::mask::Masks;
use models::tensor::Tensor;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::path::Path;

/// Largest file that is read.
const LIMIT: u64 = 2_000_000_000;

/// Prepended to every name by `torch.nn.DataParallel`.
const WRAPPER: &str = "module.";

/// Counted by PyTorch's batch norms in training, of no use afterwards.
const COUNTER: &str = ".num_batches_tracked";

/// Reads the parameters of `graph` from a safetensors file of 32- or 64-bit floating-point arrays, whose names may all
/// begin with `module.`. Arrays that the graph does not use are an error, but for the counters of batch norms.
pub fn read(path: &Path, graph: Graph) -> Result<Imported, Error> {
    let bytes = read_capped(path, LIMIT)?;
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|e| Error::format(path, "a safetensors file", e.to_string()))?;
    let wrapped = file.names().iter().all(|name| name.starts_with(WRAPPER));
    let mut parameters = Parameters::new();
    for (name, view) in file.iter().filter(|(name, _)| !name.ends_with(COUNTER)) {
        let name = if wrapped { &name[WRAPPER.len()..] } else { name };
        parameters.insert(name.to_owned(), tensor(path, name, &view)?);
    }
    graph.check_parameters(&parameters)?;
    Ok(Imported { masks: Masks::all_kept(&graph), graph, parameters, normalisation: None })
}

/// The first array of `path` whose name begins with `prefix`: what a file of expected logits holds.
pub fn array(path: &Path, prefix: &str) -> Result<Tensor, Error> {
    let bytes = read_capped(path, LIMIT)?;
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|e| Error::format(path, "a safetensors file", e.to_string()))?;
    let found = file.iter().find(|(name, _)| name.starts_with(prefix));
    let (name, view) = found.ok_or_else(|| {
        let names = file.names().join(", ");
        Error::format(path, format!("an array whose name begins with `{prefix}`"), names)
    })?;
    tensor(path, name, &view)
}

fn tensor(path: &Path, name: &str, view: &TensorView<'_>) -> Result<Tensor, Error> {
    let values: Vec<f32> = match view.dtype() {
        Dtype::F32 => view.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        Dtype::F64 => {
            view.data().as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes) as f32).collect()
        }
        other => return Err(Error::format(path, format!("`{name}` as F32 or F64"), format!("{other:?}"))),
    };
    match values.iter().find(|x| !x.is_finite()) {
        Some(bad) => Err(Error::format(path, format!("finite values in `{name}`"), bad.to_string())),
        None => Tensor::new(view.shape().to_vec(), values),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use models::graph::Shape;
    use models::nets;
    use safetensors::serialize;

    type Array = (String, Dtype, Vec<usize>, Vec<u8>);

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
        let imported = read(&path, graph()).unwrap();
        assert_eq!(imported.parameters["linear.bias"].data(), [0.5; 10]);
        assert_eq!(imported.parameters["bn1.weight"].data(), [1.0; 8]);
        assert_eq!(imported.masks.count(), 9216);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let refused = |change: fn(&mut Vec<Array>)| {
            let (_folder, path) = file(change);
            read(&path, graph()).unwrap_err().to_string()
        };
        let missing = refused(|arrays| arrays.retain(|(name, ..)| name != "linear.bias"));
        assert!(missing.contains("linear.bias") && missing.contains("[10]"), "{missing}");
        let other = refused(|arrays| arrays[0].0 = "fc.weight".into());
        assert!(other.contains("bn1.bias"), "{other}");
        let whole = refused(|arrays| arrays.push(("extra".into(), Dtype::F32, vec![1], vec![0; 4])));
        assert!(whole.contains("extra") && whole.contains("does not use"), "{whole}");
        let half = refused(|arrays| {
            let (_, dtype, _, data) = &mut arrays[0];
            (*dtype, *data) = (Dtype::F16, vec![0; 16]);
        });
        assert!(half.contains("F32 or F64") && half.contains("F16"), "{half}");
        let infinite = refused(|arrays| arrays[0].3 = f32::INFINITY.to_le_bytes().repeat(8));
        assert!(infinite.contains("finite values in `bn1.bias`"), "{infinite}");
        let (_folder, path) = file(|_| ());
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        assert!(read(&path, graph()).unwrap_err().to_string().contains("a safetensors file"));
    }
}
