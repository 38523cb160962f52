//! Layers that keep nothing pass their values on: the parties against the plan's other readers, on random networks.

use crate::fixtures::{Fixture, masked, random};
use crate::protocol::check_run;
use models::fixed::evaluate::{Rounding, evaluate};
use models::fixed::fit::Passing;
use models::fixed::ring::MAX_RING_BITS;
use models::fixed::scales::Scales;
use models::graph::{Activation, Graph, Node, NodeId, Op, Shape, Window};
use models::nets;
use models::real;
use netem::{Channel, Phase};
use protocols::clear::replay;
use protocols::client::Client;
use protocols::cost::{predict, total};
use protocols::handshake::SessionId;
use protocols::masks::MaskSeed;
use protocols::plan::PlannedStep;
use protocols::server::{Model, Server};
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

/// Steps of a kind.
fn count(fixture: &Fixture, is: impl Fn(&PlannedStep) -> bool) -> usize {
    fixture.plan.steps.iter().filter(|step| is(step)).count()
}

fn passed(fixture: &Fixture) -> usize {
    count(fixture, |step| matches!(step, PlannedStep::Reshare(_)))
}

fn truncated(fixture: &Fixture) -> usize {
    count(fixture, |step| matches!(step, PlannedStep::Reshare(step) if step.truncate > 0))
}

fn rescaled(fixture: &Fixture) -> usize {
    count(fixture, |step| matches!(step, PlannedStep::Activation(_)))
}

/// One-way delays online.
pub(crate) fn delays(fixture: &Fixture) -> u64 {
    let online = total(&predict(&fixture.plan), Phase::Online);
    online.up.flights + online.down.flights
}

fn check(fixture: &Fixture, images: usize) {
    check_run(&fixture.plan, &fixture.secrets, &fixture.images[..images]);
}

/// A network without a kept unit: every delay online is a rescaling's, or the image's or the logits'.
#[test]
fn a_linear_network_takes_two_delays_and_two_a_rescaling() {
    let graph = nets::build("mini", Shape::new(3, 32, 32), 10).unwrap();
    let mut before = None;
    for ring_bits in [24, 30, 36] {
        let fixture = random(graph.clone(), 0.0, Scales { fa: 5, fw: 6 }, 11).fitted(ring_bits).unwrap();
        assert_eq!(delays(&fixture), 2 + 2 * rescaled(&fixture) as u64, "{ring_bits} bits");
        let bytes = (fixture.plan.ring.bits() as usize).div_ceil(8);
        for cost in predict(&fixture.plan) {
            let (_, kind) = fixture.plan.describe_step(cost.step);
            if kind == "reshare" {
                let units = fixture.plan.steps[cost.step.index().unwrap()].shape().size();
                assert_eq!(cost.down.bytes, 0, "nothing comes down");
                assert!(cost.phase == Phase::Offline || cost.up.bytes == 0, "nothing travels online");
                assert!(cost.up.bytes as usize <= bytes * units, "{} B for {units} units", cost.up.bytes);
            }
        }
        assert!(before.is_none_or(|before| rescaled(&fixture) < before), "{ring_bits} bits rescale no less");
        before = Some(rescaled(&fixture));
        check(&fixture, 1);
    }
}

/// Without a rescaling nothing is rounded: any masks lead to the logits of the clear evaluation.
#[test]
fn what_is_only_passed_on_is_exact() {
    let graph = nets::build("mini", Shape::new(3, 32, 32), 10).unwrap();
    let fixture = random(graph, 0.0, Scales { fa: 3, fw: 4 }, 5).fitted(48).unwrap();
    assert_eq!((rescaled(&fixture), delays(&fixture)), (0, 2));
    for (i, image) in fixture.images.iter().enumerate() {
        let image = fixture.plan.quantise_image(image);
        let clear = evaluate(&fixture.model, image.clone(), &mut Rounding::Nearest).logits;
        let seeds = [2 * i as u8, 2 * i as u8 + 1].map(|seed| MaskSeed::from_bytes([seed; 32]));
        let replayed = replay(&fixture.plan, &fixture.secrets, &image, &seeds[0], &seeds[1]);
        assert_eq!(replayed.logits, clear, "image {i}");
    }
    check(&fixture, 2);
}

