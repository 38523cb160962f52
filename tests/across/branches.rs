//! Max pools, concatenations and slopes: networks whose values part and meet, in all readers of a plan.

use crate::fixtures::{Fixture, random};
use crate::protocol::check_run;
use models::fixed::evaluate::{Rounding, evaluate};
use models::fixed::scales::Scales;
use models::fixed::steps::TermOp;
use models::graph::{Activation, Graph, MaxPool, Node, NodeId, Op, Padding, Picks, Shape, Window};
use models::real;
use protocols::clear::replay;
use protocols::masks::MaskSeed;
use protocols::plan::{PlannedStep, ReluVariant};
use protocols::prepared::PreparedPlan;

/// Nodes that are appended one by one.
pub(crate) struct Nodes(pub(crate) Vec<Node>);

impl Nodes {
    pub(crate) fn add(&mut self, name: &str, op: Op, inputs: &[NodeId]) -> NodeId {
        self.0.push(Node { name: name.into(), op, inputs: inputs.to_vec() });
        self.0.len() - 1
    }

    pub(crate) fn max_pool(&mut self, name: &str, pool: &MaxPool) -> NodeId {
        let mut push =
            |name: String, op: Op, inputs: Vec<NodeId>| Ok::<_, String>(self.add(&name, op, &inputs));
        pool.append(name, &mut push, |expected, found| format!("{expected}, {found}")).unwrap()
    }
}

/// Inception in small: a max pool of a convolution, two branches side by side, one of them leaky, then a convolution of both.
fn branching() -> Graph {
    let mut nodes = Nodes(Vec::new());
    let act = || Op::Act { activation: Activation::Relu };
    let conv = |out, window| Op::Conv { out, window, bias: true, groups: 1 };
    let input = nodes.add("input", Op::Input, &[]);
    let a = nodes.add("a", conv(4, Window::square(3, 1, 1)), &[input]);
    let a = nodes.add("a.act", act(), &[a]);
    let pool =
        MaxPool { input: a, shape: Shape::new(4, 10, 8), window: Window::square(3, 2, 1), places: (5, 4) };
    let pool = nodes.max_pool("pool", &pool);
    let b = nodes.add("b", conv(3, Window::square(3, 1, 1)), &[pool]);
    let above = nodes.add("b.act", act(), &[b]);
    let above = nodes.add("b.above", Op::Scale { by: 0.9 }, &[above]);
    let below = nodes.add("b.below", Op::Scale { by: 0.1 }, &[b]);
    let b = nodes.add("b.leaky", Op::Add, &[above, below]);
    let cat = nodes.add("cat", Op::Concat, &[pool, b]);
    let c = nodes.add("c", conv(5, Window::square(3, 1, 1)), &[cat]);
    let c = nodes.add("c.act", act(), &[c]);
    let every = Picks { start: 0, step: 2, count: 2, times: 1 };
    let c = nodes.add("c.corner", Op::Slice { rows: every, columns: every }, &[c]);
    nodes.add("fc", Op::Linear { out: 4, bias: true }, &[c]);
    Graph::new(Shape::new(2, 10, 8), nodes.0).unwrap()
}

#[test]
fn parts_and_sums_in_every_variant() {
    for (keep, relu) in [(1.0, ReluVariant::Sign), (0.5, ReluVariant::Narrow), (0.0, ReluVariant::Sign)] {
        let fixture = random(branching(), keep, Scales { fa: 7, fw: 8 }, 3).with(relu);
        check_run(&fixture.plan, &fixture.secrets, &fixture.images[..1]);
    }
}

/// At fine scales the ring's meaning is the network over the reals, with a factor that no power of two is.
#[test]
fn fine_scales_approach_the_reals() {
    for keep in [1.0, 0.5] {
        check_reals(&random(branching(), keep, Scales { fa: 12, fw: 12 }, 8));
    }
}

/// Every logit is near that over the reals.
pub(crate) fn check_reals(fixture: &Fixture) {
    for image in &fixture.images {
        let real = real::logits(&fixture.graph, &fixture.parameters, &fixture.masks, image);
        let fixed = evaluate(&fixture.model, fixture.model.quantise_image(image), &mut Rounding::Nearest);
        let scale = f64::from(fixture.plan.output_scale()).exp2();
        for (real, fixed) in real.iter().zip(&fixed.logits) {
            assert!((f64::from(*real) - *fixed as f64 / scale).abs() < 0.02, "{real} {fixed}");
        }
    }
}

