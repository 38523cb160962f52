//! The server's loops over the plan: one for offline, in two passes, one for online.
//!
//! Offline it answers the requests step by step, then garbles each layer as its choices come: nothing of a layer is held
//! but what online needs.

use crate::Error;
use crate::cost;
use crate::handshake::SessionId;
use crate::he::packing::WEIGHT_CACHE_BYTES;
use crate::he::server::HeContext;
use crate::masks::MaskSeed;
use crate::numbering::{ChannelStep, LayerId};
use crate::prepared::{PreparedPlan, Step};
use crate::saved::{Loading, Saving};
use crate::secrets::ServerSecrets;
use crate::setup::{self, ServerSession};
use crate::steps::activation::{self, Activation};
use crate::steps::linear::PreparedSegment;
use crate::steps::product::{self, Product};
use crate::steps::reshare::{self, Reshare};
use crate::steps::{input, output};
use crate::under_way;
use crate::values::{ServerMask, ServerShare};
use crate::walk::Party;
use netem::{Channel, Phase};
use rand::{CryptoRng, RngCore};
use std::io::{Read, Write};

/// A model made ready for any number of sessions: weights laid out and transformed once.
pub struct Model<'a> {
    plan: &'a PreparedPlan,
    context: HeContext,
    steps: Vec<ModelStep<'a>>,
}

