//! Every step alone, on ideal transfers and ideal encryption, against its meaning in the clear.

mod hiding;
mod product;

use super::activation::Activation;
use super::kept::Kept;
use super::linear::{Linear, PreparedSegment};
use crate::gc::SessionKey;
use crate::he::client::ClientKey;
use crate::he::packing::{Convolution, DEFAULT_RATE, Packing};
use crate::he::server::{HeContext, ServerKey, prove};
use crate::he::{Exchange, HeBackend, HeParameters};
use crate::masks::MaskSeed;
use crate::numbering::LayerId;
use crate::ot::{CotReceiver, CotSender, OtVariant, ideal};
use crate::plan::{ActivationPlan, LinearPlan, PROTOCOL_VERSION, Plan, PlannedStep, ReluVariant};
use crate::setup::{ClientSession, ServerSession};
use crate::store::{Depot, Store};
use crate::values::{ClientMask, ClientShare, ClientValues, ServerShare, open};
use models::fixed::Ring;
use models::fixed::curve::{Curve, Table};
use models::fixed::linear::IntegerWeights;
use models::fixed::steps::{ActivationStep, PublicMap, Segment, Term, TermOp, ValueId};
use models::graph::{Activation as Nonlinearity, Shape, Window};
use netem::Channel;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use std::sync::Arc;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(60);

/// Tensors that every variant is tried on.
const TENSORS: usize = 10_000;

/// k, m and f: values |x| < 2^m - 2^f in a ring of k bits.
const RING: u32 = 18;
const BOUND: u32 = 14;
const DROPPED: u32 = 5;

fn ring() -> Ring {
    Ring::new(RING).unwrap()
}

fn parameters() -> HeParameters {
    HeParameters::candidates(HeBackend::Ideal, RING).next().unwrap()
}

fn plan(input: Shape, steps: Vec<PlannedStep>) -> Plan {
    Plan {
        version: PROTOCOL_VERSION,
        name: "alone".into(),
        ring: ring(),
        image_scale: 6,
        input,
        he: parameters(),
        ot: OtVariant::default(),
        steps,
    }
}

/// A session of parties that share nothing but what a trusted third party deals.
fn session(context: &HeContext) -> (ClientSession, ServerSession<'_>) {
    let (label_sender, label_receiver) = ideal::pair(1);
    let (product_sender, product_receiver) = ideal::pair(2);
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let (he, hash) = (parameters(), SessionKey::random(&mut rng));
    let key = ClientKey::generate(&he, &mut rng).unwrap();
    let public = ServerKey::new(context, &key.public_key(&mut rng).unwrap()).unwrap();
    let client = ClientSession {
        key,
        labels: CotReceiver::Ideal(Box::new(label_receiver)),
        products: CotSender::Ideal(product_sender),
        hash,
    };
    let server = ServerSession {
        key: public,
        labels: CotSender::Ideal(label_sender),
        products: CotReceiver::Ideal(Box::new(product_receiver)),
        hash,
    };
    (client, server)
}

