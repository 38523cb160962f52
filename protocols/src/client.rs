//! The client's loops over the plan: one for offline, in three passes, one for online.
//!
//! Offline it sends every request, reads the answers, then chooses; material is taken when the window of chosen layers is
//! full, and at the end. So it decrypts while the server still answers, and the server garbles while it still chooses.

use crate::Error;
use crate::cost;
use crate::handshake::SessionId;
use crate::masks::MaskSeed;
use crate::numbering::{ChannelStep, LayerId};
use crate::prepared::{PreparedPlan, Step};
use crate::saved::{Loading, Saving};
use crate::setup::{self, ClientSession};
use crate::steps::reshare::Reshare;
use crate::steps::{activation, input, output, product};
use crate::store::{Depot, Store};
use crate::under_way;
use crate::values::{ClientMask, ClientShare, ClientValues};
use crate::walk::Party;
use crate::window::Window;
use models::fixed::steps::ValueId;
use netem::{Channel, Phase};
use rand::{CryptoRng, RngCore};
use std::io::{Read, Write};

/// A client in session with a server.
pub struct Client<'p> {
    plan: &'p PreparedPlan,
    session: ClientSession,
    store: Store,
    inferences: u32,
}

/// One preprocessed inference. Consumed by [`ClientReady::online`].
pub struct ClientReady<'p> {
    plan: &'p PreparedPlan,
    first_layer: LayerId,
    seed: MaskSeed,
    values: ClientValues,
    /// Every activation layer and product of the plan, in order.
    layers: Vec<Ready<'p>>,
}

