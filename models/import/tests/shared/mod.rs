//! Third-party files on real images, where they are at hand: a folder `shared/data` beside the repository, or the one
//! that `LINNET_SHARED_DATA` names. Skipped with a message elsewhere.

use models::data::cifar::{self, Records};
use models::data::{Dataset, Normalisation};
use models::fixed::lower::lower;
use models::graph::{Activation, Op};
use models::real;
use safetensors::SafeTensors;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Images whose logits are compared.
const IMAGES: usize = 60;

/// The folder, and CIFAR-10's 500 class-balanced test images; `None`, said aloud, without it.
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

/// Imports a file and compares its logits with those published beside the weights that it was made of.
fn check(name: &str, units: usize, normalisation: Option<Normalisation>) -> Option<import::Imported> {
    let (folder, images) = shared()?;
    let net = import::onnx::read(&folder.join("onnx").join(format!("{name}.onnx"))).unwrap();
    assert_eq!(net.masks.count(), units);
    assert_eq!(net.normalisation, normalisation);
    lower(&net.graph, &net.parameters, &net.masks).unwrap();
    let bytes = std::fs::read(folder.join("weights").join(format!("{name}.expected.safetensors"))).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let logits = file.tensor("logits_ci500").unwrap();
    let (values, _) = logits.data().as_chunks::<4>();
    let expected: Vec<f32> = values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();

    let normalisation = normalisation.unwrap_or(Normalisation { mean: vec![0.0; 3], std: vec![1.0; 3] });
    let mut largest: f32 = 0.0;
    for (i, expected) in expected.chunks_exact(10).take(IMAGES).enumerate() {
        let image = normalisation.apply(images.image(i), images.shape());
        let found = real::logits(&net.graph, &net.parameters, &net.masks, &image);
        assert_eq!(real::argmax(&found), real::argmax(expected), "image {i}");
        let differences = found.iter().zip(expected).map(|(found, expected)| (found - expected).abs());
        largest = differences.fold(largest, f32::max);
    }
    println!("{name}: logits differ by at most {largest:e}");
    assert!(largest < 1e-3, "{largest}");
    Some(net)
}

#[test]
fn a_resnet20_with_slices_and_pads() {
    let normalisation = Normalisation { mean: vec![0.485, 0.456, 0.406], std: vec![0.229, 0.224, 0.225] };
    let Some(net) = check("akamaster_resnet20_cifar10", 188_416, Some(normalisation)) else { return };
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
    let Some(net) = check("delphi_minionn_cifar10_relu", 173_056, None) else { return };
    assert!(net.graph.activations().all(|layer| layer.activation == Activation::Relu6));
    assert_eq!(net.graph.nodes().last().unwrap().op, Op::Linear { out: 10, bias: true });
}
