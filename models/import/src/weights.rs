//! Files of weights for a network that is known: safetensors or PyTorch's state dicts, by PyTorch's names.

use crate::Imported;
use crate::arrays::Arrays;
use crate::fault::listed;
use crate::masks;
use crate::names::{Names, Rename};
use models::Error;
use models::data::Normalisation;
use models::graph::{Graph, Parameters};
use models::mask::Masks;
use models::tensor::Tensor;
use models::text::printable;
use std::path::Path;

/// A counter of PyTorch's batch norms in training, which inference does not need.
const COUNTER: &str = ".num_batches_tracked";

/// Reads the parameters of `graph` from a file of weights, and masks where it has some ([`masks`], kept where a value
/// exceeds `threshold`). Names may stand in wrappers, `module.`, `_orig_mod.` and `model.`, or have one part in front of them
/// all; `renames` exchanges parts. A mean and deviation that the file has beside the network are the image's normalisation.
/// Other arrays are an error, but for the counters of batch norms.
///
/// # Errors
/// Names that the network and the file have alone, side by side; shapes and values that do not fit.
pub fn read(path: &Path, graph: Graph, threshold: f32, renames: &[Rename]) -> Result<Imported, Error> {
    let arrays = Arrays::open(path)?;
    let (named, others): (Vec<&str>, Vec<&str>) =
        arrays.names().filter(|name| !name.ends_with(COUNTER)).partition(|name| masks::is_mask(name));
    let names = Names::of(&others, &graph, renames).map_err(|fault| fault.of(path))?;
    let (mut parameters, mut beside) = (Parameters::new(), Vec::new());
    for name in others {
        match names.own(name) {
            Some(own) => drop(parameters.insert(own, arrays.tensor(name)?)),
            None => beside.push(name),
        }
    }
    let normalisation = normalisation(&arrays, &mut beside, graph.input().c)?;
    same_names(path, &graph, &parameters, &beside)?;
    graph.check_parameters(&parameters)?;
    let masks = match named.is_empty() {
        true => Masks::all_kept(&graph),
        false => masks::of(&arrays, &named, &graph, threshold, &names)?,
    };
    Ok(Imported { masks, graph, parameters, normalisation, dropped: None })
}

/// The mean and deviation of images that stand beside a network, taken from what does.
fn normalisation(
    arrays: &Arrays,
    beside: &mut Vec<&str>,
    channels: usize,
) -> Result<Option<Normalisation>, Error> {
    let ends = |name: &str, with: &str| name.rsplit('.').next() == Some(with);
    let only = |with: &str| match beside.iter().filter(|name| ends(name, with)).collect::<Vec<_>>()[..] {
        [name] => Some(*name),
        _ => None,
    };
    let (Some(mean), Some(std)) = (only("mean"), only("std")) else { return Ok(None) };
    let (means, stds) = (arrays.tensor(mean)?, arrays.tensor(std)?);
    if [&means, &stds].iter().any(|tensor| tensor.data().len() != channels) {
        return Ok(None);
    }
    beside.retain(|name| ![mean, std].contains(name));
    Ok(Some(Normalisation { mean: means.data().to_vec(), std: stds.data().to_vec() }))
}

