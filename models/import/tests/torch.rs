//! Files of `torch.save`, as PyTorch wrote them (`fixtures/state_dicts.py`).

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use import::Imported;
use import::masks::THRESHOLD;
use models::graph::{Activation, Graph, Node, Op, Padding, Shape, Window};
use models::tensor::Tensor;
use std::path::{Path, PathBuf};

/// The script's network.
fn graph() -> Graph {
    let image = Shape::new(3, 4, 4);
    let node = |name: &str, op, inputs: &[usize]| Node { name: name.into(), op, inputs: inputs.to_vec() };
    let padding = Padding { top: 1, bottom: 1, left: 1, right: 1 };
    let window = Window { kernel: (3, 3), stride: (1, 1), padding };
    let whole = Window { kernel: (4, 4), stride: (4, 4), padding: Padding::default() };
    let nodes = vec![
        node("input", Op::Input, &[]),
        node("conv1", Op::Conv { out: 4, window, bias: false, groups: 1 }, &[0]),
        node("bn1", Op::BatchNorm { eps: 1e-5 }, &[1]),
        node("relu", Op::Act { activation: Activation::Relu }, &[2]),
        node("pool", Op::average(whole), &[3]),
        node("linear", Op::Linear { out: 10, bias: true }, &[4]),
    ];
    Graph::new(image, nodes).unwrap()
}

/// The script's values of the floating-point tensor number `k`.
fn values(k: usize, shape: &[usize]) -> Tensor {
    let size: usize = shape.iter().product();
    let value = |i: usize| ((5 * i + k) % 13) as f32 - 6.0;
    let numbers = (0..size).map(|i| if k == 4 { i as f32 + 1.0 } else { value(i) } / 8.0);
    Tensor::new(shape.to_vec(), numbers.collect()).unwrap()
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn read(path: &Path) -> Result<Imported, String> {
    import::weights::read(path, graph(), THRESHOLD, &[]).map_err(|error| error.to_string())
}

#[test]
fn every_form_holds_the_same_weights() {
    for name in [
        "flat.pth",
        "legacy.pth",
        "nested.th",
        "nested_legacy.th",
        "protocol4.pt",
        "training.pth",
        "views.pth",
        "half.pth",
        "bfloat16.pth",
    ] {
        let found = read(&fixture(name)).unwrap_or_else(|message| panic!("{message}")).parameters;
        let tensors: [(&str, &[usize]); 7] = [
            ("conv1.weight", &[4, 3, 3, 3]),
            ("bn1.weight", &[4]),
            ("bn1.bias", &[4]),
            ("bn1.running_mean", &[4]),
            ("bn1.running_var", &[4]),
            ("linear.weight", &[10, 4]),
            ("linear.bias", &[10]),
        ];
        assert_eq!(found.len(), tensors.len(), "{name}");
        for (k, (tensor, shape)) in tensors.into_iter().enumerate() {
            assert_eq!(found[tensor], values(k, shape), "{tensor} of {name}");
        }
    }
}

#[test]
fn what_is_no_state_dict_is_named() {
    for (name, said) in [
        ("hostile.pth", "found `posix.system`"),
        ("module.pth", "found `__main__.Net`"),
        ("script.pt", "found a TorchScript archive"),
        ("two.pth", "found ema, online"),
        ("none.pth", "found a dict without tensors"),
        ("expanded.pth", "in `linear.bias`, a view of 1 elements that repeats none"),
    ] {
        let message = read(&fixture(name)).unwrap_err();
        assert!(message.contains(said) && message.contains(name), "{name}: {message}");
    }
    assert!(!Path::new("linnet-was-here").exists(), "nothing of a file is run");
}
