//! Products of two values, and those that are one activation.

use super::file::{File, attribute};
use super::{check, names, ops, refused};
use models::graph::{Activation, Op};

#[test]
fn silu_is_a_product_with_the_own_sigmoid() {
    let image = [-1.5, 0.0, 0.5, 6.0];
    let expected = image.map(|x: f32| x / (1.0 + (-x).exp()));
    let file = File::of(&[1, 1, 2, 2]).node("Sigmoid", "s", &["x"], "s", &[]);
    let net = check(&file.clone().node("Mul", "m", &["x", "s"], "y", &[]), &image, &expected);
    assert_eq!(ops(&net)[1], Op::Act { activation: Activation::Silu });
    check(&file.clone().node("Mul", "m", &["s", "x"], "y", &[]), &image, &expected);

    // Of a value that is scaled first, by a factor that no normalisation has.
    let scaled = File::of(&[1, 1, 2, 2])
        .floats("k", &[], &[-2.0])
        .node("Mul", "k", &["x", "k"], "z", &[])
        .node("Sigmoid", "s", &["z"], "s", &[])
        .node("Mul", "m", &["z", "s"], "y", &[]);
    let expected = image.map(|x: f32| -2.0 * x / (1.0 + (2.0 * x).exp()));
    assert_eq!(names(&check(&scaled, &image, &expected)), ["input", "k", "m"]);

    // Of another value, it is a gate; and what reads it otherwise has it as it is.
    let gate = file.node("Relu", "r", &["x"], "r", &[]).node("Mul", "m", &["s", "r"], "m", &[]);
    let logistic = |x: f32| 1.0 / (1.0 + (-x).exp());
    let net = check(
        &gate.node("Add", "a", &["m", "s"], "y", &[]),
        &image,
        &image.map(|x| x.max(0.0) * logistic(x) + logistic(x)),
    );
    assert_eq!(names(&net), ["input", "r", "s", "m", "a"]);
    assert_eq!(ops(&net)[2..4], [Op::Act { activation: Activation::Sigmoid }, Op::Product]);
}

/// A gate of one unit a channel, on either side; a square, by each of its names; other shapes are refused.
#[test]
fn products_of_two_values() {
    let image = [1.0, -2.0, 3.0, 0.5, 4.0, -1.0, 2.0, 0.0];
    let file = File::of(&[1, 2, 2, 2]).node("GlobalAveragePool", "g", &["x"], "g", &[]);
    let (one, other) = (0.625, 1.25);
    let gated: Vec<f32> =
        image.iter().enumerate().map(|(i, x)| x * if i < 4 { one } else { other }).collect();
    for factors in [["x", "g"], ["g", "x"]] {
        let net = check(&file.clone().node("Mul", "m", &factors, "y", &[]), &image, &gated);
        assert_eq!(ops(&net)[2], Op::Product);
    }
    let squared = image.map(|x| x * x);
    let file = File::of(&[1, 2, 2, 2]);
    check(&file.clone().node("Mul", "m", &["x", "x"], "y", &[]), &image, &squared);
    check(
        &file.clone().floats("two", &[], &[2.0]).node("Pow", "p", &["x", "two"], "y", &[]),
        &image,
        &squared,
    );
    let cube = file.clone().floats("three", &[], &[3.0]).node("Pow", "p", &["x", "three"], "y", &[]);
    assert!(refused(&cube).starts_with("node `p`: expected an exponent of 2, found 3"), "{}", refused(&cube));
    let rows = file.integers("to", &[4], &[1, 1, 4, 2]).node("Reshape", "t", &["x", "to"], "t", &[]);
    let message = refused(&rows.node("Mul", "m", &["x", "t"], "y", &[]));
    assert!(message.starts_with("node `m`: expected a product of values of one shape"), "{message}");
}

#[test]
fn hard_swish_is_an_activation_by_either_name() {
    let image = [-4.0, -1.5, 1.0, 5.0];
    let expected = [0.0, -0.375, 2.0 / 3.0, 5.0];
    let file = File::of(&[1, 1, 2, 2]);
    let sixth = [("alpha", attribute(1.0 / 6.0)), ("beta", attribute(0.5))];
    let half = file.clone().node("HardSigmoid", "h", &["x"], "h", &sixth);
    let nets = [
        check(&file.clone().node("HardSwish", "m", &["x"], "y", &[]), &image, &expected),
        check(&half.node("Mul", "m", &["h", "x"], "y", &[]), &image, &expected),
    ];
    nets.iter().for_each(|net| assert_eq!(ops(net)[1], Op::Act { activation: Activation::HardSwish }));
    let gelu = file.clone().node("Gelu", "g", &["x"], "y", &[]);
    check(&gelu, &image, &[-0.000_126_685, -0.100_210_8, 0.841_344_7, 4.999_998_6]);
    check(&file.node("Tanh", "t", &["x"], "y", &[]), &image, &image.map(f32::tanh));
}