/// A step that takes the client something online.
enum Ready<'p> {
    Activation(Box<activation::ClientReady<'p>>),
    Product(product::ClientReady<'p>),
}

/// What the client learns.
pub struct ClientOutput {
    /// Signed logits at scale 2^`Plan::output_scale`.
    pub logits: Vec<i64>,
    /// For the verifier of a measured run.
    pub seed: MaskSeed,
}

impl<'p> Client<'p> {
    /// Set-up: handshake and keys.
    pub fn connect<R: CryptoRng + RngCore>(
        channel: &mut Channel,
        plan: &'p PreparedPlan,
        session: SessionId,
        rng: &mut R,
    ) -> Result<Self, Error> {
        channel.enter(Phase::Setup, ChannelStep::INPUT.number());
        under_way::bound(channel, plan, Party::Client);
        let session = setup::client(channel, (plan, cost::made(plan)), session, rng)?;
        Ok(Self { plan, session, store: Store::Memory, inferences: 0 })
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
    ) -> Result<ClientReady<'p>, Error> {
        let plan = self.plan;
        let seed = MaskSeed::random(rng);
        let first_layer = plan.first_layer(self.inferences)?;
        let mut depot = self.store.open()?;
        self.inferences += 1;
        let mut values = masked(plan, &seed);
        let transfers = cost::made(plan);
        if plan.ot.is_silent() {
            channel.enter(Phase::Offline, ChannelStep::INPUT.number());
            self.session.products.begin(channel, transfers.down)?;
        }
        for step in &plan.prepared {
            match step {
                Step::Linear(linear) => {
                    channel.enter(Phase::Offline, step.channel_step().number());
                    linear.client_request(channel, &self.session.key, &values, rng)?;
                }
                Step::Activation(_) | Step::Product(_) | Step::Reshare(_) => {}
            }
        }
        if plan.ot.is_silent() {
            channel.enter(Phase::Offline, ChannelStep::INPUT.number());
            self.session.labels.begin(channel, transfers.up)?;
        }
        let mut offers = Vec::new();
        for step in &plan.prepared {
            channel.enter(Phase::Offline, step.channel_step().number());
            match step {
                Step::Linear(linear) => {
                    let share = linear.client_finish(channel, &self.session.key, &values)?;
                    values.insert_share(linear.output(), share);
                }
                Step::Activation(layer) => {
                    let offer = layer.client_accept(channel, &mut self.session, first_layer, &mut depot)?;
                    offers.push(Offer::Activation(offer));
                }
                Step::Product(product) => {
                    let offer = product.client_accept(channel, &mut self.session, first_layer)?;
                    offers.push(Offer::Product(offer));
                }
                Step::Reshare(reshare) => offers.push(Offer::Reshare(reshare)),
            }
        }
        let (mut window, mut layers) = (Window::new(), Vec::with_capacity(offers.len()));
        let mut receive = |channel: &mut Channel, session: &_, depot: &mut Depot, chosen: Chosen<'p>| {
            layers.push(match chosen {
                Chosen::Activation(chosen) => {
                    channel.enter(Phase::Offline, chosen.layer().channel_step().number());
                    Ready::Activation(Box::new(chosen.receive(channel, session, depot)?))
                }
                Chosen::Product(chosen) => {
                    channel.enter(Phase::Offline, chosen.product().channel_step().number());
                    Ready::Product(chosen.receive(channel, session)?)
                }
            });
            Ok::<(), Error>(())
        };
        for offer in offers {
            let (step, units) = match &offer {
                Offer::Activation(offer) => (offer.layer().channel_step(), Some(offer.layer().kept_units())),
                Offer::Product(offer) => (offer.product().channel_step(), Some(offer.product().units())),
                Offer::Reshare(reshare) => (reshare.channel_step(), None),
            };
            while let Some(earlier) = units.and_then(|units| window.before(units)) {
                receive(channel, &self.session, &mut depot, earlier)?;
            }
            channel.enter(Phase::Offline, step.number());
            let chosen = match offer {
                Offer::Activation(offer) => {
                    let chosen = offer.choose(channel, &mut self.session, &values, (rng, &mut depot))?;
                    Chosen::Activation(Box::new(chosen))
                }
                Offer::Product(offer) => {
                    Chosen::Product(offer.choose(channel, &mut self.session, &values)?)
                }
                Offer::Reshare(reshare) => {
                    reshare.client(channel, &values)?;
                    continue;
                }
            };
            window.chosen(units.unwrap_or_default(), chosen);
        }
        while let Some(chosen) = window.next() {
            receive(channel, &self.session, &mut depot, chosen)?;
        }
        // Where no layer has material to wait for, the last of it is still held.
        channel.flush()?;
        Ok(ClientReady { plan, first_layer, seed, values, layers })
    }
}

