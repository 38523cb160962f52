//! A run's state on disk, written after every epoch, so that a run can be killed at any time and continued exactly.
//!
//! One safetensors file, replaced by renaming: the run's tensors, and everything else as JSON in the `u8` array
//! `state`. Randomness needs no saving: every epoch's stream follows from seed, stage and epoch.

use crate::Error;
use models::checkpoint::Epoch;
use models::graph::{Graph, Parameters};
use models::mask::{Mask, Masks};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tch::Tensor;

/// Name of the state file in a run's folder.
pub const FILE: &str = "state.safetensors";

/// A network worth keeping, and its accuracy on the held-out images as a fraction.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Weights and running statistics.
    pub parameters: Parameters,
    /// Kept units.
    pub masks: Masks,
    /// Accuracy that it was chosen by.
    pub held_out: f64,
}

/// Everything that the next epoch depends on.
#[derive(Debug)]
pub(crate) struct State {
    /// Index of the stage.
    pub(crate) stage: usize,
    /// Finished epochs of the stage.
    pub(crate) epoch: usize,
    pub(crate) parameters: Parameters,
    pub(crate) masks: Masks,
    /// Steps of the optimizer; its averages and the scores that masks are chosen by, each by name.
    pub(crate) steps: i32,
    pub(crate) averages: BTreeMap<String, Tensor>,
    /// The best epoch so far.
    pub(crate) best: Option<Candidate>,
    pub(crate) history: Vec<Epoch>,
}

#[derive(Serialize, Deserialize)]
struct Rest {
    settings: serde_json::Value,
    #[serde(rename = "phase")]
    stage: usize,
    epoch: usize,
    steps: i32,
    best_held_out: Option<f64>,
    history: Vec<Epoch>,
}

impl State {
    /// Replaces the state file in `dir`.
    pub(crate) fn save(&self, dir: &Path, settings: &serde_json::Value) -> Result<(), Error> {
        let rest = Rest {
            settings: settings.clone(),
            stage: self.stage,
            epoch: self.epoch,
            steps: self.steps,
            best_held_out: self.best.as_ref().map(|b| b.held_out),
            history: self.history.clone(),
        };
        let json = serde_json::to_vec(&rest).expect("a state has string keys only");
        let mut all = vec![("state".to_owned(), Tensor::from_slice(&json))];
        push(&mut all, "now", &self.parameters, &self.masks);
        if let Some(best) = &self.best {
            push(&mut all, "best", &best.parameters, &best.masks);
        }
        all.extend(self.averages.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())));
        fs::create_dir_all(dir).map_err(|e| Error::io(dir, e))?;
        let (path, temporary) = (dir.join(FILE), dir.join("state.new"));
        Tensor::write_safetensors(&all, &temporary)?;
        fs::rename(&temporary, &path).map_err(|e| Error::io(path, e))
    }

    /// The state in `dir`, if there is one; an error if it belongs to a run with other settings.
    pub(crate) fn load(
        dir: &Path,
        graph: &Graph,
        settings: &serde_json::Value,
    ) -> Result<Option<Self>, Error> {
        let path = dir.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let mut arrays: BTreeMap<String, Tensor> = Tensor::read_safetensors(&path)?.into_iter().collect();
        let damaged = |found: String| models::Error::format(&path, "the state of a run", found);
        let json = arrays.remove("state").ok_or_else(|| damaged("no array `state`".into()))?;
        let json = Vec::<u8>::try_from(&json)?;
        let rest: Rest = serde_json::from_slice(&json).map_err(|e| damaged(e.to_string()))?;
        same_settings(dir, settings, &rest.settings)?;
        let (parameters, masks) = pull(&mut arrays, "now", graph)?;
        let best = match rest.best_held_out {
            None => None,
            Some(held_out) => {
                let (parameters, masks) = pull(&mut arrays, "best", graph)?;
                Some(Candidate { parameters, masks, held_out })
            }
        };
        let Rest { stage, epoch, steps, history, .. } = rest;
        Ok(Some(Self { stage, epoch, parameters, masks, steps, averages: arrays, best, history }))
    }
}

/// The one key of settings that two of the same run may differ in: it follows from the machine, as sums' rounding does.
pub(crate) const COMPUTED_IN: &str = "computed_in";

/// Errors, naming the first setting that differs, unless the two are equal.
pub(crate) fn same_settings(
    dir: &Path,
    now: &serde_json::Value,
    then: &serde_json::Value,
) -> Result<(), Error> {
    let keys = now.as_object().into_iter().chain(then.as_object()).flat_map(|o| o.keys());
    let mut differing: Vec<&str> =
        keys.map(String::as_str).filter(|key| *key != COMPUTED_IN && now.get(key) != then.get(key)).collect();
    if differing.is_empty() {
        return Ok(());
    }
    // A checksum says little to a reader, and often follows from another setting.
    differing.sort_by_key(|key| key.ends_with("_sha256"));
    let differing = differing.first().copied().unwrap_or_default();
    let show = |settings: &serde_json::Value| match settings.get(differing) {
        Some(value) => format!("`{differing}` = {value}"),
        None => format!("no `{differing}`"),
    };
    let what = format!("the run in {}", dir.display());
    let advice = "(choose another folder, or --fresh to start over)";
    Err(Error::config(what, show(now), format!("{} {advice}", show(then))))
}

fn push(all: &mut Vec<(String, Tensor)>, prefix: &str, parameters: &Parameters, masks: &Masks) {
    for (name, tensor) in parameters {
        let shape: Vec<i64> = tensor.shape().iter().map(|n| *n as i64).collect();
        all.push((format!("{prefix}.parameter.{name}"), Tensor::from_slice(tensor.data()).reshape(&shape)));
    }
    for (name, mask) in masks.iter() {
        let flags: Vec<u8> = mask.flags().iter().map(|k| u8::from(*k)).collect();
        all.push((format!("{prefix}.mask.{name}"), Tensor::from_slice(&flags)));
    }
}

fn pull(
    arrays: &mut BTreeMap<String, Tensor>,
    prefix: &str,
    graph: &Graph,
) -> Result<(Parameters, Masks), Error> {
    let mut take = |kind: &str, name: &str| {
        let key = format!("{prefix}.{kind}.{name}");
        arrays.remove(&key).ok_or_else(|| models::Error::model(name, format!("`{key}` in the state"), "none"))
    };
    let mut parameters = Parameters::new();
    for (name, shape) in graph.parameter_shapes() {
        let values = Vec::<f32>::try_from(take("parameter", &name)?.flatten(0, -1))?;
        parameters.insert(name, models::tensor::Tensor::new(shape, values)?);
    }
    let mut masks = BTreeMap::new();
    for layer in graph.activations() {
        let flags = Vec::<u8>::try_from(take("mask", layer.name)?)?;
        masks.insert(layer.name.to_owned(), Mask::new(layer.shape, flags.iter().map(|f| *f == 1).collect())?);
    }
    Ok((parameters, Masks::new(graph, masks)?))
}
