//! A linear segment on shares: homomorphic offline, in the clear online.
//! Source: Delphi, section 4.1; Cheetah's packing. Semi-honest; security in [`crate::he`].
//!
//!   client (r)                           server (W, b, s)
//!     | ------- Enc(pre(r)) of every term ------> |   offline
//!     | <----- Enc(W pre(r) - s) of every term -- |   offline
//!     keeps v = W r - s                 computes u = W (x - r) + b + s   |   online, nothing travels
//!
//! Terms without secrets (shortcuts, their subsampling) are applied by each party to its own share.

use crate::Error;
use crate::he::client::ClientKey;
use crate::he::server::{HeContext, PreparedWeights, ServerKey, kept_rows, prove};
use crate::he::{Exchange, HeParameters};
use crate::masks::MaskSeed;
use crate::message::{ANSWER, REQUEST};
use crate::numbering::ChannelStep;
use crate::parallel::in_order;
use crate::plan::{LinearPlan, Plan};
use crate::tally::Operations;
use crate::values::{ClientShare, ClientValues, ServerMask, ServerShare};
use crate::walk::Walk;
use models::fixed::Ring;
use models::fixed::linear::{IntegerWeights, RingSegment, accumulate, apply_op, prepare};
use models::fixed::steps::{Segment, Term, TermOp, ValueId};
use models::graph::Shape;
use netem::Channel;
use rand::{CryptoRng, RngCore, SeedableRng};
use rand_chacha::ChaCha20Rng;
use std::sync::Arc;

/// A linear segment, with all that its parties need of the plan.
pub struct Linear {
    ring: Ring,
    he: HeParameters,
    /// Its place among the plan's steps.
    index: usize,
    segment: Segment,
    /// Terms with secret weights.
    encrypted: Vec<EncryptedTerm>,
    /// Terms without.
    public: Vec<Term>,
    /// Shapes of all values of the plan.
    shapes: Arc<[Shape]>,
}

/// A term that travels.
struct EncryptedTerm {
    /// Its number among all terms of the segment.
    number: usize,
    term: Term,
    exchange: Exchange,
    /// Weight polynomials that the server has no room for, and transforms in every inference.
    transformed: usize,
}

impl Linear {
    /// Step `index` of `plan`, whose values have `shapes`. The server's polynomials take what they use from `memory`, bytes.
    pub fn new(
        plan: &Plan,
        index: usize,
        step: &LinearPlan,
        shapes: &Arc<[Shape]>,
        memory: &mut usize,
    ) -> Self {
        let (mut encrypted, mut public) = (Vec::new(), Vec::new());
        for (number, (term, exchange)) in step.segment.terms.iter().zip(&step.exchanges).enumerate() {
            let term = term.clone();
            match exchange.clone() {
                Some(exchange) => {
                    let packing = &exchange.packing;
                    let rows = packing.output_groups() - kept_rows(&plan.he, packing, memory);
                    let transformed = rows * packing.input_groups();
                    encrypted.push(EncryptedTerm { number, term, exchange, transformed });
                }
                None => public.push(term),
            }
        }
        let (segment, shapes) = (step.segment.clone(), Arc::clone(shapes));
        Self { ring: plan.ring, he: plan.he.clone(), index, segment, encrypted, public, shapes }
    }

    /// The step as the channel books it.
    pub const fn channel_step(&self) -> ChannelStep {
        ChannelStep::of(self.index)
    }

    /// The value that it makes.
    pub const fn output(&self) -> ValueId {
        ValueId::made_by(self.index)
    }

    /// Units of the value that it makes.
    pub fn units(&self) -> usize {
        self.segment.shape.size()
    }

    /// The terms that travel.
    pub fn exchanges(&self) -> impl Iterator<Item = (&Term, &Exchange)> {
        self.encrypted.iter().map(|encrypted| (&encrypted.term, &encrypted.exchange))
    }

    /// Bytes of one answer.
    pub fn answer_bytes(&self, exchange: &Exchange, answer: usize) -> usize {
        self.he.answer_bytes(exchange.proof.widths, exchange.packing.output_count(answer))
    }

    /// One party's share of a term's source, after the term's public maps.
    fn source(&self, term: &Term, share: &[u64]) -> Vec<i64> {
        prepare(self.ring, term, share, self.shapes[term.source.index()])
    }

    /// The server's mask of the product: the sum of those of its terms.
    pub fn server_mask(&self, seed: &MaskSeed) -> ServerMask {
        let mut sum = vec![0; self.units()];
        for encrypted in &self.encrypted {
            accumulate(&mut sum, self.term_mask(seed, encrypted).elements());
        }
        self.reduced(sum)
    }

