//! A trained network on disk: safetensors for the arrays, JSON for the rest.
//!
//! A checkpoint is a folder with `model.safetensors` (parameters as `f32`, masks as `u8` named `NODE.mask`) and
//! `model.json` (graph, normalisation, origin, SHA-256 of the other file). The JSON is written last, each file under
//! a temporary name first, so a folder that loads is whole.

use crate::Error;
use crate::data::Normalisation;
use crate::digest::hex;
use crate::disk::{read_capped, write_atomically};
use crate::graph::{Graph, Parameters, Shape};
use crate::mask::{Mask, Masks};
use crate::safe;
use crate::tensor::Tensor;
use crate::text::{check_line, check_name};
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Key of [`Meta::settings`]: the file from which the network, or the one it was linearized from, was imported.
pub const IMPORTED_FROM: &str = "imported_from";

/// Key of [`Meta::settings`]: SHA-256 of the file from which the network itself was imported.
pub const IMPORTED_SHA256: &str = "sha256";

/// Key of a checkpoint's settings that has the SHA-256 of the network that it was linearized from here.
pub const TEACHER: &str = "teacher_sha256";

/// Name of the file of arrays in a checkpoint.
pub const ARRAYS: &str = "model.safetensors";
/// Name of the file of everything else.
pub const REST: &str = "model.json";
const FORMAT: u32 = 1;

/// Largest files that are written and read: what a network of the most parameters and units fills, and what describes one of
/// the most nodes and a thousand epochs. A parsed JSON takes up to forty times its file.
const ARRAYS_LIMIT: u64 = 2_000_000_000;
const REST_LIMIT: u64 = 16_000_000;

/// A network with its weights, masks and origin.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// The operations.
    pub graph: Graph,
    /// Weights and running statistics, by PyTorch name.
    pub parameters: Parameters,
    /// Which units keep their nonlinearity.
    pub masks: Masks,
    /// How images become inputs.
    pub normalisation: Normalisation,
    /// Where it comes from and how well it does.
    pub meta: Meta,
}

/// How a network came about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// The network's name, as `nets::build` knows it.
    pub net: String,
    /// The data set's name, as `DataSource::parse` knows it.
    pub data: String,
    /// `ar` (all activations kept) or the linearizer's name.
    pub method: String,
    /// The number of kept units asked for; none for an all-activation network.
    pub budget: Option<usize>,
    /// Seed of data order, augmentation, held-out split and first weights.
    pub seed: u64,
    /// Images that it was fitted to, each counted as often as it was shown: since the first weights, or, of a linearized
    /// network, since the trained one, over all networks in between. Zero where that was not recorded.
    #[serde(default)]
    pub images_seen: u64,
    /// Top-1 accuracies measured so far.
    pub accuracy: Accuracies,
    /// One record per epoch, in order.
    pub history: Vec<Epoch>,
    /// All settings of the run that made it.
    pub settings: serde_json::Value,
}

/// Top-1 accuracies, as fractions of 1. What was not measured is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Accuracies {
    /// On the held-out images, which chose the epoch.
    pub held_out: Option<f64>,
    /// On the test images, read once.
    pub test: Option<f64>,
}

/// What one epoch of training reported.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// The stage of training: `train`, `replace` or `finetune`.
    #[serde(rename = "phase")]
    pub stage: String,
    /// From 1, within the stage.
    pub epoch: usize,
    /// Mean loss over the epoch's batches.
    pub loss: f64,
    /// Accuracy on the training batches as they were seen, as a fraction.
    pub train: f64,
    /// Accuracy on the held-out images afterwards, as a fraction.
    pub held_out: f64,
}

/// The JSON file.
#[derive(Serialize, Deserialize)]
struct Rest {
    format: u32,
    arrays_sha256: String,
    graph: Graph,
    normalisation: Normalisation,
    meta: Meta,
}

impl Checkpoint {
    /// Writes the folder, replacing an older checkpoint in it. Errors when the parts contradict each other.
    pub fn save(&self, dir: &Path) -> Result<(), Error> {
        self.check()?;
        fs::create_dir_all(dir).map_err(|e| Error::io(dir, e))?;
        let arrays = self.arrays();
        let rest = Rest {
            format: FORMAT,
            arrays_sha256: sha256(&arrays),
            graph: self.graph.clone(),
            normalisation: self.normalisation.clone(),
            meta: self.meta.clone(),
        };
        let json = serde_json::to_vec_pretty(&rest).expect("a checkpoint has string keys only");
        if json.len() as u64 > REST_LIMIT {
            let expected = format!("at most {REST_LIMIT} bytes of graph, history and settings");
            return Err(Error::argument("checkpoint", expected, json.len().to_string()));
        }
        write_atomically(&dir.join(ARRAYS), &arrays)?;
        write_atomically(&dir.join(REST), &json)
    }

