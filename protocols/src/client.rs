//! The client's loops over the plan: one for offline, in three passes, one for online.
//!
//! Offline it sends every request, reads the answers, then chooses; material is taken when the window of chosen layers is
//! full, and at the end. So it decrypts while the server still answers, and the server garbles while it still chooses.

use crate::Error;
use crate::handshake::SessionId;
use crate::masks::MaskSeed;
use crate::plan::{INPUT_STEP, Plan, PlannedStep, channel_step};
use crate::saved::{Loading, Saving};
use crate::setup::{self, ClientSession};
use crate::steps::{activation, input, linear, output};
use crate::store::{Depot, Store};
use crate::window::Window;
use models::graph::Shape;
use netem::{Channel, Phase};
use rand::{CryptoRng, RngCore};
use std::io::{Read, Write};

/// A client in session with a server.
pub struct Client<'a> {
    plan: &'a Plan,
    shapes: Vec<Shape>,
    session: ClientSession,
    store: Store,
    inferences: u32,
}

/// One preprocessed inference. Consumed by [`ClientReady::online`].
pub struct ClientReady<'a> {
    plan: &'a Plan,
    /// The first layer's number in its session.
    first_layer: u32,
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
        Ok(Self { plan, shapes: plan.shapes(), session, store: Store::Memory, inferences: 0 })
    }

    /// Keeps what it preprocesses in `store`; in memory otherwise.
    pub fn keep_in(&mut self, store: Store) {
        self.store = store;
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
        let mut depot = self.store.open()?;
        self.inferences += 1;
        let mut values = vec![seed.mask(ring, 0, 0, plan.input.size())];
        for (index, step) in plan.steps.iter().enumerate() {
            values.push(match step {
                PlannedStep::Linear(_) => Vec::new(),
                PlannedStep::Activation(step) => seed.mask(ring, index + 1, 0, step.step.shape.size()),
            });
        }
        for (index, step) in plan.steps.iter().enumerate() {
            if let PlannedStep::Linear(step) = step {
                channel.enter(Phase::Offline, channel_step(index));
                let key = &self.session.key;
                linear::client_request(channel, plan, step, key, &values, &self.shapes, rng)?;
            }
        }
        let mut offers = Vec::with_capacity(plan.steps.len());
        for (index, step) in plan.steps.iter().enumerate() {
            channel.enter(Phase::Offline, channel_step(index));
            offers.push(match step {
                PlannedStep::Linear(step) => {
                    let key = &self.session.key;
                    values[index + 1] =
                        linear::client_finish(channel, plan, step, key, &values, &self.shapes)?;
                    None
                }
                PlannedStep::Activation(step) => {
                    Some(activation::client_accept(channel, plan, step, &mut self.session.truncation)?)
                }
            });
        }
        let mut layers: Vec<Option<activation::ClientReady>> = plan.steps.iter().map(|_| None).collect();
        let mut window = Window::new();
        for (index, (step, offer)) in plan.steps.iter().zip(offers).enumerate() {
            if let (PlannedStep::Activation(step), Some(offer)) = (step, offer) {
                let (id, units) = (first_layer + index as u32, step.step.kept.len());
                while let Some((earlier, chosen)) = window.before(units) {
                    layers[earlier] =
                        Some(self.receive(channel, first_layer, earlier, chosen, &mut depot)?);
                }
                channel.enter(Phase::Offline, channel_step(index));
                let (session, v, masks) = (&mut self.session, &values[step.step.source], &values[index + 1]);
                let chosen = activation::client_choose(channel, plan, step, session, id, &offer, v, masks)?;
                window.chosen(index, units, chosen);
            }
        }
        while let Some((index, chosen)) = window.next() {
            layers[index] = Some(self.receive(channel, first_layer, index, chosen, &mut depot)?);
        }
        Ok(ClientReady { plan, first_layer, seed, layers, values })
    }

    /// Takes the material of activation step `index` into `depot`.
    fn receive(
        &self,
        channel: &mut Channel,
        first_layer: u32,
        index: usize,
        chosen: activation::ClientChosen,
        depot: &mut Depot,
    ) -> Result<activation::ClientReady, Error> {
        let PlannedStep::Activation(step) = &self.plan.steps[index] else {
            unreachable!("only activation layers are chosen")
        };
        channel.enter(Phase::Offline, channel_step(index));
        let id = first_layer + index as u32;
        activation::client_receive(channel, self.plan, step, &self.session, id, chosen, depot)
    }
}

impl<'a> ClientReady<'a> {
    /// Writes it down, to be used later, by this process or another. It is gone from memory, since an item is used once.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn save(self, to: &mut dyn Write) -> Result<(), Error> {
        let mut to = Saving::to(to);
        to.bytes(&self.first_layer.to_le_bytes())?;
        to.bytes(&self.seed.reveal())?;
        self.values.iter().try_for_each(|values| to.values(values))?;
        self.layers.iter().flatten().try_for_each(|layer| layer.save(&mut to))?;
        to.end()
    }

    /// Reads what [`ClientReady::save`] wrote for this plan. Whoever reads it has to see to it that nobody does again.
    ///
    /// # Errors
    /// [`Error::Store`] where it ends early; [`Error::Config`] where it is not such an item.
    pub fn load(plan: &'a Plan, from: &mut dyn Read) -> Result<Self, Error> {
        let mut from = Loading::from(from);
        let first_layer = u32::from_le_bytes(from.array()?);
        let seed = MaskSeed::from_bytes(from.array()?);
        let values = plan.shapes().iter().map(|shape| from.values(shape.size())).collect::<Result<_, _>>()?;
        let mut layers = Vec::with_capacity(plan.steps.len());
        for (id, step) in (first_layer..).zip(&plan.steps) {
            layers.push(match step {
                PlannedStep::Linear(_) => None,
                PlannedStep::Activation(step) => {
                    Some(activation::ClientReady::load(plan, step, id, &mut from)?)
                }
            });
        }
        from.end()?;
        Ok(Self { plan, first_layer, seed, layers, values })
    }

    /// Bytes that the preprocessed inference occupies: in the store, and the shares of every value in memory.
    pub fn stored_bytes(&self) -> usize {
        let layers: usize = self.layers.iter().flatten().map(activation::ClientReady::stored_bytes).sum();
        layers + self.values.iter().map(|values| 8 * values.len()).sum::<usize>()
    }

    /// Classifies `image`, a normalised image of the plan's input shape.
    pub fn online(self, channel: &mut Channel, image: &[f32]) -> Result<ClientOutput, Error> {
        let Self { plan, seed, layers, values, first_layer: _ } = self;
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
