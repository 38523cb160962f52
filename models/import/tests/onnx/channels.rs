//! Channels by their indices.

use super::file::{File, Given, int, ints};
use super::{check, names, ops, refused};
use models::data::Normalisation;
use models::graph::{Op, Picks};

/// Two pixels of each of six channels: 0 and 1, 10 and 11, ...
fn image() -> Vec<f32> {
    channels(&[0, 1, 2, 3, 4, 5])
}

fn channels(picked: &[usize]) -> Vec<f32> {
    picked.iter().flat_map(|channel| [10.0, 11.0].map(|x| x * *channel as f32)).collect()
}

fn file() -> File {
    File::of(&[1, 6, 1, 2])
}

fn picks(picked: &[usize]) -> Op {
    Op::Channels { picked: picked.to_vec() }
}

#[test]
fn slices_in_any_steps() {
    for (start, end, step, picked) in [
        (1, 4, 1, &[1, 2, 3][..]),
        (-2, 99, 1, &[4, 5]),
        (0, 6, 2, &[0, 2, 4]),
        (-1, -99, -1, &[5, 4, 3, 2, 1, 0]),
        (4, 0, -3, &[4, 1]),
    ] {
        let slice = file()
            .integers("s", &[1], &[start])
            .integers("e", &[1], &[end])
            .integers("a", &[1], &[1])
            .integers("t", &[1], &[step])
            .node("Slice", "part", &["x", "s", "e", "a", "t"], "y", &[]);
        let net = check(&slice, &image(), &channels(picked));
        assert_eq!((names(&net)[1], &ops(&net)[1..]), ("part", &[picks(picked)][..]));
    }
    let none = file().integers("s", &[1], &[3]).integers("a", &[1], &[1]);
    let none =
        none.node("Slice", "part", &["x", "s", "s", "a"], "p", &[]).node("Relu", "r", &["p"], "y", &[]);
    assert!(refused(&none).starts_with("node `r`: expected a value of 1 to"), "{}", refused(&none));
}

#[test]
fn crops_of_rows_and_columns_with_channels_or_without() {
    let pixels: Vec<f32> = (0..24).map(|i| i as f32).collect();
    let slice = |axes: &[i64], starts: &[i64], ends: &[i64], steps: &[i64]| {
        let count = [axes.len() as i64];
        File::of(&[1, 2, 3, 4])
            .integers("s", &count, starts)
            .integers("e", &count, ends)
            .integers("a", &count, axes)
            .integers("t", &count, steps)
            .node("Slice", "part", &["x", "s", "e", "a", "t"], "y", &[])
    };
    let net =
        check(&slice(&[2, 3], &[1, 0], &[3, 4], &[1, 3]), &pixels, &[4., 7., 8., 11., 16., 19., 20., 23.]);
    let (rows, columns) =
        (Picks { start: 1, step: 1, count: 2, times: 1 }, Picks { start: 0, step: 3, count: 2, times: 1 });
    assert_eq!(ops(&net)[1..], [Op::Slice { rows, columns }]);
    let net = check(&slice(&[1, 2, 3], &[1, 0, 1], &[2, 9, 2], &[1, 2, 1]), &pixels, &[13., 21.]);
    assert_eq!(ops(&net)[1], picks(&[1]));
    // From the first on in different steps, and then by another slice of channels.
    let uneven = slice(&[2, 3], &[0, 0], &[9, 9], &[2, 3]).renamed("y", "u");
    let one = uneven.integers("one", &[1], &[1]).integers("two", &[1], &[2]);
    let one = one.node("Slice", "c", &["u", "one", "two", "one"], "y", &[]);
    check(&one, &pixels, &[12., 15., 20., 23.]);
}