    /// Reads and checks a folder that [`Checkpoint::save`] wrote.
    pub fn load(dir: &Path) -> Result<Self, Error> {
        let (rest_path, arrays_path) = (dir.join(REST), dir.join(ARRAYS));
        let rest: Rest = serde_json::from_slice(&read_capped(&rest_path, REST_LIMIT)?)
            .map_err(|e| Error::format(&rest_path, "a checkpoint's JSON", e.to_string()))?;
        if rest.format != FORMAT {
            return Err(Error::format(&rest_path, format!("format {FORMAT}"), rest.format.to_string()));
        }
        let bytes = read_capped(&arrays_path, ARRAYS_LIMIT)?;
        let found = sha256(&bytes);
        if found != rest.arrays_sha256 {
            return Err(Error::format(&arrays_path, format!("SHA-256 {}", rest.arrays_sha256), found));
        }
        let (parameters, masks) = arrays(&bytes, &arrays_path, &rest.graph)?;
        let checkpoint =
            Self { graph: rest.graph, parameters, masks, normalisation: rest.normalisation, meta: rest.meta };
        checkpoint.check()?;
        Ok(checkpoint)
    }

    /// SHA-256 (hex) of what determines the network's answers: graph, normalisation, parameters and masks.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        let rest = serde_json::to_vec(&(&self.graph, &self.normalisation));
        hash.update(rest.expect("a graph has string keys only"));
        hash.update(self.arrays());
        hex(&hash.finalize())
    }

    /// Errors unless parameters, masks and normalisation fit the graph.
    pub fn check(&self) -> Result<(), Error> {
        self.graph.check_parameters(&self.parameters)?;
        self.masks.check(&self.graph)?;
        check_name("a network's name", &self.meta.net)?;
        check_line("a method's name", &self.meta.method)?;
        check_line("a data set's name", &self.meta.data)?;
        self.meta.history.iter().try_for_each(|epoch| check_line("a stage's name", &epoch.stage))?;
        self.normalisation.check(self.graph.input().c)
    }

    fn arrays(&self) -> Vec<u8> {
        let mut all: BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)> = BTreeMap::new();
        for (name, tensor) in &self.parameters {
            let bytes = tensor.data().iter().flat_map(|x| x.to_le_bytes()).collect();
            all.insert(name.clone(), (Dtype::F32, tensor.shape().to_vec(), bytes));
        }
        for (name, mask) in self.masks.iter() {
            let s = mask.shape();
            let bytes = mask.flags().iter().map(|k| u8::from(*k)).collect();
            all.insert(format!("{name}.mask"), (Dtype::U8, vec![s.c, s.h, s.w], bytes));
        }
        let views = all.iter().map(|(name, (dtype, shape, bytes))| {
            (name, TensorView::new(*dtype, shape.clone(), bytes).expect("sizes agree by construction"))
        });
        safetensors::serialize(views, None).expect("sizes agree by construction")
    }
}

/// The arrays that `graph` asks for, and nothing beside them.
fn arrays(bytes: &[u8], path: &Path, graph: &Graph) -> Result<(Parameters, Masks), Error> {
    let layers: BTreeMap<&str, Shape> = graph.activations().map(|layer| (layer.name, layer.shape)).collect();
    let (mut parameters, mut masks) = (Parameters::new(), BTreeMap::new());
    for (name, view) in safe::arrays(bytes, path)?.iter() {
        match name.strip_suffix(".mask") {
            Some(node) => {
                let mask = mask(name, layers.get(node).copied(), &view, path)?;
                masks.insert(node.to_owned(), mask).is_some()
            }
            None => parameters.insert(name.to_owned(), parameter(name, &view, path)?).is_some(),
        };
    }
    graph.check_parameters(&parameters)?;
    Ok((parameters, Masks::new(graph, masks)?))
}

fn parameter(name: &str, view: &TensorView<'_>, path: &Path) -> Result<Tensor, Error> {
    if view.dtype() != Dtype::F32 {
        return Err(Error::format(path, format!("`{name}` as F32"), format!("{:?}", view.dtype())));
    }
    let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    let tensor = Tensor::new(view.shape().to_vec(), values)?;
    match tensor.data().iter().find(|x| !x.is_finite()) {
        Some(bad) => Err(Error::format(path, format!("finite values in `{name}`"), bad.to_string())),
        None => Ok(tensor),
    }
}