/// Depthwise convolutions of both strides, groups of several channels, and a batch norm of a value that is read elsewhere too,
/// which is a factor a channel.
#[test]
fn groups_in_every_reader() {
    let mut nodes = Nodes(Vec::new());
    let act = || Op::Act { activation: Activation::Relu6 };
    let conv = |out, window, groups| Op::Conv { out, window, bias: true, groups };
    let input = nodes.add("input", Op::Input, &[]);
    let a = nodes.add("a", conv(12, Window::square(3, 1, 1), 1), &[input]);
    let a = nodes.add("a.act", act(), &[a]);
    let b = nodes.add("b", conv(12, Window::square(3, 2, 1), 12), &[a]);
    let b = nodes.add("b.act", act(), &[b]);
    let c = nodes.add("c", conv(18, Window::square(3, 1, 1), 6), &[b]);
    let c = nodes.add("c.act", act(), &[c]);
    let norm = nodes.add("c.bn", Op::BatchNorm { eps: 1e-5 }, &[c]);
    let sum = nodes.add("sum", Op::Add, &[norm, c]);
    let sum = nodes.add("sum.act", act(), &[sum]);
    let d = nodes.add("d", conv(4, Window::square(1, 1, 0), 2), &[sum]);
    nodes.add("fc", Op::Linear { out: 3, bias: true }, &[d]);
    let graph = Graph::new(Shape::new(2, 10, 8), nodes.0).unwrap();
    for (keep, relu) in [(1.0, ReluVariant::Sign), (0.4, ReluVariant::Narrow)] {
        let fixture = random(graph.clone(), keep, Scales { fa: 7, fw: 8 }, 13).with(relu);
        check_run(&fixture.plan, &fixture.secrets, &fixture.images[..1]);
        let shared = fixture.plan.steps.iter().filter_map(|step| match step {
            PlannedStep::Linear(linear) => Some(linear.exchanges.iter().flatten()),
            _ => None,
        });
        assert!(shared.flatten().any(|exchange| exchange.packing.shared > 8), "a dozen channels a product");
    }
    check_reals(&random(graph, 0.5, Scales { fa: 12, fw: 12 }, 8));
}

/// Parts of a concatenation are convolved each by itself: no weight is multiplied with a channel of zeros, and nothing is rescaled
/// to put them together.
#[test]
fn a_concatenation_costs_no_step() {
    let mut nodes = Nodes(Vec::new());
    let input = nodes.add("input", Op::Input, &[]);
    let conv = |out| Op::Conv { out, window: Window::square(3, 1, 1), bias: false, groups: 1 };
    let mut made = Vec::new();
    for name in ["a", "b", "c"] {
        let of = nodes.add(name, conv(4), &[input]);
        made.push(nodes.add(&format!("{name}.act"), Op::Act { activation: Activation::Relu }, &[of]));
    }
    let cat = nodes.add("cat", Op::Concat, &made);
    nodes.add("d", conv(2), &[cat]);
    let fixture = random(Graph::new(Shape::new(2, 6, 6), nodes.0).unwrap(), 1.0, Scales { fa: 6, fw: 7 }, 4);
    assert!(fixture.plan.steps.iter().all(|step| !step.name().contains("cat")));
    let Some(PlannedStep::Linear(last)) = fixture.plan.steps.last() else { panic!("the last is a segment") };
    assert_eq!(last.segment.terms.iter().map(|term| term.shape.c).collect::<Vec<_>>(), [4, 4, 4]);
    assert!(last.segment.terms.iter().all(|term| matches!(term.op, TermOp::Conv { out: 2, .. })));
    check_run(&fixture.plan, &fixture.secrets, &fixture.images[..1]);
}

/// ShuffleNetV2 in small: an image whose channels are exchanged, halves of which one is passed on, and channels of both in turns.
fn shuffled() -> Graph {
    let mut nodes = Nodes(Vec::new());
    let act = || Op::Act { activation: Activation::Relu };
    let conv = |out, window, groups| Op::Conv { out, window, bias: true, groups };
    let input = nodes.add("input", Op::Input, &[]);
    let x = nodes.add("bgr", Op::Channels { picked: vec![2, 1, 0] }, &[input]);
    let x = nodes.add("stem", conv(6, Window::square(3, 1, 1), 1), &[x]);
    let mut x = nodes.add("stem.act", act(), &[x]);
    for unit in ["a", "b"] {
        let name = |part: &str| format!("{unit}.{part}");
        let left = nodes.add(&name("left"), Op::Channels { picked: (0..3).collect() }, &[x]);
        let right = nodes.add(&name("right"), Op::Channels { picked: (3..6).collect() }, &[x]);
        let right = nodes.add(&name("1x1"), conv(3, Window::square(1, 1, 0), 1), &[right]);
        let right = nodes.add(&name("act"), act(), &[right]);
        let right = nodes.add(&name("dw"), conv(3, Window::square(3, 1, 1), 3), &[right]);
        let right = nodes.add(&name("dw.act"), act(), &[right]);
        let cat = nodes.add(&name("cat"), Op::Concat, &[left, right]);
        let picked = (0..6).map(|i| i % 2 * 3 + i / 2).collect();
        x = nodes.add(&name("shuffle"), Op::Channels { picked }, &[cat]);
    }
    nodes.add("fc", Op::Linear { out: 4, bias: true }, &[x]);
    Graph::new(Shape::new(3, 8, 6), nodes.0).unwrap()
}

