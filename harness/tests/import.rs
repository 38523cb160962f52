//! `linnet import` as its users run it, on `mini` with random weights.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use models::checkpoint::Checkpoint;
use models::data::DataSource;
use models::graph::{Activation, Graph, Node, Op, Padding, Shape, Window};
use models::mask::Masks;
use models::tensor::Tensor;
use models::{initial, nets, real};
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use safetensors::tensor::{Dtype, TensorView};
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

/// Images that the maker of the weights gives logits for.
const IMAGES: usize = 3;

/// A folder with `weights.safetensors`, `graph.json` and `expected.safetensors`, and the network in them.
fn workshop() -> (TempDir, Checkpoint) {
    let folder = tempfile::tempdir().unwrap();
    let graph = nets::build("mini", Shape::new(3, 32, 32), 10).unwrap();
    let (masks, normalisation) = (Masks::all_kept(&graph), DataSource::Shapes.default_normalisation(3));
    let test = DataSource::Shapes.load_test().unwrap().take(IMAGES);
    let images: Vec<Vec<f32>> =
        (0..IMAGES).map(|i| normalisation.apply(test.image(i), test.shape())).collect();
    let mut rng = ChaCha12Rng::seed_from_u64(7);
    let parameters = initial::parameters(&graph, &masks, &images, &mut rng).unwrap();
    let logits: Vec<f32> =
        images.iter().flat_map(|image| real::logits(&graph, &parameters, &masks, image)).collect();
    let expected = Tensor::new(vec![IMAGES, 10], logits).unwrap();
    write(&folder.path().join("weights.safetensors"), parameters.iter().map(|(n, t)| (n.as_str(), t)));
    write(&folder.path().join("expected.safetensors"), [("logits", &expected)].into_iter());
    std::fs::write(folder.path().join("graph.json"), serde_json::to_vec(&graph).unwrap()).unwrap();
    (folder, Checkpoint { graph, parameters, masks, normalisation, meta: Default::default() })
}

fn write<'a>(path: &Path, arrays: impl Iterator<Item = (&'a str, &'a Tensor)>) {
    let arrays: Vec<(&str, &[usize], Vec<u8>)> = arrays
        .map(|(name, tensor)| {
            (name, tensor.shape(), tensor.data().iter().flat_map(|x| x.to_le_bytes()).collect())
        })
        .collect();
    let views = arrays
        .iter()
        .map(|(name, shape, data)| (*name, TensorView::new(Dtype::F32, shape.to_vec(), data).unwrap()));
    std::fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

fn linnet(folder: &TempDir, words: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_linnet"));
    command.args(words.split_whitespace()).current_dir(folder.path()).output().unwrap()
}

fn text(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat()
}

#[test]
fn weights_of_others_become_a_checkpoint_that_runs() {
    let (folder, made) = workshop();
    for (which, out) in [("--net mini", "by-name"), ("--graph graph.json", "by-graph")] {
        let words = format!(
            "import weights.safetensors {which} --data shapes --expected expected.safetensors \
             --accuracy-images 20 --out {out}"
        );
        let output = linnet(&folder, &words);
        let said = text(&output);
        assert!(output.status.success(), "{said}");
        let differ = "logits of 3 images differ from those expected by at most 0.0e0, 0.0e0 of the largest; 3 have the same class";
        assert!(said.contains(differ), "{said}");
        assert!(
            said.contains("9216 of 9216 units") && said.contains("of the first 20 test images"),
            "{said}"
        );
        let read = Checkpoint::load(&folder.path().join(out)).unwrap();
        assert_eq!((read.digest(), read.meta.method.as_str()), (made.digest(), "ar"));
        assert!(text(&linnet(&folder, &words)).contains("expected a folder without a checkpoint"));
    }
    let run = "run --model by-name --images 1 --warmups 0 --fa 6 --fw 7 --calibration-images 8 --accuracy-images 1 --out runs";
    let output = linnet(&folder, run);
    assert!(output.status.success(), "{}", text(&output));
}