/// Where the ring is wide enough, no layer is rescaled by a protocol: two delays, whatever the depth.
#[test]
fn a_linear_network_whose_shares_are_truncated_alone_takes_two_delays() {
    let graph = nets::build("resnet20", Shape::new(3, 16, 16), 10).unwrap();
    let exact = random(graph.clone(), 0.0, Scales { fa: 7, fw: 8 }, 11).fitted(MAX_RING_BITS).unwrap();
    let fixture = random(graph, 0.0, Scales { fa: 7, fw: 8 }, 11);
    let fixture = fixture.passing(Passing::Truncated, MAX_RING_BITS).unwrap();
    assert!(truncated(&fixture) >= 3 && rescaled(&exact) >= 3);
    assert_eq!((rescaled(&fixture), delays(&fixture)), (0, 2));
    check(&fixture, 1);
}

/// Where no layer is computed together, the client's last message offline is for the server to read: it is not held back.
#[test]
fn offline_ends_for_both_before_online_begins() {
    let graph = nets::build("mini", Shape::new(3, 32, 32), 10).unwrap();
    let Fixture { plan, secrets, images, .. } =
        random(graph, 0.0, Scales { fa: 3, fw: 4 }, 5).fitted(48).unwrap();
    let (mut to_server, mut to_client) = Channel::pair(Duration::from_secs(20));
    let session = SessionId([3; 16]);
    let model = Model::prepare(&plan, &secrets).unwrap();
    std::thread::scope(|scope| {
        let server = scope.spawn(|| {
            let mut server = Server::accept(&mut to_client, &model, session, &mut rand::rng()).unwrap();
            let ready = server.offline(&mut to_client, &mut rand::rng());
            ready.map(|ready| (ready, to_client))
        });
        let mut client = Client::connect(&mut to_server, &plan, session, &mut rand::rng()).unwrap();
        let ready = client.offline(&mut to_server, &mut rand::rng()).unwrap();
        let (server, mut to_client) = server.join().unwrap().unwrap();
        let server = scope.spawn(move || server.online(&mut to_client).map(|_| ()));
        ready.online(&mut to_server, &images[0]).unwrap();
        server.join().unwrap().unwrap();
    });
}

/// A graph that grows from random parts: convolutions, strides, batch norms, pools, residuals, shortcuts.
struct Growing {
    nodes: Vec<Node>,
    shapes: Vec<Shape>,
}

impl Growing {
    fn new(input: Shape) -> Self {
        let image = Node { name: "x".into(), op: Op::Input, inputs: vec![] };
        Self { nodes: vec![image], shapes: vec![input] }
    }

    fn add(&mut self, op: Op, inputs: Vec<NodeId>, shape: Shape) -> NodeId {
        self.nodes.push(Node { name: format!("n{}", self.nodes.len()), op, inputs });
        self.shapes.push(shape);
        self.nodes.len() - 1
    }

    fn conv(&mut self, from: NodeId, out: usize, kernel: usize, stride: usize) -> NodeId {
        let window = Window::square(kernel, stride, kernel / 2);
        let (h, w) = window.output(self.shapes[from]).unwrap();
        self.add(Op::Conv { out, window, bias: true, groups: 1 }, vec![from], Shape::new(out, h, w))
    }

    /// One part more behind the last node.
    fn grow(&mut self, rng: &mut ChaCha12Rng) {
        let from = self.nodes.len() - 1;
        let shape = self.shapes[from];
        let stride = if shape.h >= 4 && rng.random_bool(0.25) { 2 } else { 1 };
        let out = rng.random_range(2..5);
        let mut main = self.conv(from, out, *[1, 3].choose(rng).unwrap(), stride);
        if rng.random_bool(0.3) {
            let shape = self.shapes[main];
            main = self.add(Op::BatchNorm { eps: 1e-5 }, vec![main], shape);
        }
        if rng.random_bool(0.5) {
            let same = |node: &NodeId| self.shapes[*node] == self.shapes[main] && *node != main;
            let equals: Vec<NodeId> = (0..self.nodes.len()).filter(same).collect();
            let other = match equals.choose(rng) {
                Some(node) if rng.random_bool(0.7) => *node,
                _ => self.conv(from, out, 1, stride),
            };
            let shape = self.shapes[main];
            main = self.add(Op::Add, vec![main, other], shape);
        }
        if rng.random_bool(0.8) {
            let activation = *Activation::ALL.choose(rng).unwrap();
            let shape = self.shapes[main];
            main = self.add(Op::Act { activation }, vec![main], shape);
        }
        let shape = self.shapes[main];
        if shape.h >= 4 && shape.w >= 4 && rng.random_bool(0.2) {
            let window = Window::square(2, 2, 0);
            let (h, w) = window.output(shape).unwrap();
            self.add(Op::average(window), vec![main], Shape::new(shape.c, h, w));
        }
    }