    fn term_mask(&self, seed: &MaskSeed, encrypted: &EncryptedTerm) -> ServerMask {
        seed.server_mask(self.ring, self.output(), encrypted.number, self.units())
    }

    fn reduced(&self, mut sum: Vec<u64>) -> ServerMask {
        sum.iter_mut().for_each(|x| *x = self.ring.reduce(*x));
        ServerMask::new(sum)
    }

    /// The server's share u of the segment, from its shares of the values before.
    fn server_share(
        &self,
        weights: &RingSegment<'_>,
        mask: &ServerMask,
        shares: &[ServerShare],
    ) -> ServerShare {
        let mut share = weights.apply(shares, &self.shapes);
        accumulate(&mut share, &weights.bias());
        accumulate(&mut share, mask.elements());
        share.iter_mut().for_each(|x| *x = self.ring.reduce(*x));
        ServerShare::new(share)
    }

    /// Both parties' shares of the segment, from those of the values before, without any protocol: the step's meaning.
    pub fn ideal(
        &self,
        weights: &IntegerWeights,
        seed: &MaskSeed,
        u: &[ServerShare],
        v: &[ClientShare],
    ) -> (ServerShare, ClientShare) {
        let weights = RingSegment::new(self.ring, &self.segment, weights);
        let mask = self.server_mask(seed);
        let mut product = weights.apply(v, &self.shapes);
        product.iter_mut().zip(mask.elements()).for_each(|(p, s)| *p = self.ring.sub(*p, *s));
        (self.server_share(&weights, &mask, u), ClientShare::new(product))
    }

    /// Offline: encrypts and sends the client's share of every secret term's source.
    pub fn client_request<R: RngCore + CryptoRng>(
        &self,
        channel: &mut Channel,
        key: &ClientKey,
        values: &ClientValues,
        rng: &mut R,
    ) -> Result<(), Error> {
        for EncryptedTerm { term, exchange, .. } in &self.encrypted {
            let source = self.source(term, values.mask(term.source).elements());
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

    /// Offline: the client's share v of the segment, the decrypted answers plus the public terms of its own shares.
    pub fn client_finish(
        &self,
        channel: &mut Channel,
        key: &ClientKey,
        values: &ClientValues,
    ) -> Result<ClientShare, Error> {
        let mut share = vec![0u64; self.units()];
        for term in &self.public {
            let source = self.source(term, values.mask(term.source).elements());
            accumulate(&mut share, &apply_op(self.ring, term, &[], &source));
        }
        let mut product = vec![0u64; self.units()];
        for EncryptedTerm { exchange, .. } in &self.encrypted {
            let items = (0..exchange.packing.answer_count())
                .map(|answer| (answer, channel.recv(ANSWER, self.answer_bytes(exchange, answer))));
            let decrypt = |(answer, bytes): (usize, Result<Vec<u8>, netem::Error>)| {
                key.read_answer(exchange, answer, &bytes?)
            };
            in_order(items, decrypt, |values| {
                values.into_iter().for_each(|(index, value)| product[index] = value);
                Ok(())
            })?;
            accumulate(&mut share, &product);
        }
        share.iter_mut().for_each(|x| *x = self.ring.reduce(*x));
        Ok(ClientShare::new(share))
    }
}

/// A segment with the server's weights, made ready once a model.
pub struct PreparedSegment<'a> {
    linear: &'a Linear,
    /// The integers, for the online phase.
    weights: RingSegment<'a>,
    /// The polynomials of every term that travels.
    polynomials: Vec<PreparedWeights<'a>>,
}

/// The server's answers, one message each, ready to be sent, and its mask of the segment's product.
pub struct Answers {
    messages: Vec<Vec<u8>>,
    mask: ServerMask,
}

impl<'a> PreparedSegment<'a> {
    /// Prepares `weights` for `linear`, a step of `plan`, after proving anew that the plan's flooding hides them. Takes what
    /// it uses from `memory`, bytes.
    pub fn new(
        plan: &Plan,
        linear: &'a Linear,
        context: &HeContext,
        weights: &'a IntegerWeights,
        memory: &mut usize,
    ) -> Result<Self, Error> {
        let (name, coefficients) = (&linear.segment.name, plan.sent_coefficients());
        let mut polynomials = Vec::with_capacity(linear.encrypted.len());
        for EncryptedTerm { number, exchange: Exchange { packing, proof }, .. } in &linear.encrypted {
            let kernel = &weights.kernels[*number];
            let own = prove(&plan.he, name, packing, kernel, coefficients)?;
            if own != *proof {
                return Err(Error::config(name, "noise proof", format!("{own:?}"), format!("{proof:?}")));
            }
            polynomials.push(PreparedWeights::new(context, packing, kernel, memory)?);
        }
        let weights = RingSegment::new(linear.ring, &linear.segment, weights);
        Ok(Self { linear, weights, polynomials })
    }

