//! Products alone: of two values, of one and a gate a channel, of one and itself.

use super::{Case, TENSORS, both, plan, ring};
use crate::numbering::LayerId;
use crate::plan::PlannedStep;
use crate::setup::{ClientSession, ServerSession};
use crate::steps::product::Product;
use crate::values::{ClientMask, ClientShare, ClientValues, open};
use models::fixed::steps::{ProductStep, ValueId};
use models::graph::Shape;
use netem::Channel;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// A product of the image and what a layer makes of it, or of the image and itself: exact, whatever values and shares.
fn check_product(shape: Shape, right: Option<Shape>, cases: &[[Case; 2]]) {
    let (left, made) = (ValueId::IMAGE, ValueId::made_by(0));
    let each = right.map_or(1, |right| shape.size() / right.size());
    let step = ProductStep { name: "product".into(), left, right: right.map_or(left, |_| made), shape, each };
    let plan = plan(shape, vec![PlannedStep::Product(step.clone())]);
    let product = Product::new(&plan, 1, &step);
    let first = |inference: usize| LayerId::first(inference as u32, 2).unwrap();
    let client = |channel: &mut Channel, session: &mut ClientSession| {
        for (inference, [x, y]) in cases.iter().enumerate() {
            let mut values = ClientValues::default();
            values.insert_mask(left, ClientMask::new(x.v.clone()));
            values.insert_mask(made, ClientMask::new(y.v.clone()));
            values.insert_mask(product.output(), ClientMask::new(x.r.clone()));
            let offer = product.client_accept(channel, session, first(inference)).unwrap();
            let chosen = offer.choose(channel, session, &values).unwrap();
            chosen.receive(channel, session).unwrap().online(channel, &values).unwrap();
        }
    };
    let server = |channel: &mut Channel, session: &mut ServerSession<'_>| {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let run = |(inference, [x, y]): (usize, &[Case; 2])| {
            let offer = product.server_offer(channel, session, first(inference), &mut rng).unwrap();
            let ready = offer.chosen(channel, session).unwrap().correct(channel, session).unwrap();
            let right = if right.is_some() { y } else { x };
            ready.online(channel, &x.shares().0, &right.shares().0).unwrap()
        };
        cases.iter().enumerate().map(run).collect::<Vec<_>>()
    };
    let ((), outputs) = both(client, server);
    for ([x, y], output) in cases.iter().zip(outputs) {
        let factors = [x, if right.is_some() { y } else { x }].map(|case| {
            let (u, v) = case.shares();
            open(ring(), &u, &v).into_iter().map(|x| ring().signed(x)).collect::<Vec<i64>>()
        });
        let found = open(ring(), &output, &ClientShare::new(x.r.clone()));
        for (unit, found) in found.into_iter().enumerate() {
            let expected = ring().from_signed(factors[0][unit].wrapping_mul(factors[1][unit / each]));
            assert_eq!(found, expected, "unit {unit}");
        }
    }
}

#[test]
fn products_are_exact_whatever_the_shares() {
    let mut rng = ChaCha20Rng::seed_from_u64(14);
    let unit = Shape::new(1, 1, 1);
    let pairs = |units: usize, of: usize| -> Vec<[Case; 2]> {
        let right = Case::extremes(of);
        let rotated = right.into_iter().rev();
        Case::extremes(units).into_iter().zip(rotated).map(|(x, y)| [x, y]).collect()
    };
    for right in [None, Some(unit)] {
        check_product(unit, right, &pairs(1, 1));
    }
    check_product(Shape::new(2, 1, 2), Some(Shape::new(2, 1, 1)), &pairs(4, 2));
    const LAYERS: usize = 20;
    for index in 0..LAYERS {
        let shape = Shape::new(rng.random_range(1..=5), rng.random_range(1..=6), rng.random_range(1..=6));
        let right = [None, Some(shape), Some(Shape::new(shape.c, 1, 1))][index % 3];
        let units = right.unwrap_or(shape).size();
        let cases: Vec<[Case; 2]> = (0..TENSORS / LAYERS / 4)
            .map(|_| [Case::random(&mut rng, shape.size()), Case::random(&mut rng, units)])
            .collect();
        check_product(shape, right, &cases);
    }
}
