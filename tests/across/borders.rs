//! Numbers around rows and columns, and repeated ones: networks whose maps grow, in all readers of a plan.

use crate::branches::{Nodes, check_reals};
use crate::fixtures::{Fixture, random};
use crate::protocol::check_run;
use models::fixed::fit::Passing;
use models::fixed::merge::cheapest;
use models::fixed::scales::Scales;
use models::fixed::steps::{PublicMap, Step, TermOp};
use models::graph::{Activation, Graph, MaxPool, Op, Padding, Picks, Shape, Window};
use protocols::clear::replay;
use protocols::cost::{inference_bytes, predict};
use protocols::masks::MaskSeed;
use protocols::plan::{PlannedStep, ReluVariant};
use protocols::prepared::PreparedPlan;

const SCALES: Scales = Scales { fa: 7, fw: 8 };

fn act() -> Op {
    Op::Act { activation: Activation::Relu }
}

fn conv(out: usize, window: Window) -> Op {
    Op::Conv { out, window, bias: true, groups: 1 }
}

/// A number around the image, around what a max pool, an average, a batch norm, a product and a concatenation read, and zeros that two
/// layers read; rows and columns that are repeated in front of a convolution and of a sum.
fn growing() -> Graph {
    let mut nodes = Nodes(Vec::new());
    let uneven = Padding { top: 2, bottom: 0, left: 1, right: 1 };
    let input = nodes.add("input", Op::Input, &[]);
    let a = nodes.add("a.pad", Op::Pad { around: uneven, value: -0.75 }, &[input]);
    let a = nodes.add("a", conv(4, Window::square(3, 2, 1)), &[a]);
    let a = nodes.add("a.act", act(), &[a]);
    let (rows, columns) = (Picks::repeated(4, 2), Picks { count: 7, ..Picks::repeated(4, 2) });
    let up = nodes.add("up", Op::Slice { rows, columns }, &[a]);
    let b = nodes.add("b", conv(4, Window::square(3, 1, 1)), &[up]);
    let b = nodes.add("b.sum", Op::Add, &[b, up]);
    let b = nodes.add("b.act", act(), &[b]);
    let c = nodes.add("c.pad", Op::Pad { around: Padding::same(1), value: 0.5 }, &[b]);
    let pool =
        MaxPool { input: c, shape: Shape::new(4, 10, 9), window: Window::square(2, 2, 0), places: (5, 4) };
    let c = nodes.max_pool("c", &pool);
    let zeros = nodes.add("zeros", Op::Pad { around: Padding::same(1), value: 0.0 }, &[c]);
    let d = nodes.add("d", conv(4, Window::square(3, 1, 1)), &[zeros]);
    let norm = nodes.add("d.bn", Op::BatchNorm { eps: 1e-5 }, &[zeros]);
    let d = nodes.add("d.sum", Op::Add, &[d, norm]);
    let d = nodes.add("d.act", act(), &[d]);
    let e = nodes.add("e.pad", Op::Pad { around: uneven, value: 1.25 }, &[d]);
    let minus = nodes.add("e.minus", Op::Scale { by: -0.5 }, &[e]);
    let mean = nodes.add("e.mean", Op::average(Window::square(2, 2, 0)), &[minus]);
    let square = nodes.add("e.square", Op::Product, &[mean, mean]);
    let cat = nodes.add("cat", Op::Concat, &[mean, square]);
    let swapped = nodes.add("swapped", Op::Channels { picked: vec![7, 0, 3, 4] }, &[cat]);
    let f = nodes.add("f.pad", Op::Pad { around: Padding::same(1), value: -0.3 }, &[swapped]);
    let f = nodes.add("f.norm", Op::BatchNorm { eps: 1e-5 }, &[f]);
    let f = nodes.add("f", Op::Conv { out: 4, window: Window::square(3, 2, 0), bias: true, groups: 2 }, &[f]);
    nodes.add("fc", Op::Linear { out: 4, bias: true }, &[f]);
    Graph::new(Shape::new(2, 6, 7), nodes.0).unwrap()
}

