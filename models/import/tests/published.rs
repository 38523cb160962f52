//! Third-party files on real images, where they are at hand: a folder `shared/data` beside the repository, or the one
//! that `LINNET_SHARED_DATA` names. Skipped with a message elsewhere.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use import::Imported;
use import::masks::THRESHOLD;
use models::data::cifar::{self, Records};
use models::data::{Dataset, Normalisation};
use models::fixed::lower::lower;
use models::graph::{Activation, Op};
use models::{nets, real};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder, and CIFAR-10's 500 class-balanced test images; `None`, with a message, without it.
fn shared() -> Option<(PathBuf, Dataset)> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("LINNET_SHARED_DATA").map_or(default, PathBuf::from);
    if !folder.join("unpack.py").exists() {
        eprintln!("skipped: no real data in {}", folder.display());
        return None;
    }
    let unpacked = tempfile::tempdir().unwrap();
    let script = folder.join("unpack.py");
    let done = Command::new("python3").arg(script).arg(unpacked.path()).arg("ci").status().unwrap();
    assert!(done.success(), "unpack.py failed");
    let images = unpacked.path().join("ci").join("cifar10_test500.bin");
    Some((folder, cifar::read(&images, Records::Cifar10, None).unwrap()))
}

/// The published normalisation of akamaster's networks.
fn akamasters() -> Normalisation {
    Normalisation { mean: vec![0.485, 0.456, 0.406], std: vec![0.229, 0.224, 0.225] }
}

/// No normalisation: images of values in 0..=1.
fn none() -> Normalisation {
    Normalisation { mean: vec![0.0; 3], std: vec![1.0; 3] }
}

/// Compares the logits of all images with those published as `name`, and the number of them that are right.
fn check(
    (folder, images): &(PathBuf, Dataset),
    net: &Imported,
    normalisation: &Normalisation,
    name: &str,
    correct: usize,
) {
    lower(&net.graph, &net.parameters, &net.masks).unwrap();
    let published = folder.join("weights").join(format!("{name}.expected.safetensors"));
    let expected = import::weights::array(&published, "logits").unwrap();
    assert_eq!(expected.shape(), [images.len(), 10]);
    let (mut largest, mut right): (f32, usize) = (0.0, 0);
    for (i, expected) in expected.data().chunks_exact(10).enumerate() {
        let image = normalisation.apply(images.image(i), images.shape());
        let found = real::logits(&net.graph, &net.parameters, &net.masks, &image);
        assert_eq!(real::argmax(&found), real::argmax(expected), "image {i}");
        right += usize::from(real::argmax(&found) == images.label(i));
        let differences = found.iter().zip(expected).map(|(found, expected)| (found - expected).abs());
        largest = differences.fold(largest, f32::max);
    }
    println!("{name}: logits differ by at most {largest:e}, {right} of {} are right", images.len());
    assert!(largest < 1e-3, "{largest}");
    assert_eq!(right, correct);
}

/// Checks a published file of weights for the built-in network `net`.
fn check_weights(net: &str, normalisation: &Normalisation, name: &str, units: usize, correct: usize) {
    let Some(shared) = shared() else { return };
    let (folder, images) = &shared;
    let graph = nets::build(net, images.shape(), images.classes()).unwrap();
    let file = folder.join("weights").join(format!("{name}.safetensors"));
    let imported = import::weights::read(&file, graph, THRESHOLD, &[]).unwrap();
    assert_eq!((imported.masks.count(), &imported.normalisation), (units, &None));
    check(&shared, &imported, normalisation, name, correct);
}

/// Checks a published ONNX file, whose own normalisation is that given or none.
fn check_onnx(own: Option<Normalisation>, name: &str, units: usize, correct: usize) -> Option<Imported> {
    let shared = shared()?;
    let imported = import::onnx::read(&shared.0.join("onnx").join(format!("{name}.onnx"))).unwrap();
    assert_eq!((imported.masks.count(), &imported.normalisation), (units, &own));
    check(&shared, &imported, &own.unwrap_or_else(none), name, correct);
    Some(imported)
}

#[test]
fn weights_of_a_resnet20() {
    check_weights("resnet20", &akamasters(), "akamaster_resnet20_cifar10", 188_416, 457);
}

#[test]
fn weights_of_a_resnet32() {
    check_weights("resnet32", &akamasters(), "akamaster_resnet32_cifar10", 303_104, 465);
}

#[test]
fn weights_of_a_resnet56() {
    check_weights("resnet56", &akamasters(), "akamaster_resnet56_cifar10", 532_480, 470);
}

#[test]
fn weights_of_a_minionn() {
    check_weights("minionn", &none(), "delphi_minionn_cifar10_relu", 173_056, 435);
}

#[test]
fn a_resnet20_with_slices_and_pads() {
    let Some(net) = check_onnx(Some(akamasters()), "akamaster_resnet20_cifar10", 188_416, 457) else {
        return;
    };
    let shortcuts = net.graph.nodes().iter().filter(|node| matches!(node.op, Op::PadChannels { .. }));
    let shortcuts: Vec<&Op> = shortcuts.map(|node| &node.op).collect();
    assert_eq!(
        shortcuts,
        [
            &Op::PadChannels { stride: 2, before: 8, after: 8 },
            &Op::PadChannels { stride: 2, before: 16, after: 16 }
        ]
    );
    assert_eq!(net.graph.nodes()[1].name, "conv1.Conv");
}

#[test]
fn a_minionn_with_clips_and_a_product() {
    let Some(net) = check_onnx(None, "delphi_minionn_cifar10_relu", 173_056, 435) else { return };
    assert!(net.graph.activations().all(|layer| layer.activation == Activation::Relu6));
    assert_eq!(net.graph.nodes().last().unwrap().op, Op::Linear { out: 10, bias: true });
}
