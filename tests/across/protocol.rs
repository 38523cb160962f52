//! The two parties against the plan's other readers: the clear evaluation and the predicted cost.

use crate::fixtures::{Fixture, random};
use models::fixed::evaluate::{Rounding, evaluate};
use models::fixed::scales::Scales;
use models::graph::{Activation, Graph, Node, Op, Shape, Window};
use models::nets;
use models::real;
use netem::{Channel, Event, Phase, StepUsage};
use protocols::Error;
use protocols::clear::replay;
use protocols::client::{Client, ClientOutput};
use protocols::compile::{Choices, otherwise};
use protocols::cost::{self, predict};
use protocols::handshake::SessionId;
use protocols::he::HeBackend;
use protocols::masks::MaskSeed;
use protocols::memory::Memory;
use protocols::numbering::ChannelStep;
use protocols::plan::{Plan, PlannedStep, ReluVariant};
use protocols::prepared::PreparedPlan;
use protocols::secrets::ServerSecrets;
use protocols::server::{Model, Server, ServerOutput};
use protocols::store::Store;
use protocols::timing::observe;
use protocols::walk::Act;
use rayon::ThreadPoolBuilder;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(60);
const SESSION: SessionId = SessionId([7; 16]);

/// What a run leaves behind: outputs per inference and each party's books.
struct Run {
    clients: Vec<ClientOutput>,
    servers: Vec<ServerOutput>,
    client_spent: Vec<Vec<StepUsage>>,
    server_spent: Vec<Vec<StepUsage>>,
    client_did: Vec<Vec<Event>>,
    server_did: Vec<Vec<Event>>,
}

/// Runs one session with an inference per image, the parties as threads of `threads` threads each; the client keeps its
/// material in `store`.
fn run(
    plan: &PreparedPlan,
    secrets: &ServerSecrets,
    images: &[Vec<f32>],
    threads: usize,
    store: &Store,
) -> Run {
    let pool = || ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let (mut to_server, mut to_client) = Channel::pair(DEADLINE);
    to_server.record(true);
    to_client.record(true);
    let (mut servers, mut server_spent, mut server_did) = (Vec::new(), Vec::new(), Vec::new());
    let (mut clients, mut client_spent, mut client_did) = (Vec::new(), Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        let server = scope.spawn(|| {
            pool().install(|| {
                let mut rng = rand::rng();
                let model = Model::prepare(plan, secrets).unwrap();
                let mut server = Server::accept(&mut to_client, &model, SESSION, &mut rng).unwrap();
                for _ in images {
                    let ready = server.offline(&mut to_client, &mut rng).unwrap();
                    assert_eq!(ready.stored_bytes() as u64, Memory::of(plan).stored.server);
                    servers.push(ready.online(&mut to_client).unwrap());
                    server_spent.push(to_client.take_usage());
                    server_did.push(to_client.take_transcript());
                }
            });
        });
        pool().install(|| {
            let mut rng = rand::rng();
            let mut client = Client::connect(&mut to_server, plan, SESSION, &mut rng).unwrap();
            client.keep_in(store.clone());
            for image in images {
                let ready = client.offline(&mut to_server, &mut rng).unwrap();
                assert_eq!(ready.stored_bytes() as u64, Memory::of(plan).stored.client);
                clients.push(ready.online(&mut to_server, image).unwrap());
                client_spent.push(to_server.take_usage());
                client_did.push(to_server.take_transcript());
            }
        });
        server.join().unwrap();
    });
    Run { clients, servers, client_spent, server_spent, client_did, server_did }
}

fn check(fixture: &Fixture, inferences: usize) {
    check_run(&fixture.plan, &fixture.secrets, &fixture.images[..inferences]);
}

/// Every logit and every share equals the clear replay; every byte, message and flight equals the prediction.
pub(crate) fn check_run(plan: &PreparedPlan, secrets: &ServerSecrets, images: &[Vec<f32>]) {
    check_parties(plan, secrets, images, 1, &Store::Memory);
}

/// The same for parties of several threads, or another store.
fn check_parties(
    plan: &PreparedPlan,
    secrets: &ServerSecrets,
    images: &[Vec<f32>],
    threads: usize,
    store: &Store,
) {
    let run = run(plan, secrets, images, threads, store);
    for (i, image) in images.iter().enumerate() {
        let (client, server) = (&run.clients[i], &run.servers[i]);
        let clear = replay(plan, secrets, &plan.quantise_image(image), &client.seed, &server.seed);
        assert_eq!(client.logits, clear.logits, "inference {i}");
        assert_eq!(server.shares, clear.server_shares, "inference {i}");
        check_cost(plan, &run.client_spent[i], &run.server_spent[i], i == 0);
        // More threads take in turns what one takes in order.
        if threads == 1 {
            check_walk(plan, &cost::client(plan), &run.client_did[i], i == 0);
            check_walk(plan, &cost::server(plan), &run.server_did[i], i == 0);
        }
    }
}

