//! What is computed of constants, where they may stand, and operators that weights stand for.

use super::file::{File, attribute, int, ints, read_beside};
use super::{check, logits, names, ops, refused};
use models::graph::Op;

/// Multiplies its two pixels by a constant `w`.
fn weighted(file: File) -> File {
    file.node("Conv", "conv", &["x", "w"], "y", &[])
}

#[test]
fn arithmetic_on_constants_is_done() {
    let file = || {
        File::of(&[1, 2, 1, 1])
            .floats("a", &[2, 2, 1, 1], &[1.0, 2.0, 3.0, 4.0])
            .floats("b", &[2, 1, 1, 1], &[2.0, 0.5])
            .floats("four", &[], &[4.0])
    };
    let image = [1.0, 10.0];
    let by = |operator: &str| weighted(file().node(operator, "", &["a", "b"], "w", &[]));
    check(&by("Mul"), &image, &[42.0, 21.5]);
    check(&by("Add"), &image, &[3.0 + 40.0, 3.5 + 45.0]);
    check(&by("Sub"), &image, &[-1.0, 2.5 + 35.0]);
    check(&by("Div"), &image, &[0.5 + 10.0, 6.0 + 80.0]);
    check(&by("Max"), &image, &[2.0 + 20.0, 43.0]);
    check(&by("Min"), &image, &[1.0 + 20.0, 0.5 + 5.0]);
    check(&by("Pow"), &image, &[1.0 + 40.0, 3f32.sqrt() + 20.0]);
    let root = file().node("Sqrt", "", &["four"], "root", &[]).node("Reciprocal", "", &["root"], "half", &[]);
    let root = root.node("Neg", "", &["half"], "minus", &[]).node("Mul", "", &["a", "minus"], "w", &[]);
    check(&weighted(root), &image, &[-10.5, -21.5]);
    let wide = file().integers("dims", &[4], &[2, 2, 1, 1]).node("Expand", "", &["b", "dims"], "w", &[]);
    check(&weighted(wide), &image, &[22.0, 5.5]);
    let turned = file().node("Transpose", "", &["a"], "t", &[("perm", ints(&[1, 0, 2, 3]))]);
    check(&weighted(turned.node("Identity", "", &["t"], "w", &[])), &image, &[31.0, 42.0]);

    let huge = file().integers("dims", &[1], &[1 << 40]).node("Expand", "e", &["four", "dims"], "w", &[]);
    let said = refused(&weighted(huge));
    assert!(said.starts_with("node `e`: expected constants and parameters of one number a byte"), "{said}");
    let odd = file().floats("c", &[3, 1, 1, 1], &[1.0; 3]).node("Add", "sum", &["b", "c"], "s", &[]).node(
        "Mul",
        "m",
        &["a", "s"],
        "w",
        &[],
    );
    let said = refused(&weighted(odd));
    assert!(said.starts_with("node `sum`: expected constants whose shapes fit each other"), "{said}");
    let image = refused(&file().node("Exp", "e", &["x"], "y", &[]));
    assert!(image.contains("found operator Exp"), "{image}");
}

#[test]
fn weights_in_bytes_are_made_floats() {
    let file = |axis: i64| {
        let file = File::of(&[1, 2, 1, 1])
            .bytes_of("q", &[2, 2, 1, 1], &[3, -1, 5, 7])
            .floats("s", &[2], &[0.5, 2.0])
            .bytes_of("z", &[2], &[1, -1]);
        weighted(file.node("DequantizeLinear", "dq", &["q", "s", "z"], "w", &[("axis", int(axis))]))
    };
    // (q - z) * s, an output channel at a time or an input channel.
    check(&file(0), &[1.0, 10.0], &[1.0 - 10.0, 12.0 + 160.0]);
    check(&file(1), &[1.0, 10.0], &[1.0 + 0.0, 2.0 + 160.0]);
    let one = File::of(&[1, 2, 1, 1]).bytes_of("q", &[1, 2, 1, 1], &[3, -1]).floats("s", &[], &[0.5]);
    check(&weighted(one.node("DequantizeLinear", "dq", &["q", "s"], "w", &[])), &[1.0, 10.0], &[-3.5]);
    let said = refused(&file(2));
    assert!(said.starts_with("node `dq`: expected one scale, or one for every place of an axis"), "{said}");
    let image = File::of(&[1, 2, 1, 1]).floats("s", &[], &[0.5]).node(
        "DequantizeLinear",
        "dq",
        &["x", "s"],
        "y",
        &[],
    );
    assert!(refused(&image).contains("a constant input"), "{}", refused(&image));
}