fn mask(name: &str, layer: Option<Shape>, view: &TensorView<'_>, path: &Path) -> Result<Mask, Error> {
    let Some(layer) = layer else {
        return Err(Error::format(path, "masks of the graph's activations", format!("`{name}`")));
    };
    let shape = [layer.c, layer.h, layer.w];
    if view.dtype() != Dtype::U8 || view.shape() != shape {
        let found = format!("{:?} of shape {:?}", view.dtype(), view.shape());
        return Err(Error::format(path, format!("`{name}` as U8 of shape {shape:?}"), found));
    }
    match view.data().iter().find(|b| **b > 1) {
        Some(bad) => Err(Error::format(path, format!("0 or 1 in `{name}`"), bad.to_string())),
        None => Mask::new(layer, view.data().iter().map(|b| *b == 1).collect()),
    }
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// SHA-256 of a file, hex.
pub fn file_digest(path: &Path) -> Result<String, Error> {
    read_capped(path, ARRAYS_LIMIT).map(|bytes| sha256(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nets;

    fn example() -> Checkpoint {
        let graph = nets::build("mini", Shape::new(3, 32, 32), 10).unwrap();
        let parameters: Parameters = graph
            .parameter_shapes()
            .into_iter()
            .enumerate()
            .map(|(i, (name, shape))| {
                let size = shape.iter().product::<usize>();
                let value = |j: usize| 0.1 * i as f32 - 0.37 * j as f32;
                // Variances are not negative.
                let value = |j| if name.ends_with("running_var") { value(j).abs() } else { value(j) };
                let data = (0..size).map(value).collect();
                (name, Tensor::new(shape, data).unwrap())
            })
            .collect();
        let mut masks = Masks::all_kept(&graph);
        for layer in graph.activations() {
            let flags = (0..layer.shape.size()).map(|i| i % 3 == layer.node % 3).collect();
            masks.set(layer.name, Mask::new(layer.shape, flags).unwrap());
        }
        let normalisation =
            Normalisation { mean: vec![0.4914, 0.4822, 0.4465], std: vec![0.2023, 0.1994, 0.201] };
        let epoch =
            Epoch { stage: "train".into(), epoch: 1, loss: 1.0 / 3.0, train: 0.1, held_out: 2.0 / 7.0 };
        let meta = Meta {
            net: "mini".into(),
            data: "shapes".into(),
            method: "privshap".into(),
            budget: Some(3072),
            seed: 5,
            images_seen: 77,
            accuracy: Accuracies { held_out: Some(0.8125), test: None },
            history: vec![epoch],
            settings: serde_json::json!({ "lr": 0.1 }),
        };
        Checkpoint { graph, parameters, masks, normalisation, meta }
    }

    #[test]
    fn a_checkpoint_comes_back_as_it_went() {
        let dir = tempfile::tempdir().unwrap();
        let checkpoint = example();
        checkpoint.save(dir.path()).unwrap();
        checkpoint.save(dir.path()).unwrap();
        let loaded = Checkpoint::load(dir.path()).unwrap();
        assert_eq!(loaded, checkpoint);
        assert_eq!(loaded.digest(), checkpoint.digest());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "no temporary file stays");
    }

    #[test]
    fn the_digest_sees_weights_and_masks_but_no_origin() {
        let (checkpoint, mut other) = (example(), example());
        other.meta.seed = 6;
        assert_eq!(other.digest(), checkpoint.digest());
        let name = "relu";
        other.masks.set(name, Mask::uniform(checkpoint.masks.get(name).shape(), true));
        assert_ne!(other.digest(), checkpoint.digest());
    }

    /// Saves the example, lets `damage` loose on one file, and returns the message of the load.
    fn damaged(file: &str, damage: impl Fn(Vec<u8>) -> Vec<u8>) -> String {
        let dir = tempfile::tempdir().unwrap();
        example().save(dir.path()).unwrap();
        let path = dir.path().join(file);
        fs::write(&path, damage(fs::read(&path).unwrap())).unwrap();
        Checkpoint::load(dir.path()).unwrap_err().to_string()
    }

    #[test]
    fn damaged_files_are_refused() {
        let truncated = damaged(ARRAYS, |b| b[..b.len() - 1].to_vec());
        assert!(truncated.contains("model.safetensors: expected SHA-256"), "{truncated}");
        let cut = damaged(REST, |b| b[..b.len() / 2].to_vec());
        assert!(cut.contains("model.json: expected a checkpoint's JSON, found EOF"), "{cut}");
        let edit = |from: &str, to: &str| {
            damaged(REST, |b| String::from_utf8(b).unwrap().replacen(from, to, 1).into_bytes())
        };
        let future = edit("\"format\": 1", "\"format\": 2");
        assert!(future.ends_with("expected format 1, found 2"), "{future}");
        let reshaped = edit("\"out\": 8", "\"out\": 9");
        assert!(reshaped.contains("expected"), "{reshaped}");
        let renamed = edit("\"name\": \"linear\"", "\"name\": \"head\"");
        assert_eq!(renamed, "node `head.bias`: expected a parameter of shape [10], found none");
    }

    #[test]
    fn a_missing_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let message = Checkpoint::load(dir.path()).unwrap_err().to_string();
        assert!(message.contains("model.json: No such file"), "{message}");
    }

    #[test]
    fn contradictions_are_never_written() {
        let dir = tempfile::tempdir().unwrap();
        let mut checkpoint = example();
        checkpoint.parameters.remove("conv1.weight");
        let message = checkpoint.save(dir.path()).unwrap_err().to_string();
        assert_eq!(message, "node `conv1.weight`: expected a parameter of shape [8, 3, 3, 3], found none");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