#[test]
fn what_cannot_be_imported_is_said() {
    let (folder, made) = workshop();
    let longer = Tensor::new(vec![1, 9], vec![0.0; 9]).unwrap();
    write(&folder.path().join("nine.safetensors"), [("logits", &longer)].into_iter());
    write(&folder.path().join("no.safetensors"), [("classes", &longer)].into_iter());
    let fewer = made.parameters.iter().skip(1).map(|(name, tensor)| (name.as_str(), tensor));
    write(&folder.path().join("fewer.safetensors"), fewer);
    for (words, said) in [
        ("weights.safetensors", "--net: expected a network's name"),
        ("weights.safetensors --net mini --graph graph.json", "found both"),
        ("weights.safetensors --net resnet20", "in the network alone are layer1.1.bn1.bias [16], "),
        (
            "weights.bin --net mini",
            "expected a name that ends in .safetensors, .pth, .pt, .th, .pth.tar or .onnx",
        ),
        ("absent.safetensors --net mini", "absent.safetensors"),
        ("absent.onnx", "absent.onnx"),
        ("absent.onnx --net mini", "neither --net nor --graph for an ONNX file"),
        (
            "fewer.safetensors --net mini",
            "in the network alone are bn1.bias [8], found in the file alone none",
        ),
        ("weights.safetensors --net mini --mean 0,0,0", "both --mean and --std"),
        ("weights.safetensors --net mini --mean 0,0 --std 1", "expected 3 finite means"),
        ("weights.safetensors --net mini --expected nine.safetensors", "logits of shape (images, 10)"),
        ("weights.safetensors --net mini --expected no.safetensors", "begins with `logits`"),
        ("weights.safetensors --graph expected.safetensors", "a graph in JSON"),
    ] {
        let output = linnet(&folder, &format!("import {words} --data shapes --out out"));
        assert!(!output.status.success() && text(&output).contains(said), "{words}: {}", text(&output));
        assert!(!folder.path().join("out").exists(), "{words}: nothing is written");
    }
}

/// Files of `torch.save` and `torch.onnx.export`, as the crate `import` keeps them for its own tests.
const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/import/tests/fixtures");

#[test]
fn a_state_dict_of_pytorch_is_read_like_safetensors() {
    let folder = tempfile::tempdir().unwrap();
    let window = |kernel, around| Window {
        kernel: (kernel, kernel),
        stride: if around == 0 { (kernel, kernel) } else { (1, 1) },
        padding: Padding { top: around, bottom: around, left: around, right: around },
    };
    let ops = [
        ("input", Op::Input),
        ("conv1", Op::Conv { out: 4, window: window(3, 1), bias: false, groups: 1 }),
        ("bn1", Op::BatchNorm { eps: 1e-5 }),
        ("relu", Op::Act { activation: Activation::Relu }),
        ("pool", Op::average(window(32, 0))),
        ("linear", Op::Linear { out: 10, bias: true }),
    ];
    let node = |(i, (name, op)): (usize, (&str, Op))| Node {
        name: name.into(),
        op,
        inputs: i.checked_sub(1).into_iter().collect(),
    };
    let graph = Graph::new(Shape::new(3, 32, 32), ops.into_iter().enumerate().map(node).collect()).unwrap();
    std::fs::write(folder.path().join("small.json"), serde_json::to_vec(&graph).unwrap()).unwrap();
    for name in ["flat.pth", "nested.th", "legacy.pth"] {
        let words = format!(
            "import {FIXTURES}/{name} --graph small.json --data shapes --accuracy-images 5 --out {name}"
        );
        let output = linnet(&folder, &words);
        assert!(output.status.success(), "{}", text(&output));
        let read = Checkpoint::load(&folder.path().join(name)).unwrap();
        assert_eq!(read.parameters["bn1.running_var"].data(), [0.125, 0.25, 0.375, 0.5], "{name}");
    }
    let output = linnet(
        &folder,
        &format!("import {FIXTURES}/hostile.pth --graph small.json --data shapes --out hostile"),
    );
    assert!(!output.status.success() && text(&output).contains("`posix.system`"), "{}", text(&output));
}
