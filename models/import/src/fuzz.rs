//! Networks of others: every form of file that is read.

use crate::arrays::Arrays;
use crate::masks::{self, THRESHOLD};
use crate::onnx::proto::{
    DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto,
    TensorTypeProto, TypeProto, ValueInfoProto, data_type,
};
use crate::{Imported, onnx, torch, weights};
use models::graph::{Activation, Graph, Node, Op, Padding, Shape, Window};
use prost::Message;
use safetensors::tensor::{Dtype, TensorView};
use std::path::{Path, PathBuf};

/// What a file may take: a few times itself, and what small files need.
fn target(name: &'static str) -> fuzzing::Target {
    fuzzing::Target::new(env!("CARGO_MANIFEST_DIR"), name).allows(64, 16_000_000)
}

/// Files that exporters wrote, by the endings of their names.
fn fixtures(names: &[&str]) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    names.iter().map(|name| std::fs::read(folder.join(name)).unwrap()).collect()
}

/// The network of the fixtures (`tests/fixtures/state_dicts.py`).
fn network() -> Graph {
    let node = |name: &str, op, inputs: &[usize]| Node { name: name.into(), op, inputs: inputs.to_vec() };
    let whole = Window { kernel: (4, 4), stride: (4, 4), padding: Padding::default() };
    let nodes = vec![
        node("input", Op::Input, &[]),
        node("conv1", Op::Conv { out: 4, window: Window::square(3, 1, 1), bias: false, groups: 1 }, &[0]),
        node("bn1", Op::BatchNorm { eps: 1e-5 }, &[1]),
        node("relu", Op::Act { activation: Activation::Relu }, &[2]),
        node("pool", Op::average(whole), &[3]),
        node("linear", Op::Linear { out: 10, bias: true }, &[4]),
    ];
    Graph::new(Shape::new(3, 4, 4), nodes).unwrap()
}

/// What was imported is whole.
fn sound(imported: &Imported) {
    imported.graph.check_parameters(&imported.parameters).unwrap();
    assert!(imported.parameters.values().all(|tensor| tensor.data().iter().all(|x| x.is_finite())));
    assert!(imported.graph.activations().all(|layer| imported.masks.get(layer.name).shape() == layer.shape));
}

/// A file that is written anew for every input.
struct Written {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Written {
    fn named(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        Self { _folder: folder, path }
    }

