//! A linear segment on shares: homomorphic offline, in the clear online.
//! Source: Delphi, section 4.1; Cheetah's packing. Semi-honest; security in [`crate::he`].
//!
//!   client (r)                           server (W, b, s)
//!     | ------- Enc(pre(r)) of every term ------> |   offline
//!     | <----- Enc(W pre(r) - s) of every term -- |   offline
//!     keeps v = W r - s                 computes u = W (x - r) + b + s   |   online, nothing travels
//!
//! Terms without secrets (shortcuts, their subsampling) are applied by each party to its own share.

use super::{ANSWER, REQUEST};
use crate::Error;
use crate::he::Exchange;
use crate::he::client::ClientKey;
use crate::he::server::{PreparedWeights, ServerKey};
use crate::masks::MaskSeed;
use crate::parallel::in_order;
use crate::plan::cost::{Operations, Tally};
use crate::plan::{LinearPlan, Plan};
use models::fixed::Ring;
use models::fixed::linear::{RingSegment, accumulate, apply_op, prepare};
use models::fixed::steps::{Term, TermOp};
use models::graph::Shape;
use netem::Channel;
use rand::{CryptoRng, RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;

/// Encrypts and sends the client's share of every secret term's source; `values[v]` is its share of value `v`.
pub fn client_request<R: RngCore + CryptoRng>(
    channel: &mut Channel,
    plan: &Plan,
    step: &LinearPlan,
    key: &ClientKey,
    values: &[Vec<u64>],
    shapes: &[Shape],
    rng: &mut R,
) -> Result<(), Error> {
    for (term, exchange) in exchanges(step) {
        let source = prepare(plan.ring, term, &values[term.source], shapes[term.source]);
        let items = (0..exchange.packing.request_count()).map(|request| {
            let mut seed = [0; 32];
            rng.fill_bytes(&mut seed);
            (request, ChaCha20Rng::from_seed(seed))
        });
        let encrypt = |(request, mut rng)| key.request(&exchange.packing, request, &source, &mut rng);
        in_order(items, encrypt, |bytes| Ok(channel.send(REQUEST, bytes)?))?;
    }
    Ok(())
}

/// The client's share v of the segment: the decrypted answers plus the public terms of its own shares.
pub fn client_finish(
    channel: &mut Channel,
    plan: &Plan,
    step: &LinearPlan,
    key: &ClientKey,
    values: &[Vec<u64>],
    shapes: &[Shape],
) -> Result<Vec<u64>, Error> {
    let mut share = public_terms(plan.ring, step, values, shapes);
    let mut product = vec![0u64; step.segment.shape.size()];
    for (_, exchange) in exchanges(step) {
        let items = (0..exchange.packing.answer_count())
            .map(|answer| (answer, channel.recv(ANSWER, answer_bytes(plan, exchange, answer))));
        let decrypt = |(answer, bytes): (usize, Result<Vec<u8>, netem::Error>)| {
            key.read_answer(exchange, answer, &bytes?)
        };
        in_order(items, decrypt, |values| {
            values.into_iter().for_each(|(index, value)| product[index] = value);
            Ok(())
        })?;
        accumulate(&mut share, &product);
    }
    share.iter_mut().for_each(|x| *x = plan.ring.reduce(*x));
    Ok(share)
}

/// The server's answers, one message each, ready to be sent.
pub struct Answers(Vec<Vec<u8>>);

/// What the server uses of its model for one segment, made once.
pub struct PreparedSegment<'a> {
    /// The integers, for the online phase.
    pub weights: RingSegment<'a>,
    /// Per term, the polynomials; `None` for a public term.
    pub polynomials: Vec<Option<PreparedWeights<'a>>>,
}

/// Receives the requests of a segment and computes the answers; `value` is the number of the segment's output.
pub fn server_answer<R: RngCore + CryptoRng>(
    channel: &mut Channel,
    plan: &Plan,
    step: &LinearPlan,
    key: &ServerKey<'_>,
    prepared: &PreparedSegment<'_>,
    (masks, value): (&MaskSeed, usize),
    rng: &mut R,
) -> Result<Answers, Error> {
    let mut answers = Vec::new();
    for (index, (exchange, polynomials)) in step.exchanges.iter().zip(&prepared.polynomials).enumerate() {
        let (Some(exchange), Some(polynomials)) = (exchange, polynomials) else { continue };
        let mask = masks.mask(plan.ring, value, index, step.segment.shape.size());
        let (tiles, at_once) = (exchange.packing.tile_count(), key.tiles_at_once(&exchange.packing));
        for first in (0..tiles).step_by(at_once) {
            let tiles = first..tiles.min(first + at_once);
            let receive = tiles.clone().flat_map(|tile| exchange.packing.requests_of_tile(tile));
            let receive = receive.map(|_| Ok(channel.recv(REQUEST, plan.he.request_bytes())?));
            let requests = key.read_requests(receive)?;
            answers.extend(key.answers(exchange, polynomials, tiles, &requests, &mask, rng)?);
        }
    }
    Ok(Answers(answers))
}