    /// The segment.
    pub const fn linear(&self) -> &'a Linear {
        self.linear
    }

    /// Offline: receives the requests and computes the answers.
    pub fn answer<R: RngCore + CryptoRng>(
        &self,
        channel: &mut Channel,
        key: &ServerKey<'_>,
        seed: &MaskSeed,
        rng: &mut R,
    ) -> Result<Answers, Error> {
        let linear = self.linear;
        let mut messages = Vec::new();
        let mut sum = vec![0; linear.units()];
        for (encrypted, polynomials) in linear.encrypted.iter().zip(&self.polynomials) {
            let (exchange, mask) = (&encrypted.exchange, linear.term_mask(seed, encrypted));
            let (tiles, at_once) = (exchange.packing.tile_count(), key.tiles_at_once(&exchange.packing));
            for first in (0..tiles).step_by(at_once) {
                let tiles = first..tiles.min(first + at_once);
                let receive = tiles.clone().flat_map(|tile| exchange.packing.requests_of_tile(tile));
                let receive = receive.map(|_| Ok(channel.recv(REQUEST, linear.he.request_bytes())?));
                let requests = key.read_requests(receive)?;
                messages.extend(key.answers(
                    exchange,
                    polynomials,
                    &requests,
                    (tiles, mask.elements()),
                    rng,
                )?);
            }
            accumulate(&mut sum, mask.elements());
        }
        Ok(Answers { messages, mask: linear.reduced(sum) })
    }

    /// Online: the server's share u of the segment; `shares[v]` is its share of value `v`.
    pub fn online(&self, mask: &ServerMask, shares: &[ServerShare]) -> ServerShare {
        self.linear.server_share(&self.weights, mask, shares)
    }
}

impl Answers {
    /// Sends the answers. What is left is the server's mask.
    pub fn send(self, channel: &mut Channel) -> Result<ServerMask, Error> {
        self.messages.into_iter().try_for_each(|answer| channel.send(ANSWER, answer))?;
        Ok(self.mask)
    }
}

impl Linear {
    /// Offline, client to server; and the server's work on what came, term by term.
    pub fn declare_requests(&self, walk: &mut Walk) {
        for EncryptedTerm { exchange, transformed, .. } in &self.encrypted {
            let packing = &exchange.packing;
            for _ in 0..packing.request_count() {
                let work = Operations { encryptions: 1, ..Operations::default() };
                walk.client(work);
                walk.up(self.he.request_bytes());
                walk.server(work);
            }
            let (products, transforms) = (packing.product_count() as u64, *transformed as u64);
            walk.server(Operations { products, transforms, ..Operations::default() });
            (0..packing.answer_count()).for_each(|answer| walk.server(answer_work(exchange, answer)));
        }
    }

    /// Offline, server to client, when all terms are done.
    pub fn declare_answers(&self, walk: &mut Walk) {
        walk.both(self.elements());
        for (_, exchange) in self.exchanges() {
            for answer in 0..exchange.packing.answer_count() {
                walk.down(self.answer_bytes(exchange, answer));
                walk.client(answer_work(exchange, answer));
            }
        }
    }

    /// Online: nothing travels.
    pub fn declare_online(&self, walk: &mut Walk) {
        walk.server(self.elements());
        for term in &self.segment.terms {
            if let TermOp::Conv { out, window, groups } = term.op {
                let per_output = (term.shape.c / groups * window.kernel.0 * window.kernel.1) as u64;
                let area = self.segment.shape.area() as u64;
                let (macs, gathered) = (per_output * area * out as u64, per_output * area * groups as u64);
                walk.server(Operations { macs, gathered, ..Operations::default() });
            }
        }
    }

    fn elements(&self) -> Operations {
        Operations { elements: self.units() as u64, ..Operations::default() }
    }
}

/// What an answer takes either party, products apart.
fn answer_work(exchange: &Exchange, answer: usize) -> Operations {
    let answered = exchange.packing.output_count(answer) as u64;
    Operations { decryptions: 1, answered, ..Operations::default() }
}