/// One step of the plan, with its weights.
enum ModelStep<'a> {
    Linear(PreparedSegment<'a>),
    Activation(&'a Activation),
    Product(&'a Product),
    Reshare(&'a Reshare),
}

impl<'a> Model<'a> {
    /// Prepares the weights of `secrets` for `plan`, after proving anew that the plan's flooding hides them.
    pub fn prepare(plan: &'a PreparedPlan, secrets: &'a ServerSecrets) -> Result<Self, Error> {
        let context = HeContext::new(&plan.he)?;
        let mut memory = WEIGHT_CACHE_BYTES;
        let mut steps = Vec::with_capacity(plan.prepared.len());
        for (index, step) in plan.prepared.iter().enumerate() {
            steps.push(match step {
                Step::Linear(linear) => {
                    let weights = secrets.of(index);
                    ModelStep::Linear(PreparedSegment::new(plan, linear, &context, weights, &mut memory)?)
                }
                Step::Activation(layer) => ModelStep::Activation(layer),
                Step::Product(product) => ModelStep::Product(product),
                Step::Reshare(reshare) => ModelStep::Reshare(reshare),
            });
        }
        Ok(Self { plan, context, steps })
    }
}

/// A server in session with a client.
pub struct Server<'a> {
    model: &'a Model<'a>,
    session: ServerSession<'a>,
    inferences: u32,
}

/// One preprocessed inference. Consumed by [`ServerReady::online`].
pub struct ServerReady<'a> {
    plan: &'a PreparedPlan,
    first_layer: LayerId,
    seed: MaskSeed,
    steps: Vec<ReadyStep<'a>>,
}

/// One step of a preprocessed inference.
enum ReadyStep<'a> {
    Linear(&'a PreparedSegment<'a>, ServerMask),
    Activation(Box<activation::ServerReady<'a>>),
    Product(product::ServerReady<'a>),
    Reshare(reshare::ServerReady<'a>),
}

/// The same before the client's choices.
enum OfferedStep<'a> {
    Linear(&'a PreparedSegment<'a>, ServerMask),
    Activation(activation::ServerOffer<'a>),
    Product(product::ServerOffer<'a>),
    Reshare(&'a Reshare),
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
        channel.enter(Phase::Setup, ChannelStep::INPUT.number());
        under_way::bound(channel, model.plan, Party::Server);
        let session =
            setup::server(channel, (model.plan, cost::made(model.plan)), &model.context, session, rng)?;
        Ok(Self { model, session, inferences: 0 })
    }

    /// Preprocesses one inference.
    pub fn offline<R: CryptoRng + RngCore>(
        &mut self,
        channel: &mut Channel,
        rng: &mut R,
    ) -> Result<ServerReady<'a>, Error> {
        let plan = self.model.plan;
        let seed = MaskSeed::random(rng);
        let first_layer = plan.first_layer(self.inferences)?;
        self.inferences += 1;
        if plan.ot.is_silent() {
            let transfers = cost::made(plan);
            channel.enter(Phase::Offline, ChannelStep::INPUT.number());
            self.session.products.begin(channel, transfers.down)?;
            self.session.labels.begin(channel, transfers.up)?;
        }
        let mut offered = Vec::with_capacity(self.model.steps.len());
        for step in &self.model.steps {
            offered.push(match step {
                ModelStep::Linear(segment) => {
                    channel.enter(Phase::Offline, segment.linear().channel_step().number());
                    let answers = segment.answer(channel, &self.session.key, &seed, rng)?;
                    OfferedStep::Linear(segment, answers.send(channel)?)
                }
                ModelStep::Activation(layer) => {
                    channel.enter(Phase::Offline, layer.channel_step().number());
                    let offer = layer.server_offer(channel, &mut self.session, first_layer, rng)?;
                    OfferedStep::Activation(offer)
                }
                ModelStep::Product(product) => {
                    channel.enter(Phase::Offline, product.channel_step().number());
                    let offer = product.server_offer(channel, &mut self.session, first_layer, rng)?;
                    OfferedStep::Product(offer)
                }
                ModelStep::Reshare(reshare) => OfferedStep::Reshare(reshare),
            });
        }
        let mut steps = Vec::with_capacity(offered.len());
        for step in offered {
            steps.push(match step {
                OfferedStep::Linear(segment, mask) => {
                    channel.enter(Phase::Offline, segment.linear().channel_step().number());
                    ReadyStep::Linear(segment, mask)
                }
                OfferedStep::Activation(offer) => {
                    channel.enter(Phase::Offline, offer.layer().channel_step().number());
                    let chosen = offer.chosen(channel, &mut self.session)?;
                    ReadyStep::Activation(Box::new(chosen.garble(channel, &self.session, rng)?))
                }
                OfferedStep::Product(offer) => {
                    channel.enter(Phase::Offline, offer.product().channel_step().number());
                    let chosen = offer.chosen(channel, &mut self.session)?;
                    ReadyStep::Product(chosen.correct(channel, &self.session)?)
                }
                OfferedStep::Reshare(reshare) => {
                    channel.enter(Phase::Offline, reshare.channel_step().number());
                    ReadyStep::Reshare(reshare.server(channel)?)
                }
            });
        }
        channel.flush()?;
        Ok(ServerReady { plan, first_layer, seed, steps })
    }
}

impl<'a> ServerReady<'a> {
    /// Writes it down, to be used later, by this process or another. It is gone from memory, since an item is used once.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn save(self, to: &mut dyn Write) -> Result<(), Error> {
        let mut to = Saving::to(to);
        to.bytes(&self.first_layer.number().to_le_bytes())?;
        to.bytes(&self.seed.reveal())?;
        for step in &self.steps {
            match step {
                ReadyStep::Linear(..) => {} // Its mask is the seed's.
                ReadyStep::Activation(layer) => layer.save(&mut to)?,
                ReadyStep::Product(ready) => ready.save(&mut to)?,
                ReadyStep::Reshare(ready) => ready.save(&mut to)?,
            }
        }
        to.end()
    }

    /// Reads what [`ServerReady::save`] wrote for this model. Whoever reads it has to see to it that nobody does again.
    ///
    /// # Errors
    /// [`Error::Store`] where it ends early; [`Error::Config`] where it is not such an item.
    pub fn load(model: &'a Model<'a>, from: &mut dyn Read) -> Result<Self, Error> {
        let mut from = Loading::from(from);
        let first_layer = from.first_layer(model.steps.len())?;
        let seed = MaskSeed::from_bytes(from.array()?);
        let mut steps = Vec::with_capacity(model.steps.len());
        for step in &model.steps {
            steps.push(match step {
                ModelStep::Linear(segment) => ReadyStep::Linear(segment, segment.linear().server_mask(&seed)),
                ModelStep::Activation(layer) => {
                    let ready = activation::ServerReady::load(layer, first_layer, &mut from)?;
                    ReadyStep::Activation(Box::new(ready))
                }
                ModelStep::Product(product) => {
                    ReadyStep::Product(product::ServerReady::load(product, &mut from)?)
                }
                ModelStep::Reshare(reshare) => {
                    ReadyStep::Reshare(reshare::ServerReady::load(reshare, &mut from)?)
                }
            });
        }
        from.end()?;
        Ok(Self { plan: model.plan, first_layer, seed, steps })
    }

    /// Bytes that the preprocessed inference occupies.
    pub fn stored_bytes(&self) -> usize {
        let of_step = |step: &ReadyStep<'_>| match step {
            ReadyStep::Linear(_, mask) => size_of_val(mask.elements()),
            ReadyStep::Activation(layer) => layer.stored_bytes(),
            ReadyStep::Product(ready) => ready.stored_bytes(),
            ReadyStep::Reshare(ready) => ready.stored_bytes(),
        };
        self.steps.iter().map(of_step).sum()
    }

    /// Serves one image.
    pub fn online(self, channel: &mut Channel) -> Result<ServerOutput, Error> {
        let Self { plan, first_layer: _, seed, steps } = self;
        channel.enter(Phase::Online, ChannelStep::INPUT.number());
        let mut shares: Vec<ServerShare> = vec![input::server(channel, plan)?.into_share()];
        for step in steps {
            shares.push(match step {
                ReadyStep::Linear(segment, mask) => {
                    channel.enter(Phase::Online, segment.linear().channel_step().number());
                    segment.online(&mask, &shares)
                }
                ReadyStep::Activation(layer) => {
                    channel.enter(Phase::Online, layer.layer().channel_step().number());
                    let source = layer.layer().source();
                    layer.online(channel, &shares[source.index()])?
                }
                ReadyStep::Product(ready) => {
                    channel.enter(Phase::Online, ready.product().channel_step().number());
                    let [left, right] = ready.product().sources().map(|value| &shares[value.index()]);
                    ready.online(channel, left, right)?
                }
                ReadyStep::Reshare(ready) => {
                    channel.enter(Phase::Online, ready.reshare().channel_step().number());
                    let source = ready.reshare().source();
                    ready.online(&shares[source.index()])
                }
            });
        }
        channel.enter(Phase::Online, plan.output_step().number());
        output::server(channel, plan, &shares[plan.logits().index()])?;
        Ok(ServerOutput { seed, shares: shares.into_iter().map(ServerShare::reveal).collect() })
    }
}