/// What a party did is what its walk declares, frame by frame.
fn check_walk(plan: &PreparedPlan, declared: &[Act], did: &[Event], with_setup: bool) {
    let declared: Vec<Act> =
        declared.iter().filter(|act| with_setup || act.phase != Phase::Setup).copied().collect();
    observe(&declared, did, &plan.he).unwrap();
}

fn check_cost(plan: &PreparedPlan, client: &[StepUsage], server: &[StepUsage], with_setup: bool) {
    let used = |usage: &[StepUsage], phase: Phase, step: ChannelStep| {
        usage
            .iter()
            .find(|s| s.phase == phase && s.step == step.number())
            .map_or((0, 0, 0), |s| (s.bytes_out, s.messages_out, s.flights_out))
    };
    let mut booked = 0;
    for cost in predict(plan) {
        if cost.phase == Phase::Setup && !with_setup {
            continue;
        }
        let at = format!("{} {}", cost.phase, plan.describe_step(cost.step).0);
        let up = (cost.up.bytes, cost.up.messages, cost.up.flights);
        let down = (cost.down.bytes, cost.down.messages, cost.down.flights);
        assert_eq!(used(client, cost.phase, cost.step), up, "up, {at}");
        assert_eq!(used(server, cost.phase, cost.step), down, "down, {at}");
        booked += cost.up.bytes + cost.down.bytes;
    }
    let measured: u64 = client.iter().chain(server).map(|s| s.bytes_out).sum();
    assert_eq!(booked, measured, "bytes outside every declared step");
}

fn mini(keep: f64) -> Fixture {
    let graph = nets::build("mini", Shape::new(3, 32, 32), 10).unwrap();
    random(graph, keep, Scales { fa: 6, fw: 7 }, 11)
}

#[test]
fn a_residual_network_with_a_mixed_mask() {
    check(&mini(0.4), 2);
}

/// Two threads a party and a file for the material change neither a logit nor a byte.
#[test]
fn threads_and_a_store_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let Fixture { plan, secrets, images, .. } = &mini(0.6);
    check_parties(plan, secrets, &images[..2], 2, &Store::Folder(folder.path().to_owned()));
    for relu in ReluVariant::ALL {
        let fixture = random(small(Activation::Silu), 0.7, Scales { fa: 5, fw: 6 }, 23).with(relu);
        let store = Store::Folder(folder.path().to_owned());
        check_parties(&fixture.plan, &fixture.secrets, &fixture.images[..1], 2, &store);
    }
}

/// Convolution, activation, convolution: small, for every way of computing it.
pub(crate) fn small(activation: Activation) -> Graph {
    let node = |name: &str, op, input: usize| Node { name: name.into(), op, inputs: vec![input] };
    let conv = |out| Op::Conv { out, window: Window::square(3, 1, 1), bias: true, groups: 1 };
    let nodes = vec![
        Node { name: "x".into(), op: Op::Input, inputs: vec![] },
        node("a", conv(5), 0),
        node("a.act", Op::Act { activation }, 1),
        node("b", conv(4), 2),
        node("b.act", Op::Act { activation }, 3),
        node("fc", Op::Linear { out: 3, bias: true }, 4),
    ];
    Graph::new(Shape::new(2, 7, 6), nodes).unwrap()
}

/// Every variant of every activation: bit for bit the clear replay, every byte as declared.
#[test]
fn every_variant_of_every_activation() {
    for activation in Activation::ALL {
        for relu in ReluVariant::ALL {
            check(&random(small(activation), 0.7, Scales { fa: 5, fw: 6 }, 17).with(relu), 2);
        }
    }
}

/// Every backend runs the network, for slow links and fast ones, and all come to the same logits from the same masks.
#[test]
fn every_backend() {
    let mut logits = Vec::new();
    for backend in HeBackend::ALL {
        for bytes_per_second in [Some(1e6), Some(1e12)] {
            let choices = Choices { backend, bytes_per_second, ..Choices::default() };
            let fixture = mini(0.4).chosen(&choices);
            assert_eq!(fixture.plan.he.backend, backend);
            check(&fixture, 1);
            let Fixture { plan, secrets, images, .. } = &fixture;
            let (client, server) = (MaskSeed::from_bytes([3; 32]), MaskSeed::from_bytes([4; 32]));
            logits.push(replay(plan, secrets, &plan.quantise_image(&images[0]), &client, &server).logits);
        }
    }
    assert!(logits.iter().all(|other| *other == logits[0]));
}

