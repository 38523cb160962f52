//! Rows and columns that are added: numbers and edges around a value, and repeated ones.

use super::file::{File, Given, attribute, int, ints, text};
use super::{PIXELS, check, names, ops, refused};
use models::graph::{Activation, Op, Padding, Picks};

/// A 1x4x4 image with `around` rows above and columns before it: `value` of an index that is before the edge or behind it.
fn padded(above: usize, before: usize, value: impl Fn(isize, isize) -> f32) -> Vec<f32> {
    let places = |more: usize| -(more as isize)..4;
    places(above).flat_map(|y| places(before).map(move |x| (y, x))).map(|(y, x)| value(y, x)).collect()
}

fn pixel(y: isize, x: isize) -> Option<f32> {
    (y >= 0 && x >= 0).then(|| PIXELS[(4 * y + x) as usize])
}

fn pad(value: f32, more: &[(&str, Given<'_>)]) -> File {
    let file = File::of(&[1, 1, 4, 4]).integers("around", &[8], &[0, 0, 2, 1, 0, 0, 0, 0]);
    file.floats("value", &[], &[value]).node("Pad", "pad", &["x", "around", "value"], "p", more)
}

#[test]
fn a_number_around_whatever_reads_it() {
    let around = Padding { top: 2, left: 1, ..Padding::default() };
    let all = padded(2, 1, |y, x| pixel(y, x).unwrap_or(0.75));
    let net = check(&pad(0.75, &[]).renamed("p", "y"), &PIXELS, &all);
    assert_eq!(ops(&net)[1..], [Op::Pad { around, value: 0.75 }]);
    assert_eq!(names(&net)[1], "pad");
    // A convolution of ones counts it, the zeros of its own padding not.
    let sums = |value: f32| -> Vec<f32> {
        let all = padded(2, 1, |y, x| pixel(y, x).unwrap_or(value));
        let at = |y: isize, x: isize| match (0..6).contains(&y) && (0..5).contains(&x) {
            true => all[(5 * y + x) as usize],
            false => 0.0,
        };
        let places = (-1..4).step_by(2).flat_map(|y| (-1..4).step_by(2).map(move |x| (y, x)));
        places.map(|(y, x)| (0..9).map(|tap| at(y + tap / 3, x + tap % 3)).sum()).collect()
    };
    for value in [0.75, -2.0, 0.0] {
        let file = pad(value, &[]).floats("w", &[1, 1, 3, 3], &[1.0; 9]);
        let attributes = [("strides", ints(&[2, 2])), ("pads", ints(&[1, 1, 1, 1]))];
        let net = check(&file.node("Conv", "c", &["p", "w"], "y", &attributes), &PIXELS, &sums(value));
        // Zeros are the window's own.
        assert_eq!(net.graph.nodes().len(), if value == 0.0 { 2 } else { 3 });
    }
    // Means and maxima of it.
    let mean = all.iter().sum::<f32>() / 30.0;
    check(&pad(0.75, &[]).node("GlobalAveragePool", "g", &["p"], "y", &[]), &PIXELS, &[mean]);
    let pool = |value, name: &str, more: &[(&str, Given<'_>)]| {
        let attributes = [&[("kernel_shape", ints(&[2, 5]))], more].concat();
        pad(value, &[]).node(name, "m", &["p"], "y", &attributes)
    };
    check(&pool(0.75, "AveragePool", &[("strides", ints(&[4, 1]))]), &PIXELS, &[0.75, 0.58]);
    for (value, largest) in [(0.75, [0.75, 0.8, 1.0]), (0.0, [0.0, 0.8, 1.0]), (-9.0, [-9.0, 0.8, 1.0])] {
        check(&pool(value, "MaxPool", &[("strides", ints(&[2, 1]))]), &PIXELS, &largest);
    }
    // Two readers, of which one is a window, and a line behind it.
    let both = pad(0.0, &[]).floats("w", &[1, 1, 1, 1], &[2.0]).node("Conv", "c", &["p", "w"], "c", &[]);
    let both = both.node("Relu", "r", &["p"], "r", &[]).node("Add", "a", &["c", "r"], "y", &[]);
    check(&both, &PIXELS, &padded(2, 1, |y, x| 3.0 * pixel(y, x).unwrap_or(0.0)));
    let line = pad(0.5, &[]).floats("k", &[], &[0.25]).node("Sub", "s", &["p", "k"], "y", &[]);
    check(&line, &PIXELS, &padded(2, 1, |y, x| pixel(y, x).unwrap_or(0.5) - 0.25));
}

#[test]
fn the_lowest_number_in_front_of_a_max_pool() {
    for value in [f32::NEG_INFINITY, f32::MIN] {
        let window = [("kernel_shape", ints(&[3, 2])), ("strides", ints(&[2, 2]))];
        let file = pad(value, &[]).node("MaxPool", "m", &["p"], "y", &window);
        let net = check(&file, &PIXELS, &[0.1, 0.3, 0.9, 1.0]);
        assert!(!ops(&net).iter().any(|op| matches!(op, Op::Pad { .. })));
        let file = pad(value, &[]).node("Relu", "r", &["p"], "y", &[]);
        let expected = "node `r`: expected a MaxPool after a Pad of the lowest number, found another reader of the padded value";
        assert_eq!(refused(&file), expected);
    }
    let up = "node `pad`: expected a number, or the lowest in front of a MaxPool, found inf";
    assert_eq!(refused(&pad(f32::INFINITY, &[]).renamed("p", "y")), up);
}

#[test]
fn edges_and_other_modes() {
    let edge = pad(0.0, &[("mode", text("edge"))]).renamed("p", "y");
    let net = check(&edge, &PIXELS, &padded(2, 1, |y, x| pixel(y.max(0), x.max(0)).unwrap()));
    let (rows, columns) =
        (Picks { start: -2, step: 1, count: 6, times: 1 }, Picks { start: -1, step: 1, count: 5, times: 1 });
    assert_eq!(ops(&net)[1..], [Op::Slice { rows, columns }]);
    let reflected = refused(&pad(0.0, &[("mode", text("reflect"))]).renamed("p", "y"));
    assert_eq!(reflected, "node `pad`: expected mode constant or edge, found reflect");
    let channels = File::of(&[1, 2, 2, 2]).integers("around", &[8], &[0, 1, 0, 0, 0, 0, 0, 0]);
    let channels = channels.floats("v", &[], &[0.5]).node("Pad", "pad", &["x", "around", "v"], "y", &[]);
    assert_eq!(
        refused(&channels),
        "node `pad`: expected channels of zeros, or one number or the edge around rows and columns, found pads \
         [(0, 0), (1, 0), (0, 0), (0, 0)], mode constant, value 0.5"
    );
}

/// Rows and columns of the 1x2x3 image 1 to 6.
const SIX: [f32; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];

fn repeated(down: usize, across: usize) -> Vec<f32> {
    let columns = move |row: usize| (0..3 * across).map(move |column| SIX[3 * row + column / across]);
    (0..2 * down).flat_map(|row| columns(row / down)).collect()
}

/// A Resize of 1x2x3 by scales.
fn resize(scales: [f32; 4], opset: i64, attributes: &[(&str, Given<'_>)]) -> File {
    let file = File::of(&[1, 1, 2, 3]).opset(opset).floats("s", &[4], &scales);
    let inputs: &[&str] = if opset < 11 { &["x", "s"] } else { &["x", "", "s"] };
    file.node("Resize", "up", inputs, "y", attributes)
}

#[test]
fn whole_factors_repeat() {
    let floor = [("coordinate_transformation_mode", text("asymmetric")), ("nearest_mode", text("floor"))];
    for (down, across) in [(2, 2), (3, 1), (1, 5), (4, 3)] {
        let scales = [1.0, 1.0, down as f32, across as f32];
        let expected = repeated(down, across);
        let net = check(&resize(scales, 13, &floor), &SIX, &expected);
        let (rows, columns) = (Picks::repeated(2, down), Picks::repeated(3, across));
        assert_eq!((names(&net)[1], &ops(&net)[1..]), ("up", &[Op::Slice { rows, columns }][..]));
        // By default half_pixel with round_prefer_floor, and in old files asymmetric with floor.
        check(&resize(scales, 13, &[]), &SIX, &expected);
        check(&resize(scales, 10, &[("mode", text("nearest"))]), &SIX, &expected);
        let old = File::of(&[1, 1, 2, 3]).floats("s", &[4], &scales);
        check(&old.clone().opset(9).node("Upsample", "up", &["x", "s"], "y", &[]), &SIX, &expected);
        let given = [("scales", Given::Floats(&scales))];
        check(&old.opset(7).node("Upsample", "up", &["x"], "y", &given), &SIX, &expected);
        // By sizes, of all axes or two; a list of no scales is none.
        let sizes = [1, 1, 2 * down as i64, 3 * across as i64];
        let by = File::of(&[1, 1, 2, 3]).floats("none", &[0], &[]).integers("all", &[4], &sizes);
        let by = by.integers("two", &[2], &sizes[2..]);
        check(&by.clone().node("Resize", "up", &["x", "", "none", "all"], "y", &floor), &SIX, &expected);
        let two = [&floor[..], &[("axes", ints(&[2, -1]))]].concat();
        check(&by.opset(18).node("Resize", "up", &["x", "", "", "two"], "y", &two), &SIX, &expected);
    }
    let once = resize([1.0; 4], 13, &floor).renamed("y", "u").node("Relu", "r", &["u"], "y", &[]);
    assert_eq!(ops(&check(&once, &SIX, &SIX))[1..], [Op::Act { activation: Activation::Relu }]);
}

/// Where the operator's definition says that a place of the output is, in exact arithmetic: `(numerator, denominator)`.
fn place(transformation: &str, i: i64, extent: i64, times: i64) -> (i64, i64) {
    match transformation {
        "asymmetric" => (i, times),
        "half_pixel" | "half_pixel_symmetric" => (2 * i + 1 - times, 2 * times),
        "pytorch_half_pixel" if extent * times == 1 => (0, 1),
        "pytorch_half_pixel" => (2 * i + 1 - times, 2 * times),
        "tf_half_pixel_for_nn" => (2 * i + 1, 2 * times),
        _ if extent * times == 1 => (0, 1),
        _ => (i * (extent - 1), extent * times - 1),
    }
}

fn rounded((above, below): (i64, i64), rounding: &str) -> i64 {
    match rounding {
        "floor" => above.div_euclid(below),
        "ceil" => -(-above).div_euclid(below),
        "round_prefer_floor" => -(below - 2 * above).div_euclid(2 * below),
        _ => (2 * above + below).div_euclid(2 * below),
    }
}

/// What is taken repeats, by the definition, and of what is not taken only align_corners does anywhere.
#[test]
fn only_what_repeats_is_taken() {
    assert_eq!([(-1, 2), (1, 2), (3, 4)].map(|at| rounded(at, "round_prefer_floor")), [-1, 0, 1]);
    assert_eq!([(-1, 2), (1, 2), (1, 4)].map(|at| rounded(at, "round_prefer_ceil")), [0, 1, 0]);
    for transformation in [
        "asymmetric",
        "half_pixel",
        "half_pixel_symmetric",
        "pytorch_half_pixel",
        "tf_half_pixel_for_nn",
        "align_corners",
    ] {
        for rounding in ["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"] {
            for (extent, times) in (1..7).flat_map(|extent| (1..8).map(move |times| (extent, times))) {
                let picks =
                    |i| rounded(place(transformation, i, extent, times), rounding).clamp(0, extent - 1);
                let repeats = (0..extent * times).all(|i| picks(i) == i / times);
                let attributes = [
                    ("coordinate_transformation_mode", text(transformation)),
                    ("nearest_mode", text(rounding)),
                ];
                let file =
                    File::of(&[1, 1, 1, extent]).opset(19).floats("s", &[4], &[1.0, 1.0, 1.0, times as f32]);
                let file = file.node("Resize", "up", &["x", "", "s"], "u", &attributes);
                let found = file.node("Relu", "r", &["u"], "y", &[]).read().is_ok();
                assert!(repeats || !found, "{transformation} with {rounding}: {extent} times {times}");
                assert!(
                    found || !repeats || transformation == "align_corners",
                    "{transformation}, {rounding}: {extent}, {times}"
                );
            }
        }
    }
}

#[test]
fn what_does_not_repeat_is_refused() {
    let ceil = [("coordinate_transformation_mode", text("asymmetric")), ("nearest_mode", text("ceil"))];
    let message = refused(&resize([1.0, 1.0, 2.0, 2.0], 13, &ceil));
    assert!(
        message.starts_with("node `up`: expected ways to the nearest place that repeat rows and columns (asymmetric with floor"),
        "{message}"
    );
    assert!(message.ends_with("found asymmetric with ceil, 2 times"), "{message}");
    for (scales, found) in [
        ([1.0, 1.0, 1.5, 1.0], "scales [1.0, 1.0, 1.5, 1.0]"),
        ([1.0, 1.0, 0.5, 0.5], "scales [1.0, 1.0, 0.5, 0.5]"),
        ([1.0, 1.0, f32::INFINITY, 1.0], "scales [1.0, 1.0, inf, 1.0]"),
    ] {
        let expected = format!("node `up`: expected whole factors of 1 to 4096, for 4 axes, found {found}");
        assert_eq!(refused(&resize(scales, 13, &[])), expected);
    }
    let channels = refused(&resize([1.0, 2.0, 1.0, 1.0], 13, &[]));
    assert_eq!(
        channels,
        "node `up`: expected repeated rows and columns, found [1, 2, 1, 1] times along the axes"
    );
    assert_eq!(
        refused(&resize([1.0; 4], 13, &[("mode", text("linear"))])),
        "node `up`: expected mode nearest, found linear"
    );
    let antialiased = resize([1.0; 4], 18, &[("antialias", int(1)), ("cubic_coeff_a", attribute(-0.5))]);
    assert_eq!(refused(&antialiased), "node `up`: expected antialias 0, found 1");
    let sizes = |sizes: &[i64]| {
        let file = File::of(&[1, 1, 2, 3]).integers("n", &[sizes.len() as i64], sizes);
        refused(&file.node("Resize", "up", &["x", "", "", "n"], "y", &[]))
    };
    assert!(sizes(&[1, 1, 5, 3]).ends_with("found sizes [1, 1, 5, 3] of shape [1, 1, 2, 3]"));
    assert!(sizes(&[1, 1, 4]).ends_with("found sizes [1, 1, 4] of shape [1, 1, 2, 3]"));
    assert!(sizes(&[1, 1, i64::MIN, 3]).contains("whole factors"));
    assert!(sizes(&[]).ends_with("expected scales or sizes, found both, or none"));
}

/// What is around an image in front of its normalisation is normalised.
#[test]
fn an_image_padded_before_its_normalisation() {
    let file = pad(0.5, &[]).floats("half", &[], &[0.5]).floats("two", &[], &[2.0]);
    let file = file.node("Sub", "s", &["p", "half"], "s", &[]).node("Mul", "m", &["s", "two"], "m", &[]);
    let file = file.floats("w", &[1, 1, 2, 2], &[1.0; 4]).node(
        "Conv",
        "c",
        &["m", "w"],
        "y",
        &[("strides", ints(&[4, 4]))],
    );
    // Twice what 0.9 and 0.35 are above a half.
    check(&file, &PIXELS, &[0.0, 0.5]);
}
