//! The plan's first reader: what a run must output, given the masks that it used.
//!
//! Both parties' shares are recomputed in the clear; a unit's rounding depends on them alone, so a protocol run must
//! agree bit for bit in every logit and every share.

use crate::masks::MaskSeed;
use crate::plan::compile::ServerSecrets;
use crate::plan::{Plan, PlannedStep};
use crate::steps::{activation, linear};
use models::fixed::linear::RingSegment;

/// The clear repetition of a run.
pub struct Replay {
    /// Signed logits.
    pub logits: Vec<i64>,
    /// The server's share of every value: the image, then every step's output.
    pub server_shares: Vec<Vec<u64>>,
    /// Activation inputs that left the bound their step was compiled for.
    pub out_of_bounds: u64,
}

/// Repeats the inference of `image` with the given masks.
pub fn replay(
    plan: &Plan,
    secrets: &ServerSecrets,
    image: &[u64],
    client: &MaskSeed,
    server: &MaskSeed,
) -> Replay {
    let (ring, shapes) = (plan.ring, plan.shapes());
    let r = client.mask(ring, 0, 0, image.len());
    let mut u = vec![image.iter().zip(&r).map(|(x, r)| ring.sub(*x, *r)).collect::<Vec<u64>>()];
    let mut v = vec![r];
    let mut out_of_bounds = 0;
    for (index, (step, weights)) in plan.steps.iter().zip(&secrets.weights).enumerate() {
        match (step, weights) {
            (PlannedStep::Linear(step), Some(weights)) => {
                let s = linear::server_mask(plan, step, server, index + 1);
                let segment = RingSegment::new(ring, &step.segment, weights);
                let product = segment.apply(&v, &shapes);
                u.push(linear::server_online(plan, &segment, &s, &u, &shapes));
                v.push(product.iter().zip(&s).map(|(p, s)| ring.sub(*p, *s)).collect());
            }
            (PlannedStep::Activation(step), _) => {
                let (us, vs) = (&u[step.step.source], &v[step.step.source]);
                out_of_bounds += us
                    .iter()
                    .zip(vs)
                    .filter(|(u, v)| !step.step.keeps_bound(ring.signed(ring.add(**u, **v))))
                    .count() as u64;
                let y = activation::ideal(plan, step, us, vs);
                let r = client.mask(ring, index + 1, 0, y.len());
                u.push(y.iter().zip(&r).map(|(y, r)| ring.sub(*y, *r)).collect());
                v.push(r);
            }
            (PlannedStep::Linear(_), None) => unreachable!("linear steps carry weights"),
        }
    }
    let logits = match (u.last(), v.last()) {
        (Some(u), Some(v)) => u.iter().zip(v).map(|(u, v)| ring.signed(ring.add(*u, *v))).collect(),
        _ => unreachable!("a plan has steps"),
    };
    Replay { logits, server_shares: u, out_of_bounds }
}