/// Narrow and sign are one function of the shares, so their plans replay to the same logits.
#[test]
fn sign_means_what_narrow_means() {
    let narrow = random(small(Activation::Relu6), 0.7, Scales { fa: 5, fw: 6 }, 19);
    let sign = random(small(Activation::Relu6), 0.7, Scales { fa: 5, fw: 6 }, 19).with(ReluVariant::Sign);
    for image in &narrow.images {
        let logits = [&narrow, &sign].map(|fixture| {
            let (client, server) = (MaskSeed::from_bytes([3; 32]), MaskSeed::from_bytes([4; 32]));
            let image = fixture.plan.quantise_image(image);
            replay(&fixture.plan, &fixture.secrets, &image, &client, &server).logits
        });
        assert_eq!(logits[0], logits[1]);
    }
}

/// Every activation at fine scales approaches the reals.
#[test]
fn other_activations_approach_the_reals() {
    for activation in Activation::ALL {
        let bound = if matches!(activation, Activation::Relu | Activation::Relu1 | Activation::Relu6) {
            0.01
        } else {
            0.04
        };
        let fixture = random(small(activation), 0.7, Scales { fa: 10, fw: 12 }, 21);
        for image in &fixture.images {
            let real = real::logits(&fixture.graph, &fixture.parameters, &fixture.masks, image);
            let fixed = evaluate(&fixture.model, fixture.model.quantise_image(image), &mut Rounding::Nearest);
            let scale = f64::from(fixture.plan.output_scale()).exp2();
            for (real, fixed) in real.iter().zip(&fixed.logits) {
                // Two activations, each off by the curve's bound at most (1/256 where it is a table); layers amplify by less than 3.
                assert!((f64::from(*real) - *fixed as f64 / scale).abs() < bound, "{activation:?}: {real}");
            }
        }
    }
}

#[test]
fn nothing_linearized() {
    check(&mini(1.0), 1);
}

#[test]
fn everything_linearized() {
    let fixture = mini(0.0);
    assert_eq!(fixture.plan.relus(), 0);
    check(&fixture, 1);
}

/// Pools, padded channels, a convolution over a sum (which needs a rescaling step), strides and odd windows.
#[test]
fn every_operation() {
    let node = |name: &str, op: Op, inputs: &[usize]| Node { name: name.into(), op, inputs: inputs.to_vec() };
    let act = || Op::Act { activation: Activation::Relu };
    let conv = |out, window| Op::Conv { out, window, bias: true, groups: 1 };
    let nodes = vec![
        node("input", Op::Input, &[]),
        node("a", conv(4, Window::square(3, 1, 1)), &[0]),
        node("a.bn", Op::BatchNorm { eps: 1e-5 }, &[1]),
        node("a.act", act(), &[2]),
        node("b", conv(6, Window::square(2, 2, 0)), &[3]),
        node("pad", Op::PadChannels { stride: 2, before: 1, after: 1 }, &[3]),
        node("sum", Op::Add, &[4, 5]),
        node("c", conv(5, Window::square(3, 2, 1)), &[6]),
        node("c.act", act(), &[7]),
        node("pool", Op::average(Window::square(2, 1, 0)), &[8]),
        node("d", conv(3, Window::square(1, 1, 0)), &[9]),
        node("d.act", act(), &[10]),
        node("fc", Op::Linear { out: 4, bias: true }, &[11]),
    ];
    let graph = Graph::new(Shape::new(2, 10, 8), nodes).unwrap();
    let fixture = random(graph, 0.5, Scales { fa: 8, fw: 8 }, 3);
    assert!(fixture.plan.steps.iter().any(|s| s.name() == "sum.rescale"));
    check(&fixture, 2);
}

/// At fine scales the ring's meaning is the network over the reals.
#[test]
fn fine_scales_approach_the_reals() {
    let graph = nets::build("mini", Shape::new(3, 32, 32), 10).unwrap();
    let fixture = random(graph, 0.5, Scales { fa: 14, fw: 14 }, 5);
    for image in &fixture.images {
        let real = real::logits(&fixture.graph, &fixture.parameters, &fixture.masks, image);
        let fixed = evaluate(&fixture.model, fixture.model.quantise_image(image), &mut Rounding::Nearest);
        assert_eq!(fixed.out_of_bounds, 0);
        let scale = f64::from(fixture.plan.output_scale()).exp2();
        for (real, fixed) in real.iter().zip(&fixed.logits) {
            // Each of 7 roundings moves a value by at most 2^-15, each weight by 2^-15; layers amplify by less than 8.
            assert!((f64::from(*real) - *fixed as f64 / scale).abs() < 0.02, "{real} {fixed}");
        }
    }
}