#[test]
fn elements_may_stand_in_other_files_of_the_folder() {
    let file = |place: &[(&str, &str)]| {
        weighted(File::of(&[1, 2, 1, 1]).floats("w", &[1, 2, 1, 1], &[0.0; 2])).external_at("w", place)
    };
    let bytes: Vec<u8> = [9.0f32, 2.0, 3.0].iter().flat_map(|x| x.to_le_bytes()).collect();
    let read = |place: &[(&str, &str)]| read_beside(&file(place).bytes(), &[("net.bin", bytes.clone())]);
    let place = [("location", "net.bin"), ("offset", "4"), ("length", "8")];
    for place in [&place[..], &place[..2]] {
        let net = read(place).unwrap();
        assert_eq!(logits(&net, &[1.0, 10.0]), [32.0]);
    }
    for (place, said) in [
        (
            [("location", "../net.bin"), ("offset", "4"), ("length", "8")],
            "a file of the same folder, found `../net.bin`",
        ),
        ([("location", "/etc/passwd"), ("offset", "4"), ("length", "8")], "a file of the same folder"),
        ([("location", "."), ("offset", "4"), ("length", "8")], "a file of the same folder"),
        ([("location", "other.bin"), ("offset", "4"), ("length", "8")], "other.bin"),
        ([("location", "net.bin"), ("offset", "8"), ("length", "8")], "found 12 bytes for 8 from 8 on"),
        ([("location", "net.bin"), ("offset", "99"), ("length", "8")], "found 12 bytes"),
        ([("location", "net.bin"), ("offset", "4"), ("length", "18446744073709551615")], "found 12 bytes"),
        ([("location", "net.bin"), ("offset", "x"), ("length", "8")], "a number of bytes as offset"),
        ([("location", "net.bin"), ("offset", "4"), ("length", "4")], "as many elements as its shape"),
    ] {
        let found = read(&place).unwrap_err();
        assert!(found.contains("node `initializer w`") && found.contains(said), "{place:?}: {found}");
    }
}

#[test]
fn dilations_are_zeros_between_taps() {
    let image: Vec<f32> = (0..25).map(|i| (i * i % 17) as f32).collect();
    let file = File::of(&[1, 1, 5, 5]).floats("w", &[1, 1, 2, 2], &[1.0, 10.0, 100.0, 1000.0]);
    let attributes = [("dilations", ints(&[3, 2])), ("kernel_shape", ints(&[2, 2]))];
    let net = check(
        &file.clone().node("Conv", "c", &["x", "w"], "y", &attributes),
        &image,
        &(0..6)
            .map(|i| (i / 3, i % 3))
            .map(|(row, column)| {
                let at = |r: usize, c: usize| image[5 * (row + r) + column + c];
                at(0, 0) + 10.0 * at(0, 2) + 100.0 * at(3, 0) + 1000.0 * at(3, 2)
            })
            .collect::<Vec<f32>>(),
    );
    assert!(matches!(ops(&net)[1], Op::Conv { window, .. } if window.kernel == (4, 3)));
    let none = refused(&file.clone().node("Conv", "c", &["x", "w"], "y", &[("dilations", ints(&[0, 1]))]));
    assert!(none.starts_with("node `c`: expected dilations of at least 1"), "{none}");
    let far = refused(&file.node("Conv", "c", &["x", "w"], "y", &[("dilations", ints(&[4096, 4096]))]));
    assert!(
        far.starts_with("node `c`: expected dilations of at least 1 that reach over at most 4096"),
        "{far}"
    );
}

#[test]
fn slopes_and_hard_sigmoids_are_lines_and_relus() {
    let image = [2.0, -2.0, 4.0, -4.0];
    let file = File::of(&[1, 2, 1, 2]).floats("s", &[2, 1, 1], &[0.25, -0.5]).floats("one", &[1], &[0.5]);
    check(&file.clone().node("PRelu", "p", &["x", "s"], "y", &[]), &image, &[2.0, -0.5, 4.0, 2.0]);
    check(&file.clone().node("PRelu", "p", &["x", "one"], "y", &[]), &image, &[2.0, -1.0, 4.0, -2.0]);
    let hard = [("alpha", attribute(0.25)), ("beta", attribute(0.25))];
    let net =
        check(&file.clone().node("HardSigmoid", "h", &["x"], "y", &hard), &image, &[0.75, 0.0, 1.0, 0.0]);
    assert_eq!(names(&net), ["input", "h.before", "h"]);
    check(&file.node("Neg", "n", &["x"], "y", &[]), &image, &image.map(|x| -x));
}

