//! A published network through the training backend. Needs the folder of real data beside the repository (or named by
//! `LINNET_SHARED_DATA`) and python3 to unpack it; skipped with a message where either is missing.

use import::masks::THRESHOLD;
use import::{Imported, weights};
use models::checkpoint::{Checkpoint, Meta};
use models::data::{Dataset, Normalisation, cifar};
use models::graph::Shape;
use models::nets;
use std::path::{Path, PathBuf};
use std::process::Command;
use tch::{Device, Kind, Tensor};
use train::gates::Gates;
use train::images::{answers, whole};
use train::network::Network;
use train::privshap::{ShapleySettings, shapley_values};
use train::watch::Silent;

/// The folder of real data, and its 500 CIFAR-10 test images.
fn real_data(scratch: &Path) -> Option<(PathBuf, Dataset)> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("LINNET_SHARED_DATA").map_or(beside, PathBuf::from);
    let unpacked = Command::new("python3").arg(folder.join("unpack.py")).arg(scratch).arg("ci").output();
    if !unpacked.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no python3, or no unpack.py in {}", folder.display());
        return None;
    }
    let images = cifar::read(&scratch.join("ci/cifar10_test500.bin"), cifar::Records::Cifar10, Some(500));
    Some((folder, images.expect("the unpacked file has the layout")))
}

fn resnet20(folder: &Path) -> Checkpoint {
    let file = folder.join("weights/akamaster_resnet20_cifar10.safetensors");
    let graph = nets::build("resnet20", Shape::new(3, 32, 32), 10).expect("a built-in network");
    let Imported { graph, parameters, masks, .. } =
        weights::read(&file, graph, THRESHOLD, &[]).expect("published weights");
    let normalisation = Normalisation { mean: vec![0.485, 0.456, 0.406], std: vec![0.229, 0.224, 0.225] };
    Checkpoint { graph, parameters, masks, normalisation, meta: Meta::default() }
}

#[test]
fn published_resnet20_gives_the_published_answers() {
    let scratch = tempfile::tempdir().unwrap();
    let Some((folder, images)) = real_data(scratch.path()) else { return };
    // Tests run beside each other, so this one takes one core.
    tch::set_num_threads(1);
    let checkpoint = resnet20(&folder);
    let network = Network::new(&checkpoint.graph, &checkpoint.parameters, Device::Cpu);
    let gates = Gates::of(&checkpoint.graph, &checkpoint.masks, Device::Cpu);
    let batch = whole(&images, &checkpoint.normalisation, Device::Cpu);
    let logits = answers(&network, &gates, &batch);
    let right = logits.argmax(1, false).eq_tensor(&batch.labels).sum(Kind::Int64).int64_value(&[]);
    assert_eq!(right, 457);
    let expected =
        Tensor::read_safetensors(folder.join("weights/akamaster_resnet20_cifar10.expected.safetensors"))
            .unwrap()
            .into_iter()
            .find(|(name, _)| name == "logits_ci500")
            .unwrap()
            .1;
    let difference = (logits - expected.reshape([500, 10])).abs().max().double_value(&[]);
    // Sums of up to 576 products in single precision, 21 layers deep, logits up to 30: about 30 * 21 * sqrt(576) * 2^-24.
    assert!(difference < 1e-3, "{difference}");

    // The layers of a good network raise its accuracy, and the record says what was measured.
    let settings = ShapleySettings { depth: 1, images: 20, ..Default::default() };
    let record = shapley_values(&settings, &checkpoint, &images, scratch.path(), &mut Silent).unwrap();
    assert_eq!((record.layers.len(), record.result.evaluations), (19, 1 + 19 + 1));
    assert!(record.result.full > 80.0 && record.result.empty < 30.0, "{:?}", record.result);
    assert_eq!(shapley_values(&settings, &checkpoint, &images, scratch.path(), &mut Silent).unwrap(), record);
}