    fn graph(mut self) -> Graph {
        let last = self.nodes.len() - 1;
        self.add(Op::Linear { out: 3, bias: true }, vec![last], Shape::new(3, 1, 1));
        Graph::new(self.shapes[0], self.nodes).unwrap()
    }
}

pub(crate) fn grown(rng: &mut ChaCha12Rng) -> Graph {
    let mut growing = Growing::new(Shape::new(2, rng.random_range(5..9), rng.random_range(5..9)));
    (0..rng.random_range(3..8)).for_each(|_| growing.grow(rng));
    growing.graph()
}

/// Runs random networks of which whole layers are linear, with that probability, in random rings: bit for bit the clear replay
/// with the server's share of every value, every byte and delay as declared. How many fitted, and what `of` counts in them.
fn run_random(
    seeds: Range<u64>,
    (linear, scales): (f64, Scales),
    (passing, rings): (Passing, RangeInclusive<u32>),
    of: impl Fn(&Fixture) -> usize,
) -> (usize, usize) {
    let (mut networks, mut values) = (0, 0);
    for seed in seeds {
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        let graph = grown(&mut rng);
        let keep = |rng: &mut ChaCha12Rng| if rng.random_bool(linear) { 0.0 } else { 0.5 };
        let fixture = masked(graph, keep, scales, seed);
        let Some(fixture) = fixture.passing(passing, rng.random_range(rings.clone())) else { continue };
        networks += 1;
        values += of(&fixture);
        check(&fixture, 1);
    }
    (networks, values)
}

#[test]
fn random_networks_in_random_rings() {
    let scales = Scales { fa: 4, fw: 4 };
    let (networks, values) = run_random(0..40, (0.6, scales), (Passing::Exact, 20..=39), passed);
    assert!(networks >= 20 && values >= 40, "{networks} networks fitted, {values} values passed on");
}

/// The same with shares that are truncated alone.
#[test]
fn random_networks_in_wide_rings() {
    let scales = Scales { fa: 6, fw: 9 };
    let wide = (Passing::Truncated, 46..=MAX_RING_BITS);
    let (networks, values) = run_random(200..230, (0.7, scales), wide, truncated);
    assert!(networks >= 20 && values >= 12, "{networks} networks fitted, {values} values truncated");
}

/// At fine scales what is passed on means what the reals say.
#[test]
fn fine_scales_approach_the_reals() {
    let mut networks = 0;
    for seed in 100..140 {
        let mut rng = ChaCha12Rng::seed_from_u64(seed);
        let graph = grown(&mut rng);
        let keep = |rng: &mut ChaCha12Rng| if rng.random_bool(0.6) { 0.0 } else { 0.5 };
        let fixture = masked(graph, keep, Scales { fa: 10, fw: 11 }, seed);
        let passing = if seed % 2 == 0 { Passing::Exact } else { Passing::Truncated };
        let Some(fixture) = fixture.passing(passing, MAX_RING_BITS) else { continue };
        if passed(&fixture) == 0 {
            continue;
        }
        networks += 1;
        let scale = f64::from(fixture.plan.output_scale()).exp2();
        for image in &fixture.images {
            let real = real::logits(&fixture.graph, &fixture.parameters, &fixture.masks, image);
            let fixed = evaluate(&fixture.model, fixture.plan.quantise_image(image), &mut Rounding::Nearest);
            assert_eq!(fixed.out_of_bounds, 0);
            for (fixed, real) in fixed.logits.iter().zip(real) {
                let difference = (*fixed as f64 / scale - f64::from(real)).abs();
                assert!(difference < 0.06, "seed {seed}: {difference} from {real}");
            }
        }
    }
    assert!(networks >= 10, "{networks} networks have values that are passed on");
}
