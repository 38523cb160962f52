//! The Shapley value of each activation layer of a trained network.

use super::agreement::Agreement;
use super::coalitions::Coalitions;
use super::memo::Memo;
use super::shapley::{MOST_PLAYERS, Shapley, Walk, evaluations, shapley};
use crate::Error;
use crate::images::whole;
use crate::network::Network;
use crate::watch::Watch;
use models::checkpoint::Checkpoint;
use models::data::Dataset;
use models::disk::write_atomically;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::path::Path;
use tch::Device;

/// Name of the record of Shapley values in the output folder.
pub const SHAPLEY_FILE: &str = "shapley.json";

/// Most layers for which all coalitions are measured.
pub const MOST_EXACT: usize = 12;

/// Trimming never reaches below this multiple of guessing: there, utility is noise.
const ABOVE_CHANCE: f64 = 1.5;

/// How the lattice of coalitions is walked, and on what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShapleySettings {
    /// Accuracy in percent under which nothing below a coalition is measured (raised to 1.5 times chance).
    pub threshold: f64,
    /// Layers that a coalition lacks at most.
    pub depth: usize,
    /// Whether all coalitions are measured; threshold and depth then are those of the walk that is compared with them.
    pub exact: bool,
    /// How many held-out images, the first ones, are measured on; all, where there are fewer.
    pub images: usize,
}

impl Default for ShapleySettings {
    fn default() -> Self {
        Self { threshold: 5.0, depth: 2, exact: false, images: 1_000 }
    }
}

impl ShapleySettings {
    /// Refuses settings that make no sense, or not for this network.
    pub fn check(&self, teacher: &Checkpoint) -> Result<(), Error> {
        let layers = teacher.graph.activations().count();
        if self.exact && layers > MOST_EXACT {
            let expected = format!("at most {MOST_EXACT} activation layers");
            return Err(Error::config("--exact", expected, layers.to_string()));
        }
        if !(1..=MOST_PLAYERS).contains(&layers) {
            return Err(Error::config(
                "activation layers",
                format!("1 to {MOST_PLAYERS}"),
                layers.to_string(),
            ));
        }
        if !(0.0..=100.0).contains(&self.threshold) {
            return Err(Error::config("threshold", "0 to 100 percent", self.threshold.to_string()));
        }
        for (what, found) in [("depth", self.depth), ("Shapley images", self.images)] {
            if found == 0 {
                return Err(Error::config(what, "at least 1", "0"));
            }
        }
        Ok(())
    }

    /// The held-out images that are measured on: all, where there are fewer.
    pub(super) fn measured(&self, held_out: &Dataset) -> Dataset {
        held_out.take(self.images)
    }

    /// The walk that threshold and depth stand for where guessing has an accuracy of `chance` percent.
    fn trimmed(&self, chance: f64) -> Walk {
        Walk { threshold: Some(self.threshold.max(ABOVE_CHANCE * chance)), depth: Some(self.depth) }
    }
}

/// The record of the layers' Shapley values, as written to [`SHAPLEY_FILE`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShapleyRecord {
    /// What was asked for.
    pub settings: ShapleySettings,
    /// What was walked.
    pub walk: Walk,
    /// SHA-256 of the trained network.
    pub network_sha256: String,
    /// SHA-256 of the images measured on.
    pub images_sha256: String,
    /// Activation layers, in network order.
    pub layers: Vec<String>,
    /// Their units.
    pub sizes: Vec<usize>,
    /// Multiply-adds done, as a share of those that measuring each coalition separately would take.
    pub work: f64,
    /// Values in percent of accuracy, and what is known of their error.
    pub result: Shapley,
    /// How far the trimmed walk is from an exact one; empty where that was not walked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<Agreement>,
    /// Seconds spent measuring, over all sittings; empty in records older than this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

/// The layers' Shapley values: read from `out` if they are there for the same question, else measured and written. What
/// was measured before a stop is not measured again. An exact walk comes with its [`Agreement`], which takes no further
/// measuring.
pub fn shapley_values(
    settings: &ShapleySettings,
    teacher: &Checkpoint,
    held_out: &Dataset,
    out: &Path,
    watch: &mut dyn Watch,
) -> Result<ShapleyRecord, Error> {
    settings.check(teacher)?;
    let images = settings.measured(held_out);
    let (layers, sizes): (Vec<String>, Vec<usize>) =
        teacher.graph.activations().map(|layer| (layer.name.to_owned(), layer.shape.size())).unzip();
    let trimmed = settings.trimmed(100.0 / images.classes() as f64);
    let walk = if settings.exact { Walk::EXACT } else { trimmed };
    let (network_sha256, images_sha256) = (teacher.digest(), images.digest());
    let path = out.join(SHAPLEY_FILE);
    if let Some(record) = fs::read(&path).ok().and_then(|b| serde_json::from_slice::<ShapleyRecord>(&b).ok())
    {
        let same = record.settings == *settings
            && record.network_sha256 == network_sha256
            && record.images_sha256 == images_sha256
            && record.agreement.is_some() == settings.exact;
        if same {
            watch.note(&format!("Shapley values found in {}", path.display()));
            return Ok(record);
        }
    }
    let memo = Memo::open(out, &network_sha256, &images_sha256)?;
    if memo.len() > 0 {
        watch.note(&format!("{} coalitions were measured, at least in part, before", memo.len()));
    }
    let device = Device::cuda_if_available();
    let network = Network::new(&teacher.graph, &teacher.parameters, device);
    let batch = whole(&images, &teacher.normalisation, device);
    let mut coalitions = Coalitions::new(&network, &batch, memo);
    let most = evaluations(layers.len(), walk.depth);
    let mut known: BTreeMap<u64, f64> = BTreeMap::new();
    let result = shapley(layers.len(), walk, |asked| {
        let shares = coalitions.accuracy(asked, &mut |measured| watch.coalition(measured, most))?;
        let utilities: Vec<f64> = shares.iter().map(|share| 100.0 * share).collect();
        known.extend(asked.iter().copied().zip(utilities.iter().copied()));
        Ok::<_, Error>(utilities)
    })?;
    let agreement = settings.exact.then(|| {
        let recall = |asked: &[u64]| Ok(asked.iter().map(|coalition| known[coalition]).collect());
        let Ok(found) = shapley::<Infallible>(layers.len(), trimmed, recall);
        Agreement::between(&result, trimmed, found)
    });
    let record = ShapleyRecord {
        settings: settings.clone(),
        walk,
        network_sha256,
        images_sha256,
        layers,
        sizes,
        work: coalitions.work(),
        result,
        agreement,
        seconds: Some(coalitions.seconds()),
    };
    let json = serde_json::to_vec_pretty(&record).expect("a record has string keys only");
    write_atomically(&path, &json)?;
    coalitions.end()?;
    Ok(record)
}