#[test]
fn borders_and_repetition_in_every_reader() {
    for (keep, relu) in [(1.0, ReluVariant::Sign), (0.5, ReluVariant::Narrow), (0.0, ReluVariant::Delphi)] {
        let fixture = random(growing(), keep, SCALES, 3).with(relu);
        check_run(&fixture.plan, &fixture.secrets, &fixture.images[..1]);
    }
    let fixture = random(growing(), 0.0, SCALES, 3).passing(Passing::Truncated, 44).unwrap();
    check_run(&fixture.plan, &fixture.secrets, &fixture.images[..1]);
}

#[test]
fn borders_and_repetition_approach_the_reals() {
    for keep in [1.0, 0.5] {
        check_reals(&random(growing(), keep, Scales { fa: 12, fw: 12 }, 8));
    }
    // Where nothing is kept layers are merged, and a border goes with its segment.
    let steps = |lowered: &models::fixed::lower::Lowered| Some(lowered.steps.len() as f64);
    let fixture = random(growing(), 0.0, Scales { fa: 12, fw: 12 }, 8);
    let before = fixture.plan.steps.len();
    let merged = fixture.merged(|lowered| cheapest(lowered, steps));
    assert!(merged.plan.steps.len() < before);
    check_reals(&merged);
    check_run(&merged.plan, &merged.secrets, &merged.images[..1]);
}

/// A convolution of a value that is padded by itself, or by the window.
fn padded(value: Option<f64>) -> Fixture {
    let mut nodes = Nodes(Vec::new());
    let input = nodes.add("input", Op::Input, &[]);
    let a = nodes.add("a", conv(3, Window::square(3, 1, 1)), &[input]);
    let a = nodes.add("a.act", act(), &[a]);
    let around = Padding { top: 1, bottom: 1, left: 2, right: 0 };
    let (b, own) = match value {
        Some(value) => (nodes.add("pad", Op::Pad { around, value }, &[a]), Padding::default()),
        None => (a, around),
    };
    nodes.add("b", conv(2, Window { padding: own, ..Window::square(3, 2, 0) }), &[b]);
    random(Graph::new(Shape::new(2, 6, 5), nodes.0).unwrap(), 0.5, SCALES, 5)
}

/// Nothing travels for a border: the plan is that of zeros, and biases have it, rounded once.
#[test]
fn a_border_is_part_of_the_bias() {
    let without = padded(None);
    for value in [0.0, 0.8, -3.0] {
        let fixture = padded(Some(value));
        assert_eq!(inference_bytes(&predict(&fixture.plan)), inference_bytes(&predict(&without.plan)));
        assert_eq!(fixture.model.steps, without.model.steps, "but for what bounds measure, nothing");
        let Some(Step::Linear(segment)) = fixture.model.steps.last() else { panic!("the last is a segment") };
        let weights = &fixture.parameters["b.weight"];
        let bias = &fixture.model.weights.last().unwrap().as_ref().unwrap().bias;
        let each = if value == 0.0 { segment.shape.area() } else { 1 };
        for unit in 0..segment.shape.size() {
            let (out, y, x) = (
                unit / segment.shape.area(),
                unit / segment.shape.w % segment.shape.h,
                unit % segment.shape.w,
            );
            // Taps that stand above, below or before the 6x5 map.
            let outside = (0..27).filter(|tap| {
                let (row, column) = (2 * y + tap / 3 % 3, 2 * x + tap % 3);
                !(1..=6).contains(&row) || column < 2
            });
            let border: f64 = outside.map(|tap| f64::from(weights.data()[27 * out + tap]) * value).sum();
            let exact = f64::from(fixture.parameters["b.bias"].data()[out]) + border;
            let found = bias[unit / each] as f64 / f64::from(segment.scale).exp2();
            assert!((found - exact).abs() <= 0.51 / f64::from(segment.scale).exp2(), "{found} for {exact}");
        }
    }
}

