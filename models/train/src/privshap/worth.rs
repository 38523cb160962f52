//! What each activation layer is worth to the trained network.

use super::coalitions::Coalitions;
use super::shapley::{MOST_PLAYERS, Shapley, Walk, shapley};
use crate::Error;
use crate::images::whole;
use crate::network::Network;
use crate::watch::Watch;
use models::checkpoint::{Checkpoint, write_atomically};
use models::data::Dataset;
use serde::{Deserialize, Serialize};
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
    /// Percent of accuracy below which a coalition is not looked below (raised to 1.5 times chance).
    pub threshold: f64,
    /// Layers that a coalition lacks at most.
    pub depth: usize,
    /// All coalitions, whatever threshold and depth say.
    pub exact: bool,
    /// Held-out images measured on, the first ones.
    pub images: usize,
}

impl Default for ShapleySettings {
    fn default() -> Self {
        Self { threshold: 5.0, depth: 4, exact: false, images: 1_000 }
    }
}

impl ShapleySettings {
    /// Errors unless `layers` activation layers can be measured in this way.
    pub fn check(&self, layers: usize) -> Result<(), Error> {
        let expected = |what: &str, most: usize| {
            Error::config(what, format!("1 to {most} activation layers"), layers.to_string())
        };
        if self.images == 0 {
            return Err(Error::config("images for Shapley values", "at least 1", "0"));
        }
        match layers {
            1..=MOST_EXACT => Ok(()),
            1..=MOST_PLAYERS if !self.exact => Ok(()),
            _ if self.exact => Err(expected("--exact", MOST_EXACT)),
            _ => Err(expected("Shapley values", MOST_PLAYERS)),
        }
    }
}

/// The record of the players' worth, as written to [`SHAPLEY_FILE`].
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
    /// Multiply-adds done, as a share of those of measuring every coalition by itself.
    pub work: f64,
    /// Values in percent of accuracy, and what is known of their error.
    pub result: Shapley,
}

/// The layers' Shapley values: read from `out` if they are there for the same question, else measured and written.
pub fn worth(
    settings: &ShapleySettings,
    teacher: &Checkpoint,
    held_out: &Dataset,
    out: &Path,
    watch: &mut dyn Watch,
) -> Result<ShapleyRecord, Error> {
    let images = held_out.take(settings.images);
    let (layers, sizes): (Vec<String>, Vec<usize>) =
        teacher.graph.activations().map(|layer| (layer.name.to_owned(), layer.shape.size())).unzip();
    let chance = 100.0 / images.classes() as f64;
    let walk = match settings.exact {
        true => Walk::EXACT,
        false => Walk {
            threshold: Some(settings.threshold.max(ABOVE_CHANCE * chance)),
            depth: Some(settings.depth),
        },
    };
    let (network_sha256, images_sha256) = (teacher.digest(), images.digest());
    let path = out.join(SHAPLEY_FILE);
    if let Some(record) = fs::read(&path).ok().and_then(|b| serde_json::from_slice::<ShapleyRecord>(&b).ok())
    {
        let same = record.settings == *settings
            && record.network_sha256 == network_sha256
            && record.images_sha256 == images_sha256;
        if same {
            watch.note(&format!("Shapley values found in {}", path.display()));
            return Ok(record);
        }
    }
    let device = Device::cuda_if_available();
    let network = Network::new(&teacher.graph, &teacher.parameters, device);
    let batch = whole(&images, &teacher.normalisation, device);
    let mut coalitions = Coalitions::new(&network, &batch);
    let result = shapley(layers.len(), walk, |asked| {
        let shares = coalitions.accuracy(asked, &mut |measured| watch.coalition(measured));
        Ok::<_, Error>(shares.iter().map(|share| 100.0 * share).collect())
    })?;
    let work = coalitions.work();
    let record = ShapleyRecord {
        settings: settings.clone(),
        walk,
        network_sha256,
        images_sha256,
        layers,
        sizes,
        work,
        result,
    };
    fs::create_dir_all(out).map_err(|e| Error::io(out, e))?;
    let json = serde_json::to_vec_pretty(&record).expect("a record has string keys only");
    write_atomically(&path, &json)?;
    describe(&record, watch);
    Ok(record)
}

fn describe(record: &ShapleyRecord, watch: &mut dyn Watch) {
    let r = &record.result;
    watch.note(&format!(
        "utility {:.2} % with all layers, {:.2} % with none; {} coalitions measured, with {:.0} % of the multiply-adds \
         of one by one",
        r.full,
        r.empty,
        r.evaluations,
        100.0 * record.work
    ));
    if record.walk.threshold.is_some_and(|threshold| r.full < threshold) {
        watch.note(
            "this is below the threshold, so nothing tells the layers apart: train the network further",
        );
    }
    for (i, layer) in record.layers.iter().enumerate() {
        watch.note(&format!(
            "  {layer:20} {:7} units, phi {:6.2}, weight trimmed {:.3} and capped {:.3}, too low by at most {:.2} if monotone",
            record.sizes[i], r.phi[i], r.trimmed[i], r.capped, r.bound[i]
        ));
    }
}