#[test]
fn splits_of_two_kinds() {
    let given = file().integers("sizes", &[3], &[1, 3, 2]);
    let given = given.node("Split", "parts", &["x", "sizes"], "a", &[("axis", int(1))]).and(&["b", "c"]);
    let joined = given.clone().node("Concat", "cat", &["c", "a"], "y", &[("axis", int(1))]);
    let net = check(&joined, &image(), &channels(&[4, 5, 0]));
    assert_eq!(ops(&net)[1..], [picks(&[4, 5, 0])], "two picks of one value are one");
    let through = given.node("Relu", "r", &["b"], "r", &[]).node(
        "Concat",
        "cat",
        &["r", "a", "c"],
        "y",
        &[("axis", int(1))],
    );
    let net = check(&through, &image(), &channels(&[1, 2, 3, 0, 4, 5]));
    assert_eq!(names(&net)[1..], ["parts.1", "r", "parts.0", "parts.2", "cat"]);

    let halves = |opset: i64, attributes: &[(&str, Given<'_>)]| {
        let split = file().opset(opset).node("Split", "s", &["x"], "a", attributes).and(&["b"]);
        split.node("Concat", "cat", &["b", "a"], "y", &[("axis", int(1))])
    };
    let old = [("axis", int(-3)), ("split", ints(&[4, 2]))];
    check(&halves(11, &old), &image(), &channels(&[4, 5, 0, 1, 2, 3]));
    check(&halves(13, &[("axis", int(1))]), &image(), &channels(&[3, 4, 5, 0, 1, 2]));
    let new = [("axis", int(1)), ("num_outputs", int(2))];
    check(&halves(18, &new), &image(), &channels(&[3, 4, 5, 0, 1, 2]));
    let sevenths = |opset| {
        let split = File::of(&[1, 7, 1, 1]).opset(opset).node("Split", "s", &["x"], "a", &[("axis", int(1))]);
        split.and(&["b", "c"]).node("Relu", "r", &["c"], "y", &[])
    };
    check(&sevenths(18), &[1., 2., 3., 4., 5., 6., 7.], &[7.]);
    let uneven = refused(&sevenths(13));
    assert_eq!(uneven, "node `s`: expected sizes of 3 parts that make up 7 places, found none given");
    let few = refused(&halves(11, &[("axis", int(1)), ("split", ints(&[4, 1]))]));
    assert_eq!(few, "node `s`: expected sizes of 2 parts that make up 6 places, found [4, 1]");
    let columns = refused(&halves(13, &[("axis", int(3))]));
    assert!(columns.starts_with("node `s`: expected channels by their indices"), "{columns}");
}

#[test]
fn channels_are_looked_up() {
    let list = file().integers("i", &[4], &[5, -6, 2, 2]);
    let net = check(
        &list.node("Gather", "g", &["x", "i"], "y", &[("axis", int(1))]),
        &image(),
        &channels(&[5, 0, 2, 2]),
    );
    assert_eq!(ops(&net)[1..], [picks(&[5, 0, 2, 2])]);
    let far = file().integers("i", &[1], &[6]).node("Gather", "g", &["x", "i"], "y", &[("axis", int(1))]);
    assert_eq!(refused(&far), "node `g`: expected an index among 6, found 6");
    let row = file().integers("i", &[1], &[0]).node("Gather", "g", &["x", "i"], "y", &[("axis", int(3))]);
    assert!(refused(&row).starts_with("node `g`: expected channels by their indices"), "{}", refused(&row));
}

/// How torchvision's GoogLeNet and Inception change the normalisation of their image.
#[test]
fn a_line_for_each_channel_of_the_image_is_its_normalisation() {
    let mut file = File::of(&[1, 3, 1, 2]).integers("one", &[1], &[1]);
    for (channel, (scale, shift)) in [(0.5, 0.1), (2.0, -0.3), (1.0, 0.2)].into_iter().enumerate() {
        let name = |part: &str| format!("{part}{channel}");
        file = file
            .integers(&name("i"), &[], &[channel as i64])
            .floats(&name("k"), &[], &[scale])
            .floats(&name("b"), &[], &[shift])
            .node("Gather", &name("g"), &["x", &name("i")], &name("g"), &[("axis", int(1))])
            .node("Unsqueeze", &name("u"), &[&name("g"), "one"], &name("u"), &[])
            .node("Mul", &name("m"), &[&name("u"), &name("k")], &name("m"), &[])
            .node("Add", &name("a"), &[&name("m"), &name("b")], &name("a"), &[]);
    }
    let image = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let lines = [0.6, 1.1, 5.7, 7.7, 5.2, 6.2];
    let cat = |order: &[&str]| {
        let cat = file.clone().node("Concat", "cat", order, "c", &[("axis", int(1))]);
        cat.node("Relu", "r", &["c"], "y", &[])
    };
    let net = check(&cat(&["a0", "a1", "a2"]), &image, &lines);
    assert_eq!(names(&net), ["input", "r"]);
    let Some(Normalisation { std, .. }) = net.normalisation else { panic!("there is one") };
    assert_eq!(std, [2.0, 0.5, 1.0]);
    let turned = [5.2, 6.2, 5.7, 7.7, 0.6, 1.1];
    let net = check(&cat(&["a2", "a1", "a0"]), &image, &turned);
    assert_eq!((ops(&net)[1].clone(), net.normalisation.is_some()), (picks(&[2, 1, 0]), true));
    // A channel that is not there has no line, and one that is there twice may have two.
    let net = check(&cat(&["a2", "a1", "a2"]), &image, &[5.2, 6.2, 5.7, 7.7, 5.2, 6.2]);
    assert_eq!((names(&net), &net.normalisation), (vec!["input", "cat", "cat_2", "r"], &None));
    let net = check(&cat(&["a0", "u0", "a1", "a2"]), &image, &[0.6, 1.1, 1., 2., 5.7, 7.7, 5.2, 6.2]);
    assert_eq!(net.normalisation, None);
}

#[test]
fn channel_shuffles() {
    let shuffled = channels(&[0, 3, 1, 4, 2, 5]);
    for (parts, order, back) in [
        (&[1, 2, 3, 1, 2][..], &[0, 2, 1, 3, 4][..], &[1, 6, 1, 2][..]),
        (&[1, 2, 3, 2], &[0, 2, 1, 3], &[0, 6, 1, -1]),
        (&[2, 3, 2], &[1, 0, 2], &[-1, 6, 1, 2]),
    ] {
        let length = |list: &[i64]| [list.len() as i64];
        let net = file()
            .integers("parts", &length(parts), parts)
            .integers("back", &[4], back)
            .node("Reshape", "apart", &["x", "parts"], "p", &[])
            .node("Transpose", "turn", &["p"], "t", &[("perm", ints(order))]);
        // A zero would keep an extent of what is turned.
        let back = if back[0] == 0 { net.replaced("apart", 1, "parts") } else { net };
        let net = check(&back.node("Reshape", "back", &["t", "back"], "y", &[]), &image(), &shuffled);
        assert_eq!((names(&net)[1], ops(&net)[1].clone()), ("turn", picks(&[0, 3, 1, 4, 2, 5])));
    }
    // Rows among channels are none of their numbers.
    let mixed =
        file().integers("parts", &[5], &[1, 2, 3, 1, 2]).node("Reshape", "apart", &["x", "parts"], "p", &[]);
    let mixed = mixed.node("Transpose", "turn", &["p"], "y", &[("perm", ints(&[0, 2, 4, 3, 1]))]);
    assert!(
        refused(&mixed).starts_with("node `turn`: expected an order that keeps rows"),
        "{}",
        refused(&mixed)
    );
}

/// A unit of ShuffleNetV2 whose halves are split off what was shuffled: one pick for each.
#[test]
fn halves_of_what_was_shuffled_are_one_pick() {
    let net = file()
        .integers("parts", &[5], &[1, 2, 3, 1, 2])
        .integers("whole", &[4], &[1, 6, 1, 2])
        .node("Relu", "r", &["x"], "r", &[])
        .node("Reshape", "apart", &["r", "parts"], "p", &[])
        .node("Transpose", "turn", &["p"], "t", &[("perm", ints(&[0, 2, 1, 3, 4]))])
        .node("Reshape", "back", &["t", "whole"], "w", &[])
        .node("Split", "halves", &["w"], "a", &[("axis", int(1))])
        .and(&["b"])
        .node("Relu", "rb", &["b"], "rb", &[])
        .node("Concat", "cat", &["a", "rb"], "y", &[("axis", int(1))]);
    let net = check(&net, &image(), &channels(&[0, 3, 1, 4, 2, 5]));
    assert_eq!(names(&net)[1..], ["r", "halves.1", "rb", "halves.0", "cat"]);
    assert_eq!((ops(&net)[2].clone(), ops(&net)[4].clone()), (picks(&[4, 2, 5]), picks(&[0, 3, 1])));
}