/// What lies side by side is convolved part by part, with a border and repeated too.
#[test]
fn values_side_by_side_stay_so() {
    let mut nodes = Nodes(Vec::new());
    let input = nodes.add("input", Op::Input, &[]);
    let mut parts = Vec::new();
    for name in ["a", "b"] {
        let of = nodes.add(name, conv(3, Window::square(3, 1, 1)), &[input]);
        parts.push(nodes.add(&format!("{name}.act"), act(), &[of]));
    }
    let cat = nodes.add("cat", Op::Concat, &parts);
    let (rows, columns) = (Picks::repeated(4, 2), Picks::repeated(5, 1));
    let up = nodes.add("up", Op::Slice { rows, columns }, &[cat]);
    let pad = nodes.add("pad", Op::Pad { around: Padding::same(1), value: 0.6 }, &[up]);
    nodes.add("c", conv(2, Window::square(3, 2, 1)), &[pad]);
    let fixture =
        random(Graph::new(Shape::new(2, 4, 5), nodes.0).unwrap(), 0.5, Scales { fa: 12, fw: 12 }, 4);
    let Some(PlannedStep::Linear(last)) = fixture.plan.steps.last() else { panic!("the last is a segment") };
    assert_eq!(fixture.plan.steps.len(), 5, "two layers and a segment");
    let up = PublicMap::Slice { rows, columns };
    for term in &last.segment.terms {
        assert_eq!((&term.pre[..], term.shape), (std::slice::from_ref(&up), Shape::new(3, 8, 5)));
        let window = Window::square(3, 2, 2);
        assert_eq!(term.op, TermOp::Conv { out: 2, window, groups: 1 });
    }
    check_reals(&fixture);
    check_run(&fixture.plan, &fixture.secrets, &fixture.images[..1]);
}

/// Whatever the shares, repeated values are the values.
#[test]
fn repetition_is_exact_and_free() {
    let mut nodes = Nodes(Vec::new());
    let input = nodes.add("input", Op::Input, &[]);
    let (rows, columns) = (Picks::repeated(3, 2), Picks::repeated(2, 3));
    nodes.add("up", Op::Slice { rows, columns }, &[input]);
    let graph = Graph::new(Shape::new(2, 3, 2), nodes.0).unwrap();
    let Fixture { plan, secrets, images, .. } = random(graph, 1.0, SCALES, 9);
    let exchanges = |step: &PlannedStep| match step {
        PlannedStep::Linear(linear) => linear.exchanges.iter().flatten().count(),
        _ => 0,
    };
    assert!(plan.steps.iter().all(|step| exchanges(step) == 0), "nothing is asked for under encryption");
    check_run(&plan, &secrets, &images[..1]);
    for (seed, image) in (0..).zip(&images) {
        let (client, server) = (MaskSeed::from_bytes([seed; 32]), MaskSeed::from_bytes([99; 32]));
        let image = plan.quantise_image(image);
        let found = replay(&plan, &secrets, &image, &client, &server).logits;
        let finer = 1i64 << (plan.output_scale() - plan.image_scale);
        let pixel = |unit: usize| image[unit / 36 * 6 + unit / 6 % 6 / 2 * 2 + unit % 6 / 3];
        let expected: Vec<i64> = (0..72).map(|unit| plan.ring.signed(pixel(unit)) * finer).collect();
        assert_eq!(found, expected);
    }
}

/// A plan that repeats nothing, or too often, is refused.
#[test]
fn repetition_without_sense_is_refused() {
    let plan = random(growing(), 0.5, SCALES, 3).plan;
    let json = serde_json::to_value(&*plan).unwrap();
    let at = "/steps/2/segment/terms/0/pre/0/rows/times";
    assert_eq!(json.pointer(at), Some(&2.into()));
    let read = |json: &serde_json::Value| PreparedPlan::from_json(&serde_json::to_vec(json).unwrap());
    assert_eq!(read(&json).unwrap().digest(), plan.digest());
    for times in [0, u64::MAX, 1 << 27] {
        let mut changed = json.clone();
        *changed.pointer_mut(at).unwrap() = times.into();
        let error = read(&changed).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("shape after public maps"), "{times}: {error}");
    }
    // Once is what plans do not tell of.
    assert!(json.pointer("/steps/2/segment/terms/0/pre/0/columns/times").is_some());
    assert_eq!(
        serde_json::to_value(Picks::repeated(3, 1)).unwrap(),
        serde_json::json!({"start": 0, "step": 1, "count": 3})
    );
}
