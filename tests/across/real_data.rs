//! Third-party weights on real images, where they are at hand: a folder `shared/data` beside the repository, or the
//! one that `LINNET_SHARED_DATA` names. Skipped with a message elsewhere.

use crate::protocol::check_run;
use models::checkpoint::read_parameters;
use models::data::cifar::{self, Records};
use models::data::{Dataset, Normalisation};
use models::fixed::calibrate::calibrate;
use models::fixed::evaluate::classify;
use models::fixed::lower::lower;
use models::fixed::search::{Pinned, search};
use models::graph::Shape;
use models::mask::Masks;
use models::{nets, real};
use protocols::plan::compile::{Choices, compile};
use safetensors::SafeTensors;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder, with CIFAR-10's small class-balanced subsets unpacked beside it; `None`, said aloud, without it.
fn shared() -> Option<(PathBuf, tempfile::TempDir)> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = std::env::var_os("LINNET_SHARED_DATA").map_or(default, PathBuf::from);
    if !folder.join("unpack.py").exists() {
        eprintln!("skipped: no real data in {}", folder.display());
        return None;
    }
    let unpacked = tempfile::tempdir().unwrap();
    let done = Command::new("python3")
        .arg(folder.join("unpack.py"))
        .arg(unpacked.path())
        .arg("ci")
        .status()
        .unwrap();
    assert!(done.success(), "unpack.py failed");
    Some((folder, unpacked))
}

fn images(unpacked: &Path, name: &str) -> Dataset {
    cifar::read(&unpacked.join("ci").join(name), Records::Cifar10, None).unwrap()
}

#[test]
fn a_third_party_resnet20_is_exact_over_the_reals_and_runs_securely() {
    let Some((folder, unpacked)) = shared() else { return };
    let weights = folder.join("weights");
    let graph = nets::build("resnet20", Shape::new(3, 32, 32), 10).unwrap();
    let parameters = read_parameters(&weights.join("akamaster_resnet20_cifar10.safetensors")).unwrap();
    graph.check_parameters(&parameters).unwrap();
    let masks = Masks::all_kept(&graph);
    let normalisation = Normalisation { mean: vec![0.485, 0.456, 0.406], std: vec![0.229, 0.224, 0.225] };

    // Over the reals: the published logits, on the first 100 of 500 images.
    let test = images(unpacked.path(), "cifar10_test500.bin");
    let bytes = std::fs::read(weights.join("akamaster_resnet20_cifar10.expected.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let expected: Vec<f32> = file
        .tensor("logits_ci500")
        .unwrap()
        .data()
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    for i in 0..100 {
        let image = normalisation.apply(test.image(i), test.shape());
        let logits = real::logits(&graph, &parameters, &masks, &image);
        for (found, expected) in logits.iter().zip(&expected[10 * i..]) {
            assert!((found - expected).abs() < 1e-3, "image {i}: {found} instead of {expected}");
        }
    }

    // In the ring, with searched scales: within three images in a hundred of the real classes.
    let calibration_data = images(unpacked.path(), "cifar10_train2000.bin").take(100);
    let calibration = calibrate(&graph, &parameters, &masks, &normalisation, &calibration_data);
    let lowered = lower(&graph, &parameters, &masks).unwrap();
    let found =
        search(&lowered, &calibration, 0.99, Pinned::default(), |model| Some(f64::from(model.ring.bits())))
            .unwrap();
    let hundred = test.take(100);
    let fixed = classify(&found.model, &normalisation, &hundred);
    let reals = real::classify(&graph, &parameters, &masks, &normalisation, &hundred);
    let changed = fixed.classes.iter().zip(&reals).filter(|(a, b)| a != b).count();
    assert!(changed <= 3, "{changed} of 100 classes changed at {:?}", found.model.scales);
    assert_eq!(fixed.out_of_bounds, 0);

    // Under the protocol: bit for bit, and every byte as predicted.
    let (plan, secrets) = compile("resnet20", &found.model, &Choices::default()).unwrap();
    assert_eq!(plan.relus(), 188_416);
    let image = normalisation.apply(test.image(0), test.shape());
    check_run(&plan, &secrets, &[image]);
}
