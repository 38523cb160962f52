//! Small ONNX files made here.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod branches;
mod channels;
mod constants;
#[path = "../file/mod.rs"]
mod file;
mod products;
mod resized;

use file::{File, attribute, ints};
use import::Imported;
use models::data::Normalisation;
use models::graph::{Activation, Op, Padding, Window};
use models::real;

const EPS: f32 = 1e-5;

/// The logits of an image of values in 0..=1, normalised as the file does it.
fn logits(net: &Imported, image: &[f32]) -> Vec<f32> {
    let image: Vec<f32> = match &net.normalisation {
        None => image.to_vec(),
        Some(Normalisation { mean, std }) => {
            let area = net.graph.input().area();
            image.iter().enumerate().map(|(i, x)| (x - mean[i / area]) / std[i / area]).collect()
        }
    };
    real::logits(&net.graph, &net.parameters, &net.masks, &image)
}

/// Reads the file and compares its logits; `expected` comes from the operators' definitions.
fn check(file: &File, image: &[f32], expected: &[f32]) -> Imported {
    let net = file.read().unwrap_or_else(|message| panic!("{message}"));
    let found = logits(&net, image);
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= 1e-5 * (1.0 + expected.abs()), "{found} instead of {expected}");
    }
    net
}

/// The message of a file that is refused.
fn refused(file: &File) -> String {
    file.read().expect_err("the file is refused")
}

fn ops(net: &Imported) -> Vec<Op> {
    net.graph.nodes().iter().map(|node| node.op.clone()).collect()
}

fn names(net: &Imported) -> Vec<&str> {
    net.graph.nodes().iter().map(|node| node.name.as_str()).collect()
}

/// Pixels of a 1x4x4 image.
const PIXELS: [f32; 16] =
    [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65];