#[test]
fn circuits_are_the_sum_of_the_mask_per_layer() {
    let fixture = mini(0.3);
    let plan = otherwise(&fixture.plan, ReluVariant::Narrow, fixture.plan.ot).unwrap();
    let costs = predict(&plan);
    for (index, step) in fixture.plan.steps.iter().enumerate() {
        if let PlannedStep::Activation(activation) = step {
            let kept = fixture.masks.get(&activation.step.name).count() as u64;
            // Garbled offline, evaluated online.
            for phase in [Phase::Offline, Phase::Online] {
                let of_layer = costs.iter().find(|c| (c.phase, c.step) == (phase, ChannelStep::of(index)));
                assert_eq!(of_layer.unwrap().operations.circuits, kept);
            }
        }
    }
}

#[test]
fn parties_with_different_plans_refuse_each_other() {
    let (one, other) = (mini(0.4), mini(0.5));
    let (mut to_server, mut to_client) = Channel::pair(DEADLINE);
    std::thread::scope(|scope| {
        let server = scope.spawn(|| {
            let model = Model::prepare(&other.plan, &other.secrets).unwrap();
            Server::accept(&mut to_client, &model, SESSION, &mut rand::rng()).map(|_| ())
        });
        let client = Client::connect(&mut to_server, &one.plan, SESSION, &mut rand::rng()).map(|_| ());
        drop(to_server);
        for result in [client, server.join().unwrap()] {
            match result {
                Err(Error::Peer { what, .. }) => assert_eq!(what, "plan digest"),
                Err(other) => panic!("expected a refusal of the digest, found {other}"),
                Ok(()) => panic!("different plans were accepted"),
            }
        }
    });
}

/// A plan is refused, with the field that is wrong, before it can do harm.
#[test]
fn unsound_plans_are_refused() {
    let plan = mini(0.4).plan;
    let json = serde_json::to_value(&*plan).unwrap();
    let read = |json: &serde_json::Value| PreparedPlan::from_json(&serde_json::to_vec(json).unwrap());
    assert_eq!(read(&json).unwrap().digest(), plan.digest());
    let changes: [(&str, &str, serde_json::Value); 15] = [
        ("/ring", "ring", 64.into()),
        ("/version", "version", 99.into()),
        ("/he/plain_bits", "plaintext bits", 9.into()),
        ("/he/modulus_bits", "128-bit", vec![60, 60].into()),
        ("/he/modulus_bits", "primes", Vec::<u32>::new().into()),
        ("/input/c", "shape", (1u64 << 40).into()),
        ("/steps/0/exchanges/0/packing/mw", "packing", 0.into()),
        ("/steps/0/exchanges/0/packing/tile", "packing", vec![40, 40].into()),
        ("/steps/0/exchanges/0/proof/widths/first", "noise proof", 3.into()),
        ("/steps/0/exchanges/0/proof/flood_bits", "noise proof", 200.into()),
        ("/steps/0/segment/terms/0/source", "source", 7.into()),
        ("/steps/0/exchanges", "exchanges", Vec::<u32>::new().into()),
        ("/steps/1/step/truncate", "widths", 0.into()),
        ("/steps/1/compared_bits", "widths", 3.into()),
        ("/steps/1/step/kept", "kept", vec![4_000_000].into()),
    ];
    for (pointer, named, value) in changes {
        let mut changed = json.clone();
        *changed.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value;
        match read(&changed) {
            Ok(_) => panic!("{pointer} was accepted"),
            Err(error) => assert!(error.to_string().contains(named), "{pointer}: {error}"),
        }
    }
}

/// A plan whose flooding would not hide the weights is refused by the server that has them.
#[test]
fn a_plan_with_less_flooding_is_refused_by_the_server() {
    let fixture = mini(0.4);
    let mut plan = Plan::clone(&fixture.plan);
    if let PlannedStep::Linear(linear) = &mut plan.steps[0]
        && let Some(exchange) = &mut linear.exchanges[0]
    {
        exchange.proof.flood_bits = 0;
    }
    let plan = PreparedPlan::new(plan).unwrap();
    let error = Model::prepare(&plan, &fixture.secrets).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("noise proof"), "{error}");
}