/// Both parties at once; what they return.
fn both<C, S: Send>(
    client: impl FnOnce(&mut Channel, &mut ClientSession) -> C,
    server: impl FnOnce(&mut Channel, &mut ServerSession<'_>) -> S + Send,
) -> (C, S) {
    let context = HeContext::new(&parameters()).unwrap();
    let (mut of_client, mut of_server) = session(&context);
    let (mut to_server, mut to_client) = Channel::pair(DEADLINE);
    std::thread::scope(|scope| {
        let server = scope.spawn(move || server(&mut to_client, &mut of_server));
        let client = client(&mut to_server, &mut of_client);
        to_server.flush().unwrap();
        (client, server.join().unwrap())
    })
}

/// A layer on value 0, which is the image here, and what its units keep of it.
fn layer(relu: ReluVariant, shape: Shape, curve: Curve, kept: Vec<u32>) -> ActivationPlan {
    ActivationPlan {
        step: ActivationStep {
            name: "layer".into(),
            source: ValueId::IMAGE,
            shape,
            activation: Nonlinearity::Relu,
            curve,
            truncate: DROPPED,
            bound_bits: BOUND,
            skipped: 0,
            measures: 0,
            kept,
        },
        compared_bits: BOUND + 1 - DROPPED,
        relu,
    }
}

fn curves() -> [Curve; 5] {
    let dented =
        Table { dropped_bits: 2, entries: vec![0, 3, 7, 9, 8, 6, 4, 3, 2, 1, 1, 1, 0, 0, 0, 0], error: 1.0 };
    let mirrored = Table { dropped_bits: 1, entries: vec![31, 30, 26, 26, 9, 9, 9, 9], error: 1.0 };
    [
        Curve::Relu,
        Curve::Clamp { top: 90 },
        Curve::Dented(dented),
        Curve::Mirrored { bits: 6, table: mirrored.clone() },
        Curve::Centred { bits: 5, table: mirrored },
    ]
}

/// A tensor x as it is shared, and the mask of what becomes of it.
struct Case {
    u: Vec<u64>,
    v: Vec<u64>,
    r: Vec<u64>,
}

impl Case {
    /// `x` with the client's share `v` and the output's mask `r`.
    fn of(x: &[i64], v: Vec<u64>, r: Vec<u64>) -> Self {
        let u = x.iter().zip(&v).map(|(x, v)| ring().sub(ring().from_signed(*x), *v)).collect();
        Self { u, v, r }
    }

    fn random(rng: &mut ChaCha20Rng, units: usize) -> Self {
        let most = (1i64 << BOUND) - (1 << DROPPED) - 1;
        let x: Vec<i64> = (0..units).map(|_| rng.random_range(-most..=most)).collect();
        let mut elements = || (0..units).map(|_| rng.random::<u64>() & ring().mask()).collect();
        Self::of(&x, elements(), elements())
    }

    /// The bounds, zero and its neighbours, under shares and masks of zeros, of ones and in between; `units` of each.
    fn extremes(units: usize) -> Vec<Self> {
        let most = (1i64 << BOUND) - (1 << DROPPED) - 1;
        let half = 1 << (RING - 1);
        let mut cases = Vec::new();
        for x in [most, -most, 0, -1, 1, (1 << DROPPED) - 1, 1 << DROPPED, -(1 << DROPPED)] {
            for v in [0, 1, ring().mask(), half, half - 1] {
                for r in [0, ring().mask()] {
                    cases.push(Self::of(&vec![x; units], vec![v; units], vec![r; units]));
                }
            }
        }
        cases
    }

    fn shares(&self) -> (ServerShare, ClientShare) {
        (ServerShare::new(self.u.clone()), ClientShare::new(self.v.clone()))
    }
}

/// What the output of a unit may be: the curve of the quotient, rounded either way.
fn allowed(curve: Option<&Curve>, x: u64) -> [i64; 2] {
    let down = ring().signed(x) >> DROPPED;
    [down, down + 1].map(|quotient| curve.map_or(quotient, |curve| curve.apply(quotient)))
}

/// Where the client keeps an inference: in a file every other time.
fn depot(inference: usize) -> Depot {
    let store = if inference.is_multiple_of(2) { Store::Memory } else { Store::Folder(std::env::temp_dir()) };
    store.open().unwrap()
}

/// Runs `layer` on every case in one session: its outputs are those of its meaning, and within a unit of the curve.
fn check_activation(step: &ActivationPlan, cases: &[Case]) {
    let plan = plan(step.step.shape, vec![PlannedStep::Activation(step.clone())]);
    let layer = Activation::new(&plan, 0, step).unwrap();
    let first = |inference: usize| LayerId::first(inference as u32, 1).unwrap();
    let client = |channel: &mut Channel, session: &mut ClientSession| {
        let mut rng = ChaCha20Rng::seed_from_u64(4);
        for (inference, case) in cases.iter().enumerate() {
            let mut values = ClientValues::default();
            values.insert_mask(ValueId::IMAGE, ClientMask::new(case.v.clone()));
            values.insert_mask(layer.output(), ClientMask::new(case.r.clone()));
            let mut depot = depot(inference);
            let offer = layer.client_accept(channel, session, first(inference), &mut depot).unwrap();
            let chosen = offer.choose(channel, session, &values, (&mut rng, &mut depot)).unwrap();
            let ready = chosen.receive(channel, session, &mut depot).unwrap();
            ready.online(channel, &values).unwrap();
        }
    };
    let server = |channel: &mut Channel, session: &mut ServerSession<'_>| {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let run = |(inference, case): (usize, &Case)| {
            let offer = layer.server_offer(channel, session, first(inference), &mut rng).unwrap();
            let ready = offer.chosen(channel, session).unwrap().garble(channel, session, &mut rng).unwrap();
            ready.online(channel, &case.shares().0).unwrap()
        };
        cases.iter().enumerate().map(run).collect::<Vec<_>>()
    };
    let ((), outputs) = both(client, server);
    for (case, output) in cases.iter().zip(outputs) {
        let (u, v) = case.shares();
        let found = open(ring(), &output, &ClientShare::new(case.r.clone()));
        assert_eq!(found, layer.ideal(&u, &v));
        let inputs = open(ring(), &u, &v);
        assert_eq!(layer.out_of_bounds(&inputs), 0);
        for (unit, (y, x)) in (0..).zip(found.iter().zip(inputs)) {
            let curve = step.step.kept.binary_search(&unit).is_ok().then_some(&step.step.curve);
            let y = ring().signed(*y);
            assert!(allowed(curve, x).contains(&y), "{x} under {curve:?} gave {y}");
        }
    }
}