/// Errors with the names that the network and the file have alone, side by side.
fn same_names(path: &Path, graph: &Graph, parameters: &Parameters, beside: &[&str]) -> Result<(), Error> {
    let shapes = graph.parameter_shapes();
    let missing: Vec<(&str, &[usize])> = shapes
        .iter()
        .filter(|(name, _)| !parameters.contains_key(*name))
        .map(|(name, shape)| (name.as_str(), shape.as_slice()))
        .collect();
    let unused: Vec<(&str, &[usize])> = parameters
        .iter()
        .filter(|(name, _)| !shapes.contains_key(*name))
        .map(|(name, tensor)| (name.as_str(), tensor.shape()))
        .collect();
    if missing.is_empty() && unused.is_empty() && beside.is_empty() {
        return Ok(());
    }
    let shown = |arrays: &[(&str, &[usize])]| {
        let texts: Vec<String> = arrays.iter().map(|(name, shape)| format!("{name} {shape:?}")).collect();
        match texts.is_empty() {
            true => "none".to_owned(),
            false => listed(&texts.iter().map(String::as_str).collect::<Vec<_>>()),
        }
    };
    let others = match beside.is_empty() {
        true => String::new(),
        false => format!("; beside the network {}", listed(beside)),
    };
    let hint = only_module(&unused).zip(only_module(&missing)).map_or_else(String::new, |(file, own)| {
        format!(" (if they are the same, --rename {}={own})", printable(file))
    });
    let expected = format!("the network's arrays; in the network alone are {}", shown(&missing));
    Err(Error::format(path, expected, format!("in the file alone {}{others}{hint}", shown(&unused))))
}