/// Sends the answers.
pub fn server_send(channel: &mut Channel, answers: Answers) -> Result<(), Error> {
    for answer in answers.0 {
        channel.send(ANSWER, answer)?;
    }
    Ok(())
}

/// The server's mask of a segment: the sum over its secret terms.
pub fn server_mask(plan: &Plan, step: &LinearPlan, masks: &MaskSeed, value: usize) -> Vec<u64> {
    let mut sum = vec![0u64; step.segment.shape.size()];
    for (index, _) in step.exchanges.iter().enumerate().filter(|(_, e)| e.is_some()) {
        accumulate(&mut sum, &masks.mask(plan.ring, value, index, step.segment.shape.size()));
    }
    sum.iter_mut().for_each(|x| *x = plan.ring.reduce(*x));
    sum
}

/// The server's share u of the segment, online; `values[v]` is its share of value `v`.
pub fn server_online(
    plan: &Plan,
    weights: &RingSegment<'_>,
    mask: &[u64],
    values: &[Vec<u64>],
    shapes: &[Shape],
) -> Vec<u64> {
    let mut share = weights.apply(values, shapes);
    accumulate(&mut share, &weights.bias());
    accumulate(&mut share, mask);
    share.iter_mut().for_each(|x| *x = plan.ring.reduce(*x));
    share
}

/// The public terms of one party's shares.
fn public_terms(ring: Ring, step: &LinearPlan, values: &[Vec<u64>], shapes: &[Shape]) -> Vec<u64> {
    let mut sum = vec![0u64; step.segment.shape.size()];
    for (term, exchange) in step.segment.terms.iter().zip(&step.exchanges) {
        if exchange.is_none() {
            let source = prepare(ring, term, &values[term.source], shapes[term.source]);
            accumulate(&mut sum, &apply_op(ring, term, &[], &source));
        }
    }
    sum
}

fn exchanges(step: &LinearPlan) -> impl Iterator<Item = (&Term, &Exchange)> {
    step.segment
        .terms
        .iter()
        .zip(&step.exchanges)
        .filter_map(|(term, exchange)| Some((term, exchange.as_ref()?)))
}

/// Bytes of one answer.
pub fn answer_bytes(plan: &Plan, exchange: &Exchange, answer: usize) -> usize {
    plan.he.answer_bytes(exchange.proof.widths, exchange.packing.output_count(answer))
}

/// Offline, client to server.
pub fn cost_requests(plan: &Plan, step: &LinearPlan, tally: &mut Tally) {
    for (_, exchange) in exchanges(step) {
        let requests = exchange.packing.request_count();
        (0..requests).for_each(|_| tally.up(plan.he.request_bytes()));
        let (encryptions, products) = (requests as u64, exchange.packing.product_count() as u64);
        tally.work(Operations { encryptions, products, ..Operations::default() });
    }
}

/// Offline, server to client.
pub fn cost_answers(plan: &Plan, step: &LinearPlan, tally: &mut Tally) {
    for (_, exchange) in exchanges(step) {
        for answer in 0..exchange.packing.answer_count() {
            tally.down(answer_bytes(plan, exchange, answer));
        }
        tally.work(Operations {
            decryptions: exchange.packing.answer_count() as u64,
            ..Operations::default()
        });
    }
}

/// Online: nothing travels.
pub fn cost_online(step: &LinearPlan, tally: &mut Tally) {
    for term in &step.segment.terms {
        if let TermOp::Conv { out, window } = term.op {
            let per_output = (term.shape.c * window.kernel.0 * window.kernel.1) as u64;
            let macs = per_output * (out * step.segment.shape.area()) as u64;
            tally.work(Operations { macs, ..Operations::default() });
        }
    }
}