/// The kept units of `step` alone, as [`check_activation`].
fn check_kept(step: &ActivationPlan, cases: &[Case]) {
    let kept = Kept::new(ring(), OtVariant::default(), step).unwrap().expect("a unit is kept");
    let id = |inference: usize| LayerId::first(inference as u32, 1).unwrap();
    let client = |channel: &mut Channel, session: &mut ClientSession| {
        let mut rng = ChaCha20Rng::seed_from_u64(4);
        for (inference, case) in cases.iter().enumerate() {
            let (v, r) = (ClientShare::new(case.v.clone()), ClientMask::new(case.r.clone()));
            let mut depot = depot(inference);
            let offer = kept.client_accept(channel, session, id(inference), &mut depot).unwrap();
            let chosen = offer.choose(channel, session, (&v, &r), (&mut rng, &mut depot)).unwrap();
            chosen.receive(channel, session, &mut depot).unwrap().online(channel, &r).unwrap();
        }
    };
    let server = |channel: &mut Channel, session: &mut ServerSession<'_>| {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let run = |(inference, case): (usize, &Case)| {
            let offer = kept.server_offer(channel, session, id(inference), &mut rng).unwrap();
            let ready = offer.chosen(channel, session).unwrap().garble(channel, session, &mut rng).unwrap();
            let mut share = vec![0; case.u.len()];
            ready.online(channel, &case.shares().0).unwrap().finish(channel, &mut share).unwrap();
            share
        };
        cases.iter().enumerate().map(run).collect::<Vec<_>>()
    };
    let ((), outputs) = both(client, server);
    for (case, output) in cases.iter().zip(outputs) {
        let ideal = kept.ideal(&case.u, &case.v);
        for unit in kept.units().iter().map(|unit| *unit as usize) {
            assert_eq!(ring().add(output[unit], case.r[unit]), ideal[unit], "unit {unit}");
        }
    }
}