/// The module that all of some arrays belong to.
fn only_module<'a>(arrays: &[(&'a str, &[usize])]) -> Option<&'a str> {
    let mut modules = arrays.iter().filter_map(|(name, _)| name.rsplit_once('.')).map(|(module, _)| module);
    let first = modules.next()?;
    modules.all(|module| module == first).then_some(first)
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
    type Renamed = fn(usize, &str) -> String;

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
    fn what_stands_around_a_network_is_taken_off() {
        type Around = fn(&str) -> String;
        let wrapped: [Around; 4] = [
            |name| format!("model.{name}"),
            |name| format!("module._orig_mod.{name}"),
            |name| name.replacen('.', "._orig_mod.", 1),
            |name| format!("net.1.{name}"),
        ];
        for around in wrapped {
            let (_folder, path) = file(|arrays| {
                arrays.iter_mut().for_each(|(name, ..)| *name = around(name));
            });
            assert_eq!(
                read(&path, graph(), THRESHOLD, &[]).unwrap().parameters.len(),
                graph().parameter_shapes().len()
            );
        }
        let layer = |name: &str, value: f32| {
            (name.to_owned(), Dtype::F32, vec![1, 3, 1, 1], value.to_le_bytes().repeat(3))
        };
        let (_folder, path) = file(|arrays| {
            arrays.iter_mut().for_each(|(name, ..)| name.insert_str(0, "1."));
            arrays.extend([layer("0.mean", 0.5), layer("0.std", 0.25)]);
        });
        let normalisation = read(&path, graph(), THRESHOLD, &[]).unwrap().normalisation.unwrap();
        assert_eq!((normalisation.mean, normalisation.std), (vec![0.5; 3], vec![0.25; 3]));
        let (_folder, path) = file(|arrays| {
            let twice = arrays[0].clone();
            arrays.push((format!("model.{}", twice.0), twice.1, twice.2, twice.3));
        });
        let said = read(&path, graph(), THRESHOLD, &[]).unwrap_err().to_string();
        assert!(said.contains("`bn1.bias` and `model.bn1.bias`"), "{said}");
    }

    #[test]
    fn names_that_differ_are_shown_side_by_side_and_can_be_exchanged() {
        let (_folder, path) = file(|arrays| {
            arrays.iter_mut().for_each(|(name, ..)| *name = name.replace("linear.", "head.fc."));
        });
        let said = read(&path, graph(), THRESHOLD, &[]).unwrap_err().to_string();
        let sides = "in the network alone are linear.bias [10], linear.weight [10, 32], found in the file alone head.fc.bias [10], \
                     head.fc.weight [10, 32] (if they are the same, --rename head.fc=linear)";
        assert!(said.contains(sides), "{said}");
        let renames: [Rename; 1] = ["head.fc=linear".parse().unwrap()];
        assert_eq!(read(&path, graph(), THRESHOLD, &renames).unwrap().masks.count(), 9216);
        for wrong in ["", "a", "=a", "a="] {
            assert!(wrong.parse::<Rename>().unwrap_err().contains("such as fc=linear"));
        }
    }

    #[test]
    fn a_variance_that_is_none_is_refused() {
        let (_folder, path) = file(|arrays| {
            let (.., data) = arrays.iter_mut().find(|(name, ..)| name == "bn1.running_var").unwrap();
            *data = (-0.5f32).to_le_bytes().repeat(8);
        });
        let said = read(&path, graph(), THRESHOLD, &[]).unwrap_err().to_string();
        assert!(
            said.contains("node `bn1.running_var`: expected variances that are not negative")
                && said.contains("-0.5"),
            "{said}"
        );
    }

    #[test]
    fn files_of_something_else_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
        for (text, said) in [
            ("", "found an empty file"),
            ("\n<!DOCTYPE html><title>404</title>", "found a web page"),
            ("<HTML>", "found a web page"),
            (pointer, "`git lfs pull`"),
            ("\u{1f}\u{8b}", "expected"),
        ] {
            for name in ["w.safetensors", "w.pth", "w.onnx"] {
                let path = folder.path().join(name);
                std::fs::write(&path, text).unwrap();
                let read = match name {
                    "w.onnx" => crate::onnx::read(&path),
                    _ => read(&path, graph(), THRESHOLD, &[]),
                };
                let found = read.unwrap_err().to_string();
                assert!(found.contains(said), "{name}: {found}");
            }
        }
    }

    #[test]
    fn wrappers_counters_and_doubles_are_understood() {
        let (_folder, path) = file(|arrays| {
            let counter = ("bn1.num_batches_tracked".into(), Dtype::I64, vec![], vec![0; 8]);
            arrays.push(counter);
            let (_, dtype, shape, data) = arrays.iter_mut().find(|(name, ..)| name == "linear.bias").unwrap();
            (*dtype, *data) = (Dtype::F64, 0.5f64.to_le_bytes().repeat(shape[0]));
            arrays.iter_mut().for_each(|(name, ..)| name.insert_str(0, "module."));
        });
        let imported = read(&path, graph(), THRESHOLD, &[]).unwrap();
        assert_eq!(imported.parameters["linear.bias"].data(), [0.5; 10]);
        assert_eq!(imported.parameters["bn1.weight"].data(), [1.0; 8]);
        assert_eq!(imported.masks.count(), 9216);
    }

    /// The masks of `mini`, under the names that `rename` makes of its activations; unit 5 of each is dropped.
    fn masks(arrays: &mut Vec<Array>, rename: Renamed, batch: bool, drop: f32) {
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
        let schemes: [(Renamed, bool); 3] = [
            (|_, name| format!("{name}.mask"), false),
            (|_, name| format!("{}.alphas", name.replace("relu", "alpha")), true),
            (|i, _| format!("alpha_mask_{}", 3 * i + 2), false),
        ];
        for (rename, batch) in schemes {
            let (_folder, path) = file(|arrays| masks(arrays, rename, batch, 0.009));
            let imported = read(&path, graph(), THRESHOLD, &[]).unwrap();
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
            read(&path, graph(), THRESHOLD, &[]).unwrap_err().to_string()
        };
        let missing = refused(|arrays| arrays.retain(|(name, ..)| name != "linear.bias"));
        assert!(missing.contains("linear.bias") && missing.contains("[10]"), "{missing}");
        let other = refused(|arrays| arrays[0].0 = "fc.weight".into());
        assert!(other.contains("bn1.bias"), "{other}");
        let whole = refused(|arrays| arrays.push(("extra".into(), Dtype::F32, vec![1], vec![0; 4])));
        assert!(whole.contains("in the file alone extra [1]"), "{whole}");
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
        assert!(read(&path, graph(), THRESHOLD, &[]).unwrap_err().to_string().contains("a safetensors file"));
    }
}