/// Channels by index are picked by each party from its own share; what lies side by side is put together once for that.
#[test]
fn channels_by_index_in_every_reader() {
    for (keep, relu) in [(1.0, ReluVariant::Sign), (0.5, ReluVariant::Narrow), (0.0, ReluVariant::Sign)] {
        let fixture = random(shuffled(), keep, Scales { fa: 7, fw: 8 }, 3).with(relu);
        let made = |name: &str| fixture.plan.steps.iter().filter(|step| step.name() == name).count();
        assert_eq!((made("a.cat.rescale"), made("b.cat.rescale")), (1, 1));
        check_run(&fixture.plan, &fixture.secrets, &fixture.images[..1]);
    }
    check_reals(&random(shuffled(), 0.5, Scales { fa: 12, fw: 12 }, 8));
}

/// A plan whose channels are not there is refused.
#[test]
fn picks_of_no_channel_are_refused() {
    let plan = random(shuffled(), 0.5, Scales { fa: 7, fw: 8 }, 3).plan;
    let json = serde_json::to_value(&*plan).unwrap();
    let at = "/steps/0/segment/terms/0/pre/0/picked";
    assert_eq!(json.pointer(at), Some(&serde_json::json!([2, 1, 0])));
    let read = |json: &serde_json::Value| PreparedPlan::from_json(&serde_json::to_vec(json).unwrap());
    assert_eq!(read(&json).unwrap().digest(), plan.digest());
    for picked in [vec![2, 1, 3], vec![2, 1, u64::MAX], vec![], vec![2, 1], vec![0; 100]] {
        let mut changed = json.clone();
        *changed.pointer_mut(at).unwrap() = picked.clone().into();
        let error = read(&changed).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("shape after public maps"), "{picked:?}: {error}");
    }
}

/// Averages that leave out zeros around their input, in front of a convolution, of a sum and of another average, and one whose last
/// window is cut short.
fn averaged() -> Graph {
    let mut nodes = Nodes(Vec::new());
    let act = || Op::Act { activation: Activation::Relu };
    let conv = |out, window| Op::Conv { out, window, bias: true, groups: 1 };
    let inside = |window: Window| Op::AvgPool { window, uncounted: window.padding };
    let input = nodes.add("input", Op::Input, &[]);
    let a = nodes.add("a", conv(4, Window::square(3, 1, 1)), &[input]);
    let a = nodes.add("a.act", act(), &[a]);
    let b = nodes.add("b.pool", inside(Window::square(3, 1, 1)), &[a]);
    let b = nodes.add("b", conv(4, Window::square(1, 1, 0)), &[b]);
    let c = nodes.add("c.pool", inside(Window::square(5, 1, 2)), &[a]);
    let sum = nodes.add("sum", Op::Add, &[b, c]);
    let sum = nodes.add("sum.act", act(), &[sum]);
    let below = Padding { bottom: 1, right: 1, ..Padding::same(1) };
    let window = Window { padding: below, ..Window::square(3, 2, 0) };
    let rest = Padding { bottom: 1, right: 1, ..Padding::default() };
    let d = nodes.add("d.pool", Op::AvgPool { window, uncounted: rest }, &[sum]);
    let d = nodes.add("d.again", inside(Window::square(2, 2, 1)), &[d]);
    nodes.add("fc", Op::Linear { out: 4, bias: true }, &[d]);
    Graph::new(Shape::new(2, 8, 6), nodes.0).unwrap()
}

#[test]
fn averages_of_what_counts_in_every_reader() {
    for (keep, relu) in [(1.0, ReluVariant::Sign), (0.5, ReluVariant::Narrow), (0.0, ReluVariant::Sign)] {
        let fixture = random(averaged(), keep, Scales { fa: 7, fw: 8 }, 3).with(relu);
        check_run(&fixture.plan, &fixture.secrets, &fixture.images[..1]);
    }
    check_reals(&random(averaged(), 0.5, Scales { fa: 12, fw: 12 }, 8));
}

