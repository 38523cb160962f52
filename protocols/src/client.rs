//! The client's loops over the plan: one for offline, in four passes, one for online.

use crate::Error;
use crate::handshake::SessionId;
use crate::masks::MaskSeed;
use crate::plan::{INPUT_STEP, Plan, PlannedStep, channel_step};
use crate::setup::{self, ClientSession};
use crate::steps::{activation, input, linear, output};
use models::graph::Shape;
use netem::{Channel, Phase};
use rand::{CryptoRng, RngCore};

/// A client in session with a server.
pub struct Client<'a> {
    plan: &'a Plan,
    shapes: Vec<Shape>,
    session: ClientSession,
    inferences: u32,
}

/// One preprocessed inference. Consumed by [`ClientReady::online`].
pub struct ClientReady<'a> {
    plan: &'a Plan,
    seed: MaskSeed,
    layers: Vec<Option<activation::ClientReady>>,
    /// The client's share of every value.
    values: Vec<Vec<u64>>,
}

/// What the client learns.
pub struct ClientOutput {
    /// Signed logits at scale 2^`Plan::output_scale`.
    pub logits: Vec<i64>,
    /// For the verifier of a measured run.
    pub seed: MaskSeed,
}

impl<'a> Client<'a> {
    /// Set-up: handshake and keys.
    pub fn connect<R: CryptoRng + RngCore>(
        channel: &mut Channel,
        plan: &'a Plan,
        session: SessionId,
        rng: &mut R,
    ) -> Result<Self, Error> {
        channel.enter(Phase::Setup, INPUT_STEP);
        let session = setup::client(channel, plan, session, rng)?;
        Ok(Self { plan, shapes: plan.shapes(), session, inferences: 0 })
    }

    /// Preprocesses one inference.
    pub fn offline<R: CryptoRng + RngCore>(
        &mut self,
        channel: &mut Channel,
        rng: &mut R,
    ) -> Result<ClientReady<'a>, Error> {
        let plan = self.plan;
        let ring = plan.ring;
        let seed = MaskSeed::random(rng);
        let first_layer = plan.first_layer_id(self.inferences)?;
        self.inferences += 1;
        let mut values = vec![seed.mask(ring, 0, 0, plan.input.size())];
        for (index, step) in plan.steps.iter().enumerate() {
            values.push(match step {
                PlannedStep::Linear(_) => Vec::new(),
                PlannedStep::Activation(step) => seed.mask(ring, index + 1, 0, step.step.shape.size()),
            });
        }
        for (index, step) in plan.steps.iter().enumerate() {
            channel.enter(Phase::Offline, channel_step(index));
            match step {
                PlannedStep::Linear(step) => {
                    linear::client_request(
                        channel,
                        plan,
                        step,
                        &self.session.key,
                        &values,
                        &self.shapes,
                        rng,
                    )?;
                }
                PlannedStep::Activation(_) => {}
            }
        }
        let mut offers = Vec::with_capacity(plan.steps.len());
        for (index, step) in plan.steps.iter().enumerate() {
            channel.enter(Phase::Offline, channel_step(index));
            offers.push(match step {
                PlannedStep::Linear(step) => {
                    values[index + 1] =
                        linear::client_finish(channel, plan, step, &self.session.key, &values, &self.shapes)?;
                    None
                }
                PlannedStep::Activation(step) => {
                    Some(activation::client_accept(channel, plan, step, &mut self.session.truncation)?)
                }
            });
        }
        let mut chosen = Vec::with_capacity(plan.steps.len());
        for (index, (step, offer)) in plan.steps.iter().zip(offers).enumerate() {
            channel.enter(Phase::Offline, channel_step(index));
            chosen.push(match (step, offer) {
                (PlannedStep::Activation(step), Some(offer)) => {
                    let id = first_layer + index as u32;
                    let (session, v, masks) =
                        (&mut self.session, &values[step.step.source], &values[index + 1]);
                    Some(activation::client_choose(channel, plan, step, session, id, &offer, v, masks)?)
                }
                (PlannedStep::Linear(_) | PlannedStep::Activation(_), _) => None,
            });
        }
        let mut layers = Vec::with_capacity(plan.steps.len());
        for (index, (step, chosen)) in plan.steps.iter().zip(chosen).enumerate() {
            channel.enter(Phase::Offline, channel_step(index));
            layers.push(match (step, chosen) {
                (PlannedStep::Activation(step), Some(chosen)) => {
                    let id = first_layer + index as u32;
                    Some(activation::client_receive(channel, plan, step, &self.session, id, chosen)?)
                }
                (PlannedStep::Linear(_) | PlannedStep::Activation(_), _) => None,
            });
        }
        Ok(ClientReady { plan, seed, layers, values })
    }
}

impl ClientReady<'_> {
    /// Classifies `image`, a normalised image of the plan's input shape.
    pub fn online(self, channel: &mut Channel, image: &[f32]) -> Result<ClientOutput, Error> {
        let Self { plan, seed, layers, values } = self;
        if image.len() != plan.input.size() {
            let (expected, found) = (format!("{} values", plan.input.size()), image.len().to_string());
            return Err(Error::config("input", "image", expected, found));
        }
        channel.enter(Phase::Online, INPUT_STEP);
        input::client(channel, plan, &plan.quantise_image(image), &values[0])?;
        for (index, (step, layer)) in plan.steps.iter().zip(layers).enumerate() {
            channel.enter(Phase::Online, channel_step(index));
            if let (PlannedStep::Activation(step), Some(layer)) = (step, layer) {
                activation::client_online(channel, plan, step, layer, &values[index + 1])?;
            }
        }
        channel.enter(Phase::Online, plan.output_step());
        let logits = output::client(channel, plan, values.last().expect("a plan has steps"))?;
        Ok(ClientOutput { logits, seed })
    }
}
