//! Graphs and checkpoints that ask for more than their files hold: refused, with memory in proportion to the file.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use allocation_counter::measure;
use models::checkpoint::{ARRAYS, Accuracies, Checkpoint, Epoch, Meta, REST};
use models::data::Normalisation;
use models::disk::read_capped;
use models::fixed::lower::lower;
use models::graph::{
    Activation, Graph, MOST_INPUTS, MOST_NODES, MOST_UNITS, Node, NodeId, Op, Padding, Parameters, Shape,
    Window,
};
use models::mask::Masks;
use models::safe;
use models::tensor::Tensor;
use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// What a file may take while it is refused.
fn room(file: usize) -> u64 {
    64 * file as u64 + 16_000_000
}

/// What is wrong with a graph in JSON.
fn refused(json: &str) -> String {
    let mut said = String::new();
    let begun = Instant::now();
    let taken = measure(|| said = serde_json::from_str::<Graph>(json).unwrap_err().to_string()).bytes_max;
    assert!(taken <= room(json.len()), "{taken} bytes for a file of {}: {said}", json.len());
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?} for {said}", begun.elapsed());
    assert!(said.len() < 1000 && !said.contains('\u{1b}'), "{said}");
    said
}

fn node(name: &str, op: &str, input: &str) -> String {
    format!(r#"{{"name": "{name}", "op": {op}, "inputs": [{input}]}}"#)
}

/// A graph of an image of 3 x 32 x 32 with these operations behind it.
fn graph(operations: &[String]) -> String {
    let nodes = [&[node("input", r#""input""#, "")], operations].concat().join(", ");
    format!(r#"{{"input": {{"c": 3, "h": 32, "w": 32}}, "nodes": [{nodes}]}}"#)
}

fn zero_channels(stride: usize, after: usize) -> String {
    format!(r#""pad_channels", "stride": {stride}, "before": 0, "after": {after}"#)
}

fn window(kernel: usize, stride: usize, padding: usize) -> String {
    format!(
        r#""window": {{"kernel": [{kernel}, {kernel}], "stride": [{stride}, {stride}], "padding": {{"top": {padding}, "bottom": {padding}, "left": {padding}, "right": {padding}}}}}"#
    )
}

fn pool(kernel: usize, stride: usize, padding: usize) -> String {
    format!(r#""avg_pool", {}"#, window(kernel, stride, padding))
}

#[test]
fn a_small_graph_asks_for_no_large_network() {
    let act = node("a", r#""act", "activation": "relu""#, "1");
    let most = usize::MAX;
    let big = refused(&graph(&[node("p", &zero_channels(32, 1 << 34), "0"), act.clone()]));
    assert!(big.contains("`p`: expected a value of 1 to 67108864 units, found 17179869187x1x1"), "{big}");
    for operation in [
        zero_channels(1, 1 << 50),
        zero_channels(1, most),
        zero_channels(0, 7),
        zero_channels(most, 7),
        r#""pad_channels", "stride": 1, "before": 18446744073709551615, "after": 18446744073709551615"#
            .into(),
        pool(1, 1, (1 << 63) + 16),
        pool(1, 1 << 12, 1 << 14),
        pool(0, 33, 0),
        pool(2, 0, 0),
        pool(33, 1, 0),
        pool(2, most, 0),
        pool(most, 1, most / 2),
        format!(r#""conv", "out": 0, "bias": true, {}"#, window(3, 1, 1)),
        format!(r#""conv", "out": {most}, "bias": true, {}"#, window(3, 1, 1)),
        format!(r#""conv", "out": 65536, "bias": true, {}"#, window(3, 1, 1)),
        format!(r#""conv", "out": 1000000, "bias": true, {}"#, window(32, 1, 0)),
        r#""linear", "out": 0, "bias": true"#.into(),
        format!(r#""linear", "out": {most}, "bias": true"#),
        r#""linear", "out": 1000000, "bias": true"#.into(),
        r#""linear", "out": 10"#.into(),
        format!(r#"{}, "uncounted": {{"top": 1, "bottom": 0, "left": 0, "right": 0}}"#, pool(2, 2, 0)),
        format!(r#"{}, "uncounted": {{"top": {most}, "bottom": 0, "left": 0, "right": 0}}"#, pool(2, 2, 1)),
        format!(r#"{}, "uncounted": {{"top": 2, "bottom": 2, "left": 2, "right": 2}}"#, pool(2, 2, 2)),
        format!(r#"{}, "uncounted": {{"top": 31, "bottom": 31, "left": 31, "right": 31}}"#, pool(32, 1, 31)),
        r#""channels""#.into(),
        r#""channels", "picked": []"#.into(),
        r#""channels", "picked": [0, 3]"#.into(),
        r#""channels", "picked": [-1]"#.into(),
        format!(r#""channels", "picked": [{most}]"#),
        format!(r#""channels", "picked": [{}0]"#, "2,".repeat(1 << 16)),
        r#""batch_norm", "eps": 1e999"#.into(),
        r#""soft""#.into(),
    ] {
        let said = refused(&graph(&[node("p", &operation, "0"), act.clone()]));
        assert!(said.contains("expected") || said.contains("missing") || said.contains("range"), "{said}");
    }
    let many = vec![act.replace("\"a\"", "\"b\""); 1];
    let doubled = refused(&graph(&[node("b", r#""act", "activation": "relu""#, "0"), many[0].clone()]));
    assert!(doubled.contains("`b`: expected a unique name"), "{doubled}");
    let same = r#"{"input": {"c": 3, "h": 32, "w": 32}, "input": {"c": 0, "h": 0, "w": 0}, "nodes": []}"#;
    assert!(refused(same).contains("duplicate field"));
    for image in ["\"c\": 0, \"h\": 32", "\"c\": 4294967296, \"h\": 4294967296"] {
        let said = refused(&graph(&[node("p", &pool(1, 1, 0), "0")]).replace("\"c\": 3, \"h\": 32", image));
        assert!(said.contains("`input`: expected a value of"), "{said}");
    }
}

#[test]
fn an_average_over_the_whole_map_is_read() {
    let json = graph(&[node("q", &pool(32, 32, 0), "0"), node("p", &zero_channels(1, 7), "1")]);
    let read: Graph = serde_json::from_str(&json).unwrap();
    assert_eq!((read.classes(), read.shape(1)), (10, Shape::new(3, 1, 1)));
    let again: Graph = serde_json::from_str(&serde_json::to_string(&read).unwrap()).unwrap();
    assert_eq!(again, read);
}

#[test]
fn names_inputs_and_nodes_are_bounded() {
    let act = |i: usize, inputs: &str| node(&format!("n{i}"), r#""act", "activation": "relu""#, inputs);
    let chain: Vec<String> = (0..60_000).map(|i| act(i, &i.to_string())).collect();
    let said = refused(&graph(&chain));
    assert!(said.contains(&format!("at most {MOST_NODES}")), "{said}");
    let units = refused(&graph(&chain[..MOST_NODES - 1]).replacen("\"h\": 32", "\"h\": 320", 1));
    assert!(units.contains("at most 134217728 units of all values"), "{units}");
    let begun = Instant::now();
    serde_json::from_str::<Graph>(&graph(&chain[..MOST_NODES - 1])).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());

    let terms = vec!["0"; MOST_INPUTS + 1].join(", ");
    let said = refused(&graph(&[node("s", r#""add""#, &terms)]));
    assert!(said.contains(&format!("at most {MOST_INPUTS}")), "{said}");
    assert!(refused(&graph(&[node("\\u001b[2J", &pool(1, 1, 0), "0")])).contains("printable"));
    assert!(refused(&graph(&[node(&"x".repeat(301), &pool(1, 1, 0), "0")])).contains("printable"));
    assert!(refused(&graph(&[act(0, "7")])).contains("earlier"));
    assert!(refused(&graph(&[])).contains("at least one operation"));
    // What no operation has is passed over, and not kept.
    let beside = format!(r#""avg_pool", "junk": [{}0], {}"#, "[[0],[0]],".repeat(100_000), window(1, 1, 0));
    assert!(refused(&graph(&[node("p", &beside, "1")])).contains("earlier"));
}

/// A file of safetensors with this header and `data` zeros.
fn arrays(header: &str, data: usize) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![0; data]].concat()
}

#[test]
fn headers_are_bounded_before_anything_is_made_of_them() {
    let refused = |file: Vec<u8>| {
        let mut said = String::new();
        let read = || said = safe::arrays(&file, Path::new("x")).map(|_| ()).unwrap_err().to_string();
        let taken = measure(read).bytes_max;
        assert!(taken <= room(file.len()), "{taken} bytes for a file of {}: {said}", file.len());
        said
    };
    let array = |name: &str, shape: &str, from: usize, to: usize| {
        format!(r#""{name}": {{"dtype": "F32", "shape": {shape}, "data_offsets": [{from}, {to}]}}"#)
    };
    let one = array("a", "[1]", 0, 4);
    assert_eq!(safe::arrays(&arrays(&format!("{{{one}}}"), 4), Path::new("x")).unwrap().len(), 1);

    let mut empty = String::from("{");
    (0..60_000).for_each(|i| write!(empty, "{}, ", array(&i.to_string(), "[0]", 0, 0)).unwrap());
    assert!(refused(arrays(&format!("{empty}{one}}}"), 4)).contains("at most 50000 arrays"));
    let junk = "[[0],[0],[0],[0]],".repeat(200_000);
    for header in [
        format!(r#"{{"a": [{junk}0]}}"#),
        format!(r#"{{"a": {{"dtype": "F32", "shape": [1], "data_offsets": [0, 4], "junk": [{junk}0]}}}}"#),
        format!(r#"{{"a": {{"dtype": "F32", "shape": [{junk}0], "data_offsets": [0, 4]}}}}"#),
        format!("{{{}}}", array("a", &format!("[{}1]", "1,".repeat(64)), 0, 4)),
        format!("{{{}}}", array(&"x".repeat(3000), "[1]", 0, 4)),
        format!(r#"{{"__metadata__": [{junk}0], {one}}}"#),
        format!("{{{}, {}}}", one, array("b", "[1]", 0, 4)),
        format!("{{{}, {}}}", one, array("b", "[1]", 2, 6)),
        format!("{{{}}}", array("a", "[4294967296, 4294967296, 4294967296, 0]", 0, 0)),
        format!("{{{}}}", array("a", "[1]", 4, 0)),
        "[".repeat(100_000),
    ] {
        let said = refused(arrays(&header, 4));
        assert!(said.starts_with("x: expected a safetensors file"), "{said}");
    }
    for file in [vec![], vec![0xff; 8], vec![0x7f; 64], arrays("{}", 4)] {
        assert!(refused(file).starts_with("x: expected a safetensors file"));
    }
}

#[test]
fn no_shape_wraps_and_no_file_is_longer_than_it_says() {
    for shape in [vec![1 << 32, 1 << 32], vec![usize::MAX, 2, 0], vec![2, usize::MAX]] {
        let empty = shape.contains(&0);
        assert_eq!(Tensor::new(shape, vec![]).is_ok(), empty);
    }
    if cfg!(target_os = "linux") {
        let mut said = String::new();
        let read = || said = read_capped(Path::new("/dev/zero"), 1000).unwrap_err().to_string();
        assert!(measure(read).bytes_max < 100_000);
        assert!(said.contains("at most 1000 bytes"), "{said}");
    }
}

fn made(name: String, op: Op, inputs: &[NodeId]) -> Node {
    Node { name, op, inputs: inputs.to_vec() }
}

/// All of them one.
fn parameters(graph: &Graph) -> Parameters {
    let one = |(name, shape)| (name, Tensor::full(shape, 1.0));
    graph.parameter_shapes().into_iter().map(one).collect()
}

#[test]
fn what_graphs_are_lowered_to_is_bounded() {
    let image = Shape::new(1, 8, 8);
    let input = || made("input".into(), Op::Input, &[]);
    let lowered = |nodes| {
        let graph = Graph::new(image, nodes).unwrap();
        let parameters = parameters(&graph);
        let size: usize = parameters.values().map(|tensor| 4 * tensor.data().len()).sum();
        let mut done = None;
        let masks = Masks::uniform(&graph, false);
        let taken = measure(|| done = Some(lower(&graph, &parameters, &masks).map(|_| ()))).bytes_max;
        assert!(taken <= room(size + 200 * graph.nodes().len()), "{taken} bytes of {size}");
        done.unwrap().map_err(|error| error.to_string())
    };

    // A batch norm of a value that no convolution makes is a factor a channel.
    let channels = Op::PadChannels { stride: 8, before: 0, after: 99_999 };
    let norm = Op::BatchNorm { eps: 1e-5 };
    let wide = vec![input(), made("p".into(), channels, &[0]), made("bn".into(), norm, &[1])];
    lowered(wide).unwrap();

    // Sums of a value with itself, of which each has twice the terms of the one before.
    let twice = |i: usize| made(format!("d{i}"), Op::Add, &[i, i]);
    lowered([input()].into_iter().chain((0..60).map(twice)).collect()).unwrap();

    // Lists of channels, in sums that name them again and again.
    let picked = (0..1000).map(|i| i * 7 % 1000).collect();
    let first = [input(), made("p".into(), Op::PadChannels { stride: 8, before: 0, after: 999 }, &[0])];
    let picks = made("c".into(), Op::Channels { picked }, &[1]);
    let again = |i: usize| made(format!("d{i}"), Op::Add, &[i; 64]);
    lowered(first.into_iter().chain([picks]).chain((2..40).map(again)).collect()).unwrap();

    // Averages one after another.
    let window =
        Window { kernel: (8, 8), stride: (8, 8), padding: Padding { bottom: 56, ..Padding::same(0) } };
    let mean = |i: usize| {
        made(
            format!("q{i}"),
            Op::average(Window { padding: Padding { bottom: 7, right: 7, ..Padding::same(0) }, ..window }),
            &[i],
        )
    };
    let pools = std::iter::once(made("q".into(), Op::average(Window::square(8, 8, 0)), &[0]));
    let said = lowered([input()].into_iter().chain(pools).chain((1..20).map(mean)).collect()).unwrap_err();
    assert!(said.contains("averages one after another"), "{said}");

    // A sum of sums of convolutions.
    let conv = |i: usize| {
        made(
            format!("c{i}"),
            Op::Conv { out: 16, window: Window::square(3, 1, 1), bias: false, groups: 1 },
            &[0],
        )
    };
    let sum = |i: usize| made(format!("s{i}"), Op::Add, &[if i == 0 { 1 } else { 500 + i }, i + 2]);
    let sums = [input()].into_iter().chain((0..500).map(conv)).chain((0..499).map(sum));
    lowered(sums.collect()).unwrap();
}

fn checkpoint() -> Checkpoint {
    let act = Op::Act { activation: Activation::Relu };
    let nodes = vec![made("input".into(), Op::Input, &[]), made("a".into(), act, &[0])];
    let graph = Graph::new(Shape::new(1, 2, 2), nodes).unwrap();
    Checkpoint {
        parameters: Parameters::new(),
        masks: Masks::all_kept(&graph),
        graph,
        normalisation: Normalisation { mean: vec![0.0], std: vec![1.0] },
        meta: Meta { net: "x".into(), data: "shapes".into(), method: "ar".into(), ..Meta::default() },
    }
}

#[test]
fn a_checkpoints_words_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    checkpoint().save(folder.path()).unwrap();
    let rest = std::fs::read_to_string(folder.path().join(REST)).unwrap();
    assert!(std::fs::metadata(folder.path().join(ARRAYS)).unwrap().len() < 200);
    let refused = |from: &str, to: &str| {
        let changed = rest.replacen(from, to, 1);
        assert_ne!(changed, rest);
        std::fs::write(folder.path().join(REST), &changed).unwrap();
        let mut said = String::new();
        let load = || said = Checkpoint::load(folder.path()).unwrap_err().to_string();
        let taken = measure(load).bytes_max;
        assert!(taken <= room(changed.len()), "{taken} bytes for a file of {}: {said}", changed.len());
        said
    };
    let junk = "[[0],[0],[0],[0]],".repeat(100_000);
    refused("\"settings\": null", &format!("\"settings\": [{junk}0"));
    refused("\"settings\": null", &format!("\"settings\": {}", "[".repeat(200_000)));
    refused("\"c\": 1", &format!("\"c\": {}", MOST_UNITS));
    assert!(
        refused("\"format\": 1", &format!("\"format\": {}1", " ".repeat(17_000_000))).contains("at most")
    );
    let stage = Epoch { stage: "\u{1b}".into(), epoch: 1, loss: 0.0, train: 0.0, held_out: 0.0 };
    let history = vec![stage];
    let meta = Meta { history, accuracy: Accuracies::default(), ..checkpoint().meta };
    assert!(Checkpoint { meta, ..checkpoint() }.check().unwrap_err().to_string().contains("printable"));
}