/// A plan is refused whose averages leave out more than there is, or count nothing.
#[test]
fn averages_of_nothing_are_refused() {
    let plan = random(averaged(), 0.5, Scales { fa: 7, fw: 8 }, 3).plan;
    let json = serde_json::to_value(&*plan).unwrap();
    let at = "/steps/2/segment/terms/0/pre/0/uncounted/top";
    assert_eq!(json.pointer(at), Some(&1.into()));
    let read = |json: &serde_json::Value| PreparedPlan::from_json(&serde_json::to_vec(json).unwrap());
    assert_eq!(read(&json).unwrap().digest(), plan.digest());
    for top in [2, 100, u64::MAX] {
        let mut changed = json.clone();
        *changed.pointer_mut(at).unwrap() = top.into();
        let error = read(&changed).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("shape after public maps"), "{top}: {error}");
    }
}

/// Whatever the shares, the maximum is that of the integers that were compared, to the unit.
#[test]
fn max_pools_are_exact() {
    let shape = Shape::new(2, 9, 7);
    let mut nodes = Nodes(Vec::new());
    let input = nodes.add("input", Op::Input, &[]);
    nodes.max_pool("pool", &MaxPool { input, shape, window: Window::square(3, 2, 1), places: (5, 4) });
    let graph = Graph::new(shape, nodes.0).unwrap();
    for relu in ReluVariant::ALL {
        let Fixture { plan, secrets, images, .. } =
            random(graph.clone(), 1.0, Scales { fa: 6, fw: 5 }, 9).with(relu);
        for (seed, image) in (0..).zip(&images) {
            let (client, server) = (MaskSeed::from_bytes([seed; 32]), MaskSeed::from_bytes([99; 32]));
            let image = plan.quantise_image(image);
            let found = replay(&plan, &secrets, &image, &client, &server).logits;
            let finer = 1i64 << (plan.output_scale() - plan.image_scale);
            let pixels: Vec<i64> = image.iter().map(|x| plan.ring.signed(*x)).collect();
            let places = (0..2).flat_map(|c| (0..5).flat_map(move |y| (0..4).map(move |x| (c, y, x))));
            for ((c, y, x), found) in places.zip(&found) {
                let rows = (2usize * y).saturating_sub(1)..(2 * y + 2).min(9);
                let columns = (2usize * x).saturating_sub(1)..(2 * x + 2).min(7);
                let under = rows.flat_map(|row| columns.clone().map(move |column| (row, column)));
                let largest = under.map(|(row, column)| pixels[(c * 9 + row) * 7 + column]).max().unwrap();
                assert_eq!(*found, largest * finer, "{relu:?}, channel {c}, place {y}, {x}");
            }
        }
    }
}

/// Squeeze and excitation, a product of two feature maps, and a square of a sum, which is no value of its own.
pub(crate) fn multiplying() -> Graph {
    let mut nodes = Nodes(Vec::new());
    let conv = |out, window| Op::Conv { out, window, bias: true, groups: 1 };
    let act = |activation| Op::Act { activation };
    let input = nodes.add("input", Op::Input, &[]);
    let a = nodes.add("a", conv(6, Window::square(3, 1, 1)), &[input]);
    let a = nodes.add("a.act", act(Activation::HardSwish), &[a]);
    let squeezed = nodes.add("squeeze", Op::average(Window::square(8, 8, 0)), &[a]);
    let gate = nodes.add("gate.1", conv(3, Window::square(1, 1, 0)), &[squeezed]);
    let gate = nodes.add("gate.1.act", act(Activation::Relu), &[gate]);
    let gate = nodes.add("gate.2", conv(6, Window::square(1, 1, 0)), &[gate]);
    let gate = nodes.add("gate.2.act", act(Activation::Sigmoid), &[gate]);
    let gated = nodes.add("gated", Op::Product, &[a, gate]);
    let b = nodes.add("b", conv(6, Window::square(1, 1, 0)), &[gated]);
    let multiplied = nodes.add("multiplied", Op::Product, &[b, gated]);
    let sum = nodes.add("sum", Op::Add, &[multiplied, a]);
    let square = nodes.add("square", Op::Product, &[sum, sum]);
    nodes.add("fc", Op::Linear { out: 4, bias: true }, &[square]);
    Graph::new(Shape::new(2, 8, 8), nodes.0).unwrap()
}

#[test]
fn products_in_every_reader() {
    for (keep, relu) in [(1.0, ReluVariant::Sign), (0.5, ReluVariant::Narrow), (0.0, ReluVariant::Sign)] {
        let fixture = random(multiplying(), keep, Scales { fa: 7, fw: 8 }, 3).with(relu);
        let products = fixture.plan.steps.iter().filter(|step| step.kind() == "product").count();
        assert_eq!(products, 3);
        check_run(&fixture.plan, &fixture.secrets, &fixture.images[..2]);
    }
}

#[test]
fn products_approach_the_reals() {
    for keep in [1.0, 0.5] {
        check_reals(&random(multiplying(), keep, Scales { fa: 12, fw: 12 }, 8));
    }
}