/// What the client answers once it has all of the server's answers.
enum Offer<'p> {
    Activation(activation::ClientOffer<'p>),
    Product(product::ClientOffer<'p>),
    Reshare(&'p Reshare),
}

/// What it has chosen, and waits for the server's material.
enum Chosen<'p> {
    Activation(Box<activation::ClientChosen<'p>>),
    Product(product::ClientChosen<'p>),
}

impl Ready<'_> {
    fn online(self, channel: &mut Channel, values: &ClientValues) -> Result<(), Error> {
        match self {
            Self::Activation(layer) => layer.online(channel, values),
            Self::Product(product) => product.online(channel, values),
        }
    }

    fn stored_bytes(&self) -> usize {
        match self {
            Self::Activation(layer) => layer.stored_bytes(),
            Self::Product(product) => product.stored_bytes(),
        }
    }

    fn save(&self, to: &mut Saving<'_>) -> Result<(), Error> {
        match self {
            Self::Activation(layer) => layer.save(to),
            Self::Product(product) => product.save(to),
        }
    }
}

/// The masks of the image and of every value that a segment can read.
fn masked(plan: &PreparedPlan, seed: &MaskSeed) -> ClientValues {
    let mut values = ClientValues::default();
    let mask = |value, units| seed.client_mask(plan.ring, value, units);
    values.insert_mask(ValueId::IMAGE, mask(ValueId::IMAGE, plan.input.size()));
    for step in &plan.prepared {
        match step {
            Step::Linear(_) => {}
            Step::Activation(_) | Step::Product(_) | Step::Reshare(_) => {
                values.insert_mask(step.output(), mask(step.output(), step.units()));
            }
        }
    }
    values
}

impl<'p> ClientReady<'p> {
    /// Writes it down, to be used later, by this process or another. It is gone from memory, since an item is used once.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub fn save(self, to: &mut dyn Write) -> Result<(), Error> {
        let mut to = Saving::to(to);
        to.bytes(&self.first_layer.number().to_le_bytes())?;
        to.bytes(&self.seed.reveal())?;
        to.values(self.values.share(ValueId::IMAGE).elements())?;
        for step in &self.plan.prepared {
            to.values(self.values.share(step.output()).elements())?;
        }
        self.layers.iter().try_for_each(|layer| layer.save(&mut to))?;
        to.end()
    }

    /// Reads what [`ClientReady::save`] wrote for this plan. Whoever reads it has to see to it that nobody does again.
    ///
    /// # Errors
    /// [`Error::Store`] where it ends early; [`Error::Config`] where it is not such an item.
    pub fn load(plan: &'p PreparedPlan, from: &mut dyn Read) -> Result<Self, Error> {
        let mut from = Loading::from(from);
        let first_layer = from.first_layer(plan.prepared.len())?;
        let seed = MaskSeed::from_bytes(from.array()?);
        let mut values = ClientValues::default();
        values.insert_mask(ValueId::IMAGE, ClientMask::new(from.values(plan.input.size())?));
        for step in &plan.prepared {
            let elements = from.values(step.units())?;
            match step {
                Step::Linear(_) => values.insert_share(step.output(), ClientShare::new(elements)),
                Step::Activation(_) | Step::Product(_) | Step::Reshare(_) => {
                    values.insert_mask(step.output(), ClientMask::new(elements));
                }
            }
        }
        let mut layers = Vec::new();
        for step in &plan.prepared {
            layers.push(match step {
                Step::Activation(layer) => {
                    Ready::Activation(Box::new(activation::ClientReady::load(layer, first_layer, &mut from)?))
                }
                Step::Product(product) => Ready::Product(product::ClientReady::load(product, &mut from)?),
                Step::Linear(_) | Step::Reshare(_) => continue,
            });
        }
        from.end()?;
        Ok(Self { plan, first_layer, seed, values, layers })
    }

    /// Bytes that the preprocessed inference occupies: in the store, and the shares of every value in memory.
    pub fn stored_bytes(&self) -> usize {
        let layers: usize = self.layers.iter().map(Ready::stored_bytes).sum();
        layers + self.values.bytes()
    }

    /// Classifies `image`, a normalised image of the plan's input shape.
    pub fn online(self, channel: &mut Channel, image: &[f32]) -> Result<ClientOutput, Error> {
        let Self { plan, first_layer: _, seed, values, layers } = self;
        if image.len() != plan.input.size() {
            let (expected, found) = (format!("{} values", plan.input.size()), image.len().to_string());
            return Err(Error::config("input", "image", expected, found));
        }
        channel.enter(Phase::Online, ChannelStep::INPUT.number());
        input::client(channel, plan, &plan.quantise_image(image), values.mask(ValueId::IMAGE))?;
        let mut layers = layers.into_iter();
        for step in &plan.prepared {
            channel.enter(Phase::Online, step.channel_step().number());
            match step {
                Step::Linear(_) | Step::Reshare(_) => {} // The server's alone.
                Step::Activation(_) | Step::Product(_) => {
                    layers.next().expect("one for each such step").online(channel, &values)?;
                }
            }
        }
        channel.enter(Phase::Online, plan.output_step().number());
        let logits = output::client(channel, plan, values.share(plan.logits()))?;
        Ok(ClientOutput { logits, seed })
    }
}