/// A second factor behind a view of the image is one more, not the same again.
#[test]
fn what_is_done_to_the_image_twice_is_done_twice() {
    let file = File::of(&[1, 1, 1, 2]).floats("two", &[], &[2.0]).floats("half", &[], &[0.5]);
    for view in ["Identity", "Flatten", "Cast"] {
        let attributes: &[_] = if view == "Cast" { &[("to", int(1))] } else { &[] };
        let twice = file
            .clone()
            .node("Mul", "a", &["x", "two"], "a", &[])
            .node(view, "v", &["a"], "v", attributes)
            .node("Mul", "b", &["v", "two"], "b", &[])
            .node("Relu", "r", &["b"], "y", &[]);
        check(&twice, &[0.25, 0.75], &[1.0, 3.0]);
        let shifted = file
            .clone()
            .node("Sub", "a", &["x", "half"], "a", &[])
            .node(view, "v", &["a"], "v", attributes)
            .node("Sub", "b", &["v", "half"], "b", &[])
            .node("Relu", "r", &["b"], "y", &[]);
        check(&shifted, &[0.25, 1.75], &[0.0, 0.75]);
    }
}

#[test]
fn all_operators_that_are_not_taken_are_named_at_once() {
    let file = File::of(&[1, 1, 1, 2])
        .node("Elu", "t", &["x"], "t", &[])
        .node("Relu", "r", &["t"], "r", &[])
        .node("LRN", "l", &["r"], "l", &[])
        .node("Mystery", "", &["l"], "y", &[]);
    let said = refused(&file);
    assert!(said.starts_with("node `t`: expected Relu"), "{said}");
    assert!(said.ends_with("found operator Elu; and LRN at l, Mystery at Mystery at position 3"), "{said}");
}

#[test]
fn a_batch_norm_behind_flattening_goes_into_the_dense_layer() {
    let image = [1.0, 2.0, 3.0, 4.0];
    let file = File::of(&[1, 2, 1, 2])
        .floats("g", &[4], &[1.0, 2.0, 3.0, 4.0])
        .floats("b", &[4], &[0.5, 0.0, -0.5, 1.0])
        .floats("m", &[4], &[1.0, 1.0, 2.0, 2.0])
        .floats("v", &[4], &[1.0, 4.0, 0.25, 1.0])
        .floats("w", &[4, 2], &[1.0, 0.5, 2.0, 0.0, 3.0, 0.0, 4.0, -1.0])
        .floats("c", &[2], &[0.25, -0.25])
        .node("Flatten", "", &["x"], "f", &[])
        .node("BatchNormalization", "bn", &["f", "g", "b", "m", "v"], "n", &[("epsilon", attribute(0.0))]);
    // Normalised: 0.5, 1, 5.5, 9.
    let net = check(&file.clone().node("Gemm", "fc", &["n", "w", "c"], "y", &[]), &image, &[55.25, -9.0]);
    assert_eq!(names(&net), ["input", "fc"]);
    check(&file.clone().node("MatMul", "fc", &["n", "w"], "y", &[]), &image, &[55.0, -8.75]);
    let other = refused(&file.node("Relu", "r", &["n"], "y", &[]));
    assert!(other.starts_with("node `r`: expected a Gemm or MatMul after a BatchNormalization"), "{other}");
}