/// Every number of 16 bits at once, under random shares: exactly ReLU of the quotient, in every variant.
#[test]
fn relu_of_every_value_of_16_bits() {
    let mut rng = ChaCha20Rng::seed_from_u64(16);
    let x: Vec<i64> = (i16::MIN..=i16::MAX).map(i64::from).collect();
    let units = x.len() as u32;
    for relu in ReluVariant::ALL {
        let mut step = layer(relu, Shape::new(1, 256, 256), Curve::Relu, (0..units).collect());
        step.step.bound_bits = 16;
        step.compared_bits = 16 + 1 - DROPPED;
        let mut elements = || x.iter().map(|_| rng.random::<u64>() & ring().mask()).collect();
        let (v, r) = (elements(), elements());
        check_activation(&step, &[Case::of(&x, v, r)]);
    }
}

/// Every number of up to 16 bits at once whose sign is decided without some bits, where the variant can.
#[test]
fn relu_of_every_value_of_16_bits_decided_by_fewer() {
    let mut rng = ChaCha20Rng::seed_from_u64(17);
    let compared_bits = 16 + 1 - DROPPED;
    for skipped in [1, 6, compared_bits - 3] {
        let most = (1i64 << 16) - (1 << (DROPPED + skipped)) - 1;
        // Beyond the bound too, where what comes of it is no ReLU but has to be what the replay says.
        let x: Vec<i64> = (-(1 << 17)..1 << 17).collect();
        let units = x.len() as u32;
        for relu in ReluVariant::ALL {
            let mut step = layer(relu, Shape::new(1, 1, x.len()), Curve::Relu, (0..units).collect());
            (step.step.bound_bits, step.step.skipped, step.compared_bits) = (16, skipped, compared_bits);
            let mut elements = || x.iter().map(|_| rng.random::<u64>() & ring().mask()).collect();
            let case = Case::of(&x, elements(), elements());
            let kept = Kept::new(ring(), OtVariant::default(), &step).unwrap().expect("units are kept");
            let outputs = kept.ideal(&case.u, &case.v);
            let mut mistaken = 0;
            for (x, y) in x.iter().zip(&outputs).filter(|(x, _)| (-most..=most).contains(*x)) {
                let (down, y) = (x >> DROPPED, ring().signed(*y));
                if ![down.max(0), (down + 1).max(0)].contains(&y) {
                    assert!(
                        x.unsigned_abs() >> DROPPED <= 1 << (skipped - 1),
                        "{x} gave {y} without {skipped}"
                    );
                    mistaken += 1;
                }
            }
            // Only zero is within half of one, and nothing either way.
            assert_eq!(mistaken > 0, kept.skips() && skipped > 1, "{relu:?} without {skipped} bits");
            check_kept(&step, &[case]);
        }
    }
}

/// Kept units of `units` under a mask that keeps each with probability `keep`, at least one.
fn mask(rng: &mut ChaCha20Rng, units: u32, keep: f64) -> Vec<u32> {
    let kept: Vec<u32> = (0..units).filter(|_| rng.random_bool(keep)).collect();
    if kept.is_empty() { vec![rng.random_range(0..units)] } else { kept }
}

#[test]
fn kept_units_mean_what_they_mean_in_the_clear_in_every_variant() {
    let mut rng = ChaCha20Rng::seed_from_u64(11);
    for relu in ReluVariant::ALL {
        for curve in curves() {
            let all = layer(relu, Shape::new(1, 1, 3), curve.clone(), vec![0, 1, 2]);
            check_kept(&all, &Case::extremes(3));
            let one = layer(relu, Shape::new(1, 1, 1), curve, vec![0]);
            check_kept(&one, &Case::extremes(1));
        }
        const LAYERS: usize = 40;
        for index in 0..LAYERS {
            // Up to two chunks of the garbler and a part of a third.
            let units = rng.random_range(1..=70);
            let kept = mask(&mut rng, units, 0.6);
            let step = layer(relu, Shape::new(1, 1, units as usize), curves()[index % 5].clone(), kept);
            let cases: Vec<Case> =
                (0..TENSORS / LAYERS).map(|_| Case::random(&mut rng, units as usize)).collect();
            check_kept(&step, &cases);
        }
    }
}

