//! Files of PyTorch's exporters, and the logits that PyTorch has for them (`fixtures/exports.py`).

use models::data::Normalisation;
use models::graph::{Activation, Op};
use models::real;
use std::path::Path;

/// What the newer exporter folds in double precision and PyTorch computes in single differs by rounding only.
const TOLERANCE: f32 = 1e-5;

/// The script's image `n`.
fn image(n: usize, size: usize) -> Vec<u8> {
    (0..size).map(|i| ((7 * i + 31 * n) % 256) as u8).collect()
}

#[test]
fn both_exporters_with_and_without_a_batch_are_read() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let expected = import::weights::array(&fixtures.join("exports.expected.safetensors"), "logits").unwrap();
    for name in ["torchscript", "torchscript_batch", "dynamo", "dynamo_batch"] {
        let net = import::onnx::read(&fixtures.join(format!("{name}.onnx"))).unwrap();
        let kinds: Vec<Activation> = net.graph.activations().map(|layer| layer.activation).collect();
        let (relu, silu) = (Activation::Relu, Activation::Silu);
        assert_eq!(kinds, [Activation::Relu6, relu, relu, silu, silu, relu], "{name}");
        let shortcut = Op::PadChannels { stride: 2, before: 2, after: 2 };
        assert!(net.graph.nodes().iter().any(|node| node.op == shortcut), "{name}");
        let Normalisation { mean, std } = net.normalisation.clone().unwrap();
        assert_eq!((mean, std), (vec![0.485, 0.456, 0.406], vec![0.229, 0.224, 0.225]), "{name}");

        let shape = net.graph.input();
        for (n, expected) in expected.data().chunks_exact(10).enumerate() {
            let image = net.normalisation.as_ref().unwrap().apply(&image(n, shape.size())[..], shape);
            let found = real::logits(&net.graph, &net.parameters, &net.masks, &image);
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < TOLERANCE, "{name}: {found} instead of {expected}");
            }
        }
    }
}
