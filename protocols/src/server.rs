//! The server's loops over the plan: one for offline, in two passes, one for online.
//!
//! Offline it answers the requests step by step, then garbles each layer as its choices come: nothing of a layer is held
//! but what online needs.

use crate::Error;
use crate::handshake::SessionId;
use crate::he::server::{HeContext, PreparedWeights, WEIGHT_CACHE_BYTES};
use crate::masks::MaskSeed;
use crate::plan::compile::{ServerSecrets, prove};
use crate::plan::{INPUT_STEP, LinearPlan, Plan, PlannedStep, channel_step};
use crate::saved::{Loading, Saving};
use crate::setup::{self, ServerSession};
use crate::steps::linear::PreparedSegment;
use crate::steps::{activation, input, linear, output};
use models::fixed::linear::{IntegerWeights, RingSegment};
use models::graph::Shape;
use netem::{Channel, Phase};
use rand::{CryptoRng, RngCore};
use std::io::{Read, Write};

/// A model made ready for any number of sessions: weights laid out and transformed once.
pub struct Model<'a> {
    plan: &'a Plan,
    shapes: Vec<Shape>,
    context: HeContext,
    segments: Vec<Option<PreparedSegment<'a>>>,
}

impl<'a> Model<'a> {
    /// Prepares the weights of `secrets` for `plan`, after proving anew that the plan's flooding hides them.
    pub fn prepare(plan: &'a Plan, secrets: &'a ServerSecrets) -> Result<Self, Error> {
        let context = HeContext::new(&plan.he)?;
        let mut memory = WEIGHT_CACHE_BYTES;
        let coefficients = plan.sent_coefficients();
        let mut segments = Vec::with_capacity(plan.steps.len());
        for (step, weights) in plan.steps.iter().zip(&secrets.weights) {
            segments.push(match (step, weights) {
                (PlannedStep::Linear(step), Some(weights)) => {
                    Some(prepare(&context, plan, coefficients, (step, weights), &mut memory)?)
                }
                (PlannedStep::Linear(_) | PlannedStep::Activation(_), _) => None,
            });
        }
        Ok(Self { plan, shapes: plan.shapes(), context, segments })
    }

    fn segment(&self, index: usize) -> &PreparedSegment<'a> {
        self.segments[index].as_ref().expect("linear steps are prepared")
    }
}

fn prepare<'a>(
    context: &HeContext,
    plan: &'a Plan,
    coefficients: usize,
    (step, weights): (&'a LinearPlan, &'a IntegerWeights),
    memory: &mut usize,
) -> Result<PreparedSegment<'a>, Error> {
    let mut polynomials = Vec::with_capacity(step.exchanges.len());
    for (exchange, kernel) in step.exchanges.iter().zip(&weights.kernels) {
        polynomials.push(match exchange {
            None => None,
            Some(exchange) => {
                let proof = prove(&plan.he, &step.segment, &exchange.packing, kernel, coefficients)?;
                if proof != exchange.proof {
                    let (expected, found) = (format!("{proof:?}"), format!("{:?}", exchange.proof));
                    return Err(Error::config(&step.segment.name, "noise proof", expected, found));
                }
                Some(PreparedWeights::new(context, &exchange.packing, kernel, memory)?)
            }
        });
    }
    Ok(PreparedSegment { weights: RingSegment::new(plan.ring, &step.segment, weights), polynomials })
}

/// A server in session with a client.
pub struct Server<'a> {
    model: &'a Model<'a>,
    session: ServerSession<'a>,
    inferences: u32,
}

/// One preprocessed inference. Consumed by [`ServerReady::online`].
pub struct ServerReady<'a> {
    model: &'a Model<'a>,
    /// The first layer's number in its session.
    first_layer: u32,
    seed: MaskSeed,
    layers: Vec<Option<activation::ServerReady>>,
    /// The mask s of every segment.
    masks: Vec<Vec<u64>>,
}

/// What is left for the verifier of a measured run.
pub struct ServerOutput {
    /// The seed of the server's masks.
    pub seed: MaskSeed,
    /// The server's share of every value: the image, then every step's output.
    pub shares: Vec<Vec<u64>>,
}

impl<'a> Server<'a> {
    /// Set-up: handshake and keys.
    pub fn accept<R: CryptoRng + RngCore>(
        channel: &mut Channel,
        model: &'a Model<'a>,
        session: SessionId,
        rng: &mut R,
    ) -> Result<Self, Error> {
        channel.enter(Phase::Setup, INPUT_STEP);
        let session = setup::server(channel, model.plan, &model.context, session, rng)?;
        Ok(Self { model, session, inferences: 0 })
    }