#[test]
fn activation_layers_mean_what_they_mean_in_the_clear_in_every_variant() {
    let mut rng = ChaCha20Rng::seed_from_u64(12);
    for relu in ReluVariant::ALL {
        for curve in curves() {
            let shape = Shape::new(1, 2, 2);
            for kept in [vec![], vec![0, 1, 2, 3], vec![1, 2]] {
                check_activation(&layer(relu, shape, curve.clone(), kept), &Case::extremes(4));
            }
            for kept in [vec![], vec![0]] {
                check_activation(&layer(relu, Shape::new(1, 1, 1), curve.clone(), kept), &Case::extremes(1));
            }
        }
        const LAYERS: usize = 40;
        for index in 0..LAYERS {
            let units = rng.random_range(1..=70);
            let kept = mask(&mut rng, units, [0.1, 0.5, 0.9][index % 3]);
            let step = layer(relu, Shape::new(1, 1, units as usize), curves()[index / 3 % 5].clone(), kept);
            let cases: Vec<Case> =
                (0..TENSORS / LAYERS).map(|_| Case::random(&mut rng, units as usize)).collect();
            check_activation(&step, &cases);
        }
    }
}

/// A segment on the image, or on a shortcut of it too, with its weights.
struct Segmented {
    plan: Plan,
    step: LinearPlan,
    weights: IntegerWeights,
}

/// A convolution of `input`, with a shortcut beside it where `shortcut` says so and the shapes allow for it.
fn segment(
    rng: &mut ChaCha20Rng,
    input: Shape,
    window: Window,
    out: usize,
    shortcut: bool,
    weight: i32,
) -> Segmented {
    let he = parameters();
    let (h, w) = window.output(input).unwrap();
    let shape = Shape::new(out, h, w);
    let term =
        |op| Term { source: ValueId::IMAGE, pre: Vec::new(), shape: input, divisor: 1, factor: 1.0, op };
    let mut terms = vec![term(TermOp::Conv { out, window, groups: 1 })];
    if shortcut
        && out >= input.c
        && (input.h.div_ceil(window.stride.0), input.w.div_ceil(window.stride.0)) == (h, w)
    {
        let pad = PublicMap::PadChannels { stride: window.stride.0, before: 0, after: out - input.c };
        terms.push(Term { pre: vec![pad], shape, ..term(TermOp::Times { by: -8 }) });
    }
    let kernel: Vec<i32> = (0..out * input.c * window.kernel.0 * window.kernel.1)
        .map(|_| if weight > 300 { weight } else { rng.random_range(-weight..=weight) })
        .collect();
    let packing =
        Packing::choose(&he, &Convolution { input, window, out: shape, groups: 1 }, DEFAULT_RATE).unwrap();
    let coefficients = packing.sent_coefficients();
    let proof = prove(&he, "segment", &packing, &kernel, coefficients).unwrap();
    let mut exchanges = vec![Some(Exchange { packing, proof })];
    let mut kernels = vec![Arc::new(kernel)];
    exchanges.resize(terms.len(), None);
    kernels.resize(terms.len(), Default::default());
    let segment = Segment { name: "segment".into(), terms, shape, scale: 12 };
    let step = LinearPlan { segment, exchanges };
    let bias = (0..out).map(|_| rng.random_range(-5000..5000)).collect();
    Segmented {
        plan: plan(input, vec![PlannedStep::Linear(step.clone())]),
        step,
        weights: IntegerWeights { kernels, bias },
    }
}

