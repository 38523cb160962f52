//! Where values part and meet: maxima, concatenations, differences.

use super::file::{File, Given, attribute, int, ints, text};
use super::{check, names, ops, refused};
use models::graph::{Activation, Op, Padding, Window};

/// Pixels of a 1x5x5 image, positive and negative.
fn pixels() -> Vec<f32> {
    (0..25).map(|i| ((i * 7 + 3) % 25) as f32 / 8.0 - 1.5).collect()
}

/// The largest pixel under every place of a 3x3 window at stride 2.
fn largest(x: &[f32], before: usize, places: usize) -> Vec<f32> {
    let line = |at: usize| (2 * at).saturating_sub(before)..(2 * at + 3 - before).min(5);
    let at = |row: usize, column: usize| {
        let lines = line(row).flat_map(|y| line(column).map(move |x| (y, x)));
        lines.map(|(y, column)| x[5 * y + column]).fold(f32::NEG_INFINITY, f32::max)
    };
    (0..places).flat_map(|row| (0..places).map(move |column| at(row, column))).collect()
}

#[test]
fn max_pools_with_and_without_padding_and_rounded_up() {
    let x = pixels();
    let pool = |name: &str, more: &[(&str, super::file::Given<'_>)]| {
        let attributes: Vec<_> = [("kernel_shape", ints(&[3, 3])), ("strides", ints(&[2, 2]))]
            .into_iter()
            .chain(more.iter().cloned())
            .collect();
        File::of(&[1, 1, 5, 5]).node("MaxPool", name, &["x"], "y", &attributes)
    };
    check(&pool("p", &[]), &x, &largest(&x, 0, 2));
    let padded = [("pads", ints(&[1, 1, 1, 1]))];
    let net = check(&pool("p", &padded), &x, &largest(&x, 1, 3));
    let kept: Vec<usize> = net.graph.activations().map(|layer| layer.shape.size()).collect();
    assert_eq!(kept, [5 * 3, 5 * 3, 3 * 3, 3 * 3], "two comparisons a run of three, columns first");
    assert_eq!(net.graph.activations().next().unwrap().name, "p.columns2");
    // 3x3 at stride 2 on 5x5 fills it, so that rounding up changes nothing; of 6 rows there is one place more.
    check(&pool("p", &[("ceil_mode", int(1))]), &x, &largest(&x, 0, 2));
    let two = [("kernel_shape", ints(&[2, 2])), ("strides", ints(&[2, 2])), ("ceil_mode", int(1))];
    let up = File::of(&[1, 1, 3, 3]).node("MaxPool", "p", &["x"], "y", &two);
    check(&up, &[1.0, -2.0, 3.0, 0.5, 0.0, -7.0, -3.0, -1.0, -6.0], &[1.0, 3.0, -1.0, -6.0]);
    let global = File::of(&[1, 1, 5, 5]).node("GlobalMaxPool", "g", &["x"], "y", &[]);
    check(&global, &x, &[x.iter().copied().fold(f32::MIN, f32::max)]);

    let indices = pool("p", &[("storage_order", int(1))]);
    assert_eq!(refused(&indices), "node `p`: expected storage_order 0, found 1");
    let dilated = refused(&pool("p", &[("dilations", ints(&[2, 2]))]));
    assert!(dilated.contains("dilations of 1"), "{dilated}");
}

/// The mean of what counts under every place of a 3x3 window at stride 2: `before` and `after` zeros around the pixels do.
fn mean(x: &[f32], begins: isize, places: usize, (before, after): (isize, isize)) -> Vec<f32> {
    let at = |row: isize, column: isize| {
        let reach = |place: isize| (2 * place + begins).max(-before)..(2 * place + begins + 3).min(5 + after);
        let under = reach(row).flat_map(|y| reach(column).map(move |x| (y, x)));
        let pixel = |(y, column): (isize, isize)| match (0..5).contains(&y) && (0..5).contains(&column) {
            true => x[(5 * y + column) as usize],
            false => 0.0,
        };
        under.clone().map(pixel).sum::<f32>() / under.count() as f32
    };
    let places = places as isize;
    (0..places).flat_map(|row| (0..places).map(move |column| at(row, column))).collect()
}

#[test]
fn average_pools_count_zeros_or_not_and_are_rounded_up() {
    let x = pixels();
    let file = || File::of(&[1, 1, 5, 5]);
    let pool = |file: File, from: &str, more: Vec<(&'static str, Given<'static>)>| {
        let attributes: Vec<_> =
            [("kernel_shape", ints(&[3, 3])), ("strides", ints(&[2, 2]))].into_iter().chain(more).collect();
        file.node("AveragePool", "p", &[from], "y", &attributes)
    };
    let (pads, counted, up) = (("pads", ints(&[1; 4])), ("count_include_pad", int(1)), ("ceil_mode", int(1)));
    check(&pool(file(), "x", vec![pads.clone()]), &x, &mean(&x, -1, 3, (0, 0)));
    check(&pool(file(), "x", vec![pads, counted.clone()]), &x, &mean(&x, -1, 3, (1, 1)));
    check(&pool(file(), "x", vec![("auto_pad", text("SAME_UPPER"))]), &x, &mean(&x, -1, 3, (0, 0)));
    // One row and column before alone: a third place, where it is rounded up, has the last two.
    let one = ("pads", ints(&[1, 1, 0, 0]));
    check(&pool(file(), "x", vec![one.clone()]), &x, &mean(&x, -1, 2, (0, 0)));
    check(&pool(file(), "x", vec![one.clone(), up.clone()]), &x, &mean(&x, -1, 3, (0, 0)));
    let net = check(&pool(file(), "x", vec![one.clone(), up.clone(), counted]), &x, &mean(&x, -1, 3, (1, 0)));
    let beyond = Padding { bottom: 1, right: 1, ..Padding::default() };
    let window = Window { padding: Padding::same(1), ..Window::square(3, 2, 0) };
    assert_eq!(ops(&net)[1..], [Op::AvgPool { window, uncounted: beyond }]);
    // The zeros of a Pad count, and those of the pool behind it do not.
    let padded = file().integers("around", &[8], &[0, 0, 1, 1, 0, 0, 0, 0]);
    let padded = padded.node("Pad", "pad", &["x", "around"], "q", &[]);
    let below = ("pads", ints(&[0, 0, 1, 1]));
    check(&pool(padded.clone(), "q", vec![below]), &x, &mean(&x, -1, 3, (1, 0)));
    check(&pool(padded, "q", vec![up.clone()]), &x, &mean(&x, -1, 3, (1, 0)));
    // A place that would begin behind the pixels is none.
    let far = [("kernel_shape", ints(&[2, 2])), ("strides", ints(&[3, 3])), ("pads", ints(&[1; 4])), up];
    let far = File::of(&[1, 1, 2, 2]).node("AveragePool", "p", &["x"], "y", &far);
    check(&far, &[1.0, 2.0, 3.0, 6.0], &[1.0]);
    let none = [("kernel_shape", ints(&[1, 1])), ("pads", ints(&[0, 0, 0, 1]))];
    let none = refused(&file().node("AveragePool", "p", &["x"], "y", &none));
    assert!(none.starts_with("node `p`: expected places that each count something"), "{none}");
}

#[test]
fn a_relu_in_front_of_a_max_pool_comes_behind_it() {
    let x = pixels();
    let pool = [("kernel_shape", ints(&[3, 3])), ("strides", ints(&[2, 2]))];
    let file = File::of(&[1, 1, 5, 5]).node("Relu", "r", &["x"], "r", &[]);
    let expected: Vec<f32> = largest(&x, 0, 2).into_iter().map(|x| x.max(0.0)).collect();
    let net = check(&file.clone().node("MaxPool", "p", &["r"], "y", &pool), &x, &expected);
    let layers: Vec<(&str, usize)> =
        net.graph.activations().map(|layer| (layer.name, layer.shape.size())).collect();
    assert_eq!(layers.last(), Some(&("r", 4)), "4 units in place of 25: {layers:?}");

    // What something else reads as well stays.
    let both = file
        .node("MaxPool", "p", &["r"], "q", &pool)
        .node("GlobalMaxPool", "g", &["r"], "m", &[])
        .node("GlobalMaxPool", "h", &["q"], "n", &[])
        .node("Add", "a", &["m", "n"], "y", &[]);
    let top = x.iter().copied().fold(f32::MIN, f32::max);
    let net = check(&both, &x, &[2.0 * top]);
    assert_eq!(net.graph.activations().next().unwrap().shape.size(), 25);
}

#[test]
fn channels_side_by_side() {
    let image = [1.0, -2.0, 3.0, -4.0];
    let file = File::of(&[1, 2, 1, 2])
        .floats("w", &[1, 2, 1, 1], &[10.0, 1.0])
        .node("Conv", "c", &["x", "w"], "c", &[])
        .node("Relu", "r", &["x"], "r", &[])
        .node("Concat", "cat", &["r", "c", "x"], "y", &[("axis", int(1))]);
    let net = check(&file, &image, &[1.0, 0.0, 3.0, 0.0, 13.0, -24.0, 1.0, -2.0, 3.0, -4.0]);
    assert_eq!((names(&net)[3], &ops(&net)[3]), ("cat", &Op::Concat));

    let rows = refused(&File::of(&[1, 2, 1, 2]).node("Relu", "r", &["x"], "r", &[]).node(
        "Concat",
        "cat",
        &["r", "x"],
        "y",
        &[("axis", int(2))],
    ));
    assert_eq!(rows, "node `cat`: expected a concatenation of channels, axis 1, found axis 2");
}

#[test]
fn depthwise_convolutions() {
    let file = File::of(&[1, 2, 1, 2]).floats("w", &[4, 1, 1, 1], &[1.0, 10.0, -1.0, 0.5]).node(
        "Conv",
        "dw",
        &["x", "w"],
        "y",
        &[("group", int(2))],
    );
    let net = check(&file, &[1.0, -2.0, 3.0, -4.0], &[1.0, -2.0, 10.0, -20.0, -3.0, 4.0, 1.5, -2.0]);
    let window = Window::square(1, 1, 0);
    assert_eq!(ops(&net)[1], Op::Conv { out: 4, window, bias: false, groups: 2 });
}

#[test]
fn leaky_relus_differences_and_halves() {
    let image = [1.0, -2.0, 3.0, -4.0];
    let leaky = File::of(&[1, 1, 2, 2]).node("LeakyRelu", "l", &["x"], "y", &[("alpha", attribute(0.25))]);
    let net = check(&leaky, &image, &[1.0, -0.5, 3.0, -1.0]);
    assert_eq!(net.graph.activations().map(|layer| layer.name).collect::<Vec<_>>(), ["l"]);

    let difference =
        File::of(&[1, 1, 2, 2]).node("Relu", "r", &["x"], "r", &[]).node("Sub", "s", &["x", "r"], "y", &[]);
    check(&difference, &image, &[0.0, -2.0, 0.0, -4.0]);

    let halves =
        File::of(&[1, 1, 2, 2]).halves("w", &[1, 1, 1, 1], &[-1.5]).node("Conv", "c", &["x", "w"], "y", &[]);
    check(&halves, &image, &image.map(|x| -1.5 * x));
}

#[test]
fn a_product_with_the_sigmoid_of_the_same_elements_seen_otherwise_is_no_silu() {
    let file = File::of(&[1, 4, 1, 1])
        .integers("to", &[4], &[1, 1, 4, 1])
        .node("Reshape", "t", &["x", "to"], "t", &[])
        .node("Sigmoid", "s", &["t"], "s", &[])
        .node("Mul", "m", &["x", "s"], "y", &[]);
    let message = refused(&file);
    assert!(message.starts_with("node `m`: expected a product of values of one shape"), "{message}");
    let silu = File::of(&[1, 4, 1, 1]).node("Sigmoid", "s", &["x"], "s", &[]).node(
        "Mul",
        "m",
        &["x", "s"],
        "y",
        &[],
    );
    let net = check(&silu, &[0.0; 4], &[0.0; 4]);
    assert_eq!(ops(&net)[1], Op::Act { activation: Activation::Silu });
}