    /// Preprocesses one inference.
    pub fn offline<R: CryptoRng + RngCore>(
        &mut self,
        channel: &mut Channel,
        rng: &mut R,
    ) -> Result<ServerReady<'a>, Error> {
        let (model, plan) = (self.model, self.model.plan);
        let seed = MaskSeed::random(rng);
        let first_layer = plan.first_layer_id(self.inferences)?;
        self.inferences += 1;
        let mut offers = Vec::with_capacity(plan.steps.len());
        for (index, step) in plan.steps.iter().enumerate() {
            channel.enter(Phase::Offline, channel_step(index));
            offers.push(match step {
                PlannedStep::Linear(step) => {
                    let (segment, mask) = (model.segment(index), (&seed, index + 1));
                    let answers =
                        linear::server_answer(channel, plan, step, &self.session.key, segment, mask, rng)?;
                    linear::server_send(channel, answers)?;
                    None
                }
                PlannedStep::Activation(step) => {
                    Some(activation::server_offer(channel, plan, step, &mut self.session, rng)?)
                }
            });
        }
        let mut layers = Vec::with_capacity(plan.steps.len());
        for (index, (step, offer)) in plan.steps.iter().zip(offers).enumerate() {
            channel.enter(Phase::Offline, channel_step(index));
            layers.push(match (step, offer) {
                (PlannedStep::Activation(step), Some(offer)) => {
                    let id = first_layer + index as u32;
                    let chosen =
                        activation::server_chosen(channel, plan, step, &mut self.session, id, offer)?;
                    let layer =
                        activation::server_garble(channel, plan, step, &self.session, id, chosen, rng)?;
                    Some(layer)
                }
                (PlannedStep::Linear(_) | PlannedStep::Activation(_), _) => None,
            });
        }
        channel.flush()?;
        let masks = masks(plan, &seed);
        Ok(ServerReady { model, first_layer, seed, layers, masks })
    }
}

/// The mask s of every segment.
fn masks(plan: &Plan, seed: &MaskSeed) -> Vec<Vec<u64>> {
    let of_step = |(index, step): (usize, &PlannedStep)| match step {
        PlannedStep::Linear(step) => linear::server_mask(plan, step, seed, index + 1),
        PlannedStep::Activation(_) => Vec::new(),
    };
    plan.steps.iter().enumerate().map(of_step).collect()
}

impl<'a> ServerReady<'a> {
    /// Writes it down, to be used later, by this process or another. It is gone from memory, since an item is used once.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn save(self, to: &mut dyn Write) -> Result<(), Error> {
        let mut to = Saving::to(to);
        to.bytes(&self.first_layer.to_le_bytes())?;
        to.bytes(&self.seed.reveal())?;
        self.layers.iter().flatten().try_for_each(|layer| layer.save(&mut to))?;
        to.end()
    }

    /// Reads what [`ServerReady::save`] wrote for this model. Whoever reads it has to see to it that nobody does again.
    ///
    /// # Errors
    /// [`Error::Store`] where it ends early; [`Error::Config`] where it is not such an item.
    pub fn load(model: &'a Model<'a>, from: &mut dyn Read) -> Result<Self, Error> {
        let plan = model.plan;
        let mut from = Loading::from(from);
        let first_layer = u32::from_le_bytes(from.array()?);
        let seed = MaskSeed::from_bytes(from.array()?);
        let mut layers = Vec::with_capacity(plan.steps.len());
        for (id, step) in (first_layer..).zip(&plan.steps) {
            layers.push(match step {
                PlannedStep::Linear(_) => None,
                PlannedStep::Activation(step) => {
                    Some(activation::ServerReady::load(plan, step, id, &mut from)?)
                }
            });
        }
        from.end()?;
        Ok(Self { model, first_layer, masks: masks(plan, &seed), seed, layers })
    }

    /// Bytes that the preprocessed inference occupies.
    pub fn stored_bytes(&self) -> usize {
        let layers: usize = self.layers.iter().flatten().map(activation::ServerReady::stored_bytes).sum();
        layers + self.masks.iter().map(|mask| 8 * mask.len()).sum::<usize>()
    }

    /// Serves one image.
    pub fn online(self, channel: &mut Channel) -> Result<ServerOutput, Error> {
        let Self { model, seed, layers, masks, first_layer: _ } = self;
        let plan = model.plan;
        channel.enter(Phase::Online, INPUT_STEP);
        let mut shares = vec![input::server(channel, plan)?];
        for (index, (step, layer)) in plan.steps.iter().zip(layers).enumerate() {
            channel.enter(Phase::Online, channel_step(index));
            shares.push(match (step, layer) {
                (PlannedStep::Linear(_), _) => {
                    let weights = &model.segment(index).weights;
                    linear::server_online(plan, weights, &masks[index], &shares, &model.shapes)
                }
                (PlannedStep::Activation(step), Some(layer)) => {
                    activation::server_online(channel, plan, step, layer, &shares[step.step.source])?
                }
                (PlannedStep::Activation(_), None) => unreachable!("activation steps are preprocessed"),
            });
        }
        channel.enter(Phase::Online, plan.output_step());
        output::server(channel, plan, shares.last().expect("a plan has steps"))?;
        Ok(ServerOutput { seed, shares })
    }
}
