//! Networks as files: graphs, checkpoints, and what is typed of them.

use crate::checkpoint::{ARRAYS, Checkpoint, Meta, REST};
use crate::data::{DataSource, Normalisation};
use crate::graph::{Activation, Graph, Node, Op, Padding, Picks, Shape, Window};
use crate::initial;
use crate::mask::{Masks, parse_budget};
use crate::nets;
use crate::text::{check_line, check_name, name_from, printable};
use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use sha2::{Digest, Sha256};
use std::path::Path;

pub(crate) fn target(name: &'static str) -> fuzzing::Target {
    fuzzing::Target::new(env!("CARGO_MANIFEST_DIR"), name)
}

fn small() -> Graph {
    let node = |name: &str, op, inputs: &[usize]| Node { name: name.into(), op, inputs: inputs.into() };
    let window = Window::square(3, 1, 1);
    let picks = |start, step, times| Picks { start, step, count: 2, times };
    let nodes = vec![
        node("input", Op::Input, &[]),
        node("conv", Op::Conv { out: 2, window, bias: false, groups: 1 }, &[0]),
        node("norm", Op::BatchNorm { eps: 1e-5 }, &[1]),
        node("act", Op::Act { activation: Activation::Silu }, &[2]),
        node("pad", Op::PadChannels { stride: 1, before: 0, after: 1 }, &[0]),
        node("add", Op::Add, &[3, 4]),
        node("cat", Op::Concat, &[5, 0]),
        node("pool", Op::average(Window::square(2, 2, 0)), &[6]),
        node("half", Op::Scale { by: -0.5 }, &[7]),
        node("inside", Op::AvgPool { window, uncounted: window.padding }, &[8]),
        node("slice", Op::Slice { rows: picks(-1, 2, 1), columns: picks(0, 1, 2) }, &[9]),
        node("channels", Op::Channels { picked: vec![1, 0, 1] }, &[10]),
        node("around", Op::Pad { around: Padding { right: 1, ..Padding::default() }, value: -0.5 }, &[11]),
        node("fc", Op::Linear { out: 3, bias: true }, &[12]),
    ];
    Graph::new(Shape::new(1, 4, 4), nodes).unwrap()
}

/// What is taken is written and read again, and its parameters can be asked for.
#[test]
fn graph_json() {
    let mini = nets::build("mini", Shape::new(3, 8, 8), 10).unwrap();
    let seeds = [small(), mini].map(|graph| serde_json::to_vec(&graph).unwrap());
    target("graph_json").seeds(seeds).run(|bytes| {
        let Ok(graph) = serde_json::from_slice::<Graph>(bytes) else { return false };
        let written = serde_json::to_vec(&graph).unwrap();
        assert!(serde_json::from_slice::<Graph>(&written).unwrap() == graph);
        assert!(graph.classes() > 0 && graph.activations().all(|layer| layer.shape.size() > 0));
        let _ = graph.parameter_shapes();
        true
    });
}

/// The files of a small checkpoint.
fn saved(folder: &Path) -> [Vec<u8>; 2] {
    let (graph, mut rng) = (small(), ChaCha12Rng::seed_from_u64(1));
    let images: Vec<Vec<f32>> =
        (0..2).map(|i| (0..16).map(|j| (i * j) as f32 / 16.0 - 1.0).collect()).collect();
    let masks = initial::masks(&graph, 20, &mut rng).unwrap();
    let parameters = initial::parameters(&graph, &Masks::all_kept(&graph), &images, &mut rng).unwrap();
    let normalisation = Normalisation { mean: vec![0.5], std: vec![0.25] };
    let meta =
        Meta { net: "small".into(), method: "random".into(), data: "shapes".into(), ..Meta::default() };
    Checkpoint { graph, parameters, masks, normalisation, meta }.save(folder).unwrap();
    [ARRAYS, REST].map(|name| std::fs::read(folder.join(name)).unwrap())
}

/// What was loaded is saved and loaded as the same network.
fn loads(folder: &Path) -> bool {
    let Ok(checkpoint) = Checkpoint::load(folder) else { return false };
    checkpoint.save(folder).unwrap();
    assert!(Checkpoint::load(folder).unwrap().digest() == checkpoint.digest());
    true
}

#[test]
fn checkpoint_json() {
    let folder = tempfile::tempdir().unwrap();
    let [arrays, json] = saved(folder.path());
    target("checkpoint_json").seeds([json]).allows(64, 4 << 20).run(|bytes| {
        std::fs::write(folder.path().join(ARRAYS), &arrays).unwrap();
        std::fs::write(folder.path().join(REST), bytes).unwrap();
        loads(folder.path())
    });
}

/// With the checksum that they have.
#[test]
fn checkpoint_arrays() {
    let folder = tempfile::tempdir().unwrap();
    let [arrays, json] = saved(folder.path());
    let digest = |bytes: &[u8]| crate::digest::hex(&Sha256::digest(bytes));
    let (json, right) = (String::from_utf8(json).unwrap(), digest(&arrays));
    target("checkpoint_arrays").seeds([arrays]).allows(64, 4 << 20).run(|bytes| {
        std::fs::write(folder.path().join(ARRAYS), bytes).unwrap();
        std::fs::write(folder.path().join(REST), json.replace(&right, &digest(bytes))).unwrap();
        loads(folder.path())
    });
}

#[test]
fn budget() {
    target("budget").seeds(["8000", "30%", "2.5%"]).run(|bytes| {
        let text = String::from_utf8_lossy(bytes);
        parse_budget(&text, 9216)
            .is_ok_and(|units| text.ends_with('%') || units.to_string().len() <= text.len())
    });
}

/// What becomes part of a path or is printed.
#[test]
fn names() {
    target("names").seeds(["resnet20-privshap", "a b", "\u{202e}"]).run(|bytes| {
        let text = String::from_utf8_lossy(bytes);
        check_name("a name", &name_from(&text)).unwrap();
        let printed = printable(&text);
        assert!(!printed.contains(['\u{1b}', '\r', '\u{202e}']));
        if check_name("a name", &text).is_ok() {
            assert!(Path::new(&*text).components().count() == 1 && name_from(&text) == text);
        }
        let _ = (check_line("a line", &text), DataSource::parse(&text, None));
        let _ = nets::build(&text, Shape::new(3, 32, 32), 10);
        true
    });
}