/// A file whose only layer is a convolution of ones, 3x3 at stride 2, with these attributes more.
fn strided(pads: &[(&str, file::Given<'_>)]) -> File {
    let attributes: Vec<(&str, file::Given<'_>)> =
        [("strides", ints(&[2, 2]))].into_iter().chain(pads.iter().cloned()).collect();
    File::of(&[1, 1, 4, 4]).floats("w", &[1, 1, 3, 3], &[1.0; 9]).node(
        "Conv",
        "conv",
        &["x", "w"],
        "y",
        &attributes,
    )
}

#[test]
fn tensorflows_padding_at_stride_two_is_after_only() {
    let sum = |rows: std::ops::Range<usize>, columns: std::ops::Range<usize>| -> f32 {
        rows.flat_map(|row| columns.clone().map(move |column| PIXELS[4 * row + column])).sum()
    };
    let upper = [sum(0..3, 0..3), sum(0..3, 2..4), sum(2..4, 0..3), sum(2..4, 2..4)];
    let explicit = check(&strided(&[("pads", ints(&[0, 0, 1, 1]))]), &PIXELS, &upper);
    let same = check(&strided(&[("auto_pad", file::text("SAME_UPPER"))]), &PIXELS, &upper);
    assert_eq!(explicit, same);
    let padding = Padding { top: 0, bottom: 1, left: 0, right: 1 };
    let window = Window { kernel: (3, 3), stride: (2, 2), padding };
    assert_eq!(ops(&same)[1], Op::Conv { out: 1, window, bias: false, groups: 1 });

    let lower = [sum(0..2, 0..2), sum(0..2, 1..4), sum(1..4, 0..2), sum(1..4, 1..4)];
    check(&strided(&[("auto_pad", file::text("SAME_LOWER"))]), &PIXELS, &lower);
    check(&strided(&[("auto_pad", file::text("VALID"))]), &PIXELS, &upper[..1]);

    let before = File::of(&[1, 1, 4, 4])
        .floats("w", &[1, 1, 3, 3], &[1.0; 9])
        .integers("pads", &[8], &[0, 0, 0, 0, 0, 0, 1, 1])
        .node("Pad", "pad", &["x", "pads"], "p", &[])
        .node("Conv", "conv", &["p", "w"], "y", &[("strides", ints(&[2, 2]))]);
    assert_eq!(check(&before, &PIXELS, &upper), explicit);
}

#[test]
fn clips_are_relu6_or_relu() {
    let image = [-1.0, 0.5, 6.0, 7.0];
    let bounds = File::of(&[1, 1, 2, 2]).constant("zero", 0.0).floats("six", &[], &[6.0]);
    let by_inputs = bounds.clone().node("Clip", "c", &["x", "zero", "six"], "y", &[]);
    let net = check(&by_inputs, &image, &[0.0, 0.5, 6.0, 6.0]);
    assert_eq!(ops(&net)[1], Op::Act { activation: Activation::Relu6 });
    let attributes = [("min", attribute(0.0)), ("max", attribute(6.0))];
    let by_attributes = File::of(&[1, 1, 2, 2]).opset(9).node("Clip", "c", &["x"], "y", &attributes);
    assert_eq!(check(&by_attributes, &image, &[0.0, 0.5, 6.0, 6.0]), net);
    let relu = bounds.clone().node("Clip", "c", &["x", "zero"], "y", &[]);
    let net = check(&relu, &image, &[0.0, 0.5, 6.0, 7.0]);
    assert_eq!(ops(&net)[1], Op::Act { activation: Activation::Relu });
    let below = bounds.clone().node("Clip", "c", &["x", "", "six"], "y", &[]);
    assert_eq!(check(&below, &image, &[-1.0, 0.5, 6.0, 6.0]).masks.count(), 4);
    let other = bounds.floats("half", &[], &[-0.5]).node("Clip", "c", &["x", "half", "zero"], "y", &[]);
    let net = check(&other, &[-1.0, -0.25, 0.0, 7.0], &[-0.5, -0.25, 0.0, 0.0]);
    assert_eq!(net.graph.activations().next().unwrap().activation, Activation::Relu6);
    let crossed = refused(&other.replaced("c", 1, "zero").replaced("c", 2, "half"));
    assert!(crossed.starts_with("node `c`: expected an upper bound above the lower one"), "{crossed}");
}

#[test]
fn layers_over_flattened_maps_come_transposed_or_not() {
    let image = [1.0, 2.0, 3.0, 4.0];
    // Two outputs of four inputs, as (in, out) and as (out, in).
    let file = File::of(&[1, 2, 1, 2])
        .floats("io", &[4, 2], &[1.0, 0.5, 2.0, 0.0, 3.0, 0.0, 4.0, -1.0])
        .floats("oi", &[2, 4], &[1.0, 2.0, 3.0, 4.0, 0.5, 0.0, 0.0, -1.0])
        .floats("b", &[2], &[0.25, -0.25])
        .node("Flatten", "", &["x"], "f", &[]);
    let expected = [30.25, -3.75];
    let matmul =
        file.clone().node("MatMul", "fc", &["f", "io"], "p", &[]).node("Add", "bias", &["b", "p"], "y", &[]);
    let net = check(&matmul, &image, &expected);
    assert_eq!(ops(&net)[1..], [Op::Linear { out: 2, bias: true }]);
    let gemm = file.clone().node("Gemm", "fc", &["f", "oi", "b"], "y", &[("transB", file::int(1))]);
    assert_eq!(check(&gemm, &image, &expected), net);
    let plain = file.clone().node("Gemm", "fc", &["f", "io", "b"], "y", &[]);
    assert_eq!(check(&plain, &image, &expected), net);
    let transposed = file
        .clone()
        .node("Transpose", "", &["oi"], "t", &[("perm", ints(&[1, 0]))])
        .node("MatMul", "fc", &["f", "t"], "p", &[])
        .node("Add", "bias", &["p", "b"], "y", &[]);
    assert_eq!(check(&transposed, &image, &expected), net);

    // A product that something else reads as well keeps no bias.
    let both = file
        .clone()
        .node("MatMul", "fc", &["f", "io"], "p", &[])
        .node("Add", "bias", &["p", "b"], "q", &[])
        .node("Add", "sum", &["p", "q"], "y", &[]);
    let net = check(&both, &image, &[60.25, -7.25]);
    assert_eq!(ops(&net)[1], Op::Linear { out: 2, bias: false });

    // Factors go into the weights and the bias.
    let factors = [("transB", file::int(1)), ("alpha", attribute(0.5)), ("beta", attribute(-2.0))];
    check(&file.node("Gemm", "fc", &["f", "oi", "b"], "y", &factors), &image, &[14.5, -1.25]);
}

#[test]
fn whole_averages_have_four_spellings() {
    let image = [1.0, 2.0, 3.0, 6.0, 0.0, 0.0, 0.0, -4.0];
    let expected = [3.0, -1.0];
    let file = File::of(&[1, 2, 2, 2]);
    let window = Window { kernel: (2, 2), stride: (2, 2), padding: Padding::default() };
    for (operator, attributes) in [
        ("GlobalAveragePool", vec![]),
        ("AveragePool", vec![("kernel_shape", ints(&[2, 2])), ("strides", ints(&[2, 2]))]),
        ("ReduceMean", vec![("axes", ints(&[2, 3]))]),
        ("ReduceMean", vec![("axes", ints(&[-1, -2])), ("keepdims", file::int(0))]),
    ] {
        let net = check(&file.clone().node(operator, "mean", &["x"], "y", &attributes), &image, &expected);
        assert_eq!(ops(&net)[1..], [Op::average(window)]);
    }
    let input = file
        .clone()
        .integers("axes", &[2], &[2, 3])
        .opset(18)
        .node("ReduceMean", "mean", &["x", "axes"], "m", &[])
        .node("Squeeze", "", &["m", "axes"], "y", &[]);
    check(&input, &image, &expected);
    for (kept, second) in [(1, [3]), (0, [2])] {
        let one = |axes| [("axes", axes), ("keepdims", file::int(kept))];
        let apart = file.clone().node("ReduceMean", "rows", &["x"], "m", &one(ints(&[2]))).node(
            "ReduceMean",
            "columns",
            &["m"],
            "y",
            &one(ints(&second)),
        );
        let net = check(&apart, &image, &expected);
        let over = |kernel| Op::average(Window { kernel, stride: kernel, ..window });
        assert_eq!(ops(&net)[1..], [over((2, 1)), over((1, 2))]);
    }
    let channels = refused(&file.clone().node("ReduceMean", "m", &["x"], "y", &[("axes", ints(&[1]))]));
    assert!(
        channels.starts_with("node `m`: expected a mean over rows and columns, axes 2 and 3"),
        "{channels}"
    );
}

#[test]
fn operators_that_do_nothing_leave_nothing() {
    let file = File::of(&[1, 1, 2, 2])
        .floats("k", &[1, 1, 1, 1], &[2.0])
        .node("Identity", "", &["k"], "k2", &[])
        .node("Identity", "", &["k2"], "k3", &[])
        .node("Identity", "", &["x"], "a", &[])
        .node("Conv", "/net/conv one", &["a", "k3"], "b", &[])
        .node("Dropout", "", &["b"], "c", &[("ratio", attribute(0.5))])
        .node("Identity", "", &["c"], "d", &[])
        .node("Relu", "", &["d"], "e", &[])
        .node("LpPool", "not read", &["e"], "dead", &[])
        .node("Identity", "", &["e"], "y", &[]);
    let net = check(&file, &[1.0, -1.0, 0.5, 0.0], &[2.0, 0.0, 1.0, 0.0]);
    assert_eq!(names(&net), ["input", "net.conv_one", "Relu_6"]);
    assert_eq!(net.normalisation, None);
}

#[test]
fn names_are_made_unique() {
    let file = File::of(&[1, 1, 2, 2])
        .node("Relu", "input", &["x"], "a", &[])
        .node("Relu", "r/1", &["a"], "b", &[])
        .node("Relu", "r.1", &["b"], "c", &[])
        .node("Relu", "..", &["c"], "y", &[]);
    let net = check(&file, &[1.0; 4], &[1.0; 4]);
    assert_eq!(names(&net), ["input", "input_2", "r.1", "r.1_2", "node_3"]);
}

#[test]
fn constants_in_front_are_the_normalisation_and_behind_a_batch_norm() {
    let file = File::of(&[1, 2, 1, 2])
        .floats("mean", &[1, 2, 1, 1], &[0.485, 0.5])
        .floats("std", &[2, 1, 1], &[0.229, 0.25])
        .floats("k", &[2, 2, 1, 1], &[1.0, 1.0, 1.0, -1.0])
        .node("Sub", "sub", &["x", "mean"], "a", &[])
        .node("Div", "div", &["a", "std"], "b", &[]);
    let conv = file.clone().node("Conv", "conv", &["b", "k"], "y", &[]);
    let image = [0.485, 0.714, 0.75, 0.0];
    let net = check(&conv, &image, &[1.0, -1.0, -1.0, 3.0]);
    assert_eq!(net.normalisation, Some(Normalisation { mean: vec![0.485, 0.5], std: vec![0.229, 0.25] }));

    // Without a reader of the plain image, two readers of the normalised one share it; with one, nothing does.
    let both = conv.clone().renamed("y", "c").node("Add", "sum", &["b", "c"], "y", &[]);
    assert!(check(&both, &image, &[1.0, 0.0, 0.0, 1.0]).normalisation.is_some());
    let mixed = refused(&conv.clone().renamed("y", "c").node("Add", "sum", &["x", "c"], "y", &[]));
    assert_eq!(mixed, "node `sum`: expected one normalisation of the image, found a second one");

    let behind = conv
        .renamed("y", "c")
        .node("Relu", "relu", &["c"], "d", &[])
        .node("Mul", "scale", &["d", "std"], "e", &[])
        .node("Sub", "shift", &["mean", "e"], "y", &[]);
    let net = check(&behind, &image, &[0.485 - 0.229, 0.485, 0.5, 0.5 - 0.75]);
    assert_eq!(names(&net), ["input", "conv", "relu", "shift"]);
    assert_eq!(ops(&net)[3], Op::BatchNorm { eps: 0.0 });

    let by_pixel =
        File::of(&[1, 1, 1, 2]).floats("k", &[2], &[1.0, 2.0]).node("Mul", "m", &["x", "k"], "y", &[]);
    let message = refused(&by_pixel);
    assert!(
        message.starts_with("node `m`: expected a constant with one number, or one for each of 1"),
        "{message}"
    );
}

#[test]
fn batch_norms_and_shortcuts_follow_their_definitions() {
    let image = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
    let file = File::of(&[1, 1, 3, 3])
        .floats("one", &[1], &[3.0])
        .floats("two", &[1], &[0.5])
        .floats("mean", &[1], &[2.0])
        .floats("var", &[1], &[4.0])
        .integers("s", &[2], &[0, 0])
        .integers("e", &[2], &[i64::MAX, i64::MAX])
        .integers("a", &[2], &[2, 3])
        .integers("t", &[2], &[2, 2])
        .integers("p", &[8], &[0, 1, 0, 0, 0, 2, 0, 0]);
    let inputs = ["x", "one", "two", "mean", "var"];
    let norm = |x: f32| 3.0 * (x - 2.0) / (4.0 + EPS).sqrt() + 0.5;
    let bn = file.clone().node("BatchNormalization", "bn", &inputs, "y", &[("epsilon", attribute(EPS))]);
    check(&bn, &image, &image.map(norm));

    let pad = file.node("Slice", "half", &["x", "s", "e", "a", "t"], "h", &[]).node(
        "Pad",
        "pad",
        &["h", "p"],
        "y",
        &[],
    );
    let mut expected = [0.0; 16];
    expected[4..8].copy_from_slice(&[1.0, 3.0, 7.0, 9.0]);
    let net = check(&pad, &image, &expected);
    assert_eq!(ops(&net)[1], Op::PadChannels { stride: 2, before: 1, after: 2 });
    assert_eq!(names(&net)[1], "pad");
    let odd = pad.integers("o", &[2], &[1, 0]).replaced("half", 1, "o");
    check(&odd, &image, &[0.0, 0.0, 4.0, 6.0, 0.0, 0.0, 0.0, 0.0]);
    let turned = odd.integers("back", &[2], &[-1, 2]).replaced("half", 4, "back");
    let message = refused(&turned);
    assert!(message.starts_with("node `half`: expected rows and columns in steps forward"), "{message}");
}

#[test]
fn shapes_may_be_computed_and_softmax_ends() {
    let file = File::symbolic(&[2, 1, 2])
        .floats("w", &[4, 2], &[1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0])
        .integers("zero", &[], &[0])
        .integers("rest", &[1], &[-1])
        .integers("axis", &[1], &[0])
        .node("Shape", "", &["x"], "s", &[])
        .node("Gather", "", &["s", "zero"], "n", &[])
        .node("Unsqueeze", "", &["n", "axis"], "n1", &[])
        .node("Concat", "", &["n1", "rest"], "t", &[("axis", file::int(0))])
        .node("Reshape", "", &["x", "t"], "f", &[])
        .node("MatMul", "fc", &["f", "w"], "l", &[]);
    let softmax = file.clone().node("Softmax", "", &["l"], "y", &[("axis", file::int(1))]);
    check(&softmax, &[1.0, 2.0, 3.0, 4.0], &[4.0, 6.0]);
    let inner = refused(&file.node("Softmax", "p", &["l"], "m", &[]).node("Relu", "", &["m"], "y", &[]));
    assert!(inner.starts_with("node `p`: expected a softmax as the last operator only"), "{inner}");
}

#[test]
fn what_is_not_supported_is_named() {
    let file = File::of(&[1, 2, 2, 2]).floats("w", &[2, 1, 1, 1], &[1.0; 2]);
    let pool = [("kernel_shape", ints(&[2, 2]))];
    assert_eq!(
        refused(&file.clone().node("LpPool", "/pool/LpPool", &["x"], "y", &pool)),
        "node `/pool/LpPool`: expected max or average pools: others have no protocol here, found operator LpPool"
    );
    let unnamed = refused(&file.clone().node("Relu", "", &["x"], "r", &[]).node("Elu", "", &["r"], "y", &[]));
    assert!(
        unnamed
            .starts_with("node `Elu at position 1`: expected Relu, LeakyRelu, PRelu, Clip, Sigmoid, Tanh,"),
        "{unnamed}"
    );
    let grouped = refused(&file.clone().node("Conv", "dw", &["x", "w"], "y", &[("group", file::int(3))]));
    assert_eq!(grouped, "node `dw`: expected groups that divide 2, found 3");
    let unknown = refused(&file.clone().node("Relu", "r", &["x"], "y", &[("slope", attribute(1.0))]));
    assert_eq!(unknown, "node `r`: expected no attribute, found `slope`");
    let channels = refused(&file.clone().node("Conv", "c", &["x", "w"], "y", &[]));
    assert_eq!(
        channels,
        "node `c`: expected weights for 2 input channels in 1 groups, found shape [2, 1, 1, 1]"
    );
    let missing = refused(&file.clone().node("Relu", "r", &["z"], "y", &[]));
    assert!(missing.ends_with("found `z`, which none of them does"), "{missing}");
    let twice =
        refused(&file.clone().node("Relu", "r", &["x"], "y", &[]).node("Relu", "s", &["x"], "y", &[]));
    assert_eq!(twice, "node `s`: expected values of different names, found `y` twice");
    let old = refused(&file.clone().opset(6).node("Relu", "r", &["x"], "y", &[]));
    assert!(old.ends_with("in a version from 7 to 28 (export with opset 17), found 6"), "{old}");
    let batch = refused(&File::of(&[8, 2, 2, 2]).node("Relu", "r", &["x"], "y", &[]));
    assert!(
        batch.ends_with("(export with a fixed image size and a batch of 1), found (8, 2, 2, 2)"),
        "{batch}"
    );
}

/// A normalised image through a convolution and a shortcut, their sum scaled, averaged and classified.
fn every_kind_of_operator() -> File {
    File::of(&[1, 1, 4, 4])
        .floats("half", &[1, 1, 1, 1], &[0.5])
        .floats("w", &[2, 1, 2, 2], &[0.25; 8])
        .floats("b", &[2], &[0.5, -0.5])
        .floats("one", &[2], &[1.0; 2])
        .floats("l", &[4, 2], &[1.0, 0.0, 0.0, 1.0, 0.5, 0.5, -1.0, 2.0])
        .integers("s", &[2], &[0, 0])
        .integers("e", &[2], &[4, 4])
        .integers("a", &[2], &[2, 3])
        .integers("t", &[2], &[2, 2])
        .integers("p", &[8], &[0, 1, 0, 0, 0, 0, 0, 0])
        .integers("r", &[2], &[0, -1])
        .integers("i", &[4], &[0, 1, -1, 0])
        .integers("k", &[4], &[2, 2, 2, 2])
        .integers("q", &[4], &[1, 4, 2, 2])
        .node("Sub", "", &["x", "half"], "n", &[])
        .node("Conv", "", &["n", "w", "b"], "c", &[("strides", ints(&[2, 2]))])
        .node("BatchNormalization", "", &["c", "one", "b", "b", "one"], "bn", &[])
        .node("Slice", "", &["n", "s", "e", "a", "t"], "h", &[])
        .node("Pad", "", &["h", "p"], "z", &[])
        .node("Add", "", &["bn", "z"], "sum", &[])
        .node("Mul", "", &["sum", "half"], "m", &[])
        .node("Relu", "", &["m"], "relu", &[])
        .node("Split", "", &["relu"], "s1", &[("axis", file::int(1))])
        .and(&["s2"])
        .node("Concat", "", &["s2", "s1"], "cat", &[("axis", file::int(1))])
        .node("Gather", "", &["cat", "i"], "g", &[("axis", file::int(1))])
        .node("Reshape", "", &["g", "k"], "d", &[])
        .node("Transpose", "", &["d"], "u", &[("perm", ints(&[1, 0, 2, 3]))])
        .node("Reshape", "", &["u", "q"], "v", &[])
        .node(
            "AveragePool",
            "",
            &["v"],
            "avg",
            &[("kernel_shape", ints(&[2, 2])), ("pads", ints(&[1, 1, 0, 0]))],
        )
        .node("GlobalAveragePool", "", &["avg"], "mean", &[])
        .node("Reshape", "", &["mean", "r"], "f", &[])
        .node("MatMul", "", &["f", "l"], "mm", &[])
        .node("Add", "", &["mm", "b"], "y", &[])
}

#[test]
fn nothing_of_a_file_is_believed() {
    let good = strided(&[]);
    let bytes = good.bytes();
    for length in [0, 1, bytes.len() / 3, bytes.len() - 1] {
        let message = file::read(&bytes[..length]).expect_err("a truncated file is refused");
        assert!(message.contains("net.onnx: expected"), "{length} bytes: {message}");
    }
    assert_eq!(every_kind_of_operator().read().unwrap().graph.classes(), 2);
    // No byte, changed to any of a few others, makes the reader panic.
    for bytes in [bytes, every_kind_of_operator().bytes()] {
        for position in 0..bytes.len() {
            for change in [1, 0x40, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[position] ^= change;
                let _ = file::read(&damaged);
            }
        }
    }
    let external = refused(&good.clone().external("w"));
    assert_eq!(external, "node `initializer w`: expected elements in a file of the same folder, found ``");
    let short = refused(&good.clone().floats("more", &[2, 2], &[1.0; 3]).replaced("conv", 1, "more"));
    assert!(short.ends_with("expected as many elements as its shape [2, 2] says, found 3"), "{short}");
    let huge = refused(&strided(&[("pads", ints(&[0, 0, i64::MAX, 0]))]));
    assert!(huge.starts_with("node `conv`: expected four pads of 0 to 4096"), "{huge}");
    // Extents whose product is nothing, since one is, and steps whose product is too large for a word.
    let empty = File::of(&[1, 1, 1, 1])
        .floats("w", &[0, 1 << 60], &[])
        .node("Flatten", "", &["x"], "f", &[])
        .node("Gemm", "fc", &["f", "w"], "y", &[]);
    assert_eq!(
        refused(&empty),
        "node `fc`: expected a constant matrix, found shape [0, 1152921504606846976]"
    );
    let far = File::of(&[1, 1, 4, 4])
        .integers("s", &[2], &[0, 0])
        .integers("e", &[2], &[i64::MAX; 2])
        .integers("a", &[2], &[2, 3])
        .integers("t", &[2], &[i64::MAX; 2])
        .node("Slice", "", &["x", "s", "e", "a", "t"], "p", &[])
        .node("Slice", "", &["p", "s", "e", "a", "t"], "q", &[])
        .node("Relu", "", &["q"], "y", &[]);
    check(&far, &PIXELS, &PIXELS[..1]);
    let infinite = File::of(&[1, 1, 1, 1]).floats("w", &[1, 1, 1, 1], &[f32::INFINITY]).node(
        "Conv",
        "conv",
        &["x", "w"],
        "y",
        &[],
    );
    assert_eq!(refused(&infinite), "node `conv`: expected a finite weight, found inf");
}