#[test]
fn channels_may_be_last_at_the_ends_of_a_network() {
    let last = ints(&[0, 2, 3, 1]);
    let first = ints(&[0, 3, 1, 2]);
    // Rows, columns and channels as the file sees them; channels 1, 2, 3 and 10, 20, 30 as the network does.
    let image = [1.0, 2.0, 3.0, 10.0, 20.0, 30.0];
    let body = File::of(&[1, 1, 3, 2])
        .floats("k", &[2, 2, 1, 1], &[1.0, 1.0, 1.0, -1.0])
        .floats("w", &[6, 1], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
        .floats("half", &[], &[0.5])
        .node("Transpose", "in", &["x"], "t", &[("perm", first)]);
    let net = check(
        &body.clone().node("Conv", "c", &["t", "k"], "y", &[]),
        &image,
        &[11.0, 22.0, 33.0, -9.0, -18.0, -27.0],
    );
    assert_eq!((net.graph.input().c, net.graph.input().h, net.graph.input().w), (2, 1, 3));
    let flat = body
        .clone()
        .node("Mul", "m", &["t", "half"], "m", &[])
        .node("Conv", "c", &["m", "k"], "c", &[])
        .node("Transpose", "out", &["c"], "o", &[("perm", last.clone())])
        .node("Flatten", "f", &["o"], "f", &[])
        .node("MatMul", "fc", &["f", "w"], "y", &[]);
    // 11, -9, 22, -18, 33, -27, halved, times 1 to 6.
    check(&flat, &image, &[(11.0 - 18.0 + 66.0 - 72.0 + 165.0 - 162.0) / 2.0]);
    let back = body
        .clone()
        .node("Conv", "c", &["t", "k"], "c", &[])
        .node("Transpose", "out", &["c"], "o", &[("perm", last.clone())])
        .node("Transpose", "again", &["o"], "a", &[("perm", ints(&[0, 3, 1, 2]))])
        .node("Relu", "r", &["a"], "y", &[]);
    check(&back, &image, &[11.0, 22.0, 33.0, 0.0, 0.0, 0.0]);
    let inside = body
        .clone()
        .node("Conv", "c", &["t", "k"], "c", &[])
        .node("Transpose", "out", &["c"], "o", &[("perm", last)])
        .node("Relu", "r", &["o"], "y", &[]);
    assert!(
        refused(&inside).starts_with("node `r`: expected a Transpose to channels in front"),
        "{}",
        refused(&inside)
    );
    let other = body.node("Transpose", "odd", &["t"], "o", &[("perm", ints(&[0, 1, 3, 2]))]);
    let other = other.node("Relu", "r", &["o"], "y", &[]);
    assert!(check(&other, &image, &image).graph.input().c == 2, "one row: no element moves");
    let odd = File::of(&[1, 1, 2, 2]).node("Relu", "r", &["x"], "r", &[]).node(
        "Transpose",
        "odd",
        &["r"],
        "y",
        &[("perm", ints(&[0, 1, 3, 2]))],
    );
    assert!(refused(&odd).starts_with("node `odd`: expected an order that keeps rows"), "{}", refused(&odd));
}

#[test]
fn shapes_may_be_computed_in_floating_point() {
    let image = [1.0, 2.0, 3.0, 4.0];
    let cast = |to| [("to", int(to))];
    let file = File::of(&[1, 2, 1, 2])
        .floats("half", &[1], &[0.5])
        .node("Shape", "", &["x"], "s", &[("start", int(1)), ("end", int(-2))])
        .node("Cast", "", &["s"], "f", &cast(1))
        .node("Mul", "", &["f", "half"], "m", &[])
        .node("Ceil", "", &["m"], "c", &[])
        .node("Cast", "", &["c"], "one", &cast(7))
        .integers("rest", &[1], &[-1])
        .node("Concat", "", &["one", "rest"], "t", &[("axis", int(0))])
        .node("Reshape", "", &["x", "t"], "r", &[])
        .integers("w dims", &[2], &[4, 1])
        .node("ConstantOfShape", "", &["w dims"], "zeros", &[])
        .floats("two", &[], &[2.0])
        .node("Add", "", &["zeros", "two"], "w", &[])
        .node("MatMul", "fc", &["r", "w"], "y", &[]);
    check(&file, &image, &[20.0]);
    let huge = File::of(&[1, 1, 1, 1]).integers("d", &[2], &[1 << 20, 1 << 20]).node(
        "ConstantOfShape",
        "c",
        &["d"],
        "w",
        &[],
    );
    let said = refused(&huge.node("Conv", "", &["x", "w"], "y", &[]));
    assert!(said.starts_with("node `c`: expected constants and parameters of one number a byte"), "{said}");
}

#[test]
fn bounds_may_be_maxima_and_minima() {
    let image = [1.0, -2.0, 3.0, -4.0];
    let file = File::of(&[1, 1, 2, 2]).floats("b", &[], &[-1.0]).floats("two", &[1], &[2.0]);
    check(&file.clone().node("Max", "m", &["x", "b"], "y", &[]), &image, &[1.0, -1.0, 3.0, -1.0]);
    check(&file.clone().node("Min", "m", &["two", "x"], "y", &[]), &image, &[1.0, -2.0, 2.0, -4.0]);
    let over = [("axes", ints(&[2, 3])), ("keepdims", int(0))];
    check(&file.clone().node("ReduceMax", "m", &["x"], "y", &over), &image, &[3.0]);
    let rows = refused(&file.clone().node("ReduceMax", "m", &["x"], "y", &[("axes", ints(&[2]))]));
    assert!(rows.starts_with("node `m`: expected a maximum over rows and columns"), "{rows}");
    let two = refused(&file.node("Max", "m", &["x", "x"], "y", &[]));
    assert!(two.starts_with("node `m`: expected a value of the image and a constant"), "{two}");
}