/// Runs the segment on every case, whose `v` is the image's mask: shares as in the clear, which add up to the product.
fn check_linear(segmented: &Segmented, cases: &[Case]) {
    let Segmented { plan, step, weights } = segmented;
    let linear = Linear::new(plan, 0, step, &plan.shapes().into(), &mut 0);
    let seed = |inference: usize| MaskSeed::from_bytes([inference as u8; 32]);
    let client = |channel: &mut Channel, session: &mut ClientSession| {
        let mut rng = ChaCha20Rng::seed_from_u64(6);
        let run = |case: &Case| {
            let mut values = ClientValues::default();
            values.insert_mask(ValueId::IMAGE, ClientMask::new(case.v.clone()));
            linear.client_request(channel, &session.key, &values, &mut rng).unwrap();
            linear.client_finish(channel, &session.key, &values).unwrap()
        };
        cases.iter().map(run).collect::<Vec<_>>()
    };
    let server = |channel: &mut Channel, session: &mut ServerSession<'_>| {
        let mut rng = ChaCha20Rng::seed_from_u64(7);
        let context = HeContext::new(&plan.he).unwrap();
        let mut memory = 1 << 20;
        let segment = PreparedSegment::new(plan, &linear, &context, weights, &mut memory).unwrap();
        let run = |(inference, case): (usize, &Case)| {
            let answers = segment.answer(channel, &session.key, &seed(inference), &mut rng).unwrap();
            let mask = answers.send(channel).unwrap();
            channel.flush().unwrap();
            segment.online(&mask, &[case.shares().0])
        };
        cases.iter().enumerate().map(run).collect::<Vec<_>>()
    };
    let (of_client, of_server) = both(client, server);
    for (inference, (case, (v, u))) in cases.iter().zip(of_client.iter().zip(&of_server)).enumerate() {
        let (u0, v0) = case.shares();
        let input = open(ring(), &u0, &v0);
        let (ideal_u, ideal_v) = linear.ideal(weights, &seed(inference), &[u0], &[v0]);
        assert!(u.elements() == ideal_u.elements() && v.elements() == ideal_v.elements());
        let product = models::fixed::linear::apply(ring(), &step.segment, weights, &[input], &plan.shapes());
        let area = step.segment.shape.area();
        let biased = product.iter().enumerate().map(|(i, x)| x.wrapping_add(weights.bias[i / area] as u64));
        let clear: Vec<u64> = biased.map(|x| ring().reduce(x)).collect();
        assert_eq!(open(ring(), u, v), clear);
    }
}

#[test]
fn segments_mean_what_they_mean_in_the_clear() {
    let mut rng = ChaCha20Rng::seed_from_u64(13);
    let square = Window::square;
    // One unit; the largest weights; several tiles.
    for (input, window, out, weight) in [
        (Shape::new(1, 1, 1), square(1, 1, 0), 1, 1 << 11),
        (Shape::new(2, 4, 4), square(3, 1, 1), 2, 1 << 11),
        (Shape::new(1, 70, 70), square(1, 1, 0), 1, 3),
    ] {
        let segmented = segment(&mut rng, input, window, out, true, weight);
        check_linear(&segmented, &Case::extremes(input.size())[..12]);
    }
    const SEGMENTS: usize = 40;
    for _ in 0..SEGMENTS {
        let input = Shape::new(rng.random_range(1..4), rng.random_range(3..6), rng.random_range(3..6));
        let window = [square(3, 1, 1), square(3, 2, 1), square(1, 1, 0), square(1, 2, 0), square(2, 1, 0)]
            [rng.random_range(0..5)];
        let (out, shortcut) = (rng.random_range(1..5), rng.random());
        let segmented = segment(&mut rng, input, window, out, shortcut, 300);
        let cases: Vec<Case> =
            (0..TENSORS / SEGMENTS).map(|_| Case::random(&mut rng, input.size())).collect();
        check_linear(&segmented, &cases);
    }
}