    fn with(&self, bytes: &[u8]) -> &Path {
        std::fs::write(&self.path, bytes).unwrap();
        &self.path
    }
}

/// An ONNX file of a linear layer: short, so that a fuzzer gets through it.
fn short_onnx() -> Vec<u8> {
    let dim = |extent| DimensionProto { dim_value: Some(extent), dim_param: None };
    let shape = Some(TensorShapeProto { dim: [1, 1, 2, 2].map(dim).into() });
    let r#type =
        Some(TypeProto { tensor_type: Some(TensorTypeProto { elem_type: Some(data_type::FLOAT), shape }) });
    let value = |name: &str, r#type| ValueInfoProto { name: Some(name.into()), r#type };
    let node = |operator: &str, inputs: &[&str], output: &str| NodeProto {
        op_type: Some(operator.into()),
        input: inputs.iter().map(|input| (*input).into()).collect(),
        output: vec![output.into()],
        ..NodeProto::default()
    };
    let weights = TensorProto {
        name: Some("w".into()),
        dims: vec![4, 3],
        data_type: Some(data_type::FLOAT),
        raw_data: Some([0.5f32; 12].iter().flat_map(|x| x.to_le_bytes()).collect()),
        ..TensorProto::default()
    };
    let graph = GraphProto {
        node: vec![node("Relu", &["x"], "a"), node("Flatten", &["a"], "f"), node("MatMul", &["f", "w"], "y")],
        initializer: vec![weights],
        input: vec![value("x", r#type)],
        output: vec![value("y", None)],
        ..GraphProto::default()
    };
    let opset_import = vec![OperatorSetIdProto { domain: None, version: Some(17) }];
    ModelProto { ir_version: Some(8), graph: Some(graph), opset_import }.encode_to_vec()
}

#[test]
fn onnx_file() {
    let file = Written::named("some.onnx");
    let mut seeds = fixtures(&["torchscript.onnx", "dynamo.onnx"]);
    seeds.push(short_onnx());
    target("onnx_file").seeds(seeds).run(|bytes| {
        let Ok(imported) = onnx::read(file.with(bytes)) else { return false };
        sound(&imported);
        true
    });
}

fn pickled(name: &'static str, files: &[&str]) {
    target(name).seeds(fixtures(files)).run(|bytes| {
        if !torch::is_pickled(bytes) {
            return false;
        }
        torch::read(bytes).is_ok_and(|arrays| !arrays.is_empty())
    });
}

#[test]
fn pth_zip() {
    pickled("pth_zip", &["flat.pth", "views.pth", "half.pth", "training.pth", "protocol4.pt"]);
}

#[test]
fn pth_legacy() {
    pickled("pth_legacy", &["legacy.pth", "nested_legacy.th"]);
}

/// Arrays of these shapes and types, all zero.
fn safetensors(arrays: &[(&str, Dtype, &[usize])]) -> Vec<u8> {
    let zeros = [0; 4096];
    let views = arrays.iter().map(|(name, dtype, shape)| {
        let bytes = shape.iter().product::<usize>() * dtype.bitsize() / 8;
        (*name, TensorView::new(*dtype, shape.to_vec(), &zeros[..bytes]).unwrap())
    });
    safetensors::serialize(views, None).unwrap()
}

fn parameters() -> Vec<u8> {
    safetensors(&[
        ("conv1.weight", Dtype::F32, &[4, 3, 3, 3]),
        ("bn1.weight", Dtype::F16, &[4]),
        ("bn1.bias", Dtype::BF16, &[4]),
        ("bn1.running_mean", Dtype::F64, &[4]),
        ("bn1.running_var", Dtype::F32, &[4]),
        ("linear.weight", Dtype::F32, &[10, 4]),
        ("linear.bias", Dtype::F32, &[10]),
    ])
}

/// Arrays by name, whatever they are for.
#[test]
fn safetensors_file() {
    let file = Written::named("some.safetensors");
    target("safetensors_file").seeds([parameters()]).run(|bytes| {
        let Ok(arrays) = Arrays::open(file.with(bytes)) else { return false };
        let names: Vec<&str> = arrays.names().collect();
        // Each is as large as its bytes, whatever its header says.
        names.iter().all(|name| arrays.tensor(name).is_ok_and(|tensor| tensor.data().len() <= bytes.len()))
    });
}

/// Weights of a network that is known, from either kind of file.
#[test]
fn weights_file() {
    let file = Written::named("some.pth");
    let seeds = [fixtures(&["flat.pth", "legacy.pth"]), vec![parameters()]].concat();
    target("weights_file").seeds(seeds).run(|bytes| {
        let Ok(imported) = weights::read(file.with(bytes), network(), THRESHOLD, &[]) else { return false };
        sound(&imported);
        true
    });
}

/// Masks by each of the names that linearizers give them.
#[test]
fn masks_file() {
    let file = Written::named("some.safetensors");
    let seeds = [
        safetensors(&[("relu.mask", Dtype::U8, &[4, 4, 4])]),
        safetensors(&[("module.alpha.alphas", Dtype::F32, &[1, 4, 4, 4]), ("other", Dtype::F32, &[1])]),
        safetensors(&[("alpha_mask_7", Dtype::F32, &[4, 4, 4])]),
    ];
    let graph = network();
    target("masks_file")
        .seeds(seeds)
        .run(|bytes| masks::read(file.with(bytes), &graph, THRESHOLD).is_ok_and(|masks| masks.count() <= 64));
}
